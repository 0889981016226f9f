"""An upper bound on the worth of an assignment of goals to steps, by linear programming duality.

Goal g in step j is worth c(g,j). An assignment gives each goal at most one step j_g, and each
step at most one goal. For every choice of numbers l_j >= 0, one for each step:

    (1)  sum of c(g,j_g) over the assigned goals
         <= sum_j l_j + sum_g max(0, max_j (c(g,j) - l_j)),  l >= 0
                                                               [weak duality, Kuhn 1955, sec. 2]
    (2)  with equality for the best assignment and its dual variables l
                                                               [strong duality, Kuhn 1955, sec. 2]

    Steps of (1). Write c(g,j_g) = l_{j_g} + (c(g,j_g) - l_{j_g}) for each assigned goal.
    The steps j_g are different and l >= 0, so the first terms sum to at most sum_j l_j.
    Each second term is at most max(0, max_j (c(g,j) - l_j)).
    A goal without a step adds 0 on the left and at least 0 on the right.

    Steps of (2). The cost of a pair is -c(g,j). The algorithm below keeps u_g + v_j <= -c(g,j)
    for all pairs, with equality for the assigned pairs.
    A step without a goal has v_j = 0. No v_j is positive, because v_j begins at 0 and never rises.
    For each goal there is also a column of cost 0, which means "no step". One of these columns has
    v = 0: it has no goal, or it was the last one that got a goal. So no u_g is positive.
    A goal without a step has u_g = -v >= 0 with the v of its column, so u_g = 0.
    Set l_j = -v_j. Then c(g,j) - l_j <= -u_g, with equality for the step of goal g.
    So the right side of (1) is -sum_j v_j - sum_g u_g, which is the sum of c(g,j_g).

In this module, u, v and l are dual variables, and B is the number of steps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from metarl_min.basics.arguments import floats, require
from metarl_min.basics.trees import Array


class _Path(NamedTuple):
    """A shortest path from a row of the cost matrix to a column without a row."""

    distance: Array  # [columns] length of the shortest path to each settled column
    predecessor: Array  # [columns] the column before it on its path, -1 at the start
    settled: Array  # [columns] whether its distance is final
    end: int  # the column without a row


def _shortest_path(cost: Array, u: Array, v: Array, row_of: Array, start: int) -> _Path:
    """Run Dijkstra's algorithm on the reduced costs cost - u - v, from the row `start`.

    `row_of` [columns] is the row that each column is assigned to, or -1.
    """
    num_columns = cost.shape[1]
    distance, predecessor = np.full(num_columns, np.inf), np.full(num_columns, -1)
    settled, row, column, total = np.zeros(num_columns, bool), start, -1, 0.0
    while True:
        through_row = total + cost[row] - u[row] - v
        shorter = ~settled & (through_row < distance)
        distance[shorter], predecessor[shorter] = through_row[shorter], column
        column = int(np.where(settled, np.inf, distance).argmin())
        total, settled[column] = distance[column], True
        if row_of[column] < 0:
            return _Path(distance=distance, predecessor=predecessor, settled=settled, end=column)
        row = row_of[column]


def assignment_duals(worth: Array) -> Array:
    """Return the l for which (1) is an equality, eqs. (1) and (2). worth [G, B] -> l [B]

    The goals are assigned one after another, each along a shortest augmenting path. The cost of an
    assignment is minus its worth. One column of cost 0 for each goal stands for "no step".

    >>> assignment_duals(np.array([[3.0, 1.0], [2.0, 0.0]]))  # the best assignment is worth 3
    array([2., 0.])
    """
    require(floats("worth", worth).ndim == 2, "worth must have the shape [G, B]", worth.shape)
    G, B = worth.shape
    cost = np.concatenate([-worth, np.zeros((G, G))], axis=1)
    row_of, u, v = np.full(B + G, -1), np.zeros(G), np.zeros(B + G)
    for g in range(G):
        path = _shortest_path(cost, u, v, row_of, g)
        column = path.end
        slack = path.distance[column] - path.distance
        assigned = path.settled & (row_of >= 0)
        u[row_of[assigned]] += slack[assigned]
        u[g] += path.distance[column]
        v[path.settled] -= slack[path.settled]
        while column >= 0:  # exchange the rows along the path
            previous = path.predecessor[column]
            row_of[column] = g if previous < 0 else row_of[previous]
            column = previous
    return np.maximum(-v[:B], 0.0)
