"""Directions of the outer loop: Jacobians of every estimator, step sizes, Reptile, masks."""

import adaptation_by_hand as by_hand
import numpy as np
import pytest
from autograd import grad

from metarl_min import learners, tasks
from metarl_min.basics import trees
from metarl_min.gradients import adaptation, estimators, objectives, trial_gradients, trials
from metarl_min.mdps import policies

BANDIT = tasks.make("bandit", {"arms": "3", "pulls": "5"})
GRID = tasks.make("gridworld", {"size": "3", "start": "4", "horizon": "4", "episodes": "3"})
FAMILIES = {"bandit": BANDIT, "gridworld": GRID}
TRACED = ("dice", "loaded_dice", "lvc", "linearised_score")


def sampled_trial(family, policy=policies.tabular, size=2, num_tasks=6, gamma=0.8, adapt=()):
    inner = trials.Adaptation(policy, 0.7, None, size, 0.1, gamma, adapt)
    rng = np.random.default_rng(0)
    batch = family.sample(rng, num_tasks)
    theta = policy.init(rng, *batch.shape)
    theta = trees.map_leaves(lambda x: x + 0.3 * rng.standard_normal(x.shape), theta)
    trial = trials.play(rng, inner, family, theta, 0.7, batch)
    weights = [1.0] * len(trial.stages)
    advantages = trial_gradients.outer_advantages(trial.stages, weights, False)
    outer = trial_gradients.outer_surrogates(trial.stages, advantages, batch.shape)
    return inner, trial, outer


@pytest.mark.parametrize("policy", [policies.tabular, policies.mlp(3)])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_traced_way_with_plain_weights_is_the_chain(family, policy):
    inner, trial, outer = sampled_trial(FAMILIES[family], policy)
    chain = trial_gradients.second_order(inner, trial, outer)
    traced = trial_gradients.traced(inner, trial, outer, estimators.plain_weights)
    for one, other in zip(chain, traced, strict=True):
        assert by_hand.relative_error(one, other) < 1e-11


@pytest.mark.parametrize("name", TRACED)
def test_every_estimator_differs_from_plain_where_its_jacobian_does(name):
    inner, trial, outer = sampled_trial(GRID)
    found, _ = trial_gradients.META_GRADIENTS[name](inner, trial, outer)
    plain, _ = trial_gradients.META_GRADIENTS["plain"](inner, trial, outer)
    assert by_hand.relative_error(found, plain) > 0.02


def test_at_horizon_one_dice_lvc_and_linearised_score_of_single_episodes_agree():
    inner, trial, outer = sampled_trial(BANDIT, size=1)
    found = [trial_gradients.META_GRADIENTS[name](inner, trial, outer)[0] for name in TRACED]
    for other in found[1:]:
        assert by_hand.relative_error(other, found[0]) < 1e-12


@pytest.mark.parametrize("name", ["plain", "fomaml", *TRACED])
def test_the_gradient_in_a_scalar_step_size_is_the_sum_over_the_parameters(name):
    """The value of every iterate is plain's, so the derivative in alpha of the last step is too."""
    inner, trial, outer = sampled_trial(BANDIT)
    outer = [None] * (len(outer) - 1) + outer[-1:] if name in ("plain", "fomaml") else outer
    _, in_alpha = trial_gradients.META_GRADIENTS[name](inner, trial, outer)
    assert set(in_alpha) == {"logits"} and np.abs(in_alpha["logits"]).max() > 0
    if name == "plain":

        def last(alpha):
            path = adaptation.inner_loop(inner.policy, trial.path[0], alpha, trial.inner)
            return np.sum(outer[-1].value(inner.policy.logits(path[-1]))[()])

        h = 1e-6
        slope = (last(0.7 + h) - last(0.7 - h)) / (2 * h)
        assert in_alpha["logits"].sum() == pytest.approx(slope, rel=1e-6)


@pytest.mark.verifies("maml.1")
@pytest.mark.parametrize("learn_alpha", ["no", "scalar", "each"])
def test_theta_and_alpha_ascend_by_beta_times_their_mean_gradients(learn_alpha):
    settings = {"objective": "exact", "num_tasks": "4", "beta": "0.2", "optimizer": "sgd"}
    learner = learners.make("maml", settings | {"learn_alpha": learn_alpha})
    state = learner.init(np.random.default_rng(0), BANDIT)
    state = state._replace(theta={"logits": np.array([[0.1, 0.4, -0.2]])})
    after, _ = learner.step(np.random.default_rng(1), state, BANDIT)
    J = objectives.expected_return_objective(BANDIT.sample(np.random.default_rng(1), 4), 1)

    def F(both):
        return adaptation.adapted_return(policies.tabular, both["theta"], both["alpha"], 4, J)

    alpha = {"logits": np.full((1, 3), 4.0)} if learn_alpha == "each" else 4.0
    g = grad(F)({"theta": state.theta, "alpha": alpha})
    moved = (after.theta["logits"] - state.theta["logits"]) / 0.2
    np.testing.assert_allclose(moved, g["theta"]["logits"], rtol=1e-9, atol=1e-13)
    if learn_alpha == "no":
        assert after.alpha == state.alpha == 4.0
    elif learn_alpha == "scalar":
        assert (after.alpha - 4.0) / 0.2 == pytest.approx(g["alpha"], rel=1e-8)
    else:
        moved = (after.alpha["logits"] - 4.0) / 0.2
        np.testing.assert_allclose(moved, g["alpha"]["logits"], rtol=1e-8, atol=1e-12)


def test_what_does_not_adapt_stays_and_its_step_size_is_not_learned():
    learner = learners.make("meta_sgd", {"adapt": "W2,b2", "policy": "network:3", "num_tasks": "5"})
    state = learner.init(np.random.default_rng(0), GRID)
    after, _ = learner.step(np.random.default_rng(1), state, GRID)
    for name in ("W1", "b1"):
        assert (after.alpha[name] == state.alpha[name]).all()
        assert (after.theta[name] != state.theta[name]).any()
    assert any((after.alpha[name] != state.alpha[name]).any() for name in ("W2", "b2"))
    inner, trial, _ = sampled_trial(GRID, policies.mlp(3), adapt=("W2", "b2"))
    first, last = trial.path[0], trial.path[-1]
    assert (last["W1"] == first["W1"]).all() and (last["b1"] == first["b1"]).all()
    assert (last["W2"] != first["W2"]).any()
    assert inner.adapt == ("W2", "b2")


@pytest.mark.parametrize("policy", ["table", "network:4"])
@pytest.mark.parametrize("estimator", trial_gradients.META_GRADIENTS)
def test_a_sampled_step_of_every_estimator_moves_and_stays_finite(estimator, policy):
    settings = {"estimator": estimator, "policy": policy, "num_tasks": "8"}
    for learn_alpha in ("no",) if estimator == "reptile" else ("no", "scalar", "each"):
        learner = learners.make("maml", settings | {"learn_alpha": learn_alpha})
        state = learner.init(np.random.default_rng(0), GRID)
        after, info = learner.step(np.random.default_rng(1), state, GRID)
        moved = trees.map_leaves(lambda x, y: np.abs(x - y).max(), after.theta, state.theta)
        assert max(moved.values()) > 0 and np.isfinite(list(moved.values())).all()
        assert np.isfinite(info.per_episode).all()
