"""Policies on a grid: an arrow for each action, and a shade for the visits of each cell.

A panel is one policy, such as the policy before adapting and the policy after adapting. The length
of an arrow is the probability of its move. The size of the dot in a cell is the probability of the
action that stays. A darker cell is visited more often, and all panels have the same scale. Cells
and actions have the order of `tasks/gridworlds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import floats, instance, probabilities, require, whole
from metarl_min.basics.trees import Array
from metarl_min.reports.plots import COLOURS, empty_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DIRECTIONS = np.array([[0, -1], [0, 1], [-1, 0], [1, 0]])  # up, down, left, right; rows go down
LONGEST = 0.42  # of an arrow, in widths of a cell
SHOWN = 0.05  # an arrow of a smaller probability is left out
MOST_PANELS = 3


class Walk(NamedTuple):
    """One policy on a grid, and how often the policy visits each cell."""

    policy: Array  # [S, A] probabilities; the actions are up, down, left, right and, if A = 5, stay
    visits: Array  # [S] number or share of the visits of each cell


def _arrows(axes: Axes, policy: Array, cells: Array, size: int) -> None:
    """Draw the actions of a policy in the given cells."""
    centre = np.stack([cells % size, cells // size], axis=-1)
    for action, direction in enumerate(DIRECTIONS):
        share = policy[cells, action]
        x, y = centre[share >= SHOWN].T
        u, v = np.outer(direction, LONGEST * share[share >= SHOWN])
        axes.quiver(x, y, u, v, angles="xy", scale_units="xy", scale=1, width=0.01, minlength=0,
                    headwidth=3.5, headlength=3.5, headaxislength=3, color="k")  # fmt: skip
    if policy.shape[1] > len(DIRECTIONS):
        x, y = centre.T
        axes.scatter(x, y, 60 * policy[cells, -1], color="k", linewidths=0)


def _panel(axes: Axes, walk: Walk, size: int, most: float, cells: dict[str, Any]) -> Any:
    """Draw one policy, and return the image of the visits."""
    visits = np.where(np.isin(np.arange(size**2), cells["walls"]), np.nan, walk.visits)
    axes.set_facecolor("0.35")  # walls
    image = axes.imshow(visits.reshape(size, size), cmap="Blues", vmin=0, vmax=1.6 * most)
    marks = {cells["start"]: "start", cells["goal"]: "goal"}
    shown = [cell for cell in range(size**2) if cell not in (*cells["walls"], cells["goal"])]
    _arrows(axes, walk.policy, np.array(shown, int), size)
    for cell, name in marks.items():
        colour = COLOURS[1] if name == "goal" else "0.1"
        place = (cell % size, cell // size + (0 if name == "goal" else 0.36))
        paper = {"boxstyle": "round,pad=0.15", "facecolor": "w", "alpha": 0.7, "linewidth": 0}
        axes.annotate(name, place, ha="center", va="center", color=colour, fontsize="small",
                      fontweight="bold", bbox=paper)  # fmt: skip
    axes.set(xticks=np.arange(size + 1) - 0.5, yticks=np.arange(size + 1) - 0.5)
    axes.tick_params(labelbottom=False, labelleft=False, length=0)
    axes.grid(color="0.6", linewidth=0.6)
    return image


def _check(size: int, walks: Mapping[str, Walk], cells: dict[str, Any]) -> None:
    """Raise an error unless every policy and every mark fits the grid."""
    number, S = len(instance("walks", walks, Mapping)), size**2
    require(1 <= number <= MOST_PANELS, f"walks must have from 1 to {MOST_PANELS} policies", number)
    for cell in ("start", "goal"):
        whole(cell, cells[cell], 0, S - 1)
    for cell in instance("walls", cells["walls"], tuple):
        whole("a wall", cell, 0, S - 1)
    clear = {cells["start"], cells["goal"]}.isdisjoint(cells["walls"])
    require(clear, "start and goal must not be walls", cells["walls"])
    for name, walk in walks.items():
        instance(f"walks {instance('a name', name, str)!r}", walk, Walk)
        shape = probabilities(f"policy of {name!r}", walk.policy).shape
        rule = f"policy of {name!r} must have the shape ({S}, 4) or ({S}, 5)"
        require(shape in ((S, 4), (S, 5)), rule, shape)
        floats(f"visits of {name!r}", walk.visits, low=0)
        fits = walk.visits.shape == (S,)
        require(fits, f"visits of {name!r} must have the shape ({S},)", walk.visits.shape)


def draw(
    size: int, walks: Mapping[str, Walk], start: int, goal: int, walls: tuple[int, ...] = ()
) -> Figure:
    """Return the figure with a panel for each policy. ImportError without matplotlib.

    size   number of cells in a row and in a column
    walks  title of a panel -> its policy and visits; 1 to 3 panels
    start  cell in which each episode starts
    goal   cell of the goal, in which no arrow is drawn
    walls  cells that cannot be entered

    TypeError or ValueError if a policy, its visits or a cell does not fit the grid.
    """
    cells = {"start": start, "goal": goal, "walls": walls}
    _check(whole("size", size, 2, 20), walks, cells)
    most = max(float(walk.visits.max()) for walk in walks.values()) or 1.0
    figure = empty_figure(7.2 if len(walks) > 1 else 4.2, 3.4 if len(walks) < 3 else 2.5)
    panels = figure.subplots(1, len(walks), squeeze=False)[0]
    for axes, (title, walk) in zip(panels, walks.items(), strict=True):
        image = _panel(axes, walk, size, most, cells)
        axes.set_title(title, fontsize="medium")
    bar = figure.colorbar(image, ax=list(panels), shrink=0.75, label="visits of a cell")
    bar.ax.set_ylim(0, most)
    return figure
