"""The two-step task, against tables by hand and a closed form of its Bayes-optimal return."""

import pickle
from fractions import Fraction
from math import comb

import numpy as np
import pytest

from metarl_min.ceilings import bayes_optimal
from metarl_min.mdps import mdp, rollouts
from metarl_min.tasks.two_step import two_step, two_step_mdps


@pytest.mark.verifies("two_step.1")
def test_eq1_an_action_leads_to_its_own_state_by_the_common_transition():
    transition = two_step_mdps(0.75, 0.875).transition
    own, other = [[0, 0.75, 0.25], [0, 0.25, 0.75]], [[0, 0.25, 0.75], [0, 0.75, 0.25]]
    assert transition[:, 0].tolist() == [own, own, other, other]
    assert (transition[:, 1:] == [1, 0, 0]).all()


@pytest.mark.verifies("two_step.2")
def test_eq2_one_state_of_the_second_stage_pays_often():
    mdps = two_step_mdps(0.75, 0.875)
    mean = mdp.expected_rewards(mdps)
    assert (mean[:, 0] == 0).all() and (mdps.initial == [[1, 0, 0]]).all()
    assert mean[:, 1].tolist() == [[0.875] * 2, [0.125] * 2] * 2
    assert mean[:, 2].tolist() == [[0.125] * 2, [0.875] * 2] * 2


def clearness(p, k):
    """E|2 b - 1|, if b is the belief after k hints that are right with probability p."""
    chances = [comb(k, n) * p**n * (1 - p) ** (k - n) for n in range(k + 1)]
    return sum(abs(x - y) for x, y in zip(chances, reversed(chances), strict=True)) / 2


def bayes_optimal_return(family):
    """In closed form: all actions show the same, so the best player takes the better action.

    Let b be the belief that state 1 pays often, and d the belief that action 0 leads to it by the
    common transition. A reward in state 1, or none in state 2, is a hint for state 1, which is
    right with probability `high`. A transition is a hint on the structure, which is right with
    probability `common`. The hints are independent. Action 0 is paid with the probability
    1/2 + (2 common - 1) (2 high - 1) (2 b - 1) (2 d - 1) / 2, and action 1 with the complement.
    """
    c, h = (Fraction(family.parameters[name]).limit_denominator() for name in ("common", "high"))
    hidden, total = family.parameters["structure"] == "hidden", Fraction(0)
    for k in range(family.num_episodes):
        clear = clearness(h, k) * (clearness(c, k) if hidden else 1)
        total += Fraction(1, 2) + (2 * c - 1) * (2 * h - 1) * clear / 2
    return float(total)


@pytest.mark.parametrize(
    "words",
    [
        {},
        {"episodes": 1, "structure": "hidden"},
        {"episodes": 12, "structure": "hidden"},
        {"episodes": 9, "common": 0.7, "high": 0.6},
        {"episodes": 9, "common": 0.9, "high": 1.0, "structure": "hidden"},
        {"episodes": 6, "common": 1.0, "structure": "hidden"},
        {"episodes": 5, "common": 0.5},
        {"episodes": 5, "high": 0.5},
    ],
)
def test_the_ceiling_is_the_closed_form(words):
    family = two_step(**words)
    ceiling = bayes_optimal.solve(family)
    assert ceiling.value == pytest.approx(bayes_optimal_return(family), abs=1e-10)
    c, h, N = (*(family.parameters[name] for name in ("common", "high")), family.num_episodes)
    assert ceiling.known_task == pytest.approx(N * (c * h + (1 - c) * (1 - h)), abs=1e-10)
    assert ceiling.random == pytest.approx(N / 2, abs=1e-10)


def test_the_first_step_is_never_paid_and_every_episode_begins_in_the_first_stage():
    family = two_step(episodes=30, structure="hidden")
    player = bayes_optimal.bayes_optimal(family, bayes_optimal.solve(family))
    tasks = family.sample(np.random.default_rng(0), 50)
    episodes = player.trial(np.random.default_rng(1), player.init(np.random.default_rng(2)), tasks)
    assert (episodes.states[..., 0] == 0).all() and (episodes.rewards[..., 0] == 0).all()
    assert set(np.unique(episodes.states[..., 1])) == {1, 2} and episodes.alive.all()
    assert set(np.unique(episodes.rewards[..., 1])) == {0, 1}


def test_a_hidden_structure_is_one_of_two_and_each_state_may_pay():
    for structure, G in (("known", 2), ("hidden", 4)):
        family = two_step(structure=structure)
        assert family.prior.mdps.leading == (G,) and (family.prior.weights == 1 / G).all()
        again = pickle.loads(pickle.dumps(family))
        assert again.parameters == family.parameters
        assert (family.horizon, family.num_episodes) == (2, 100)
        assert family.reward_noise is rollouts.bernoulli
    assert np.array_equal(two_step().prior.mdps.transition, two_step_mdps(0.8, 0.9).transition[:2])


def test_a_state_that_never_pays_ends_no_episode():
    family = two_step(episodes=3, high=1.0)
    tasks = family.sample(np.random.default_rng(0), 20)
    player = bayes_optimal.bayes_optimal(family, bayes_optimal.solve(family))
    state = player.init(np.random.default_rng(0))
    assert player.trial(np.random.default_rng(1), state, tasks).alive.all()


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"episodes": 0}, ValueError, "episodes must be at least 1, got 0"),
        ({"episodes": 2.0}, TypeError, r"episodes must be a whole number, got 2\.0"),
        ({"common": 0.4}, ValueError, r"common must be finite, from 0\.5 to 1, got 0\.4"),
        ({"common": 1.1}, ValueError, r"common must be finite, from 0\.5 to 1, got 1\.1"),
        ({"high": np.nan}, ValueError, r"high must be finite, from 0\.5 to 1, got nan"),
        ({"high": "0.9"}, TypeError, r"high must be a real number, got '0\.9'"),
        ({"structure": "fixed"}, ValueError, "structure must be one of known, hidden, got 'fixed'"),
        ({"structure": 1}, TypeError, "structure must be of type str, got int"),
    ],
)
def test_bad_parameters_are_refused(words, error, message):
    with pytest.raises(error, match=message):
        two_step(**words)
