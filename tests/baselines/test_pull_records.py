"""The record of the pulls of a trial: valid from the moment it exists, and while it grows."""

import numpy as np
import pytest
from comparing import rng

from metarl_min.baselines import bandits, bayesian_bandits, pull_records
from metarl_min.baselines.pull_records import Record, start
from metarl_min.tasks.bandits import bandit, gaussian

ONES = np.ones((3, 2))
BETA, NORMAL = bandit(arms=2).prior, gaussian(arms=2).prior


@pytest.mark.parametrize(
    ("pulls", "sums", "words"),
    [
        (-ONES, ONES, "pulls must not be negative, got -1"),
        (ONES * np.nan, ONES, "pulls must be finite"),
        (ONES, ONES * np.inf, "sums must be finite"),
        (ONES, ONES[:1], "sums must have the shape of pulls"),
        (ONES, ONES > 0, "sums must be an array of floats, got bool"),
        (ONES.tolist(), ONES, "pulls must be an array of floats, got list"),
        (None, None, "pulls must be an array of floats, got NoneType"),
    ],
)
def test_what_is_no_record_is_refused(pulls, sums, words):
    for make in (lambda: Record(pulls, sums), lambda: start(3, 2)._replace(pulls=pulls, sums=sums)):
        with pytest.raises((TypeError, ValueError), match=words):
            make()


def test_whole_numbers_become_floats():
    record = Record(ONES.astype(np.int8), ONES.astype(int))
    assert record.pulls.dtype == record.sums.dtype == float


@pytest.mark.parametrize(
    ("actions", "rewards", "words"),
    [
        (np.array([0, -1, 1]), np.ones(3), "actions must be from 0 to 1, got -1"),
        (np.array([0, 2, 1]), np.ones(3), "actions must be from 0 to 1, got 2"),
        (np.array([0, 1]), np.ones(3), "actions must have the shape of the tasks"),
        (np.array([0.0, 1.0, 1.0]), np.ones(3), "actions must be an array of whole numbers"),
        (np.array([0, 1, 1]), np.ones(1), "rewards must have the shape of the tasks"),
        (np.array([0, 1, 1]), np.array([0.0, np.nan, 0.0]), "rewards must be finite"),
    ],
)
def test_a_pull_that_cannot_be_is_refused(actions, rewards, words):
    with pytest.raises((TypeError, ValueError), match=words):
        pull_records.observe(start(3, 2), None, actions, rewards, None)


@pytest.mark.parametrize("size", [0, -1, 1.5, None, True])
def test_a_record_is_one_of_tasks_and_arms(size):
    for shape in ((size, 2), (2, size)):
        with pytest.raises((TypeError, ValueError), match="must be"):
            start(*shape)


POSTERIORS = {
    "draw_beta": lambda record: bandits.draw_beta(rng(), record, BETA),
    "means": lambda record: bayesian_bandits.posterior_means(record, BETA),
    "bounds": lambda record: bayesian_bandits.upper_bounds(record, BETA, 0.1),
    "index": lambda record: bayesian_bandits.choose_by_index(
        rng(), record, BETA, lambda a, b, k: a, 9
    ),
}


@pytest.mark.parametrize("name", POSTERIORS)
def test_a_beta_posterior_needs_rewards_of_0_and_1(name):
    POSTERIORS[name](Record(2 * ONES, ONES))
    for sums in (-ONES, 3 * ONES):
        with pytest.raises(ValueError, match="sums of Bernoulli rewards must be from 0 to the pul"):
            POSTERIORS[name](Record(2 * ONES, sums))


def test_a_posterior_needs_the_arms_of_the_prior():
    three = start(2, 3)
    for posterior in (*POSTERIORS.values(), lambda x: bandits.normal_posterior(x, NORMAL)):
        with pytest.raises(ValueError, match=r"record must be of 2 arms, got the shape \(2, 3\)"):
            posterior(three)
        with pytest.raises(TypeError, match="record must be of type Record, got tuple"):
            posterior(tuple(three))
