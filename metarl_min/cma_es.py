"""CMA-ES: a normal distribution that learns the shape of what it ascends, from ranks alone.

theta has D entries. Of P points x_1 .. x_P, best first, the best P // 2 count, by weights w_i;
y_i = (x_i - m) / s for s = sigma, <y> = sum_i w_i y_i, and c.. are constants between 0 and 1:

    (1)  x ~ m + s N(0, C)                                         [Hansen 2016, eq. 5]
    (2)  w_i in proportion to ln((P + 1) / 2) - ln i, i <= P // 2, sum 1;  mu = 1 / sum_i w_i^2
                                                                [Hansen 2016, eqs. 8, 49, 53]
    (3)  m <- m + s <y>                                            [Hansen 2016, eq. 42]
    (4)  p <- (1 - c_p) p + sqrt(c_p (2 - c_p) mu) C^{-1/2} <y>    [Hansen 2016, eq. 43]
    (5)  s <- s exp(c_p / d (|p| / E|N(0, I)| - 1))                [Hansen 2016, eq. 44]
    (6)  q <- (1 - c_q) q + k sqrt(c_q (2 - c_q) mu) <y>, with k = 0 in generation g where
         |p| >= (1.4 + 2 / (D + 1)) E|N(0, I)| sqrt(1 - (1 - c_p)^(2 g)), else 1
                                                                   [Hansen 2016, eq. 45]
    (7)  C <- (1 - c_1 - c_C + (1 - k) c_1 c_q (2 - c_q)) C + c_1 q q^T + c_C sum_i w_i y_i y_i^T
                                                                   [Hansen 2016, eq. 47]
    (8)  c_p = (mu + 2) / (D + mu + 5),  d = 1 + 2 max(0, sqrt((mu - 1) / (D + 1)) - 1) + c_p,
         c_q = (4 + mu / D) / (D + 4 + 2 mu / D),  c_1 = 2 / ((D + 1.3)^2 + mu),
         c_C = min(1 - c_1, 2 (mu - 2 + 1 / mu) / ((D + 2)^2 + mu))
                                                            [Hansen 2016, eqs. 55-58, table 1]

p and q are paths: running sums of steps, so scaled that where selection is blind p stays N(0, I),
q stays N(0, C) and C stays what it is on average. Steps that go on in one direction lengthen p,
and s grows; steps that undo each other shorten it, and s shrinks. Plain: no negative weights.
Equal fitness shares its weights, and a generation without any difference moves nothing.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from metarl_min.arguments import floats, real, require, whole
from metarl_min.search_gradients import finite
from metarl_min.trees import Array, Rng


class State(NamedTuple):
    """The distribution, and how it came to be."""

    mean: Array  # [D] m
    sigma: float
    C: Array  # [D, D]
    path: Array  # [D] p, of the step size
    path_C: Array  # [D] q, of the covariance
    generation: int


class Constants(NamedTuple):
    """Of eqs. (2) and (8)."""

    weights: Array  # [P], 0 after the better half
    mu: float
    c_p: float
    d: float
    c_q: float
    c_1: float
    c_C: float


def constants(P: int, D: int) -> Constants:
    """Eqs. (2), (8): what depends on the size of the population and of theta alone."""
    w = np.maximum(np.log((P + 1) / 2) - np.log(np.arange(1, P + 1)), 0)
    w[P // 2 :] = 0
    w = w / w.sum()
    mu = float(1 / (w @ w))
    c_p = (mu + 2) / (D + mu + 5)
    d = 1 + 2 * max(0.0, math.sqrt((mu - 1) / (D + 1)) - 1) + c_p
    c_q = (4 + mu / D) / (D + 4 + 2 * mu / D)
    c_1 = 2 / ((D + 1.3) ** 2 + mu)
    return Constants(
        w, mu, c_p, d, c_q, c_1, min(1 - c_1, 2 * (mu - 2 + 1 / mu) / ((D + 2) ** 2 + mu))
    )


def expected_norm(D: int) -> float:
    """E|N(0, I)| in D dimensions.

    >>> round(expected_norm(1) ** 2 * math.pi, 12)
    2.0
    """
    return math.sqrt(2) * math.exp(math.lgamma((D + 1) / 2) - math.lgamma(D / 2))


def init(mean: Array, sigma: float) -> State:
    """Start round, around `mean` [D]; ValueError or TypeError out of range."""
    require(np.ndim(floats("mean", mean)) == 1 and len(mean) > 0, "mean must be [D]", mean.shape)
    require(real("sigma", sigma) > 0, "sigma must be positive", sigma)
    D = len(mean)
    return State(mean.copy(), float(sigma), np.eye(D), np.zeros(D), np.zeros(D), 0)


def power(C: Array, exponent: float) -> Array:
    """A power of a symmetric positive matrix, itself symmetric; else ValueError. [D, D]"""
    values, vectors = np.linalg.eigh(C)
    require(values[0] > 0, "C must be positive definite", f"an eigenvalue of {values[0]:.3g}")
    return np.asarray((vectors * values**exponent) @ vectors.T)


def sample(rng: Rng, state: State, population: int) -> Array:
    """The points of a generation, eq. (1). [P, D]"""
    P = whole("population", population, low=2)
    z = rng.standard_normal((P, len(state.mean)))
    return state.mean + state.sigma * z @ power(state.C, 0.5)


def shares(F: Array, weights: Array) -> Array:
    """Weight of each point by its rank, the greatest F first; equals share theirs. [P] -> [P]

    >>> shares(np.array([1.0, 5.0, 5.0, 0.0]), np.array([0.75, 0.25, 0.0, 0.0]))
    array([0. , 0.5, 0.5, 0. ])
    """
    _, place, counts = np.unique(-F, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    sums = np.concatenate([[0.0], np.cumsum(weights)])
    return np.asarray(((sums[ends] - sums[ends - counts]) / counts)[place])


def advance(state: State, x: Array, F: Array) -> State:
    """The distribution after a generation x [P, D] of fitness F [P], eqs. (2)-(8).

    ValueError where shapes differ, FloatingPointError where a fitness is not finite.
    """
    D, g = len(state.mean), state.generation + 1
    fits = floats("x", x).ndim == 2 and x.shape[1] == D and len(x) > 1
    require(fits, f"x must be [P, {D}], P at least 2", x.shape)
    P = len(x)
    require(np.shape(F) == (P,), f"F must be [{P}], one entry for each of the points", np.shape(F))
    F = finite(np.asarray(F, float))
    if F.min() == F.max():
        return state._replace(generation=g)
    c, chi = constants(P, D), expected_norm(D)
    w, y = shares(F, c.weights), (x - state.mean) / state.sigma
    step = w @ y
    gain = math.sqrt(c.c_p * (2 - c.c_p) * c.mu)
    p = (1 - c.c_p) * state.path + gain * power(state.C, -0.5) @ step
    norm = float(np.linalg.norm(p))
    k = float(norm < (1.4 + 2 / (D + 1)) * chi * math.sqrt(1 - (1 - c.c_p) ** (2 * g)))
    q = (1 - c.c_q) * state.path_C + k * math.sqrt(c.c_q * (2 - c.c_q) * c.mu) * step
    kept = 1 - c.c_1 - c.c_C + (1 - k) * c.c_1 * c.c_q * (2 - c.c_q)
    C = kept * state.C + c.c_1 * np.outer(q, q) + c.c_C * (y.T * w) @ y
    sigma = state.sigma * math.exp(c.c_p / c.d * (norm / chi - 1))
    return State(state.mean + state.sigma * step, sigma, (C + C.T) / 2, p, q, g)
