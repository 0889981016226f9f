"""Assignment 8: a derivation of the gradient of an evolution strategy, as programs.

theta and e are numbers, x = theta + sigma e, and F is a cubic polynomial. p is the density of
e ~ N(0, 1), and q is the density of x. F_sigma(theta) = E F(theta + sigma e) is search_gradients
(1) for one parameter, and F_sigma' is its derivative. The derivation has twelve equations:

    number 1    F_sigma(theta) = E F(theta + sigma e)
    number 2    1 = int p(e) de
    number 3    1 = int q(x) dx
    number 4    F_sigma(theta) = int F(x) q(x) dx
    number 5    dp/de = -e p(e)
    number 6    dq/dtheta = (x - theta) / sigma^2 q(x)
    number 7    F_sigma'(theta) = int F(x) dq/dtheta dx
    number 8    F_sigma'(theta) = int F(x) (x - theta) / sigma^2 q(x) dx
    number 9    F_sigma'(theta) = E F(theta + sigma e) e / sigma
    number 10   F_sigma'(theta) = E -F(theta - sigma e) e / sigma
    number 11   F_sigma'(theta) = E (F(theta + sigma e) - F(theta - sigma e)) e / (2 sigma)
    number 12   E (F(theta + sigma e) - F(theta - sigma e)) e / (2 sigma)
                = F'(theta) + sigma^2 / 2 F'''(theta)

Each side is a function of F, theta, sigma and e. F_sigma and F_sigma' are closed forms: the Taylor
series of F ends with the third power of sigma e, and E e = E e^3 = 0, E e^2 = 1. dp/de and
dq/dtheta are computed by complex_steps (1). An integral is a sum over 81 points, which is exact up
to round-off for a polynomial times a density. `BROKEN` holds wrong right sides. Some of them are
right at sigma = 1, at theta = 0, at e = 0, or for e > 0.

The functions of `es_derivation` trust their arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

TINY = 1e-100  # the step of complex_steps (1)
GRID, WIDTH = np.linspace(-10, 10, 81, retstep=True)  # of e


class Cubic(NamedTuple):
    """The polynomial a + b x + c x^2 + d x^3."""

    a: float
    b: float
    c: float
    d: float

    def __call__(self, x: Any) -> Any:
        """Return the value at x, a number or an array."""
        return self.a + x * (self.b + x * (self.c + x * self.d))

    def slope(self, x: float) -> float:
        """Return the first derivative at x."""
        return self.b + x * (2 * self.c + x * 3 * self.d)


Integrand = Callable[[Cubic, Any, float, float], Any]  # F, e or x, theta, sigma -> number
Side = Callable[[Cubic, float, float, float], float]  # F, theta, sigma, e -> number


def p(e: Any) -> Any:
    """Return the density of N(0, 1). e may be complex."""
    return np.exp(-(e**2) / 2) / np.sqrt(2 * np.pi)


AT_GRID = p(GRID)


def q(x: Any, theta: Any, sigma: float) -> Any:
    """Return the density of x = theta + sigma e. theta may be complex."""
    return p((x - theta) / sigma) / sigma


def q_slope(x: Any, theta: float, sigma: float) -> Any:
    """Return dq/dtheta at x, by complex_steps (1)."""
    return np.imag(q(x, theta + TINY * 1j, sigma)) / TINY


def at_e(g: Integrand) -> Side:
    """Return a side that is the value of g at e."""
    return lambda F, theta, sigma, e: float(g(F, e, theta, sigma))


def at_x(g: Integrand) -> Side:
    """Return a side that is the value of g at x = theta + sigma e."""
    return lambda F, theta, sigma, e: float(g(F, theta + sigma * e, theta, sigma))


def mean(g: Integrand) -> Side:
    """Return a side that is E g = int g p de."""

    def side(F: Cubic, theta: float, sigma: float, e: float) -> float:
        return float(np.sum(g(F, GRID, theta, sigma) * AT_GRID) * WIDTH)

    return side


def over_x(g: Integrand) -> Side:
    """Return a side that is int g dx."""

    def side(F: Cubic, theta: float, sigma: float, e: float) -> float:
        return float(np.sum(g(F, theta + sigma * GRID, theta, sigma)) * WIDTH * sigma)

    return side


ONE = at_e(lambda F, e, theta, sigma: 1.0)
SMOOTH = at_e(lambda F, e, theta, sigma: F(theta) + sigma**2 * (F.c + 3 * F.d * theta))
SLOPE = at_e(lambda F, e, theta, sigma: F.slope(theta) + sigma**2 / 2 * 6 * F.d)
PAIRS = mean(
    lambda F, e, theta, sigma: (F(theta + sigma * e) - F(theta - sigma * e)) * e / 2 / sigma
)
RIGHT = {
    1: (SMOOTH, mean(lambda F, e, theta, sigma: F(theta + sigma * e))),
    2: (ONE, mean(lambda F, e, theta, sigma: 1.0)),
    3: (ONE, over_x(lambda F, x, theta, sigma: q(x, theta, sigma))),
    4: (SMOOTH, over_x(lambda F, x, theta, sigma: F(x) * q(x, theta, sigma))),
    5: (
        at_e(lambda F, e, theta, sigma: np.imag(p(e + TINY * 1j)) / TINY),
        at_e(lambda F, e, theta, sigma: -e * p(e)),
    ),
    6: (
        at_x(lambda F, x, theta, sigma: q_slope(x, theta, sigma)),
        at_x(lambda F, x, theta, sigma: (x - theta) / sigma**2 * q(x, theta, sigma)),
    ),
    7: (SLOPE, over_x(lambda F, x, theta, sigma: F(x) * q_slope(x, theta, sigma))),
    8: (
        SLOPE,
        over_x(lambda F, x, theta, sigma: F(x) * (x - theta) / sigma**2 * q(x, theta, sigma)),
    ),
    9: (SLOPE, mean(lambda F, e, theta, sigma: F(theta + sigma * e) * e / sigma)),
    10: (SLOPE, mean(lambda F, e, theta, sigma: -F(theta - sigma * e) * e / sigma)),
    11: (SLOPE, PAIRS),
    12: (PAIRS, SLOPE),
}
# The number of an equation, its wrong right side in words, and this side as a function.
BROKEN: list[tuple[int, str, Side]] = [
    (1, "E F(theta + e)", mean(lambda F, e, theta, sigma: F(theta + e))),
    (3, "int p((x - theta) / sigma) dx", over_x(lambda F, x, theta, sigma: p((x - theta) / sigma))),
    (
        4,
        "int F(x) p((x - theta) / sigma) dx",
        over_x(lambda F, x, theta, sigma: F(x) * p((x - theta) / sigma)),
    ),
    (5, "e p(e)", at_e(lambda F, e, theta, sigma: e * p(e))),
    (5, "-|e| p(e)", at_e(lambda F, e, theta, sigma: -abs(e) * p(e))),
    (
        6,
        "(x - theta) / sigma q(x)",
        at_x(lambda F, x, theta, sigma: (x - theta) / sigma * q(x, theta, sigma)),
    ),
    (6, "x / sigma^2 q(x)", at_x(lambda F, x, theta, sigma: x / sigma**2 * q(x, theta, sigma))),
    (
        7,
        "-int F(x) dq/dtheta dx",
        over_x(lambda F, x, theta, sigma: -F(x) * q_slope(x, theta, sigma)),
    ),
    (
        8,
        "int F(x) x / sigma^2 q(x) dx",
        over_x(lambda F, x, theta, sigma: F(x) * x / sigma**2 * q(x, theta, sigma)),
    ),
    (9, "E F(theta + sigma e) e", mean(lambda F, e, theta, sigma: F(theta + sigma * e) * e)),
    (
        10,
        "E F(theta - sigma e) e / sigma",
        mean(lambda F, e, theta, sigma: F(theta - sigma * e) * e / sigma),
    ),
    (
        11,
        "E (F(theta + sigma e) - F(theta - sigma e)) e / sigma",
        lambda F, theta, sigma, e: 2 * PAIRS(F, theta, sigma, e),
    ),
    (
        12,
        "F'(theta) + sigma / 2 F'''(theta)",
        at_e(lambda F, e, theta, sigma: F.slope(theta) + sigma / 2 * 6 * F.d),
    ),
]
