"""Noise: what is drawn is in test_rollouts; here, what a noise may return."""

import pickle
from functools import partial

import numpy as np
import pytest
from comparing import assert_mean, rng
from problems import always, one_state, scripted_agent

from metarl_min.mdps import agents, noises, rollouts

ARMS = one_state([0.25, 0.75])


def rewards(noise, num_episodes=4):
    tables = rollouts.sampler(ARMS, noise)
    sampled = rollouts.sample(rng(), tables, always(1, 1), num_episodes, 1).rewards
    played = agents.play(rng(), tables, scripted_agent([1] * num_episodes), num_episodes, 1)[0]
    assert played.rewards.shape == sampled.shape
    return sampled[:, 0]


def wide(rng, mean):
    return mean + rng.normal(size=(3, *mean.shape))


def by_member(rng, mean):
    return mean + rng.standard_normal(mean.shape[-1:])


WRONG = [
    (lambda rng, mean: 0.5, TypeError, "noise must return an array of rewards, got float"),
    (lambda rng, mean: None, TypeError, "noise must return an array of rewards, got NoneType"),
    (lambda rng, mean: [0.5], TypeError, "noise must return an array of rewards, got list"),
    (lambda rng, mean: mean + 0j, TypeError, "noise must return an array of rewards, got"),
    (lambda rng, mean: np.ones(2), ValueError, "noise must have the shape of the means"),
    (lambda rng, mean: np.ones((*mean.shape, 1)), ValueError, "must have the shape of the means"),
    (wide, ValueError, "noise must have the shape of the means"),
    (lambda rng, mean: mean * np.nan, ValueError, "the rewards of noise must be finite, got"),
    (lambda rng, mean: mean + np.inf, ValueError, "the rewards of noise must be finite, got"),
]


@pytest.mark.parametrize(("noise", "error", "message"), WRONG)
def test_a_noise_of_our_own_must_return_one_finite_reward_for_each_mean(noise, error, message):
    with pytest.raises(error, match=message):
        rewards(noise)
    with pytest.raises(error, match=message):
        agents.play(rng(), rollouts.sampler(ARMS, noise), scripted_agent([0] * 3), 3, 1)


def test_a_noise_of_our_own_may_return_whole_numbers_and_truths():
    for draw in (lambda rng, p: rng.binomial(1, p), lambda rng, p: rng.random(p.shape) < p):
        paid = rewards(draw, 600)
        assert paid.dtype == float and set(paid) == {0.0, 1.0}
        assert_mean(paid, 0.75, largest_error=0.03)


@pytest.mark.parametrize("noise", [noises.deterministic, noises.bernoulli, noises.gaussian,
                                   partial(noises.gaussian, std=0.5)])  # fmt: skip
def test_the_noises_of_the_package_are_checked_once_and_called_as_they_are(noise):
    used = rollouts.sampler(ARMS, noise).noise
    inner = noises.UNCHECKED[getattr(noise, "func", noise)]
    assert getattr(used, "func", used) is inner
    assert getattr(used, "keywords", {}) == getattr(noise, "keywords", {})


def test_a_sampler_with_a_noise_of_our_own_can_be_pickled():
    tables = pickle.loads(pickle.dumps(rollouts.sampler(ARMS, by_member)))
    episodes = rollouts.sample(rng(), tables, always(1, 1), 5, 1)
    assert (episodes.rewards[:, 0] == rewards(by_member, 5)).all()


@pytest.mark.parametrize("std", [-1.0, np.nan, np.inf])
def test_the_deviation_of_normal_noise_must_be_finite_and_not_negative(std):
    with pytest.raises(ValueError, match="std of the noise must be finite, from 0 to inf, got"):
        rollouts.sampler(ARMS, partial(noises.gaussian, std=std))


def test_bernoulli_rewards_name_the_mean_that_is_no_probability_and_its_place():
    with pytest.raises(ValueError, match=r"means between 0 and 1, got 1\.7 at \[0, 1, 0\]$"):
        rollouts.sampler(one_state([0.2, 1.7, 3.0]), noises.bernoulli)


@pytest.mark.parametrize("noise", [noises.bernoulli, noises.gaussian])
def test_a_noise_needs_a_generator(noise):
    for other in (None, 0, np.random, np.random.RandomState(0)):
        with pytest.raises(TypeError, match="rng must be a Generator"):
            noise(other, np.array([0.5]))


@pytest.mark.parametrize("noise", [noises.deterministic, noises.bernoulli, noises.gaussian])
def test_a_noise_that_is_called_alone_checks_its_arguments(noise):
    with pytest.raises(TypeError, match="rng must be a Generator"):
        noise(np.random, np.array([0.5]))
    for wrong in (None, 0.5, [0.5], np.array([1]), np.array([True])):
        with pytest.raises(TypeError, match="mean must be an array of floats, got"):
            noise(rng(), wrong)
    with pytest.raises(ValueError, match="mean must be finite, got"):
        noise(rng(), np.array([0.5, np.nan]))


def test_a_bernoulli_mean_is_a_probability_and_a_deviation_is_not_negative():
    with pytest.raises(ValueError, match=r"mean must be from 0 to 1, got 1\.5 at \[1\]"):
        noises.bernoulli(rng(), np.array([0.5, 1.5]))
    with pytest.raises(ValueError, match="std of the noise must be finite, from 0 to inf, got -1"):
        noises.gaussian(rng(), np.array([0.5]), -1.0)
