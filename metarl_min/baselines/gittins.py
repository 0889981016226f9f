"""Gittins indices of Beta arms, between two bounds.

Of an arm that pays 1 with chance p ~ Beta(a, b), and a standard arm that always pays l, the one
is pulled as long as it is better, then the other for ever:

    (1)  V(a,b;l) = max(l / (1 - gamma), p + gamma (p V(a+1,b;l) + (1 - p) V(a,b+1;l))),
         p = a / (a + b)                                        [Gittins et al. 2011, sec. 1.3]
    (2)  index(a,b) = inf{l : V(a,b;l) = l / (1 - gamma)}       [Gittins et al. 2011, sec. 1.3]
    (3)  max(l, p) <= (1 - gamma) V(a,b;l) <= l + (1 - l) p for 0 <= l <= 1: the arm itself for
         ever, and the player who is told p, as max(l, x) <= l + (1 - l) x              [derivation]

V of (1) is cut off after `depth` pulls. With the lower side of (3) in its place the index of (2)
comes out too low, with the upper side too high; what lies between is the stated error, which
falls like gamma^depth.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from metarl_min.basics.arguments import real, require
from metarl_min.basics.trees import Array

MOST = 5000  # pulls before the cut


class Index(NamedTuple):
    """The index lies between the two."""

    low: float
    high: float


def advantage(a: float, b: float, level: float, gamma: float, depth: int, high: bool) -> float:
    """What a first pull is worth beyond the standard arm, eq. (1), cut off by a side of eq. (3).

    In units of (1 - gamma) V.
    """
    wins = np.arange(depth + 1)
    p = (a + wins) / (a + b + depth)
    values: Array = level + (1 - level) * p if high else np.maximum(level, p)
    for n in range(depth - 1, -1, -1):
        p = (a + np.arange(n + 1)) / (a + b + n)
        pulled = (1 - gamma) * p + gamma * (p * values[1:] + (1 - p) * values[:-1])
        values = np.maximum(level, pulled)
    return float(pulled[0]) - level


def _root(a: float, b: float, gamma: float, depth: int, high: bool, error: float) -> float:
    """Where the first pull ceases to pay, eq. (2), rounded outwards."""
    low, top = a / (a + b), 1.0
    while top - low > error:
        level = (low + top) / 2
        if advantage(a, b, level, gamma, depth, high) > 0:
            low = level
        else:
            top = level
    return top if high else low


def index(a: float, b: float, gamma: float, *, error: float = 1e-6) -> Index:
    """Bounds of the Gittins index at discount `gamma`, eq. (2), at most `error` apart.

    >>> low, high = index(1, 1, 0.9)
    >>> round(low, 4), round(high, 4)
    (0.7029, 0.7029)
    """
    rule = "a and b must be above 0"
    require(real("a", a) > 0 and real("b", b) > 0, rule, (a, b))
    gamma, error = real("gamma", gamma, 0), real("error", error, 1e-12)
    require(gamma < 1, "gamma must be below 1", gamma)
    depth = 1 + (math.ceil(math.log(error / 100) / math.log(gamma)) if gamma > 0 else 0)
    while True:
        rule = f"a Gittins index may look at most {MOST:,} pulls ahead"
        require(depth <= MOST, rule, f"at least {depth:,} for an error of {error:g}")
        low, high = (_root(a, b, gamma, depth, side, error / 4) for side in (False, True))
        if high - low <= error:
            return Index(low, high)
        depth = math.ceil(1.3 * depth)
