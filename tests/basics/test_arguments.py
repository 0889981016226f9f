"""Public edges state the rule, then what they got, and repair nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metarl_min.basics import arguments


def test_require_is_silent_when_the_rule_holds_and_quotes_the_value_when_not():
    arguments.require(True, "never said", 1)
    with pytest.raises(ValueError, match=r"^sigma must be positive, got -1$"):
        arguments.require(False, "sigma must be positive", -1)


@given(st.integers(1, 10**12))
def test_whole_returns_python_integers(value):
    for given_value in (value, np.int64(value)):
        result = arguments.whole("n", given_value)
        assert result == value and type(result) is int


@pytest.mark.parametrize("value", [True, False, 1.0, np.float64(2), "3", None, np.array([1])])
def test_whole_refuses_what_is_not_a_whole_number(value):
    with pytest.raises(TypeError, match=r"n must be a whole number, got"):
        arguments.whole("n", value)


def test_whole_refuses_what_is_below_the_bound_which_is_itself_allowed():
    with pytest.raises(ValueError, match=r"^n must be at least 1, got 0$"):
        arguments.whole("n", 0)
    with pytest.raises(ValueError, match=r"^n must be at least 3, got 2$"):
        arguments.whole("n", 2, low=3)
    assert arguments.whole("n", 3, low=3) == 3
    assert arguments.whole("n", 0, low=0) == 0


@given(st.floats(-5, 7))
def test_real_returns_python_floats_bounds_included(value):
    result = arguments.real("x", np.float64(value), -5, 7)
    assert result == value and type(result) is float
    assert arguments.real("x", 7, -5, 7) == 7.0 and arguments.real("x", -5, -5, 7) == -5.0


@pytest.mark.parametrize("value", [True, "1", None, 1j, np.ones(1)])
def test_real_refuses_what_is_not_a_real_number(value):
    with pytest.raises(TypeError, match=r"x must be a real number, got"):
        arguments.real("x", value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_real_refuses_what_is_not_finite(value):
    with pytest.raises(ValueError, match=f"^x must be finite, got {value}$"):
        arguments.real("x", value)


@pytest.mark.parametrize("value", [-0.1, 1.1])
def test_real_names_the_bounds(value):
    with pytest.raises(ValueError, match=f"^x must be finite, from 0 to 1, got {value}$"):
        arguments.real("x", value, 0, 1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_returns_the_array_itself(dtype):
    array = np.ones((2, 3), dtype)
    assert arguments.floats("w", array) is array


@pytest.mark.parametrize(
    ("value", "kind"), [(np.array([1, 2]), "int64"), ([1.0], "list"), (1.0, "float"), (None, "No")]
)
def test_floats_refuses_every_other_type(value, kind):
    with pytest.raises(TypeError, match=f"w must be an array of floats, got {kind}"):
        arguments.floats("w", value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_floats_refuses_and_shows_one_number_that_is_not_finite(bad):
    with pytest.raises(ValueError, match=rf"^w must be finite, got \[ *{bad}\]$"):
        arguments.floats("w", np.array([[1.0, bad], [bad, 2.0]]))


def test_probabilities_returns_the_array_itself_and_forgives_round_off_only():
    rows = np.array([[0.25, 0.75], [1.0, 0.0]])
    assert arguments.probabilities("p", rows) is rows
    arguments.probabilities("p", rows + np.array([0.5e-8, 0]))
    with pytest.raises(
        ValueError, match=r"^rows of p must sum to one, got a row that is off by 2e"
    ):
        arguments.probabilities("p", rows + np.array([2e-8, 0]))


@pytest.mark.parametrize("total", [0.9, 1.1])
def test_probabilities_refuses_one_row_among_many(total):
    rows = np.full((3, 2, 2), 0.5)
    rows[1, 1] = [total - 0.5, 0.5]
    with pytest.raises(ValueError, match=r"rows of p must sum to one, got .* off by 0\.1"):
        arguments.probabilities("p", rows)


def test_probabilities_need_an_axis():
    with pytest.raises(ValueError, match=r"^p must have an axis, got 0\.5"):
        arguments.probabilities("p", np.array(0.5))


def test_probabilities_refuses_negative_ones_even_if_they_sum_to_one():
    with pytest.raises(ValueError, match=r"^p must not be negative, got -0\.5$"):
        arguments.probabilities("p", np.array([1.5, -0.5]))
    with pytest.raises(ValueError, match=r"p must be finite"):
        arguments.probabilities("p", np.array([np.nan, 1.0]))
    with pytest.raises(TypeError, match=r"p must be an array of floats"):
        arguments.probabilities("p", np.array([0, 1]))
