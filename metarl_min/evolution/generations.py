"""One generation of a search: workers repeat its updates instead of receiving its states.

The state before, the key of a generation and the fitness of its members determine the next state:

    worker that holds the state before    receives the key and the fitness, repeats the update
    new or late worker                    answers None, and receives the whole state

So the bytes of a generation depend on the size of the population, not on the number of parameters.

The state of a search is a tuple. Its first field holds the parameters, and its field `last_update`
is an `Update`. The digest of a state is two numbers, computed from its parameters and its last key.

`_STATES` is a cache of a worker process: it holds the states that the worker evaluated last. If an
entry is missing, the worker asks for the state again, and only time is lost.
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

Evaluate = Callable[[Any, int, int, int], Array]
# (state, key, start, stop) -> returns of the members start .. stop - 1, [stop - start, N]
ApplyUpdate = Callable[[Any, int, Array], Any]  # (state, key, fitness [P]) -> next state

MOST_STATES = 4
_STATES: dict[bytes, Any] = {}  # search + digest -> state, the oldest first


class Update(NamedTuple):
    """The update that led to a state, so that another process can repeat it."""

    digest: Array  # [2] digest of the state before
    key: int  # key of the generation that was evaluated
    fitness: Array  # [P]


class Request(NamedTuple):
    """All that a worker receives to evaluate a slice, apart from the slice and the state."""

    evaluate: Evaluate
    apply_update: ApplyUpdate
    search: bytes  # digest of `apply_update`: searches that share their workers do not mix
    key: int  # key of the generation to evaluate
    target_digest: Array  # [2] digest of the state to evaluate
    last_update: Update  # the update that led to that state


def no_update(population: int) -> Update:
    """Return the `last_update` of the first state of a search."""
    return Update(digest=np.zeros(2, np.int64), key=0, fitness=np.zeros(population))


def digest(state: Any) -> Array:
    """Return the digest of a state. [2]"""
    content = trees.ravel(state[0])[0].tobytes() + str(state.last_update.key).encode()
    return np.frombuffer(hashlib.sha256(content).digest(), np.int64)[:2].copy()


def _state_here(request: Request) -> Any:
    """Return the state of a request if this worker can find or repeat it, else None."""
    name = request.search + request.target_digest.tobytes()
    if name in _STATES:
        return _STATES[name]
    update = request.last_update
    before = _STATES.get(request.search + update.digest.tobytes())
    if before is None:
        return None
    state = request.apply_update(before, update.key, update.fitness)
    return state if np.array_equal(digest(state), request.target_digest) else None


def _remember(name: bytes, state: Any) -> None:
    """Keep a state in this process, and drop the oldest ones."""
    _STATES.setdefault(name, state)
    while len(_STATES) > MOST_STATES:
        oldest, *_ = list(_STATES)  # a copy, because other threads may use this cache
        _STATES.pop(oldest, None)


def evaluate_slice(start: int, stop: int, request: Request, state: Any) -> Array | None:
    """Evaluate a slice. -> returns, or None if `state` is None and this worker needs it"""
    state = _state_here(request) if state is None else state
    if state is None:
        return None
    _remember(request.search + request.target_digest.tobytes(), state)
    return request.evaluate(state, request.key, start, stop)


def returns(
    executor: Any,
    num_slices: int,
    state: Any,
    key: int,
    evaluate: Evaluate,
    apply_update: ApplyUpdate,
) -> Array:
    """Evaluate all members, in this process or on the workers. -> returns [P, N]"""
    population = len(state.last_update.fitness)
    if executor is None:
        return evaluate(state, key, 0, population)
    parts = executors.slices(population, num_slices)
    request = Request(
        evaluate=evaluate,
        apply_update=apply_update,
        search=hashlib.sha256(pickle.dumps(apply_update)).digest(),
        key=key,
        target_digest=digest(state),
        last_update=state.last_update,
    )
    task = partial(evaluate_slice, request=request, state=None)
    answers = dict(zip(parts, executors.gather(executor, task, parts), strict=True))
    late = [part for part in parts if answers[part] is None]
    task = partial(evaluate_slice, request=request, state=state)
    answers |= zip(late, executors.gather(executor, task, late), strict=True)
    return np.concatenate([answers[part] for part in parts])
