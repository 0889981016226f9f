"""The main job: every learner and every baseline on the same fresh tasks, beside the ceiling.

One job trains and judges one player on one family. Jobs share nothing, so they run in any order
and in any number of processes, with the same bits.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from metarl_min import evaluation, training
from metarl_min.baselines import posterior_sampling
from metarl_min.ceilings import bayes_optimal
from metarl_min.ceilings.bayes_optimal import Ceiling
from metarl_min.cli import runs
from metarl_min.learners import Learner
from metarl_min.tasks import Family

FAMILIES = {  # what a name means here: families in which a start has something to learn
    "bandit": {"arms": "5", "pulls": "10", "prior": "1,1/2,2/4,4/1,3/1,5"},
    "gridworld": {"goals": "4,9,14,19,24"},
}
NUM_TASKS = 10_000


class Job(NamedTuple):
    """One player on one family; `iterations` is None for a baseline."""

    task: str
    name: str
    learner: Learner
    family: Family
    ceiling: Ceiling | None
    iterations: int | None
    num_tasks: int
    seed: int


def to_plain(value: Any) -> Any:
    """Return `value` as JSON knows it: lists for arrays, null for what is not finite.

    >>> plain({"a": np.array([1.0, np.nan]), "b": (np.int64(2), None)})
    {'a': [1.0, None], 'b': [2, None]}
    """
    if isinstance(value, dict):
        return {key: to_plain(part) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_plain(part) for part in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return to_plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def ceiling_of(family: Family) -> Ceiling | None:
    """Return the exact ceiling of a family, or None where there is none."""
    try:
        return bayes_optimal.solve(family)
    except ValueError:
        return None


def score_row(
    learner: Learner,
    state: Any,
    family: Family,
    ceiling: Ceiling | None,
    *,
    num_tasks: int,
    seed: int,
    control_seed: int,
    greedy: bool = False,
) -> dict[str, Any]:
    """Return the scores of a learner, of its unadapted start and of its untrained control."""

    def scores(state: Any) -> dict[str, Any]:
        found = evaluation.evaluate(
            learner, state, family, num_tasks=num_tasks, seed=seed, ceiling=ceiling, greedy=greedy
        )
        fields = found._asdict()
        return {"return": fields.pop("value"), **fields}

    row = {**scores(state), "before": None, "control": None}
    if learner.before is not None:
        row["before"] = scores(learner.before(state))
    if learner.control is not None:
        rng = np.random.default_rng([control_seed, 0, 2])
        untrained = learner.control(rng, state, family)
        row["control"] = {**scores(untrained), "alpha": untrained.alpha}
    return row


def run_job(job: Job) -> dict[str, Any]:
    """Train where there is something to train, and judge."""
    started = time.perf_counter()
    state = training.train(job.learner, job.family, iterations=job.iterations or 0, seed=job.seed)
    seconds = time.perf_counter() - started
    row = score_row(
        job.learner, state, job.family, job.ceiling,
        num_tasks=job.num_tasks, seed=job.seed, control_seed=job.seed,
    )  # fmt: skip
    return row if job.iterations is None else {**row, "train_seconds": seconds}


def budget(learner: Learner, family: Family) -> tuple[int, int]:
    """Return the iterations of a learner in `compare` and in `train`."""
    if learner.iterations is None:
        raise ValueError("a learner that is trained must have iterations, got a baseline")
    return learner.iterations(family)


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


WORK: list[Callable[[], dict[str, Any]]] = []  # of the whole command, in a worker


def _begin(path: Path) -> None:
    """Give a worker all its work, which comes in a file: only numbers go through pipes.

    What does not fit into a pipe can be waited for without end where its reader has died.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # from now on Ctrl-C ends a worker silently
    WORK.extend(pickle.loads(path.read_bytes()))


def _perform(number: int) -> dict[str, Any]:
    return WORK[number]()


def run_jobs(
    jobs: Sequence[Any], processes: int, perform: Callable[[Any], dict[str, Any]] = run_job
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number and the row of each job, as they finish."""
    if processes == 1:
        yield from ((i, perform(job)) for i, job in enumerate(jobs))
        return
    with (
        TemporaryDirectory() as folder,
        ProcessPoolExecutor(
            min(processes, len(jobs)),
            multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(Path(folder) / "work",),
        ) as pool,
    ):
        work = [partial(perform, job) for job in jobs]
        (Path(folder) / "work").write_bytes(pickle.dumps(work))
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # workers are born deaf to it
        numbers = {pool.submit(_perform, i): i for i in range(len(jobs))}
        signal.signal(signal.SIGINT, handler)
        try:
            yield from ((numbers[done], done.result()) for done in as_completed(numbers))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in multiprocessing.active_children():
                worker.terminate()
            raise


def make_jobs(
    task: str, family: Family, players: dict[str, Learner], num_tasks: int, seed: int
) -> list[Job]:
    """Return the jobs of one family: the learners, then the baselines, ceiling included."""
    ceiling, baselines = ceiling_of(family), posterior_sampling.baselines_for(family)
    if ceiling is not None:
        baselines = {"bayes_optimal": bayes_optimal.bayes_optimal(ceiling), **baselines}

    def job(name: str, player: Learner, iterations: int | None) -> Job:
        return Job(task, name, player, family, ceiling, iterations, num_tasks, seed)

    return [
        *(job(name, x.short or x, budget(x, family)[0]) for name, x in players.items()),
        *(job(name, x, None) for name, x in baselines.items()),
    ]


def summary(jobs: Sequence[Job], rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the entry of one family in the result, from its jobs and their rows."""
    family, ceiling, num_tasks = jobs[0].family, jobs[0].ceiling, jobs[0].num_tasks
    chance = {"return": bayes_optimal.expected_random(family), "exact": True}
    best = None if ceiling is None else {"return": ceiling.value, "exact": True}
    entry: dict[str, Any] = {
        "family": runs.family_words(family), "num_tasks": num_tasks,
        "num_episodes": family.num_episodes, "random": chance, "bayes_optimal": best,
        "learners": {}, "baselines": {},
    }  # fmt: skip
    for job, row in zip(jobs, rows, strict=True):
        entry["learners" if job.iterations is not None else "baselines"][job.name] = row
    return entry


def compare(
    families: dict[str, Family],
    players: dict[str, Learner],
    *,
    seed: int,
    num_tasks: int,
    processes: int = 1,
    report: Callable[[str], None],
) -> dict[str, Any]:
    """Return the object that `compare --json` prints; `report` gets a line for each job done."""
    started, rows = time.perf_counter(), {}
    made = [make_jobs(task, x, players, num_tasks, seed) for task, x in families.items()]
    jobs = sorted((job for part in made for job in part), key=lambda job: job.iterations is None)
    for i, row in run_jobs(jobs, processes):
        rows[i] = row
        report(f"{len(rows)} of {len(jobs)} done: {jobs[i].name} on {jobs[i].task}")
    entries = {}
    for task in families:
        mine = [i for i, job in enumerate(jobs) if job.task == task]
        entries[task] = summary([jobs[i] for i in mine], [rows[i] for i in mine])
    seconds = time.perf_counter() - started
    result = {"seed": seed, "seconds": seconds, "versions": runs.versions(), "tasks": entries}
    return dict(to_plain(result))
