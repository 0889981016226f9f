"""A generation on many workers, who follow the search: what they know need not travel.

A state follows from the one before, the key of a generation and the fitness of its members. A
worker that knows the state before is told the other two, and takes the step itself; one that is
new, or was asleep, says so and is sent the state. So the bytes of a generation depend on the
size of the population, not on that of its members.

A state of a search is a tuple: its parameters first, and `told` among the rest.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.trees import Array
from metarl_min.evolution import executors

Evaluate = Callable[
    [Any, int, int, int], Array
]  # state, key, first, end -> returns [end - first, N]
Advance = Callable[[Any, int, Array], Any]  # state, key, fitness [P] -> state


class Update(NamedTuple):
    """What made a state of the one before: enough to make it again."""

    name: Array  # [2] of the state before
    key: int  # of its generation
    fitness: Array  # [P]


def no_update(population: int) -> Update:
    """Of a first state."""
    return Update(np.zeros(2, np.int64), 0, np.zeros(population))


def digest(state: Any) -> Array:
    """Name of a state, from its parameters and the key that made them. [2]"""
    content = trees.ravel(state[0])[0].tobytes() + str(state.told.key).encode()
    return np.frombuffer(hashlib.sha256(content).digest(), np.int64)[:2].copy()


_KNOWN: list[tuple[bytes, Any]] = []  # in a worker: the states that it met last


def _followed(search: bytes, wanted: Array, told: Update, advance: Advance) -> Any:
    """The state of that name, if this worker has it or the one before; else None."""
    known = dict(_KNOWN)
    if search + wanted.tobytes() in known:
        return known[search + wanted.tobytes()]
    before = known.get(search + told.name.tobytes())
    state = before and advance(before, told.key, told.fitness)
    return state if state and np.array_equal(digest(state), wanted) else None


def evaluate(
    first: int, end: int, play: Evaluate, advance: Advance, search: bytes, key: int, wanted: Array,
    told: Update, state: Any,
) -> Array | None:  # fmt: skip
    """Returns of a slice, or None where this worker must be sent the state."""
    state = state or _followed(search, wanted, told, advance)
    if state is None:
        return None
    if search + wanted.tobytes() not in dict(_KNOWN):
        _KNOWN[:] = [*_KNOWN[-3:], (search + wanted.tobytes(), state)]
    return play(state, key, first, end)


def returns(
    executor: Any, num_slices: int, state: Any, key: int, play: Evaluate, advance: Advance
) -> Array:
    """Returns of all members, here or elsewhere. [P, N]"""
    population = len(state.told.fitness)
    if executor is None:
        return play(state, key, 0, population)
    parts = executors.slices(population, num_slices)
    search = hashlib.sha256(pickle.dumps(advance)).digest()  # others may use the same workers
    ask = partial(
        evaluate, play=play, advance=advance, search=search, key=key, wanted=digest(state),
        told=state.told,
    )  # fmt: skip
    found = executors.gather(executor, partial(ask, state=None), parts)
    behind = [part for part, x in zip(parts, found, strict=True) if x is None]
    late = iter(executors.gather(executor, partial(ask, state=state), behind))
    return np.concatenate([next(late) if x is None else x for x in found])
