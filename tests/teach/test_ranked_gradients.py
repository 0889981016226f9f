"""Assignment 8: ranks in the place of the values of an evolution strategy."""

import numpy as np
import pytest

from metarl_min.teach import ranked_gradients
from metarl_min.teach.questions import in_this_process

UTILITIES, RANKED = ranked_gradients.utilities(), ranked_gradients.ranked_gradient()


def graded(program, question, seed=0):
    return question.grade(in_this_process(program), np.random.default_rng(seed))


def utilities_by_hand(values):
    ordered = sorted(float(value) for value in values)
    places = [[i for i, y in enumerate(ordered) if y == x] for x in values]
    return np.array([sum(p) / len(p) / (len(values) - 1) - 0.5 for p in places])


def ranked_by_hand(f, theta, sigma, noise):
    points = [theta + sign * sigma * e for e in noise for sign in (1, -1)]
    u = utilities_by_hand([f(x) for x in points])
    terms = [(u[2 * i] - u[2 * i + 1]) * e for i, e in enumerate(noise)]
    return np.sum(terms, axis=0) / (2 * sigma * len(noise))


def test_utilities_of_a_list_known_by_heart():
    found = ranked_gradients.counted_ranks(np.array([3.0, 1.0, 3.0]))
    np.testing.assert_allclose(found, [0.25, -0.5, 0.25], rtol=1e-15)


def test_right_programs_have_all_points():
    for seed in range(8):
        assert graded(utilities_by_hand, UTILITIES, seed).score == 1
        assert graded(ranked_by_hand, RANKED, seed).score == 1


@pytest.mark.parametrize("question", [UTILITIES, RANKED])
def test_each_mistake_is_named(question):
    for name, mistake in question.mistakes.items():
        for seed in range(4):
            verdict = graded(mistake.program, question, seed)
            assert verdict.score == 0 and verdict.mistake == name


def test_a_program_that_sorts_its_argument_is_told_so():
    def sorting(values):
        result = utilities_by_hand(values)
        values.sort()
        return result

    assert graded(sorting, UTILITIES).mistake == "changes its arguments"
