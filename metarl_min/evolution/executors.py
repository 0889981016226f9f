"""Executors: a population is cut into slices, and each worker evaluates one slice at a time.

The setting `executor` of a search is one of these values:
- None: all members are evaluated in this process.
- An Executor of `concurrent.futures`.
- A function that makes an Executor. `partial(workers.processes, 2)` makes a pool of two processes.
- A `TimeLimit`: an Executor or a function that makes one, with a time limit.

The result of a member must not depend on its slice. Then the results have the same bits for any
number of workers, and a slice that has no result can be evaluated again.

`_OPEN` is a cache of this process: it holds the Executors that functions have made. An Executor is
kept for all later generations, because starting its workers takes longer than a generation.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from itertools import pairwise
from typing import Any, NamedTuple

from metarl_min.basics.arguments import function, instance, require, whole
from metarl_min.basics.records import checked
from metarl_min.evolution import workers

ATTEMPTS = 3
SLICES = 8  # the default of `num_slices`, the largest number of slices
SECONDS = 3600.0  # the time limit of an executor that is given without a `TimeLimit`
Slice = tuple[int, int]  # (start, stop): the members start .. stop - 1
Job = Callable[[int, int], Any]  # start, stop -> result of the slice
_OPEN: dict[Any, Any] = {}  # function -> the Executor that it made last


def _is_executor(value: Any) -> bool:
    # A class with the method `submit` is no Executor, but a function that makes one.
    return hasattr(value, "submit") and not isinstance(value, type)


def _check_limit(executor: Any, seconds: Any) -> tuple[Any, float]:
    rule = "executor must be a concurrent.futures.Executor or a function that makes one"
    require(_is_executor(executor) or callable(executor), rule, executor)
    return executor, workers.time_limit("seconds", seconds)


@checked(_check_limit)
class TimeLimit(NamedTuple):
    """An Executor, or a function that makes one, with a time limit.

    If no slice comes back for `seconds` seconds, the missing slices are submitted again. TypeError
    or ValueError if a field is out of range.
    """

    executor: Any
    seconds: float


def check(executor: Any) -> Any:
    """Return `executor`; ValueError unless it is None, an Executor, a function or a TimeLimit."""
    rule = "executor must be None, a concurrent.futures.Executor or a function that makes one"
    known = executor is None or isinstance(executor, TimeLimit) or _is_executor(executor)
    require(known or callable(executor), rule, executor)
    return executor


def check_slices(executor: Any, num_slices: int | None) -> int | None:
    """Check both arguments, and return `num_slices`; None stands for SLICES."""
    check(executor)
    return None if num_slices is None else whole("num_slices", num_slices)


def require_effect(executor: Any, num_slices: int | None) -> None:
    """Raise a ValueError if `num_slices` is given but `executor` is None."""
    effect = num_slices is None or executor is not None
    require(effect, "num_slices must come with an executor", num_slices)


def cut(num_members: int, max_slices: int) -> list[Slice]:
    """Cut a population into at most `max_slices` slices, whose sizes differ by at most 1.

    >>> cut(10, 4)
    [(0, 2), (2, 5), (5, 7), (7, 10)]
    """
    num_members = whole("num_members", num_members)
    num_slices = min(num_members, whole("max_slices", max_slices))
    ends = [i * num_members // num_slices for i in range(num_slices + 1)]
    return list(pairwise(ends))


def open_executor(executor: Any) -> Any:
    """Return the Executor: `executor` itself, or the result of `executor()` if it is a function.

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
    """If the function `executor` has made an Executor, stop this Executor and its processes."""
    executor = executor.executor if isinstance(executor, TimeLimit) else executor
    if executor in _OPEN:
        workers.stop(_OPEN.pop(executor))


class _NoAnswerError(TimeoutError):
    """No slice came back within the time limit."""


def _attempt(
    executor: Any, job: Job, slices: list[Slice], seconds: float, futures: dict[Future[Any], Slice]
) -> tuple[dict[Slice, Any], Exception | None, bool]:
    """Return the results of one attempt, an error or None, and whether the Executor is lost.

    `executor` is an Executor, which is lost if it is broken or refuses work. `futures` maps futures
    to their slices. It also holds the futures of earlier attempts whose results were not read yet,
    and a result of such a future counts too. If several slices have failed, the returned error
    belongs to the failed slice with the last members.
    """
    results: dict[Slice, Any] = {}
    errors: dict[Slice, Exception] = {}
    lost = False
    try:
        for members in slices:
            futures[executor.submit(job, *members)] = members
    except Exception as refusal:  # the Executor is broken, or has been shut down
        errors[members], lost = refusal, True
    while futures and not all(members in results for members in slices):
        done, _ = wait(futures, seconds, FIRST_COMPLETED)
        if not done:
            return results, _NoAnswerError(f"no slice came back for {seconds} seconds"), lost
        for future in done:
            members = futures.pop(future)
            try:
                results[members] = future.result()
            except Exception as failure:  # any error of a worker
                errors[members] = workers.explained(failure)
    lost = lost or any(isinstance(error, BrokenExecutor) for error in errors.values())
    return results, errors[max(errors)] if errors else None, lost


def _replace(make: Any, made: Any) -> None:
    """Stop the Executor `made`; `open_executor` will call the function `make` again."""
    if _OPEN.get(make) is made:  # another thread may have replaced `made` already
        del _OPEN[make]
    workers.stop(made)


def _results(
    executor: Any, job: Job, slices: list[Slice], seconds: float
) -> tuple[dict[Slice, Any], Exception | None]:
    """Return the results of all attempts, and the error of the last attempt or None."""
    results: dict[Slice, Any] = {}
    futures: dict[Future[Any], Slice] = {}
    error: Exception | None = None
    for _ in range(ATTEMPTS):
        missing = [members for members in slices if members not in results]
        if not missing:
            break
        pool = open_executor(executor)
        new, error, lost = _attempt(pool, job, missing, seconds, futures)
        results |= new
        if lost and pool is executor:  # the user gave this Executor, so it cannot be replaced
            break
        if lost or (isinstance(error, _NoAnswerError) and pool is not executor):
            _replace(executor, pool)  # `pool` was made by a function
            futures.clear()
    if isinstance(error, _NoAnswerError) and len(results) < len(slices):
        # A pool waits for its processes at the end of its `with` block and at the end of Python.
        # A process that does not answer would block both, so it is killed.
        workers.kill(executor)
        return results, error
    for future in futures:
        future.cancel()
    return results, error


def gather(executor: Any, job: Job, slices: list[Slice]) -> list[Any]:
    """Return `job(start, stop)` of each slice, in order.

    Each slice has up to `ATTEMPTS` attempts. An Executor that a function made is replaced if it is
    broken, refuses work or does not answer in time: the function is called again. An Executor that
    the user gave cannot be replaced. If this Executor is broken or refuses work, there is no
    further attempt. If it does not answer in the last attempt, its processes are killed. If slices
    have no result, a RuntimeError names the members of the first such slice. The cause of the
    RuntimeError is the error of the last attempt, and may belong to a slice that is not named.
    """
    function("job", job), instance("slices", slices, list)
    if executor is None:
        return [job(*members) for members in slices]
    limit = executor if isinstance(executor, TimeLimit) else TimeLimit(executor, SECONDS)
    results, error = _results(limit.executor, job, slices, limit.seconds)
    missing = [members for members in slices if members not in results]
    if not missing:
        return [results[members] for members in slices]
    start, stop = missing[0]
    rule = f"members {start} to {stop - 1} of the population could not be evaluated"
    raise RuntimeError(f"{rule}: {error!r}; the run can be resumed from its checkpoint") from error
