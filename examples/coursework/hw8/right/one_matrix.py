"""All points as the rows of one matrix, ranks from comparisons, and metamorphic tests."""

import numpy as np


def mirrored(noise):
    """Return the directions and their opposites. [2 n, D]"""
    return np.concatenate([noise, -noise])


def from_weights(shape, f, theta, sigma, noise):
    """Return 1/(2 n sigma) sum_j w_j d_j over all 2 n directions d_j. [D]"""
    directions = mirrored(noise)
    weights = shape(np.array([f(theta + sigma * d) for d in directions]))
    return np.einsum("j,jd->d", weights, directions) / (len(directions) * sigma)


def es_gradient(f, theta, sigma, noise):
    """Return the antithetic estimate. [D]"""
    return from_weights(lambda values: values, f, theta, sigma, noise)


def utilities(values):
    """Return the centred ranks of the values: signs of all differences. [P]"""
    differences = np.sign(np.subtract.outer(values, values))
    return differences.sum(axis=1) / (2 * (len(values) - 1))


def ranked_gradient(f, theta, sigma, noise):
    """Return the antithetic estimate with utilities. [D]"""
    return from_weights(utilities, f, theta, sigma, noise)


def wrong_equation(equations):
    """Return the number of the equation with the largest relative difference, or 0."""
    points = [(0.9, 0.7, 0.8), (-1.1, 1.6, -0.5)]
    errors = []
    for left, right in equations:
        sides = [(left(*point), right(*point)) for point in points]
        errors.append(max(abs(x - y) / (abs(x) + abs(y)) for x, y in sides))
    return int(np.argmax(errors)) + 1 if max(errors) > 1e-6 else 0


def test_es_gradient(es_gradient):
    """Raise an AssertionError unless the implementation returns the antithetic estimate."""
    rng = np.random.default_rng(3)
    theta, sigma, noise = rng.normal(size=3), 0.7, rng.normal(size=(4, 3))
    a = rng.normal(size=3)

    def f(x):
        return np.exp(a @ x / 4)

    found = es_gradient(f, theta, sigma, noise)
    # A direction does not matter by its sign or place, and a constant adds nothing.
    assert np.allclose(es_gradient(f, theta, sigma, -noise), found)
    assert np.allclose(es_gradient(f, theta, sigma, noise[::-1]), found)
    assert np.allclose(es_gradient(lambda x: f(x) + 7, theta, sigma, noise), found)
    # exp(z + y) - exp(z - y) = 2 exp(z) sinh(y).
    weights = f(theta) * np.sinh(sigma * noise @ a / 4) / sigma
    assert np.allclose(found, np.mean(weights[:, None] * noise, axis=0))
