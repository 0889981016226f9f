"""exact_objectives, meta_gradients: which estimator is right for which objective, exactly.

The tests assert every yes and no of the table of estimators, the worked example, consequences 2, 3
and 5, and the expansions in alpha. Inequalities are asserted at 1e-4 on two problems: the worked
example, and an MDP that was chosen among random ones because no gap on it is below 9e-3.
"""

import functools

import adaptation_by_hand as exact_by_hand
import estimators_by_hand as by_hand
import numpy as np
import problems
import pytest
import wrong_estimators
from comparing import softmax

from metarl_min.basics import expectations, trees
from metarl_min.gradients import estimators, meta_gradients
from metarl_min.gradients.estimator_weights import WEIGHTS
from metarl_min.gradients.estimators import ESTIMATORS, InnerStep
from metarl_min.gradients.meta_gradients import (
    Errors,
    ExactGradients,
    Moments,
    Problem,
)
from metarl_min.mdps import networks, policies
from metarl_min.mdps.mdp import MDP
from metarl_min.tasks.bandits import bandit_mdps

ARMS, THETA, ALPHA = np.array([0.2, 0.9]), np.array([0.3, -0.2]), 0.7
BANDIT = problems.TWO_ARMS
TWO_STATES = MDP(  # a fixed start, and rewards that do not depend on the arrival
    np.array([[1.0, 0.0]]),
    np.array([[[[0.3, 0.7], [0.4, 0.6]], [[0.3, 0.7], [0.8, 0.2]]]]),
    np.array([[[[0.4], [1.4]], [[-0.2], [-1.2]]]]),
)
TRAP = MDP(  # state 1 is absorbing
    np.array([[1.0, 0.0]]),
    problems.TRAP[None],
    np.array([[[[1.0, 2.0], [-0.5, 0.4]], [[0.0, 0.0], [0.0, 0.0]]]]),
)
THREE_ARMS = bandit_mdps(np.array([[2.0, 1.0, -1.0]]))
TASKS = {
    "bandit": (BANDIT, 1, {"logits": THETA[None]}),
    "two states": (TWO_STATES, 2, {"logits": np.array([[0.5, 0.2], [-0.4, 0.2]])}),
    "trap": (TRAP, 2, {"logits": np.array([[0.3, -0.2], [0.1, 0.5]])}),
    "three arms": (THREE_ARMS, 1, {"logits": np.array([[0.3, -0.2, 0.5]])}),
}


def problem(task, N, K, alpha=ALPHA, baseline=0.0):
    mdp, horizon, theta = TASKS[task]
    if alpha < 0:  # a difference in alpha steps to both sides; only a tree may be negative
        alpha = trees.map_leaves(lambda x: np.full(x.shape, alpha), theta)
    return Problem(
        inner=InnerStep(policy=policies.tabular, alpha=alpha, baseline=baseline),
        theta=theta,
        task=mdp,
        horizon=horizon,
        num_episodes=N,
        num_steps=K,
    )


def estimates(estimator, on):
    """The estimates on every data set [M, D], and the probabilities [M]."""
    inputs, p = meta_gradients.enumerated_inputs(on)
    return trees.flatten_tasks(estimator(*inputs)), p


def with_constant(inner, path, data, v, R):
    return estimators.emaml(inner, path, data, v, R, c=0.37)


ALL = {
    **ESTIMATORS,
    "averaged score": wrong_estimators.averaged_score,
    "score times alpha": wrong_estimators.score_times_alpha,
    "dice with score": wrong_estimators.dice_with_score,
    "scores without jacobians": wrong_estimators.scores_without_jacobians,
    "only first score": wrong_estimators.only_first_score,
    "transposed": wrong_estimators.transposed_plus_score,
    "emaml, c constant": with_constant,
}


def centred(task):
    """The control variate c = J(theta), worked out by hand."""
    mdp, horizon, theta = TASKS[task]
    return functools.partial(estimators.emaml, c=float(by_hand.outer(mdp, horizon).value(theta)))


@functools.cache
def moments(task, name, N, K, alpha=ALPHA, baseline=0.0):
    """Mean and covariance of an estimator."""
    estimator = centred(task) if name == "emaml, c = J(theta)" else ALL[name]
    return expectations.moments(*estimates(estimator, problem(task, N, K, alpha, baseline)))


def mean(*settings):
    return moments(*settings)[0]


@functools.cache
def truth(task, N, K, alpha=ALPHA, baseline=0.0):
    return meta_gradients.exact_gradients(problem(task, N, K, alpha, baseline))


def flat(tree):
    return by_hand.flat(tree)


def gap(x, y):
    return np.abs(x - y).max()


# ---- the truth, against loops and complex steps ----

NETWORK = networks.mlp(2)
ORACLES = [  # task, policy, N, K, baseline, gamma
    *[("bandit", policies.tabular, N, K, 0.0, 1.0) for N in (1, 2, 3) for K in (0, 1, 2)],
    *[
        ("two states", policies.tabular, N, K, 0.3, 1.0)
        for N, K in [(2, 0), (1, 1), (2, 1), (1, 2)]
    ],
    ("two states", policies.tabular, 2, 1, "mean", 1.0),
    ("two states", policies.tabular, 2, 1, 0.3, 0.8),
    ("three arms", policies.tabular, 2, 2, "mean", 1.0),
    ("trap", policies.tabular, 1, 2, 0.3, 1.0),
    ("two states", NETWORK, 1, 0, 0.3, 1.0),
    ("two states", NETWORK, 1, 1, 0.3, 1.0),
    ("two states", NETWORK, 2, 1, "mean", 1.0),
    ("two states", NETWORK, 1, 2, 0.0, 1.0),
    ("three arms", NETWORK, 2, 2, 0.0, 1.0),
]


def oracle_case(task, policy, N, K, baseline, gamma):
    one = problem(task, N, K, ALPHA, baseline)
    theta = one.theta
    if policy is not policies.tabular:
        rng = np.random.default_rng(2)
        theta = policy.init(rng, *one.task.shape)
        theta = trees.map_leaves(lambda x: 0.7 * rng.standard_normal(x.shape), theta)
    inner = one.inner._replace(policy=policy, gamma=gamma)
    return one._replace(inner=inner, theta=theta), by_hand.Rule(ALPHA, baseline, gamma)


@pytest.mark.parametrize("setting", ORACLES)
@pytest.mark.verifies("exact_objectives.1", "estimators.2")
def test_eq1_F_N_and_its_gradient_are_a_sum_over_ordered_data(setting):
    one, rule = oracle_case(*setting)
    kinds, J = by_hand.episodes(one.task, one.horizon), by_hand.outer(one.task, one.horizon)
    rest = kinds, one.num_episodes, one.num_steps, rule, J

    def F_N(theta):
        return by_hand.adapted_return(theta, *rest)

    exact = meta_gradients.exact_gradients(one)
    gradient = exact_by_hand.complex_step(F_N, one.theta)
    assert pytest.approx(float(F_N(one.theta).real), abs=1e-13) == exact.F_N
    assert exact_by_hand.relative_error(exact.grad_F_N, gradient) < 1e-11


@pytest.mark.parametrize("setting", [x for x in ORACLES if x[-1] == 1.0])
@pytest.mark.verifies("estimators.2")
def test_F_inf_and_its_gradient_come_from_exact_inner_gradients(setting):
    one, _ = oracle_case(*setting)
    single = MDP(*(x[0] for x in one.task))
    paths = [list(exact_by_hand.trajectories(single, one.horizon))]

    def F_inf(theta):
        return exact_by_hand.adapted_return(theta, paths, ALPHA, one.num_steps)

    exact = meta_gradients.exact_gradients(one)
    gradient = exact_by_hand.complex_step(F_inf, one.theta)
    assert exact.F_inf == pytest.approx(float(np.real(F_inf(one.theta))), abs=1e-13)
    assert exact_by_hand.relative_error(exact.grad_F_inf, gradient) < 1e-11


@pytest.mark.parametrize("setting", ORACLES)
@pytest.mark.verifies("estimators.4")
def test_emaml_is_unbiased_for_F_N_with_every_policy_baseline_and_discount(setting):
    one, _ = oracle_case(*setting)
    samples, p = estimates(estimators.emaml, one)
    target = flat(meta_gradients.exact_gradients(one).grad_F_N)
    assert gap(p @ samples, target) < 1e-10 and np.abs(target).max() > 0.01


def test_a_problem_of_too_many_data_sets_is_refused_and_its_size_named():
    with pytest.raises(ValueError, match="at most 2,000,000 data sets, got 41,409,225"):
        meta_gradients.exact_gradients(problem("two states", 8, 2))


# ---- the worked example, to all printed digits ----

NAMES = ("emaml", "plain", "dice", "lvc", "linearised_score", "fomaml")
WORKED = {  # F_N, then the first coordinate of the mean of each
    1: (0.504624, -0.174340, -0.138550, -0.174134, -0.174134, -0.174134, -0.164272),
    2: (0.503995, -0.177649, -0.142013, -0.177999, -0.177999, -0.177999, -0.168116),
    8: (0.503344, -0.180505, -0.144678, -0.180678, -0.180678, -0.180678, -0.170915),
    64: (0.503120, -0.181416, -0.145488, -0.181441, -0.181441, -0.181441, -0.171738),
}
PRINTED_LIMIT = {  # the notes have five digits of the last two, and a zero: -.145600, -.171860
    "F": 0.503087,
    "F_inf": -0.181550,
    "plain": -0.145605,
    "fomaml": -0.171856,
}
HALF_A_DIGIT = 0.5e-6


@pytest.mark.parametrize("N", WORKED)
@pytest.mark.verifies("exact_objectives.1", "meta_gradients.1")
def test_the_worked_example_has_all_its_printed_digits(N):
    F_N, *means = WORKED[N]
    estimators_of_table = {name: ALL[name] for name in NAMES}
    comparisons = meta_gradients.compare_estimators(
        estimators_of_table, problem("bandit", 5, 1), [N]
    )
    exact, rows = comparisons[N]
    assert abs(exact.F_N - F_N) <= HALF_A_DIGIT
    assert abs(exact.grad_F_N["logits"][0, 0] - means[0]) <= HALF_A_DIGIT
    for name, printed in zip(NAMES, means, strict=True):
        x, minus_x = rows[name].mean
        assert abs(x - printed) <= HALF_A_DIGIT
        assert x == pytest.approx(-minus_x, abs=1e-12)


def limits(K, alpha=ALPHA):
    """What the estimators tend to for N -> infinity on the bandit, from its closed forms."""

    def J(theta):
        return softmax(theta) @ ARMS

    def gradient(theta):
        return softmax(theta) * (ARMS - J(theta))

    def fisher(theta):
        p = softmax(theta)
        return np.diag(p) - np.outer(p, p)

    def hessian(theta):
        g, p = gradient(theta), softmax(theta)
        return np.diag(g) - np.outer(g, p) - np.outer(p, g)

    path = [THETA]
    for _ in range(K):
        path.append(path[-1] + alpha * gradient(path[-1]))
    exact = plain = gradient(path[-1])
    score = 0 * exact  # the expected score term of dice, which goes through the path of dice
    for phi in path[-2::-1]:
        H, plain_H = hessian(phi), -J(phi) * fisher(phi)
        score = score + alpha * H @ score + alpha * (H - plain_H) @ exact
        exact, plain = exact + alpha * H @ exact, plain + alpha * plain_H @ plain
    same = dict.fromkeys(("emaml", "dice", "loaded_dice", "lvc", "linearised_score"), exact)
    return {
        **same,
        "F": J(path[-1]),
        "F_inf": exact,
        "plain": plain,
        "fomaml": gradient(path[-1]),
        "averaged score": plain,
        "score times alpha": plain + alpha * (exact - plain),
        "dice with score": exact + score,
    }


def test_the_last_row_of_the_worked_example_follows_from_the_closed_forms():
    limit = limits(1)
    assert abs(limit["F"] - PRINTED_LIMIT["F"]) <= HALF_A_DIGIT
    for name in ("F_inf", "plain", "fomaml"):
        x, minus_x = limit[name]
        assert abs(x - PRINTED_LIMIT[name]) <= HALF_A_DIGIT
        assert x == pytest.approx(-minus_x, abs=1e-15)


@pytest.mark.parametrize("K", [1, 2])
def test_F_inf_of_the_worked_example_is_its_closed_form(K):
    exact = truth("bandit", 1, K)
    assert exact.F_inf == pytest.approx(limits(K)["F"], abs=1e-14)
    assert gap(flat(exact.grad_F_inf), limits(K)["F_inf"]) < 1e-14


@pytest.mark.parametrize("K", [1, 2])
@pytest.mark.parametrize("name", [x for x in limits(1) if x not in ("F", "F_inf")])
def test_for_many_episodes_every_mean_tends_to_its_limit(name, K):
    """Richardson extrapolation of N = 32, 64, 128 in powers of 1/N."""
    a, b, c = (mean("bandit", name, N, K) for N in (32, 64, 128))
    limit = limits(K)[name]
    assert gap((4 * (2 * c - b) - (2 * b - a)) / 3, limit) < 1e-7
    assert 1e-6 < gap(c, limit) < 0.6 * gap(b, limit) < 0.36 * gap(a, limit)  # O(1/N)


@pytest.mark.parametrize("K", [1, 2])
def test_in_the_limit_only_estimators_with_the_whole_hessian_are_right(K):
    right = {"emaml", "dice", "loaded_dice", "lvc", "linearised_score"}
    limit = limits(K)
    for name in set(limit) - {"F", "F_inf"}:
        assert (gap(limit[name], limit["F_inf"]) >= 1e-4) == (name not in right)


@pytest.mark.parametrize("K", [1, 2])
def test_F_N_tends_to_F_inf(K):
    a, b, c = (truth("bandit", N, K).F_N for N in (32, 64, 128))
    assert (4 * (2 * c - b) - (2 * b - a)) / 3 == pytest.approx(limits(K)["F"], abs=1e-8)
    assert abs(truth("bandit", 2, K).F_N - limits(K)["F"]) > 1e-4


# ---- every yes and no of the table ----

SETTINGS = [
    *[("bandit", N, K) for K in (1, 2) for N in (1, 2, 3, 8)],
    *[("two states", N, 1) for N in (1, 2, 3, 8)],
    *[("two states", N, 2) for N in (1, 2)],
]
settings = pytest.mark.parametrize(("task", "N", "K"), SETTINGS)
UNBIASED = ["emaml", "emaml, c constant", "emaml, c = J(theta)"]
BIASED = ["plain", "dice", "loaded_dice", "linearised_score", "lvc", "fomaml"]


@settings
@pytest.mark.parametrize("name", UNBIASED)
@pytest.mark.verifies("estimators.4", "meta_gradients.1")
def test_emaml_is_unbiased_for_F_N_and_not_for_F_inf(task, N, K, name):
    exact, g = truth(task, N, K), mean(task, name, N, K)
    assert gap(g, flat(exact.grad_F_N)) < 1e-10
    assert gap(g, flat(exact.grad_F_inf)) > 1e-4


@settings
@pytest.mark.parametrize("name", BIASED)
@pytest.mark.verifies("meta_gradients.1")
def test_all_others_are_biased_for_F_N_and_for_F_inf(task, N, K, name):
    exact, g = truth(task, N, K), mean(task, name, N, K)
    assert gap(g, flat(exact.grad_F_N)) > 1e-4
    assert gap(g, flat(exact.grad_F_inf)) > 1e-4


@settings
def test_the_two_objectives_differ_for_every_number_of_episodes(task, N, K):
    exact = truth(task, N, K)
    assert abs(exact.F_N - exact.F_inf) > 1e-4
    assert gap(flat(exact.grad_F_N), flat(exact.grad_F_inf)) > 1e-4


@settings
def test_planted_mean_for_sum_in_the_score_term_is_right_only_for_one_episode(task, N, K):
    g, target = mean(task, "averaged score", N, K), flat(truth(task, N, K).grad_F_N)
    assert gap(g, target) < 1e-10 if N == 1 else gap(g, target) > 1e-2


@settings
def test_planted_score_term_times_alpha_is_wrong(task, N, K):
    exact, g = truth(task, N, K), mean(task, "score times alpha", N, K)
    assert gap(g, flat(exact.grad_F_N)) > 5e-3 and gap(g, flat(exact.grad_F_inf)) > 5e-3


@pytest.mark.parametrize(("task", "N", "K"), [x for x in SETTINGS if x[1] < 8])
def test_the_score_term_times_alpha_is_right_where_alpha_is_one(task, N, K):
    g = mean(task, "score times alpha", N, K, 1.0)
    assert gap(g, flat(truth(task, N, K, 1.0).grad_F_N)) < 1e-10


@settings
def test_planted_dice_with_a_score_term_counts_it_twice(task, N, K):
    exact, g = truth(task, N, K), mean(task, "dice with score", N, K)
    assert gap(g, flat(exact.grad_F_N)) > 5e-3 and gap(g, flat(exact.grad_F_inf)) > 5e-3
    twice = mean(task, "dice", N, K) + mean(task, "emaml", N, K) - mean(task, "plain", N, K)
    assert K == 2 or gap(g, twice) < 1e-12


# ---- consequence 2: variance ----


@pytest.mark.parametrize(("N", "printed"), [(1, 0.124), (2, 0.247), (8, 0.965), (64, 7.63)])
@pytest.mark.verifies("meta_gradients.1")
def test_consequence2_the_variance_of_emaml_grows_like_the_number_of_episodes(N, printed):
    variance = np.trace(moments("bandit", "emaml", N, 1)[1])
    assert float(f"{variance:.3g}") == printed


@pytest.mark.parametrize(
    ("N", "printed"), [(1, "0.0011"), (2, "0.0041"), (8, "0.011"), (64, "0.051")]
)
def test_consequence2_the_return_of_the_start_is_a_good_control_variate(N, printed):
    variance = np.trace(moments("bandit", "emaml, c = J(theta)", N, 1)[1])
    assert f"{variance:.2g}" == printed


@pytest.mark.parametrize("name", ["plain", "dice", "loaded_dice", "lvc", "fomaml"])
def test_consequence2_the_variance_of_the_biased_ones_falls_like_one_over_n(name):
    a, b, c = (np.trace(moments("bandit", name, N, 1)[1]) for N in (32, 64, 128))
    assert a / b == pytest.approx(2, rel=0.03) and b / c == pytest.approx(2, rel=0.015)


# ---- consequence 3: two inner steps ----

MISTAKES_OF_TWO_STEPS = ["scores without jacobians", "only first score"]


@pytest.mark.parametrize("task", ["bandit", "two states"])
@pytest.mark.parametrize("N", [1, 2])
@pytest.mark.parametrize("name", MISTAKES_OF_TWO_STEPS)
def test_consequence3_planted_detached_or_dropped_second_score_is_biased_at_two_steps(
    task, N, name
):
    exact = truth(task, N, 2)
    assert gap(mean(task, name, N, 2), flat(exact.grad_F_N)) > 5e-4
    assert gap(mean(task, name, N, 2), flat(exact.grad_F_inf)) > 5e-4


@pytest.mark.parametrize("task", ["bandit", "two states"])
@pytest.mark.parametrize("name", MISTAKES_OF_TWO_STEPS)
def test_consequence3_with_one_step_there_is_nothing_to_detach(task, name):
    assert gap(mean(task, name, 2, 1), flat(truth(task, 2, 1).grad_F_N)) < 1e-10


@pytest.mark.parametrize(("task", "N", "K"), [("bandit", 2, 4), ("two states", 1, 3)])
def test_consequence3_the_recursion_goes_on(task, N, K):
    assert gap(mean(task, "emaml", N, K), flat(truth(task, N, K).grad_F_N)) < 1e-10
    for name in MISTAKES_OF_TWO_STEPS:
        assert gap(mean(task, name, N, K), flat(truth(task, N, K).grad_F_N)) > 1e-3


# ---- consequence 5: the order of the factors ----


@pytest.mark.parametrize("task", ["three arms", "two states"])
def test_consequence5_planted_transposed_factors_are_invisible_with_one_step(task):
    assert gap(mean(task, "transposed", 2, 1), flat(truth(task, 2, 1).grad_F_N)) < 1e-10


@pytest.mark.parametrize("N", [1, 2, 3])
def test_consequence5_planted_transposed_factors_are_visible_with_two_steps(N):
    exact = truth("three arms", N, 2)
    assert gap(mean("three arms", "transposed", N, 2), flat(exact.grad_F_N)) > 5e-4
    assert gap(mean("three arms", "transposed", N, 2), flat(exact.grad_F_inf)) > 5e-4


@pytest.mark.parametrize("task", ["bandit", "two states"])
def test_consequence5_with_two_actions_the_factors_of_plain_commute(task):
    """With two actions every gradient lies along (1, -1) in each state, so products commute."""
    assert gap(mean(task, "transposed", 2, 2), flat(truth(task, 2, 2).grad_F_N)) < 1e-10


@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("task", ["three arms", "two states"])
def test_consequence5_the_last_step_is_the_first_factor_that_the_outer_gradient_meets(task, kind):
    inputs, _ = meta_gradients.enumerated_inputs(problem(task, 1, 2))
    whole = flat(ALL[kind](*inputs))

    def in_order(order):
        step_by_step = wrong_estimators.step_by_step
        return flat(step_by_step(*inputs[:-1], WEIGHTS[kind], order))

    right, wrong = in_order([1, 0]), in_order([0, 1])
    assert gap(whole, right) < 1e-13
    commute = task == "two states" and kind in ("plain", "lvc")  # a block for each state
    assert (gap(whole, wrong) < 1e-13) if commute else (gap(whole, wrong) > 1e-3)


# ---- to first order in alpha ----


def slope(task, name, N, K, h=0.01):
    """dE[g]/dalpha at alpha = 0, by differences of fourth order."""

    def g(alpha):
        if name.startswith("grad"):
            return flat(getattr(truth(task, N, K, alpha), name))
        return mean(task, name, N, K, alpha)

    return (8 * (g(h) - g(-h)) - (g(2 * h) - g(-2 * h))) / (12 * h)


def expected_hessian_by_hand(kind, task):
    """E[H2], or E[H1 + H2] of lvc, over one episode."""
    mdp, horizon, theta = TASKS[task]
    total = 0.0
    for episode in by_hand.episodes(mdp, horizon):
        H = by_hand.hessian(kind, theta, [episode], by_hand.Rule(ALPHA, 0.0))
        total = total + by_hand.probability(theta, [episode]) * H
    return total


@pytest.mark.parametrize(("task", "N", "K"), [("bandit", 2, 1), ("bandit", 1, 2), *SETTINGS[8:10]])
@pytest.mark.parametrize("name", ["grad_F_N", "grad_F_inf", *NAMES, "loaded_dice"])
def test_to_first_order_in_alpha_the_means_are_known_products_of_hessians(task, N, K, name):
    mdp, horizon, theta = TASKS[task]
    J = by_hand.outer(mdp, horizon)
    H, v = J.hessian(theta), J.gradient(theta)
    used_hessian = {
        "fomaml": 0 * H,
        "plain": expected_hessian_by_hand("plain", task),
        "lvc": expected_hessian_by_hand("lvc", task),
    }.get(name, H)
    coefficient = K * (H + used_hessian) @ v
    assert gap(slope(task, name, N, K), coefficient) < 2e-7
    wrong = K * 2 * H @ v
    same = name not in ("fomaml", "plain", "lvc") or (name == "lvc" and task == "bandit")
    assert (gap(coefficient, wrong) < 1e-12) if same else (gap(coefficient, wrong) > 5e-3)


@pytest.mark.parametrize("task", ["bandit", "two states"])
@pytest.mark.parametrize("name", [*NAMES, "loaded_dice"])
def test_at_alpha_zero_every_mean_is_the_policy_gradient(task, name):
    mdp, horizon, theta = TASKS[task]
    gradient = by_hand.outer(mdp, horizon).gradient(theta)
    assert np.abs(gradient).max() > 0.1
    for N, K in ((1, 1), (2, 2)):
        assert gap(mean(task, name, N, K, 0.0), gradient) < 1e-12


# ---- moments ----

SAMPLES, P = np.array([[1.0, 0.0], [3.0, 4.0]]), np.array([0.25, 0.75])
MADE_UP = ExactGradients(0.0, {"w": np.array([2.5, 0.0])}, 0.0, {"w": np.array([-1.5, 0.0])})


@pytest.mark.verifies("meta_gradients.1")
def test_eq2_moments_of_two_outcomes():
    x = meta_gradients.measure(SAMPLES, P, MADE_UP)
    assert x.mean.tolist() == [2.5, 3.0]
    assert x.covariance.tolist() == [[0.75, 1.5], [1.5, 3.0]]


@pytest.mark.verifies("meta_gradients.1")
def test_eq2_bias_error_and_cosine_of_two_outcomes():
    x = meta_gradients.measure(SAMPLES, P, MADE_UP)
    assert x.variance == 3.75
    assert (x.F_N.bias_norm, x.F_inf.bias_norm) == (3.0, 5.0)
    assert (x.F_N.mse, x.F_inf.mse) == (9.0 + 3.75, 25.0 + 3.75)
    cosine = 2.5 / np.hypot(2.5, 3.0)
    assert (x.F_N.cosine, x.F_inf.cosine) == pytest.approx((cosine, -cosine), abs=1e-15)


def test_the_leaves_of_a_tree_are_measured_in_the_order_of_their_names():
    names = ExactGradients(
        0.0, {"b": np.array([3.0]), "a": np.array([2.5])}, 0.0, MADE_UP.grad_F_inf
    )
    assert meta_gradients.measure(SAMPLES, P, names).F_N.bias_norm == 0.0


def test_a_gradient_of_zero_has_no_direction():
    zeros = MADE_UP._replace(grad_F_N={"w": np.zeros(2)})
    assert meta_gradients.measure(SAMPLES, P, zeros).F_N.cosine == 0.0


def having(variance, bias):
    errors = Errors(bias_norm=bias, mse=0.0, cosine=0.0)
    return Moments(np.ones(2), np.eye(2), variance, F_N=errors, F_inf=errors)


@pytest.mark.verifies("meta_gradients.2")
def test_eq3_at_break_even_the_errors_of_both_means_are_equal():
    biased, unbiased = having(0.2, 0.5), having(1.7, 0.0)
    n = meta_gradients.break_even(biased, unbiased, biased.F_N.bias_norm)
    assert n == pytest.approx(6.0, abs=1e-12)
    for samples, biased_wins in ((n - 1, True), (n + 1, False)):
        errors = [b**2 + x / samples for b, x in ((0.5, 0.2), (0.0, 1.7))]
        assert (errors[0] < errors[1]) == biased_wins


@pytest.mark.verifies("meta_gradients.2")
def test_eq3_break_even_is_never_without_a_bias_and_at_once_with_more_variance():
    assert meta_gradients.break_even(having(0.2, 0.0), having(1.7, 0.0), 0.0) == np.inf
    assert meta_gradients.break_even(having(2.0, 0.5), having(1.7, 0.0), 0.5) == 0.0


@pytest.mark.verifies("meta_gradients.2")
def test_eq3_on_the_worked_example_dice_needs_millions_of_samples_to_lose():
    three = {name: ALL[name] for name in ("emaml", "dice", "fomaml")}
    rows = meta_gradients.compare_estimators(three, problem("bandit", 1, 1), [8])[8].moments
    unbiased, bias = rows["emaml"], np.sqrt(2) * np.array([0.18067786 - 0.18050457, 0.0095897])
    for name, b in zip(("dice", "fomaml"), bias, strict=True):
        n = meta_gradients.break_even(rows[name], unbiased, rows[name].F_N.bias_norm)
        assert n == pytest.approx((0.965307 - rows[name].variance) / b**2, rel=1e-3)
    assert meta_gradients.break_even(unbiased, unbiased, unbiased.F_N.bias_norm) == np.inf


def test_a_comparison_measures_every_estimator_at_every_number_of_episodes():
    names = {"plain": ALL["plain"], "dice": ALL["dice"]}
    measured = meta_gradients.compare_estimators(names, problem("two states", 7, 1), [1, 2])
    assert list(measured) == [1, 2]
    for N, (exact, rows) in measured.items():
        assert list(rows) == ["plain", "dice"]
        assert exact.F_N == truth("two states", N, 1).F_N
        for name, x in rows.items():
            assert gap(x.mean, mean("two states", name, N, 1)) < 1e-14
            bias = np.linalg.norm(x.mean - flat(truth("two states", N, 1).grad_F_inf))
            assert x.F_inf.bias_norm == pytest.approx(bias, abs=1e-13)


def test_without_inner_steps_every_estimator_is_right_for_both_objectives():
    exact = truth("two states", 3, 0)
    gradient = by_hand.outer(TWO_STATES, 2).gradient(TASKS["two states"][2])
    assert gap(flat(exact.grad_F_N), gradient) < 1e-13
    assert gap(flat(exact.grad_F_inf), gradient) < 1e-13
    assert pytest.approx(exact.F_inf, abs=1e-14) == exact.F_N
    for name in ESTIMATORS:
        assert gap(mean("two states", name, 3, 0), gradient) < 1e-13


def test_the_notes_count_the_data_sets_of_the_two_state_problem():
    """8 trajectories, so C(N + 7, 7) data sets of one step."""
    for N, size in ((1, 8), (2, 36), (3, 120)):
        samples, p = estimates(estimators.fomaml, problem("two states", N, 1))
        assert samples.shape == (size, 4)
        assert p.sum() == pytest.approx(1.0, abs=1e-13)
