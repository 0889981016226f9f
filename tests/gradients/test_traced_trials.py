"""traced_trials: Jacobians of every estimator by a trace, against the chain and one another."""

import adaptation_by_hand as by_hand
import numpy as np
import pytest
from comparing import rng
from problems import small_grid

from metarl_min.basics import trees
from metarl_min.gradients import (
    estimator_weights,
    traced_trials,
    trial_gradients,
    trials,
)
from metarl_min.gradients.adaptation_settings import adaptation as resolve
from metarl_min.gradients.forward_passes import gradient
from metarl_min.gradients.traced_trials import META_GRADIENTS, TRACED
from metarl_min.mdps import networks, policies, rollouts
from metarl_min.tasks.bandits import bandit

FAMILIES = {"bandit": bandit(arms=3, pulls=5), "gridworld": small_grid()}


def sampled(family, policy=policies.tabular, inner_episodes=2):
    how = resolve(
        family, policy=policy, alpha=0.7, inner_episodes=inner_episodes, baseline=0.1, gamma=0.8
    )
    generator = rng(0)
    sampler = rollouts.sampler(family.sample(generator, 6), family.reward_noise)
    theta = policy.init(generator, *sampler.shape)
    theta = trees.map_leaves(lambda x: x + 0.3 * generator.standard_normal(x.shape), theta)
    trial = trials.play(generator, how, sampler, theta, 0.7)
    advantages = trial_gradients.episode_advantages(trial.stages, [1.0] * len(trial.stages))
    return how, trial, trial_gradients.outer_surrogates(trial.stages, advantages, sampler.shape)


@pytest.mark.parametrize("policy", [policies.tabular, networks.mlp(3)], ids=["table", "network"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_trace_with_plain_weights_is_the_chain(family, policy):
    how, trial, outer = sampled(FAMILIES[family], policy)
    chain = trial_gradients.second_order(how, trial, outer)
    traced = traced_trials.traced(how, trial, outer, estimator_weights.plain_weights)
    assert by_hand.relative_error(chain.in_theta, traced.in_theta) < 1e-11
    assert by_hand.relative_error(chain.in_alpha(), traced.in_alpha()) < 1e-11


@pytest.mark.parametrize("name", TRACED)
def test_every_estimator_differs_from_plain_where_its_jacobian_does(name):
    how, trial, outer = sampled(FAMILIES["gridworld"])
    gradient = TRACED[name].gradients(how, trial, outer).in_theta
    plain = META_GRADIENTS["plain"].gradients(how, trial, outer).in_theta
    assert by_hand.relative_error(gradient, plain) > 0.02


def test_every_name_has_the_weights_of_its_estimator():
    how, trial, outer = sampled(FAMILIES["gridworld"])
    weights = {
        "dice": estimator_weights.dice_weights,
        "loaded_dice": estimator_weights.loaded_dice_weights,
        "lvc": estimator_weights.lvc_weights,
        "linearised_score": estimator_weights.linearised_weights,
    }
    assert set(weights) == set(TRACED)
    for name, function in weights.items():
        gradient = META_GRADIENTS[name].gradients(how, trial, outer)
        truth = traced_trials.traced(how, trial, outer, function)
        assert by_hand.relative_error(gradient.in_theta, truth.in_theta) == 0


def test_at_horizon_one_all_traced_estimators_of_single_episodes_agree():
    how, trial, outer = sampled(FAMILIES["bandit"], inner_episodes=1)
    gradients = [x.gradients(how, trial, outer).in_theta for x in TRACED.values()]
    for other in gradients[1:]:
        assert by_hand.relative_error(other, gradients[0]) < 1e-12


@pytest.mark.parametrize("name", ["plain", "fomaml", *TRACED])
def test_the_gradient_in_alpha_of_the_last_step_is_that_of_plain_for_every_estimator(name):
    """All weights have the value of plain's, so all have its derivative in the last step."""
    how, trial, outer = sampled(FAMILIES["gridworld"])
    one_step = trial._replace(path=trial.path[:2], inner=trial.inner[:1], stages=trial.stages[:2])
    zero = trial_gradients.outer_surrogates(
        trial.stages[:1], [np.zeros_like(trial.stages[0].rewards)], (9, 5)
    )
    L = [*zero, outer[1]]
    in_alpha = META_GRADIENTS[name].gradients(how, one_step, L).in_alpha()
    v = gradient(how.policy, trial.path[1], outer[1])
    g = gradient(how.policy, trial.path[0], trial.inner[0])
    truth = trees.sum_tasks(trees.map_leaves(np.multiply, v, g), trial.path[0])
    assert by_hand.relative_error(in_alpha, truth) < 1e-12


def test_reptile_has_no_outer_objective_and_sums_the_inner_gradients_that_adapt():
    how, trial, _ = sampled(FAMILIES["gridworld"], networks.mlp(3))
    reptile = META_GRADIENTS["reptile"]
    advantages = reptile.advantages(trial.stages, [1.0] * len(trial.stages))
    outer = trial_gradients.outer_surrogates(trial.stages, advantages, (9, 5))
    assert outer == [None] * len(trial.stages)
    gradients = reptile.gradients(how, trial, outer)
    moved = trees.map_leaves(lambda x, y: (x - y).sum(0) / 0.7, trial.path[-1], trial.path[0])
    assert by_hand.relative_error(gradients.in_theta, moved) < 1e-12
    assert all((leaf == 0).all() for leaf in gradients.in_alpha().values())
    some = reptile.gradients(how._replace(adapt=("W2", "b2")), trial, outer).in_theta
    for name, leaf in moved.items():
        np.testing.assert_allclose(some[name], leaf * (name in ("W2", "b2")), atol=1e-13)
