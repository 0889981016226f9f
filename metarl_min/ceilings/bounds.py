"""Bounds of the ceiling, if its exact value is not known.

`bounds` chooses the bounds that fit a family. `brackets` has the bounds of candidate tasks, and
`normal_bounds` those of normal rewards. The equations of this module are for Bernoulli arms with
Beta priors. They are needed where the tables of `beta_arms` are too large.

A arms are pulled n times in all. The state x of an arm is its prior with its wins and losses so
far, and 0 is the state without a pull. An arm in state x pays 1 with probability p(x) (beta_arms
(1)). In this module, x is such a state, and l is a Lagrange multiplier: the price of a pull.

    (1)  V <= n E[max_i mean_i]                                              [derivation]
    (2)  V <= min_{l >= 0} (n l + sum_i W_i(0)),
         W_i(x) = max(0, p(x) - l + p(x) W_i(x + win) + (1 - p(x)) W_i(x + loss)),
         and 0 after n pulls of arm i                              [Whittle 1988, sec. 3]
    (3)  V >= U_1(n),  U_i(m) = W_i(0,m),
         W_i(x,m) = max(U_{i+1}(m), p(x) (1 + W_i(x + win,m-1)) + (1 - p(x)) W_i(x + loss,m-1)),
         without U_{i+1} for the last arm, and 0 at m = 0                    [derivation]
    (4)  V(all arms) >= V(some of the arms)                                  [derivation]

    Steps of (1). A player that is told the means can ignore them, so it earns at least V.
    Its best play is to pull the best arm n times, which pays n max_i mean_i on average.

    Steps of (2). Let a player pull any number of arms at a time. It pays the price l >= 0 for
    each pull and receives n l in advance. A player with n pulls in all pays this back exactly,
    so the best player with these rules earns at least V, for every l.
    With these rules the arms do not interact, so the optimum is a sum of one term for each arm.
    W_i(x) is this term: stop for good, which is worth 0, or pull at the price l. An arm does not
    change while the player waits, so waiting gains nothing, and W_i does not depend on the time.

    Steps of (3). The right side is the return of a player, and no player earns more than V.
    The player takes the arms in a fixed order and never returns to an arm. U_i(m) is its optimum
    when it begins with arm i and m pulls remain, and W_i(x,m) its optimum at arm i in state x.
    It leaves for the next arm, which is worth U_{i+1}(m), or pulls arm i.
    The last arm must take all pulls that remain.

    Steps of (4). A player with all arms may ignore some of them.

(2) is a bound for every l. So the bound is valid even if a search does not find the best l exactly.
In (3), the arms are ordered by their prior means, and the arm of the lowest prior mean is first.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.baselines import conditions
from metarl_min.basics import arguments
from metarl_min.basics.arguments import instance, real, require, whole
from metarl_min.ceilings import (
    TooLarge,
    beta_arms,
    brackets,
    expected_random,
    format_count,
    normal_bounds,
)
from metarl_min.ceilings.belief_vectors import require_chances
from metarl_min.ceilings.beta_integrals import expected_best_mean
from metarl_min.mdps.mdp import MAX_COUNT
from metarl_min.tasks import (
    BetaArms,
    DirichletMDP,
    Family,
    GaussianArms,
    Hypotheses,
    Unsupported,
    prior_means,
)

MAX_OPERATIONS = 4_000_000_000  # numbers that are computed for one of the bounds
MAX_ENTRIES = 10_000_000  # entries of the tables of eq. (4)
MAX_NUMBERS = 100_000_000  # entries of 8 bytes of the table of eq. (3)


class Bounds(NamedTuple):
    """The Bayes-optimal return lies between `lower` and `upper`."""

    lower: float
    upper: float
    known_task: float | None  # expected return of the best player that is told the task
    random: float  # expected return of the uniformly random player


def whittle_relaxation(prior: BetaArms, pulls: int, multiplier: float) -> float:
    """Return the bound of eq. (2) at the price l = `multiplier`."""
    instance("prior", prior, BetaArms)
    pulls, multiplier = whole("pulls", pulls), real("multiplier", multiplier, 0)
    pairs, count = np.unique(prior.a + 1j * prior.b, return_counts=True)
    a, b = pairs.real[:, None], pairs.imag[:, None]
    worth = np.zeros((len(pairs), pulls + 1))  # [different arms, wins] W_i(x) after n pulls
    for n in range(pulls - 1, -1, -1):
        p = (a + np.arange(n + 1)) / (a + b + n)
        worth = np.maximum(0, p - multiplier + p * worth[:, 1:] + (1 - p) * worth[:, :-1])
    return pulls * multiplier + float(count @ worth[:, 0])


def golden_section_minimum(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the smallest value that golden-section search finds of a convex function.

    The search ends when the interval that contains the minimum is at most 1e-9 long.

    >>> round(golden_section_minimum(lambda x: (x - 0.3) ** 2 + 2, 0.0, 1.0), 9)
    2.0
    """
    low, high = real("low", low, -1e100, 1e100), real("high", high, -1e100, 1e100)
    require(low <= high, f"high must be at least low = {low}", high)
    function = arguments.function("function", function)
    ratio, best = (math.sqrt(5) - 1) / 2, min(function(low), function(high))
    num_steps = math.log(1e-9 / max(high - low, 1e-9)) / math.log(ratio)
    for _ in range(math.ceil(num_steps)):
        lower, upper = high - ratio * (high - low), low + ratio * (high - low)
        at_lower, at_upper = function(lower), function(upper)
        best = min(best, at_lower, at_upper)
        low, high = (low, upper) if at_lower < at_upper else (lower, high)
    return float(best)


def never_return_value(prior: BetaArms, pulls: int) -> float:
    """Return the value of the best player that never returns to an arm, eq. (3)."""
    pulls = whole("pulls", pulls, high=MAX_COUNT)
    order = np.argsort(prior_means(instance("prior", prior, BetaArms)), kind="stable")
    a, b = prior.a[order, None, None], prior.b[order, None, None]
    A = len(a)
    worth = np.zeros((A, pulls + 1, pulls + 1))  # [A, pulls of this arm, wins] W_i(x,m)
    leave = np.full(A, -np.inf)  # U_{i+1}(m)
    for m in range(1, pulls + 1):
        n = np.arange(pulls - m + 1)
        same, one_more = slice(0, len(n)), slice(1, len(n) + 1)
        p = (a + n) / (a + b + n[:, None])  # [A, pulls, wins]
        p = np.minimum(p, 1.0)  # entries with more wins than pulls never occur
        won, lost = worth[:, one_more, one_more], worth[:, one_more, same]
        pulled = p * (1 + won) + (1 - p) * lost
        # By (3), U_{i+1}(m) is the maximum over the later arms of the value of a first pull.
        leave[:-1] = np.maximum.accumulate(pulled[:0:-1, 0, 0])[::-1]
        worth[:, same, same] = np.maximum(pulled, leave[:, None, None])
    return float(worth[0, 0, 0])


def best_subset_value(family: Family) -> float:
    """Return a lower bound by eq. (4): the ceiling of some arms with the highest prior means.

    The number of these arms is the largest one whose tables have at most `MAX_ENTRIES` entries. If
    n pulls of the arm with the highest prior mean pay more, this return is the bound.
    """
    prior = conditions.require_arms("bounds are known for Beta arms", family, BetaArms)
    pulls, means = family.num_episodes, prior_means(prior)
    order = np.argsort(-means, kind="stable")

    def best_arms(num_arms: int) -> BetaArms:
        return BetaArms(a=prior.a[order[:num_arms]], b=prior.b[order[:num_arms]])

    def too_large(num_arms: int) -> bool:
        return beta_arms.size(best_arms(num_arms), pulls) > MAX_ENTRIES

    sizes = range(1, min(len(order), beta_arms.MAX_ARMS) + 1)
    num_arms = bisect.bisect_left(sizes, True, key=too_large)
    best_arm = pulls * float(means.max())
    if num_arms == 0:
        return best_arm
    return max(beta_arms.optimal_value(best_arms(num_arms), pulls), best_arm)


def _require_supported(family: Family) -> None:
    """Raise `Unsupported`, with the condition that fails, unless a family has known bounds."""
    rule = "bounds are known for Beta arms, for normal rewards and for candidate tasks"
    kinds = (BetaArms, GaussianArms, DirichletMDP, Hypotheses)
    prior = conditions.require_prior(rule, family, *kinds)
    if isinstance(prior, BetaArms):
        conditions.require_arms(rule, family, BetaArms)
    elif isinstance(prior, Hypotheses):
        require_chances(rule, family)
    else:
        normal_bounds.supported_prior(rule, family)


def applies_to(family: Family) -> bool:
    """Return whether bounds of the ceiling of a family are known."""
    try:
        _require_supported(family)
    except Unsupported:
        return False
    return True


def beta_bounds(family: Family) -> Bounds:
    """Return the bounds of Bernoulli arms with Beta priors, eqs. (1)-(4)."""
    prior = conditions.require_arms("bounds are known for Beta arms", family, BetaArms)
    pulls, rule = family.num_episodes, f"bounds of {family.name} may take at most"
    operations, numbers = len(prior.a) * pulls**3 // 3, len(prior.a) * (pulls + 1) ** 2
    if operations > MAX_OPERATIONS:
        got = format_count(operations)
        raise TooLarge(f"{rule} {MAX_OPERATIONS:,} numbers, got {got}")
    if numbers > MAX_NUMBERS:
        got = format_count(numbers)
        raise TooLarge(f"{rule} {MAX_NUMBERS:,} numbers at the same time, got {got}")
    known_task = pulls * expected_best_mean(prior)
    relaxation = golden_section_minimum(partial(whittle_relaxation, prior, pulls), 0.0, 1.0)
    return Bounds(
        lower=max(never_return_value(prior, pulls), best_subset_value(family)),
        upper=min(known_task, relaxation),
        known_task=known_task,
        random=expected_random(family),
    )


def bounds(family: Family) -> Bounds:
    """Return bounds of the ceiling of a family.

    `Unsupported` unless `applies_to(family)`. `TooLarge`, with the size, if the bounds would take
    too much time or memory. ValueError if candidate tasks have noise of a negative deviation.

    >>> from metarl_min.tasks.bandits import bandit
    >>> found = bounds(bandit(arms=2, pulls=100))
    >>> round(found.lower, 3), round(found.upper, 3)
    (64.918, 66.667)
    """
    _require_supported(family)
    if isinstance(family.prior, BetaArms):
        return beta_bounds(family)
    kind: Any = brackets.bracket if isinstance(family.prior, Hypotheses) else normal_bounds.bounds
    return Bounds(**kind(family)._asdict(), random=expected_random(family))
