"""The population over many workers: slices travel, results come back in order.

`executor` is None (this process, all members at once), a `concurrent.futures.Executor`, or a
function that makes one. What is computed must not depend on how the population is sliced; then
the result is bit for bit the same for any number of workers, and a slice that was lost is asked
for again.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from typing import Any

from metarl_min.basics.arguments import require

ATTEMPTS = 3
Slice = tuple[int, int]  # members from .. to, the latter left out
_MADE: dict[Any, Any] = {}  # function -> the executor that it made last


def _is_one(executor: Any) -> bool:
    return hasattr(executor, "submit") and not isinstance(executor, type)


def check(executor: Any) -> Any:
    """Return `executor`; ValueError unless None, an Executor or a function that makes one."""
    rule = "executor must be None, a concurrent.futures.Executor or a function that makes one"
    require(executor is None or _is_one(executor) or callable(executor), rule, executor)
    return executor


def slices(num_members: int, most: int) -> list[Slice]:
    """Cut a population into at most `most` slices of nearly equal size.

    >>> slices(5, 2)
    [(0, 3), (3, 5)]
    """
    size = -(-num_members // most)
    return [(i, min(i + size, num_members)) for i in range(0, num_members, size)]


def _open(executor: Any) -> Any:
    if _is_one(executor):
        return executor
    if executor not in _MADE:
        made = executor()
        require(_is_one(made), "executor must make a concurrent.futures.Executor", made)
        _MADE[executor] = made
    return _MADE[executor]


def close(executor: Any) -> None:
    """Shut down what a function made, if it is open; the next generation makes another."""
    if executor in _MADE:
        _MADE.pop(executor).shutdown(wait=False)


def gather(executor: Any, work: Callable[..., Any], parts: list[Slice]) -> list[Any]:
    """Return `work(from, to)` of each slice, in order.

    A slice that fails is tried `ATTEMPTS` times in all, then ends in a RuntimeError that names it.
    A function is called again when the executor that it made is broken or takes no work; an
    Executor that was given cannot be mended, and ends in that error at once.
    """
    if executor is None:
        return [work(*part) for part in parts]
    found: dict[Slice, Any] = {}
    last: Exception | None = None
    for _ in range(ATTEMPTS):
        pool, asked, takes_work = _open(executor), {}, True
        try:
            for part in parts:
                if part not in found:
                    asked[part] = pool.submit(work, *part)
        except Exception as error:  # broken, or shut down
            last, takes_work = error, False
        for part, future in asked.items():
            try:
                found[part] = future.result()
            except Exception as error:  # whatever a worker can die of
                last = error
        if len(found) == len(parts):
            return [found[part] for part in parts]
        if isinstance(last, BrokenExecutor) or not takes_work:
            if _is_one(executor):
                break
            close(executor)
    first, end = next(part for part in parts if part not in found)
    lost = f"members {first} to {end - 1} of the population could not be evaluated"
    raise RuntimeError(f"{lost}: {last!r}; the run can be resumed from its checkpoint") from last
