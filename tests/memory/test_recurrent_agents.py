"""What a recurrent agent observes, keeps and records, and how it draws its actions."""

import numpy as np
import pytest
from comparing import rng
from numpy.testing import assert_allclose, assert_array_equal
from problems import small_grid
from recurrent_policies import played

from metarl_min.mdps import agents, rollouts
from metarl_min.memory import external_memory, recurrent_agents, recurrent_policies
from metarl_min.tasks import play_trial


@pytest.mark.verifies("recurrent_agents.1")
def test_each_step_sees_its_state_and_what_the_step_before_did_and_was_paid():
    tasks, policy, theta, record, episodes = played()
    S, A = tasks.shape
    states, actions, rewards = (recurrent_agents.time_first(x) for x in episodes[:3])
    for t, x in enumerate(record.observations):
        truth = np.zeros((6, S + A + 2))
        for m in range(6):
            truth[m, states[t, m]] = 1
            if t:
                truth[m, S + actions[t - 1, m]] = 1
                truth[m, S + A] = rewards[t - 1, m]
            truth[m, S + A + 1] = t % 4 == 0
        assert_allclose(x, truth, atol=0)
    memories, logits, values = recurrent_policies.unroll(policy, theta, record.observations)
    hidden = [memory.h_after for memory in memories]
    assert not hidden[0].any() and hidden[4].any()  # zeros only before the trial
    assert_allclose([memory.h_after for memory in record.policy_memories], hidden, atol=0)
    assert_allclose(record.logits, logits, atol=0)
    assert_allclose(record.values, values, atol=0)


@pytest.mark.verifies("recurrent_agents.1")
def test_a_reward_is_seen_in_its_unit():
    tasks, policy, theta, _, _ = played()
    records = []
    for unit in (1.0, 0.5):
        agent = recurrent_agents.recording_agent(policy, theta, tasks.shape, True, unit)
        paid = tasks._replace(reward=unit * tasks.reward)
        sampler = rollouts.sampler(paid, rollouts.deterministic)
        records.append(recurrent_agents.record(agents.play(rng(0), sampler, agent, 3, 4)[1]))
    assert records[0].observations[..., -2].any()
    assert_array_equal(records[0].observations, records[1].observations)


def test_an_agent_that_records_plays_like_one_that_does_not_and_this_one_keeps_no_step():
    tasks, policy, theta, record, episodes = played(3)
    agent = recurrent_agents.agent(policy, theta, tasks.shape)
    again, memory = play_trial(rng(3), small_grid(terminate=1), tasks, agent)
    for x, y in zip(again, episodes, strict=True):
        assert_array_equal(x, y)
    assert memory.steps is None
    with pytest.raises(ValueError, match="must be that of a recording agent"):
        recurrent_agents.record(memory)
    assert_array_equal(memory.policy_memory.h_after, record.policy_memories[-1].h_after)


def test_a_memory_is_a_value_that_no_later_step_changes():
    tasks, policy, theta, _, _ = played()
    agent = recurrent_agents.recording_agent(policy, theta, tasks.shape)
    first, states = agent.begin_episode(rng(), agent.start(6)), np.arange(6)
    actions, second = agent.act(rng(), first, states)
    third = agent.observe(second, states, actions, np.ones(6), states)
    agent.act(rng(), third, states)
    assert first.steps == () and len(second.steps) == len(third.steps) == 1
    assert not first.last_action_reward.any() and not second.last_action_reward.any()
    assert first.episode_starts and not third.episode_starts
    assert not first.policy_memory.h_after.any()


def noise_at(call, extra):
    """Noise that adds `extra` to all rewards of one call."""
    calls = iter(range(1000))
    return lambda rng, mean: mean + extra * (next(calls) == call)


@pytest.mark.parametrize("network", ["gru", "external memory"])
def test_a_reward_is_seen_at_the_next_decision_and_not_before(network):
    """Perturbed at step 5, in the middle of the second episode: alignment by construction."""
    tasks, policy, theta, _, _ = played()
    if network == "external memory":
        policy = external_memory.policy(5, 3, 4, "float64")
        theta = policy.init(rng(1), sum(tasks.shape) + 2, tasks.shape[1])
    records = []
    for extra in (0.0, 7.0):
        agent = recurrent_agents.recording_agent(policy, theta, tasks.shape, greedy=True)
        sampler = rollouts.sampler(tasks, noise_at(5, extra))
        records.append(recurrent_agents.record(agents.play(rng(0), sampler, agent, 3, 4)[1]))
    one, other = records
    for t in range(12):
        same = [np.array_equal(one.logits[t], other.logits[t]),
                np.array_equal(one.values[t], other.values[t])]  # fmt: skip
        assert all(same) is (t < 6) or t > 6
    assert np.array_equal(one.observations[5], other.observations[5])


class Given:
    """A generator whose numbers are known."""

    def __init__(self, u):
        self.u = u

    def random(self, shape):
        assert shape == self.u.shape
        return self.u


def test_actions_invert_the_softmax_of_each_row_whatever_its_scale():
    """Chances 1/2, 1/4, 1/4: u below 1/2 is action 0, below 3/4 action 1."""
    u = np.array([0.0, 0.49, 0.51, 0.74, 0.76, 1 - 1e-16])
    for shift in (0.0, -3000.0, 3000.0):
        logits = np.log([[2.0, 1.0, 1.0]] * 6) + shift
        logits[1::2] += 2000.0  # a neighbour of another scale changes nothing
        assert_array_equal(recurrent_agents.sample_actions(Given(u), logits), [0, 0, 1, 1, 2, 2])


def test_an_action_of_no_chance_is_never_drawn():
    u = np.array([0.0, 0.5, 1 - 1e-16])
    logits = np.array([[-np.inf, 0.0, -1e4]] * 3)
    assert_array_equal(recurrent_agents.sample_actions(Given(u), logits), [1, 1, 1])


def test_a_greedy_action_is_the_most_probable_one():
    logits = np.array([[0.0, 2.0, 1.0], [3.0, -1.0, 2.0], [0.0, 0.0, 1.0]])
    assert_array_equal(recurrent_agents.greedy_actions(rng(), logits), [1, 0, 2])
