"""CMA-ES: a normal distribution that learns the shape of what it ascends, from ranks alone.

theta has D entries. Of P points x_1 .. x_P, best first, the best P // 2 count, by weights w_i;
y_i = (x_i - m) / sigma, <y> = sum_i w_i y_i, chi = E|N(0, I)|:

    (1)  x ~ m + sigma N(0, C)                                     [Hansen 2016, eq. 5]
    (2)  w_i in proportion to ln((P + 1) / 2) - ln i, i <= P // 2, sum 1;
         mu_eff = 1 / sum_i w_i^2                               [Hansen 2016, eqs. 8, 49, 53]
    (3)  c_sigma = (mu_eff + 2) / (D + mu_eff + 5),
         d_sigma = 1 + 2 max(0, sqrt((mu_eff - 1) / (D + 1)) - 1) + c_sigma,
         c_c = (4 + mu_eff / D) / (D + 4 + 2 mu_eff / D),  c_1 = 2 / ((D + 1.3)^2 + mu_eff),
         c_mu = min(1 - c_1, 2 (mu_eff - 2 + 1 / mu_eff) / ((D + 2)^2 + mu_eff))
                                                            [Hansen 2016, eqs. 55-58, table 1]
    (4)  m <- m + sigma <y>                                        [Hansen 2016, eq. 42]
    (5)  p_sigma <- (1 - c_sigma) p_sigma + sqrt(c_sigma (2 - c_sigma) mu_eff) C^{-1/2} <y>
                                                                   [Hansen 2016, eq. 43]
    (6)  sigma <- sigma exp(c_sigma / d_sigma (|p_sigma| / chi - 1))  [Hansen 2016, eq. 44]
    (7)  p_c <- (1 - c_c) p_c + h sqrt(c_c (2 - c_c) mu_eff) <y>, with h = 0 in generation g where
         |p_sigma| >= (1.4 + 2 / (D + 1)) chi sqrt(1 - (1 - c_sigma)^(2 g)), else 1
                                                                   [Hansen 2016, eq. 45]
    (8)  C <- (1 - c_1 - c_mu + (1 - h) c_1 c_c (2 - c_c)) C + c_1 p_c p_c^T
         + c_mu sum_i w_i y_i y_i^T                                [Hansen 2016, eq. 47]

p_sigma and p_c are running sums of steps, so scaled that where selection is blind they stay
N(0, I) and N(0, C), and C stays what it is on average. Steps that go on in one direction lengthen
p_sigma, and sigma grows; steps that undo each other shorten it, and sigma shrinks. Plain: no
negative weights. Equal fitness shares its weights, (5) and (7) take the mu_eff of what is shared,
and a generation without any difference moves nothing.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from metarl_min.basics.arguments import floats, real, require, whole
from metarl_min.basics.trees import Array, Rng
from metarl_min.evolution.search_gradients import require_finite


class State(NamedTuple):
    """The distribution, and how it came to be."""

    mean: Array  # [D]
    sigma: float
    C: Array  # [D, D]
    p_sigma: Array  # [D]
    p_c: Array  # [D]
    generation: int


class Constants(NamedTuple):
    """Of eqs. (2) and (3)."""

    weights: Array  # [P], 0 after the better half
    mu_eff: float
    c_sigma: float
    d_sigma: float
    c_c: float
    c_1: float
    c_mu: float


def constants(P: int, D: int) -> Constants:
    """What depends on the size of the population and of theta alone, eqs. (2), (3)."""
    w = np.maximum(np.log((P + 1) / 2) - np.log(np.arange(1, P + 1)), 0)
    w = w / w.sum()
    mu_eff = float(1 / (w @ w))
    c_sigma = (mu_eff + 2) / (D + mu_eff + 5)
    d_sigma = 1 + 2 * max(0.0, math.sqrt((mu_eff - 1) / (D + 1)) - 1) + c_sigma
    c_c = (4 + mu_eff / D) / (D + 4 + 2 * mu_eff / D)
    c_1 = 2 / ((D + 1.3) ** 2 + mu_eff)
    c_mu = min(1 - c_1, 2 * (mu_eff - 2 + 1 / mu_eff) / ((D + 2) ** 2 + mu_eff))
    return Constants(w, mu_eff, c_sigma, d_sigma, c_c, c_1, c_mu)


def expected_norm(D: int) -> float:
    """chi, E|N(0, I)| in D dimensions.

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


def matrix_power(C: Array, exponent: float) -> Array:
    """A power of a symmetric positive matrix, itself symmetric; else ValueError. [D, D]"""
    values, vectors = np.linalg.eigh(C)
    require(values[0] > 0, "C must be positive definite", f"an eigenvalue of {values[0]:.3g}")
    return np.asarray((vectors * values**exponent) @ vectors.T)


def ask(rng: Rng, state: State, population: int) -> Array:
    """The points of a generation, eq. (1). [P, D]"""
    P = whole("population", population, low=2)
    z = rng.standard_normal((P, len(state.mean)))
    return state.mean + state.sigma * z @ matrix_power(state.C, 0.5)


def rank_weights(F: Array, weights: Array) -> Array:
    """Weight of each point by its rank, the greatest F first; equals share theirs. [P] -> [P]

    >>> shares(np.array([1.0, 5.0, 5.0, 0.0]), np.array([0.75, 0.25, 0.0, 0.0]))
    array([0. , 0.5, 0.5, 0. ])
    """
    _, place, counts = np.unique(-F, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    sums = np.concatenate([[0.0], np.cumsum(weights)])
    return np.asarray(((sums[ends] - sums[ends - counts]) / counts)[place])


def paths(state: State, c: Constants, w: Array, y: Array) -> tuple[Array, Array, int]:
    """p_sigma, p_c and h after a generation, eqs. (5), (7). w [P], y [P, D]"""
    step, D, g = w @ y, y.shape[1], state.generation + 1
    whitened = matrix_power(state.C, -0.5) @ step
    scale_sigma, scale_c = (math.sqrt(x * (2 - x) / (w @ w)) for x in (c.c_sigma, c.c_c))
    p_sigma = (1 - c.c_sigma) * state.p_sigma + scale_sigma * whitened
    limit = (1.4 + 2 / (D + 1)) * expected_norm(D) * math.sqrt(1 - (1 - c.c_sigma) ** (2 * g))
    h = int(np.linalg.norm(p_sigma) < limit)
    return p_sigma, (1 - c.c_c) * state.p_c + h * scale_c * step, h


def covariance(C: Array, c: Constants, p_c: Array, h: int, w: Array, y: Array) -> Array:
    """C after a generation, eq. (8). w [P], y [P, D] -> [D, D]"""
    kept = 1 - c.c_1 - c.c_mu + (1 - h) * c.c_1 * c.c_c * (2 - c.c_c)
    C = kept * C + c.c_1 * np.outer(p_c, p_c) + c.c_mu * (y.T * w) @ y
    return (C + C.T) / 2


def tell(state: State, x: Array, F: Array) -> State:
    """The distribution after a generation x [P, D] of fitness F [P], eqs. (2)-(8).

    ValueError where shapes differ, FloatingPointError where a fitness is not finite.
    """
    D = len(state.mean)
    fits = floats("x", x).ndim == 2 and x.shape[1] == D and len(x) > 1
    require(fits, f"x must be [P, {D}], P at least 2", x.shape)
    P = len(x)
    require(np.shape(F) == (P,), f"F must be [{P}], one entry for each of the points", np.shape(F))
    F = require_finite(np.asarray(F, float))
    if F.min() == F.max():
        return state._replace(generation=state.generation + 1)
    c, y = constants(P, D), (x - state.mean) / state.sigma
    w = rank_weights(F, c.weights)
    p_sigma, p_c, h = paths(state, c, w, y)
    mean = state.mean + state.sigma * w @ y
    excess = np.linalg.norm(p_sigma) / expected_norm(D) - 1
    sigma = state.sigma * math.exp(c.c_sigma / c.d_sigma * excess)  # eq. (6)
    C = covariance(state.C, c, p_c, h, w, y)
    return State(mean, sigma, C, p_sigma, p_c, state.generation + 1)
