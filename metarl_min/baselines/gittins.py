"""Gittins indices of Bernoulli arms, between two proven bounds.

An arm pays 1 with an unknown probability, whose prior is Beta(a, b). A standard arm always pays l.
A player pulls one of the two arms in each step, for ever. V(a,b;l) is the largest expected return,
discounted by gamma. Pulls of the standard arm teach nothing. So if the standard arm is the better
choice once, it stays the better choice, and the player earns l / (1 - gamma). In this module, a and
b are the parameters of a Beta distribution, p is the mean of this distribution, and l is the reward
of the standard arm.

    (1)  V(a,b;l) = max(l / (1 - gamma), p + gamma (p V(a+1,b;l) + (1 - p) V(a,b+1;l))),
         p = a / (a + b)                                        [Gittins et al. 2011, sec. 1.3]
    (2)  max(l, p) <= (1 - gamma) V(a,b;l) <= l + (1 - l) p,  0 <= l <= 1        [derivation]
    (3)  index(a,b) = inf{l : V(a,b;l) = l / (1 - gamma)}       [Gittins et al. 2011, sec. 1.3]

    Steps of (2). Let m be the unknown mean of the arm, so p = E[m].
    A player that pulls one arm for ever earns l / (1 - gamma) or E[m] / (1 - gamma).
    V is the best player's value, so it is at least as large as both.
    A player that is told m earns max(l, m) / (1 - gamma), and no player earns more.
    So (1 - gamma) V <= E[max(l, m)]. max(l, m) is convex in m; it is l at m = 0 and 1 at m = 1.
    So max(l, m) <= l + (1 - l) m for 0 <= m <= 1. The expectation of this line is l + (1 - l) p.

The recursion (1) stops after `depth` pulls. There, a bound of (2) takes the place of V. Larger
values at the end give a larger V at the start. So the lower bound leads to an index that is too
low, and the upper bound to an index that is too high. The distance of the two indices falls like
gamma^depth.

No module of the package imports this one. It is the plain form of the discounted tables of
`index_policies`: a test checks that their entries lie between these bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from metarl_min.basics.arguments import real, require, whole
from metarl_min.basics.trees import Array

MAX_DEPTH = 5000
LARGEST = 1e100  # largest value of a and b, so that their sum is finite

End = Callable[[float, Array], Array]  # (l, p [n]) -> a bound of (1 - gamma) V [n]


class IndexBounds(NamedTuple):
    """Two bounds of one Gittins index."""

    low: float
    high: float


def advantage(a: float, b: float, level: float, gamma: float, depth: int, end: End) -> float:
    """Return the value of a first pull of the arm minus the value of the standard arm, eq. (1).

    All values are multiplied by 1 - gamma. `level` is l. After `depth` pulls, the bound `end` of
    (2) takes the place of (1 - gamma) V.
    """
    a, b, level = real("a", a, 0, LARGEST), real("b", b, 0, LARGEST), real("level", level, 0, 1)
    require(a + b > 0, "a and b must be above 0", (a, b))
    gamma, depth = real("gamma", gamma, 0, 1), whole("depth", depth)
    p = (a + np.arange(depth + 1)) / (a + b + depth)  # by the number of wins
    values = end(level, p)
    for n in range(depth - 1, -1, -1):
        p = (a + np.arange(n + 1)) / (a + b + n)
        pulled = (1 - gamma) * p + gamma * (p * values[1:] + (1 - p) * values[:-1])
        values = np.maximum(level, pulled)
    return float(pulled[0]) - level


def lower_end(level: float, p: Array) -> Array:
    """Return the lower bound of (1 - gamma) V, eq. (2). p [n] -> [n]"""
    return np.maximum(level, p)


def upper_end(level: float, p: Array) -> Array:
    """Return the upper bound of (1 - gamma) V, eq. (2). p [n] -> [n]"""
    return level + (1 - level) * p


def _bracket(
    gain: Callable[[float], float], low: float, high: float, error: float
) -> tuple[float, float]:
    """Return an interval of length `error` that holds the level at which the gain is 0, eq. (3)."""
    while high - low > error:
        level = (low + high) / 2
        if gain(level) > 0:
            low = level
        else:
            high = level
    return low, high


def index(a: float, b: float, gamma: float, *, error: float = 1e-6) -> IndexBounds:
    """Return bounds of the Gittins index at discount `gamma`, eq. (3), at most `error` apart.

    ValueError if the bounds need more than 5,000 pulls.

    >>> low, high = index(1, 1, 0.9)
    >>> round(low, 4), round(high, 4)
    (0.7029, 0.7029)
    """
    a, b = real("a", a, -LARGEST, LARGEST), real("b", b, -LARGEST, LARGEST)
    require(a > 0 and b > 0, "a and b must be above 0", (a, b))
    gamma, error = real("gamma", gamma, 0), real("error", error, 1e-12, 1)
    require(gamma < 1, "gamma must be below 1", gamma)
    # At the first depth, gamma^depth is below error / 100. The loop can make the depth larger.
    depth = 1 + (math.ceil(math.log(error / 100) / math.log(gamma)) if gamma > 0 else 0)
    while True:
        rule = f"a Gittins index may look at most {MAX_DEPTH:,} pulls ahead"
        require(depth <= MAX_DEPTH, rule, f"at least {depth:,} for an error of {error:g}")
        low_gain, high_gain = (
            partial(advantage, a, b, gamma=gamma, depth=depth, end=end)
            for end in (lower_end, upper_end)
        )
        low, _ = _bracket(low_gain, a / (a + b), 1.0, error / 4)
        top = min(low + error, 1.0)
        if high_gain(top) <= 0:  # the upper index is at most `top`
            _, high = _bracket(high_gain, low, top, error / 4)
            if high - low <= error:
                return IndexBounds(low, high)
        depth = math.ceil(1.3 * depth)
