"""Python loops and lists, sorted ranks with ties, and a test with two directions by hand."""

import numpy as np


def es_gradient(f, theta, sigma, noise):
    """Return the antithetic estimate. [D]"""
    terms = []
    for direction in noise:
        step = sigma * direction
        terms.append((f(theta + step) - f(theta - step)) * direction)
    return sum(terms) / (2 * sigma * len(terms))


def utilities(values):
    """Return the centred ranks of the values. [P]"""
    ordered, last = sorted(values), len(values) - 1
    result = []
    for value in values:
        ranks = [rank for rank, other in enumerate(ordered) if other == value]
        result.append(sum(ranks) / len(ranks) / last - 0.5)
    return np.array(result)


def ranked_gradient(f, theta, sigma, noise):
    """Return the antithetic estimate with utilities. [D]"""
    values = []
    for direction in noise:
        values += [f(theta + sigma * direction), f(theta - sigma * direction)]
    u = utilities(values)
    total = np.zeros(len(theta))
    for i, direction in enumerate(noise):
        total += (u[2 * i] - u[2 * i + 1]) * direction
    return total / (2 * sigma * len(noise))


def wrong_equation(equations):
    """Return the number of the wrong equation, or 0."""
    for number in range(1, 13):
        left, right = equations[number - 1]
        for theta in (-0.5, 0.8):
            for sigma in (0.4, 1.3):
                for e in (-1.1, 0.6):
                    if abs(left(theta, sigma, e) - right(theta, sigma, e)) > 1e-6:
                        return number
    return 0


def test_es_gradient(es_gradient):
    """Raise an AssertionError unless the implementation returns the antithetic estimate."""
    theta, sigma = np.array([1.0, 2.0]), 0.5
    noise = np.array([[2.0, 0.0], [1.0, -3.0], [0.0, 1.0]])

    def f(x):
        return 10 + x[0] ** 3 + 5 * x[1]

    # x[0] has the values 2 and 0, then 1.5 and 0.5. x[1] has 0.5 and 3.5, then 2.5 and 1.5.
    differences = [8.0 - 0.0, (3.375 + 2.5) - (0.125 + 17.5), 12.5 - 7.5]
    expected = [2 * differences[0] + differences[1], -3 * differences[1] + differences[2]]
    assert np.allclose(es_gradient(f, theta, sigma, noise), np.array(expected) / 3)
