"""The records of Bernoulli arms, and a numbering of them without a gap.

The record of one arm is the number of its wins (rewards of 1) and losses (rewards of 0). One
integer x represents it. The records with t pulls have the integers t (t + 1) / 2 .. t (t + 3) / 2:

    (1)  x = t (t + 1) / 2 + wins,  t = wins + losses                        [definition]

So records with fewer pulls have smaller integers, and an arm that was never pulled has x = 0. In
this module, x and y are records, t(y) is the number of pulls of record y, and z is the variable
of a power series.

Arms with equal priors are exchangeable: the value of a bandit does not change when two of them swap
their records. All arms with the same prior are called a group. The arms are numbered so that the
arms of a group are neighbours. A sequence x_1 .. x_A of records is sorted if x_i >= x_{i+1} within
each group. One sorted sequence represents all orders of the same records. r_i is the number of
pulls of the arms i .. A together.

    (2)  F_i(x,r) = sum_{y <= x, t(y) <= r} F_{i+1}(y', r - t(y)),  F_{A+1}(x,r) = 1{r = 0},
         y' = y if arm i + 1 has the prior of arm i, else y' = infinity      [derivation]
    (3)  rank(x_1 .. x_A) = sum_i F_i(x_i - 1, r_i)           [Knuth 2011, sec. 7.2.1.3]
    (4)  number of sorted sequences with t pulls = F_1(infinity,t) = coefficient of z^t in
         prod over groups of [q^m] prod_{n >= 0} (1 - q z^n)^-(n+1)          [derivation]

F_i(x,r) counts the sorted sequences of the arms i .. A with r pulls in which arm i has a record of
at most x; x = infinity is no restriction. Consider all sorted sequences with the same number of
pulls, in lexicographic order. The rank of a sequence is the number of sequences before it. [q^m]
takes the coefficient of q^m, and m is the number of arms in a group.

    Steps of (2). No arm remains after arm A, so one empty sequence exists, and it has 0 pulls.
    Arm i may have any record y <= x with at most r pulls. The other arms share r - t(y) pulls.
    If arm i + 1 has the same prior, its record is at most y because the sequence is sorted.
    If it has another prior, its record is not restricted.
    Sequences with different y are different, so their numbers add.

    Steps of (3). Let i be the first place at which an earlier sequence differs from x_1 .. x_A.
    Both have x_1 .. x_{i-1} before place i, so r_i pulls remain for the arms i .. A.
    The earlier sequence has a smaller record at place i, so there are F_i(x_i - 1, r_i) of them.
    Each earlier sequence has only one such place, so the numbers of all places add up.

    Steps of (4). An arm with n pulls has one of n + 1 records: 0 .. n wins.
    A sorted group is a multiset of records. One record with n pulls, used any number of times,
    contributes 1 + q z^n + q^2 z^2n + .. = 1 / (1 - q z^n): q counts arms and z counts pulls.
    The coefficient of q^m in the product over all records counts the groups of m arms.
    Groups are independent, so their series are multiplied.

In this module, X is the number of records of one arm.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from metarl_min.basics.arguments import instance, whole
from metarl_min.basics.trees import Array
from metarl_min.tasks import BetaArms


class Numbering(NamedTuple):
    """The table of F, eq. (2), for up to n pulls. Record x_i of a sequence stands at place i.

    In the shapes, X is the number of records of one arm with at most n pulls.
    """

    order: Array  # [A] the arm at each place
    group_start: Array  # [A] the first place of the group of each place
    pulls_of: Array  # [X] t of each record x, eq. (1)
    count_below: Array  # [A, X + 1, n + 1] F_i(x - 1, r) for x = 0 .. X


def group_places(prior: BetaArms) -> tuple[Array, Array]:
    """Return the order of the arms in a sequence, and the first place of each group. [A], [A]"""
    prior = instance("prior", prior, BetaArms)
    _, group = np.unique(prior.a + 1j * prior.b, return_inverse=True)  # sorted by a, then by b
    order = np.argsort(group.reshape(-1), kind="stable")
    ordered = group.reshape(-1)[order]
    return order, np.searchsorted(ordered, ordered)


def record_of(wins: Array, losses: Array) -> Array:
    """Return the integer of each record, eq. (1). [...] -> [...]

    >>> record_of(np.array([0, 0, 1]), np.array([0, 1, 0]))
    array([0, 1, 2])
    """
    t = wins + losses
    x: Array = t * (t + 1) // 2 + wins
    return x


def numbering(prior: BetaArms, pulls: int) -> Numbering:
    """Return the table of F, eq. (2), for 0 .. `pulls` pulls.

    The number of sequences with n pulls is `count_below[0, -1, n]`.
    """
    pulls, (order, group_start) = whole("pulls", pulls, 0), group_places(prior)
    pulls_of = np.repeat(np.arange(pulls + 1), np.arange(1, pulls + 2))
    A, X = len(order), len(pulls_of)
    count_below = np.zeros((A, X + 1, pulls + 1), np.int64)
    rest = np.zeros((X, pulls + 1), np.int64)  # F_{i+1}(y', r) for each record y of arm i
    rest[:, 0] = 1
    for i in range(A - 1, -1, -1):
        for n in range(pulls + 1):
            y = slice(n * (n + 1) // 2, (n + 1) * (n + 2) // 2)  # the records with n pulls
            count_below[i, y.start + 1 : y.stop + 1, n:] = rest[y, : pulls + 1 - n]
        np.cumsum(count_below[i], axis=0, out=count_below[i])
        same_group = group_start[i] < i
        rest = count_below[i, 1:] if same_group else np.repeat(count_below[i, -1:], X, axis=0)
    return Numbering(order, group_start, pulls_of, count_below)


def rank(table: Numbering, places: list[Array], total: int) -> Array:
    """Return the rank of B sequences of `total` pulls, eq. (3). One array [B] a place -> [B]"""
    remaining, number = np.full(places[0].shape, total), np.zeros(places[0].shape, np.int64)
    for count_below, x in zip(table.count_below, places, strict=True):
        number += count_below[x, remaining]
        remaining = remaining - table.pulls_of[x]
    return number


def unrank(table: Numbering, start: int, stop: int, total: int) -> list[Array]:
    """Return the sequences with the ranks start .. stop - 1, eq. (3). -> one array [B] a place

    The rank (3) is a sum over the places, and `number` is the sum from the present place on. The
    record at this place is the largest x for which F_i(x - 1, r) is at most `number`. At the first
    place, all sequences have the same r. At the places between the first and the last, r differs.
    For such a place, one array `line` holds the columns of F_i one after another. A multiple of
    `step` is added to each column so that `line` increases. So one search in `line` finds the
    records of all sequences.
    """
    number, remaining, places = np.arange(start, stop), np.full(stop - start, total), []
    X, width = len(table.pulls_of), table.count_below.shape[-1]
    for i, count_below in enumerate(table.count_below):
        if i + 1 == len(table.count_below):  # the last arm has all pulls that remain
            x = remaining * (remaining + 1) // 2 + number
        elif i == 0:  # all sequences have the same r
            x = np.searchsorted(count_below[:, total], number, side="right") - 1
        else:
            step = int(count_below[-1].max()) + 1
            line = (count_below.T + step * np.arange(width)[:, None]).ravel()
            x = np.searchsorted(line, number + step * remaining, side="right") - 1
            x = x - remaining * (X + 1)
        number, remaining = number - count_below[x, remaining], remaining - table.pulls_of[x]
        places.append(x)
    return places


def _group_counts(num_arms: int, pulls: int) -> list[int]:
    """Count the multisets of records of one group, the factor [q^m] of eq. (4). -> pulls + 1"""
    num_arms = min(num_arms, pulls)  # at most `pulls` arms have a pull
    counts = np.zeros((num_arms + 1, pulls + 1), dtype=object)  # [arms with a pull, pulls]
    counts[0, 0] = 1
    for n in range(1, pulls + 1):
        for m in range(num_arms, 0, -1):
            # c arms with n pulls each have comb(n + c, c) multisets of records.
            for c in range(1, min(m, pulls // n) + 1):
                counts[m, c * n :] += math.comb(n + c, c) * counts[m - c, : pulls + 1 - c * n]
    return [int(number) for number in counts.sum(0)]  # other arms have no pull


def number_of_records(sizes: list[int], pulls: int) -> list[int]:
    """Return the numbers of sorted sequences of 0 .. `pulls` pulls, eq. (4), without a table.

    `sizes` are the numbers of arms in each group.

    >>> number_of_records([2], 2), number_of_records([1, 1], 2)
    ([1, 2, 6], [1, 4, 10])
    """
    pulls, sizes = whole("pulls", pulls, 0), [whole("size", size) for size in sizes]
    series, by_size = [1] + [0] * pulls, {n: _group_counts(n, pulls) for n in set(sizes)}
    for size in sizes:
        group = by_size[size]
        series = [sum(series[n] * group[t - n] for n in range(t + 1)) for t in range(pulls + 1)]
    return series
