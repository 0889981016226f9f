"""The columns of the published tables: the baseline of each column, and the job that computes it.

A baseline that ignores the length of a trial plays once, on the longest trial, and its total
reward is read at each published length. Some baselines have a constant. For each length, the
constant is the best value of a grid on `NUM_TUNING` other tasks. All columns use the same tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from metarl_min.baselines import (
    bandits,
    bayesian_bandits,
    dirichlet_mdps,
    index_policies,
    posterior_sampling,
)
from metarl_min.baselines.published import Cell
from metarl_min.basics.trees import Array
from metarl_min.evaluation import mean_and_stderr, play_fresh_tasks
from metarl_min.learners import Learner
from metarl_min.tasks import Family
from metarl_min.tasks.bandits import bandit
from metarl_min.tasks.random_mdps import mdp

NUM_TUNING = {"bandits": 1000, "mdps": 500}  # tasks on which a constant is tuned


class Column(NamedTuple):
    """The player of a column."""

    make: Callable[..., Learner]  # family, and the constant if there is one -> Learner
    grid: Sequence[float] = ()  # the values that are tried for the constant
    anytime: bool = True  # whether the player ignores the length of a trial


COLUMNS: dict[str, dict[str, Column]] = {
    "bandits": {
        "random": Column(posterior_sampling.random),
        "thompson": Column(bandits.thompson),
        "optimistic_thompson": Column(bayesian_bandits.optimistic_thompson),
        "gittins": Column(index_policies.gittins, index_policies.DISCOUNTS),
        "finite_horizon_gittins": Column(index_policies.finite_horizon_gittins, anytime=False),
        "ucb1": Column(bandits.ucb1),
        "ucb_posterior_mean": Column(
            bayesian_bandits.ucb_posterior_mean, bayesian_bandits.CONSTANTS["ucb_posterior_mean"]
        ),
        "eps_greedy": Column(bayesian_bandits.eps_greedy, bayesian_bandits.CONSTANTS["eps_greedy"]),
        "eps_greedy_first_arm": Column(
            bayesian_bandits.eps_greedy_first_arm, bayesian_bandits.CONSTANTS["eps_greedy"]
        ),
        "greedy": Column(bayesian_bandits.greedy),
        "greedy_first_arm": Column(bayesian_bandits.greedy_first_arm),
        "explore_then_commit": Column(
            bayesian_bandits.explore_then_commit, bayesian_bandits.CONSTANTS["explore_then_commit"]
        ),
    },
    "mdps": {
        "random": Column(posterior_sampling.random),
        "psrl": Column(posterior_sampling.psrl),
        "opsrl": Column(dirichlet_mdps.opsrl, dirichlet_mdps.CONSTANTS["opsrl"]),
        "ucrl2": Column(dirichlet_mdps.ucrl2, dirichlet_mdps.CONSTANTS["ucrl2"]),
        "beb": Column(dirichlet_mdps.beb, dirichlet_mdps.CONSTANTS["beb"]),
        "eps_greedy": Column(dirichlet_mdps.eps_greedy, dirichlet_mdps.CONSTANTS["eps_greedy"]),
        "greedy": Column(dirichlet_mdps.greedy),
    },
}


class Job(NamedTuple):
    """One column at one number of arms."""

    table: str
    algorithm: str
    arms: tuple[int, ...]  # (k,) in the bandits, () in the MDPs
    lengths: tuple[int, ...]  # n of each cell, rising
    trials: int
    seed: int


class CellValue(NamedTuple):
    """The computed number of one cell; every field is None in a column that is not computed."""

    value: float | None = None
    stderr: float | None = None
    constant: float | None = None  # the tuned constant, or None


def family_of(table: str, cell: Cell) -> Family:
    """Return the family of a cell."""
    if table == "mdps":
        return mdp(episodes=cell[0])
    return bandit(pulls=cell[0], arms=cell[1])


def _make_player(job: Job, constant: float | None) -> Learner:
    """Return the player of a job, for its longest trial."""
    column = COLUMNS[job.table][job.algorithm]
    family = family_of(job.table, (job.lengths[-1], *job.arms))
    return column.make(family) if constant is None else column.make(family, constant)


def _total_rewards(player: Learner, num_tasks: int, seed: int) -> Array:
    """Return the total reward of each trial after each episode. [num_tasks, N]"""
    state = player.init(np.random.default_rng([seed, 0, 0]))
    trials = play_fresh_tasks(player, state, num_tasks, seed)
    return np.cumsum(np.concatenate([trial.rewards.sum(-1) for trial in trials]), axis=1)


def tuned_constants(job: Job) -> list[Any]:
    """Return the best constant for each length, on tasks that the column does not play.

    The constants are None if the player has none.
    """
    grid = COLUMNS[job.table][job.algorithm].grid
    if not grid:
        return [None] * len(job.lengths)
    seed = int(np.random.default_rng([job.seed, 0, 4]).integers(2**63))
    num_tasks, last = NUM_TUNING[job.table], np.array(job.lengths) - 1
    means = [
        _total_rewards(_make_player(job, constant), num_tasks, seed)[:, last].mean(0)
        for constant in grid
    ]
    return [grid[i] for i in np.argmax(means, axis=0)]


def play_column(job: Job, constants: Sequence[Any]) -> dict[str, Any]:
    """Return a dict of the results of a column; `constants` holds one constant for each length.

    `cells` maps each cell to its number. `over_time` is the mean total reward after each episode of
    the longest trial.
    """
    cells: dict[Cell, CellValue] = {}
    over_time = np.zeros(0)
    for constant in dict.fromkeys(constants):
        totals = _total_rewards(_make_player(job, constant), job.trials, job.seed)
        for n, own in zip(job.lengths, constants, strict=True):
            if own == constant:
                cell, (value, stderr) = (n, *job.arms), mean_and_stderr(totals[:, n - 1])
                cells[cell] = CellValue(value, stderr, constant)
        if constant == constants[-1]:
            over_time = totals.mean(0)
    return {"cells": cells, "over_time": over_time}


def measure(job: Job) -> dict[str, Any]:
    """Tune the constant of a column, and return the result of `play_column`."""
    return play_column(job, tuned_constants(job))


def estimated_cost(job: Job) -> int:
    """Return the estimated cost of a job in an arbitrary unit; it predicts the remaining time."""
    grid = len(COLUMNS[job.table][job.algorithm].grid)
    size = (job.arms[0] + 20 if job.arms else 300) * job.lengths[-1]
    slow = {"ucrl2": 3, "opsrl": 4, "finite_horizon_gittins": 3}.get(job.algorithm, 1)
    return slow * size * (job.trials * (2 if grid else 1) + grid * NUM_TUNING[job.table])


def make_jobs(table: str, cells: Sequence[Cell], trials: int, seed: int) -> list[Job]:
    """Return the jobs that compute every column of some cells, the most expensive first."""
    jobs = []
    for algorithm, column in COLUMNS[table].items():
        for arms in sorted({cell[1:] for cell in cells}):
            lengths = tuple(sorted(cell[0] for cell in cells if cell[1:] == arms))
            parts = [lengths] if column.anytime else [(n,) for n in lengths]
            jobs += [Job(table, algorithm, arms, part, trials, seed) for part in parts]
    return sorted(jobs, key=estimated_cost, reverse=True)
