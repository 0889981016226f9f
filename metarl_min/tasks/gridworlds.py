"""Goal search: a grid of cells, one of which, unknown, is the goal.

Cells are states, numbered row by row. Actions: up, down, left, right and, with `stay`, a no-op.
The border and the walls keep the position.

    (1)  P(s'|s,a) = (1 - slip) 1{s' = move(s,a)} + slip / 4 sum_b 1{s' = move(s,b)}  [definition]
    (2)  R(s,a,s') = goal_reward if s' is the goal, else step_reward                  [definition]

With `terminate` the goal is absorbing: the arrival is paid, then nothing until the next episode.
"""

from __future__ import annotations

import numpy as np

from metarl_min.basics.arguments import real, require, whole
from metarl_min.basics.trees import Array
from metarl_min.basics.words import Cells, format_word
from metarl_min.mdps import rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.tasks import Family, family_of_candidates

LIMIT = 100_000_000  # numbers of 8 bytes
PAID = -1e100, 1e100  # so that sums and squares of returns stay finite
MOVES = np.array([[-1, 0], [1, 0], [0, -1], [0, 1], [0, 0]])  # up, down, left, right, stay


def transitions(size: int, num_actions: int, walls: Cells, slip: float) -> Array:
    """Probability of each arrival, eq. (1). [S, A, S]"""
    cells = np.arange(size * size)
    place = np.stack([cells // size, cells % size], axis=-1)
    target = np.clip(place[:, None] + MOVES, 0, size - 1) @ [size, 1]  # [S, 5]
    target = np.where(np.isin(target, walls), cells[:, None], target)
    moves = np.eye(size * size)[target]
    return (1 - slip) * moves[:, :num_actions] + slip * moves[:, :4].mean(1, keepdims=True)


def goal_mdps(
    transition: Array, start: int, goals: Cells, rewards: tuple[float, float], absorb: bool
) -> MDP:
    """The task of each goal, which pays (goal, step) rewards by eq. (2). leading axis [G]"""
    S, transition = len(transition), transition[None]
    goal = np.eye(S)[list(goals)]  # [G, S]
    reward = np.where(goal, *rewards)[:, None, None]
    if absorb:  # at the goal every action stays and pays 0
        there = goal[:, :, None, None]
        transition = np.where(there, np.eye(S)[:, None], transition)
        reward = reward * (1 - there)
    return MDP(np.eye(S)[None, start], transition, reward)


def gridworld(
    *, size: int = 5, start: int = 12, horizon: int = 15, episodes: int = 4, stay: int = 1,
    goal_reward: float = 1.0, step_reward: float = -0.1, terminate: int = 0,
    goals: Cells = (), walls: Cells = (), slip: float = 0.0,
) -> Family:  # fmt: skip
    """Goal search: the goal uniform over `goals`, or over all cells but the start and the walls."""
    cells = range(whole("size", size) ** 2)
    rule = f"a grid may be described by at most {LIMIT:,} numbers"
    numbers = 5 * len(cells) ** 2 * (len(goals or cells) if terminate == 1 else 1)
    require(numbers <= LIMIT, rule, f"{numbers:,} for size {size}")
    for name, some in (("start", [start]), ("goals", goals), ("walls", walls)):
        for cell in some:
            whole(name, cell, low=0)
    require(start in cells, f"start must be a cell from 0 to {cells[-1]}", start)
    for name, flag in (("stay", stay), ("terminate", terminate)):
        require(whole(name, flag, low=0) < 2, f"{name} must be 0 or 1", flag)
    rule = f"walls must be different cells from 0 to {cells[-1]} other than the start, {start}"
    require(set(walls) <= set(cells) - {start} and len(set(walls)) == len(walls), rule, walls)
    free = set(cells) - set(walls)
    candidates = goals or tuple(sorted(free - {start}))
    rule = f"goals must be different cells from 0 to {cells[-1]} that are not walls"
    require(set(candidates) <= free and len(set(candidates)) == len(candidates), rule, candidates)
    require(len(candidates) > 0, "there must be a cell for the goal", f"size {size}")
    if terminate:
        require(start not in goals, "goals must not hold the start where terminate=1", start)
    pays = real("goal_reward", goal_reward, *PAID), real("step_reward", step_reward, *PAID)
    transition = transitions(size, 4 + stay, walls, real("slip", slip, 0, 1))
    mdps = goal_mdps(transition, start, candidates, pays, absorb=bool(terminate))
    words = {
        "size": size, "start": start, "horizon": whole("horizon", horizon),
        "episodes": whole("episodes", episodes), "stay": stay, "goal_reward": goal_reward,
        "step_reward": step_reward, "terminate": terminate, "goals": format_word(tuple(goals)),
        "walls": format_word(tuple(walls)), "slip": slip,
    }  # fmt: skip
    weights, noise = np.full(len(candidates), 1 / len(candidates)), rollouts.deterministic
    return family_of_candidates("gridworld", words, mdps, weights, horizon, episodes, noise)
