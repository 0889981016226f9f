"""The list of outcomes, eq. (1)."""

import itertools

import numpy as np
import pytest
from comparing import rng

from metarl_min.ceilings import TooLarge, outcomes
from metarl_min.mdps import rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.tasks import family_of_candidates


def drawn_family(seed=0):
    """Three candidates with two states, two actions, chance in some arrivals and few rewards."""
    draw = rng(seed)
    rows = np.array([[1, 0], [0, 1], [0.5, 0.5]])
    transition = rows[draw.integers(0, 3, (3, 2, 2))]
    reward = draw.integers(0, 3, (3, 2, 2, 2)) / 2
    mdp = MDP(np.array([[1.0, 0.0]]), transition, reward)
    return family_of_candidates("drawn", {}, mdp, np.full(3, 1 / 3), 2, 1, rollouts.deterministic)


def family_of_rewards(rewards):
    """Candidates with one state and one action that differ in the reward."""
    G = len(rewards)
    mdp = MDP(np.ones((1, 1)), np.ones((1, 1, 1, 1)), np.reshape(rewards, (G, 1, 1, 1)))
    return family_of_candidates("rewards", {}, mdp, np.full(G, 1 / G), 1, 1, rollouts.deterministic)


@pytest.mark.verifies("outcomes.1")
@pytest.mark.parametrize("seed", range(3))
def test_eq1_every_possible_outcome_is_listed_once_with_its_probabilities(seed):
    family = drawn_family(seed)
    mdps = family.prior.mdps
    listed = outcomes.outcomes(family)
    expected = {}
    for g, s, a, arrival in itertools.product(range(3), range(2), range(2), range(2)):
        if mdps.transition[g, s, a, arrival] > 0:
            key = (s, a, arrival, mdps.reward[g, s, a, arrival])
            expected.setdefault(key, np.zeros(3))[g] = mdps.transition[g, s, a, arrival]
    keys = sorted(expected)
    np.testing.assert_array_equal(listed.state, [key[0] for key in keys])
    np.testing.assert_array_equal(listed.arrival, [key[2] for key in keys])
    np.testing.assert_array_equal(listed.reward, [key[3] for key in keys])
    np.testing.assert_array_equal(listed.probs, [expected[key] for key in keys])
    firsts = [next(o for o, key in enumerate(keys) if key[:2] == (s, a)) for s, a in PAIRS]
    assert listed.first.tolist() == firsts
    columns = [np.array(x) for x in zip(*keys, strict=True)]
    states, actions, arrivals, rewards = columns
    place, possible = outcomes.find(listed, states, actions, rewards, arrivals[:, None])
    assert possible.all() and place[:, 0].tolist() == list(range(len(keys)))


PAIRS = list(itertools.product(range(2), range(2)))


def test_an_outcome_that_no_candidate_allows_is_not_found():
    listed, zero = outcomes.outcomes(family_of_rewards([1.0, 3.0])), np.zeros(4, int)
    rewards = np.array([1.0, 2.0, 3.0, 4.0])
    _, possible = outcomes.find(listed, zero, zero, rewards, zero[:, None])
    assert possible[:, 0].tolist() == [True, False, True, False]


def test_outcomes_without_their_arrival_are_grouped_by_state_action_and_reward():
    listed = outcomes.outcomes(drawn_family())
    order, groups = outcomes.without_arrival(listed)
    pair = np.searchsorted(listed.first, np.arange(len(order)), side="right")
    keys = list(zip(pair[order], listed.reward[order], strict=True))
    assert [key for key, _ in itertools.groupby(keys)] == sorted(set(keys))
    assert [keys[i] for i in groups] == sorted(set(keys))


def test_both_tables_have_the_limit():
    family = family_of_rewards(np.arange(10.0))
    for limit, got in ((9, r"got 10 \("), (99, r"got 100 \(")):
        with pytest.raises(TooLarge, match=f"at most {limit} table entries, {got}"):
            outcomes.outcomes(family, limit)
    assert len(outcomes.outcomes(family, 100).codes) == 10
