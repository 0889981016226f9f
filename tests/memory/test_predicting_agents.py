"""A policy of another library plays what it would play here, and is called by its protocol."""

import numpy as np
import pytest
from comparing import episodes_equal, rng
from problems import paying_grid, small_bandit, small_grid

from metarl_min.memory import predicting_agents, recurrent_agents, recurrent_policies
from metarl_min.tasks import play_trial, reward_unit, shape_of


def greedy_predict(policy, theta):
    """A recurrent policy of this package as another library would call it."""

    def predict(x, memory, starts):
        if starts.any():
            assert starts.all() and memory is None
            memory = policy.initial_memory(theta, len(x))
        memory, logits, _ = policy.step(theta, memory, x)
        return logits.argmax(-1), memory

    return predict


@pytest.mark.parametrize("family", [small_bandit(3, 5), small_grid(terminate=1), paying_grid(7.0)])
def test_a_policy_plays_as_its_recurrent_agent(family):
    (S, A), policy = shape_of(family), recurrent_policies.gru(5)
    theta = policy.init(rng(4), S + A + 2, A)
    tasks = family.sample(rng(), 20)
    players = (
        predicting_agents.agent(greedy_predict(policy, theta), family),
        recurrent_agents.agent(policy, theta, (S, A), True, reward_unit(family)),
    )
    one, other = (play_trial(rng(1), family, tasks, player)[0] for player in players)
    assert episodes_equal(one, other)


def test_predict_gets_the_memory_it_returned_and_the_start_of_the_trial_alone():
    family, calls = small_grid(), []

    def predict(x, memory, starts):
        calls.append((x.shape, x.dtype, memory, starts.tolist()))
        return np.zeros(len(x), int), len(calls)

    play_trial(rng(), family, family.sample(rng(), 2), predicting_agents.agent(predict, family))
    assert [memory for _, _, memory, _ in calls] == [None, *range(1, 12)]
    assert [starts for *_, starts in calls] == [[True, True]] + [[False, False]] * 11
    assert {call[:2] for call in calls} == {((2, 9 + 5 + 2), np.dtype(np.float32))}


def test_wrong_policies():
    family = small_bandit()
    tasks = family.sample(rng(), 2)
    for predict, rule in (
        (lambda x, h, starts: np.zeros(2, int), "must return a pair"),
        (lambda x, h, starts: (np.zeros(2), h), "actions of predict must be an array of whole"),
        (lambda x, h, starts: ([0, 1], h), "actions of predict must be an array of whole"),
        (lambda x, h, starts: (np.array([0, 2]), h), "actions must be from 0 to 1"),
        (lambda x, h, starts: (np.zeros(3, int), h), "actions must have the shape"),
    ):
        player = predicting_agents.agent(predict, family)
        with pytest.raises((TypeError, ValueError), match=rule):
            play_trial(rng(), family, tasks, player)
    with pytest.raises(TypeError, match="predict must be a function"):
        predicting_agents.agent(3, family)
