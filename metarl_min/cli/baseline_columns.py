"""The columns of the published tables: the baseline of each column, and the job that computes it.

A baseline that ignores the length of a trial plays once, on the longest trial, and the total
reward is read at each published length. Some baselines have a constant. For each length, the
constant is the best one of a grid on `NUM_TUNING` other tasks. All columns use the same tasks.
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

NUM_TUNING = {"bandits": 1000, "mdps": 500}


class Player(NamedTuple):
    """How to make the player of a column."""

    make: Callable[..., Learner]  # family, and the constant if there is one -> Learner
    grid: Sequence[float] = ()  # values of the constant
    anytime: bool = True  # whether the player ignores the length of a trial


PLAYERS: dict[str, dict[str, Player]] = {
    "bandits": {
        "random": Player(posterior_sampling.random),
        "thompson": Player(bandits.thompson),
        "optimistic_thompson": Player(bayesian_bandits.optimistic_thompson),
        "gittins": Player(index_policies.gittins, index_policies.DISCOUNTS),
        "finite_horizon_gittins": Player(index_policies.finite_horizon_gittins, anytime=False),
        "ucb1": Player(bandits.ucb1),
        "ucb_posterior_mean": Player(
            bayesian_bandits.ucb_posterior_mean, bayesian_bandits.CONSTANTS["ucb_posterior_mean"]
        ),
        "eps_greedy": Player(bayesian_bandits.eps_greedy, bayesian_bandits.CONSTANTS["eps_greedy"]),
        "eps_greedy_first_arm": Player(
            bayesian_bandits.eps_greedy_first_arm, bayesian_bandits.CONSTANTS["eps_greedy"]
        ),
        "greedy": Player(bayesian_bandits.greedy),
        "greedy_first_arm": Player(bayesian_bandits.greedy_first_arm),
        "explore_then_commit": Player(
            bayesian_bandits.explore_then_commit, bayesian_bandits.CONSTANTS["explore_then_commit"]
        ),
    },
    "mdps": {
        "random": Player(posterior_sampling.random),
        "psrl": Player(posterior_sampling.psrl),
        "opsrl": Player(dirichlet_mdps.opsrl, dirichlet_mdps.CONSTANTS["opsrl"]),
        "ucrl2": Player(dirichlet_mdps.ucrl2, dirichlet_mdps.CONSTANTS["ucrl2"]),
        "beb": Player(dirichlet_mdps.beb, dirichlet_mdps.CONSTANTS["beb"]),
        "eps_greedy": Player(dirichlet_mdps.eps_greedy, dirichlet_mdps.CONSTANTS["eps_greedy"]),
        "greedy": Player(dirichlet_mdps.greedy),
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
        return mdp(episodes=cell[0])
    return bandit(pulls=cell[0], arms=cell[1])


def _totals(learner: Learner, num_tasks: int, seed: int) -> Array:
    """Return the total reward after each episode. [num_tasks, N]"""
    state = learner.init(np.random.default_rng([seed, 0, 0]))
    trials = play_fresh_tasks(learner, state, num_tasks, seed)
    return np.cumsum(np.concatenate([trial.rewards.sum(-1) for trial in trials]), axis=1)


def _tuned(player: Player, job: Job, family: Family) -> list[Any]:
    """Return the best constant of the grid for each length, on tasks of their own."""
    seed = int(np.random.default_rng([job.seed, 0, 4]).integers(2**63))
    at = np.array(job.lengths) - 1
    means = [
        _totals(player.make(family, c), NUM_TUNING[job.table], seed)[:, at].mean(0)
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
        learner = player.make(family) if c is None else player.make(family, c)
        totals = _totals(learner, job.trials, job.seed)
        for n in (n for n, best in zip(job.lengths, constants, strict=True) if best == c):
            cell = (n, *job.arms)
            cells[cell] = (*mean_and_stderr(totals[:, n - 1]), c)
            over_time = totals.mean(0) if n == job.lengths[-1] else over_time
    return {"cells": cells, "over_time": over_time}


def estimated_cost(job: Job) -> int:
    """Return the estimated cost of a job, in an arbitrary unit; it predicts the time that is left."""
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
    return sorted(jobs, key=estimated_cost, reverse=True)
