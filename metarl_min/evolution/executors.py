"""Executors: a population is cut into slices, and each worker evaluates one slice at a time.

The setting `executor` of a search is None (all members are evaluated in this process), an Executor
of `concurrent.futures`, or a function that makes an Executor. The result of a member must not
depend on its slice. Then the results have the same bits for any number of workers, and a slice that
has no result can be evaluated again.

`_OPEN` is a cache of this process: it holds the Executors that functions have made. An Executor
serves all later generations, because its workers take longer to start than a generation takes.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from itertools import pairwise
from typing import Any

from metarl_min.basics.arguments import require

ATTEMPTS = 3
Slice = tuple[int, int]  # (start, stop): the members start .. stop - 1
Job = Callable[[int, int], Any]  # start, stop -> result of the slice
_OPEN: dict[Any, Any] = {}  # function -> the Executor that it made last


def _is_executor(value: Any) -> bool:
    return hasattr(value, "submit") and not isinstance(value, type)


def check(executor: Any) -> Any:
    """Return `executor`; ValueError unless it is None, an Executor or a function."""
    rule = "executor must be None, a concurrent.futures.Executor or a function that makes one"
    require(executor is None or _is_executor(executor) or callable(executor), rule, executor)
    return executor


def cut(num_members: int, max_slices: int) -> list[Slice]:
    """Cut a population into at most `max_slices` slices, whose sizes differ by at most 1.

    >>> cut(10, 4)
    [(0, 2), (2, 5), (5, 7), (7, 10)]
    """
    num_slices = min(num_members, max_slices)
    ends = [i * num_members // num_slices for i in range(num_slices + 1)]
    return list(pairwise(ends))


def open_executor(executor: Any) -> Any:
    """Return `executor` itself or, if it is a function, the Executor that it made.

    The function is called at the first use, and again after `close`.
    """
    if _is_executor(executor):
        return executor
    if executor not in _OPEN:
        made = executor()
        require(_is_executor(made), "executor must make a concurrent.futures.Executor", made)
        _OPEN[executor] = made
    return _OPEN[executor]


def close(executor: Any) -> None:
    """Shut down the Executor that a function made, if it is open."""
    if executor in _OPEN:
        _OPEN.pop(executor).shutdown(wait=False)


def _attempt(
    executor: Any, job: Job, slices: list[Slice]
) -> tuple[dict[Slice, Any], Exception | None, bool]:
    """Return the results of one attempt, the last error, and whether the Executor is lost.

    Here `executor` is an Executor. It is lost if it is broken or refuses work.
    """
    futures: dict[Slice, Future[Any]] = {}
    results: dict[Slice, Any] = {}
    error: Exception | None = None
    lost = False
    try:
        for members in slices:
            futures[members] = executor.submit(job, *members)
    except Exception as refusal:  # the Executor is broken, or has been shut down
        error, lost = refusal, True
    for members, future in futures.items():
        try:
            results[members] = future.result()
        except Exception as failure:  # any error of a worker
            error = failure
    return results, error, lost or isinstance(error, BrokenExecutor)


def gather(executor: Any, job: Job, slices: list[Slice]) -> list[Any]:
    """Return `job(start, stop)` of each slice, in order.

    Each slice has up to `ATTEMPTS` attempts. If an Executor that a function made is broken or
    refuses work, the function is called again and makes a new one. An Executor that the user gave
    cannot be replaced. If it is broken or refuses work, there is no further attempt. If a slice has
    no result in the end, a RuntimeError names its members; the last error is its cause.
    """
    if executor is None:
        return [job(*members) for members in slices]
    results: dict[Slice, Any] = {}
    error: Exception | None = None
    for _ in range(ATTEMPTS):
        missing = [members for members in slices if members not in results]
        if not missing:
            break
        new, error, lost = _attempt(open_executor(executor), job, missing)
        results |= new
        if lost and _is_executor(executor):  # the user gave it
            break
        if lost:  # a function made it; `open_executor` calls the function again
            close(executor)
    missing = [members for members in slices if members not in results]
    if not missing:
        return [results[members] for members in slices]
    start, stop = missing[0]
    rule = f"members {start} to {stop - 1} of the population could not be evaluated"
    raise RuntimeError(f"{rule}: {error!r}; the run can be resumed from its checkpoint") from error
