"""estimator_weights (1)-(8): each weight and its derivative, against Hessians and loops."""

import estimators_by_hand as by_hand
import numpy as np
import pytest
from comparing import softmax
from estimator_cases import (
    ALPHA,
    LONG,
    SETTINGS,
    SLIP,
    THREE_ARMS,
    adapted,
    case,
    close,
    differ,
    estimates,
    expected_hessian,
    hessians,
    inner_step_of,
    problem_of,
    rows,
    sampled,
    start,
    with_baselines,
)

from metarl_min.basics import expectations
from metarl_min.gradients import estimator_weights, estimators, meta_gradients
from metarl_min.gradients.estimator_weights import WEIGHTS
from metarl_min.gradients.estimators import ESTIMATORS
from metarl_min.mdps import policies


@pytest.mark.parametrize("name", WEIGHTS)
def test_where_the_ratios_are_one_every_weight_is_the_advantage_undiscounted_by_default(name):
    rewards, b = np.array([[[1.0, -2.0, 4.0], [0.5, 0.0, 8.0]]]), np.array([[[0.5, 1.0, 2.0]]])
    undiscounted = np.array([[[3.0, 2.0, 4.0], [8.5, 8.0, 8.0]]]) - b
    halved = np.array([[[1.0, 0.0, 4.0], [2.5, 4.0, 8.0]]]) - b
    weights, log_ratio = WEIGHTS[name], np.zeros(rewards.shape)
    np.testing.assert_allclose(weights(log_ratio, rewards, b), undiscounted, atol=1e-14)
    np.testing.assert_allclose(weights(log_ratio, rewards, b, 0.5), halved, atol=1e-14)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("baseline", [0.0, 0.7])
@pytest.mark.verifies("estimator_weights.1")
def test_eq1_the_mean_of_the_weighted_scores_is_the_gradient_of_the_return(setting, baseline):
    task, horizon, policy = SETTINGS[setting]
    theta = start(policy, task)
    problem = problem_of(inner_step_of(policy, baseline), theta, task, horizon, 1, 1)
    inputs, p = meta_gradients.enumerated_inputs(problem)
    moved = (rows(inputs.path[1]) - rows(inputs.path[0])) / ALPHA
    assert close(p @ moved, by_hand.outer(task, horizon).gradient(theta))


@pytest.mark.parametrize("kind", ["dice", "loaded_dice", "linearised_score"])
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize(("N", "baseline"), [(1, 0.0), (1, 0.7), (2, -0.4), (2, "leave_one_out")])
@pytest.mark.verifies(
    "estimator_weights.2", "estimator_weights.6", "estimator_weights.7", "estimator_weights.8"
)
def test_the_expected_hessian_is_exact(kind, setting, N, baseline):
    mean_hessian, exact = expected_hessian(kind, *SETTINGS[setting], N, baseline)
    assert np.abs(exact).max() > 0.01
    assert np.abs(mean_hessian - exact).max() < 1e-12


@pytest.mark.parametrize("setting", LONG)
@pytest.mark.verifies("estimator_weights.5")
def test_eq5_the_expected_hessian_of_lvc_is_not_exact_where_steps_follow_each_other(setting):
    mean_hessian, exact = expected_hessian("lvc", *SETTINGS[setting], 1, 0.0)
    assert differ(mean_hessian, exact, 0.01)


@pytest.mark.parametrize("setting", LONG)
@pytest.mark.parametrize("kind", ["dice", "loaded_dice"])
def test_a_batch_mean_baseline_makes_the_expected_hessian_wrong(setting, kind):
    mean_hessian, exact = expected_hessian(kind, *SETTINGS[setting], 2, "mean")
    assert differ(mean_hessian, exact, 0.01)


@pytest.mark.parametrize("kind", ["lvc", "loaded_dice", "linearised_score"])
@with_baselines(["bandit", "bandit, two steps", "bandit, network, two steps"])
@pytest.mark.verifies("estimator_weights.5")
def test_at_horizon_one_all_ratio_weights_are_dice_sample_by_sample(kind, name, baseline):
    x = case(name, baseline)
    dice = x.estimates(estimators.dice)
    assert close(x.estimates(ESTIMATORS[kind]), dice, 1e-13)
    assert isinstance(baseline, str) or differ(dice, x.estimates(estimators.plain), 0.01)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("baseline", [0.0, 0.7])
@pytest.mark.verifies("estimator_weights.2", "estimator_weights.4")
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


@pytest.mark.verifies("estimator_weights.6")
def test_eq6_the_hessian_of_dice_is_that_of_foerster_written_out():
    """1/N sum_i sum_l r_l (S_l S_l^T + sum_{t<=l} Hess log pi), S_l the sum of scores up to l."""
    theta = start(policies.tabular, SLIP)
    inner, kinds = inner_step_of(policies.tabular, 0.0), by_hand.episodes(SLIP, 3)
    stages = [([kinds[i], kinds[j]],) for i, j in [(0, 5), (17, 40), (63, 63)]]
    data = sampled(stages)
    H = hessians(inner, adapted(inner, theta, data, 3), data, estimator_weights.dice_weights)
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
@pytest.mark.verifies("estimator_weights.4")
def test_consequence1_the_plain_hessian_of_a_bandit_is_minus_the_mean_advantage_times_fisher(
    baseline,
):
    theta, kinds = start(policies.tabular, THREE_ARMS), by_hand.episodes(THREE_ARMS, 1)
    inner, stages = inner_step_of(policies.tabular, baseline), by_hand.every_stage(kinds, 3)
    data = sampled([(stage,) for stage in stages])
    H = hessians(
        inner, adapted(inner, theta, data, len(stages)), data, estimator_weights.plain_weights
    )
    for stage, estimate in zip(stages, H, strict=True):
        mean = np.mean([r for episode in stage for _, _, r, _ in episode.steps])
        assert np.abs(estimate + (mean - baseline) * fisher(theta)).max() < 1e-14


@pytest.mark.parametrize("gamma", [0.0, 0.01, 0.5])
@pytest.mark.parametrize(
    "weights", [estimator_weights.dice_weights, estimator_weights.loaded_dice_weights]
)
def test_eq6_and_7_are_eq4_at_the_reference_however_small_the_discount_and_long_the_episode(
    weights, gamma
):
    rewards, log_ratio = np.random.default_rng(0).normal(size=(2, 1, 1, 1200))
    b = np.full((1, 1, 1), 0.3)
    w = weights(0.0 * log_ratio, rewards, b, gamma)
    assert np.allclose(w, estimator_weights.plain_weights(log_ratio, rewards, b, gamma), atol=1e-12)
