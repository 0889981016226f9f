"""Published tables of baselines, recomputed: which cells, and what was printed beside each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from metarl_min.baselines import published
from metarl_min.baselines.published import Cell
from metarl_min.basics.arguments import require
from metarl_min.basics.trees import Array
from metarl_min.ceilings import beta_integrals, bounds
from metarl_min.cli import comparison
from metarl_min.cli.baseline_columns import PLAYERS, estimated_cost, family_of, make_jobs, measure
from metarl_min.cli.jobs import run_jobs, to_plain
from metarl_min.mdps import mdp as exact
from metarl_min.tasks import Family

TRIALS = {"bandits": 5000, "mdps": 1000}
LEARNED = ("rl2", "snail")
LONGEST = {"bandits": 100, "mdps": 25}  # n of the cells that are computed without being asked for


def choose(table: str, words: Sequence[str] | None, full: bool) -> list[Cell]:
    """Return the cells to compute: those named, all, or the short ones."""
    known = published.TABLES[table].cells
    if words is None:
        return [cell for cell in known if full or cell[0] <= LONGEST[table]]
    named = {",".join(map(str, cell)): cell for cell in known}
    for word in words:
        require(word in named, f"a cell of {table} must be one of {' '.join(named)}", repr(word))
    return [cell for name, cell in named.items() if name in words]


def left_out(table: str, cells: Sequence[Cell]) -> list[str]:
    """Say which cells and columns of the published table are not computed."""
    all_cells = published.TABLES[table].cells
    rest = [",".join(map(str, cell)) for cell in all_cells if cell not in cells]
    columns = {name for row in all_cells.values() for name in row} - set(PLAYERS[table])
    found = [f"cells {' '.join(rest)}: every column (--full computes them)"] if rest else []
    why = dict.fromkeys(LEARNED, "learned, shown as published")
    found += [f"{name}: {why.get(name, 'no player yet')}" for name in sorted(columns)]
    return found


def _known_task(family: Family, trials: int, seed: int) -> float:
    """Expected total reward of the best player who is told the task; for MDPs an estimate."""
    if family.name == "bandit":
        return family.num_episodes * beta_integrals.expected_best_mean(family.prior)
    some = family.sample(np.random.default_rng([seed, 0, 1]), min(trials, 1000))
    return family.num_episodes * float(exact.optimal_return(some, family.horizon).mean())


@cache
def _optimum(table: str, cell: Cell) -> tuple[float | None, float, float]:
    """Return the Bayes-optimal value, None where it is not known, and its bounds."""
    k = (min(cell),) if len(cell) > 1 else ()  # more arms that are alike than pulls change nothing
    family = family_of(table, (cell[0], *k))
    exact = comparison.ceiling_of(family)
    if exact:
        return exact.value, exact.value, exact.value
    found = bounds.bounds(family)
    return None, found.lower, found.upper


def _entry(
    table: str, cell: Cell, algorithm: str, row: tuple[Any, ...], ceiling: dict[str, Any]
) -> dict[str, Any]:
    """Return the object of one algorithm in one cell."""
    told, (value, stderr, constant) = published.TABLES[table], row
    was = published.printed(told, cell, algorithm)
    best, upper = ceiling["value"], ceiling["upper"]
    remark = published.remark(told, algorithm, was, value, stderr, best, upper)
    if value is not None and value - upper > 4 * stderr:  # where it is exact, upper is the value
        remark = f"alarm: above the ceiling by more than 4 standard errors; {remark}"
    return {
        **dict(zip("nk", cell, strict=False)), "algorithm": algorithm, "published": was,
        "value": value, "stderr": stderr, "constant": constant, "ceiling": ceiling,
        "remark": remark,
    }  # fmt: skip


def _regret(totals: dict[str, Array], per_episode: float, k: Cell) -> dict[str, Any]:
    """Return what is lost so far to the player who is told the task, at some 60 times."""
    longest = len(next(iter(totals.values())))
    at = np.unique(np.geomspace(1, longest, 60).round().astype(int))
    curves = {name: at * per_episode - total[at - 1] for name, total in totals.items()}
    return {**dict(zip("k", k, strict=False)), "times": at, "curves": curves}


def _entries(
    table: str, cell: Cell, rows: dict[tuple[str, Cell], Any], known: float
) -> list[dict[str, Any]]:
    """Return the objects of one cell: computed columns, and those that are only published."""
    best, lower, upper = _optimum(table, cell)
    ceiling = {"value": best, "lower": lower, "upper": upper, "known_task": known}
    printed_only = [name for name in LEARNED if name in published.TABLES[table].cells[cell]]
    computed = [name for name in PLAYERS[table] if (name, cell) in rows]
    return [
        _entry(table, cell, name, rows.get((name, cell), (None, None, None)), ceiling)
        for name in computed + printed_only
    ]


def recompute(
    table: str, cells: Sequence[Cell], *, trials: int, seed: int, processes: int,
    report: Callable[[str], None],
) -> dict[str, Any]:  # fmt: skip
    """Return the object that `tables --json` prints; `report` gets a line for each job done."""
    started, jobs = time.perf_counter(), make_jobs(table, cells, trials, seed)
    rows: dict[tuple[str, Cell], Any] = {}
    totals: dict[Cell, dict[str, Array]] = {}
    done, total = 0, sum(map(estimated_cost, jobs))
    report(f"{len(jobs)} columns, each with {trials} fresh tasks")
    for i, found in run_jobs(jobs, processes, measure):
        job, done = jobs[i], done + estimated_cost(jobs[i])
        rows |= {(job.algorithm, cell): row for cell, row in found["cells"].items()}
        curves = totals.setdefault(job.arms, {})
        curves[job.algorithm] = max(
            curves.get(job.algorithm, np.zeros(0)), found["over_time"], key=len
        )  # of a player that knows the length, the longest trial
        left = (time.perf_counter() - started) * (total - done) / done
        what = " ".join([job.algorithm, *(f"k={k}" for k in job.arms)])
        report(f"{what} done, about {left:.0f} seconds left")
    best = {k: _known_task(family_of(table, (1, *k)), trials, seed) for k in totals}
    entries = [x for cell in cells for x in _entries(table, cell, rows, cell[0] * best[cell[1:]])]
    order = {k: {name: totals[k][name] for name in PLAYERS[table]} for k in sorted(totals)}
    result = {
        "table": table, "seed": seed, "trials": trials,
        "seconds": time.perf_counter() - started, "source": published.SOURCE,
        "cells": entries, "left_out": left_out(table, cells),
        "regret": [_regret(curves, best[k], k) for k, curves in order.items()],
    }  # fmt: skip
    return dict(to_plain(result))
