"""Jobs: independent pieces of work, in this process, in several processes, or on several machines.

No job uses the result of another job. So the bits of a result depend neither on the order of the
jobs nor on the number of processes. A `Sender` sends jobs to other machines as bytes.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import plugins
from metarl_min.basics.arguments import require
from metarl_min.evolution import workers

Row = dict[str, Any]
SECONDS = 86_400.0  # default time limit of a job: a job that trains many seeds may take hours


def num_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def to_plain(value: Any) -> Any:
    """Return a nested value for JSON. Arrays become lists; infinite numbers and NaN become None.

    >>> to_plain({"a": np.array([1.0, np.nan]), "b": (np.int64(2), None)})
    {'a': [1.0, None], 'b': [2, None]}
    """
    if isinstance(value, dict):
        return {key: to_plain(part) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_plain(part) for part in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return to_plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


WORK: list[Callable[[], Row]] = []  # all jobs of the command; empty unless this is a worker
ONE_AT_A_TIME = threading.RLock()  # reentrant, because sent work may contain sent work
SIGNALS = {getattr(signal, x) for x in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, x)}


@contextlib.contextmanager
def signals_wait() -> Iterator[None]:
    """Delay the signals to this thread until the end of the block.

    Threads and processes that start in the block also delay signals. Threads that have started
    before the block still receive them. On Windows, no signal is delayed.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        resource_tracker.ensure_running()  # older versions of Python end the delay here
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(path: Path) -> None:
    """Start a worker: read all jobs from a file, and remove the file.

    The jobs do not go through a pipe. A process that writes a large object into a pipe would wait
    for ever if the process at the other end has died. Only job numbers and rows go through pipes.
    `plugins.loads` loads the plug-ins before the jobs, because jobs refer to their functions.
    """
    content = path.read_bytes()
    path.unlink()
    begin_worker()
    WORK.extend(plugins.loads(content))


def begin_worker() -> None:
    """Prepare a new process: it ends with its parent, and Ctrl-C ends it without a message.

    The text that plug-ins print goes to standard error.
    """
    sys.stdout = sys.stderr
    workers.end_with_parent()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _run_numbered(number: int) -> Row:
    return WORK[number]()


def _make_worker(content: bytes, made: dict[Path, ProcessPoolExecutor]) -> ProcessPoolExecutor:
    """Return a pool of one process that reads `content` from a file, and add the pool to `made`.

    The pool is in `made` before its process starts, so that the caller can always stop the process.
    """
    descriptor, name = tempfile.mkstemp(prefix="metarl_min_")
    with open(descriptor, "wb") as file:
        file.write(content)
    context = multiprocessing.get_context("spawn")
    with signals_wait():
        pool = ProcessPoolExecutor(1, context, initializer=_begin, initargs=(Path(name),))
        made[Path(name)] = pool
        pool.submit(int)  # the pool starts its process when it gets work
    return pool


def perform(content: bytes) -> Any:
    """Perform work that a `Sender` has sent.

    A process performs one piece of work at a time, even if an engine uses several threads. If two
    threads compute nested gradients with autograd at the same time, the gradients are wrong.
    """
    with ONE_AT_A_TIME:
        return plugins.loads(content)()


class Sender(NamedTuple):
    """An Executor that sends work to the workers of another Executor, as bytes.

    The bytes contain the plug-ins of the work. So the machines of the workers do not need the files
    of the plug-ins. `shutdown` leaves the other Executor open, because its owner closes it.
    """

    executor: Any

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Return the future of `function(*arguments)`."""
        future: Future[Any] = self.executor.submit(
            perform, plugins.dumps(partial(function, *arguments))
        )
        return future

    def shutdown(self, wait: bool = True) -> None:
        """Do nothing: the other Executor stays open."""


def run_jobs(
    jobs: Sequence[Any],
    processes: int,
    run_job: Callable[[Any], Row],
    seconds: float = SECONDS,
    executor: Any = None,
) -> Iterator[tuple[int, Row]]:
    """Yield the number and the result of each job, in the order in which the jobs end.

    At most `processes` jobs run at the same time, each in a process of its own. `executor` may be
    an Executor of `concurrent.futures`. Then the jobs run on its workers instead. If a worker is
    killed, or if its job takes more than `seconds` seconds, only this job is performed again. A job
    that has lost three workers raises a RuntimeError. Without an executor, one job alone runs in
    this process, and so do all jobs if `processes` is 1. Then there is no time limit.
    """
    seconds = workers.time_limit("seconds", seconds)
    fits = executor is None or callable(getattr(executor, "submit", None))
    require(fits, "executor must be an Executor of concurrent.futures", repr(executor))
    num_workers = min(processes, len(jobs))
    if executor is not None:
        make_sender = partial(Sender, executor)
        yield from workers.perform_all(make_sender, num_workers, run_job, jobs, seconds)
        return
    if num_workers < 2:
        yield from ((i, run_job(job)) for i, job in enumerate(jobs))
        return
    content = plugins.dumps([partial(run_job, job) for job in jobs])
    made: dict[Path, ProcessPoolExecutor] = {}
    make_worker = partial(_make_worker, content, made)
    try:
        numbers = range(len(jobs))
        yield from workers.perform_all(make_worker, num_workers, _run_numbered, numbers, seconds)
    finally:
        for path, worker in made.items():
            workers.stop(worker)
            path.unlink(missing_ok=True)
