"""Published tables of baselines, recomputed: one job plays one column at one number of arms.

A player that does not know how long a trial will be plays the longest one, and is read at every
published length on the way. The constant of a player that has one is the best of its grid on
`NUM_TUNING` other tasks, for each length. All columns meet the same tasks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from metarl_min import mdp as exact
from metarl_min import tasks
from metarl_min.arguments import require
from metarl_min.baselines import arms, bandits, bounds, dirichlet, index_policies, mdps, published
from metarl_min.baselines.published import Cell
from metarl_min.cli import comparison
from metarl_min.evaluation import CHUNK, mean_and_stderr
from metarl_min.learners import Learner
from metarl_min.tasks import Family
from metarl_min.trees import Array

NUM_TUNING = {"bandits": 1000, "mdps": 500}
TRIALS = {"bandits": 5000, "mdps": 1000}
LEARNED = ("rl2", "snail")
LONGEST = {"bandits": 100, "mdps": 25}  # n of the cells that are computed without being asked for


class Player(NamedTuple):
    """How to make the Learner of a column."""

    make: Callable[..., Learner]  # of its constant, if it has one
    grid: Sequence[float] = ()  # of the constant
    anytime: bool = True  # it does not know how long a trial will be


PLAYERS: dict[str, dict[str, Player]] = {
    "bandits": {
        "random": Player(mdps.random),
        "thompson": Player(bandits.thompson),
        "optimistic_thompson": Player(arms.optimistic_thompson),
        "gittins": Player(index_policies.gittins, index_policies.DISCOUNTS),
        "finite_horizon_gittins": Player(index_policies.finite_horizon_gittins, anytime=False),
        "ucb1": Player(bandits.ucb1),
        "ucb_posterior_mean": Player(arms.ucb_posterior_mean, arms.CONSTANTS["ucb_posterior_mean"]),
        "eps_greedy": Player(arms.eps_greedy, arms.CONSTANTS["eps_greedy"]),
        "eps_greedy_first_arm": Player(arms.eps_greedy_first_arm, arms.CONSTANTS["eps_greedy"]),
        "greedy": Player(arms.greedy),
        "greedy_first_arm": Player(arms.greedy_first_arm),
        "explore_then_commit": Player(
            arms.explore_then_commit, arms.CONSTANTS["explore_then_commit"]
        ),
    },
    "mdps": {
        "random": Player(mdps.random),
        "psrl": Player(mdps.psrl),
        "opsrl": Player(dirichlet.opsrl, dirichlet.CONSTANTS["opsrl"]),
        "ucrl2": Player(dirichlet.ucrl2, dirichlet.CONSTANTS["ucrl2"]),
        "beb": Player(dirichlet.beb, dirichlet.CONSTANTS["beb"]),
        "eps_greedy": Player(dirichlet.eps_greedy, dirichlet.CONSTANTS["eps_greedy"]),
        "greedy": Player(dirichlet.greedy),
    },
}


class Job(NamedTuple):
    """One column at one number of arms."""

    table: str
    algorithm: str
    arms: tuple[int, ...]  # (k,), () for MDPs
    lengths: tuple[int, ...]  # n of each cell, rising
    trials: int
    seed: int


def family_of(table: str, cell: Cell) -> Family:
    """Return the family of a cell."""
    if table == "mdps":
        return tasks.make("mdp", {"episodes": str(cell[0])})
    return tasks.make("bandit", {"pulls": str(cell[0]), "arms": str(cell[1])})


def play_trials(learner: Learner, state: Any, family: Family, num_tasks: int, seed: int) -> Array:
    """Return of each episode on fresh tasks, drawn as `evaluation` draws them. [num_tasks, N]"""
    paid = []
    for chunk, first in enumerate(range(0, num_tasks, CHUNK)):
        fresh, rng = (np.random.default_rng([seed, chunk, use]) for use in (1, 3))
        tasks = family.sample(fresh, min(CHUNK, num_tasks - first))
        paid.append(learner.trial(rng, state, family, tasks).rewards.sum(-1))
    return np.concatenate(paid)


def _returns(learner: Learner, family: Family, num_tasks: int, seed: int) -> Array:
    """Total reward after each episode. [num_tasks, N]"""
    state = learner.init(np.random.default_rng([seed, 0, 0]), family)
    return np.cumsum(play_trials(learner, state, family, num_tasks, seed), axis=1)


def _tuned(player: Player, job: Job, family: Family) -> list[Any]:
    """Return the best constant of the grid for each length, on tasks of its own."""
    seed = int(np.random.default_rng([job.seed, 0, 4]).integers(2**63))
    at = np.array(job.lengths) - 1
    means = [
        _returns(player.make(c), family, NUM_TUNING[job.table], seed)[:, at].mean(0)
        for c in player.grid
    ]
    return [player.grid[i] for i in np.argmax(means, axis=0)]


def measure(job: Job) -> dict[str, Any]:
    """Return the cells of a column, and the mean total reward over time at the longest trial."""
    player = PLAYERS[job.table][job.algorithm]
    family = family_of(job.table, (job.lengths[-1], *job.arms))
    constants = _tuned(player, job, family) if player.grid else [None] * len(job.lengths)
    cells, over_time = {}, np.zeros(0)
    for c in dict.fromkeys(constants):
        learner = player.make() if c is None else player.make(c)
        totals = _returns(learner, family, job.trials, job.seed)
        for n in (n for n, best in zip(job.lengths, constants, strict=True) if best == c):
            cell = (n, *job.arms)
            cells[cell] = (*mean_and_stderr(totals[:, n - 1]), c)
            over_time = totals.mean(0) if n == job.lengths[-1] else over_time
    return {"cells": cells, "over_time": over_time}


def _work(job: Job) -> int:
    """Return how many actions are weighed, in some unit: what is left to do is told by it."""
    grid = len(PLAYERS[job.table][job.algorithm].grid)
    size = (job.arms[0] + 20 if job.arms else 300) * job.lengths[-1]
    slow = {"ucrl2": 3, "opsrl": 4, "finite_horizon_gittins": 3}.get(job.algorithm, 1)
    return slow * size * (job.trials * (2 if grid else 1) + grid * NUM_TUNING[job.table])


def make_jobs(table: str, cells: Sequence[Cell], trials: int, seed: int) -> list[Job]:
    """Return the jobs that compute every column of some cells, the longest first."""
    jobs = []
    for name, player in PLAYERS[table].items():
        for k in sorted({cell[1:] for cell in cells}):
            lengths = tuple(sorted(cell[0] for cell in cells if cell[1:] == k))
            parts = [lengths] if player.anytime else [(n,) for n in lengths]
            jobs += [Job(table, name, k, part, trials, seed) for part in parts]
    return sorted(jobs, key=_work, reverse=True)


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
        return family.num_episodes * bandits.expected_best_mean(family.prior)
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
    found = bounds.bracket(family)
    return None, found.lower, found.upper


def _entry(
    table: str, cell: Cell, algorithm: str, row: tuple[Any, ...], ceiling: dict[str, Any]
) -> dict[str, Any]:
    """Return the object of one algorithm in one cell."""
    told, (value, stderr, constant) = published.TABLES[table], row
    was = published.printed(told, cell, algorithm)
    best, upper = ceiling["value"], ceiling["upper"]
    remark = published.remark(told, algorithm, was, value, stderr, best, upper)
    if value is not None and best is not None and value - best > 4 * stderr:
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
    done, work = 0, sum(map(_work, jobs))
    report(f"{len(jobs)} columns, each with {trials} fresh tasks")
    for i, found in comparison.perform_all(jobs, processes, measure):
        job, done = jobs[i], done + _work(jobs[i])
        rows |= {(job.algorithm, cell): row for cell, row in found["cells"].items()}
        curves = totals.setdefault(job.arms, {})
        curves[job.algorithm] = max(
            curves.get(job.algorithm, np.zeros(0)), found["over_time"], key=len
        )  # of a player that knows the length, the longest trial
        left = (time.perf_counter() - started) * (work - done) / done
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
    return dict(comparison.plain(result))
