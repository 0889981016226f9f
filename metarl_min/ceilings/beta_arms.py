"""The ceiling of Bernoulli arms with independent Beta priors.

The mean of arm i has the prior Beta(a_i, b_i). The arm has w_i wins and l_i losses so far: this
pair is its record (arm_records (1)). In this module, a, b, w and l with an index i belong to arm
i, and x stands for the records of all arms.

    (1)  p(1|i) = (a_i + w_i) / (a_i + b_i + w_i + l_i)                        [derivation]
    (2)  V(x) = max_i (p(1|i) (1 + V(x with a win of i)) + (1 - p(1|i)) V(x with a loss of i)),
         0 after the last pull                                     [(1) in ceilings (2)]

    Steps of (1). An arm with the mean m pays 1 with probability m, so p(1|i) is E[m | record].
    The prior density of m is proportional to m^(a_i - 1) (1 - m)^(b_i - 1).
    Pulls are independent given m, so the record has the likelihood m^w_i (1 - m)^l_i.
    By Bayes' rule, the posterior is proportional to the product of prior and likelihood, which is
    proportional to the density of Beta(a_i + w_i, b_i + l_i).
    The mean of Beta(a, b) is a / (a + b).

The records after n pulls are numbered without a gap (arm_records (3)). So V after n pulls is one
array, and (2) is computed for whole arrays, from the last pull to the first one.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from metarl_min.baselines import conditions
from metarl_min.basics.arguments import whole
from metarl_min.basics.trees import Array
from metarl_min.ceilings import Ceiling, TooLarge, require_table_fits
from metarl_min.ceilings.arm_records import (
    Numbering,
    group_places,
    number_of_records,
    numbering,
    rank,
    record_of,
    unrank,
)
from metarl_min.ceilings.beta_integrals import expected_best_mean
from metarl_min.ceilings.histories import checked_ceiling, require_possible
from metarl_min.tasks import BetaArms, Family

LIMIT = 100_000_000  # table entries of 8 bytes; each sequence of records counts as A entries
MAX_ARMS = 1000  # each step of the solver visits every arm
ROWS = 2**17  # records computed at once: a bound on the memory, and few enough for the cache


def suffix_ranks(table: Numbering, places: list[Array]) -> list[Array]:
    """Return the sum of the terms i .. A of the rank, arm_records (3), for each i. -> [B] each"""
    remaining, suffix = 0 * places[0], [0 * places[0]]
    for count_below, x in zip(table.count_below[::-1], places[::-1], strict=True):
        remaining = remaining + table.pulls_of[x]
        suffix.insert(0, suffix[0] + count_below[x, remaining])
    return suffix


def successor(
    table: Numbering, places: list[Array], suffix: list[Array], total: int, i: int, x: Array
) -> Array:
    """Return the rank after the record at place i has become x, with `total` pulls in all. -> [B]

    The new record moves towards the start of its group until the group is sorted again. The places
    after i do not change, and `suffix` holds their part of the rank.
    """
    moved = [*places[:i], x]
    for j in range(i, table.group_start[i], -1):
        larger = np.maximum(moved[j - 1], moved[j])
        moved[j] = np.minimum(moved[j - 1], moved[j])
        moved[j - 1] = larger
    remaining, number = np.full(x.shape, total), suffix[i + 1].copy()
    for count_below, y in zip(table.count_below, moved, strict=False):
        number += count_below[y, remaining]
        remaining = remaining - table.pulls_of[y]
    return number


def _values_of_rows(
    prior: BetaArms, table: Numbering, next_values: Array, rows: slice, total: int
) -> Array:
    """Return V of the sequences with `total` pulls and the ranks `rows`, eqs. (1), (2). -> [B]"""
    places = unrank(table, rows.start, rows.stop, total)
    suffix, best = suffix_ranks(table, places), np.full(len(places[0]), -np.inf)
    for i, (arm, x) in enumerate(zip(table.order, places, strict=True)):
        # At most `total` arms of a group have a pull.
        if i - table.group_start[i] > total:
            continue  # this arm is like the arm before it: it has the same prior and no pull
        t = table.pulls_of[x]
        p = (prior.a[arm] + x - t * (t + 1) // 2) / (prior.a[arm] + prior.b[arm] + t)
        # By arm_records (1), a win adds t + 2 to x, and a loss adds t + 1.
        won = next_values[successor(table, places, suffix, total + 1, i, x + t + 2)]
        lost = next_values[successor(table, places, suffix, total + 1, i, x + t + 1)]
        best = np.maximum(best, p * (1 + won) + (1 - p) * lost)
    return best


def backward_induction(prior: BetaArms, table: Numbering, pulls: int) -> list[Array]:
    """Return V of all sequences after 0 .. `pulls` pulls, eq. (2), by their ranks.

    `arm_values` of tests/belief_search.py computes these values by recursion over histories, in
    rational numbers.
    """
    values = [np.zeros(int(count)) for count in table.count_below[0, -1]]
    for n in range(pulls - 1, -1, -1):
        for start in range(0, len(values[n]), ROWS):
            rows = slice(start, min(start + ROWS, len(values[n])))
            values[n][rows] = _values_of_rows(prior, table, values[n + 1], rows, n)
    return values


def _start(num_tasks: int, num_arms: int) -> Array:
    """Return the belief before the first pull: wins and losses of each arm. [M, A, 2]"""
    return np.zeros((num_tasks, num_arms, 2), int)


def _observe(counts: Array, states: Array, actions: Array, rewards: Array, arrivals: Any) -> Array:
    """Return the wins and losses after one pull. ValueError unless its reward is 0 or 1."""
    A = counts.shape[1]
    require_possible((rewards == 0) | (rewards == 1), int(counts[0].sum()))
    return counts + np.eye(2 * A, dtype=int)[2 * actions + (rewards == 0)].reshape(-1, A, 2)


def _values_of_counts(table: Numbering, values: list[Array], counts: Array, total: int) -> Array:
    """Look up V, eq. (2), after these wins and losses. counts [M, A, 2] -> [M]"""
    x = record_of(counts[..., 0], counts[..., 1])[:, table.order]
    starts = np.unique(table.group_start)
    for start, stop in zip(starts, [*starts[1:], x.shape[1]], strict=True):
        x[:, start:stop] = np.sort(x[:, start:stop], axis=1)[:, ::-1]
    return values[total][rank(table, list(x.T), total)]


def _action_values(
    counts: Array, states: Array, prior: BetaArms, table: Numbering, values: list[Array]
) -> Array:
    """Return Q, the terms of the maximum in eq. (2), with eq. (1). counts [M, A, 2] -> [M, A]"""
    total, A = int(counts[0].sum()), counts.shape[1]
    p = (prior.a + counts[..., 0]) / (prior.a + prior.b + counts.sum(-1))
    columns = []
    for i in range(A):
        won, lost = counts.copy(), counts.copy()
        won[:, i, 0] += 1
        lost[:, i, 1] += 1
        next_won = _values_of_counts(table, values, won, total + 1)
        next_lost = _values_of_counts(table, values, lost, total + 1)
        columns.append(p[:, i] * (1 + next_won) + (1 - p[:, i]) * next_lost)
    return np.stack(columns, axis=-1)


def size(prior: BetaArms, pulls: int) -> int:
    """Return the number of entries of the tables, arm_records (2) and (4).

    Where the table of arm_records (2) alone exceeds `LIMIT`, return the entries of that table.
    """
    pulls, (_, group_start) = whole("pulls", pulls), group_places(prior)
    A = len(group_start)
    entries = A * ((pulls + 1) * (pulls + 2) // 2 + 1) * (pulls + 1)
    if entries > LIMIT:
        return entries
    sizes = [int(n) for n in np.unique(group_start, return_counts=True)[1]]
    return entries + A * sum(number_of_records(sizes, pulls))


def optimal_value(prior: BetaArms, pulls: int) -> float:
    """Return V before the first pull, eq. (2)."""
    return float(backward_induction(prior, numbering(prior, pulls), pulls)[0][0])


def solve(family: Family) -> Ceiling:
    """Return the optimum of Bernoulli arms with Beta priors, eq. (2).

    `Unsupported` for any other family. `TooLarge`, with the size, for more than `MAX_ARMS` arms, or
    if the tables have more than `LIMIT` entries.
    """
    prior = conditions.require_arms("no exact ceiling here but for Beta arms", family, BetaArms)
    A, pulls = len(prior.a), family.num_episodes
    if A > MAX_ARMS:
        rule = f"the exact ceiling of {family.name} may have at most {MAX_ARMS:,} arms"
        raise TooLarge(f"{rule}, got {A:,}")
    require_table_fits(family, size(prior, pulls), LIMIT)
    table = numbering(prior, pulls)
    values = backward_induction(prior, table, pulls)
    return checked_ceiling(
        family,
        value=float(values[0][0]),
        known_task=pulls * expected_best_mean(prior),
        needs_arrivals=False,
        start=partial(_start, num_arms=len(prior.a)),
        observe=_observe,
        action_values=partial(_action_values, prior=prior, table=table, values=values),
    )
