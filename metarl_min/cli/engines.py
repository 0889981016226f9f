"""Engines: the processes that perform the work of a command. The option `--executor` names them.

    processes:N   N processes of this machine
    dask:ADDRESS  the workers of a Dask cluster, whose scheduler has this address
    mpi           the processes that mpiexec has started

Dask and MPI may have workers on other machines. The library has no scheduler of its own. The bits
of a result depend on the processor, the versions of the libraries and the number of threads of
linear algebra. If these are the same for all workers, the bits do not depend on the engine. If they
differ on a worker, a line on standard error says so.

The packages `distributed` (for Dask) and `mpi4py` (for MPI) are imported only if they are used.
"""

from __future__ import annotations

import logging
import multiprocessing
import re
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple

from metarl_min import __main__ as command
from metarl_min.basics import plugins, words
from metarl_min.basics.arguments import require
from metarl_min.cli import environment, jobs
from metarl_min.cli.console import log
from metarl_min.cli.environment import Environment
from metarl_min.evolution import executors, workers
from metarl_min.evolution.executors import TimeLimit

FORMS = "processes:N, dask:ADDRESS or mpi"
CONNECTING = 10  # seconds in which a scheduler must answer, and then a worker
MPI_COMMAND = "mpiexec -n N python -m mpi4py.futures -m metarl_min .., with N of at least 2"


class Word(NamedTuple):
    """The value of the option `--executor`, split at its first colon."""

    engine: str  # processes, dask or mpi
    place: str  # the number of processes, the address of a scheduler, or empty


class Engine(NamedTuple):
    """The workers of a command."""

    executor: Any  # an Executor, a function that makes one, or None
    num_workers: int


def read(text: str) -> Word:
    """Return the value of `--executor`. ValueError if the text does not name an engine."""
    engine, _, place = text.partition(":")
    near = words.suggestion(engine, ("processes", "dask", "mpi"))
    known = engine in ("processes", "dask") or text == "mpi"
    require(known, f"it must be {FORMS}", f"{text!r}{near}")
    if engine == "processes":
        most = workers.MAX_WORKERS
        fits = re.fullmatch("[0-9]{1,9}", place) and 1 <= int(place) <= most
        rule = f"it must be processes:N, where N is a whole number from 1 to {most}"
        require(bool(fits), rule, repr(text))
    rule = "it must be dask:ADDRESS, where ADDRESS is that of a scheduler, such as 10.0.0.1:8786"
    require(engine != "dask" or ":" in place.strip(), rule, repr(text))
    return Word(engine=engine, place=place)


def _begin(sources: Mapping[str, plugins.Source]) -> None:
    jobs.begin_worker()
    plugins.load_sources(sources)


def processes(num_workers: int) -> ProcessPoolExecutor:
    """Return a pool of processes that have loaded the plug-ins of this process."""
    context = multiprocessing.get_context("spawn")
    with jobs.signals_wait():
        pool = ProcessPoolExecutor(
            num_workers, context, initializer=_begin, initargs=(plugins.loaded_sources(),)
        )
        for _ in range(num_workers):
            pool.submit(int)  # a pool starts a process only when it gets work
    return pool


def _report_differences(there: Mapping[str, Environment]) -> None:
    """Log a line for each worker whose results may not have the bits of this machine.

    `there` holds the environment of each worker.
    """
    here = environment.here()
    for place, other in there.items():
        difference = environment.difference_there(here, other)
        if difference:
            log(f"{place} has {difference}; its results may not have the bits of this machine")


class DaskExecutor(NamedTuple):
    """The Executor of a client of Dask. It refuses work if the client has lost its scheduler.

    The Executor of Dask would accept this work, and no worker would perform it.
    """

    client: Any
    executor: Any  # the Executor of Dask that belongs to the client

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Return the future of `function(*arguments)`."""
        if self.client.status in ("closing", "closed"):
            raise BrokenExecutor("the scheduler of Dask is lost")
        future: Future[Any] = self.executor.submit(function, *arguments)
        return future


def _connect(address: str) -> Any:
    """Return the client of a scheduler of Dask. ValueError if the scheduler does not answer."""
    try:
        from distributed import Client
        from distributed.comm import resolve_address
    except ImportError as error:
        rule = "the package distributed must be installed for --executor dask:ADDRESS"
        raise ValueError(f"{rule} (pip install 'metarl_min[distributed]'), got: {error}") from None
    for name in ("distributed", "distributed.client"):
        # If the scheduler is lost, the user sees the one error of this library.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        resolve_address(address)  # a client with an invalid address would not close
        return Client(address, timeout=CONNECTING, set_as_default=False)
    except Exception as error:  # the address, the network and Dask have errors of many types
        rule = "--executor dask:ADDRESS must have the address of a scheduler that answers"
        raise ValueError(f"{rule}, got {address}: {error}") from None


def dask(address: str, stack: ExitStack) -> Engine:
    """Return the workers of a Dask cluster. The client is closed when `stack` ends."""
    client = _connect(address)
    stack.callback(client.close)
    try:
        client.wait_for_workers(1, timeout=CONNECTING)
        found = client.run(environment.here)
    except Exception as error:
        rule = "a scheduler of Dask must have a worker on which metarl_min is installed"
        raise ValueError(f"{rule}, got {address}: {error}") from None
    _report_differences(found)
    # With pure=True, Dask would not repeat work that is sent a second time.
    executor = DaskExecutor(client=client, executor=client.get_executor(pure=False))
    return Engine(executor=executor, num_workers=len(found))


def _here_after(seconds: float) -> tuple[str, Environment]:
    from mpi4py import MPI

    time.sleep(seconds)  # a worker that is asleep cannot take the call of another worker
    return f"process {MPI.COMM_WORLD.Get_rank()} of MPI", environment.here()


def mpi(stack: ExitStack) -> Engine:
    """Return the other processes of `mpiexec`. They end with the command."""
    rule = f"a command with --executor mpi must be started as {MPI_COMMAND}"
    require("mpi4py.futures" in sys.orig_argv, rule, " ".join(sys.orig_argv[:4]))
    from mpi4py import MPI
    from mpi4py.futures import MPIPoolExecutor

    num_workers = MPI.COMM_WORLD.Get_size() - 1
    require(num_workers > 0, rule, "N = 1")
    pool = MPIPoolExecutor(initializer=command.use_one_thread)
    stack.callback(pool.shutdown, wait=False, cancel_futures=True)
    _report_differences(dict(pool.map(_here_after, [0.1] * num_workers)))
    return Engine(executor=pool, num_workers=num_workers)


def _elsewhere(word: Word, stack: ExitStack) -> Engine:
    return dask(word.place, stack) if word.engine == "dask" else mpi(stack)


def for_jobs(word: Word | None, stack: ExitStack) -> Engine:
    """Return the engine of separate jobs. If `word` is None, it uses all cores of this machine.

    If the executor of the engine is None, `jobs.run_jobs` starts the processes itself.
    """
    if word is None:
        return Engine(executor=None, num_workers=jobs.num_cores())
    if word.engine == "processes":
        return Engine(executor=None, num_workers=int(word.place))
    return _elsewhere(word, stack)


def for_search(word: Word, seconds: float, stack: ExitStack) -> Engine:
    """Return the engine that evaluates populations.

    If no slice of a population comes back for `seconds` seconds, the missing slices are sent again.
    """
    if word.engine == "processes":
        engine = Engine(partial(processes, int(word.place)), int(word.place))
        stack.callback(executors.close, engine.executor)
    else:
        there = _elsewhere(word, stack)
        engine = there._replace(executor=jobs.Sender(there.executor))
    return engine._replace(executor=TimeLimit(engine.executor, seconds))
