"""Pictures of a trial: a text and an image of the rewards that a player has received.

A picture is a table of cells. In the families `gridworld` and `navigation`, the cells are those of
the grid, and a cell shows the mean of the rewards of all steps that ended in it. In any other
family, a row is a state and a column is an action, and a cell shows the mean of the rewards of this
action in this state. A picture does not show the hidden task. The sign @ marks the present state.
On a grid, it stands in the cell of this state. Otherwise it stands in an additional first column.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from metarl_min.basics.arguments import instance, whole
from metarl_min.basics.trees import Array
from metarl_min.memory import trial_steps
from metarl_min.memory.trial_steps import Trials

GRIDS = ("gridworld", "navigation")
PIXELS = 16  # of a cell in an image, in both directions
WHITE, GREY, BLACK = (255, 255, 255), (153, 153, 153), (51, 51, 51)
GREEN, ORANGE, BLUE = (0, 158, 115), (213, 94, 0), (0, 114, 178)  # Okabe and Ito 2008


class Picture(NamedTuple):
    """The cells of a picture."""

    means: Array  # [rows, columns] mean reward; NaN where the player has received no reward
    walls: Array  # [rows, columns] whether the cell is a wall
    player: tuple[int, int]  # row and column of the player


def _means(trials: Trials, m: int, cells: Array, num_cells: int) -> Array:
    """Return the mean reward of each cell in trial m. `cells` has the cell of each step."""
    steps = [i for i, step in enumerate(trials.history) if step.alive[m]]
    rewards = np.array([trials.history[i].rewards[m] for i in steps], float)
    counts = np.bincount(cells[steps], minlength=num_cells)
    sums = np.bincount(cells[steps], rewards, num_cells)
    return np.divide(sums, counts, out=np.full(num_cells, np.nan), where=counts > 0)


def _of(trials: Trials, m: int, field: str) -> Array:
    """Return one field of all steps of trial m, as whole numbers."""
    return np.array([getattr(step, field)[m] for step in trials.history], int)


def picture(trials: Trials, m: int) -> Picture:
    """Return the cells of the picture of trial m."""
    family, (S, A) = instance("trials", trials, Trials).family, trials.tables.shape
    m = whole("m", m, 0, trials.tables.leading[0] - 1)
    state, size = int(trial_steps.present_states(trials)[m]), family.parameters.get("size")
    if family.name in GRIDS and isinstance(size, int) and size**2 == S:
        walls = [int(cell) for cell in family.parameters.get("walls", "").split(",") if cell]
        return Picture(
            means=_means(trials, m, _of(trials, m, "arrivals"), S).reshape(size, size),
            walls=np.isin(np.arange(S), walls).reshape(size, size),
            player=(state // size, state % size),
        )
    pairs = _of(trials, m, "states") * A + _of(trials, m, "actions")
    means = _means(trials, m, pairs, S * A).reshape(S, A)
    means = np.concatenate([np.full((S, 1), np.nan), means], axis=1)
    return Picture(means=means, walls=np.zeros((S, A + 1), bool), player=(state, 0))


def _heading(trials: Trials, m: int) -> str:
    """Return the place of the last step in the trial, and the rewards so far."""
    family, k = trials.family, len(trials.history)
    if k == 0:
        return f"{family.name}: a new task"
    episode, step = (x + 1 for x in divmod(k - 1, family.horizon))
    total = sum(float(taken.rewards[m]) for taken in trials.history)
    return (
        f"{family.name}: episode {episode} of {family.num_episodes}, "
        f"step {step} of {family.horizon}, reward {trials.history[-1].rewards[m]:.3g}, "
        f"return so far {total:.3g}"
    )


def text(trials: Trials, m: int) -> str:
    """Return the picture of trial m as text. A dot is a cell without a reward, # is a wall."""
    means, walls, player = picture(trials, m)
    words = [["." if np.isnan(x) else f"{x:.3g}" for x in row] for row in means]
    for row, column in np.argwhere(walls):
        words[row][column] = "#"
    words[player[0]][player[1]] = "@"
    width = max(len(word) for row in words for word in row)
    lines = [" ".join(word.rjust(width) for word in row).rstrip() for row in words]
    return "\n".join([_heading(trials, m), *lines, ""])


def _colours(means: Array, unit: float) -> Array:
    """Return the colour of each cell. [rows, columns, 3]

    A cell without a reward is white, and the mean 0 is grey. A positive mean is between grey and
    green, and a negative mean is between grey and orange. The full colour belongs to the largest
    absolute mean, or to the unit if the unit is larger.
    """
    seen = ~np.isnan(means)
    values = np.where(seen, means, 0.0)
    share = (abs(values) / max(unit, abs(values).max()))[..., None]
    full = np.where(values[..., None] < 0, ORANGE, GREEN)
    return np.where(seen[..., None], (1 - share) * GREY + share * full, WHITE)


def image(trials: Trials, m: int) -> Array:
    """Return the picture of trial m as an image. [height, width, 3] uint8"""
    means, walls, (row, column) = picture(trials, m)
    colours = np.where(walls[..., None], BLACK, _colours(means, trials.unit))
    pixels = colours.repeat(PIXELS, axis=0).repeat(PIXELS, axis=1).round().astype(np.uint8)
    pixels[::PIXELS], pixels[:, ::PIXELS] = BLACK, BLACK  # lines between the cells
    top, left, inside = row * PIXELS, column * PIXELS, slice(PIXELS // 4, 3 * PIXELS // 4 + 1)
    pixels[top : top + PIXELS, left : left + PIXELS][inside, inside] = BLUE
    return pixels
