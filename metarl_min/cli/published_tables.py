"""The work of `tables`: a published table of baselines, computed again.

Each computed number stands beside the published one, with the Bayes-optimal value or its bounds
and with a remark where numbers disagree. A number above the ceiling raises an alarm. A cell is
(n, k) for n pulls of k arms, or (n,) for n episodes in random MDPs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from metarl_min.baselines import published
from metarl_min.baselines.published import Cell
from metarl_min.basics.arguments import require
from metarl_min.basics.trees import Array
from metarl_min.ceilings import TooLarge, beta_integrals
from metarl_min.cli.baseline_columns import (
    COLUMNS,
    CellValue,
    Job,
    estimated_cost,
    family_of,
    make_jobs,
    measure,
)
from metarl_min.cli.best_returns import best_return
from metarl_min.cli.jobs import SECONDS, run_jobs, to_plain
from metarl_min.mdps import mdp as exact
from metarl_min.tasks import Family

TRIALS = {"bandits": 5000, "mdps": 1000}
LEARNED = ("rl2", "snail")
LONGEST = {"bandits": 100, "mdps": 25}  # the largest n of the cells that are computed by default

Rows = Mapping[tuple[str, Cell], CellValue]  # (algorithm, cell) -> computed number
Curves = dict[str, Array]  # algorithm -> mean total reward after each episode [N]


def choose(table: str, words: Sequence[str] | None, full: bool) -> list[Cell]:
    """Return the cells that `words` name.

    Without words, return all cells if `full` is True, and otherwise the cells of n <= LONGEST.
    ValueError for a cell that is not in the table.

    >>> choose("bandits", ["500,5", "10,50"], False)
    [(10, 50), (500, 5)]
    """
    all_cells = published.TABLES[table].cells
    if words is None:
        return [cell for cell in all_cells if full or cell[0] <= LONGEST[table]]
    names = {",".join(map(str, cell)): cell for cell in all_cells}
    for word in words:
        require(word in names, f"a cell of {table} must be one of {' '.join(names)}", repr(word))
    return [cell for name, cell in names.items() if name in words]


def left_out(table: str, cells: Sequence[Cell]) -> list[str]:
    """Return a line for the cells, and one for each column, that are not computed."""
    all_cells = published.TABLES[table].cells
    rest = [",".join(map(str, cell)) for cell in all_cells if cell not in cells]
    lines = [f"cells {' '.join(rest)}: every column (--full computes them)"] if rest else []
    columns = {name for row in all_cells.values() for name in row} - set(COLUMNS[table])
    reasons = dict.fromkeys(LEARNED, "learned, shown as published")
    return lines + [f"{name}: {reasons.get(name, 'no player yet')}" for name in sorted(columns)]


def known_task_value(family: Family, trials: int, seed: int) -> float:
    """Return the expected total reward of the best player that is told the task.

    In MDPs it is an estimate from at most 1,000 tasks.
    """
    if family.name == "bandit":
        return family.num_episodes * beta_integrals.expected_best_mean(family.prior)
    tasks = family.sample(np.random.default_rng([seed, 0, 1]), min(trials, 1000))
    return family.num_episodes * float(exact.optimal_return(tasks, family.horizon).mean())


def with_arms_that_matter(cell: Cell) -> Cell:
    """Return a cell of the same optimum, without arms that nobody can pull.

    n pulls reach at most n arms. All arms have the same prior, so more arms change nothing.

    >>> with_arms_that_matter((10, 50)), with_arms_that_matter((25,))
    ((10, 10), (25,))
    """
    return (cell[0], *(min(cell[0], k) for k in cell[1:]))


@cache
def _optimum(table: str, cell: Cell) -> dict[str, float | None]:
    """Return the Bayes-optimal value, which is None where it is not known, and its bounds."""
    family = family_of(table, cell)
    ceiling, interval, reason = best_return(family)
    if ceiling is not None:
        return {"value": ceiling.value, "lower": ceiling.value, "upper": ceiling.value}
    if interval is None:
        raise TooLarge(reason)
    return {"value": None, "lower": interval.lower, "upper": interval.upper}


def ceiling_entry(table: str, cell: Cell, known_task: float) -> dict[str, Any]:
    """Return the optimum of a cell, its bounds, and the value of a player that is told the task."""
    return {**_optimum(table, with_arms_that_matter(cell)), "known_task": known_task}


def remark(
    table: str, cell: Cell, algorithm: str, computed: CellValue, ceiling: dict[str, Any]
) -> str:
    """Return the remarks about a number: the alarm, and the two remarks of `published`.

    The alarm says that the number is above the ceiling by more than 4 standard errors.
    """
    target, value = published.TABLES[table], computed.value
    number = published.published_value(target, cell, algorithm)
    stderr, upper = computed.stderr or 0.0, ceiling["upper"]  # an exact ceiling is its own bound
    remarks = []
    if value is not None and value - upper > 4 * stderr:
        remarks.append("alarm: above the ceiling by more than 4 standard errors")
    if number is not None:
        remarks.append(published.out_of_reach(number, ceiling["value"], upper))
    if number is not None and value is not None:
        remarks.append(published.difference(target, algorithm, number, value, stderr))
    return "; ".join(filter(None, remarks))


def cell_entries(
    table: str, cell: Cell, rows: Rows, ceiling: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return the objects of one cell: computed columns, then columns that are only published."""
    target = published.TABLES[table]
    computed = [name for name in COLUMNS[table] if (name, cell) in rows]
    only_published = [name for name in LEARNED if name in target.cells[cell]]
    entries = []
    for name in computed + only_published:
        number = rows.get((name, cell), CellValue())
        entries.append(
            {
                **dict(zip("nk", cell, strict=False)),
                "algorithm": name,
                "published": published.published_value(target, cell, name),
                **number._asdict(),
                "ceiling": ceiling,
                "remark": remark(table, cell, name, number, ceiling),
            }
        )
    return entries


def regret(curves: Curves, per_episode: float, arms: Cell) -> dict[str, Any]:
    """Return the loss so far against the player that is told the task, at about 60 times.

    `per_episode` is what this player earns in each episode.
    """
    longest = len(next(iter(curves.values())))
    times = np.unique(np.geomspace(1, longest, 60).round().astype(int))
    losses = {name: times * per_episode - total[times - 1] for name, total in curves.items()}
    return {**dict(zip("k", arms, strict=False)), "times": times, "curves": losses}


def run_columns(
    jobs: Sequence[Job],
    processes: int,
    report: Callable[[str], None],
    time_limit: float = SECONDS,
    executor: Any = None,
) -> tuple[Rows, dict[Cell, Curves]]:
    """Run the jobs. -> the number of each algorithm and cell, the curves of each number of arms

    The curve of a player that knows the length of a trial is the curve of its longest trial.
    `report` gets a line for each finished job.
    """
    started, done, total_cost = time.perf_counter(), 0, sum(map(estimated_cost, jobs))
    rows: dict[tuple[str, Cell], CellValue] = {}
    curves: dict[Cell, Curves] = {}
    for i, result in run_jobs(jobs, processes, measure, time_limit, executor):
        job = jobs[i]
        rows |= {(job.algorithm, cell): number for cell, number in result["cells"].items()}
        own = curves.setdefault(job.arms, {})
        shorter = own.get(job.algorithm, np.zeros(0))
        own[job.algorithm] = max(shorter, result["over_time"], key=len)
        done += estimated_cost(job)
        seconds = (time.perf_counter() - started) * (total_cost - done) / done
        name = " ".join([job.algorithm, *(f"k={k}" for k in job.arms)])
        report(f"{name} done, about {seconds:.0f} seconds left")
    return rows, curves


def recompute(
    table: str,
    cells: Sequence[Cell],
    *,
    trials: int,
    seed: int,
    processes: int,
    report: Callable[[str], None],
    time_limit: float = SECONDS,
    executor: Any = None,
) -> dict[str, Any]:
    """Return the object that `tables --json` prints; `report` gets lines about the progress.

    `processes`, `time_limit` and `executor` are those of `jobs.run_jobs`.
    """
    started = time.perf_counter()
    jobs = make_jobs(table, cells, trials, seed)
    report(f"{len(jobs)} columns, each with {trials} fresh tasks")
    rows, curves = run_columns(jobs, processes, report, time_limit, executor)
    best = {k: known_task_value(family_of(table, (1, *k)), trials, seed) for k in curves}
    entries, regrets = [], []
    for cell in cells:
        ceiling = ceiling_entry(table, cell, cell[0] * best[cell[1:]])
        entries += cell_entries(table, cell, rows, ceiling)
    for k in sorted(curves):
        in_order = {name: curves[k][name] for name in COLUMNS[table]}
        regrets.append(regret(in_order, best[k], k))
    result = {
        "table": table,
        "seed": seed,
        "trials": trials,
        "seconds": time.perf_counter() - started,
        "source": published.SOURCE,
        "cells": entries,
        "left_out": left_out(table, cells),
        "regret": regrets,
    }
    return dict(to_plain(result))
