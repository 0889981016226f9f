"""Gradients of a smoothed objective from the fitness of neighbours, without a derivative.

F is what is ascended, theta has D entries; e_1 .. e_n are directions, s = sigma:

    (1)  F_s(theta) = E F(theta + s e),  e ~ N(0, I)        [Wierstra et al. 2014, eq. 1]
    (2)  vanilla: g = sum_i F(theta + s e_i) e_i / (n s), E g = grad F_s
                                                            [Salimans et al. 2017, sec. 2]
    (3)  antithetic: g = sum_i (F(theta + s e_i) - F(theta - s e_i)) e_i / (2 n s)
                                                            [Salimans et al. 2017, sec. 2.1]
    (4)  forward difference: g = sum_i (F(theta + s e_i) - F(theta)) e_i / (n s)
                                                            [Choromanski et al. 2018, eq. 3]
    (5)  orthogonal: of each D directions the rows of a random orthogonal matrix, times sqrt(D).
         Of one length, they smooth over a sphere instead of (1), which is the same for a
         quadratic F: with n = D, (3) is its gradient       [Choromanski et al. 2018, sec. 3.2]
    (6)  F <- rank / (P - 1) - 1/2 over all P values, ties their mean rank: a flat fitness is 0
                                                            [Salimans et al. 2017, sec. 2.1]

Covariances at theta, for F = a.theta: (2) ((F / s)^2 + |a|^2) I / n + a a^T / n; (3) and (4)
without F. For F quadratic with gradient a and Hessian Q, (4) adds s^2 / 4 times
((tr Q)^2 + 2 tr Q^2) I + 4 (tr Q) Q + 8 Q^2 over n; (3) adds nothing.

Directions are named by (key, i): they need not travel, and do not depend on who asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from metarl_min.basics.arguments import require
from metarl_min.basics.trees import Array


def one_sided(F: Array, e: Array, sigma: float) -> Array:
    """The gradient of eq. (1) by eq. (2). F [n] at theta + sigma e, e [n, D] -> [D]"""
    return F @ e / (len(e) * sigma)


def antithetic(F: Array, e: Array, sigma: float) -> Array:
    """Eq. (3). F [2 n] at theta + sigma e_0, theta - sigma e_0, theta + sigma e_1, .. -> [D]"""
    return (F[0::2] - F[1::2]) @ e / (2 * len(e) * sigma)


def forward_difference(F: Array, e: Array, sigma: float) -> Array:
    """Eq. (4). F [1 + n], the first at theta itself -> [D]"""
    return (F[1:] - F[0]) @ e / (len(e) * sigma)


def gaussian_directions(key: int, wanted: Array, D: int) -> Array:
    """Directions by their number: the same whoever asks for them. wanted [k] -> [k, D]"""
    drawn = [np.random.default_rng([key, 2, int(i)]).standard_normal(D) for i in wanted]
    return np.reshape(drawn, (len(wanted), D))


def orthogonal_directions(key: int, wanted: Array, D: int) -> Array:
    """The rows of orthogonal matrices, times sqrt(D), eq. (5). wanted [k] -> [k, D]"""
    blocks = {}
    for block in {int(i) // D for i in wanted}:
        Q, R = np.linalg.qr(np.random.default_rng([key, 2, block]).standard_normal((D, D)))
        blocks[block] = np.sqrt(D) * (Q * np.sign(np.diag(R))).T
    return np.reshape([blocks[int(i) // D][int(i) % D] for i in wanted], (len(wanted), D))


def require_finite(F: Array) -> Array:
    """Return a fitness; FloatingPointError where it is not finite, with the member. [P]"""
    bad = np.flatnonzero(~np.isfinite(F))
    if bad.size:
        raise FloatingPointError(f"fitness must be finite, got {F[bad[0]]} of member {bad[0]}")
    return F


def centred_ranks(F: Array) -> Array:
    """Eq. (6). [P] -> [P]

    >>> centred_ranks(np.array([7.0, 1.0, 1.0]))
    array([ 0.5 , -0.25, -0.25])
    """
    require(len(F) > 1, "ranks need at least 2 values", len(F))
    _, place, counts = np.unique(F, return_inverse=True, return_counts=True)
    rank = np.cumsum(counts) - (counts + 1) / 2
    return np.asarray(rank[place] / (len(F) - 1) - 0.5)


def unshaped(F: Array) -> Array:
    """Fitness as it is."""
    return F


class Estimator(NamedTuple):
    """Which members a generation has, and what gradient their fitness gives."""

    gradient: Callable[[Array, Array, float], Array]
    count: Callable[[int], int]  # members P -> n directions, 0 where P does not fit
    place: Callable[[Array], tuple[Array, Array]]  # members -> number of direction, factor


ESTIMATORS = {
    "vanilla": Estimator(one_sided, lambda P: P, lambda p: (p, np.ones(len(p)))),
    "antithetic": Estimator(
        antithetic, lambda P: 0 if P % 2 else P // 2, lambda p: (p // 2, 1.0 - 2 * (p % 2))
    ),
    "forward": Estimator(
        forward_difference, lambda P: P - 1, lambda p: (np.maximum(p - 1, 0), 1.0 * (p > 0))
    ),
}
DIRECTIONS = {"gaussian": gaussian_directions, "orthogonal": orthogonal_directions}
SHAPING = {"ranks": centred_ranks, "none": unshaped}
