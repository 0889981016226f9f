"""Assignment 3: returns-to-go, against double sums."""

import numpy as np
import pytest

from metarl_min.teach import reward_sums
from metarl_min.teach.questions import in_this_process

QUESTION = reward_sums.returns_to_go()


def returns_to_go(rewards, gamma):
    T, W = rewards.shape[1], np.zeros(rewards.shape)
    for n, row in enumerate(rewards):
        for t in range(T):
            W[n, t] = sum(gamma**k * row[t + k] for k in range(T - t))
    return W


def graded(program, seed=0):
    return QUESTION.grade(in_this_process(program), np.random.default_rng(seed))


def test_a_right_program_has_all_points_and_every_mistake_its_name():
    for seed in range(8):
        assert graded(returns_to_go, seed).score == 1
    for seed in range(4):
        for name, mistake in QUESTION.mistakes.items():
            verdict = graded(mistake.program, seed)
            assert (verdict.score, verdict.mistake) == (0, name)
            assert mistake.say in verdict.text and "returns (1)" in verdict.text


def test_the_mistakes_by_hand():
    rewards = np.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])  # W = 3, 4, 4 and 24, 32, 32
    for name, expected in {
        "the whole return at each step": [[3, 3, 3], [24, 24, 24]],
        "the reward of the step is missing": [[2, 2, 0], [16, 16, 0]],
        "the return-to-go of the next step": [[4, 4, 0], [32, 32, 0]],
        "gamma is ignored": [[7, 6, 4], [56, 48, 32]],
        "discounted from the first step": [[3, 2, 1], [24, 16, 8]],
        "gamma once too often": [[1.5, 2, 2], [12, 16, 16]],
        "from the first step to the last": [[1, 2.5, 5.25], [8, 20, 42]],
        "the steps in reversed order": [[4, 4, 3], [32, 32, 24]],
        "two rewards only": [[2, 4, 4], [16, 32, 32]],
        "along the episodes": [[5, 10, 20], [8, 16, 32]],
    }.items():
        result = QUESTION.mistakes[name].program(rewards, 0.5)
        np.testing.assert_allclose(result, expected, rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_a_small_error_is_wrong_and_a_changed_argument_is_told(seed):
    assert graded(lambda r, gamma: returns_to_go(r, gamma) + 1e-6, seed).score == 0
    assert graded(lambda r, gamma: returns_to_go(r, gamma * (1 + 1e-6)), seed).score == 0

    def in_place(rewards, gamma):
        for t in range(rewards.shape[1] - 2, -1, -1):
            rewards[:, t] += gamma * rewards[:, t + 1]
        return rewards

    assert graded(in_place, seed).mistake == "changes its arguments"


def test_a_forgotten_factor_is_named():
    verdict = graded(lambda r, gamma: -returns_to_go(r, gamma))
    assert verdict.mistake == "-1 times the right result"
