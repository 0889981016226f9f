"""estimators (1)-(10): each data set by itself, against full matrices and loops.

A data set has two forms: counts of all trajectories, or N sampled episodes. Here it mostly has the
second form, in every order, so that the two forms are tested against each other.
"""

import itertools
import pickle

import estimators_by_hand as by_hand
import numpy as np
import problems
import pytest
from comparing import softmax

from metarl_min.basics import expectations, trees
from metarl_min.gradients import estimators, meta_gradients, objectives
from metarl_min.gradients.enumeration import Data
from metarl_min.gradients.estimators import ESTIMATORS, WEIGHTS, InnerStep
from metarl_min.gradients.meta_gradients import Problem
from metarl_min.mdps import policies
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks.bandits import bandit_mdps

BANDIT = problems.TWO_ARMS
THREE_ARMS = bandit_mdps(np.array([[0.2, 0.9, -0.6]]))
SLIP = MDP(  # the rewards of a step do not depend on its arrival
    np.array([[1.0, 0.0]]),
    problems.SLIP[None],
    np.array([[[[1.0], [-0.5]], [[0.3], [2.0]]]]),
)
TRAP = MDP(  # state 1 is absorbing
    np.array([[1.0, 0.0]]),
    problems.TRAP[None],
    np.array([[[[1.0, 2.0], [-0.5, 0.4]], [[0.0, 0.0], [0.0, 0.0]]]]),
)
ALPHA = 0.7
NETWORK = policies.mlp(2)
PROBLEMS = {  # task, horizon, policy, episodes and number of inner steps
    "bandit": (BANDIT, 1, policies.tabular, 2, 1),
    "bandit, two steps": (THREE_ARMS, 1, policies.tabular, 1, 2),
    "bandit, three steps": (BANDIT, 1, policies.tabular, 1, 3),
    "slip": (SLIP, 2, policies.tabular, 2, 1),
    "slip, one episode of three steps": (SLIP, 3, policies.tabular, 1, 1),
    "slip, two steps": (SLIP, 2, policies.tabular, 1, 2),
    "trap": (TRAP, 3, policies.tabular, 1, 1),
    "trap, two steps": (TRAP, 2, policies.tabular, 1, 2),
    "slip, network": (SLIP, 2, NETWORK, 1, 1),
    "bandit, network, two steps": (THREE_ARMS, 1, NETWORK, 1, 2),
}
every_problem = pytest.mark.parametrize("name", PROBLEMS)
baselines = pytest.mark.parametrize("baseline", [0.0, 0.4, "mean"])


def start(policy, task, seed=5):
    rng = np.random.default_rng(seed)
    theta = policy.init(rng, *task.shape)
    return trees.map_leaves(lambda x: 0.6 * rng.standard_normal(x.shape), theta)


def inner_step_of(policy, baseline, gamma=1.0):
    return InnerStep(policy=policy, alpha=ALPHA, baseline=baseline, gamma=gamma)


def problem_of(inner, theta, task, horizon, N, K):
    return Problem(
        inner=inner, theta=theta, task=task, horizon=horizon, num_episodes=N, num_steps=K
    )


def estimates(estimator, problem):
    """The estimates on every enumerated data set [M, D], and the probabilities [M]."""
    inputs, p = meta_gradients.enumerated_inputs(problem)
    return rows(estimator(*inputs)), p


def sampled(stages_of_sets):
    """K `Data` of M data sets, N sampled episodes each, from lists of stages of episodes."""
    data = []
    for stage in zip(*stages_of_sets, strict=True):
        steps = np.array([[e.steps for e in one] for one in stage])  # [M, N, T, 4]
        s, a, r, alive = np.moveaxis(steps, -1, 0)
        episodes = Episodes(s.astype(int), a.astype(int), r, alive.astype(bool))
        data.append(Data(episodes=episodes, counts=np.ones(s.shape[:2])))
    return data


def adapted(inner, theta, data, M):
    path = [trees.broadcast_to_tasks(theta, M)]
    for D in data:
        weights = estimators.plain_weights
        path.append(estimators.inner_step(inner, path[-1], path[-1], D, weights))
    return path


class Case:
    """Every ordered data set of a problem, as the package and as the loops see it."""

    def __init__(self, name, baseline, gamma):
        self.task, self.horizon, policy, self.N, self.K = PROBLEMS[name]
        self.inner, self.theta = inner_step_of(policy, baseline, gamma), start(policy, self.task)
        kinds = by_hand.episodes(self.task, self.horizon)
        self.rule = by_hand.Rule(ALPHA, baseline, gamma)
        pairs = list(by_hand.all_data(self.theta, kinds, self.N, self.K, self.rule))
        self.stages, p = zip(*pairs, strict=True)
        self.p, self.J = np.array(p), by_hand.outer(self.task, self.horizon)
        self.data = sampled(self.stages)
        self.path = adapted(self.inner, self.theta, self.data, len(p))
        exact = objectives.expected_return_objective(self.task, self.horizon)
        logits = policy.logits(self.path[-1])
        self.R, self.v = exact.value(logits), policy.pullback(self.path[-1], exact.gradient(logits))

    def estimates(self, estimator, **options):
        return rows(estimator(self.inner, self.path, self.data, self.v, self.R, **options))

    def estimates_by_hand(self, kind, c=0.0):
        rest = self.rule, self.J, c
        return np.array([by_hand.estimate(kind, self.theta, x, *rest) for x in self.stages])


CASES = {}


def case(name, baseline=0.0, gamma=1.0):
    key = name, baseline, gamma
    if key not in CASES:
        CASES[key] = Case(*key)
    return CASES[key]


def rows(tree):
    """Leaves [M, ...] -> [M, D], in the order of their names."""
    return np.concatenate([tree[name].reshape(len(tree[name]), -1) for name in sorted(tree)], -1)


def close(x, y, tolerance=1e-11):
    assert np.shape(x) == np.shape(y) and np.abs(y).max() > 0
    return np.abs(x - y).max() <= tolerance * np.abs(y).max()


def differ(x, y, least=1e-4):
    return np.abs(np.asarray(x) - y).max() >= least


# ---- each formula, data set by data set ----


@every_problem
@baselines
@pytest.mark.verifies("estimators.1")
def test_eq1_the_inner_step_is_the_mean_over_episodes_of_scores_times_advantages(name, baseline):
    x = case(name, baseline)
    truth = [by_hand.path(x.theta, stages, x.rule) for stages in x.stages]
    for k in range(x.K + 1):
        expected = np.array([by_hand.flat(path[k]) for path in truth])
        assert close(rows(x.path[k]), expected, 1e-13)


@every_problem
@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.verifies("estimators.1")
def test_eq1_all_weights_make_the_same_step(name, weights):
    x = case(name, 0.4)
    first = x.path[0]
    step = estimators.inner_step(x.inner, first, first, x.data[0], weights)
    assert close(rows(step), rows(x.path[1]), 1e-13)


@every_problem
@baselines
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("plain", marks=pytest.mark.verifies("estimators.4")),
        pytest.param("lvc", marks=pytest.mark.verifies("estimators.5")),
        pytest.param("dice", marks=pytest.mark.verifies("estimators.6")),
        pytest.param("loaded_dice", marks=pytest.mark.verifies("estimators.7")),
        pytest.param("linearised_score", marks=pytest.mark.verifies("estimators.8")),
        pytest.param("emaml", marks=pytest.mark.verifies("estimators.9")),
        pytest.param("fomaml", marks=pytest.mark.verifies("estimators.10")),
    ],
)
@pytest.mark.verifies(
    "estimators.3",
    "estimators.4",
    "estimators.5",
    "estimators.6",
    "estimators.7",
    "estimators.8",
    "estimators.9",
    "estimators.10",
)
def test_eqs3_to_10_every_estimator_is_its_product_of_jacobians(name, baseline, kind):
    x = case(name, baseline)
    assert close(x.estimates(ESTIMATORS[kind]), x.estimates_by_hand(kind))


@pytest.mark.parametrize("name", ["slip", "slip, one episode of three steps", "trap, two steps"])
@pytest.mark.parametrize("baseline", [0.4, "mean"])
@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.verifies("estimators.6", "estimators.7")
def test_a_discount_weighs_every_later_reward_and_its_ratios(name, baseline, kind):
    x = case(name, baseline, 0.8)
    g = x.estimates(ESTIMATORS[kind])
    assert close(g, x.estimates_by_hand(kind))
    undiscounted = case(name, baseline).estimates(ESTIMATORS[kind])
    assert baseline == "mean" or differ(g, undiscounted, 0.01)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_each_parameter_may_have_a_step_size_of_its_own(kind):
    x = case("slip, two steps")
    sizes = np.array([[0.7, 0.1], [-0.3, 1.2]])
    inner = x.inner._replace(alpha={"logits": sizes})
    path = adapted(inner, x.theta, x.data, len(x.p))
    v = trees.map_leaves(np.cos, path[-1])
    J = by_hand.Outer(
        lambda phi: 0.5,
        lambda phi: np.cos(by_hand.flat(phi)),
        None,
    )
    rule = by_hand.Rule(sizes.ravel(), 0.0)
    truth = [by_hand.estimate(kind, x.theta, stages, rule, J) for stages in x.stages]
    g = rows(ESTIMATORS[kind](inner, path, x.data, v, np.full(len(x.p), 0.5)))
    assert close(g, np.array(truth))


@pytest.mark.verifies("estimators.3", "estimators.9")
def test_eq9_the_control_variate_is_taken_from_the_return():
    x = case("slip, two steps")
    assert close(x.estimates(estimators.emaml, c=0.25), x.estimates_by_hand("emaml", 0.25))
    assert differ(x.estimates(estimators.emaml, c=0.25), x.estimates(estimators.emaml), 0.1)


@pytest.mark.verifies("estimators.9")
def test_eq9_the_control_variate_may_be_one_number_for_each_data_set():
    x = case("bandit")
    c = np.linspace(-1, 1, len(x.p))
    one_by_one = [x.estimates(estimators.emaml, c=float(c[m]))[m] for m in range(len(c))]
    assert close(x.estimates(estimators.emaml, c=c), np.array(one_by_one), 1e-13)


@pytest.mark.verifies("estimators.10")
def test_eq10_first_order_is_the_outer_gradient_itself():
    x = case("slip")
    assert estimators.fomaml(x.inner, x.path, x.data, x.v, x.R) is x.v


def test_the_table_names_the_functions_of_the_module_and_their_objectives():
    assert all(ESTIMATORS[name] is getattr(estimators, name) for name in ESTIMATORS)
    assert list(ESTIMATORS)[:2] == ["plain", "emaml"] and len(ESTIMATORS) == 7
    assert estimators.MEANT_FOR == {
        "emaml": "F_N",
        "dice": "F_inf",
        "loaded_dice": "F_inf",
        "lvc": "F_inf",
        "linearised_score": "F_N",
    }


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_every_estimator_pickles(kind):
    x = case("bandit")
    again = pickle.loads(pickle.dumps(ESTIMATORS[kind]))
    assert np.array_equal(x.estimates(again), x.estimates(ESTIMATORS[kind]))


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_without_inner_steps_every_estimator_is_the_outer_gradient(kind):
    theta = trees.broadcast_to_tasks(start(policies.tabular, SLIP), 3)
    v = trees.map_leaves(lambda x: np.arange(x.size, dtype=float).reshape(x.shape), theta)
    g = ESTIMATORS[kind](inner_step_of(policies.tabular, 0.0), [theta], [], v, np.ones(3))
    assert g["logits"].tolist() == v["logits"].tolist()


# ---- counts and copies ----


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("name", ["bandit", "slip", "slip, two steps", "trap", "slip, network"])
@baselines
def test_counts_and_copies_have_the_same_moments(name, baseline, kind):
    x = case(name, baseline)
    problem = problem_of(x.inner, x.theta, x.task, x.horizon, x.N, x.K)
    mean, covariance = expectations.moments(*estimates(ESTIMATORS[kind], problem))
    copies = x.estimates(ESTIMATORS[kind])
    truth = sum(p * g for p, g in zip(x.p, copies, strict=True))
    second = sum(p * np.outer(g, g) for p, g in zip(x.p, copies, strict=True))
    assert close(mean, truth, 1e-13)
    assert np.abs(covariance - (second - np.outer(truth, truth))).max() < 1e-13


@pytest.mark.parametrize("kind", ESTIMATORS)
@baselines
def test_the_order_of_episodes_does_not_matter(kind, baseline):
    kinds = by_hand.episodes(SLIP, 2)[2:5]
    orders = [(list(order),) for order in itertools.permutations(kinds)]
    inner, theta = inner_step_of(policies.tabular, baseline), start(policies.tabular, SLIP)
    data = sampled(orders)
    path = adapted(inner, theta, data, len(orders))
    v = trees.map_leaves(np.cos, path[-1])
    g = rows(ESTIMATORS[kind](inner, path, data, v, np.full(len(orders), 0.8)))
    assert close(g, np.broadcast_to(g[0], g.shape), 1e-13)


def test_episodes_with_the_count_zero_change_nothing():
    theta = trees.broadcast_to_tasks(start(policies.tabular, SLIP), 1)
    kinds, drawn = by_hand.episodes(SLIP, 2), [1, 4, 4]
    inner = inner_step_of(policies.tabular, "mean")
    (copies,) = sampled([([kinds[u] for u in drawn],)])
    (listed,) = sampled([(kinds,)])
    counted = listed._replace(counts=np.bincount(drawn, minlength=len(kinds))[None])
    for D in (copies, counted):
        b = estimators.baseline_per_step(inner, D)
        W = np.array(by_hand.returns_to_go([kinds[u] for u in drawn]))
        assert b == pytest.approx(W.mean(0)[None, None], abs=1e-15)
        assert estimators.episode_weights(D).sum() == pytest.approx(1.0, abs=1e-15)
    weights = estimators.dice_weights
    steps = [estimators.inner_step(inner, theta, theta, D, weights) for D in (copies, counted)]
    assert close(steps[0]["logits"], steps[1]["logits"], 1e-14)


# ---- Hessians ----


@pytest.mark.parametrize("name", WEIGHTS)
def test_where_the_ratios_are_one_every_weight_is_the_advantage_undiscounted_by_default(name):
    rewards, b = np.array([[[1.0, -2.0, 4.0], [0.5, 0.0, 8.0]]]), np.array([[[0.5, 1.0, 2.0]]])
    undiscounted = np.array([[[3.0, 2.0, 4.0], [8.5, 8.0, 8.0]]]) - b
    halved = np.array([[[1.0, 0.0, 4.0], [2.5, 4.0, 8.0]]]) - b
    weights, log_ratio = WEIGHTS[name], np.zeros(rewards.shape)
    np.testing.assert_allclose(weights(log_ratio, rewards, b), undiscounted, atol=1e-14)
    np.testing.assert_allclose(weights(log_ratio, rewards, b, 0.5), halved, atol=1e-14)


def hessians(inner, path, data, weights):
    """((dphi_1/dtheta)^T e - e)/alpha for each unit vector e: taken for Hess J. [M, D, D]"""
    first, D = [path[0], path[1]], rows(path[0]).shape[1]
    columns = []
    for e in np.eye(D):
        v = trees.map_leaves(
            lambda x, y: x + np.zeros(y.shape), by_hand.like(one(path[0]), e), path[0]
        )
        g = rows(estimators.through_inner_steps(inner, first, data[:1], v, weights))
        columns.append((g - e) / inner.alpha)
    return np.stack(columns, axis=-1)


def one(tree):
    return trees.map_leaves(lambda x: x[0], tree)


def expected_hessian(kind, task, horizon, policy, N, baseline, theta=None):
    """Enumerated, and the exact one."""
    theta = start(policy, task) if theta is None else theta
    inner = inner_step_of(policy, baseline)
    problem = problem_of(inner, theta, task, horizon, N, 1)
    sets = meta_gradients.enumerate_data(problem)
    path, log_p = meta_gradients.adapt(problem, theta, sets)
    H = hessians(inner, path, sets.data, WEIGHTS[kind])
    exact = by_hand.outer(task, horizon).hessian(theta)
    return np.einsum("m,mij->ij", np.exp(log_p), H), exact


SETTINGS = {
    "bandit": (THREE_ARMS, 1, policies.tabular),
    "slip, two steps": (SLIP, 2, policies.tabular),
    "slip, three steps": (SLIP, 3, policies.tabular),
    "trap, three steps": (TRAP, 3, policies.tabular),
    "slip, network": (SLIP, 2, NETWORK),
}
LONG = [name for name in SETTINGS if name != "bandit"]


@pytest.mark.parametrize("kind", ["dice", "loaded_dice", "linearised_score"])
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize(("N", "baseline"), [(1, 0.0), (1, 0.7), (2, -0.4)])
@pytest.mark.verifies("estimators.6", "estimators.7", "estimators.8")
def test_the_expected_hessian_is_exact(kind, setting, N, baseline):
    mean_hessian, exact = expected_hessian(kind, *SETTINGS[setting], N, baseline)
    assert np.abs(exact).max() > 0.01
    assert np.abs(mean_hessian - exact).max() < 1e-12


@pytest.mark.parametrize("setting", LONG)
@pytest.mark.verifies("estimators.5")
def test_eq5_the_expected_hessian_of_lvc_is_not_exact_where_steps_follow_each_other(setting):
    mean_hessian, exact = expected_hessian("lvc", *SETTINGS[setting], 1, 0.0)
    assert differ(mean_hessian, exact, 0.01)


@pytest.mark.parametrize("setting", LONG)
@pytest.mark.parametrize("kind", ["dice", "loaded_dice"])
def test_a_batch_mean_baseline_makes_the_expected_hessian_wrong(setting, kind):
    mean_hessian, exact = expected_hessian(kind, *SETTINGS[setting], 2, "mean")
    assert differ(mean_hessian, exact, 0.01)


@pytest.mark.parametrize("kind", ["lvc", "loaded_dice", "linearised_score"])
@pytest.mark.parametrize("name", ["bandit", "bandit, two steps", "bandit, network, two steps"])
@baselines
@pytest.mark.verifies("estimators.5")
def test_at_horizon_one_all_ratio_weights_are_dice_sample_by_sample(kind, name, baseline):
    x = case(name, baseline)
    dice = x.estimates(estimators.dice)
    assert close(x.estimates(ESTIMATORS[kind]), dice, 1e-13)
    assert baseline == "mean" or differ(dice, x.estimates(estimators.plain), 0.01)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("baseline", [0.0, 0.7])
@pytest.mark.verifies("estimators.4")
def test_eq4_plain_misses_exactly_the_outer_product_of_scores_and_gradients(setting, baseline):
    task, horizon, policy = SETTINGS[setting]
    theta, N = start(policy, task), 2 if len(by_hand.episodes(task, horizon)) < 20 else 1
    mean_hessian, exact = expected_hessian("plain", task, horizon, policy, N, baseline)
    missing = 0.0
    for stage in by_hand.every_stage(by_hand.episodes(task, horizon), N):
        p = by_hand.probability(theta, stage)
        for episode in stage:
            g = by_hand.inner_gradient(theta, [episode], by_hand.Rule(ALPHA, baseline))
            missing = missing + p * np.outer(by_hand.sum_of_scores(theta, [episode]), g) / N
    assert np.abs(missing).max() > 0.05
    assert np.abs(mean_hessian + missing - exact).max() < 1e-12


@pytest.mark.verifies("estimators.6")
def test_eq6_the_hessian_of_dice_is_that_of_foerster_written_out():
    """1/N sum_i sum_l r_l (S_l S_l^T + sum_{t<=l} Hess log pi), S_l the sum of scores up to l."""
    theta = start(policies.tabular, SLIP)
    inner, kinds = inner_step_of(policies.tabular, 0.0), by_hand.episodes(SLIP, 3)
    stages = [([kinds[i], kinds[j]],) for i, j in [(0, 5), (17, 40), (63, 63)]]
    data = sampled(stages)
    H = hessians(inner, adapted(inner, theta, data, 3), data, estimators.dice_weights)
    score, curvature = by_hand.scores(theta).real, by_hand.curvatures(theta)
    for (stage,), estimate in zip(stages, H, strict=True):
        truth = np.zeros((4, 4))
        for steps, _ in stage:
            S, C = np.zeros(4), np.zeros((4, 4))
            for s, a, r, _ in steps:
                S, C = S + score[s, a], C + curvature[s, a]
                truth += r * (np.outer(S, S) + C) / 2
        assert close(estimate, truth, 1e-13)


def test_loaded_dice_varies_less_than_dice_with_a_good_baseline():
    """Every step pays about 1 and half of the episode is left on average: 1.5 of 2."""
    steady = SLIP._replace(reward=1.0 + 0.1 * SLIP.reward)
    theta = start(policies.tabular, SLIP)
    problem = problem_of(inner_step_of(policies.tabular, 1.5), theta, steady, 2, 2, 1)
    sets = meta_gradients.enumerate_data(problem)
    path, log_p = meta_gradients.adapt(problem, theta, sets)
    p, spread = np.exp(log_p), {}
    for kind in ("dice", "loaded_dice"):
        H = hessians(problem.inner, path, sets.data, WEIGHTS[kind])
        mean = np.einsum("m,mij->ij", p, H)
        spread[kind] = float(np.einsum("m,mij->", p, (H - mean) ** 2))
    assert 0 < spread["loaded_dice"] < 0.5 * spread["dice"]
    measured = {
        kind: np.trace(expectations.moments(*estimates(f, problem))[1])
        for kind, f in (("dice", estimators.dice), ("loaded_dice", estimators.loaded_dice))
    }
    assert 0 < measured["loaded_dice"] < 0.9 * measured["dice"]


# ---- consequence 1: the curvature of a softmax table does not depend on the action ----


def fisher(theta):
    """The Fisher matrix of the only state of a bandit."""
    p = softmax(theta["logits"][0])
    return np.diag(p) - np.outer(p, p)


@pytest.mark.parametrize("baseline", [0.0, 0.4])
@pytest.mark.verifies("estimators.4")
def test_consequence1_the_plain_hessian_of_a_bandit_is_minus_the_mean_advantage_times_fisher(
    baseline,
):
    theta, kinds = start(policies.tabular, THREE_ARMS), by_hand.episodes(THREE_ARMS, 1)
    inner, stages = inner_step_of(policies.tabular, baseline), by_hand.every_stage(kinds, 3)
    data = sampled([(stage,) for stage in stages])
    H = hessians(inner, adapted(inner, theta, data, len(stages)), data, estimators.plain_weights)
    for stage, estimate in zip(stages, H, strict=True):
        mean = np.mean([r for episode in stage for _, _, r, _ in episode.steps])
        assert np.abs(estimate + (mean - baseline) * fisher(theta)).max() < 1e-14


@pytest.mark.parametrize(("N", "K"), [(1, 1), (2, 1), (3, 1), (8, 1), (2, 2), (3, 2)])
def test_consequence1_with_a_batch_mean_plain_is_first_order_sample_by_sample(N, K):
    theta = start(policies.tabular, THREE_ARMS)
    inner = inner_step_of(policies.tabular, "mean")
    problem = problem_of(inner, theta, THREE_ARMS, 1, N, K)
    plain, _ = estimates(estimators.plain, problem)
    fomaml, _ = estimates(estimators.fomaml, problem)
    dice, _ = estimates(estimators.dice, problem)
    assert np.abs(plain - fomaml).max() < 1e-15
    assert N == 1 or differ(dice, fomaml, 0.01)


def test_consequence1_without_a_baseline_a_constant_reward_moves_plain_but_not_the_truth():
    theta, second_order, exact = start(policies.tabular, BANDIT), [], []
    for constant in (0.0, 1.0):
        task = BANDIT._replace(reward=BANDIT.reward + constant)
        inner = inner_step_of(policies.tabular, 0.0)
        problem = problem_of(inner, theta, task, 1, 2, 1)
        plain, p = estimates(estimators.plain, problem)
        fomaml, _ = estimates(estimators.fomaml, problem)
        second_order.append(p @ (plain - fomaml))
        exact.append(meta_gradients.exact_gradients(problem).grad_F_inf["logits"])
    assert differ(second_order[0], second_order[1], 0.02)
    assert np.abs(exact[0] - exact[1]).max() < 1e-15


# ---- consequence 4 ----


@every_problem
def test_consequence4_with_a_batch_mean_of_one_episode_nothing_adapts(name):
    task, horizon, policy, _, _ = PROBLEMS[name]
    theta, kinds = start(policy, task), by_hand.episodes(task, horizon)
    data = sampled([([episode],) for episode in kinds])
    for baseline, moves in (("mean", False), (0.0, True)):
        before, after = adapted(inner_step_of(policy, baseline), theta, data, len(kinds))
        assert (
            differ(rows(after), rows(before), 0.01)
            if moves
            else (rows(after) == rows(before)).all()
        )


def test_consequence4_then_the_return_after_adaptation_is_the_return_of_the_start():
    theta = start(policies.tabular, SLIP)
    problem = problem_of(inner_step_of(policies.tabular, "mean"), theta, SLIP, 2, 1, 2)
    exact, J = meta_gradients.exact_gradients(problem), by_hand.outer(SLIP, 2)
    assert pytest.approx(J.value(theta), abs=1e-14) == exact.F_N
    assert close(exact.grad_F_N["logits"].ravel(), J.gradient(theta))
    assert differ(exact.F_inf, exact.F_N, 0.01)


# ---- the reference policy and the trace ----


@pytest.mark.parametrize("kind", WEIGHTS)
def test_the_ratios_are_one_at_the_reference_and_move_away_from_it(kind):
    x = case("slip", 0.4)
    first = x.path[0]
    moved = trees.map_leaves(
        lambda leaf: leaf + 0.3 * np.sin(np.arange(leaf.size)).reshape(leaf.shape), first
    )
    steps = [
        estimators.inner_step(x.inner, moved, reference, x.data[0], WEIGHTS[kind])
        for reference in (first, moved)
    ]
    same = np.array_equal(rows(steps[0]), rows(steps[1]))
    assert same == (kind == "plain")


def test_log_probability_is_that_of_the_actions_of_living_steps():
    x = case("trap")
    log_p = estimators.log_probability(x.inner, x.path[0], x.data[0])
    probs = softmax(x.theta["logits"])
    truth = [
        sum(np.log(probs[s, a]) for e in stage for s, a, _, alive in e.steps if alive)
        for (stage,) in x.stages
    ]
    assert log_p == pytest.approx(truth, abs=1e-14)


@pytest.mark.parametrize("gamma", [0.0, 0.01, 0.5])
@pytest.mark.parametrize("weights", [estimators.dice_weights, estimators.loaded_dice_weights])
def test_eq6_and_7_are_eq4_at_the_reference_however_small_the_discount_and_long_the_episode(
    weights, gamma
):
    rewards, log_ratio = np.random.default_rng(0).normal(size=(2, 1, 1, 1200))
    b = np.full((1, 1, 1), 0.3)
    w = weights(0.0 * log_ratio, rewards, b, gamma)
    assert np.allclose(w, estimators.plain_weights(log_ratio, rewards, b, gamma), atol=1e-12)
