"""Labels at the right end of the lines of a picture, in the place of a legend.

`write_labels` and `spread_out` trust their arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def spread_out(heights: list[float], gap: float, top: float) -> list[float]:
    """Return heights that are at least `gap` apart, in the same order, and at most `top`.

    >>> spread_out([1.0, 1.0, 5.0], gap=1.0, top=5.2)
    [1.0, 2.0, 5.0]
    """
    order = np.argsort(heights, kind="stable")
    placed = np.array(heights, dtype=float)
    for below, above in pairwise(order):
        placed[above] = max(placed[above], placed[below] + gap)
    limit = top
    for index in order[::-1]:
        placed[index] = min(placed[index], limit)
        limit = placed[index] - gap
    return [float(x) for x in placed]


def write_labels(axes: Axes, height: float, ends: Mapping[str, tuple[float, str]]) -> None:
    """Write each label to the right of the end of its line, in the colour of the line.

    height  height of the panel in inches
    ends    label -> (height of the end of the line in data, colour)
    """
    low, high = axes.get_ylim()
    gap = (high - low) * 0.17 / height
    places = spread_out([y for y, _ in ends.values()], gap, high)
    for (label, (_, colour)), y in zip(ends.items(), places, strict=True):
        axes.annotate(
            label, (1, y), xycoords=("axes fraction", "data"), xytext=(5, 0),
            textcoords="offset points", va="center", fontsize="small", color=colour,
        )  # fmt: skip
