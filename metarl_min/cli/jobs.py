"""Jobs: independent pieces of work, run in this process, in several, or on several machines.

Jobs share nothing, so they run in any order and in any number of processes, with the same bits.
A job for another machine is sent as bytes, `Sender`.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import signal
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
SECONDS = 86_400.0  # the default time limit of a job; a job that trains many seeds takes hours


def num_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def to_plain(value: Any) -> Any:
    """Return a nested value as JSON has it: lists for arrays, null for a number that is not finite.

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


WORK: list[Callable[[], Row]] = []  # in a worker: every job of the command
ONE_AT_A_TIME = threading.RLock()  # reentrant: sent work may itself contain sent work
SIGNALS = {getattr(signal, x) for x in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, x)}


@contextlib.contextmanager
def signals_wait() -> Iterator[None]:
    """Let signals to this thread wait until the end of the block.

    Threads and processes that start inside let them wait too. A thread that the caller started
    before still receives them. On Windows signals do not wait.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        resource_tracker.ensure_running()  # older versions of Python end the waiting here
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(path: Path) -> None:
    """Read all jobs from a file, and remove the file, in a new worker.

    Only numbers and rows go through pipes: a large object in a pipe blocks for ever if the process
    at the other end has died. Plug-ins are loaded first, because jobs refer to their functions.
    """
    content = path.read_bytes()
    path.unlink()
    begin_worker()
    WORK.extend(plugins.loads(content))


def begin_worker() -> None:
    """Prepare a new process: it ends with its parent, and Ctrl-C ends it without a message."""
    workers.end_with_parent()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _run_numbered(number: int) -> Row:
    return WORK[number]()


def _make_worker(content: bytes, made: dict[Path, ProcessPoolExecutor]) -> ProcessPoolExecutor:
    """Return a pool of one process, which reads `content`; `made` holds it from its start on."""
    number, name = tempfile.mkstemp(prefix="metarl_min_")
    with open(number, "wb") as file:
        file.write(content)
    context = multiprocessing.get_context("spawn")
    with signals_wait():
        pool = ProcessPoolExecutor(1, context, initializer=_begin, initargs=(Path(name),))
        made[Path(name)] = pool
        pool.submit(int)  # the first piece of work starts the process
    return pool


def perform(content: bytes) -> Any:
    """Perform work that a `Sender` has sent.

    A process performs one piece of work at a time, also if an engine gives it several threads. If
    two threads use nested gradients of autograd at the same time, the gradients are wrong.
    """
    with ONE_AT_A_TIME:
        return plugins.loads(content)()


class Sender(NamedTuple):
    """An Executor that sends work to the workers of another Executor, with the plug-ins it uses.

    A machine that performs the work needs no file of a plug-in. The owner of the other Executor
    shuts it down.
    """

    executor: Any

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Return the future of `function(*arguments)`."""
        future: Future[Any] = self.executor.submit(
            perform, plugins.dumps(partial(function, *arguments))
        )
        return future

    def shutdown(self, wait: bool = True) -> None:
        """Do nothing."""


def run_jobs(
    jobs: Sequence[Any],
    processes: int,
    run_job: Callable[[Any], Row],
    seconds: float = SECONDS,
    executor: Any = None,
) -> Iterator[tuple[int, Row]]:
    """Yield the number and the result of each job, in the order in which they finish.

    At most `processes` jobs run at the same time, each in a process of its own. If there is an
    `executor`, an Executor of `concurrent.futures`, they run on its workers instead. A worker that
    is killed costs its job again and nothing else. So does a worker whose job takes more than
    `seconds` seconds. Jobs that run in this process have no time limit.
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
