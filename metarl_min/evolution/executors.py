"""Slices of a population on many workers, with the results in order.

An executor is None (all members in this process), a `concurrent.futures.Executor`, or a function
that makes one. The result of a member must not depend on the slice that it is in. Then the results
have the same bits for any number of workers, and a slice that was lost can be computed again.

`_OPEN` is a cache of this process: it holds the executors that functions have made. An executor
serves all later generations, because its workers take longer to start than a generation takes.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from typing import Any

from metarl_min.basics.arguments import require

ATTEMPTS = 3
Slice = tuple[int, int]  # (start, stop): the members start .. stop - 1
Task = Callable[[int, int], Any]  # start, stop -> result of the slice
_OPEN: dict[Any, Any] = {}  # function -> the executor that it made last


def _is_executor(value: Any) -> bool:
    return hasattr(value, "submit") and not isinstance(value, type)


def check(executor: Any) -> Any:
    """Return `executor`; ValueError unless None, an Executor or a function that makes one."""
    rule = "executor must be None, a concurrent.futures.Executor or a function that makes one"
    require(executor is None or _is_executor(executor) or callable(executor), rule, executor)
    return executor


def slices(num_members: int, most: int) -> list[Slice]:
    """Cut a population into at most `most` slices of nearly equal size.

    >>> slices(5, 2)
    [(0, 3), (3, 5)]
    """
    size = -(-num_members // most)
    return [(i, min(i + size, num_members)) for i in range(0, num_members, size)]


def open_executor(executor: Any) -> Any:
    """Return an Executor: `executor` itself, or the one that this function made."""
    if _is_executor(executor):
        return executor
    if executor not in _OPEN:
        made = executor()
        require(_is_executor(made), "executor must make a concurrent.futures.Executor", made)
        _OPEN[executor] = made
    return _OPEN[executor]


def close(executor: Any) -> None:
    """Shut down the executor that a function made, if it is open."""
    if executor in _OPEN:
        _OPEN.pop(executor).shutdown(wait=False)


def _attempt(
    pool: Any, task: Task, parts: list[Slice]
) -> tuple[dict[Slice, Any], Exception | None, bool]:
    """Return the results of one attempt, the last error, and whether the pool is lost."""
    futures: dict[Slice, Future[Any]] = {}
    results: dict[Slice, Any] = {}
    error: Exception | None = None
    lost = False
    try:
        for part in parts:
            futures[part] = pool.submit(task, *part)
    except Exception as refusal:  # the pool is broken, or has been shut down
        error, lost = refusal, True
    for part, future in futures.items():
        try:
            results[part] = future.result()
        except Exception as failure:  # any error of a worker
            error = failure
    return results, error, lost or isinstance(error, BrokenExecutor)


def gather(executor: Any, task: Task, parts: list[Slice]) -> list[Any]:
    """Return `task(start, stop)` of each slice, in order.

    A slice that fails is attempted again, `ATTEMPTS` times in all. After that a RuntimeError names
    its members. If the executor is broken or refuses work, a function is called again and makes a
    new one. An Executor that was given cannot be replaced: then the error is raised at once.
    """
    if executor is None:
        return [task(*part) for part in parts]
    results: dict[Slice, Any] = {}
    error: Exception | None = None
    for _ in range(ATTEMPTS):
        missing = [part for part in parts if part not in results]
        if not missing:
            break
        new, error, lost = _attempt(open_executor(executor), task, missing)
        results |= new
        if lost and _is_executor(executor):
            break
        if lost:
            close(executor)
    missing = [part for part in parts if part not in results]
    if not missing:
        return [results[part] for part in parts]
    start, stop = missing[0]
    rule = f"members {start} to {stop - 1} of the population could not be evaluated"
    raise RuntimeError(f"{rule}: {error!r}; the run can be resumed from its checkpoint") from error
