"""The policies of a bandit with three arms, as points of a triangle: the simplex.

A policy is a triple of probabilities. A corner of the triangle is the policy that always pulls one
arm, and the centre is the uniform policy. A line is the path of one task: its first point is the
start, and each following point is the policy after one more inner step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from metarl_min.basics.arguments import instance, probabilities, require, sequence
from metarl_min.basics.trees import Array
from metarl_min.reports.plots import COLOURS, MARKERS, empty_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(3) / 2]])  # of arm 0, 1 and 2
LINES = ("-", "--", "-.", ":")
MOST_PANELS = 3


def places(probs: Array) -> Array:
    """Return the points of policies in the plane of the triangle. [..., 3] -> [..., 2]

    >>> places(np.array([[0.0, 1.0, 0.0], [0.5, 0.5, 0.0]])).tolist()
    [[1.0, 0.0], [0.5, 0.0]]
    """
    shape = probabilities("probs", probs).shape
    require(shape[-1] == 3, "probs must have three arms in the last axis", shape)
    return np.asarray(probs @ CORNERS)


def _triangle(axes: Axes) -> None:
    """Draw the edges and the names of the corners."""
    closed = CORNERS[[0, 1, 2, 0]]
    axes.plot(closed[:, 0], closed[:, 1], color="0.5", linewidth=1)
    for arm, (shift, side) in enumerate([((0, -6), "top"), ((0, -6), "top"), ((0, 5), "bottom")]):
        axes.annotate(f"arm {arm}", tuple(CORNERS[arm]), shift, textcoords="offset points",
                      ha="center", va=side, color="0.35")  # fmt: skip
    axes.set(aspect="equal", xlim=(-0.38, 1.38), ylim=(-0.14, 1.02))
    axes.axis("off")


def _label(axes: Axes, text: str, end: Array, colour: str) -> None:
    """Write a label beside the end of a path, on the side away from the centre."""
    right = end[0] > 0.5
    axes.annotate(text, tuple(end), (7 if right else -7, 3), textcoords="offset points",
                  ha="left" if right else "right", color=colour, fontsize="small")  # fmt: skip


def _panel(axes: Axes, points: Array, labels: tuple[str, ...]) -> None:
    """Draw the paths of all tasks. [K + 1, M, 2]"""
    _triangle(axes)
    for m, label in enumerate(labels):
        colour, marker = COLOURS[m % len(COLOURS)], MARKERS[m % len(MARKERS)]
        line = LINES[m % len(LINES)]
        axes.plot(*points[:, m].T, line, color=colour, marker=marker, markersize=4, label=label)
        _label(axes, label, points[-1, m], colour)
    x, y = points[0].T
    axes.plot(x, y, "o", color="0.1", markersize=7, zorder=3, label="start")


def _checked(paths: Any, labels: Any) -> tuple[str, ...]:
    """Return the labels of the tasks; an error unless paths and labels fit together."""
    number = len(instance("paths", paths, Mapping))
    rule = f"paths must have from 1 to {MOST_PANELS} starts"
    require(1 <= number <= MOST_PANELS, rule, number)
    names = tuple(instance("a label", x, str) for x in sequence("labels", labels))
    for start, probs in paths.items():
        shape = probabilities(f"paths {instance('a start', start, str)!r}", probs).shape
        rule = f"paths {start!r} must have the axes [K + 1, M, 3] with M = {len(names)} labels"
        require(len(shape) == 3 and shape[1:] == (len(names), 3) and shape[0] > 0, rule, shape)
    require(len(names) > 0, "labels must name at least one task", "none")
    return names


def draw(paths: Mapping[str, Array], labels: Any) -> Figure:
    """Return the figure with a triangle for each start. ImportError without matplotlib.

    paths   name of a start -> the policies of M tasks after 0 .. K inner steps [K + 1, M, 3]
    labels  the names of the M tasks, such as "arm 0 is good"

    TypeError or ValueError unless there are 1 to 3 starts, and the rows of every path are
    probabilities of three arms, and there is a label for each task.
    """
    names = _checked(paths, labels)
    width = 7.2 if len(paths) > 1 else 4.2
    figure = empty_figure(width, 0.4 + 0.68 * width / len(paths))
    panels = figure.subplots(1, len(paths), squeeze=False)[0]
    for axes, (start, probs) in zip(panels, paths.items(), strict=True):
        _panel(axes, places(probs), names)
        axes.set_title(start, fontsize="medium")
    return figure
