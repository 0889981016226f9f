"""Jobs: independent pieces of work, run in this process or spread over several.

Jobs share nothing, so they run in any order and in any number of processes, with the same bits.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import pickle
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import numpy as np

from metarl_min.basics import plugins
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
SIGNALS = {getattr(signal, x) for x in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, x)}


@contextlib.contextmanager
def _signals_wait() -> Iterator[None]:
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
    workers.end_with_parent()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends this worker without a message
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    files, pickled = pickle.loads(content)
    for file in files:
        plugins.load_file(Path(file))
    WORK.extend(pickle.loads(pickled))


def _run_numbered(number: int) -> Row:
    return WORK[number]()


def _make_worker(content: bytes, made: dict[Path, ProcessPoolExecutor]) -> ProcessPoolExecutor:
    """Return a pool of one process, which reads `content`; `made` holds it from its start on."""
    number, name = tempfile.mkstemp(prefix="metarl_min_")
    with open(number, "wb") as file:
        file.write(content)
    context = multiprocessing.get_context("spawn")
    with _signals_wait():
        pool = ProcessPoolExecutor(1, context, initializer=_begin, initargs=(Path(name),))
        made[Path(name)] = pool
        pool.submit(int)  # the first piece of work starts the process
    return pool


def run_jobs(
    jobs: Sequence[Any],
    processes: int,
    run_job: Callable[[Any], Row],
    seconds: float = SECONDS,
) -> Iterator[tuple[int, Row]]:
    """Yield the number and the result of each job, in the order in which they finish.

    A worker that is killed costs its job again and nothing else. So does a worker whose job takes
    more than `seconds` seconds. Jobs that run in this process have no time limit.
    """
    seconds = workers.time_limit("seconds", seconds)
    num_workers = min(processes, len(jobs))
    if num_workers < 2:
        yield from ((i, run_job(job)) for i, job in enumerate(jobs))
        return
    pickled = pickle.dumps([partial(run_job, job) for job in jobs])
    content = pickle.dumps((plugins.files_of(pickled), pickled))
    made: dict[Path, ProcessPoolExecutor] = {}
    make_worker = partial(_make_worker, content, made)
    try:
        numbers = range(len(jobs))
        yield from workers.perform_all(make_worker, num_workers, _run_numbered, numbers, seconds)
    finally:
        for path, worker in made.items():
            workers.stop(worker)
            path.unlink(missing_ok=True)
