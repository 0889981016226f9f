"""Questions in a notebook: the check, and what it refuses."""

import numpy as np
import pytest

from metarl_min.teach.faults import Fault
from metarl_min.teach.questions import (
    CheckFailed,
    Question,
    Verdict,
    check,
    in_this_process,
    unwatched,
)


def ask(grade):
    return Question(function="f", grade=grade, mistakes={})


def of_value(expected):
    def grade(call, rng):
        value = call(2.0).value
        right = value == expected
        return Verdict(float(right), "" if right else "wrong", f"f is {value}")

    return ask(grade)


def test_a_right_function_has_the_points_as_a_python_number():
    points = check(of_value(4.0), lambda x: np.float64(2 * x), points=np.float64(5))
    assert type(points) is float and points == 5.0
    assert type(check(of_value(4.0), lambda x: x * x)) is float


def test_a_wrong_function_fails_with_its_verdict():
    with pytest.raises(CheckFailed, match="f is 3") as caught:
        check(of_value(4.0), lambda x: x + 1)
    assert isinstance(caught.value, AssertionError)
    assert caught.value.verdict.mistake == "wrong" and caught.value.score == 0


def test_a_part_of_the_score_is_no_success():
    question = ask(lambda call, rng: Verdict(0.999, "nearly", "nearly"))
    with pytest.raises(CheckFailed) as caught:
        check(question, abs)
    assert caught.value.score == 0.999


def test_the_seed_is_that_of_the_generator():
    seen = []
    question = ask(lambda call, rng: seen.append(rng.normal()) or Verdict(1.0, "", ""))
    for seed in (0, 0, 2**200):
        check(question, abs, seed=seed)
    assert seen[0] == seen[1] == np.random.default_rng(0).normal() != seen[2]


@pytest.mark.parametrize(
    ("question", "program", "words", "message"),
    [
        (abs, abs, {}, "question must be of type Question, got builtin"),
        (of_value(1), 3, {}, "program must be a function, got 3"),
        (of_value(1), abs, {"seed": -1}, "seed must be at least 0, got -1"),
        (of_value(1), abs, {"seed": 1.5}, "seed must be a whole number, got 1.5"),
        (of_value(1), abs, {"points": -1}, "points must be finite, from 0"),
        (of_value(1), abs, {"points": np.nan}, "points must be finite"),
        (of_value(1), abs, {"points": "5"}, "points must be a real number, got '5'"),
    ],
)
def test_other_arguments_are_refused(question, program, words, message):
    with pytest.raises((TypeError, ValueError), match=message):
        check(question, program, **words)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("x"), "error"),
        (NotImplementedError(), "not started"),
        (SystemExit(1), "ended"),
        (MemoryError(), "memory"),
        (Fault("own", "text"), "own"),
    ],
)
def test_an_error_of_a_function_of_this_process_is_a_fault(error, kind):
    def f():
        raise error

    with pytest.raises(Fault) as caught:
        in_this_process(f)()
    assert caught.value.kind == kind
    if kind == "error":
        line = f.__code__.co_firstlineno + 1
        assert f"ValueError in line {line}: x" in str(caught.value)


def test_ctrl_c_in_a_notebook_is_no_fault():
    def f():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_this_process(f)()


def test_a_result_is_a_copy_and_functions_stay_functions():
    kept = np.zeros(3)
    result = in_this_process(lambda: (kept, lambda x: x + 1))()
    kept[0] = 9.0
    assert result.value[0].tolist() == [0, 0, 0] and result.value[1](2) == 3


def test_side_effects_are_reported():
    def f(x):
        x[0] = 1.0

    assert in_this_process(f)(np.zeros(2)) == (None, True, False)


def test_an_unwatched_call_has_the_value_and_the_faults_of_a_watched_one():
    assert unwatched(lambda x: x + 1)(2.0) == in_this_process(lambda x: x + 1)(2.0)
    assert not unwatched(lambda x: x.append(1))([]).changed
    with pytest.raises(Fault, match="zero"):
        unwatched(lambda x: 1 / x)(0)
    fault = Fault("time", "too slow")

    def slow():
        raise fault

    with pytest.raises(Fault) as caught:
        unwatched(slow)()
    assert caught.value is fault
