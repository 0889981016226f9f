"""The picture of a training: its returns, and below them the other numbers of its history.

`draw(history.read(RUN_DIR))` draws a run. The run may still be going on.

A thick line is a moving mean over a twentieth of the iterations. A thin line shows the values of
single iterations. If a panel has a curve "whole trial", only this curve has a thin line. A panel
with a grey band has no thin line. Columns whose names differ only after the first dot or bracket
share a panel.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from metarl_min.basics.arguments import array, instance, real, require, shaped
from metarl_min.basics.trees import Array
from metarl_min.reports.line_labels import write_labels
from metarl_min.reports.plots import COLOURS, empty_figure
from metarl_min.reports.progress import RETURNS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Curves = dict[str, Array]  # label -> value in each iteration
TRIAL = "whole trial"  # label of the mean over all episodes of a trial
LINES = ("-", "--", ":")
LARGE, SMALL = 3.4, 1.25  # heights of the first panel and of the others, in inches
TITLES = {
    "accepted": "share of the accepted steps",
    "alpha": "learned inner step size alpha",
    "entropy": "entropy of the policy, in nats",
    "fitness": "return of a trial, over the population (grey: mean +- standard deviation)",
    "gradient_norm": "length of the gradient, before it is scaled down",
    "improvement": "improvement of the surrogate",
    "kl": "KL divergence between old and new policies, in nats",
    "value_loss": "loss of the values",
}


def moving_mean(values: Array, width: int) -> Array:
    """Return the mean over the `width` iterations around each iteration. [n] -> [n]

    Near both ends, the mean is over fewer iterations. Entries that are not finite are left out.
    This function trusts its arguments.

    >>> moving_mean(np.array([1.0, 2.0, 6.0]), width=3)
    array([1.5, 3. , 4. ])
    """
    finite, n = np.isfinite(values), np.arange(len(values))
    sums = np.cumsum([0.0, *np.where(finite, values, 0.0)])
    counts = np.cumsum([0, *finite])
    first, end = np.maximum(n - width // 2, 0), np.minimum(n + (width + 1) // 2, len(n))
    number = counts[end] - counts[first]
    mean = (sums[end] - sums[first]) / np.maximum(number, 1)
    return np.asarray(np.where(number > 0, mean, np.nan))


def _width(iterations: Array) -> int:
    return max(1, len(iterations) // 20)


def _grouped(columns: Mapping[str, Array]) -> dict[str, Curves]:
    """Return the curves of each group of columns.

    The name of a group ends before the first dot or bracket, and the rest is the label of a curve.
    For example, the column `alpha.min` is the curve `min` in the group `alpha`.
    """
    groups: dict[str, Curves] = {}
    for name, values in columns.items():
        group, *rest = re.split(r"[.\[]", name, maxsplit=1)
        groups.setdefault(group, {})[rest[0].rstrip("]") if rest else ""] = values
    return groups


def _returns(groups: dict[str, Curves]) -> Curves:
    """Return the curves of the first panel: returns of single episodes and of whole trials.

    If the history has one number for all episodes, there is one curve. The exact objective has such
    a history, and so has a trial of one episode.
    """
    episodes = list(groups["per_episode"].values())
    adapts = "after" in groups
    first = groups["before"][""] if "before" in groups else episodes[0]
    last = groups["after"][""] if adapts else episodes[-1]
    names = ("before adapting", "after adapting") if adapts else ("first episode", "last episode")
    if len(episodes) == 1:
        return {"after adapting" if adapts else TRIAL: last}
    return {names[1]: last, TRIAL: np.mean(episodes, axis=0), names[0]: first}


def _shown(curves: Curves) -> Curves:
    """Return the curves, or if there are more than three, their maximum, median and minimum."""
    if len(curves) <= len(LINES):
        return curves
    values = np.array(list(curves.values()))
    return {"max": values.max(0), "median": np.median(values, axis=0), "min": values.min(0)}


def _panel(
    axes: Axes, iterations: Array, curves: Curves, height: float, references: Mapping[str, float]
) -> None:
    """Draw curves and grey lines, with their labels at the right end."""
    ends: dict[str, tuple[float, str]] = {}
    width = _width(iterations)
    for (label, values), line, colour in zip(curves.items(), LINES, COLOURS, strict=False):
        values = np.where(np.isfinite(values), values, np.nan)
        mean = moving_mean(values, width)
        marker = "." if len(values) == 1 else ""
        if label == TRIAL or curves.keys().isdisjoint((TRIAL, "mean")):
            axes.plot(iterations, values, color=colour, alpha=0.35, linewidth=0.7)
        axes.plot(iterations, mean, line, color=colour, marker=marker, linewidth=1.8, label=label)
        if np.isfinite(mean[-1]):
            ends[label] = (float(mean[-1]), colour)
    for label, value in references.items():
        axes.axhline(value, color="0.55", linewidth=1.2, linestyle="-.", zorder=1)
        ends[label] = (value, "0.35")
    axes.grid(alpha=0.3)
    if np.isin(list(curves.values()), (0, 1)).all():
        axes.set_ylim(-0.1, 1.1)
    axes.set_xlim(iterations[0] - 0.5, iterations[-1] + 0.5)
    write_labels(axes, height, ends)


def _band(axes: Axes, iterations: Array, curves: Curves) -> Curves:
    """Draw the band from mean - spread to mean + spread in grey. Return all curves but `spread`."""
    width = _width(iterations)
    mean, spread = (moving_mean(curves[name], width) for name in ("mean", "spread"))
    axes.fill_between(iterations, mean - spread, mean + spread, color="0.85", linewidth=0)
    return {label: values for label, values in curves.items() if label != "spread"}


def _checked(
    columns: Mapping[str, Array], references: Mapping[str, float]
) -> tuple[Array, dict[str, Curves]]:
    """Return the iterations, and the groups of the other columns.

    ValueError or TypeError if an argument is not as `draw` says.
    """
    for label, value in instance("references", references, dict).items():
        real(f"reference {label!r}", value)
    found = instance("columns", columns, dict).get("iteration", np.zeros(0))
    iterations = array("column 'iteration'", found, "fiu", "numbers")
    require(iterations.size > 0, "a history must have at least one iteration", "none")
    for name, values in columns.items():
        array(f"column {name!r}", values, "fiu", "numbers")
        shaped(f"column {name!r}", values, (len(iterations),), "the iterations")
    groups = _grouped({name: x for name, x in columns.items() if name != "iteration"})
    require(len(groups) > 0, "a history must have a column other than the iteration", "none")
    return iterations, groups


def draw(columns: Mapping[str, Array], references: Mapping[str, float] | None = None) -> Figure:
    """Return the figure of a run. ImportError without matplotlib.

    columns     the columns of its history, as `history.read` returns them
    references  label -> return of an episode, such as {"random": 0.5}; each one is a grey line

    ValueError if there is no iteration or no other column, or if the columns have different
    lengths. TypeError if a column is no array of numbers.
    """
    references = references or {}
    iterations, groups = _checked(columns, references)
    panels: list[tuple[str, Curves, float, Any]] = []
    if "per_episode" in groups:
        panels.append(("mean return of an episode", _returns(groups), LARGE, references))
        groups = {name: curves for name, curves in groups.items() if name not in RETURNS}
    for name, curves in groups.items():
        panels.append((TITLES.get(name, name.replace("_", " ")), _shown(curves), SMALL, {}))
    heights = [height for *_, height, _ in panels]
    figure = empty_figure(7.2, sum(heights) + 0.5)
    all_axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)
    for axes, (title, curves, height, grey) in zip(all_axes[:, 0], panels, strict=True):
        axes.set_title(title, loc="left", fontsize="medium" if height == LARGE else "small")
        shown = _band(axes, iterations, curves) if {"mean", "spread"} <= set(curves) else curves
        _panel(axes, iterations, shown, height, grey)
    all_axes[-1, 0].set_xlabel("iteration of training")
    return figure
