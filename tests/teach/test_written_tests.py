"""Grading tests of students, on a question that is known by heart: a test of the square."""

import numpy as np
import pytest

from metarl_min.teach.questions import Mistake, in_this_process
from metarl_min.teach.written_tests import WrittenTest, written_test

POINTS = (-2.0, 0.0, 0.5, 3.0)


def equal(one, other):
    return all(one(x) == other(x) for x in POINTS)


SQUARE = written_test(
    WrittenTest(
        function="test_square",
        right=[lambda x: x * x, lambda x: x**2],
        mutants={
            "the double": Mistake(lambda x: 2 * x, "It adds x to x.", "returns (1)", "page.py"),
            "the size": Mistake(abs, "It forgets the power."),
            "a sign": Mistake(lambda x: x * abs(x), "It has the sign of x."),
        },
        equal=equal,
    )
)


def graded(program, seed=0):
    return SQUARE.grade(in_this_process(program), np.random.default_rng(seed))


def of_values(*points):
    """A test that looks at some points."""

    def test(square):
        for x in points:
            assert square(x) == x * x

    return test


def test_a_test_that_refuses_all_mutants_has_all_points():
    assert graded(of_values(*POINTS)).score == 1


def test_the_score_is_the_share_of_refused_mutants_and_a_survivor_is_named():
    verdict = graded(of_values(3.0))
    assert verdict.score == pytest.approx(2 / 3) and verdict.mistake == "accepts the mutant: a sign"
    assert "2 of 3" in verdict.text and "It has the sign of x." in verdict.text
    nothing = graded(lambda square: None)
    assert nothing.score == 0 and nothing.mistake == "accepts the mutant: the double"
    assert (nothing.equation, nothing.page) == ("returns (1)", "page.py")


def test_a_test_that_refuses_a_right_implementation_has_no_points():
    def strict(square):
        of_values(*POINTS)(square)
        assert square.__code__.co_code == (lambda x: x * x).__code__.co_code

    verdict = graded(strict)
    assert verdict.score == 0 and verdict.mistake == "refuses a right implementation"


def test_a_test_that_is_not_started_is_told_so():
    def test(square):
        raise NotImplementedError

    assert graded(test).mistake == "not started"


def test_counting_calls_does_not_help():
    """A test that accepts the first calls, which were those of the right implementations."""

    def counting(accepted):
        calls = []

        def test(square):
            calls.append(square)
            assert len(calls) <= accepted

        return test

    scores = [graded(counting(2), seed).score for seed in range(20)]
    assert scores.count(0) >= 15


def test_the_mistakes_are_tests_that_accept_one_mutant():
    assert len(SQUARE.mistakes) == 3
    for name, mistake in SQUARE.mistakes.items():
        verdict = graded(mistake.program)
        assert verdict.score == pytest.approx(2 / 3) and verdict.mistake == name
