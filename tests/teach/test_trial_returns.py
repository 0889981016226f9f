"""The returns-to-go of a trial as a question."""

import numpy as np
import pytest

from metarl_min.teach import trial_returns as topic
from metarl_min.teach.questions import in_this_process

QUESTION = topic.returns_to_go()


def graded(program, seed=0):
    return QUESTION.grade(in_this_process(program), np.random.default_rng(seed))


def sums(rewards):
    flat = list(rewards.ravel())
    return np.array([sum(flat[t:]) for t in range(len(flat))]).reshape(rewards.shape)


@pytest.mark.verifies("trial_returns.1")
def test_eq1_by_hand():
    assert topic.to_go(np.array([[1.0, 2.0], [4.0, 8.0]])).tolist() == [[15, 14], [12, 8]]


def test_a_right_program_has_all_points_for_every_seed():
    for seed in range(20):
        assert graded(sums, seed).score == 1


@pytest.mark.parametrize("name", QUESTION.mistakes)
def test_every_mistake_is_refused_by_its_own_name(name):
    one = QUESTION.mistakes[name]
    for seed in range(5):
        verdict = graded(one.program, seed)
        assert (verdict.score, verdict.mistake) == (0, name)
        assert one.say in verdict.text and one.equation in verdict.text


def test_mistakes_that_are_made_by_hand_have_the_same_names():
    def over_episodes(rewards):
        return np.array([[sum(rewards[n:, t]) for t in range(rewards.shape[1])]
                         for n in range(rewards.shape[0])])  # fmt: skip

    assert graded(over_episodes).mistake == "the sum over the episodes only"
    mean = graded(lambda rewards: sums(rewards) / rewards.size)
    assert mean.mistake == "1/(N * T) times the right result"


def test_a_table_that_is_changed_is_a_fault():
    def in_place(rewards):
        rewards[...] = sums(rewards)
        return rewards

    assert graded(in_place).mistake == "changes its arguments"
