"""Assignment 1: central differences."""

import numpy as np
import pytest

from metarl_min.teach import central_differences
from metarl_min.teach.central_differences import central, wave
from metarl_min.teach.questions import in_this_process

QUESTION = central_differences.central_difference()


def graded(program, seed=0):
    return QUESTION.grade(in_this_process(program), np.random.default_rng(seed))


def by_hand(f, x, h):
    found = []
    for i in range(len(x)):
        after, before = [float(entry) for entry in x], [float(entry) for entry in x]
        after[i] += h
        before[i] -= h
        found.append((f(np.array(after)) - f(np.array(before))) / (2 * h))
    return np.array(found)


def test_a_right_program_has_all_points():
    assert all(graded(by_hand, seed).score == 1 for seed in range(8))
    assert all(graded(central, seed).score == 1 for seed in range(8))


@pytest.mark.parametrize("name", QUESTION.mistakes)
def test_a_mistake_is_named(name):
    for seed in range(4):
        verdict = graded(QUESTION.mistakes[name].program, seed)
        assert verdict.score == 0 and verdict.mistake == name
        assert QUESTION.mistakes[name].say in verdict.text


def test_the_wave_is_what_its_docstring_says():
    a, c, x = np.array([0.5, 2.0]), np.array([1.0, -1.0]), np.array([2, 3])
    assert wave(a, 0.25, c, x) == pytest.approx(np.sin(1 + 6 + 0.25) + 8 - 27, rel=1e-14)


def test_a_program_that_moves_its_argument_is_told_so():
    def moving(f, x, h):
        found = np.zeros(len(x))
        for i in range(len(x)):
            x[i] += h
            after = f(x)
            x[i] -= 2 * h
            found[i] = (after - f(x)) / (2 * h)
            x[i] += h + 1e-9
        return found

    assert graded(moving).mistake == "changes its arguments"


def test_a_derivative_from_a_shorter_step_is_no_central_difference_with_h():
    assert graded(lambda f, x, h: by_hand(f, x, 1e-4 * h)).mistake == "h not used"
    assert graded(lambda f, x, h: by_hand(f, x, h + 1e-6)).mistake == "too few digits"
    assert graded(lambda f, x, h: by_hand(f, x, h + 0.1)).mistake == "unknown"
