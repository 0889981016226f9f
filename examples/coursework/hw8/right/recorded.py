"""A test that records the points at which an implementation evaluates f."""

from fractions import Fraction

import numpy as np


def slope_along(f, theta, sigma, direction):
    """Return the central difference of f along a direction."""
    return (f(theta + sigma * direction) - f(theta - sigma * direction)) / sigma / 2


def es_gradient(f, theta, sigma, noise):
    """Return the antithetic estimate: the mean of slopes times directions. [D]"""
    return np.mean([slope_along(f, theta, sigma, e) * e for e in noise], axis=0)


def utilities(values):
    """Return the centred ranks of the values, with fractions. [P]"""
    last, result = len(values) - 1, []
    for value in values:
        less = sum(bool(other < value) for other in values)
        more = sum(bool(other > value) for other in values)
        result.append(float(Fraction(less - more, 2 * last)))
    return np.array(result)


def ranked_gradient(f, theta, sigma, noise):
    """Return the antithetic estimate of a function that returns utilities. [D]"""
    points = np.concatenate([theta + sigma * noise, theta - sigma * noise])
    u = utilities([f(x) for x in points])
    pairs = zip(u[: len(noise)], u[len(noise) :], noise, strict=True)
    return np.mean([(one - other) / (2 * sigma) * e for one, other, e in pairs], axis=0)


def wrong_equation(equations):
    """Return the number of the wrong equation, or 0."""

    def holds(left, right):
        grid = [(theta, sigma, e) for theta in (-0.7, 0.4) for sigma in (0.5, 2.0) for e in (-1, 1)]
        return all(np.isclose(left(*point), right(*point)) for point in grid)

    return next((i for i, pair in enumerate(equations, 1) if not holds(*pair)), 0)


def test_es_gradient(es_gradient):
    """Raise an AssertionError unless the implementation returns the antithetic estimate."""
    theta, sigma = np.array([0.5, -1.0]), 0.25
    noise, points = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.25]]), []

    def f(x):
        points.append(np.array(x))
        return 1 + 2 * x[0] + x[1] ** 2

    found = es_gradient(f, theta, sigma, noise)
    expected = [theta + sign * sigma * e for e in noise for sign in (1, -1)]
    assert len(points) == 6
    assert all(min(abs(x - y).max() for y in points) < 1e-12 for x in expected)
    gradient = np.array([2.0, 2 * theta[1]])
    assert np.allclose(found, noise.T @ noise @ gradient / 3)
