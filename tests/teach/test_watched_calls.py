"""A call that notices side effects, and hides no argument of the grader."""

import random

import numpy as np
import pytest

from metarl_min.teach.watched_calls import watched


def test_the_value_comes_back_and_nothing_else_happened():
    assert watched(lambda x, y: x + y, 2, 3) == (5, False, False)


def set_first(x):
    x[0] = 9.0


def nested(x):
    x["a"][1][0] += 1


@pytest.mark.parametrize(
    ("function", "argument"),
    [
        (set_first, np.zeros(2)),
        (set_first, [0.0, 1.0]),
        (lambda x: x.append(1), []),
        (lambda x: x.pop("a"), {"a": 1}),
        (lambda x: x.update(b=1), {"a": 1}),
        (nested, {"a": (1, np.zeros(2))}),
        (lambda x: x.fill(np.nan), np.zeros(2)),
        (lambda x: x.fill(0), np.array([np.nan])),
        (lambda x: x.resize(3, refcheck=False), np.zeros(2)),
        (lambda x: x.sort(), np.array([2, 1])),
        (lambda x: np.negative(x, out=x), np.ones(2)),
    ],
)
def test_a_changed_argument_is_noticed_and_the_original_stays(function, argument):
    before = repr(argument)
    assert watched(function, argument).changed
    assert repr(argument) == before


@pytest.mark.parametrize(
    "argument", [np.array([np.nan, 1]), [float("nan")], {"a": np.zeros((0, 2))}, "text", None, abs]
)
def test_an_argument_that_is_only_read_is_not_changed(argument):
    assert not watched(repr, argument).changed


def test_drawing_from_an_argument_is_no_side_effect_and_each_call_draws_the_same():
    rng = np.random.default_rng(0)
    first, second = (watched(lambda rng: rng.normal(), rng) for _ in range(2))
    assert first == second == (np.random.default_rng(0).normal(), False, False)


@pytest.mark.parametrize(
    "use",
    [
        np.random.rand, random.random, lambda: np.random.seed(3), lambda: random.seed(3),
        lambda: np.random.shuffle([1, 2]), np.random.normal,
    ],
)  # fmt: skip
def test_use_of_a_global_generator_is_noticed(use):
    states = np.random.get_state(), random.getstate()
    try:
        assert watched(use).used_global
    finally:
        np.random.set_state(states[0])
        random.setstate(states[1])


def test_own_generators_are_allowed():
    assert not watched(lambda: np.random.default_rng().normal() + random.Random(1).random()).changed
    assert not watched(lambda: np.random.RandomState(0).rand()).used_global


def test_errors_pass():
    with pytest.raises(ZeroDivisionError):
        watched(lambda: 1 / 0)


def test_use_of_another_kind_of_global_generator_is_noticed():
    before = np.random.mtrand.get_bit_generator()
    np.random.set_bit_generator(np.random.PCG64(1))
    try:
        assert watched(np.random.rand).used_global and not watched(abs, -1).used_global
        set_again = watched(np.random.set_bit_generator, np.random.MT19937(0))
        assert set_again.used_global
    finally:
        np.random.set_bit_generator(before)
