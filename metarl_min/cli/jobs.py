"""Jobs: independent pieces of work, run in this process or spread over several.

Jobs share nothing, so they run in any order and in any number of processes, with the same bits.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from metarl_min.basics import plugins

Row = dict[str, Any]


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


def _begin(path: Path) -> None:
    """Read all jobs from a file, in a new worker.

    Only numbers and rows go through pipes: a large object in a pipe blocks for ever if the process
    at the other end has died. Plug-ins are loaded first, because jobs refer to their functions.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # from now on Ctrl-C ends this worker silently
    files, pickled = pickle.loads(path.read_bytes())
    for file in files:
        plugins.load_file(Path(file))
    WORK.extend(pickle.loads(pickled))


def _run_numbered(number: int) -> Row:
    return WORK[number]()


def _submit_all(pool: ProcessPoolExecutor, num_jobs: int) -> dict[Future[Row], int]:
    """Submit every job. The workers start here, and ignore Ctrl-C until they have begun."""
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    numbers = {pool.submit(_run_numbered, i): i for i in range(num_jobs)}
    signal.signal(signal.SIGINT, handler)
    return numbers


def run_jobs(
    jobs: Sequence[Any], processes: int, run_job: Callable[[Any], Row]
) -> Iterator[tuple[int, Row]]:
    """Yield the number and the result of each job, in the order in which they finish."""
    if processes == 1:
        yield from ((i, run_job(job)) for i, job in enumerate(jobs))
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "work"
        pickled = pickle.dumps([partial(run_job, job) for job in jobs])
        path.write_bytes(pickle.dumps((plugins.files_of(pickled), pickled)))
        with ProcessPoolExecutor(
            min(processes, len(jobs)),
            multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(path,),
        ) as pool:
            numbers = _submit_all(pool, len(jobs))
            try:
                yield from ((numbers[done], done.result()) for done in as_completed(numbers))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for worker in multiprocessing.active_children():
                    worker.terminate()
                raise
