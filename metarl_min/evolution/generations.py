"""One generation of a search on many workers.

A generation begins with a state. The state, the random key of the generation and the fitness of its
members determine the next state. So a worker that holds the previous state can compute the current
state itself, and the parameters are not sent:

    worker with the previous state       receives the previous key and fitness, repeats the update
    worker without the previous state    answers None

After the answer None, the slice is submitted again with the whole state. So parameters are sent
only after this answer.

The state of a search is a tuple. Its first field holds the parameters, and its field `last_update`
is an `Update`, whose fitness has P entries. In the first state, no update has happened yet, and
these entries are zeros (`no_update`). The digest of a state consists of two numbers, computed from
the parameters and the key of the last update. Each generation has a new random key, so the states
of two generations have different digests even if their parameters are the same. A worker on another
machine may compute parameters that differ in the last bits. Then its digest is not the digest that
it received, and it answers None.

`_STATES` is a cache of a worker process: it holds the states that the worker evaluated last.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.arguments import function, instance, require, whole
from metarl_min.basics.trees import Array
from metarl_min.evolution import executors

Evaluate = Callable[[Any, int, int, int], Array]
# (state, key, start, stop) -> returns of the members start .. stop - 1, [stop - start, N]
ApplyUpdate = Callable[[Any, int, Array], Any]  # (state, key, fitness [P]) -> next state

MOST_STATES = 4  # number of states that a worker keeps
_STATES: dict[bytes, Any] = {}  # search_id + digest -> state, the oldest first


class Update(NamedTuple):
    """The data with which another process can repeat the update that led to a state."""

    digest: Array  # [2] digest of the state before the update
    key: int  # key of the generation that ended with the update
    fitness: Array  # [P] fitness of the members of this generation


class Request(NamedTuple):
    """The arguments that a worker needs for every slice of a generation."""

    evaluate: Evaluate
    apply_update: ApplyUpdate
    search_id: bytes  # a hash of `apply_update`; two searches may share workers, but not states
    key: int  # key of the generation to evaluate
    target_digest: Array  # [2] digest of the state with which this generation begins
    last_update: Update  # the update that led to that state


def no_update(population: int) -> Update:
    """Return the `last_update` of the first state of a search."""
    P = whole("population", population)
    return Update(digest=np.zeros(2, np.int64), key=0, fitness=np.zeros(P))


def digest(state: Any) -> Array:
    """Return the digest of a state, two numbers that identify it. [2]"""
    content = trees.ravel(state[0])[0].tobytes() + str(state.last_update.key).encode()
    return np.frombuffer(hashlib.sha256(content).digest(), np.int64)[:2].copy()


def _state_here(request: Request) -> Any:
    """Return the state of a request if this worker holds it or can compute it, else None."""
    cache_key = request.search_id + request.target_digest.tobytes()
    if cache_key in _STATES:
        return _STATES[cache_key]
    update = request.last_update
    before = _STATES.get(request.search_id + update.digest.tobytes())
    if before is None:
        return None
    state = request.apply_update(before, update.key, update.fitness)
    same_bits = np.array_equal(digest(state), request.target_digest)
    return state if same_bits else None  # another machine may compute other bits


def _remember(cache_key: bytes, state: Any) -> None:
    """Keep a state in this process, and drop the oldest states if there are too many."""
    _STATES.setdefault(cache_key, state)
    while len(_STATES) > MOST_STATES:
        oldest, *_ = list(_STATES)  # a copy, because other threads may use this cache
        _STATES.pop(oldest, None)


def evaluate_slice(start: int, stop: int, request: Request, state: Any) -> Array | None:
    """Return the returns of a slice, [stop - start, N].

    If `state` is None, and this worker can neither find nor compute the state, the result is None.
    """
    state = _state_here(request) if state is None else state
    if state is None:
        return None
    _remember(request.search_id + request.target_digest.tobytes(), state)
    return request.evaluate(state, request.key, start, stop)


def _check_returns(answer: Any, start: int, stop: int) -> Array:
    """Check that the returns of a slice are [stop - start, N]; ValueError if they are not."""
    rule = f"the returns of members {start} to {stop - 1} must be [{stop - start}, N]"
    require(np.ndim(answer) == 2 and len(answer) == stop - start, rule, np.shape(answer))
    return np.asarray(answer)


def returns(
    executor: Any,
    num_slices: int | None,
    state: Any,
    key: int,
    evaluate: Evaluate,
    apply_update: ApplyUpdate,
) -> Array:
    """Return the returns of all members, computed in this process or on the workers. [P, N]

    TypeError or ValueError if an argument is wrong, or if the result of `evaluate` is not
    [stop - start, N].
    """
    last_update = instance("state.last_update", getattr(state, "last_update", None), Update)
    function("evaluate", evaluate), function("apply_update", apply_update)
    executors.check_slices(executor, num_slices)
    population, key = len(last_update.fitness), whole("key", key, 0)
    if executor is None:
        return _check_returns(evaluate(state, key, 0, population), 0, population)
    slices = executors.cut(population, num_slices or executors.SLICES)
    request = Request(
        evaluate=evaluate,
        apply_update=apply_update,
        search_id=hashlib.sha256(pickle.dumps(apply_update)).digest(),
        key=key,
        target_digest=digest(state),
        last_update=last_update,
    )
    without_state = partial(evaluate_slice, request=request, state=None)
    answers = dict(zip(slices, executors.gather(executor, without_state, slices), strict=True))
    # If the answer for a slice is None, the slice is evaluated again, now with the state.
    unanswered = [members for members in slices if answers[members] is None]
    with_state = partial(evaluate_slice, request=request, state=state)
    answers |= zip(unanswered, executors.gather(executor, with_state, unanswered), strict=True)
    return np.concatenate([_check_returns(answers[part], *part) for part in slices])
