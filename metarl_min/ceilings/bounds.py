"""Bounds of the ceiling of Beta arms, where its table is out of reach.

n pulls of A arms; arm i has the state x, wins and losses, and pays with probability p(x).

    (1)  V <= n E[max_i mean_i]: the player who is told the best arm            [derivation]
    (2)  V <= min_{l >= 0} (n l + sum_i W_i(0)), W_i(x) = max(0, p(x) - l + p(x) W_i(x + win)
         + (1 - p(x)) W_i(x + loss)), 0 after n pulls: any number of arms at a time, l a pull
                                                              [Whittle 1988, sec. 3]
    (3)  V >= U_1(n), U_i(m) = W_i(0,m), W_i(x,m) = max(U_{i+1}(m), p(x) (1 + W_i(x + win,m-1))
         + (1 - p(x)) W_i(x + loss,m-1)), without U_{i+1} for the last arm: one arm after the
         other, none a second time                                              [derivation]
    (4)  V(arms) >= V(some of the arms)                                         [derivation]

(2) holds for every l, so a search of the best one needs no proof; W in it is free of time, as a
pull that pays later pays now. (3) and (4) are returns of players, computed exactly; (3) takes the
arms in the order of their prior means, the lowest first.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from metarl_min.baselines.bandits import expected_best_mean, prior_means
from metarl_min.basics.arguments import require
from metarl_min.basics.trees import Array
from metarl_min.ceilings import beta_arms, expected_random, format_count, normal_bounds
from metarl_min.mdps import rollouts
from metarl_min.tasks import BetaArms, Family

WORK = 4_000_000_000  # numbers computed, for one of the bounds
SMALL = 10_000_000  # entries of the tables of (4)


class Bounds(NamedTuple):
    """The Bayes-optimal return lies between `lower` and `upper`."""

    lower: float
    upper: float
    known_task: float | None  # of the best player who is told the task
    random: float  # of the uniformly random player


def _chances(a: Array, b: Array, n: int) -> Array:
    """p(x) after n pulls with 0..n wins, for each arm. [A] -> [A, n + 1]"""
    p: Array = (a[:, None] + np.arange(n + 1)) / (a + b + n)[:, None]
    return p


def relaxed(prior: BetaArms, pulls: int, price: float) -> float:
    """The bound of eq. (2) at one price."""
    pairs, count = np.unique(np.stack(prior), axis=1, return_counts=True)
    worth = np.zeros((pairs.shape[1], pulls + 1))
    for n in range(pulls - 1, -1, -1):
        p = _chances(pairs[0], pairs[1], n)
        worth = np.maximum(0, p - price + p * worth[:, 1:] + (1 - p) * worth[:, :-1])
    return pulls * price + float(count @ worth[:, 0])


def smallest(function: Callable[[float], float], low: float, high: float) -> float:
    """The smallest value that golden-section search meets, of a convex function."""
    ratio, best = (np.sqrt(5) - 1) / 2, min(function(low), function(high))
    while high - low > 1e-9:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        at_left, at_right = function(left), function(right)
        best = min(best, at_left, at_right)
        low, high = (low, right) if at_left < at_right else (left, high)
    return best


def one_after_the_other(prior: BetaArms, pulls: int) -> float:
    """The return of the best player who never goes back to an arm, eq. (3)."""
    order = np.argsort(prior.a / (prior.a + prior.b), kind="stable")
    a, b = prior.a[order], prior.b[order]
    A, wins = len(a), np.arange(pulls + 1)
    worth = np.zeros((A, pulls + 1, pulls + 1))  # [A, pulls of this arm, wins], m left
    for m in range(1, pulls + 1):
        n = np.arange(pulls - m + 1)
        for i in range(A - 1, -1, -1):
            p = (a[i] + wins[: len(n)]) / (a[i] + b[i] + n[:, None])
            p = np.minimum(p, 1.0)  # more wins than pulls: never met
            now, later = slice(0, len(n)), slice(1, len(n) + 1)
            pulled = p * (1 + worth[i, later, later]) + (1 - p) * worth[i, later, now]
            leave = -np.inf if i + 1 == A else worth[i + 1, 0, 0]
            worth[i, now, now] = np.maximum(pulled, leave)
    return float(worth[0, 0, 0])


def best_of_some(family: Family) -> float:
    """The ceiling of as many arms as a small table can hold, eq. (4), the better ones first."""
    prior, pulls = family.prior, family.num_episodes
    better, found = np.argsort(-prior_means(prior), kind="stable"), 0.0
    some: BetaArms | None = None
    for arms in range(1, len(better) + 1):
        more = BetaArms(prior.a[better[:arms]], prior.b[better[:arms]])
        if beta_arms.size(more, pulls) > SMALL:
            break
        some = more
    if some is not None:
        found = beta_arms.solve(family._replace(prior=some)).value
    return max(found, pulls * float(prior_means(prior).max()))


def applies_to(family: Family) -> bool:
    """Whether a family is one that `bracket` knows."""
    arms = isinstance(family.prior, BetaArms) and family.horizon == 1
    return (arms and family.reward_noise is rollouts.bernoulli) or normal_bounds.has(family)


def bounds(family: Family) -> Bounds:
    """Return bounds, of Beta arms by eqs. (1)-(4); ValueError, with the size, where too much."""
    rule = "bounds are known for Bernoulli arms with Beta priors and for normal rewards"
    require(
        applies_to(family), rule, f"{family.name} with a prior of {type(family.prior).__name__}"
    )
    if normal_bounds.has(family):
        return Bounds(*normal_bounds.bracket(family), expected_random(family))
    prior, pulls = family.prior, family.num_episodes
    work = len(prior.a) * pulls**3 // 3
    rule = f"bounds of {family.name} may take at most {WORK:,} numbers"
    require(work <= WORK, rule, format_count(work))
    told = pulls * expected_best_mean(prior)
    upper = min(told, float(smallest(partial(relaxed, prior, pulls), 0.0, 1.0)))
    lower = max(one_after_the_other(prior, pulls), best_of_some(family))
    return Bounds(lower, upper, told, expected_random(family))
