"""The sampled inner step of assignment 6."""

import numpy as np
import pytest
from teach.test_inner_loops import graded
from teach.test_sampled_gradients import adapted_by_hand

from metarl_min.teach import sampled_steps
from metarl_min.teach.sampled_steps import inner_step


def by_hand(*arguments):
    return np.array(adapted_by_hand(*arguments))


def test_the_truth_is_that_of_loops():
    theta, actions = np.array([0.3, -0.2, 0.5]), np.array([2, 0, 2])
    rewards = np.array([0.4, -0.9, 0.4])
    found = sampled_steps.right(theta, actions, rewards, 1.6, 0.7)
    np.testing.assert_allclose(found, by_hand(theta, actions, rewards, 1.6, 0.7), rtol=1e-12)


def test_a_right_program_has_full_points_for_every_seed():
    question = inner_step()
    assert {graded(by_hand, question, seed).score for seed in range(20)} == {1.0}


@pytest.mark.parametrize("seed", range(5))
def test_every_mistake_is_named(seed):
    question = inner_step(2 + seed)
    assert len(question.mistakes) == 9
    for name, one in question.mistakes.items():
        verdict = graded(one.program, question, seed)
        assert (verdict.mistake, verdict.score) == (name, 0.0)


def test_the_number_of_pulls_is_from_2_to_10():
    with pytest.raises(ValueError, match="num_pulls must"):
        inner_step(1)
