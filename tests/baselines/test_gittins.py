"""gittins (1)-(3): Gittins indices between two bounds."""

from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metarl_min.baselines import gittins
from metarl_min.baselines.gittins import lower_end, upper_end


@pytest.mark.verifies("gittins.1")
@pytest.mark.parametrize("end", [lower_end, upper_end])
@pytest.mark.parametrize("level", [Fraction(1, 2), Fraction(3, 5), Fraction(4, 5)])
def test_eq1_is_the_recursion_in_rational_numbers(level, end):
    gamma, depth = Fraction(3, 4), 6

    @cache
    def value(a, b, n):
        p = Fraction(a, a + b)
        if n == depth:
            return max(level, p) if end is lower_end else level + (1 - level) * p
        more = (1 - gamma) * p + gamma * (p * value(a + 1, b, n + 1))
        return max(level, more + gamma * (1 - p) * value(a, b + 1, n + 1))

    p = Fraction(2, 5)
    pulled = (1 - gamma) * p + gamma * (p * value(3, 3, 1) + (1 - p) * value(2, 4, 1))
    gain = gittins.advantage(2, 3, float(level), float(gamma), depth, end)
    assert gain == pytest.approx(float(pulled - level), abs=1e-14)


@pytest.mark.verifies("gittins.2")
@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.floats(0.2, 9), st.floats(0.2, 9), st.floats(0, 0.95), st.floats(0, 1))
def test_eq2_deeper_cuts_lie_between(a, b, gamma, level):
    def gains(depth):
        return [gittins.advantage(a, b, level, gamma, depth, end) for end in (lower_end, upper_end)]

    low, high = gains(20)
    lower, higher = gains(5)
    assert lower - 1e-14 <= low <= high + 1e-14 and high <= higher + 1e-14


@pytest.mark.verifies("gittins.3")
@pytest.mark.parametrize(
    ("a", "b", "gamma", "published"),
    [(1, 1, 0.9, 0.7029), (1, 1, 0.99, 0.8699), (1, 1, 0.5, 0.5590), (2, 1, 0.9, 0.8001)],
)
def test_eq3_published_indices(a, b, gamma, published):
    low, high = gittins.index(a, b, gamma, error=1e-5)
    assert low == pytest.approx(published, abs=6e-5) and 0 <= high - low <= 1e-5


@pytest.mark.verifies("gittins.3")
def test_eq3_relations():
    assert gittins.index(2, 3, 0.0).low == pytest.approx(0.4, abs=1e-6)
    indices = [gittins.index(1, 1, gamma).low for gamma in (0.0, 0.5, 0.8, 0.9)]
    assert indices == sorted(indices)
    better, worse = gittins.index(2, 1, 0.9), gittins.index(1, 2, 0.9)
    assert better.low > gittins.index(1, 1, 0.9).high > worse.high
    assert gittins.index(40, 60, 0.9).low == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize(
    ("a", "b", "gamma", "rule"),
    [
        (np.inf, 1, 0.9, "a must be finite"),
        (1, 1e308, 0.9, "b must be finite, from"),
        (np.nan, 1, 0.9, "a must be finite"),
        (0, 1, 0.9, "a and b must be"),
        (1, 1, 1.0, "gamma must be below 1"),
        (1, 1, 0.9999, "may look at most 5,000 pulls ahead, got at least"),
    ],
)
def test_an_argument_out_of_range_is_refused(a, b, gamma, rule):
    with pytest.raises(ValueError, match=rule):
        gittins.index(a, b, gamma)


def test_numbers_of_any_kind_are_converted():
    expected = gittins.index(100.0, 27.0, 0.9)
    assert gittins.index(np.int8(100), np.uint8(27), np.float64(0.9)) == expected
    assert gittins.index(Fraction(100), Fraction(27), Fraction(9, 10)) == expected
    for wrong in ("1", None, True, [1.0], 1j):
        with pytest.raises(TypeError, match="a must be a real number"):
            gittins.index(wrong, 1, 0.9)


def test_an_error_is_a_length_within_0_and_1():
    low, high = gittins.index(1, 1, 0.9, error=1.0)
    assert low <= 0.7029 <= high
    for error in (0.0, 1.5, 1e9, np.nan):
        with pytest.raises(ValueError, match="error must be finite"):
            gittins.index(1, 1, 0.9, error=error)
