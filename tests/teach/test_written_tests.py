"""Grading tests of students, on a question that is known by heart: a test of the square."""

import builtins
import sys

import numpy as np
import pytest

from metarl_min.teach.faults import Fault
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


def test_a_test_that_counts_refuses_a_right_implementation():
    """Right implementations come twice, so that a test without a memory is not enough."""
    scores = []
    for seed in range(20):
        calls = []

        def second_half(square, calls=calls):
            calls.append(square)
            assert len(calls) <= 4

        scores.append(graded(second_half, seed).score)
    assert scores.count(0) >= 15


def test_a_right_test_is_called_for_every_implementation_in_an_order_of_the_seed():
    orders = []
    for seed in (0, 0, 1):
        seen = []
        graded(lambda square, seen=seen: seen.append(square(-2.0)), seed)
        orders.append(seen)
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted([4.0] * 4 + [-4.0, 2.0, -4.0])


@pytest.mark.parametrize("x", [np.zeros(1001), 10**9, [np.zeros(600)] * 2, {"a": -(10**9)}])
def test_an_implementation_refuses_large_arguments(x):
    verdict = graded(lambda square: square(x))
    assert (verdict.score, verdict.mistake) == (0.0, "too large")
    assert "large argument" in verdict.text and "may have 1000 entries" in verdict.text


def test_a_fault_that_is_no_refusal_ends_the_grading():
    def leaves(square):
        raise SystemExit

    verdict = graded(leaves)
    assert (verdict.score, verdict.mistake) == (0.0, "ended")


def raises(error, *points):
    """A test that raises an error of a kind at some points."""

    def test(square):
        if any(square(x) != x * x for x in points):
            raise error

    return test


class OwnError(AssertionError):
    """An error as test libraries define it."""


@pytest.mark.parametrize("error", [AssertionError("wrong"), OwnError("wrong")])
def test_an_assertion_error_of_any_class_refuses_an_implementation(error):
    assert graded(raises(error, 3.0, -1.0)).score == 1


@pytest.mark.skipif(sys.version_info < (3, 11), reason="groups of errors are new in 3.11")
def test_a_group_of_assertion_errors_refuses_an_implementation():
    group = vars(builtins)["ExceptionGroup"]
    failures = group("two failures", [AssertionError("one"), AssertionError("two")])
    assert graded(raises(failures, 3.0, -1.0)).score == 1
    mixed = group("two failures", [AssertionError("one"), KeyError("two")])
    assert graded(raises(mixed, 3.0, -1.0)).score == 0


@pytest.mark.parametrize("error", [KeyError("wrong"), ValueError("wrong"), ZeroDivisionError()])
def test_another_error_does_not_refuse_an_implementation(error):
    verdict = graded(raises(error, 3.0, -1.0))
    assert (verdict.score, verdict.mistake) == (0.0, "error")
    assert f"raised {type(error).__name__}" in verdict.text
    assert "with an AssertionError, and with no other error" in verdict.text


def test_an_error_with_a_right_implementation_is_a_fault_of_the_test():
    def test(square):
        return {}[square(2.0)]

    verdict = graded(test)
    assert (verdict.score, verdict.mistake) == (0.0, "error")
    assert "KeyError" in verdict.text and "AssertionError" in verdict.text


def test_the_hint_of_a_strict_test_is_a_tolerance():
    def test(square):
        assert square is None

    assert "compares with a tolerance" in graded(test).text


def test_a_test_that_takes_too_long_is_told_of_fewer_examples():
    def call(*arguments):
        raise Fault("time", "Your program did not finish.")

    verdict = SQUARE.grade(call, np.random.default_rng(0))
    assert verdict.mistake == "time" and "settings(max_examples=10)" in verdict.text
