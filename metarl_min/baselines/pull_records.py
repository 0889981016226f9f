"""The record of the pulls of a trial, and the agent that keeps it.

Arm i has been pulled n_i times and has paid the total reward x_i. In this module, x_i is a total
reward.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import (
    floats,
    function,
    indices,
    instance,
    require,
    require_all,
    shaped,
    whole,
)
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Array, Rng
from metarl_min.mdps.agents import Agent, keep_memory
from metarl_min.tasks import BetaArms


def _as_floats(value: Any) -> Any:
    whole_numbers = isinstance(value, np.ndarray) and value.dtype.kind in "iu"
    return value.astype(float) if whole_numbers else value


def _check(pulls: Any, sums: Any) -> tuple[Any, Any]:
    pulls, sums = _as_floats(pulls), _as_floats(sums)
    require_all(floats("pulls", pulls) >= 0, "pulls must not be negative", pulls)
    return pulls, shaped("sums", floats("sums", sums), pulls.shape, "pulls")


@checked(_check)
class Record(NamedTuple):
    """The pulls of a trial so far: the memory of a player of a bandit.

    TypeError or ValueError unless both are numbers of one shape, and no number of pulls is
    negative. Whole numbers become floats.
    """

    pulls: Array  # [M, A] n_i, number of pulls
    sums: Array  # [M, A] x_i, total reward


Choose = Callable[[Rng, Record], Array]  # (rng, record) -> the arm of each task [M]


def start(num_tasks: int, num_arms: int) -> Record:
    """Return the record before the first pull."""
    shape = whole("num_tasks", num_tasks), whole("num_arms", num_arms)
    return Record(pulls=np.zeros(shape), sums=np.zeros(shape))


def observe(
    record: Record, states: Array, actions: Array, rewards: Array, arrivals: Array
) -> Record:
    """Return the record with one more pull in each task. actions, rewards [M]

    >>> observe(start(1, 2), np.array([0]), np.array([1]), np.array([5.0]), np.array([0]))
    Record(pulls=array([[0., 1.]]), sums=array([[0., 5.]]))
    """
    M, A = instance("record", record, Record).pulls.shape
    pulled = np.eye(A)[shaped("actions", indices("actions", actions, A), (M,), "the tasks")]
    floats("rewards", shaped("rewards", rewards, (M,), "the tasks"))
    return Record(record.pulls + pulled, record.sums + pulled * rewards[:, None])


def _act(rng: Rng, record: Record, states: Array, choose: Choose) -> tuple[Array, Record]:
    return choose(rng, record), record


def recording_agent(num_arms: int, choose: Choose) -> Agent:
    """Return the agent that pulls the arms `choose(rng, record)` and records every pull."""
    return Agent(
        start=partial(start, num_arms=whole("num_arms", num_arms)),
        begin_episode=keep_memory,
        act=partial(_act, choose=function("choose", choose)),
        observe=observe,
    )


def require_arms(record: Record, num_arms: int) -> None:
    """Raise an error unless the record is a record of `num_arms` arms."""
    shape = instance("record", record, Record).pulls.shape
    require(shape[-1:] == (num_arms,), f"record must be of {num_arms} arms", f"the shape {shape}")


def require_wins(record: Record, prior: BetaArms) -> None:
    """Raise an error unless the record has the arms of the prior, and rewards of 0 and 1."""
    require_arms(record, len(instance("prior", prior, BetaArms).a))
    possible = (record.sums >= 0) & (record.sums <= record.pulls)
    require_all(possible, "sums of Bernoulli rewards must be from 0 to the pulls", record.sums)
