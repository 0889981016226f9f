"""The columns of the published tables: who plays them, and one job that computes a column.

A player that does not know how long a trial will be plays the longest one, and is read at every
published length on the way. The constant of a player that has one is the best of its grid on
`NUM_TUNING` other tasks, for each length. All columns meet the same tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from metarl_min import tasks
from metarl_min.baselines import (
    bandits,
    bayesian_bandits,
    dirichlet_mdps,
    index_policies,
    posterior_sampling,
)
from metarl_min.baselines.published import Cell
from metarl_min.basics.trees import Array
from metarl_min.evaluation import CHUNK, mean_and_stderr
from metarl_min.learners import Learner
from metarl_min.tasks import Family

NUM_TUNING = {"bandits": 1000, "mdps": 500}


class Player(NamedTuple):
    """How to make the Learner of a column."""

    make: Callable[..., Learner]  # of its constant, if it has one
    grid: Sequence[float] = ()  # of the constant
    anytime: bool = True  # it does not know how long a trial will be


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


def estimated_cost(job: Job) -> int:
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
    return sorted(jobs, key=estimated_cost, reverse=True)
