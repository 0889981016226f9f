"""Assignment 1: a test of central differences."""

import contextlib

import numpy as np
import pytest

from metarl_min.teach import difference_tests
from metarl_min.teach.faults import Fault
from metarl_min.teach.questions import in_this_process
from metarl_min.teach.submissions import Limits, running

QUESTION = difference_tests.central_difference_test()


def graded(program):
    return QUESTION.grade(in_this_process(program), np.random.default_rng(0))


def good_test(implementation):
    for size in (1, 2, 3):
        c = np.arange(1.0, size + 1)
        for x in (np.arange(size) - 0.75, np.arange(size)):
            for h in (0.3, 0.8):
                found = implementation(lambda y, c=c: float(c @ np.sin(y) + y.sum() ** 2), x, h)
                expected = c * np.cos(x) * np.sin(h) / h + 2 * x.sum()
                assert found.shape == x.shape and np.allclose(found, expected, rtol=1e-7)


def test_a_good_test_has_all_points_and_the_bank_has_sixteen_mutants():
    assert graded(good_test).score == 1
    assert len(QUESTION.mistakes) == 16


def test_a_single_cubic_at_two_points_accepts_four_mutants():
    def test(implementation):
        for x in (np.array([1.0, 2.0, -1.0]), np.array([1, 2, -1])):
            found = implementation(lambda y: float(np.sum(y)) ** 3, x, 0.5)
            assert np.allclose(found, 3 * 4 + 0.25)

    verdict = graded(test)
    assert verdict.score == 12 / 16 and verdict.mistake == "accepts the mutant: a column"


def test_the_mutant_that_assumes_a_polynomial_is_right_up_to_degree_four():
    mutant, x, h = difference_tests.MUTANTS["a polynomial is assumed"].program, np.ones(1), 0.5
    for degree in range(7):
        expected = ((1 + h) ** degree - (1 - h) ** degree) / (2 * h)
        found = mutant(lambda y, degree=degree: float(y[0]) ** degree, x, h)[0]
        assert (abs(found - expected) < 1e-10) == (degree <= 4)


def test_a_test_of_quadratics_accepts_the_half_step():
    def test(implementation):
        for x in (np.array([0.5, -1.5, 2.0]), np.array([1, 2, 3])):
            found = implementation(lambda y: float(y @ y), x, 0.3)
            assert np.allclose(found, 2 * x, rtol=1e-7)

    verdict = graded(test)
    assert verdict.mistake == "accepts the mutant: half of the step"
    assert verdict.score <= 12 / 16


def test_a_test_that_asks_for_the_derivative_refuses_a_right_implementation():
    def test(implementation):
        x = np.array([0.1, 0.7, -0.3])
        found = implementation(lambda y: float(np.sum(y**3)), x, 0.1)
        assert np.allclose(found, 3 * x**2)

    assert graded(test).mistake == "refuses a right implementation"


@pytest.mark.parametrize("name", QUESTION.mistakes)
def test_a_test_that_accepts_a_mutant_is_told_which(name):
    verdict = graded(QUESTION.mistakes[name].program)
    assert verdict.mistake == name and verdict.score == pytest.approx(15 / 16)


SUBMISSION = b"""
import numpy as np
from hypothesis import given, strategies as st


def test_central_difference(central_difference):
    @given(st.floats(-3, 3), st.floats(-3, 3))
    def a_product(x, y):
        found = central_difference(lambda z: z[0] ** 2 * z[1], np.array([x, y]), 0.25)
        assert np.allclose(found, [2 * x * y, x * x], atol=1e-7)

    a_product()
"""


def test_hypothesis_draws_equal_examples_in_every_grading_and_shortens_none():
    def points_of(student, weight):
        points = []

        def recording(f, x, h):
            points.append(x.tolist())
            return weight * np.array([2 * x[0] * x[1], x[0] ** 2])

        with contextlib.suppress(Fault):
            student.call("test_central_difference", recording)
        return points

    limits = Limits(60.0, 400, ("metarl_min",))
    with running(SUBMISSION, "hw1.py", limits) as student:
        right, again, wrong = (points_of(student, weight) for weight in (1.0, 1.0, 2.0))
    assert right == again and 20 <= len(right) <= 30
    first = next(i for i, (x, _) in enumerate(right) if abs(x) > 0.01)
    assert len(wrong) <= first + 2  # the refused example once more, to see whether it is repeatable
