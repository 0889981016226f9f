"""Worker processes that end when their parent ends, and separate jobs for them.

`perform_all` performs separate jobs, such as the columns of a table. Each worker is a separate
Executor and has one job at a time. So if a worker is lost, only its job must be performed again.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Future,
    ProcessPoolExecutor,
    wait,
)
from multiprocessing import connection
from typing import Any, NamedTuple

from metarl_min.basics.arguments import function, instance, real, require, whole

MAX_WORKERS = 10_000  # largest number of workers of one pool
ATTEMPTS = 3  # a job that has lost this number of workers is not performed again


def _end_after(sentinel: Any) -> None:
    """Wait until the process to which `sentinel` belongs has ended, then end this process."""
    connection.wait([sentinel])
    os._exit(1)


def end_with_parent() -> None:
    """Make this process end as soon as its parent has ended, even if the parent was killed.

    Each worker of a pool calls this function at its start. Otherwise the workers of a killed parent
    would wait for work for ever. If `multiprocessing` has not started this process, this function
    does nothing.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def processes(num_workers: int) -> ProcessPoolExecutor:
    """Return a pool of worker processes that end when this process ends.

    The value `functools.partial(processes, 2)` is a function that makes an Executor.
    """
    number = whole("num_workers", num_workers, high=MAX_WORKERS)
    return ProcessPoolExecutor(number, initializer=end_with_parent)


def _processes_of(executor: Any) -> list[Any]:
    # Before Python 3.14, a pool has no public method that kills its workers.
    return list(dict(getattr(executor, "_processes", None) or {}).values())


def kill(executor: Any) -> None:
    """Kill the worker processes of an Executor, if the Executor has any."""
    for process in _processes_of(executor):
        process.kill()


def stop(executor: Any) -> None:
    """Shut down an Executor at once, and kill its worker processes, if the Executor has any."""
    killed = _processes_of(executor)  # a pool forgets its processes when it shuts down
    executor.shutdown(wait=False)
    for process in killed:
        process.kill()


def explained(error: Exception) -> Exception:
    """Return the error. A `CancelledError` has no message, so one with a message replaces it."""
    if not isinstance(error, CancelledError):
        return error
    return CancelledError("the Executor has cancelled the work, as Dask does without a scheduler")


def time_limit(name: str, seconds: Any) -> float:
    """Return a time limit as a float; TypeError or ValueError unless it is positive.

    Python can wait at most `threading.TIMEOUT_MAX` seconds, so a longer limit is an error too.
    """
    number = real(name, seconds, 0, threading.TIMEOUT_MAX)
    require(number > 0, f"{name} must be positive", seconds)
    return number


class _Running(NamedTuple):
    """A job that has not ended yet, and its worker."""

    number: int  # i, where `arguments[i]` is the argument of the job
    worker: Any
    started: float  # time.monotonic() in seconds


def _submit(worker: Any, job: Callable[[Any], Any], argument: Any) -> Future[Any]:
    """Return the future of a job; a lost worker gives a future with a BrokenExecutor error."""
    try:
        future: Future[Any] = worker.submit(job, argument)
    except BrokenExecutor as error:
        future = Future()
        future.set_exception(error)
    return future


def _ended(running: dict[Future[Any], _Running], seconds: float | None) -> list[Future[Any]]:
    """Wait, and return the futures that are done; if no future is done, return the late ones.

    A job is late if it takes more than `seconds` seconds. As soon as a job is late, the wait ends.
    """
    first = min(current.started for current in running.values())
    limit = None if seconds is None else max(0.0, first + seconds - time.monotonic())
    done, _ = wait(running, limit, FIRST_COMPLETED)
    if done or seconds is None:
        return list(done)
    late = time.monotonic() - seconds
    return [future for future, current in running.items() if current.started <= late]


def _loss(future: Future[Any], seconds: float | None) -> Exception | None:
    """Return an error if the worker of a job is lost or the job is late, else None."""
    if not future.done():
        return TimeoutError(f"no result after {seconds} seconds")
    if future.cancelled():
        return explained(CancelledError())
    error = future.exception()
    return error if isinstance(error, BrokenExecutor) else None


def _count(number: int, attempts: Counter[int], error: Exception) -> None:
    """Count a lost attempt of a job; RuntimeError if this attempt was the last one."""
    attempts[number] += 1
    if attempts[number] == ATTEMPTS:
        raise RuntimeError(f"job {number} lost its worker {ATTEMPTS} times: {error!r}") from error


def perform_all(
    make_worker: Callable[[], Any],
    num_workers: int,
    job: Callable[[Any], Any],
    arguments: Sequence[Any],
    seconds: float | None = None,
) -> Iterator[tuple[int, Any]]:
    """Yield (i, job(arguments[i])) for each i, in the order in which the jobs end.

    `make_worker()` makes an Executor with one worker. A worker is stopped if it is lost, or if its
    job takes more than `seconds` seconds. Another worker then gets this job. If a job has no result
    after `ATTEMPTS` attempts, a RuntimeError names the job. If a job raises an error, the iteration
    raises the same error. When the iteration ends or is closed, all workers are stopped.
    """
    seconds = None if seconds is None else time_limit("seconds", seconds)
    function("make_worker", make_worker), function("job", job)
    instance("arguments", arguments, Sequence)
    num_workers, attempts = whole("num_workers", num_workers), Counter[int]()
    waiting, idle = deque(range(len(arguments))), list[Any]()
    running: dict[Future[Any], _Running] = {}
    try:
        while waiting or running:
            while waiting and len(running) < num_workers:
                number, worker = waiting.popleft(), idle.pop() if idle else make_worker()
                future = _submit(worker, job, arguments[number])
                running[future] = _Running(number, worker, time.monotonic())
            for future in _ended(running, seconds):
                number, worker, _ = running.pop(future)
                if error := _loss(future, seconds):
                    stop(worker)
                    _count(number, attempts, error)
                    waiting.appendleft(number)
                else:
                    idle.append(worker)
                    yield number, future.result()
    finally:
        for worker in [*idle, *(current.worker for current in running.values())]:
            stop(worker)
