"""The cost of an exact solution, estimated from the beliefs of the first steps.

A belief depends only on how often each hint has occurred. So in most families, the number of
beliefs grows like a power of the number of steps. In this module, B_t is the number of beliefs
before step t, and t counts from 1. Later values are estimated from the beliefs of n steps:

    (1)  B_t = B_n (t / n)^k,  k = log(B_n / B_m) / log(n / m)                  [definition]

Here m is about 3 n / 4. The estimate is exact if B_t is a multiple of t^k. It is too small if the
number of beliefs grows faster. For example, in `restless_arms` each step has hints of its own. The
estimate has two uses: it is reported to the user, and a solution that would be far too large is
refused. The values of a solution do not depend on the estimate.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from metarl_min.basics.trees import Array
from metarl_min.ceilings import require_table_fits
from metarl_min.ceilings.belief_layers import Hints, Step, each_step
from metarl_min.tasks import Family

FREE = 3_000_000  # a list of at most FREE numbers takes half a second, and is not reported
ENOUGH = 6  # least number of listed steps from which a cost is estimated
FAR = 10  # a solution is refused if its estimated size is more than FAR times the limit
NUMBERS_OF_PAIR = 5  # while beliefs are merged, each of their numbers needs the memory of five
BACKWARDS = 1.5  # time of the whole solution divided by the time of the list

Report = Callable[[str], None]


class Cost(NamedTuple):
    """The estimated cost of an exact solution."""

    beliefs: int  # number of beliefs of all steps
    numbers: int  # numbers of 8 bytes in all tables
    gigabytes: float
    seconds: float


def extrapolated(counts: Array, num_steps: int) -> Array:
    """Return the number of beliefs of each step: the known `counts`, then eq. (1). -> [num_steps]

    >>> extrapolated(np.array([2.0, 8.0, 18.0, 32.0]), 6).round(6)
    array([ 2.,  8., 18., 32., 50., 72.])
    """
    n = len(counts)
    first = min(3 * n // 4, n - 2)
    k = np.log(counts[-1] / counts[first]) / np.log(n / (first + 1)) if n > 1 else 1.0
    later = counts[-1] * np.exp(k * np.log(np.arange(n + 1, num_steps + 1) / n))
    return np.concatenate([counts, later])


def expected_cost(steps: list[Step], horizon: int, num_steps: int, seconds: float) -> Cost:
    """Return the estimated cost of a trial from its first steps, which took `seconds` seconds.

    The estimate assumes that a belief of a later step needs as many numbers as a known belief needs
    on average. The average is over the last known steps, at most one episode.
    """
    counts = np.array([float(len(step.layer.occurs)) for step in steps])
    sizes = np.array([float(step.size) for step in steps])
    beliefs, known = extrapolated(counts, num_steps), float(sizes.sum())
    numbers = known + beliefs[len(steps) :].sum() * np.mean((sizes / counts)[-horizon:])
    layer = steps[-1].layer
    merged = np.count_nonzero(layer.successor >= 0) * layer.log_beliefs.shape[1]
    merged *= beliefs[-1] / counts[-1]
    return Cost(
        beliefs=round(beliefs.sum()),
        numbers=round(numbers),
        gigabytes=8e-9 * float(numbers + NUMBERS_OF_PAIR * merged),
        seconds=BACKWARDS * seconds * float(numbers / known),
    )


def sentence(family: Family, cost: Cost) -> str:
    """Return the cost as a sentence, with two significant digits."""
    beliefs = f"{float(f'{cost.beliefs:.1e}'):,.0f} beliefs"
    place = f"{cost.gigabytes:.2g} GB of memory and {cost.seconds:.2g} seconds"
    return f"the exact ceiling of {family.name} takes about {beliefs}, {place}"


def list_steps(family: Family, of: Hints, limit: int, report: Report | None) -> Iterator[Step]:
    """Yield the steps of `each_step`, and report the estimated cost once if a list is long.

    `TooLarge` if the list has more than `limit` numbers, or if the estimate is far above `limit`.
    """
    started, num_steps = time.perf_counter(), family.num_episodes * family.horizon
    first: list[Step] | None = []
    for step in each_step(family, of, limit):
        if first is not None:
            first.append(step)
            enough = len(first) >= ENOUGH and sum(one.size for one in first) > FREE
            if enough and len(first) < num_steps:
                cost = expected_cost(
                    first, family.horizon, num_steps, time.perf_counter() - started
                )
                if cost.numbers > FAR * limit:
                    require_table_fits(family, cost.numbers, limit, "about ")
                if report is not None:
                    report(sentence(family, cost))
                first = None
        yield step
