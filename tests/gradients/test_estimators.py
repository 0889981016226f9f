"""estimators (1)-(5): each data set by itself, against full matrices and loops."""

import itertools
import pickle

import estimators_by_hand as by_hand
import numpy as np
import pytest
from comparing import softmax
from estimator_cases import (
    ALPHA,
    BANDIT,
    OF_SEVERAL,
    PROBLEMS,
    SLIP,
    THREE_ARMS,
    adapted,
    baselines,
    case,
    close,
    differ,
    estimates,
    every_problem,
    inner_step_of,
    problem_of,
    rows,
    sampled,
    start,
    with_baselines,
)

from metarl_min.basics import expectations, trees
from metarl_min.gradients import estimator_weights, estimators, inner_steps, meta_gradients
from metarl_min.gradients.estimator_weights import WEIGHTS
from metarl_min.gradients.estimators import ESTIMATORS
from metarl_min.mdps import policies

# ---- each formula, data set by data set ----


@with_baselines(PROBLEMS)
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
    step = inner_steps.inner_step(x.inner, first, first, x.data[0], weights)
    assert close(rows(step), rows(x.path[1]), 1e-13)


@with_baselines(PROBLEMS)
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("plain", marks=pytest.mark.verifies("estimator_weights.4")),
        pytest.param("lvc", marks=pytest.mark.verifies("estimator_weights.5")),
        pytest.param("dice", marks=pytest.mark.verifies("estimator_weights.6")),
        pytest.param("loaded_dice", marks=pytest.mark.verifies("estimator_weights.7")),
        pytest.param("linearised_score", marks=pytest.mark.verifies("estimator_weights.8")),
        pytest.param("emaml", marks=pytest.mark.verifies("estimators.4")),
        pytest.param("fomaml", marks=pytest.mark.verifies("estimators.5")),
    ],
)
@pytest.mark.verifies(
    "estimator_weights.3",
    "estimator_weights.4",
    "estimator_weights.5",
    "estimator_weights.6",
    "estimator_weights.7",
    "estimator_weights.8",
    "estimators.3",
    "estimators.4",
    "estimators.5",
)
def test_every_estimator_is_its_product_of_jacobians(name, baseline, kind):
    x = case(name, baseline)
    assert close(x.estimates(ESTIMATORS[kind])[x.some], x.estimates_by_hand(kind))


@with_baselines(["slip", "slip, one episode of three steps", "trap, two steps"])
@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.verifies("estimator_weights.6", "estimator_weights.7")
def test_a_discount_weighs_every_later_reward_and_its_ratios(name, baseline, kind):
    x = case(name, baseline, 0.8)
    g = x.estimates(ESTIMATORS[kind])
    assert close(g[x.some], x.estimates_by_hand(kind))
    undiscounted = case(name, baseline).estimates(ESTIMATORS[kind])
    assert isinstance(baseline, str) or differ(g, undiscounted, 0.01)


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


@pytest.mark.verifies("estimators.3", "estimators.4")
def test_eq4_the_control_variate_is_taken_from_the_return():
    x = case("slip, two steps")
    assert close(x.estimates(estimators.emaml, c=0.25)[x.some], x.estimates_by_hand("emaml", 0.25))
    assert differ(x.estimates(estimators.emaml, c=0.25), x.estimates(estimators.emaml), 0.1)


@pytest.mark.verifies("estimators.4")
def test_eq4_the_control_variate_may_be_one_number_for_each_data_set():
    x = case("bandit")
    c = np.linspace(-1, 1, len(x.p))
    one_by_one = [x.estimates(estimators.emaml, c=float(c[m]))[m] for m in range(len(c))]
    assert close(x.estimates(estimators.emaml, c=c), np.array(one_by_one), 1e-13)


@pytest.mark.verifies("estimators.5")
def test_eq5_first_order_is_the_outer_gradient_itself():
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
@with_baselines(["bandit", "slip", "slip, two steps", "trap", "slip, network"])
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
        b = inner_steps.baseline_per_step(inner, D)
        W = np.array(by_hand.returns_to_go([kinds[u] for u in drawn]))
        assert b == pytest.approx(W.mean(0)[None, None], abs=1e-15)
        assert inner_steps.episode_weights(D).sum() == pytest.approx(1.0, abs=1e-15)
    weights = estimator_weights.dice_weights
    steps = [inner_steps.inner_step(inner, theta, theta, D, weights) for D in (copies, counted)]
    assert close(steps[0]["logits"], steps[1]["logits"], 1e-14)


# ---- consequence 1: the curvature of a softmax table does not depend on the action ----


@pytest.mark.parametrize(("N", "K"), [(2, 1), (3, 1), (8, 1), (2, 2), (3, 2)])
def test_consequence1_with_a_batch_mean_plain_is_first_order_sample_by_sample(N, K):
    theta = start(policies.tabular, THREE_ARMS)
    inner = inner_step_of(policies.tabular, "mean")
    problem = problem_of(inner, theta, THREE_ARMS, 1, N, K)
    plain, _ = estimates(estimators.plain, problem)
    fomaml, _ = estimates(estimators.fomaml, problem)
    dice, _ = estimates(estimators.dice, problem)
    assert np.abs(plain - fomaml).max() < 1e-15
    assert differ(dice, fomaml, 0.01)


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


@pytest.mark.parametrize("baseline", OF_SEVERAL)
@every_problem
def test_consequence4_with_a_baseline_of_its_own_episode_alone_nothing_adapts_so_it_is_refused(
    name, baseline
):
    task, horizon, policy, _, _ = PROBLEMS[name]
    theta, kinds = start(policy, task), by_hand.episodes(task, horizon)
    data = sampled([([episode],) for episode in kinds])
    rule = by_hand.Rule(ALPHA, "mean")
    moved = [by_hand.flat(by_hand.step(theta, [episode], rule)) for episode in kinds]
    assert np.abs(np.array(moved) - by_hand.flat(theta)).max() == 0
    message = f"a data set must have at least 2 episodes where baseline is {baseline}, got 1"
    with pytest.raises(ValueError, match=message):
        adapted(inner_step_of(policy, baseline), theta, data, len(kinds))
    message = f"num_episodes must be at least 2 where baseline is {baseline}, got 1"
    with pytest.raises(ValueError, match=message):
        problem_of(inner_step_of(policy, baseline), theta, task, horizon, 1, 1)
    before, after = adapted(inner_step_of(policy, 0.0), theta, data, len(kinds))
    assert differ(rows(after), rows(before), 0.01)


# ---- the reference policy and the trace ----


@pytest.mark.parametrize("kind", WEIGHTS)
def test_the_ratios_are_one_at_the_reference_and_move_away_from_it(kind):
    x = case("slip", 0.4)
    first = x.path[0]
    moved = trees.map_leaves(
        lambda leaf: leaf + 0.3 * np.sin(np.arange(leaf.size)).reshape(leaf.shape), first
    )
    steps = [
        inner_steps.inner_step(x.inner, moved, reference, x.data[0], WEIGHTS[kind])
        for reference in (first, moved)
    ]
    same = np.array_equal(rows(steps[0]), rows(steps[1]))
    assert same == (kind == "plain")


def test_log_probability_is_that_of_the_actions_of_living_steps():
    x = case("trap")
    log_p = inner_steps.log_probability(x.inner, x.path[0], x.data[0])
    probs = softmax(x.theta["logits"])
    truth = [
        sum(np.log(probs[s, a]) for e in stage for s, a, _, alive in e.steps if alive)
        for (stage,) in x.stages
    ]
    assert log_p == pytest.approx(truth, abs=1e-14)
