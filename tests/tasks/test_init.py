"""Families of candidates, priors, and the helpers that ask a family for its shape and trial."""

import numpy as np
import pytest
from comparing import close, rng
from enumerate_trajectories import random_batch
from problems import scripted_agent, small_bandit, small_grid

from metarl_min import tasks
from metarl_min.mdps import rollouts
from metarl_min.mdps.mdp import MDP


def of_candidates(weights, num_candidates=3):
    mdps, _, _ = random_batch(0, num_candidates)
    return tasks.family_of_candidates("some", {}, mdps, weights, 2, 4, rollouts.deterministic)


def test_a_family_of_candidates_draws_them_by_their_weight():
    family = of_candidates(np.array([0.5, 0.0, 0.5]))
    drawn = family.sample(rng(), 10_000)
    which = (drawn.reward[:, None] == family.prior.mdps.reward).all((2, 3, 4))
    assert (which.sum(1) == 1).all()
    counts = which.sum(0)
    assert counts[1] == 0 and abs(counts[0] - 5000) < 5 * 50
    assert (drawn.transition == family.prior.mdps.transition[which.argmax(1)]).all()
    assert (drawn.initial == family.prior.mdps.initial[which.argmax(1)]).all()


def test_a_family_of_candidates_keeps_what_it_is_given():
    family = of_candidates(np.array([0.5, 0.25, 0.25]))
    assert (family.name, family.parameters) == ("some", {})
    assert (family.horizon, family.num_episodes) == (2, 4)
    assert family.reward_noise is rollouts.deterministic
    assert family.prior.weights.tolist() == [0.5, 0.25, 0.25]


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (np.array([0.5, 0.5]), ValueError, r"one weight per candidate task, got \(2,\)"),
        (np.array([0.5, 0.4, 0.0]), ValueError, "rows of weights must sum to one"),
        (np.array([1.5, -0.5, 0.0]), ValueError, "weights must not be negative"),
        (np.array([1, 0, 0]), TypeError, "weights must be an array of floats"),
    ],
)
def test_weights_that_are_no_probabilities_of_the_candidates_are_refused(weights, error, message):
    with pytest.raises(error, match=message):
        of_candidates(weights)


@pytest.mark.parametrize(
    ("horizon", "episodes", "message"),
    [(0, 1, "horizon must be at least 1, got 0"), (1, 0, "num_episodes must be at least 1, got 0")],
)
def test_a_family_of_candidates_needs_a_step_and_an_episode(horizon, episodes, message):
    prior = small_grid(size=2, start=0).prior
    with pytest.raises(ValueError, match=message):
        tasks.family_of_candidates("mine", {}, *prior, horizon, episodes, rollouts.deterministic)


def test_a_family_of_candidates_refuses_to_draw_no_task():
    with pytest.raises(ValueError, match="num_tasks must be at least 1, got 0"):
        small_grid().sample(rng(), 0)


def test_expected_under_prior_is_the_weighted_mean():
    prior = of_candidates(np.array([0.5, 0.25, 0.25])).prior
    assert tasks.expected_under_prior(np.array([1.0, 2.0, 4.0]), prior) == 2.0


def test_prior_means_are_the_means_of_the_arms():
    beta = tasks.BetaArms(a=np.array([1.0, 3.0]), b=np.array([1.0, 1.0]))
    assert tasks.prior_means(beta).tolist() == [0.5, 0.75]
    normal = tasks.GaussianArms(mean=np.array([1.0, -2.0]), std=np.ones(2), noise=1.0)
    assert tasks.prior_means(normal).tolist() == [1.0, -2.0]
    assert tasks.prior_means(tasks.CorrelatedArms(a=1.0, b=3.0)).tolist() == [0.25, 0.75]


def test_a_shared_distribution_of_the_first_state_is_returned_and_others_are_unsupported():
    assert np.array_equal(tasks.shared_initial(small_grid().prior), np.eye(9)[4])
    different = of_candidates(np.array([0.5, 0.25, 0.25])).prior
    with pytest.raises(tasks.Unsupported, match="hypotheses must share one distribution"):
        tasks.shared_initial(different)
    mdps = different.mdps
    same = MDP(mdps.initial[[1, 1, 1]], mdps.transition, mdps.reward)
    assert close(tasks.shared_initial(different._replace(mdps=same)), mdps.initial[1])


def test_what_is_unsupported_is_a_value_error_that_states_the_rule():
    tasks.require_support(True, "never said", 1)
    with pytest.raises(ValueError, match=r"^the horizon must be 1, got 2$") as error:
        tasks.require_support(False, "the horizon must be 1", 2)
    assert type(error.value) is tasks.Unsupported


def test_the_shape_of_a_family_is_the_number_of_its_states_and_actions():
    assert tasks.shape_of(small_bandit(arms=4)) == (1, 4)
    assert tasks.shape_of(small_grid(stay=0)) == (9, 4)


def test_a_trial_is_played_by_the_protocol_of_the_family():
    family = small_grid(goals=(1,))
    batch = family.sample(rng(), 2)
    episodes, num_steps = tasks.play_trial(rng(), family, batch, scripted_agent([0] * 12))
    assert episodes.rewards.shape == (2, 3, 4) and num_steps == 12
    assert (episodes.states == [4, 1, 1, 1]).all()  # up, then against the border
    assert (episodes.rewards == 1.0).all()
