"""What a recurrent agent observes, keeps and records, and how it draws its actions."""

from functools import partial

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
    with pytest.raises(ValueError, match="must be the memory of a recording agent"):
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


@pytest.mark.parametrize(
    "choose", [recurrent_agents.sample_actions, recurrent_agents.greedy_actions]
)
def test_what_is_no_number_is_never_a_choice(choose):
    for bad in (np.nan, np.inf, -np.inf):
        logits = np.array([[0.0, 1.0], [bad, bad], [1.0, 0.0]])
        with pytest.raises(FloatingPointError, match=f"largest logit must be finite, got {bad}"):
            choose(rng(), logits)
    with pytest.raises(FloatingPointError, match="largest logit must be finite, got nan"):
        choose(rng(), np.array([[0.0, np.nan, 5.0]]))
    assert_array_equal(choose(rng(), np.array([[-np.inf, 0.0]])), [1])
    for bad in ([[0.0, 1.0]], np.zeros(3), np.zeros((2, 3), int), None):
        with pytest.raises(TypeError, match=r"logits must be an array of floats \[B, A\]"):
            choose(rng(), bad)


@pytest.mark.parametrize("bad", [None, 0, np.random.RandomState(0), np.random])
def test_actions_are_drawn_by_a_generator(bad):
    with pytest.raises(TypeError, match="rng must be a Generator"):
        recurrent_agents.sample_actions(bad, np.zeros((2, 3)))


def test_parameters_that_are_no_numbers_do_not_play():
    tasks, policy, theta, _, _ = played()
    for bad in (np.nan, np.inf):
        broken = theta | {"c_heads": np.full_like(theta["c_heads"], bad)}
        for make in (recurrent_agents.agent, recurrent_agents.recording_agent):
            with pytest.raises(ValueError, match="parameter 'c_heads' must be finite"):
                make(policy, broken, tasks.shape)
    with pytest.raises(TypeError, match="parameters must be a non-empty dict"):
        recurrent_agents.agent(policy, None, tasks.shape)
    with pytest.raises(TypeError, match="policy must be of type RecurrentPolicy, got NoneType"):
        recurrent_agents.agent(None, theta, tasks.shape)


@pytest.mark.parametrize("unit", [0.0, -1.0, np.nan, np.inf])
def test_the_unit_is_positive(unit):
    tasks, policy, theta, _, _ = played()
    with pytest.raises(ValueError, match="unit must be"):
        recurrent_agents.agent(policy, theta, tasks.shape, unit=unit)


def one_logit_too_many(params, memory, x, step):
    after, logits, values = step(params, memory, x)
    return after, np.concatenate([logits, logits[:, :1]], axis=1), values


def a_column_of_values(params, memory, x, step):
    after, logits, values = step(params, memory, x)
    return after, logits, values[:, None]


@pytest.mark.parametrize("step", [one_logit_too_many, a_column_of_values])
def test_a_cell_of_ones_own_returns_a_logit_for_each_action(step):
    tasks, policy, theta, _, _ = played()
    own = policy._replace(step=partial(step, step=policy.step))
    player = recurrent_agents.agent(own, theta, tasks.shape)
    rule = r"logits and values of a step must be \(6, 5\), \(6,\), got \(\(6, [56]\), \(6,"
    with pytest.raises(ValueError, match=rule):
        play_trial(rng(), small_grid(terminate=1), tasks, player)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"states": np.array([2, 0])}, r"states must be from 0 to 1, got 2 at \[0\]"),
        ({"states": np.array([-1, 0])}, "states must be from 0 to 1, got -1"),
        ({"states": np.array([0.0, 1.0])}, "states must be an array of whole numbers"),
        ({"states": np.array([0])}, "last_action_reward must have the axes"),
        ({"last_action_reward": np.zeros(3)}, "last_action_reward must have the axes"),
        ({"last_action_reward": np.full((2, 3), np.nan)}, "last_action_reward must be finite"),
        ({"num_states": 0}, "num_states must be at least 1, got 0"),
    ],
)
def test_an_observation_of_what_cannot_be_is_refused(changes, rule):
    given = {"states": np.array([1, 0]), "last_action_reward": np.zeros((2, 3)), "starts": True,
             "num_states": 2}  # fmt: skip
    assert recurrent_agents.observation(**given).shape == (2, 6)
    with pytest.raises((TypeError, ValueError), match=rule):
        recurrent_agents.observation(**given | changes)


def test_records_and_trials_of_another_kind_are_refused():
    with pytest.raises(TypeError, match="memory must be of type Memory, got NoneType"):
        recurrent_agents.record(None)
    with pytest.raises(ValueError, match=r"x must have the axes \[M, N, T\], got \(4, 2\)"):
        recurrent_agents.time_first(np.zeros((4, 2)))


@pytest.mark.parametrize("make", [recurrent_agents.agent, recurrent_agents.recording_agent])
def test_an_agent_has_the_parameters_of_its_policy_and_a_shape(make):
    policy = recurrent_policies.gru(3)
    theta = policy.init(rng(), 9 + 5 + 2, 5)
    make(policy, {name: np.stack([x, x]) for name, x in theta.items()}, (9, 5))  # a population
    for wrong, rule in (
        ({**theta, "d": theta["b"]}, "theta must have the names"),
        ({**theta, "b": theta["b"][:1]}, r"parameter 'b' must have the shape \(9,\), got \(1,\)"),
        ({**theta, "b": theta["b"][None]}, "parameter 'U' must have the shape|parameter 'W' must"),
        (policy.init(rng(), 8, 5), r"parameter 'W' must have the shape \(16, 9\), got \(8, 9\)"),
    ):
        with pytest.raises(ValueError, match=rule):
            make(policy, wrong, (9, 5))
    for shape in (None, 9, [9, 5], (9,)):
        with pytest.raises(TypeError, match="shape must be a pair of whole numbers, got"):
            make(policy, theta, shape)
    for greedy in (None, "no", 1):
        with pytest.raises(TypeError, match="greedy must be True or False, got"):
            make(policy, theta, (9, 5), greedy)


def test_the_bit_of_a_start_is_true_or_false():
    for starts in (None, 2, np.nan):
        with pytest.raises(TypeError, match="starts must be True or False, got"):
            recurrent_agents.observation(np.array([0]), np.zeros((1, 3)), starts, 2)
