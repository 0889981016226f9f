"""Central differences in a loop that moves one entry of a copy, and restores it."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st


def central_difference(f, x, h):
    """Return the central differences of f at x with the step h. [D]"""
    moved = np.array(x, dtype=float)
    gradient = np.zeros(len(moved))
    for i in range(len(moved)):
        old = moved[i]
        moved[i] = old + h
        after = f(moved)
        moved[i] = old - h
        before = f(moved)
        moved[i] = old
        gradient[i] = (after - before) / (2 * h)
    return gradient


def best_step(noise, third):
    """Return the step with the smallest bound: noise / h^2 = third h / 3."""
    return (3 * noise / third) ** (1 / 3)


def numerical_gradient(f, x):
    """Return the gradient of f at x, with a step for each entry."""
    gradient = []
    for i, entry in enumerate(x):
        h = 6e-6 * max(1.0, abs(entry))
        after, before = x.copy(), x.copy()
        after[i] += h
        before[i] -= h
        gradient.append((f(after) - f(before)) / (after[i] - before[i]))
    return np.array(gradient)


points = st.lists(st.integers(-10, 10), min_size=3, max_size=3).map(np.array)


def test_central_difference(central_difference):
    """Raise an AssertionError unless the implementation returns central differences."""

    @settings(max_examples=10)
    @given(points, st.sampled_from([0.25, 0.5, 1.0]))
    def a_wave_has_a_known_difference(x, h):
        weights = np.array([1.0, 2.0, 3.0])
        found = central_difference(lambda y: float(weights @ np.sin(y)), x, h)
        assert np.allclose(found, weights * np.cos(x) * np.sin(h) / h, atol=1e-7)

    @settings(max_examples=10)
    @given(points, points, st.sampled_from([0.25, 0.5, 1.0]))
    def the_difference_of_a_sum_is_a_sum(x, a, h):
        def one(y):
            return float(np.sin(a @ y))

        def two(y):
            return float(y[0] * y[1] * y[2])

        parts = central_difference(one, x, h) + central_difference(two, x, h)
        assert np.allclose(central_difference(lambda y: one(y) + two(y), x, h), parts, atol=1e-7)

    @settings(max_examples=10)
    @given(points, st.sampled_from([0.25, 0.5, 1.0]))
    def a_product_has_the_product_of_the_others(x, h):
        found = central_difference(lambda y: float(y[0] * y[1] * y[2]), x, h)
        assert np.allclose(found, [x[1] * x[2], x[0] * x[2], x[0] * x[1]], atol=1e-7)

    a_wave_has_a_known_difference()
    the_difference_of_a_sum_is_a_sum()
    a_product_has_the_product_of_the_others()
