"""The best walk in search of a goal, by branch and bound.

A walk is a fixed sequence of actions in a grid without chance. A walk has seen a goal if it has
arrived at the goal. A first arrival at goal g in step t is worth w_g B_g(t): w_g is the prior
weight of the goal, and B_g(t) is the gain that goal_search (1) computes. After t steps of a walk,
the goals that it has not seen can add at most the right side of

    (1)  sum over unseen g of w_g B_g(t_g)
         <= sum_{j >= t} l_j + sum over unseen g of max(0, max_j (w_g B_g(j) - l_j)),  l >= 0,
         j over the steps from t on that can end at goal g             [assignment (1)]

    Steps of (1). t_g is the step of the first arrival at goal g, and each goal has at most one.
    A step ends in one cell, so at most one goal belongs to each step.
    So the first arrivals are an assignment of goals to steps, and assignment (1) bounds its worth.
    If step j cannot end at goal g, the pair (g, j) is worth 0, so it adds nothing to (1).

Walks that are in the same cell at the same time and have seen the same goals are one state of the
search, and only the best of them is kept. A first pass keeps at most `BEAM` states after each
step. The best walk of this pass is the incumbent. A second pass drops every state whose bound (1)
does not exceed the worth of the incumbent. The second pass finds a better walk, or proves that the
incumbent is best.

Two choices of l give two bounds for each state, and the smaller bound is used. Each l holds the
dual variables of a best assignment (assignment (2)). One assignment has all goals and all steps of
the trial. The other assignment is made for each time t, and begins in the cell of the incumbent
before step t. It has the goals that the incumbent has not seen yet, and the steps from t on.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from metarl_min.basics.trees import Array
from metarl_min.ceilings import TooLarge
from metarl_min.ceilings.assignment import assignment_duals

BEAM = 2000  # states that the first pass keeps after each step
MAX_STATES = 5_000_000  # states of a search, of 40 bytes each
NO_FLOOR = -np.inf  # below the worth of every walk


class WalkProblem(NamedTuple):
    """A search for the best walk. The goals have the numbers 0 .. G - 1."""

    start: int  # the cell in which each episode starts
    moves: Array  # [S, A] the cell in which each step ends
    goal_at: Array  # [S] the number of the goal in each cell, -1 where there is none
    worth: Array  # [N T, G] w_g B_g(t) of a first arrival in step t
    horizon: int  # T


class Layer(NamedTuple):
    """The B states of a search after some number of steps."""

    seen: Array  # [B] goals seen so far, one bit for each
    cell: Array  # [B]
    value: Array  # [B] worth of the walk so far
    parent: Array  # [B] place of the state before the last step, in the layer before
    action: Array  # [B] the last action


class BoundTable(NamedTuple):
    """The right side of (1) at one time, for one choice of l."""

    sum_of_duals: float  # sum_{j >= t} l_j
    # The sum over unseen goals is split into parts of 8 goals, which are one byte of `seen`.
    byte_sums: Array  # [ceil(G / 8), S, 256] each part, for each cell and each value of the byte


def reachability(problem: WalkProblem) -> Array:
    """Return whether the k-th step from each cell can end at each goal, k = 1 .. T. [T, S, G]"""
    S = len(problem.moves)
    one_step = np.zeros((S, S), bool)
    one_step[np.arange(S)[:, None], problem.moves] = True
    # `cells` holds the cell of each goal.
    reach, cells = [one_step], np.argsort(problem.goal_at)[(problem.goal_at < 0).sum() :]
    for _ in range(problem.horizon - 1):
        reach.append(one_step.astype(int) @ reach[-1] > 0)
    return np.stack(reach)[:, :, cells]


def reachable_worth(problem: WalkProblem, reach: Array, t: int) -> Array:
    """Return w_g B_g(j) of the steps j >= t that can end at goal g, else 0. [S, G, N T - t]

    Before step t the walk is in cell s. Later episodes begin at the start.
    """
    T, j = problem.horizon, np.arange(t, len(problem.worth))
    same_episode = j // T == t // T
    from_cell = reach[np.where(same_episode, j - t, 0)]
    from_start = reach[j % T][:, problem.start][:, None]
    allowed = np.where(same_episode[:, None, None], from_cell, from_start)  # [N T - t, S, G]
    return np.where(allowed, problem.worth[t:, None], 0.0).transpose(1, 2, 0)


def _byte_sums(terms: Array) -> Array:
    """Sum the terms of unseen goals for each value of each byte. [S, G] -> [ceil(G / 8), S, 256]"""
    S, G = terms.shape
    padded = np.concatenate([terms, np.zeros((S, -G % 8))], axis=1).reshape(S, -1, 8)
    unseen = 1 - (np.arange(256)[:, None] >> np.arange(8) & 1)  # [256, 8]
    return np.ascontiguousarray(np.moveaxis(padded @ unseen.T, 1, 0))


def bound_table(problem: WalkProblem, reach: Array, t: int, duals: Array) -> BoundTable:
    """Return the right side of eq. (1) at time t in every cell, for l = `duals` [N T]."""
    worth = reachable_worth(problem, reach, t)
    terms = np.maximum(worth - duals[t:], 0.0).max(-1, initial=0.0)
    return BoundTable(float(duals[t:].sum()), _byte_sums(terms))


def upper_bound(tables: list[BoundTable], layer: Layer) -> Array:
    """Return a bound on the final worth of each state: the smallest one of `tables`. [B]"""
    smallest = np.full(len(layer.cell), np.inf)
    for table in tables:
        bound = layer.value + table.sum_of_duals
        for k, sums in enumerate(table.byte_sums):
            bound += sums[layer.cell, layer.seen >> (8 * k) & 255]
        smallest = np.minimum(smallest, bound)
    return smallest


def _expand(problem: WalkProblem, layer: Layer, t: int) -> Layer:
    """Return the states after step t, with the best walk to each."""
    B, A = len(layer.cell), problem.moves.shape[1]
    cell, parent = problem.moves[layer.cell].T.reshape(-1), np.tile(np.arange(B), A)
    goal, seen = problem.goal_at[cell], np.tile(layer.seen, A)
    new = (goal >= 0) & (seen >> np.maximum(goal, 0) & 1 == 0)
    value = np.tile(layer.value, A) + np.where(new, problem.worth[t, goal], 0.0)
    seen = np.where(new, seen | 1 << np.maximum(goal, 0), seen)
    if (t + 1) % problem.horizon == 0:
        cell = np.full_like(cell, problem.start)
    key = seen * len(problem.moves) + cell
    order = np.lexsort((-value, key))
    best = order[np.flatnonzero(np.diff(key[order], prepend=-1))]  # the first of each key
    action = np.repeat(np.arange(A, dtype=np.int8), B)
    return Layer._make(x[best] for x in (seen, cell, value, parent, action))


def _search(
    problem: WalkProblem, bounds: list[list[BoundTable]], floor: float, width: int
) -> list[Layer]:
    """Return the layers of a search that keeps the states whose bound exceeds `floor`.

    After each step it keeps at most `width` of them, those with the largest bounds. The last layer
    is empty if no state exceeds `floor`. `TooLarge` above `MAX_STATES` states.
    """
    none = np.zeros(1, int)
    layers, size = [Layer(none, none + problem.start, none * 1.0, none, none)], 0
    for t, tables in enumerate(bounds):
        layer = _expand(problem, layers[-1], t)
        bound = upper_bound(tables, layer)
        keep = np.flatnonzero(bound > floor)
        if len(keep) > width:
            keep = np.argpartition(-bound, width)[:width]
        layers.append(Layer._make(x[keep] for x in layer))
        size += len(layers[-1].cell)
        if size > MAX_STATES:
            rule = f"a goal search may meet at most {MAX_STATES:,} states"
            raise TooLarge(f"{rule}, got more after {t + 1} of {len(bounds)} steps")
        if len(layers[-1].cell) == 0:
            break
    return layers


def _best_of(layers: list[Layer]) -> tuple[float, list[int]]:
    """Return the largest value of the last layer, and the actions that lead to its state."""
    k, actions = int(layers[-1].value.argmax()), []
    for layer in layers[:0:-1]:
        actions.append(int(layer.action[k]))
        k = int(layer.parent[k])
    return float(layers[-1].value.max()), actions[::-1]


def replay(problem: WalkProblem, actions: list[int]) -> list[tuple[int, int]]:
    """Return (cell, goals seen as bits) of a walk before each step and at the end."""
    cell, seen, states = problem.start, 0, [(problem.start, 0)]
    for t, action in enumerate(actions):
        cell = int(problem.moves[cell, action])
        goal = int(problem.goal_at[cell])
        seen |= 1 << goal if goal >= 0 else 0
        cell = problem.start if (t + 1) % problem.horizon == 0 else cell
        states.append((cell, seen))
    return states


def best_walk(problem: WalkProblem) -> tuple[float, list[int]]:
    """Return the worth of the best walk, goal_search (2), and its actions, by the bound (1)."""
    reach, num_goals = reachability(problem), problem.worth.shape[1]
    duals = assignment_duals(reachable_worth(problem, reach, 0)[problem.start])
    times = range(1, len(problem.worth) + 1)
    bounds = [[bound_table(problem, reach, t, duals)] for t in times]
    value, actions = _best_of(_search(problem, bounds, NO_FLOOR, BEAM))
    states = replay(problem, actions)
    for t in times[:-1]:
        cell, seen = states[t]
        unseen = [g for g in range(num_goals) if not seen >> g & 1]
        duals = assignment_duals(reachable_worth(problem, reach, t)[cell, unseen])
        bounds[t - 1].append(bound_table(problem, reach, t, np.append(np.zeros(t), duals)))
    scale = max(abs(value), float(np.abs(problem.worth).max(initial=0.0)))
    layers = _search(problem, bounds, value + 1e-10 * scale, MAX_STATES)
    return _best_of(layers) if len(layers[-1].cell) > 0 else (value, actions)
