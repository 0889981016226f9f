"""A test that compares an implementation with a plain one, for random polynomials."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st


def plain(f, x, h):
    """Return the central differences of f at x, one entry after the other."""
    result = []
    for i in range(len(x)):
        after = [float(x[j]) + h * (i == j) for j in range(len(x))]
        before = [float(x[j]) - h * (i == j) for j in range(len(x))]
        result.append((f(np.array(after)) - f(np.array(before))) / (2 * h))
    return np.array(result)


def central_difference(f, x, h):
    """Return the central differences of f at x with the step h. [D]"""
    return plain(f, x, h)


def best_step(noise, third):
    """Return the step with the smallest bound: scale the step of noise = third = 1."""
    return 3 ** (1 / 3) * noise ** (1 / 3) * third ** (-1 / 3)


def numerical_gradient(f, x):
    """Return the gradient of f at x, with a step for each entry."""
    eps, gradient = np.finfo(float).eps, np.empty_like(x)
    for i, scale in enumerate(np.maximum(np.abs(x), 1.0)):
        gradient[i] = plain(f, x, best_step(eps * scale, 4 / scale**2))[i]
    return gradient


def test_central_difference(central_difference):
    """Raise an AssertionError unless the implementation returns central differences."""
    seeds, sizes = st.integers(0, 10**6), st.integers(1, 4)

    def same(x, rng):
        h = rng.uniform(0.2, 0.9)
        a, b = rng.normal(size=len(x)), rng.normal(size=len(x))

        def f(y):
            return (a @ y) ** 3 + np.sin(b @ y) - a @ y

        assert np.allclose(central_difference(f, x, h), plain(f, x, h), rtol=1e-7, atol=1e-7)

    @settings(max_examples=10)
    @given(seeds, sizes)
    def at_floats(seed, size):
        rng = np.random.default_rng(seed)
        same(rng.normal(size=size), rng)

    @settings(max_examples=10)
    @given(seeds, sizes)
    def at_integers(seed, size):
        rng = np.random.default_rng(seed)
        same(rng.integers(-4, 5, size=size), rng)

    @settings(max_examples=10)
    @given(seeds, sizes)
    def twice_the_function_has_twice_the_difference(seed, size):
        rng = np.random.default_rng(seed)
        x, a = rng.normal(size=size), rng.normal(size=size)
        one = central_difference(lambda y: np.sin(a @ y), x, 0.3)
        two = central_difference(lambda y: 2 * np.sin(a @ y), x, 0.3)
        assert np.allclose(2 * one, two, rtol=1e-7, atol=1e-7)

    at_floats()
    at_integers()
    twice_the_function_has_twice_the_difference()
