"""outer_updates (1): one ascent in theta and in alpha."""

import adaptation_by_hand as by_hand
import numpy as np
import pytest
from autograd import grad
from comparing import rng, trees_equal

from metarl_min.basics import optimizers, trees
from metarl_min.basics.optimizers import adam, sgd
from metarl_min.gradients import (
    adaptation,
    objectives,
    outer_updates,
    stage_tables,
    trial_gradients,
    trials,
    trust_region,
)
from metarl_min.gradients.adaptation_settings import adaptation as resolve
from metarl_min.gradients.outer_updates import Settings, ascent, clipped, trpo
from metarl_min.gradients.step_sizes import LEARN_ALPHA
from metarl_min.mdps import networks, policies, rollouts
from metarl_min.tasks.bandits import bandit

FAMILY = bandit(arms=3, pulls=5)
THETA = {"logits": np.array([[0.1, 0.4, -0.2]])}
M = 4


def settings_for(outer, learn_alpha="no", estimator=trial_gradients.emaml, **adaptation_settings):
    how = resolve(FAMILY, alpha=2.0, inner_steps=2, **adaptation_settings)
    return Settings(how, estimator, LEARN_ALPHA[learn_alpha], outer, num_tasks=M)


def exact_trial(alpha):
    """A trial with two exact inner steps, and F_inf as its only outer objective."""
    J = objectives.expected_return_objective(FAMILY.sample(rng(1), M), 1)
    path = adaptation.inner_loop(policies.tabular, THETA, alpha, [J, J])
    return J, trials.Trial(alpha, path, [J, J], []), [None, None, J]


@pytest.mark.verifies("outer_updates.1")
@pytest.mark.parametrize("learn_alpha", LEARN_ALPHA)
def test_theta_and_alpha_ascend_by_beta_times_their_mean_gradients(learn_alpha):
    settings = settings_for(ascent(sgd(0.2)), learn_alpha)
    state = outer_updates.init(settings, THETA)
    J, trial, outer = exact_trial(state.alpha)
    after, report = settings.outer.update(settings, state, trial, outer)
    assert report == trust_region.Info()

    def F(parameters):
        theta, alpha = parameters["theta"], parameters["alpha"]
        return adaptation.adapted_return(policies.tabular, theta, alpha, 2, J)

    alpha = {"logits": np.full((1, 3), 2.0)} if learn_alpha == "each" else 2.0
    g = grad(F)({"theta": THETA, "alpha": alpha})
    moved = (after.theta["logits"] - THETA["logits"]) / 0.2
    np.testing.assert_allclose(moved, g["theta"]["logits"], rtol=1e-9, atol=1e-13)
    if learn_alpha == "no":
        assert after.alpha == state.alpha == 2.0
    elif learn_alpha == "scalar":
        assert (after.alpha - 2.0) / 0.2 == pytest.approx(g["alpha"], rel=1e-8)
    else:
        moved = (after.alpha["logits"] - 2.0) / 0.2
        np.testing.assert_allclose(moved, g["alpha"]["logits"], rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("learn_alpha", LEARN_ALPHA)
@pytest.mark.parametrize("optimizer", optimizers.OPTIMIZERS.values())
def test_theta_and_alpha_ascend_as_one_vector_would(learn_alpha, optimizer):
    """The optimisers act on each entry alone, so two states make the steps of one."""
    optimizer = optimizer(0.1)
    settings = settings_for(ascent(optimizer), learn_alpha)
    state = outer_updates.init(settings, THETA)
    joined, moments = None, None
    for _ in range(3):
        _, trial, outer = exact_trial(state.alpha)
        trial = trial._replace(path=[state.theta, *trial.path[1:]])
        g = settings.estimator.gradients(settings.adaptation, trial, outer)
        gradient = {"theta": g.in_theta["logits"] / M}
        start = {"theta": state.theta["logits"]}
        if learn_alpha == "scalar":
            gradient["alpha"] = np.array(g.in_alpha()["logits"].sum() / M)
            start["alpha"] = np.array(state.alpha)
        if learn_alpha == "each":
            gradient["alpha"], start["alpha"] = g.in_alpha()["logits"] / M, state.alpha["logits"]
        joined = start if joined is None else joined
        moments = optimizer.init(start) if moments is None else moments
        joined, moments = optimizer.update(joined, moments, gradient)
        state, _ = settings.outer.update(settings, state, trial, outer)
        np.testing.assert_array_equal(state.theta["logits"], joined["theta"])
        if learn_alpha != "no":
            leaf = state.alpha["logits"] if learn_alpha == "each" else state.alpha
            np.testing.assert_array_equal(leaf, joined["alpha"])


def test_step_sizes_of_parameters_that_do_not_adapt_are_not_learned():
    policy = networks.mlp(3)
    settings = settings_for(ascent(sgd(0.2)), "each", policy=policy, adapt=("W2", "b2"))
    theta = trees.map_leaves(lambda x: x + 0.3, policy.init(rng(0), 1, 3))
    state = outer_updates.init(settings, theta)
    J = objectives.expected_return_objective(FAMILY.sample(rng(1), M), 1)
    alpha = trials.step_sizes(settings.adaptation, theta, state.alpha)
    path = adaptation.inner_loop(policy, theta, alpha, [J, J])
    trial = trials.Trial(alpha, path, [J, J], [])
    after, _ = settings.outer.update(settings, state, trial, [None, None, J])
    for name in theta:
        same = np.array_equal(after.alpha[name], state.alpha[name])
        assert same == (name not in ("W2", "b2"))


def sampled(seed=0):
    how = resolve(FAMILY, alpha=2.0, inner_steps=2)
    sampler = rollouts.sampler(FAMILY.sample(rng(seed), M), FAMILY.reward_noise)
    trial = trials.play(rng(seed), how, sampler, THETA, 2.0)
    return trial, trial_gradients.trial_advantages(trial.stages, [1.0] * 3)


def test_trust_region_updates_take_their_step_from_the_tables_of_the_trial():
    trial, advantages = sampled()
    tables = stage_tables.trial_tables(trial.stages, advantages, (1, 3))
    settings = settings_for(trpo(max_kl=0.02))
    state = outer_updates.init(settings, THETA)
    terms = settings.outer.terms(trial.stages, advantages, (1, 3))
    after, report = settings.outer.update(settings, state, trial, terms)
    theta, info = trust_region.trpo_update(policies.tabular, trial, tables, 0.02)
    assert info.accepted and trees_equal(after.theta, theta) and after.alpha == 2.0
    assert report == info
    settings = settings_for(clipped(0.1, adam(0.05)))
    state = outer_updates.init(settings, THETA)
    after, report = settings.outer.update(settings, state, trial, terms)
    theta, moments, info = trust_region.clipped_update(
        policies.tabular, trial, tables, adam(0.05), state.optimizer_state, 0.1
    )
    assert trees_equal(after.theta, theta) and after.optimizer_state.num_updates == 5
    assert trees_equal(after.optimizer_state.m, moments.m) and report == info


def test_an_ascent_takes_the_surrogates_of_the_trial():
    trial, advantages = sampled()
    settings = settings_for(ascent(sgd(1.0)))
    terms = settings.outer.terms(trial.stages, advantages, (1, 3))
    after, _ = settings.outer.update(settings, outer_updates.init(settings, THETA), trial, terms)
    outer = trial_gradients.outer_surrogates(trial.stages, advantages, (1, 3))
    g = trial_gradients.second_order(settings.adaptation, trial, outer).in_theta
    moved = trees.map_leaves(lambda x, y: M * (x - y), after.theta, THETA)
    assert by_hand.relative_error(moved, g) < 1e-12
