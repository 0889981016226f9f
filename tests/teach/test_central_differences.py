"""Assignment 1: central differences, and a test of them."""

import numpy as np
import pytest

from metarl_min.teach import central_differences
from metarl_min.teach.central_differences import central, wave
from metarl_min.teach.questions import in_this_process

QUESTION = central_differences.central_difference()
TEST = central_differences.central_difference_test()


def graded(program, question=QUESTION, seed=0):
    return question.grade(in_this_process(program), np.random.default_rng(seed))


def by_hand(f, x, h):
    found = []
    for i in range(len(x)):
        after, before = [float(entry) for entry in x], [float(entry) for entry in x]
        after[i] += h
        before[i] -= h
        found.append((f(np.array(after)) - f(np.array(before))) / (2 * h))
    return np.array(found)


def test_a_right_program_has_all_points():
    assert all(graded(by_hand, seed=seed).score == 1 for seed in range(20))
    assert all(graded(central, seed=seed).score == 1 for seed in range(20))


@pytest.mark.parametrize("name", QUESTION.mistakes)
def test_a_mistake_is_named(name):
    for seed in range(5):
        verdict = graded(QUESTION.mistakes[name].program, seed=seed)
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
    assert graded(lambda f, x, h: by_hand(f, x, h + 1e-3)).mistake == "unknown"


def weights_of_cubes(size):
    return np.arange(1.0, size + 1)


def good_test(implementation):
    for size in (1, 2, 3):
        c = weights_of_cubes(size)
        for x in (np.arange(size) - 0.75, np.arange(size) + 1):
            found = implementation(lambda y, c=c: float(c @ y**3 + y.sum() ** 2), x, 0.3)
            assert np.allclose(found, c * (3 * x**2 + 0.09) + 2 * x.sum(), rtol=1e-7, atol=1e-7)


def test_a_good_test_has_all_points_and_the_bank_has_eight_mutants():
    assert graded(good_test, TEST).score == 1
    assert len(TEST.mistakes) == 8


def test_a_test_of_quadratics_accepts_the_half_step():
    def test(implementation):
        for x in (np.array([0.5, -1.5, 2.0]), np.array([1, 2, 3])):
            found = implementation(lambda y: float(y @ y), x, 0.3)
            assert np.allclose(found, 2 * x, rtol=1e-7)

    verdict = graded(test, TEST)
    assert verdict.mistake == "accepts the mutant: half of the step"
    assert verdict.score == pytest.approx(6 / 8)  # x left at x - h has no effect on a sum either


def test_a_test_that_asks_for_equal_bits_refuses_a_right_implementation():
    def test(implementation):
        x = np.array([0.1, 0.7, -0.3])
        found = implementation(lambda y: float(np.exp(y).sum()), x, 0.1)
        assert np.array_equal(found, by_hand(lambda y: float(np.exp(y).sum()), x, 0.1))

    assert graded(test, TEST).mistake == "refuses a right implementation"


@pytest.mark.parametrize("name", TEST.mistakes)
def test_a_test_that_accepts_a_mutant_is_told_which(name):
    verdict = graded(TEST.mistakes[name].program, TEST)
    assert verdict.mistake == name and verdict.score == pytest.approx(7 / 8)
