"""The comparison: every learner and every baseline on the same fresh tasks, beside the ceiling.

One job trains and scores one player on one family. A learner is trained once for each seed. Each
of its seeds is scored on at most `NUM_SEED_TASKS` fresh tasks. The seed of the median score is then
scored on all `num_tasks` tasks. Its unadapted start and its untrained control are scored on the
first `NUM_CONTROL_TASKS` of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from metarl_min import evaluation, training
from metarl_min.baselines import registry as baselines
from metarl_min.basics.arguments import function, instance, whole
from metarl_min.ceilings import bayes_optimal
from metarl_min.ceilings.bayes_optimal import Ceiling
from metarl_min.cli import best_returns, budgets, environment, runs, score_rows
from metarl_min.cli.best_returns import BestReturn, best_return
from metarl_min.cli.jobs import SECONDS, Row, run_jobs, to_plain
from metarl_min.evolution import workers
from metarl_min.learners import Learner, registry
from metarl_min.tasks import Family

NUM_TASKS = 10_000
NUM_CONTROL_TASKS = 2_000  # on which unadapted starts and untrained controls are scored
NUM_SEED_TASKS = 500  # on which one of several seeds is scored
NUM_SEEDS = 5


class Job(NamedTuple):
    """One player on one family; a baseline is scored once, and has no seeds to train."""

    task: str  # the name of the family in the comparison
    name: str
    learner: Learner
    ceiling: Ceiling | None
    num_tasks: int
    num_seed_tasks: int
    num_control_tasks: int  # of its unadapted start and its untrained control
    seed: int  # of the fresh tasks; the learner is trained with seed, seed + 1, ..
    num_seeds: int  # 0 for a baseline


def median_index(values: Sequence[float]) -> int:
    """Return the index of the median. If two values are in the middle, take the lower one.

    >>> median_index([3.0, 1.0, 2.0])
    2
    """
    return int(np.argsort(values, kind="stable")[(len(values) - 1) // 2])


def _seed_row(job: Job, seed: int, state: Any) -> Row:
    scores = evaluation.evaluate(
        job.learner, state, num_tasks=job.num_seed_tasks, seed=job.seed, ceiling=job.ceiling
    )
    row = score_rows.fields(scores)
    return {"seed": seed, **{key: row[key] for key in ("return", "score", "score_pdl")}}


def _rank(row: Row) -> float:
    """Return score_pdl, or else the score, or else the return. Seeds are ordered by this number."""
    keys = [key for key in ("score_pdl", "score", "return") if row[key] is not None]
    return float(row[keys[0]])


def run_job(job: Job) -> Row:
    """Train a learner with each seed and score it, or score a baseline."""
    seeds = [job.seed + i for i in range(job.num_seeds)]
    started = time.perf_counter()
    states = [training.train(job.learner, seed=seed) for seed in seeds]
    seconds = time.perf_counter() - started
    if not seeds:
        state = training.train(job.learner, 0, seed=job.seed)
        return score_rows.score_row(
            job.learner, state, job.ceiling,
            num_tasks=job.num_tasks, num_control_tasks=job.num_control_tasks, seed=job.seed,
            control_seed=job.seed,
        )  # fmt: skip
    rows = [_seed_row(job, seed, state) for seed, state in zip(seeds, states, strict=True)]
    median = median_index([_rank(row) for row in rows])
    row = score_rows.score_row(
        job.learner, states[median], job.ceiling,
        num_tasks=job.num_tasks, num_control_tasks=job.num_control_tasks, seed=job.seed,
        control_seed=seeds[median],
    )  # fmt: skip
    return {**row, "train_seconds": seconds, "seeds": rows}


def _jobs_of(
    task: str, family: Family, ceiling: Ceiling | None, learners: Mapping[str, Learner],
    num_tasks: int, seeds: range,
) -> list[Job]:  # fmt: skip
    """Return the jobs of one family: its learners, then the Bayes-optimal player and baselines."""
    players = baselines.players_for(family)
    if ceiling is not None:
        players = {"bayes_optimal": bayes_optimal.bayes_optimal(family, ceiling), **players}
    groups = [(learners, len(seeds)), (players, 0)]
    return [
        Job(
            task=task,
            name=name,
            learner=learner,
            ceiling=ceiling,
            num_tasks=num_tasks,
            num_seed_tasks=min(NUM_SEED_TASKS, num_tasks),
            num_control_tasks=min(NUM_CONTROL_TASKS, num_tasks),
            seed=seeds.start,
            num_seeds=num_seeds,
        )
        for group, num_seeds in groups
        for name, learner in group.items()
    ]


def _all_jobs(
    families: Mapping[str, Family], learners: Mapping[str, Callable[[Family], Learner]],
    known: Mapping[str, BestReturn], num_tasks: int, seeds: range,
) -> tuple[list[Job], dict[str, list[str]]]:  # fmt: skip
    """Return the jobs of all families, and for each family a note on each learner without a job."""
    jobs: list[Job] = []
    notes: dict[str, list[str]] = {}
    for task, family in families.items():
        made, reasons = registry.learners_for(family, learners)
        notes[task] = [f"{name} is left out: {reason}" for name, reason in reasons.items()]
        jobs += _jobs_of(task, family, known[task].ceiling, made, num_tasks, seeds)
    jobs.sort(key=lambda job: job.num_seeds == 0)  # learners first: they take longest
    return jobs, notes


def _remaining(jobs: Sequence[Job], rows: Mapping[int, Row]) -> float:
    """Return the remaining work divided by the work that is done; a job costs 1 + num_seeds."""
    costs = [1 + job.num_seeds for job in jobs]
    done = sum(costs[i] for i in rows)
    return (sum(costs) - done) / done


def _progress(jobs: Sequence[Job], rows: Mapping[int, Row], last: int, seconds: float) -> str:
    """Return how many jobs are done, and how long the others may take."""
    left = seconds * _remaining(jobs, rows)
    place = f"{len(rows)} of {len(jobs)} done, about {left:.0f} seconds left"
    return f"{place}: {jobs[last].name} on {jobs[last].task}"


def _entry(jobs: Sequence[Job], rows: Sequence[Row], known: BestReturn, notes: list[str]) -> Row:
    """Return the entry of one family in the result, from its jobs, their rows and its notes."""
    family, ceiling = jobs[0].learner.family, known.ceiling
    best = None if ceiling is None else {"return": ceiling.value, "exact": True}
    pairs = list(zip(jobs, rows, strict=True))
    return {
        "family": runs.family_words(family),
        "num_tasks": jobs[0].num_tasks,
        "num_episodes": family.num_episodes,
        "random": {"return": bayes_optimal.expected_random(family), "exact": True},
        "bayes_optimal": best,
        "bounds": best_returns.interval(known),
        "notes": [*best_returns.notes(known, rows), *notes],
        "learners": {job.name: row for job, row in pairs if job.num_seeds},
        "baselines": {job.name: row for job, row in pairs if not job.num_seeds},
    }


def _check(families: Any, learners: Any, processes: Any, report: Any, time_limit: Any) -> None:
    """Raise a TypeError or a ValueError unless the arguments of `compare` are valid."""
    for name, maker in instance("learners", learners, Mapping).items():
        function(f"learner {name!r}", maker)
    for name, family in instance("families", families, Mapping).items():
        instance(f"family {name!r}", family, Family)
    whole("processes", processes)
    function("report", report)
    workers.time_limit("time_limit", time_limit)


def compare(
    families: Mapping[str, Family],
    learners: Mapping[str, Callable[[Family], Learner]],
    *,
    seed: int = 0,
    num_seeds: int = NUM_SEEDS,
    num_tasks: int = NUM_TASKS,
    processes: int = 1,
    report: Callable[[str], None] = print,
    time_limit: float = SECONDS,
    executor: Any = None,
) -> dict[str, Any]:
    """Train every learner on every family, score all players, and return the result.

    `families` and `learners` map names to families and to functions that make a learner for a
    family. If such a function raises `tasks.Unsupported`, its learner is left out, and a line says
    why. A learner is trained for `learner.iterations` with each of the seeds `seed`,
    `seed + 1`, .. The result is the object that `compare --json` prints; `report` receives one
    line per finished job. `jobs.run_jobs` explains `processes`, `time_limit` and `executor`.

        compare({"levers": levers(n=3)}, {"maml": partial(maml, alpha=2.0), "rl2": rl2})
    """
    whole("num_seeds", num_seeds)
    whole("num_tasks", num_tasks, low=2)
    _check(families, learners, processes, report, time_limit)
    started, seeds = time.perf_counter(), range(whole("seed", seed, 0, np.inf), seed + num_seeds)
    known = {task: best_return(family, report) for task, family in families.items()}
    jobs, notes = _all_jobs(families, learners, known, num_tasks, seeds)
    for line in (f"{task}: {note}" for task, lines in notes.items() for note in lines):
        report(line)
    rows: dict[int, Row] = {}
    for i, row in run_jobs(jobs, processes, run_job, time_limit, executor):
        rows[i] = row
        report(_progress(jobs, rows, i, time.perf_counter() - started))
    entries = {}
    for task in families:
        own = [i for i, job in enumerate(jobs) if job.task == task]
        own_rows = [rows[i] for i in own]
        entries[task] = _entry([jobs[i] for i in own], own_rows, known[task], notes[task])
    head = {"seed": seed, "seconds": time.perf_counter() - started}
    return dict(to_plain({**head, "versions": environment.versions(), "tasks": entries}))


def learner_makers(names: Iterable[str]) -> dict[str, Callable[[Family], Learner]]:
    """Return the makers of learners by their names, each with the budget of the comparison."""
    return {name: budgets.maker(name) for name in names}
