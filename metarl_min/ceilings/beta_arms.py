"""The ceiling of Bernoulli arms with Beta priors, up to relabelling of the arms.

Arm i has won w_i and lost l_i times; it pays with probability

    (1)  p(1|i) = (a_i + w_i) / (a_i + b_i + w_i + l_i)                         [derivation]
    (2)  x_i = t_i (t_i + 1) / 2 + w_i,  t_i = w_i + l_i                        [definition]

(2) numbers the records of one arm, 0 before its first pull, the older ones first. Arms of equal
priors stand side by side and are exchangeable: of all orders of their records only the falling
one is kept, x_i >= x_{i+1}. After t pulls in all, the arms from place i on share the r_i = t - t_1
- .. - t_{i-1} pulls of those before them, and

    (3)  F_i(x,r) = sum_{y <= x, t(y) <= r} F_{i+1}(y,r - t(y)),  F_{A+1} = 1{r = 0}, and
         F_{i+1}(infinity,..) in place of F_{i+1}(y,..) where i + 1 has another prior
                                                                                [derivation]
    (4)  rank(x) = sum_i F_i(x_i - 1,r_i)                      [Knuth 2011, sec. 7.2.1.3]
    (5)  number of records after t pulls = F_1(infinity,t) = the coefficient of z^t in
         prod_groups [y^m] prod_s (1 - y z^s)^-(s+1),  m the arms of a group    [derivation]

(3) counts the records of the arms from place i on, the first of which is at most x; so (4) numbers
those of t pulls without a gap, and the values of ceilings (2) are one table.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.baselines.bandits import expected_best_mean
from metarl_min.basics.trees import Array
from metarl_min.ceilings import Ceiling, expected_random, require_table_fits
from metarl_min.tasks import BetaArms, Family

LIMIT = 100_000_000  # table entries of 8 bytes, A for each record
ROWS = 2**17  # of a layer at a time: bounds the memory, and stays in the cache


class Numbering(NamedTuple):
    """How the records of the arms are numbered; places are arms in the order of their priors."""

    order: Array  # [A] the arm at each place
    first: Array  # [A] the first place of the group of each place
    totals: Array  # [X] t(x) of eq. (2)
    smaller: Array  # [A, X + 1, n + 1] F_i(x - 1, r) of eq. (3) for x = 0..X


def group_places(prior: BetaArms) -> tuple[Array, Array]:
    """Order the arms so that equal priors are side by side. -> order, first place of the group"""
    pairs = np.stack(prior, axis=-1)
    _, group = np.unique(pairs, axis=0, return_inverse=True)
    order = np.argsort(group.reshape(-1), kind="stable")
    ordered = group.reshape(-1)[order]
    return order, np.searchsorted(ordered, ordered)


def number_of_records(sizes: list[int], pulls: int) -> list[int]:
    """Count the records after 0, 1, .., pulls pulls of groups of arms, eq. (5).

    >>> number_of_records([2], 2), number_of_records([1, 1], 2)
    ([1, 2, 6], [1, 4, 10])
    """
    whole = [1] + [0] * pulls
    for size in sizes:
        table = [[0] * (pulls + 1) for _ in range(size + 1)]  # [arms pulled, pulls]
        table[0][0] = 1
        for s in range(1, pulls + 1):  # arms never pulled have one record
            for m in range(size, 0, -1):
                for t in range(pulls, s - 1, -1):
                    table[m][t] += sum(
                        math.comb(s + c, c) * table[m - c][t - c * s]
                        for c in range(1, min(m, t // s) + 1)
                    )
        group = [sum(column) for column in zip(*table, strict=True)]
        whole = [sum(whole[u] * group[t - u] for u in range(t + 1)) for t in range(pulls + 1)]
    return whole


def numbering(prior: BetaArms, pulls: int) -> Numbering:
    """Count what stands after each place, eq. (3), for up to `pulls` pulls."""
    order, first = group_places(prior)
    totals = np.repeat(np.arange(pulls + 1), np.arange(1, pulls + 2))
    A, X = len(order), len(totals)
    smaller = np.zeros((A, X + 1, pulls + 1), np.int64)
    after = np.zeros((X, pulls + 1), np.int64)  # F_{i+1}(y, r) with y = this record
    after[:, 0] = 1
    for i in range(A - 1, -1, -1):
        for s in range(pulls + 1):
            mine = slice(s * (s + 1) // 2, (s + 1) * (s + 2) // 2)
            smaller[i, mine.start + 1 : mine.stop + 1, s:] = after[mine, : pulls + 1 - s]
        np.cumsum(smaller[i], axis=0, out=smaller[i])
        after = smaller[i, 1:] if first[i] < i else np.repeat(smaller[i, -1:], X, axis=0)
    return Numbering(order, first, totals, smaller)


def rank(known: Numbering, places: list[Array], total: int) -> Array:
    """Number the records among those of `total` pulls, eq. (4). A of [C], falling -> [C]"""
    left, number = np.full(places[0].shape, total), np.zeros(places[0].shape, np.int64)
    for smaller, x in zip(known.smaller, places, strict=True):
        number += smaller[x, left]
        left = left - known.totals[x]
    return number


def unrank(known: Numbering, begin: int, end: int, total: int) -> list[Array]:
    """The records that eq. (4) numbers begin..end - 1. A of [C]"""
    rest, left, places = np.arange(begin, end), np.full(end - begin, total), []
    X, width = len(known.totals), known.smaller.shape[-1]
    for i, smaller in enumerate(known.smaller):
        if i + 1 == len(known.smaller):
            x = left * (left + 1) // 2 + rest
        elif i == 0:
            x = np.searchsorted(smaller[:, total], rest, side="right") - 1
        else:  # rows of all r in one: each begins where the one before must end
            step = int(smaller[-1].max()) + 1
            line = (smaller.T + step * np.arange(width)[:, None]).ravel()
            x = np.searchsorted(line, rest + step * left, side="right") - 1 - left * (X + 1)
        rest, left = rest - smaller[x, left], left - known.totals[x]
        places.append(x)
    return places


def _successor(
    known: Numbering, places: list[Array], suffix: list[Array], total: int, i: int, x: Array
) -> Array:
    """Rank of the records in which the one at place i has grown to x. -> [C]"""
    begin = known.first[i]
    moved = [*places[:i], x]
    for j in range(i, begin, -1):  # it moves forward to where the order falls again
        moved[j - 1], moved[j] = (
            np.maximum(moved[j - 1], moved[j]),
            np.minimum(moved[j - 1], moved[j]),
        )
    left, number = np.full(x.shape, total), suffix[i + 1].copy()
    for smaller, y in zip(known.smaller, moved, strict=False):
        number += smaller[y, left]
        left = left - known.totals[y]
    return number


def _layer(prior: BetaArms, known: Numbering, after: Array, here: Array, total: int) -> None:
    """Write V of all records of `total` pulls into `here`, eq. (1); `after`: those of one more."""
    for begin in range(0, len(here), ROWS):
        rows = slice(begin, min(begin + ROWS, len(here)))
        places = unrank(known, rows.start, rows.stop, total)
        best, suffix, left = None, [np.zeros(rows.stop - begin, np.int64)], 0 * places[0]
        for smaller, x in zip(known.smaller[::-1], places[::-1], strict=True):
            left = left + known.totals[x]
            suffix.insert(0, suffix[0] + smaller[x, left])
        for i, (arm, x) in enumerate(zip(known.order, places, strict=True)):
            if i - known.first[i] > total:
                continue  # as many arms like it were never pulled either
            t = known.totals[x]
            p = (prior.a[arm] + x - t * (t + 1) // 2) / (prior.a[arm] + prior.b[arm] + t)
            won = after[_successor(known, places, suffix, total + 1, i, x + t + 2)]
            lost = after[_successor(known, places, suffix, total + 1, i, x + t + 1)]
            q = p * (1 + won) + (1 - p) * lost
            best = q if best is None else np.maximum(best, q)
        here[rows] = best


def _no_pulls(num_tasks: int, num_arms: int) -> Array:
    return np.zeros((num_tasks, num_arms, 2), int)


def _count(counts: Array, states: Array, actions: Array, rewards: Array, arrivals: Any) -> Array:
    A = counts.shape[1]
    return counts + np.eye(2 * A, dtype=int)[2 * actions + (rewards == 0)].reshape(-1, A, 2)


def _values_of(known: Numbering, table: list[Array], counts: Array, total: int) -> Array:
    """V after these wins and losses, eq. (2). [M, A, 2] -> [M]"""
    t = counts.sum(-1)
    x = (t * (t + 1) // 2 + counts[..., 0])[:, known.order]
    starts = np.unique(known.first)
    for begin, end in zip(starts, [*starts[1:], x.shape[1]], strict=True):
        x[:, begin:end] = np.sort(x[:, begin:end], axis=1)[:, ::-1]
    return table[total][rank(known, list(x.T), total)]


def _arm_values(
    counts: Array, states: Array, prior: BetaArms, known: Numbering, table: list[Array]
) -> Array:
    """Q of ceilings (2), with the chances of eq. (1). [M, A, 2] -> [M, A]"""
    total, A = int(counts[0].sum()), counts.shape[1]
    p = (prior.a + counts[..., 0]) / (prior.a + prior.b + counts.sum(-1))
    moves = np.eye(2 * A, dtype=int).reshape(A, 2, A, 2)
    won, lost = (
        np.stack([_values_of(known, table, counts + move[r], total + 1) for move in moves], axis=-1)
        for r in (0, 1)
    )
    values: Array = p * (1 + won) + (1 - p) * lost
    return values


def size(prior: BetaArms, pulls: int) -> int:
    """Entries of the tables, eqs. (3) and (5); of (3) alone where these are too many already."""
    _, first = group_places(prior)
    numbers = len(first) * ((pulls + 1) * (pulls + 2) // 2 + 1) * (pulls + 1)
    if numbers > LIMIT:
        return numbers
    sizes = [int(n) for n in np.unique(first, return_counts=True)[1]]
    return numbers + len(first) * sum(number_of_records(sizes, pulls))


def solve(family: Family) -> Ceiling:
    """Return the optimum of Beta arms; ValueError, with the size, where its table is too large."""
    prior, pulls = family.prior, family.num_episodes
    require_table_fits(family, size(prior, pulls), LIMIT)
    known = numbering(prior, pulls)
    table = [np.zeros(int(count)) for count in known.smaller[0, -1]]
    for n in range(pulls - 1, -1, -1):
        _layer(prior, known, table[n + 1], table[n], n)
    return Ceiling(
        float(table[0][0]),
        pulls * expected_best_mean(prior),
        expected_random(family),
        True,
        partial(_no_pulls, num_arms=len(prior.a)),
        _count,
        partial(_arm_values, prior=prior, known=known, table=table),
    )
