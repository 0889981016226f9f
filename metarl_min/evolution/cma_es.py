"""CMA-ES: a normal distribution that learns the shape of a fitness from ranks.

`examples/evolved_by_shape.py` shows a use. In this module, m is the mean of the distribution, and
sigma^2 C is its covariance. In generation g, P points with D entries each are drawn and sorted:
x_1, the best, has rank 1, and x_P has rank P. The step to a point is y_i = (x_i - m) / sigma, w_i
is the weight of rank i, and <y> = sum_i w_i y_i is the weighted mean of the steps. The mean length
of a normal vector is chi = E|N(0, I)|. Two running sums of steps, p_sigma and p_c, are called
evolution paths, and h is a factor 0 or 1.

    (1)  x ~ m + sigma N(0, C)                                     [Hansen 2016, eq. 5]
    (2)  w_i in proportion to ln((P + 1) / 2) - ln i for i <= P // 2, else 0; their sum is 1;
         mu_eff = 1 / sum_i w_i^2                               [Hansen 2016, eqs. 8, 49, 53]
    (3)  c_sigma = (mu_eff + 2) / (D + mu_eff + 5),
         d_sigma = 1 + 2 max(0, sqrt((mu_eff - 1) / (D + 1)) - 1) + c_sigma,
         c_c = (4 + mu_eff / D) / (D + 4 + 2 mu_eff / D),  c_1 = 2 / ((D + 1.3)^2 + mu_eff),
         c_mu = min(1 - c_1, 2 (mu_eff - 2 + 1 / mu_eff) / ((D + 2)^2 + mu_eff))
                                                            [Hansen 2016, eqs. 55-58, table 1]
    (4)  m <- m + sigma <y>                                        [Hansen 2016, eq. 42]
    (5)  p_sigma <- (1 - c_sigma) p_sigma + sqrt(c_sigma (2 - c_sigma) mu_eff) C^{-1/2} <y>
                                                                   [Hansen 2016, eq. 43]
    (6)  sigma <- sigma exp(min(1, c_sigma / d_sigma (|p_sigma| / chi - 1)))
                                             [Hansen 2016, eq. 44; Hansen 2011 for the 1]
    (7)  p_c <- (1 - c_c) p_c + h sqrt(c_c (2 - c_c) mu_eff) <y>,
         h = 0 if |p_sigma| >= (1.4 + 2 / (D + 1)) chi sqrt(1 - (1 - c_sigma)^(2 g)), else h = 1
                                                                   [Hansen 2016, eq. 45]
    (8)  C <- (1 - c_1 - c_mu + (1 - h) c_1 c_c (2 - c_c)) C + c_1 p_c p_c^T
         + c_mu sum_i w_i y_i y_i^T                                [Hansen 2016, eq. 47]

The weights (2) fall to 0 at the median rank. In (3), c_sigma, c_c, c_1 and c_mu are rates: with a
rate c, an old value is forgotten in about 1 / c generations. The damping d_sigma makes the changes
of sigma in (6) smaller. The values in (3) are Hansen's defaults, found by experiments.

The other factors of (5)-(8) are chosen so that p_sigma, p_c and C keep their scale if the ranks are
random:
- <y> has the covariance C / mu_eff, because sum_i w_i^2 = 1 / mu_eff.
- (1 - c)^2 + c (2 - c) = 1 for every c. With c = c_sigma, p_sigma keeps the covariance I in (5).
  With c = c_c and h = 1, p_c keeps the covariance C in (7).
- E p_c p_c^T = C and E sum_i w_i y_i y_i^T = C. With h = 1 the factors of (8) sum to 1, so C
  keeps its mean.
- p_sigma and p_c start at 0, so their covariances are smaller at first. In generation g the
  covariance of p_sigma is (1 - (1 - c_sigma)^(2 g)) I, and (7) uses this factor. If all points of a
  generation have the same fitness, p_sigma does not change, but g grows. Then the factor is not
  exact.

If <y> has a similar direction in many generations, p_sigma is longer than chi, and (6) makes sigma
larger. If the directions of <y> are opposite, p_sigma is shorter, and (6) makes sigma smaller.

The limit of |p_sigma| in (7) is a default of Hansen too. Above this limit, sigma is far too small.
Then h = 0, and <y> is not added to p_c. Otherwise C would grow along <y>, although only sigma is
too small. With h = 0, the mean of p_c p_c^T is (1 - c_c)^2 C, which is less than C by
c_c (2 - c_c) C. The term with (1 - h) in (8) adds c_1 c_c (2 - c_c) C, so that C keeps its mean.

C learns from two terms of (8). The term with c_mu uses the steps y of one generation. It does not
depend on the signs of the steps, because -y has the same y y^T. The term with c_1 uses p_c, a sum
over generations. In this sum, opposite steps cancel, and steps in the same direction add up. So the
term with c_1 depends on the signs of the steps.

Before C is used in (1), (5) and (8), its condition number is limited by covariances (1). A step
that cannot have been drawn is shortened by covariances (2), and the scale of C is limited by
covariances (3). If sigma leaves the range of floats, `ask` or `tell` raises an error.

There are no negative weights. Points of equal fitness share the weights of their ranks, and (5)
and (7) use the mu_eff of the shared weights.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import floats, generator, instance, require, shaped, whole
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Array, Rng
from metarl_min.evolution import covariances
from metarl_min.evolution.covariances import compose, decompose
from metarl_min.evolution.fitness import require_finite


def _check(mean: Any, sigma: Any, C: Any, p_sigma: Any, p_c: Any, generation: Any) -> Any:
    mean, sigma, C = covariances.check_distribution(mean, sigma, C)
    for name, path in (("p_sigma", p_sigma), ("p_c", p_c)):
        shaped(name, floats(name, path), mean.shape, "the mean")
    p_sigma, p_c = p_sigma.astype(float, copy=False), p_c.astype(float, copy=False)
    return mean, sigma, C, p_sigma, p_c, whole("generation", generation, 0)


@checked(_check)
class State(NamedTuple):
    """A distribution, with its evolution paths; TypeError or ValueError if a field is wrong."""

    mean: Array  # [D] m
    sigma: float
    C: Array  # [D, D]
    p_sigma: Array  # [D] evolution path of the steps C^{-1/2} <y>
    p_c: Array  # [D] evolution path of the steps <y>
    generation: int  # number of generations so far


class Constants(NamedTuple):
    """The constants of eqs. (2) and (3)."""

    weights: Array  # [P] w, the best point first
    mu_eff: float
    c_sigma: float
    d_sigma: float
    c_c: float
    c_1: float
    c_mu: float


def constants(P: int, D: int) -> Constants:
    """Return the constants of a search with P points of D entries, eqs. (2), (3)."""
    return _constants(whole("P", P, low=2), whole("D", D))


@lru_cache
def _constants(P: int, D: int) -> Constants:
    w = np.maximum(np.log((P + 1) / 2) - np.log(np.arange(1, P + 1)), 0)
    w = w / w.sum()
    w.flags.writeable = False  # all callers share this array, because the result is cached
    mu_eff = float(1 / (w @ w))
    c_sigma = (mu_eff + 2) / (D + mu_eff + 5)
    d_sigma = 1 + 2 * max(0.0, math.sqrt((mu_eff - 1) / (D + 1)) - 1) + c_sigma
    c_c = (4 + mu_eff / D) / (D + 4 + 2 * mu_eff / D)
    c_1 = 2 / ((D + 1.3) ** 2 + mu_eff)
    c_mu = min(1 - c_1, 2 * (mu_eff - 2 + 1 / mu_eff) / ((D + 2) ** 2 + mu_eff))
    return Constants(w, mu_eff, c_sigma, d_sigma, c_c, c_1, c_mu)


def expected_norm(D: int) -> float:
    """Return chi = sqrt(2) Gamma((D + 1) / 2) / Gamma(D / 2), the mean length of N(0, I) [D].

    The length r has a density proportional to r^(D-1) exp(-r^2 / 2).

    >>> round(expected_norm(1) ** 2 * math.pi, 12)
    2.0
    """
    D = whole("D", D)
    return math.sqrt(2) * math.exp(math.lgamma((D + 1) / 2) - math.lgamma(D / 2))


def init(mean: Array, sigma: float) -> State:
    """Return the first state: this mean [D], this sigma, C = I, and evolution paths of zeros.

    ValueError or TypeError if an argument is out of range.
    """
    D = floats("mean", mean).size
    paths = {"p_sigma": np.zeros(D), "p_c": np.zeros(D)}
    return State(mean=mean.copy(), sigma=sigma, C=np.eye(D), **paths, generation=0)


@np.errstate(over="ignore", invalid="ignore")  # the points are checked
def ask(rng: Rng, state: State, population: int) -> Array:
    """Draw the points of a generation, eq. (1); FloatingPointError if one is not finite. [P, D]"""
    _, values, vectors = decompose(instance("state", state, State).C)
    shape = whole("population", population, low=2), len(state.mean)
    z = generator("rng", rng).standard_normal(shape)
    x = state.mean + state.sigma * z @ compose(values**0.5, vectors)
    if not np.isfinite(x).all():
        raise _out_of_range(state.sigma, state.C, state.generation)
    return x


def _out_of_range(sigma: float, C: Array, generation: int) -> FloatingPointError:
    rule = "steps must stay in the range of floats (if F has no maximum, steps grow without end)"
    got = f"sigma {sigma:.3g} and a largest variance {C.max():.3g} in generation {generation}"
    return FloatingPointError(f"{rule}, got {got}")


def rank_weights(F: Array, weights: Array) -> Array:
    """Return the weight of each point by its rank, eq. (2). F [P], weights [P] -> [P]

    Points of equal fitness share the weights of their ranks equally.

    >>> rank_weights(np.array([1.0, 5.0, 5.0, 0.0]), np.array([0.75, 0.25, 0.0, 0.0]))
    array([0. , 0.5, 0.5, 0. ])
    """
    F = require_finite(F)
    shaped("F", F, floats("weights", weights).shape, "the weights")
    # Points of equal fitness have the ranks start + 1 .. end. Each point gets the mean of the
    # weights of these ranks. Entry i of `cumulative` is the sum of the first i weights.
    ordered = np.sort(-F)
    start, end = (np.searchsorted(ordered, -F, side) for side in ("left", "right"))
    cumulative = np.concatenate([[0.0], np.cumsum(weights)])
    return np.asarray((cumulative[end] - cumulative[start]) / (end - start))


def paths(
    state: State, const: Constants, w: Array, y: Array, inverse_root: Array
) -> tuple[Array, Array, int]:
    """Return the evolution paths p_sigma and p_c after a generation, and h, eqs. (5), (7).

    w [P] and y [P, D] are the weight of each point and the step to each point. The points need not
    be sorted. `inverse_root` is C^{-1/2}.
    """
    mean_step, D, g = w @ y, y.shape[1], state.generation + 1
    mu_eff = 1 / (w @ w)
    whitened = inverse_root @ mean_step
    p_sigma = (1 - const.c_sigma) * state.p_sigma
    p_sigma = p_sigma + math.sqrt(const.c_sigma * (2 - const.c_sigma) * mu_eff) * whitened
    limit = (1.4 + 2 / (D + 1)) * expected_norm(D) * math.sqrt(1 - (1 - const.c_sigma) ** (2 * g))
    h = int(np.linalg.norm(p_sigma) < limit)
    p_c = (1 - const.c_c) * state.p_c
    p_c = p_c + h * math.sqrt(const.c_c * (2 - const.c_c) * mu_eff) * mean_step
    return p_sigma, p_c, h


def covariance(C: Array, const: Constants, p_c: Array, h: int, w: Array, y: Array) -> Array:
    """Return C after a generation, eq. (8). w [P], y [P, D] -> [D, D]"""
    c_1, c_c = const.c_1, const.c_c
    remaining = 1 - c_1 - const.c_mu + (1 - h) * c_1 * c_c * (2 - c_c)
    C = remaining * C + c_1 * np.outer(p_c, p_c) + const.c_mu * (y.T * w) @ y
    return (C + C.T) / 2  # symmetric in the last bit too


def tell(state: State, x: Array, F: Array) -> State:
    """Return the state after a generation with points x [P, D] and fitness F [P], eqs. (2)-(8).

    ValueError or TypeError if an argument does not fit. FloatingPointError if a fitness is not
    finite, or if sigma or C leaves the range of floats.
    """
    D = len(instance("state", state, State).mean)
    shape_is_right = floats("x", x).ndim == 2 and x.shape[1] == D and len(x) > 1
    require(shape_is_right, f"x must be [P, {D}], P at least 2", x.shape)
    rule = f"F must be [{len(x)}], one entry for each of the points"
    require(np.shape(F) == (len(x),), rule, np.shape(F))
    F = require_finite(F)
    if F.min() == F.max():
        return State._make([*state[:-1], state.generation + 1])
    return _update(state, x, F)


@np.errstate(over="ignore", invalid="ignore")  # the new state is checked
def _update(state: State, x: Array, F: Array) -> State:
    C, values, vectors = decompose(state.C)
    inverse_root = compose(values**-0.5, vectors)
    y = covariances.shorten_rare((x - state.mean) / state.sigma, inverse_root)
    const = constants(*x.shape)
    w = rank_weights(F, const.weights)
    p_sigma, p_c, h = paths(state, const, w, y, inverse_root)
    excess = np.linalg.norm(p_sigma) / expected_norm(y.shape[1]) - 1
    sigma = state.sigma * math.exp(min(1.0, const.c_sigma / const.d_sigma * excess))
    mean, generation = state.mean + state.sigma * w @ y, state.generation + 1
    sigma, C, p_c = covariances.rescale(sigma, covariance(C, const, p_c, h, w, y), p_c)
    if not (0 < sigma < np.inf and 0 < C.max() < np.inf):
        raise _out_of_range(sigma, C, generation)
    return State._make([mean, sigma, C, p_sigma, p_c, generation])
