"""Players of Bernoulli arms that follow a table of Gittins indices.

An arm has the prior Beta(a, b). After n pulls with x wins, its posterior mean is
p = (a + x) / (a + b + n). A standard arm always pays l. In each step a player pulls one of the two
arms. After a pull of the standard arm it never returns to the other arm, because the standard arm
teaches nothing. V is the value of the best player, and Q is the value of this player if it pulls
the other arm now. All rewards are multiplied by `unit`. In the discounted case `unit` is 1 - gamma;
then the standard arm is worth l.

In this module, a and b are the parameters of a Beta distribution, n and x are numbers of pulls and
wins, l is the reward of the standard arm, k is the number of pulls to go, L is the number of values
of l, and X is the number of values of x.

    (1)  Q(n,x;l) = unit p + gamma (p V(n+1,x+1;l) + (1 - p) V(n+1,x;l))
                                                         [Gittins et al. 2011, sec. 1.3]
    (2)  the index is the l at which Q(n,x;l) equals the value of the standard arm
                                                         [Whittle 1982, sec. 14.2]
    (3)  root <= l_i + D(l_i) (l_{i+1} - l_i) / (D(l_i) - D(l_{i+1})) <= l_{i+1},
         where D(l_i) > 0 >= D(l_{i+1}) and D is Q minus the value of the standard arm
                                                         [derivation]
    (4)  discounted for ever: unit = 1 - gamma,  V(n,x;l) = max(l, Q(n,x;l)),
         cut off after some pulls by V = max(l, p)       [Gittins et al. 2011, sec. 1.3]
    (5)  k pulls to go: unit = gamma = 1,  V_k(n,x;l) = max(l k, Q_k(n,x;l)),  V_0 = 0,
         and Q_k reads V_{k-1}                           [Bradt et al. 1956, sec. 4]

    Steps of (3). The return of one plan of the player is a straight line in l.
    V is the largest return of all plans, so V is convex in l. Then Q and D are convex too.
    The value of the standard arm is l in (4) and l k in (5). A plan that begins with a pull of
    the arm plays the standard arm for less time. So Q rises more slowly in l than this value.
    So D decreases, and it has one root.
    The middle term of (3) is the root of the straight line through D(l_i) and D(l_{i+1}).
    A convex D is not above this line between l_i and l_{i+1}. So where the line is 0, D is not
    positive, and the root of D is not above that place.

The standard arm has NUM_LEVELS values of l between 0 and 1, and the middle term of (3) is the
index of a table. The error is at most the distance of two levels, and far less where D is nearly
straight. For Beta(1, 1), 500 pulls and gamma = 0.99 a discounted table takes about a second. The
tables of (5) depend on k too, and take half a minute.

With several arms, the policy of (4) is optimal only for the discounted sum of an endless trial
[Gittins 1979]. The policy of (5) is not optimal even for its own horizon. So both can be below the
ceiling. `gittins` is the plain form of (4), for one arm and with proven bounds. The tests compare
these tables with it. The plain form of (5), in rational numbers, is
tests/baselines/test_index_policies.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np

from metarl_min.baselines import bayesian_bandits
from metarl_min.basics.arguments import real, require, shown, whole
from metarl_min.basics.trees import Array
from metarl_min.learners import Learner
from metarl_min.mdps.priors import BETA
from metarl_min.tasks import BetaArms, Family

NUM_LEVELS = 129
MAX_PULLS = 600  # largest number of pulls of the finite-horizon tables
MAX_NUMBERS = 10_000_000_000  # largest number of values that are computed for one table
DISCOUNTS = (0.8, 0.9, 0.95, 0.98, 0.99, 0.995)  # the values of gamma that are tried
LEVELS = np.linspace(0.0, 1.0, NUM_LEVELS)[:, None]  # [L, 1] values of l

MakeTables = Callable[[float, float, int], list[Array]]
# (a, b, number of pulls) -> a table [n, x] for k = 1, 2, ..; or a single table for all k


def pull_values(
    a: float, b: float, n: Array, next_values: Array, gamma: float, unit: float
) -> Array:
    """Return Q for x = 0, 1, .., eq. (1). next_values [L, .., X + 1] of V -> [L, .., X]"""
    x = np.arange(next_values.shape[-1] - 1)
    p = np.minimum((a + x) / (a + b + n), 1.0)  # entries with more wins than pulls never occur
    return unit * p + gamma * (p * next_values[..., 1:] + (1 - p) * next_values[..., :-1])


def crossing(difference: Array) -> Array:
    """Return the index, eq. (2), by the straight line of eq. (3). D [L, ..] -> [..]

    >>> difference = 0.25 - LEVELS  # its root is 1 / 4
    >>> float(crossing(difference)[0])
    0.25
    """
    if np.isnan(difference).any():
        raise FloatingPointError("the differences of an index must be numbers, got nan")
    above = np.clip((difference > 0).sum(0), 1, NUM_LEVELS - 1)[None]  # i + 1
    before = np.take_along_axis(difference, above - 1, 0)[0]
    after = np.take_along_axis(difference, above, 0)[0]
    fall = before - after
    share = np.where(fall > 0, before / np.where(fall > 0, fall, 1.0), 0.0)
    return (above[0] - 1 + np.clip(share, 0.0, 1.0)) / (NUM_LEVELS - 1)


def discounted(a: float, b: float, pulls: int, gamma: float) -> list[Array]:
    """Return one table [n, x] of the indices of all records with n < `pulls`, eq. (4).

    The table does not depend on k. Entries with more wins than pulls are NaN. ValueError if more
    than MAX_NUMBERS numbers would be computed.
    """
    a, b, gamma = real("a", a, *BETA), real("b", b, *BETA), _discount(gamma)
    depth = whole("pulls", pulls) + 1
    depth += math.ceil(math.log(1e-4) / math.log(gamma)) if gamma > 0 else 0
    rule = f"discounted Gittins indices may take at most {MAX_NUMBERS:,} numbers"
    numbers = NUM_LEVELS * depth**2 // 2
    require(numbers <= MAX_NUMBERS, rule, shown(f"{numbers:,}"))
    return list(_discounted(a, b, int(pulls), gamma, depth))


def _discount(gamma: float) -> float:
    require(0 <= real("gamma", gamma) <= 0.999, "gamma must be in [0, 0.999]", gamma)
    return float(gamma)


@lru_cache(maxsize=8)
def _discounted(a: float, b: float, pulls: int, gamma: float, depth: int) -> list[Array]:
    table = np.full((pulls, pulls), np.nan)
    values = np.maximum(LEVELS, (a + np.arange(depth + 1)) / (a + b + depth))
    for n in range(depth - 1, -1, -1):
        pulled = pull_values(a, b, np.array(n), values, gamma, 1 - gamma)
        if n < pulls:
            table[n, : n + 1] = crossing(pulled - LEVELS)
        values = np.maximum(LEVELS, pulled)
    table.flags.writeable = False  # it is kept for the next call
    return [table]


def finite_horizon(a: float, b: float, pulls: int) -> list[Array]:
    """Return the tables [n, x] of the indices with k = 1, 2, .. pulls to go, eq. (5).

    >>> two_to_go = finite_horizon(1.0, 1.0, 2)[1]
    >>> round(float(two_to_go[0, 0]), 6)  # 1/2 + (1/2 2/3 + 1/2 l) = 2 l at l = 5/9
    0.555556
    """
    rule = f"finite-horizon Gittins indices need at most {MAX_PULLS} pulls"
    require(whole("pulls", pulls) <= MAX_PULLS, rule, pulls)
    return list(_finite_horizon(real("a", a, *BETA), real("b", b, *BETA), int(pulls)))


@lru_cache(maxsize=8)
def _finite_horizon(a: float, b: float, pulls: int) -> list[Array]:
    tables, values = [], np.zeros((NUM_LEVELS, pulls + 1, pulls + 1), np.float32)
    for k in range(1, pulls + 1):
        n = np.arange(pulls - k + 1)[:, None]
        next_values = values[:, 1 : pulls - k + 2, : pulls - k + 2]
        pulled = pull_values(a, b, n, next_values, 1.0, 1.0).astype(np.float32)
        standard = (LEVELS * k).astype(np.float32)[..., None]
        tables.append(crossing(pulled - standard))
        values = np.maximum(standard, pulled)
        tables[-1].flags.writeable = False  # it is kept for the next call
    return tables


def look_up(
    a: Array, b: Array, remaining: int, prior: BetaArms, group: Array, tables: list[list[Array]]
) -> Array:
    """Return the index of each arm with the posterior Beta(a, b), bayesian_bandits (6). [M, A]

    `tables` has one list of tables for each different prior. The list of arm i is
    `tables[group[i]]`. Table k - 1 of a list is for k remaining pulls. For a larger number of
    remaining pulls, the last table is used.
    """
    wins = np.rint(a - prior.a).astype(int)
    pulls = np.rint(b - prior.b).astype(int) + wins
    values = np.empty(a.shape)
    for g, by_remaining in enumerate(tables):
        table, arms = by_remaining[min(remaining, len(by_remaining)) - 1], group == g
        values[:, arms] = table[pulls[:, arms], wins[:, arms]]
    return values


def _player(name: str, family: Family, make_tables: MakeTables) -> Learner:
    prior = bayesian_bandits.beta_prior(name, family)
    pairs, group = np.unique(np.stack([prior.a, prior.b]), axis=1, return_inverse=True)
    tables = [make_tables(float(a), float(b), family.num_episodes) for a, b in pairs.T]
    index = partial(look_up, prior=prior, group=group.ravel(), tables=tables)
    return bayesian_bandits.index_player(family, index)


def gittins(family: Family, gamma: float) -> Learner:
    """Return the player of the highest Gittins index at discount `gamma`, eq. (4).

    This player ignores the number of remaining pulls. `Unsupported` unless the family has Bernoulli
    arms with Beta priors.
    """
    return _player("gittins", family, partial(discounted, gamma=_discount(gamma)))


def finite_horizon_gittins(family: Family) -> Learner:
    """Return the player of the highest index for the pulls to go, eq. (5).

    `Unsupported` unless the family has Bernoulli arms with Beta priors. ValueError for a trial of
    more than 600 pulls.
    """
    return _player("finite_horizon_gittins", family, finite_horizon)
