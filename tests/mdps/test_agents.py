"""Agents: the order of a trial, and the episodes of an agent against those of its table."""

from functools import partial

import numpy as np
import pytest
from comparing import assert_mean, rng
from enumerate_trajectories import expected_return, occupancy, random_batch, random_mdp
from problems import always, corridor, one_state, scripted_agent, table_agent

from metarl_min.mdps import agents, rollouts
from metarl_min.mdps.agents import Agent
from metarl_min.mdps.mdp import MDP


def one_of(mdp):
    """A batch of one task."""
    return MDP(*[x[None] for x in mdp])


def play(mdp, agent, num_episodes, horizon, noise=rollouts.deterministic, seed=0):
    tables = rollouts.sampler(mdp, noise)
    return agents.play(rng(seed), tables, agent, num_episodes, horizon)


def test_play_with_a_fixed_table_has_the_distribution_of_sample():
    mdp, probs = random_mdp(7, 3, 2)
    batch = MDP(mdp.initial[None], mdp.transition[None], np.repeat(mdp.reward[None], 5000, 0))
    episodes, _ = play(batch, table_agent(probs), 3, 4)
    assert all(x.shape == (5000, 3, 4) for x in episodes[:4])
    assert episodes.last_arrivals.shape == (5000, 3)
    pairs = episodes.states * 2 + episodes.actions
    exact = (occupancy(mdp, probs, 4)[..., None] * probs).reshape(4, 6)
    for n in range(3):
        assert_mean(pairs[:, n, :, None] == np.arange(6), exact, largest_error=0.03)
        returns = episodes.rewards[:, n].sum(-1)
        assert_mean(returns, expected_return(mdp, probs, 4), largest_error=0.03)


def test_an_agent_observes_what_happened_in_the_order_in_which_it_happened():
    batch, _, _ = random_batch(8, 2, 3, 2)
    agent = table_agent(np.full((3, 2), 0.5))._replace(
        start=lambda num_rows: (), observe=lambda memory, *seen: (*memory, seen)
    )
    episodes, log = play(batch, agent, 2, 3)
    assert len(log) == 6
    for k, (states, actions, rewards, arrivals) in enumerate(log):
        n, t = divmod(k, 3)
        assert np.array_equal(states, episodes.states[:, n, t])
        assert np.array_equal(actions, episodes.actions[:, n, t])
        assert np.array_equal(rewards, episodes.rewards[:, n, t])
        assert np.array_equal(rewards, batch.reward[np.arange(2), states, actions, arrivals])
        if t < 2:
            assert np.array_equal(arrivals, episodes.states[:, n, t + 1])


def test_the_memory_passes_through_every_call_and_is_returned_in_the_end():
    def called(name):
        return lambda rng, memory: (*memory, name)

    agent = Agent(
        start=lambda num_rows: (f"start {num_rows}",),
        begin_episode=called("begin"),
        act=lambda rng, memory, states: (np.zeros(2, int), (*memory, "act")),
        observe=lambda memory, *seen: (*memory, "observe"),
    )
    arms = MDP(np.ones((1, 1)), np.ones((1, 1, 2, 1)), np.zeros((2, 1, 2, 1)))
    _, memory = play(arms, agent, 2, 2)
    episode = ("begin", "act", "observe", "act", "observe")
    assert memory == ("start 2", *episode, *episode)


def test_play_starts_alive_again_after_an_episode_that_ended():
    agent, noise = table_agent(always(0, 3)), partial(rollouts.gaussian, std=1.0)
    episodes, _ = play(one_of(corridor()), agent, 2, 4, noise)
    assert (episodes.alive == [True, True, False, False]).all()
    assert (episodes.states == [0, 1, 2, 2]).all()
    assert (episodes.rewards[..., 2:] == 0).all() and (episodes.rewards[..., :2] != 0).all()


def test_play_with_one_task_one_episode_and_one_step():
    episodes, _ = play(one_of(one_state([0.25])), table_agent(np.ones((1, 1))), 1, 1)
    assert [x.tolist() for x in episodes] == [[[[0]]], [[[0]]], [[[0.25]]], [[[True]]], [[0]]]


def test_actions_of_a_script_are_played_in_their_order():
    episodes, memory = play(one_of(one_state([0.5, 0.25])), scripted_agent([1, 0, 0, 1]), 2, 2)
    assert episodes.actions.tolist() == [[[1, 0], [0, 1]]] and memory == 4
    assert episodes.rewards.tolist() == [[[0.25, 0.5], [0.5, 0.25]]]


def test_keep_memory_returns_the_memory_unchanged():
    memory = object()
    assert agents.keep_memory(rng(), memory) is memory


# ---- a population ----


@pytest.mark.parametrize("noise", [rollouts.deterministic, rollouts.gaussian])
@pytest.mark.parametrize("ends", [False, True])
def test_each_member_plays_as_it_does_alone(ends, noise):
    batch = random_batch(1, 3, 3, 2)[0]
    if ends:  # absorbing states, and arrivals that are certain
        batch = MDP(*(np.broadcast_to(x, (3, *x.shape)).copy() for x in corridor()))
    tables = rollouts.sampler(batch, noise)
    S, A = batch.shape
    probs = rng().dirichlet(np.ones(A), (4, S))
    first_row = np.repeat(np.arange(4) * S, 3)
    sums = np.cumsum(probs.reshape(4 * S, A), -1)

    def act(rng, memory, states):
        return (rng.random((len(states), 1)) >= sums[first_row + states]).sum(-1), memory

    agent = table_agent(probs)._replace(act=act)
    together, _ = agents.play(rng(5), tables, agent, 2, 6, population=4)
    for p in range(4):
        alone, _ = agents.play(rng(5), tables, table_agent(probs[p]), 2, 6)
        for x, y in zip(together, alone, strict=True):
            assert x.shape[:3] == (4, 3, 2) and np.array_equal(x[p], y)
    assert len(np.unique(together.actions.reshape(4, -1), axis=0)) == 4


# ---- what is refused ----


@pytest.mark.parametrize("population", [0, -1])
def test_a_population_needs_a_member(population):
    tables = rollouts.sampler(one_state([0.1, 0.2]), rollouts.deterministic)
    with pytest.raises(ValueError, match=f"population must be at least 1, got {population}"):
        agents.play(rng(), tables, table_agent(always(0, 1)), 1, 1, population)


@pytest.mark.parametrize(
    ("num_episodes", "horizon", "message"),
    [(0, 1, "num_episodes must be at least 1, got 0"), (1, 0, "horizon must be at least 1, got 0")],
)
def test_a_trial_needs_an_episode_and_a_step(num_episodes, horizon, message):
    with pytest.raises(ValueError, match=message):
        play(one_state([0.1]), table_agent(always(0, 1, 1)), num_episodes, horizon)


@pytest.mark.parametrize("action", [-1, 2])
def test_an_action_that_does_not_exist_is_refused(action):
    with pytest.raises(ValueError, match="actions must be from 0 to 1"):
        play(one_state([0.1, 0.2]), scripted_agent([action]), 1, 1)


@pytest.mark.parametrize(
    ("actions", "error", "message"),
    [
        (np.zeros(1, int), ValueError, r"actions must have the shape of the states, \(3,\), got"),
        (np.zeros((3, 1), int), ValueError, r"actions must have the shape of the states"),
        (0, TypeError, "actions must be an array of whole numbers, got int"),
        (np.zeros(3), TypeError, "actions must be an array of whole numbers, got float64"),
        (np.full(3, np.nan), TypeError, "actions must be an array of whole numbers, got float64"),
        (None, TypeError, "actions must be an array of whole numbers, got NoneType"),
    ],
)
def test_an_agent_takes_one_whole_number_for_each_state(actions, error, message):
    batch, _, _ = random_batch(0, 3)
    agent = table_agent(np.full((2, 2), 0.5))._replace(act=lambda rng, memory, s: (actions, memory))
    with pytest.raises(error, match=message):
        play(batch, agent, 1, 1)


@pytest.mark.parametrize("wrong", [None, 0, np.random, np.random.RandomState(0)])
def test_a_trial_needs_a_generator(wrong):
    tables = rollouts.sampler(one_state([0.1]), rollouts.deterministic)
    with pytest.raises(TypeError, match="rng must be a Generator, as numpy"):
        agents.play(wrong, tables, scripted_agent([0]), 1, 1)


def test_tables_and_agents_of_another_kind_are_refused():
    tables = rollouts.sampler(one_state([0.1]), rollouts.deterministic)
    for other in (None, scripted_agent, tuple(scripted_agent([0]))):
        with pytest.raises(TypeError, match="agent must be of type Agent, got"):
            agents.play(rng(), tables, other, 1, 1)
    with pytest.raises(TypeError, match="tables must be of type Sampler, got MDP"):
        agents.play(rng(), one_state([0.1]), scripted_agent([0]), 1, 1)


@pytest.mark.parametrize("name", Agent._fields)
def test_the_parts_of_an_agent_are_functions_from_the_moment_it_exists(name):
    with pytest.raises(TypeError, match=f"{name} must be a function, got 3"):
        scripted_agent([0])._replace(**{name: 3})
    with pytest.raises(TypeError, match=f"{name} must be a function, got None"):
        Agent(**{**scripted_agent([0])._asdict(), name: None})
