"""Index policies of Bernoulli arms: discounted and finite-horizon Gittins, from a table.

An arm has paid x of s pulls, p = (a + x) / (a + b + s) under its prior Beta(a, b). Beside a
standard arm that always pays l, with gamma as in `gittins` or with r pulls left,

    (1)  V(s,x;l) = max(l, (1 - gamma) p + gamma (p V(s+1,x+1;l) + (1 - p) V(s+1,x;l))), cut off
         after some pulls by V = max(l, p)                  [Gittins et al. 2011, sec. 1.3]
    (2)  W_r(s,x;l) = max(l r, p + p W_{r-1}(s+1,x+1;l) + (1 - p) W_{r-1}(s+1,x;l)), W_0 = 0
                                                            [Bradt et al. 1956, sec. 4]
    (3)  index = the l at which both sides of the maximum are equal; the standard arm is left for
         good or never [Whittle 1982, sec. 14.2]. l takes NUM_LEVELS values on [0, 1], the
         root between two of them is that of the straight line, which is never below
         the root itself, as the difference is convex in l             [derivation]

For Beta(1, 1), s < N = 500 and gamma = 0.99 a table takes about a second, that of (2) half a
minute: it is in s, x and r. With several bayesian_bandits (1) is optimal only for the discounted sum without
end [Gittins 1979], (2) not even for its own horizon: both are lower bounds of the ceiling.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np

from metarl_min.baselines import bayesian_bandits
from metarl_min.basics.arguments import real, require
from metarl_min.basics.trees import Array
from metarl_min.learners import Learner
from metarl_min.tasks import BetaArms, Family

NUM_LEVELS = 129
MOST_PULLS = 600  # of a finite-horizon table
DISCOUNTS = (0.8, 0.9, 0.95, 0.98, 0.99, 0.995)  # the grid from which gamma is tuned
LEVELS = np.linspace(0.0, 1.0, NUM_LEVELS)[:, None]

Tables = Callable[[float, float, int], list[Array]]  # a, b, pulls -> one [s, x] per r, or one


def crossing(better: Array) -> Array:
    """Level at which the arm ceases to be better than the standard arm, eq. (3). [L, ..] -> [..]

    >>> slope = 0.25 - np.linspace(0, 1, NUM_LEVELS)
    >>> float(crossing(slope[:, None])[0])
    0.25
    """
    above = np.clip((better > 0).sum(0), 1, NUM_LEVELS - 1)[None]
    low, high = (np.take_along_axis(better, above - i, 0)[0] for i in (1, 0))
    gap = low - high
    share = np.where(gap > 0, low / np.where(gap > 0, gap, 1.0), 0.0)
    return (above[0] - 1 + np.clip(share, 0.0, 1.0)) / (NUM_LEVELS - 1)


def pull(a: float, b: float, s: Array, after: Array, gamma: float, unit: float) -> Array:
    """What a pull is worth, eqs. (1) and (2). after [L, .., x + 1] -> [L, .., x]"""
    x = np.arange(after.shape[-1] - 1)
    p = np.minimum((a + x) / (a + b + s), 1.0)  # x > s is never met
    return unit * p + gamma * (p * after[..., 1:] + (1 - p) * after[..., :-1])


@lru_cache(maxsize=8)
def discounted(a: float, b: float, pulls: int, gamma: float) -> list[Array]:
    """Index of every record of fewer than `pulls` pulls, eq. (1), the same for every r. [s, x]"""
    depth = pulls + 1 + (math.ceil(math.log(1e-4) / math.log(gamma)) if gamma > 0 else 0)
    table = np.full((pulls, pulls), np.nan)  # where x > s: never met
    values = np.maximum(LEVELS, (a + np.arange(depth + 1)) / (a + b + depth))
    for s in range(depth - 1, -1, -1):
        pulled = pull(a, b, np.array(s), values, gamma, 1 - gamma)
        if s < pulls:
            table[s, : s + 1] = crossing(pulled - LEVELS)
        values = np.maximum(LEVELS, pulled)
    return [table]


@lru_cache(maxsize=8)
def finite_horizon(a: float, b: float, pulls: int) -> list[Array]:
    """Index of every record, eq. (2), for r = 1, 2, .. pulls left. r - 1 -> [s, x]"""
    rule = f"finite-horizon Gittins indices need at most {MOST_PULLS} pulls"
    require(pulls <= MOST_PULLS, rule, pulls)
    tables, values = [], np.zeros((NUM_LEVELS, pulls + 1, pulls + 1), np.float32)
    for r in range(1, pulls + 1):
        s = np.arange(pulls - r + 1)[:, None]
        after = values[:, 1 : pulls - r + 2, : pulls - r + 2]
        pulled = pull(a, b, s, after, 1.0, 1.0).astype(np.float32)
        standard = (LEVELS * r).astype(np.float32)[..., None]
        tables.append(crossing(pulled - standard))
        values = np.maximum(standard, pulled)
    return tables


def look_up(
    a: Array, b: Array, remaining: int, prior: BetaArms, group: Array, tables: list[list[Array]]
) -> Array:
    """Index of each arm with posterior Beta(a, b), eq. (3). [M, A]"""
    sums = np.rint(a - prior.a).astype(int)
    pulls = np.rint(b - prior.b).astype(int) + sums
    values = np.empty(a.shape)
    for g, of_prior in enumerate(tables):
        table, mine = of_prior[min(remaining, len(of_prior)) - 1], group == g
        values[:, mine] = table[pulls[:, mine], sums[:, mine]]
    return values


def _player(family: Family, name: str, make: Tables) -> Learner:
    prior = bayesian_bandits.beta_arms(name, family)
    pairs, group = np.unique(np.stack([prior.a, prior.b]), axis=1, return_inverse=True)
    tables = [make(float(a), float(b), family.num_episodes) for a, b in pairs.T]
    index = partial(look_up, prior=prior, group=group.ravel(), tables=tables)
    return bayesian_bandits.index_player(family, index)


def gittins(family: Family, gamma: float) -> Learner:
    """Play the highest Gittins index at discount `gamma`, eq. (1), whatever remains."""
    require(0 <= real("gamma", gamma) <= 0.999, "gamma must be in [0, 0.999]", gamma)
    return _player(family, "gittins", partial(discounted, gamma=gamma))


def finite_horizon_gittins(family: Family) -> Learner:
    """Play the highest index for the pulls that remain, eq. (2)."""
    return _player(family, "finite_horizon_gittins", finite_horizon)
