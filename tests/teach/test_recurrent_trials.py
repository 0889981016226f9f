"""Trials of a recurrent policy, and their returns, as questions."""

import numpy as np
import pytest

from metarl_min.teach import recurrent_trials as topic
from metarl_min.teach.questions import in_this_process
from metarl_min.teach.recurrent_steps import draw_parameters

QUESTIONS = {"play_trials": topic.play_trials(), "returns_to_go": topic.returns_to_go()}
NAMES = [(name, mistake) for name, question in QUESTIONS.items() for mistake in question.mistakes]


def graded(name, program, seed=0):
    return QUESTIONS[name].grade(in_this_process(program), np.random.default_rng(seed))


def by_hand(params, rewards, uniforms, *, memory_ends_with=None, late_action=0, late_reward=0):
    """Play trials as written down; the memory may end with the "episode" or never.

    The inputs may hold the action and the reward of earlier steps.
    """
    M, N, T, A = rewards.shape
    actions, logits = np.zeros((M, N, T), dtype=int), np.zeros((M, N, T, A))
    h, x, past = np.zeros(len(params["b"])), np.zeros(A + 2), []
    for m in range(M):
        if memory_ends_with != "never":
            h, x, past = 0 * h, 0 * x, [(np.zeros(A), 0.0)] * 3
        for n in range(N):
            if memory_ends_with == "episode":
                h = 0 * h
            for t in range(T):
                h = np.tanh(x @ params["W"] + params["b"] + h @ params["U"])
                z = h @ params["W_out"] + params["b_out"]
                pi = [np.exp(y) / sum(np.exp(z)) for y in z]
                a = min(a for a in range(A) if sum(pi[: a + 1]) > uniforms[m, n, t])
                actions[m, n, t], logits[m, n, t] = a, z
                past = [*past, (np.eye(A)[a], rewards[m, n, t, a])]
                action, reward = past[-1 - late_action][0], past[-1 - late_reward][1]
                x = np.array([*action, reward, t == T - 1])
    return logits, actions


def sums(rewards):
    flat = list(rewards.ravel())
    return np.array([sum(flat[t:]) for t in range(len(flat))]).reshape(rewards.shape)


RIGHT = {"play_trials": by_hand, "returns_to_go": sums}


def trial(seed=0):
    rng = np.random.default_rng(seed)
    return draw_parameters(rng, 2, 3), rng.normal(size=(2, 3, 2, 2)), rng.random((2, 3, 2))


@pytest.mark.verifies("recurrent_trials.1")
def test_eq1_a_trial_by_hand():
    for seed in range(5):
        (logits, actions), expected = topic.play(*trial(seed)), by_hand(*trial(seed))
        assert np.array_equal(actions, expected[1])
        assert logits == pytest.approx(expected[0], rel=1e-11, abs=1e-13)


@pytest.mark.verifies("recurrent_trials.1")
def test_eq1_a_reward_changes_the_next_step_of_its_trial_and_no_earlier_step():
    params, rewards, uniforms = trial()
    before, _ = topic.play(params, rewards, uniforms)
    rewards = rewards.copy()
    rewards[0, 1, 1] += 0.5  # the last step of an episode
    after, _ = topic.play(params, rewards, uniforms)
    changed = (after != before).any(axis=-1)
    assert changed.tolist() == [[[False, False], [False, False], [True, True]], [[False] * 2] * 3]


@pytest.mark.verifies("recurrent_trials.2")
def test_eq2_by_hand():
    assert topic.to_go(np.array([[1.0, 2.0], [4.0, 8.0]])).tolist() == [[15, 14], [12, 8]]


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_has_all_points_for_every_seed(name):
    for seed in range(10):
        assert graded(name, RIGHT[name], seed).score == 1


@pytest.mark.parametrize(("name", "mistake"), NAMES)
def test_every_mistake_is_refused_by_its_own_name(name, mistake):
    one = QUESTIONS[name].mistakes[mistake]
    for seed in range(2 if name == "play_trials" else 5):
        verdict = graded(name, one.program, seed)
        assert (verdict.score, verdict.mistake) == (0, mistake)
        assert one.say in verdict.text and one.equation in verdict.text


def test_mistakes_that_are_made_by_hand_have_the_same_names():
    for change, name in (
        ({"memory_ends_with": "episode"}, "the hidden state cleared at the end of an episode"),
        ({"memory_ends_with": "never"}, "nothing cleared between trials"),
        ({"late_action": 1}, "the action one step late"),
        ({"late_reward": 1}, "the reward one step late"),
    ):
        verdict = graded("play_trials", lambda *x, c=change: by_hand(*x, **c))
        assert verdict.mistake == name
        right = 2 if "trials" in name else 0 if "late" in name else 1
        assert verdict.text.startswith(f"play_trials is right in {right} of 4 cases")
    mean = graded("returns_to_go", lambda rewards: sums(rewards) / rewards.size)
    assert mean.mistake == "1/N T times the right result"


def test_a_table_that_is_changed_is_a_fault():
    def in_place(rewards):
        rewards[...] = sums(rewards)
        return rewards

    assert graded("returns_to_go", in_place).mistake == "changes its arguments"
