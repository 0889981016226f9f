"""All points as the rows of two matrices, and a test that compares with exponentials."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st


def central_difference(f, x, h):
    """Return the central differences of f at x with the step h. [D]"""
    after = x + h * np.eye(len(x))
    before = x - h * np.eye(len(x))
    values = np.array([[f(y) for y in after], [f(y) for y in before]])
    return (values[0] - values[1]) * (0.5 / h)


def best_step(noise, third):
    """Return the step with the smallest bound, from logarithms."""
    return math.exp((math.log(3) + math.log(noise) - math.log(third)) / 3)


def numerical_gradient(f, x):
    """Return the gradient of f at x: one step for all entries, from the largest entry."""
    return central_difference(f, x, np.cbrt(np.finfo(float).eps) * max(1.0, np.abs(x).max()))


def exponential(a):
    """Return the function exp(a.y)."""
    return lambda y: math.exp(sum(a * y))


def test_central_difference(central_difference):
    """Raise an AssertionError unless the implementation returns central differences.

    (exp(z + a h) - exp(z - a h)) / (2 h) = exp(z) sinh(a h) / h.
    """
    numbers = st.floats(-2, 2)
    rates = st.floats(0.5, 1.5)

    @settings(max_examples=10)
    @given(st.lists(st.tuples(numbers, rates), min_size=1, max_size=3), st.floats(0.1, 0.9))
    def exponentials(pairs, h):
        x, a = np.array(pairs).T
        expected = exponential(a)(x) * np.sinh(a * h) / h
        assert np.allclose(central_difference(exponential(a), x, h), expected, rtol=1e-8)

    @settings(max_examples=10)
    @given(st.lists(st.integers(-3, 3), min_size=1, max_size=3), st.floats(0.1, 0.9))
    def integers_are_floats(entries, h):
        x, a = np.array(entries), np.full(len(entries), 0.5)
        found = central_difference(exponential(a), x, h)
        expected = central_difference(exponential(a), x.astype(float), h)
        assert np.allclose(found, expected, rtol=1e-8)

    @settings(max_examples=10)
    @given(st.lists(numbers, min_size=1, max_size=3))
    def a_constant_has_no_slope(entries):
        assert np.abs(central_difference(lambda y: 7.0, np.array(entries), 0.25)).max() == 0

    exponentials()
    integers_are_floats()
    a_constant_has_no_slope()
