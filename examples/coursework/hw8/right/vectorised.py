"""Matrix products, ranks from np.unique, and a test with Hypothesis."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st


def both_sides(f, theta, sigma, noise):
    """Return the values at theta + sigma e_i, and at theta - sigma e_i. [2, n]"""
    return np.array([[f(x) for x in theta + sign * sigma * noise] for sign in (1, -1)])


def es_gradient(f, theta, sigma, noise):
    """Return the antithetic estimate. [D]"""
    after, before = both_sides(f, theta, sigma, noise)
    return noise.T @ (after - before) / (2 * sigma * noise.shape[0])


def utilities(values):
    """Return the centred ranks of the values. [P]"""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts + 1) / 2
    return ranks[group] / (len(values) - 1) - 0.5


def ranked_gradient(f, theta, sigma, noise):
    """Return the antithetic estimate with utilities. [D]"""
    values = both_sides(f, theta, sigma, noise)
    u = utilities(values.ravel()).reshape(values.shape)
    return (u[0] - u[1]) @ noise / (2 * sigma * len(noise))


def wrong_equation(equations):
    """Return the number of the wrong equation, or 0."""
    rng = np.random.default_rng(0)
    points = [(rng.normal(), rng.uniform(0.5, 2), sign * rng.uniform(0.5, 1)) for sign in (1, -1)]
    for i, (left, right) in enumerate(equations):
        if not np.allclose([left(*x) for x in points], [right(*x) for x in points], atol=1e-10):
            return i + 1
    return 0


def test_es_gradient(es_gradient):
    """Raise an AssertionError unless the implementation returns the antithetic estimate."""

    @given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 4))
    def the_estimate_is_that_of_the_definition(seed, dimension, n):
        rng = np.random.default_rng(seed)
        noise, theta = rng.normal(size=(n, dimension)), rng.normal(size=dimension)
        sigma, a, b = rng.uniform(0.1, 2), rng.normal(size=dimension), rng.normal(size=dimension)

        def f(x):
            return 3 + (a @ x) ** 3 - b @ x

        found = es_gradient(f, theta, sigma, noise)
        after, before = both_sides(f, theta, sigma, noise)
        expected = ((after - before)[:, None] * noise).mean(axis=0) / (2 * sigma)
        assert np.allclose(found, expected, rtol=1e-7, atol=1e-7)

    the_estimate_is_that_of_the_definition()
