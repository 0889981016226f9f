"""Candidate tasks with noise-free rewards, eqs. (1) and (2), against the belief search."""

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest
from belief_search import BeliefSearch
from comparing import rng
from hypothesis import given, settings
from hypothesis import strategies as st

from metarl_min.ceilings import TooLarge, hypotheses
from metarl_min.ceilings.outcomes import outcomes
from metarl_min.mdps import rollouts
from metarl_min.mdps.agents import Agent, keep_memory
from metarl_min.mdps.mdp import MDP
from metarl_min.tasks import Unsupported, family_of_candidates, play_trial
from metarl_min.tasks.bandits import contextual
from metarl_min.tasks.gridworlds import gridworld

EIGHTHS = {"goal_reward": 1.0, "step_reward": -0.125, "stay": 0}
GRIDS = {
    "slip": {"size": 2, "start": 0, "horizon": 3, "episodes": 2, "slip": 0.5},
    "absorbing": {
        "size": 2, "start": 0, "horizon": 3, "episodes": 2, "slip": 0.5, "terminate": 1,
    },
    "absorbing, free steps": {
        "size": 2, "start": 0, "horizon": 3, "episodes": 2, "slip": 0.25, "terminate": 1,
        "step_reward": 0.0,
    },
    "walls": {
        "size": 3, "start": 0, "horizon": 4, "episodes": 2, "walls": (4, 5), "goals": (2, 6, 8),
    },
    "stay": {
        "size": 2, "start": 3, "horizon": 2, "episodes": 3, "stay": 1, "goals": (0, 1, 2, 3),
    },
    "nothing to learn": {"size": 2, "start": 0, "horizon": 2, "episodes": 2, "step_reward": 1.0},
    "one task": {"size": 2, "start": 0, "horizon": 3, "episodes": 2, "goals": (3,), "slip": 0.5},
    "one long episode": {
        "size": 3, "start": 4, "horizon": 5, "episodes": 1, "goals": (0, 2, 8),
    },
}  # fmt: skip


class Memory(NamedTuple):
    """The belief of the ceiling, and beside it that of the search for each task."""

    belief: Any
    searched: list  # [M] tuples of rational numbers
    time: int


def comparing_agent(search, ceiling):
    """An agent that acts at random and compares Q of the ceiling with the search in each step."""

    def act(rng, memory, states):
        q = ceiling.action_values(memory.belief, states)
        for belief, s, row in zip(memory.searched, states, q, strict=True):
            expected = np.array(search.values(belief, s, memory.time), float)
            np.testing.assert_allclose(row, expected, atol=1e-12)
        return rng.integers(0, q.shape[1], len(states)), memory

    def observe(memory, *step):
        searched = [
            search.update(belief, s, a, Fraction(r), arrival)[1]
            for belief, s, a, r, arrival in zip(memory.searched, *step, strict=True)
        ]
        return Memory(ceiling.observe(memory.belief, *step), searched, memory.time + 1)

    def start(num_tasks):
        return Memory(ceiling.start(num_tasks), [search.prior] * num_tasks, 0)

    return Agent(start=start, begin_episode=keep_memory, act=act, observe=observe)


def assert_values_of_the_search(family, num_tasks=30):
    """Compare the value at the start, and Q along random histories."""
    search, ceiling = BeliefSearch(family), hypotheses.solve(family)
    assert ceiling.value == pytest.approx(float(search.start_value(search.prior, 0)), abs=1e-12)
    tasks = family.sample(rng(), num_tasks)
    play_trial(rng(1), family, tasks, comparing_agent(search, ceiling))
    return ceiling


def two_candidates(family):
    """The family of one grid twice: a batch of tasks needs an axis of candidates."""
    one = family.prior.mdps
    mdps = one._replace(reward=np.repeat(one.reward, 2, axis=0))
    weights = np.array([0.25, 0.75])
    protocol = family.horizon, family.num_episodes, family.reward_noise
    return family_of_candidates("two", {}, mdps, weights, *protocol)


@pytest.mark.verifies("ceilings.1", "ceilings.2", "hypotheses.1", "hypotheses.2")
@pytest.mark.parametrize("name", GRIDS)
def test_grids_have_the_values_of_the_belief_search(name):
    family = gridworld(**(EIGHTHS | GRIDS[name]))
    if name == "one task":
        family = two_candidates(family)
    ceiling = assert_values_of_the_search(family)
    assert ceiling.known_task + 1e-12 >= ceiling.value >= ceiling.random - 1e-12


def drawn_candidates(draw):
    """Candidates that agree on the chance of each arrival that they allow, and their weights."""
    G, S, A = 4, 3, 2
    rows = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0]])
    transition = np.repeat(rows[draw.integers(0, 4, (1, S, A))], G, axis=0)
    differs = draw.random((G, S, A)) < 0.3  # in some candidates, a step without chance
    certain = np.where(
        transition.max(-1, keepdims=True) == 1,
        np.eye(S)[draw.integers(0, S, (G, S, A))],
        transition,
    )
    transition = np.where(differs[..., None], certain, transition)
    reward = draw.integers(0, 3, (G, S, A, S)) / 2 * (draw.random((1, S, A, 1)) < 0.6)
    weights = np.array([0.5, 0.25, 0.25, 0.0])[draw.permutation(G)]
    return MDP(np.array([[0.25, 0.75, 0]]), transition, reward), weights


@pytest.mark.verifies("ceilings.1", "outcomes.1", "hypotheses.1", "hypotheses.2")
@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 2))
def test_random_candidates_have_the_values_of_the_belief_search(seed, horizon, num_episodes):
    mdps, weights = drawn_candidates(rng(seed))
    noise = rollouts.deterministic
    family = family_of_candidates("drawn", {}, mdps, weights, horizon, num_episodes, noise)
    assert_values_of_the_search(family, num_tasks=8)


def test_contextual_arms_have_the_values_of_the_belief_search():
    assert_values_of_the_search(contextual(cues=2, arms=2, pulls=4), num_tasks=8)


def two_bits(num_episodes):
    """Arriving in state 1 pays one unknown bit, in state 2 the other; both are absorbing."""
    transition = np.zeros((1, 3, 2, 3))
    transition[0, 0, [0, 1], [1, 2]] = transition[0, 1, :, 1] = transition[0, 2, :, 2] = 1
    reward = np.zeros((4, 3, 2, 3))
    reward[:, 0, 0, 1], reward[:, 0, 1, 2] = [0, 0, 1, 1], [0, 1, 0, 1]
    mdp = MDP(np.eye(3)[None, 0], transition, reward)
    noise = rollouts.deterministic
    return family_of_candidates("bits", {}, mdp, np.full(4, 0.25), 2, num_episodes, noise)


@pytest.mark.verifies("hypotheses.1")
@pytest.mark.parametrize(("num_episodes", "num_beliefs"), [(1, 5), (2, 9)])
def test_eq1_only_subsets_that_can_occur_are_listed(num_episodes, num_beliefs):
    family = two_bits(num_episodes)
    table = hypotheses.beliefs(family, outcomes(family))
    assert len(table.successor) == num_beliefs
    possible = table.successor >= 0
    assert (table.probs[possible] > 0).all() and (table.probs[~possible] == 0).all()
    value = 0.5 if num_episodes == 1 else 0.5 + 0.5 * 1 + 0.5 * 0.5
    assert hypotheses.solve(family).value == pytest.approx(value, abs=1e-12)


def test_episodes_determine_the_belief_unless_random_arrivals_matter():
    assert not hypotheses.solve(two_bits(2)).needs_arrivals
    slip = gridworld(**(EIGHTHS | GRIDS["slip"]))
    assert hypotheses.solve(slip).needs_arrivals
    assert not hypotheses.solve(slip._replace(num_episodes=1)).needs_arrivals


def test_the_subsets_are_counted_while_they_are_listed():
    # 9 subsets, each with two entries for an outcome and one for each time, state and action;
    # the outcomes: 2 rewards for each of 2 arrivals, and 4 steps that stay
    entries = 9 * (2 * 8 + 4 * 6)
    hypotheses.solve(two_bits(2), entries)
    with pytest.raises(TooLarge, match=f"at most {entries - 1} .* got at least {entries}"):
        hypotheses.solve(two_bits(2), entries - 1)


@pytest.mark.verifies("hypotheses.2")
def test_eq2_candidates_must_agree_on_the_chance_of_the_arrivals_that_they_allow():
    transition = np.array([[0.5, 0.5], [0.25, 0.75]])[:, None, None] * np.ones((2, 2, 1, 1))
    mdp = MDP(np.eye(2)[None, 0], transition, np.zeros((2, 1, 1, 1)))
    family = family_of_candidates("coins", {}, mdp, np.full(2, 0.5), 2, 1, rollouts.deterministic)
    with pytest.raises(Unsupported, match=r"no exact ceiling unless .* differ by 0.25"):
        hypotheses.solve(family)
    certain = family._replace(prior=family.prior._replace(weights=np.array([0.0, 1.0])))
    assert hypotheses.solve(certain).value == 0
    starts = mdp._replace(initial=np.eye(2))
    with pytest.raises(Unsupported, match="must share one distribution of the first state"):
        hypotheses.solve(family._replace(prior=family.prior._replace(mdps=starts)))
