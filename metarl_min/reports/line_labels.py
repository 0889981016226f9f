"""Labels at the right end of the lines of a picture, in the place of a legend.

`write_labels` and `spread_out` trust their arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LABEL_HEIGHT = 0.17  # inches, with the space between two labels


def spread_out(heights: list[float], gap: float, low: float, top: float) -> list[float]:
    """Move heights apart: return heights from `low` to `top`, any two at least `gap` apart.

    The order stays the same. Heights that are too near to each other form a group, whose mean stays
    the same. The sum of the squared changes is as small as possible, unless `low` or `top` moves a
    height. If the range is too small for all gaps, some of the heights are below `low`.

    >>> spread_out([1.0, 5.0, 1.0], gap=1.0, low=0.0, top=5.2)
    [0.5, 5.0, 1.5]
    >>> spread_out([1.0, 5.0, 1.0], gap=1.0, low=1.0, top=4.0)
    [1.0, 4.0, 2.0]
    """
    order = np.argsort(heights, kind="stable")
    steps = gap * np.arange(len(heights))
    groups: list[list[float]] = []  # the heights of each group, minus their `steps`
    for value in np.array(heights, dtype=float)[order] - steps:
        # Neighbours whose means are in the wrong order become one group: pool adjacent violators.
        groups.append([value])
        while len(groups) > 1 and np.mean(groups[-2]) > np.mean(groups[-1]):
            groups[-2:] = [groups[-2] + groups[-1]]
    level = np.concatenate([np.full(len(group), np.mean(group)) for group in groups])
    placed = np.minimum(np.maximum(level, low), top - steps[-1]) + steps
    return [float(x) for x in placed[np.argsort(order)]]


def write_labels(axes: Axes, height: float, ends: Mapping[str, tuple[float, str]]) -> None:
    """Write each label to the right of the end of its line, in the colour of the line.

    A thin stroke connects a label with the end of its line.

    height  height of the panel in inches
    ends    label -> (y of the end of the line, colour)
    """
    low, high = axes.get_ylim()
    gap = (high - low) * LABEL_HEIGHT / height
    places = spread_out([y for y, _ in ends.values()], gap, low, high)
    for (label, (end, colour)), y in zip(ends.items(), places, strict=True):
        stroke = {"arrowstyle": "-", "color": colour, "linewidth": 0.6}
        stroke |= {"shrinkA": 1, "shrinkB": 0, "relpos": (0, 0.5)}
        axes.annotate(
            label, (1, end), xycoords=("axes fraction", "data"), xytext=(1.03, y),
            textcoords=("axes fraction", "data"), va="center", fontsize="small", color=colour,
            arrowprops=stroke,
        )  # fmt: skip
