"""The best walk in search of a goal, by branch and bound.

A walk is worth B_g(t) w_g where it first arrives at c_g in step t (goal_search, which has the
symbols). What a walk that has not seen some goals may still gain after t steps is at most

    (1)  sum over the goals not yet seen of w_g B_g(t_g) <= sum_{u >= t} l_u + sum over them of
         max(0, max_u w_g B_g(u) - l_u), u over the steps from t on that may end at c_g, for any
         l >= 0: at most one goal is found per step      [weak duality, Kuhn 1955, sec. 2]

Walks to the same cell at the same time that have seen the same goals are one state, of which the
best is kept. A search that keeps only `BEAM` states at a time gives a walk; a second one drops
the states that cannot lead to a better one by (1), and proves that walk the best, or finds it.
The l of (1) are the prices of an assignment of goals to steps: for the start, and for where that
walk is at this time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import require
from metarl_min.basics.trees import Array

BEAM = 2000
STATES = 20_000_000  # of a search, of 40 bytes each
NEVER = -1e300


class Search(NamedTuple):
    """A search of the best walk."""

    start: int  # where each episode starts
    moves: Array  # [S, A] the cell in which each step ends
    goal_at: Array  # [S] the number of the goal in each cell, -1 where there is none
    worth: Array  # [N T, G] w_g B_g(t) of a first arrival
    horizon: int  # T


def prices(worth: Array) -> Array:
    """The l of eq. (1) from the assignment of goals to steps of most worth. [G, U] -> [U]"""
    (G, U), cost = worth.shape, np.concatenate([-worth, np.zeros((len(worth),) * 2)], axis=1)
    row_of, v, u = np.full(U + G, -1), np.zeros(U + G), np.zeros(G)
    for g in range(G):  # shortest augmenting path from each goal
        least, before = np.full(U + G, np.inf), np.full(U + G, -1)
        done, row, column, total = np.zeros(U + G, bool), g, -1, 0.0
        while True:
            reduced = total + cost[row] - u[row] - v
            better = ~done & (reduced < least)
            least[better], before[better] = reduced[better], column
            column = int(np.where(done, np.inf, least).argmin())
            total, done[column] = least[column], True
            if row_of[column] < 0:
                break
            row = row_of[column]
        inner = done & (row_of >= 0)
        u[row_of[inner]] += total - least[inner]
        u[g] += total
        v[done] -= total - least[done]
        while column >= 0:
            previous = before[column]
            row_of[column] = g if previous < 0 else row_of[previous]
            column = previous
    return np.maximum(-v[:U], 0.0)


def may_arrive(search: Search) -> Array:
    """Whether a step may end at a goal after k more, from each cell. [T, S, G]"""
    S = len(search.moves)
    once = np.zeros((S, S), bool)
    once[np.arange(S)[:, None], search.moves] = True
    reach, cells = [once], np.argsort(search.goal_at)[(search.goal_at < 0).sum() :]
    for _ in range(search.horizon - 1):
        reach.append(once.astype(int) @ reach[-1] > 0)
    return np.stack(reach)[:, :, cells]


def possible(search: Search, reach: Array, t: int) -> Array:
    """w_g B_g(u) for the steps u >= t that may end at each goal, else 0. [S, G, U]"""
    T, later = search.horizon, np.arange(t, len(search.worth))
    same = (later // T == t // T)[:, None, None]
    here = reach[np.where(same[:, 0, 0], later - t, 0)]
    there = reach[later % T][:, search.start][:, None]
    allowed = np.where(same, here, there)  # [U, S, G]
    return np.where(allowed, search.worth[t:, None], 0.0).transpose(1, 2, 0)


def _byte_sums(each: Array) -> Array:
    """Sums of each [S, G] over the goals that are 0 in a byte. -> [ceil(G / 8), S, 256]"""
    S, G = each.shape
    padded = np.concatenate([each, np.zeros((S, -G % 8))], axis=1).reshape(S, -1, 8)
    unseen = 1 - (np.arange(256)[:, None] >> np.arange(8) & 1)  # [256, 8]
    return np.ascontiguousarray(np.moveaxis(padded @ unseen.T, 1, 0))


class Layer(NamedTuple):
    """The states of a search at one time."""

    seen: Array  # [K] the goals that are seen, as bits
    cell: Array  # [K]
    value: Array  # [K] what the walk has been worth
    parent: Array  # [K] in the layer before
    action: Array  # [K]


def _bound(bounds: list[tuple[float, Array]], layer: Layer) -> Array:
    """What a walk may be worth at most in the end, eq. (1). [K]"""
    best = np.full(len(layer.cell), np.inf)
    for total, sums in bounds:
        at_most = layer.value + total
        for k, table in enumerate(sums):
            at_most += table[layer.cell, layer.seen >> (8 * k) & 255]
        best = np.minimum(best, at_most)
    return best


def _expand(search: Search, layer: Layer, t: int) -> Layer:
    """All states after one more step, and the best walk to each."""
    K, A = len(layer.cell), search.moves.shape[1]
    cell, parent = search.moves[layer.cell].T.reshape(-1), np.tile(np.arange(K), A)
    goal, seen = search.goal_at[cell], np.tile(layer.seen, A)
    new = (goal >= 0) & (seen >> np.maximum(goal, 0) & 1 == 0)
    value = np.tile(layer.value, A) + np.where(new, search.worth[t, goal], 0.0)
    seen = np.where(new, seen | 1 << np.maximum(goal, 0), seen)
    if (t + 1) % search.horizon == 0:
        cell = np.full_like(cell, search.start)
    key = seen * len(search.moves) + cell
    order = np.lexsort((-value, key))
    first = order[np.flatnonzero(np.diff(key[order], prepend=-1))]
    action = np.repeat(np.arange(A, dtype=np.int8), K)
    return Layer._make(x[first] for x in (seen, cell, value, parent, action))


def _walk(layers: list[Layer]) -> list[int]:
    """The actions that lead to the best state of the last layer."""
    k, actions = int(layers[-1].value.argmax()), []
    for layer in layers[:0:-1]:
        actions.append(int(layer.action[k]))
        k = int(layer.parent[k])
    return actions[::-1]


def follow(search: Search, actions: list[int]) -> list[tuple[int, int]]:
    """Where a walk is before each step and at the end, and the goals that it has seen, as bits."""
    cell, seen, places = search.start, 0, [(search.start, 0)]
    for t, action in enumerate(actions):
        cell = int(search.moves[cell, action])
        seen |= 1 << int(search.goal_at[cell]) if search.goal_at[cell] >= 0 else 0
        cell = search.start if (t + 1) % search.horizon == 0 else cell
        places.append((cell, seen))
    return places


def _bounds(search: Search, reach: Array, t: int, all_prices: list[Array]) -> list[Any]:
    """Eq. (1) at time t for each l of `all_prices`: the sum of l, then tables of what is unseen."""
    worth, found = possible(search, reach, t), []
    for level in all_prices:
        each = np.maximum(worth - level[t:], 0.0).max(-1, initial=0.0)
        found.append((float(level[t:].sum()), _byte_sums(each)))
    return found


def _layers(search: Search, bounds: list[Any], floor: float, width: int) -> list[Layer]:
    """Search from the start: all states that may exceed `floor`, or at most `width` of each time.

    The last layer is empty where nothing exceeds it.
    """
    none = np.zeros(1, int)
    layers, size = [Layer(none, none + search.start, none * 1.0, none, none)], 0
    for t, bound in enumerate(bounds):
        layer = _expand(search, layers[-1], t)
        at_most = _bound(bound, layer)
        keep = np.flatnonzero(at_most > floor)
        if len(keep) > width:
            keep = np.argpartition(-at_most, width)[:width]
        layers.append(Layer._make(x[keep] for x in layer))
        size += len(layers[-1].cell)
        rule = f"a goal search may meet at most {STATES:,} states"
        require(size <= STATES, rule, f"more after {t + 1} of {len(bounds)} steps")
        if len(layers[-1].cell) == 0:
            break
    return layers


def best_walk(search: Search) -> tuple[float, list[int]]:
    """Return the worth of the best walk, goal_search (2), and its actions."""
    reach, steps = may_arrive(search), range(1, len(search.worth) + 1)
    first = prices(possible(search, reach, 0)[search.start])
    bounds = [_bounds(search, reach, t, [first]) for t in steps]
    layers = _layers(search, bounds, NEVER, BEAM)
    value, actions = float(layers[-1].value.max()), _walk(layers)
    for t, (cell, seen) in list(enumerate(follow(search, actions)))[1:-1]:
        unseen = [g for g in range(search.worth.shape[1]) if not seen >> g & 1]
        here = prices(possible(search, reach, t)[cell, unseen])
        bounds[t - 1] += _bounds(search, reach, t, [np.concatenate([np.zeros(t), here])])
    layers = _layers(search, bounds, value + 1e-10 * max(1.0, abs(value)), STATES)
    if len(layers[-1].cell) > 0:
        value, actions = float(layers[-1].value.max()), _walk(layers)
    return value, actions
