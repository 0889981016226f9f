"""Restless arms, against paths by hand, a filter in rational numbers and a closed form."""

import pickle
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from problems import scripted_agent

from metarl_min.ceilings import bayes_optimal
from metarl_min.mdps import agents, mdp, rollouts
from metarl_min.tasks.restless_arms import paths, restless


@pytest.mark.verifies("restless_arms.1")
def test_eq1_a_path_has_the_probability_of_its_changes():
    which, chance = paths(3, 0.25)
    found = dict(zip(map(tuple, which.tolist()), chance.tolist(), strict=True))
    stays, once, twice = 0.75**2 / 2, 0.75 * 0.25 / 2, 0.25**2 / 2
    assert found == {
        (0, 0, 0): stays, (0, 0, 1): once, (0, 1, 0): twice, (0, 1, 1): once,
        (1, 1, 1): stays, (1, 1, 0): once, (1, 0, 1): twice, (1, 0, 0): once,
    }  # fmt: skip


@pytest.mark.verifies("restless_arms.2")
def test_eq2_the_good_arm_of_each_pull_pays_well_and_each_step_is_a_pull():
    family = restless(pulls=3, high=0.75)
    mean = mdp.expected_rewards(family.prior.mdps)  # [G, S, A]
    which = paths(3, 0.1)[0]
    for g, t, a in np.ndindex(8, 3, 2):
        assert mean[g, t, a] == (0.75 if which[g, t] == a else 0.25)
    tables = rollouts.sampler(mdp.take_tasks(family.prior.mdps, [0, 5]), family.reward_noise)
    episodes = agents.play(np.random.default_rng(0), tables, scripted_agent([0, 1, 0]), 1, 3)[0]
    assert (episodes.states == [0, 1, 2]).all() and episodes.alive.all()


def filtered_value(pulls, swap, high):
    """The Bayes-optimal return by a filter: b is the chance that arm 0 is good at pull t."""
    swap, high = Fraction(swap).limit_denominator(), Fraction(high).limit_denominator()

    def worth(b, t, arm):
        good, total = b if arm == 0 else 1 - b, Fraction(0)
        for reward, of_good in ((1, high), (0, 1 - high)):
            chance = good * of_good + (1 - good) * (1 - of_good)
            if chance:
                after = good * of_good / chance  # the belief that the arm of this pull was good
                still = after * (1 - swap) + (1 - after) * swap
                total += chance * (reward + best(still if arm == 0 else 1 - still, t + 1))
        return total

    @cache
    def best(b, t):
        return Fraction(0) if t == pulls else max(worth(b, t, arm) for arm in (0, 1))

    return float(best(Fraction(1, 2), 0))


@pytest.mark.parametrize(
    "words",
    [
        {"pulls": 8},
        {"pulls": 5, "swap": 0.25, "high": 0.75},
        {"pulls": 5, "swap": 0.0, "high": 0.75},
        {"pulls": 5, "swap": 0.9},  # arms that change their roles nearly always
        {"pulls": 5, "swap": 1.0},
        {"pulls": 5, "high": 1.0},
        {"pulls": 1},
        {"pulls": 4, "swap": 0.5},  # nothing to learn
        {"pulls": 4, "high": 0.5},
    ],
)
def test_the_ceiling_is_that_of_a_filter(words):
    family = restless(**words)
    swap, high, pulls = (family.parameters[name] for name in ("swap", "high", "pulls"))
    ceiling = bayes_optimal.solve(family)
    assert ceiling.value == pytest.approx(filtered_value(pulls, swap, high), abs=1e-12)
    assert ceiling.known_task == pytest.approx(pulls * high, abs=1e-12)
    assert ceiling.random == pytest.approx(pulls / 2, abs=1e-12)


def test_where_arms_change_often_only_the_last_reward_counts():
    """If (1 - swap) / swap <= high / (1 - high), each reward outweighs all that came before it."""
    ceiling = bayes_optimal.solve(restless(pulls=10, swap=0.2, high=0.9))
    later = 0.9 * (0.9 * 0.8 + 0.1 * 0.2) + 0.1 * (0.9 * 0.2 + 0.1 * 0.8)
    assert ceiling.value == pytest.approx(0.5 + 9 * later, abs=1e-12)


def test_the_family_is_one_episode_of_all_pulls():
    family = restless()
    assert (family.horizon, family.num_episodes) == (10, 1)
    assert family.prior.mdps.leading == (1024,) and abs(family.prior.weights.sum() - 1) < 1e-12
    assert pickle.loads(pickle.dumps(family)).parameters == family.parameters
    assert family.parameters == {"pulls": 10, "swap": 0.05, "high": 0.9}


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"pulls": 0}, ValueError, "pulls must be at least 1, got 0"),
        ({"pulls": 13}, ValueError, "pulls of restless arms must be at most 12, got 13"),
        ({"pulls": 10**9}, ValueError, "pulls of restless arms must be at most 12, got 1000000000"),
        ({"pulls": 2.0}, TypeError, r"pulls must be a whole number, got 2\.0"),
        ({"swap": -0.1}, ValueError, r"swap must be finite, from 0 to 1, got -0\.1"),
        ({"swap": np.nan}, ValueError, "swap must be finite, from 0 to 1, got nan"),
        ({"high": 0.4}, ValueError, r"high must be finite, from 0\.5 to 1, got 0\.4"),
        ({"high": "1"}, TypeError, "high must be a real number, got '1'"),
    ],
)
def test_bad_parameters_are_refused(words, error, message):
    with pytest.raises(error, match=message):
        restless(**words)
