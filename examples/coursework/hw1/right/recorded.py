"""A test that looks at the points at which an implementation evaluates f."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st


def slope(f, x, direction, h):
    """Return the central difference of f along a direction."""
    return (f(x + h * direction) - f(x - h * direction)) / (h + h)


def central_difference(f, x, h):
    """Return the central differences of f at x with the step h. [D]"""
    return np.array([slope(f, x, row, h) for row in np.identity(len(x))])


def best_step(noise, third):
    """Return the zero of the derivative of the bound, by bisection of logarithms."""
    low, high = 1e-12, 1e6
    for _ in range(200):
        middle = np.sqrt(low * high)
        if third * middle / 3 > noise / middle**2:
            high = middle
        else:
            low = middle
    return float(low)


def numerical_gradient(f, x):
    """Return the gradient of f by the difference of five points, which removes the term h^2."""
    h = 2e-4 * max(1.0, np.max(np.abs(x)))
    return (4 * central_difference(f, x, h / 2) - central_difference(f, x, h)) / 3


def test_central_difference(central_difference):
    """Raise an AssertionError unless the implementation returns central differences."""
    entries = st.lists(st.integers(-5, 5), min_size=1, max_size=4)

    @settings(max_examples=10)
    @given(entries, st.sampled_from([0.25, 0.75]))
    def f_is_evaluated_on_both_sides_only(entries, h):
        x, points = np.array(entries), []

        def f(y):
            points.append(np.array(y))
            return float(y.sum())

        central_difference(f, x, h)
        away = np.array(points) - x
        assert len(points) == 2 * len(x)
        assert np.all(np.sum(away != 0, axis=1) == 1)
        assert np.allclose(np.sort(away.sum(axis=1)), [-h] * len(x) + [h] * len(x), atol=1e-12)

    @settings(max_examples=10)
    @given(entries)
    def a_linear_function_has_its_weights(entries):
        a = np.array(entries) + 0.5
        x = np.arange(len(a))
        assert np.allclose(central_difference(lambda y: float(a @ y), x, 0.25), a)

    @settings(max_examples=10)
    @given(entries)
    def an_even_function_has_no_slope_at_zero(entries):
        zero = np.zeros(len(entries))
        assert np.allclose(central_difference(lambda y: float(y @ y), zero, 0.25), 0)

    f_is_evaluated_on_both_sides_only()
    a_linear_function_has_its_weights()
    an_even_function_has_no_slope_at_zero()
