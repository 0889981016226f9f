"""What the list of all beliefs of a trial will cost, from its first steps.

The order of hints does not matter for a belief. So the number of beliefs grows like a power of the
number of steps, and the later steps are estimated from the steps that are listed:

    (1)  B_t = B_n (t / n)^k,  k = log(B_n / B_m) / log(n / m)                  [definition]

Here n is the number of steps that are listed, and m is about 3 n / 4. The estimate is exact if B_t
is such a power. It is only told to the user, or it refuses work that would be far too large. No
value depends on it. In this module, B_t is the number of beliefs before step t, t counts from 1,
and k, m and n are numbers.
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

FREE = 3_000_000  # numbers of a list that is made without a word, in about half a second
ENOUGH = 6  # steps from which the later steps are estimated
FAR = 10  # a list is refused if its expected size is this number of times above the limit
NUMBERS_OF_PAIR = 5  # numbers in memory for each number of a belief before equal ones are merged
BACKWARDS = 1.5  # time of the whole solution divided by the time of the list

Report = Callable[[str], None]


class Cost(NamedTuple):
    """What an exact solution takes, roughly."""

    beliefs: int  # of all steps
    numbers: int  # in all tables, of 8 bytes
    gigabytes: float
    seconds: float


def extrapolated(counts: Array, num_steps: int) -> Array:
    """Return the counts of all steps: those that are known, then those of eq. (1). -> [num_steps]

    >>> extrapolated(np.array([2.0, 8.0, 18.0, 32.0]), 6).round(6)
    array([ 2.,  8., 18., 32., 50., 72.])
    """
    n = len(counts)
    first = min(3 * n // 4, n - 2)
    k = np.log(counts[-1] / counts[first]) / np.log(n / (first + 1)) if n > 1 else 1.0
    later = counts[-1] * np.exp(k * np.log(np.arange(n + 1, num_steps + 1) / n))
    return np.concatenate([counts, later])


def expected_cost(steps: list[Step], horizon: int, num_steps: int, seconds: float) -> Cost:
    """Return the cost of all steps of a trial. Its first steps took some seconds.

    The numbers of a belief are those of the last steps, at most of one episode, on average.
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
    """Return what a solution takes, as a sentence with two digits."""
    beliefs = f"{float(f'{cost.beliefs:.1e}'):,.0f} beliefs"
    place = f"{cost.gigabytes:.2g} GB of memory and {cost.seconds:.2g} seconds"
    return f"the exact ceiling of {family.name} takes about {beliefs}, {place}"


def list_steps(family: Family, of: Hints, limit: int, report: Report | None) -> Iterator[Step]:
    """Yield `each_step`. If there are more than a few numbers, report once what all steps take.

    `TooLarge` if the numbers are above `limit`, or are expected to be far above it.
    """
    started, num_steps = time.perf_counter(), family.num_episodes * family.horizon
    first: list[Step] | None = []
    for step in each_step(family, of, limit):
        if first is not None:
            first.append(step)
            known = len(first) >= ENOUGH and sum(one.size for one in first) > FREE
            if known and len(first) < num_steps:
                cost = expected_cost(
                    first, family.horizon, num_steps, time.perf_counter() - started
                )
                if cost.numbers > FAR * limit:
                    require_table_fits(family, cost.numbers, limit, "about ")
                if report is not None:
                    report(sentence(family, cost))
                first = None
        yield step
