"""Pictures of results: bias and deviation of estimators, and regret over time."""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from metarl_min.basics.trees import Array
from metarl_min.reports.line_labels import spread_out, write_labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]  # Okabe and Ito 2008
MARKERS = "osD^vP*X"
LINES = ("-", "--", ":")  # for more lines than colours
Curves = dict[str, tuple[Array, Array]]  # name -> x and y of its points
ROUND_OFF = 1e-12  # a bias or deviation below this is round-off


def empty_figure(width: float, height: float = 4.8) -> Figure:
    """Return an empty figure. A notebook displays it if it is the value of the last line of a cell.

    The figure is made without pyplot, so the backend of the caller stays as it is.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    vars(figure)["_repr_png_"] = partial(png, figure)  # Jupyter calls it
    return figure


def png(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _positive(values: Array) -> Array:
    """Return values for a logarithmic axis; round-off becomes a tenth of the smallest value."""
    positive = values[values > ROUND_OFF]
    smallest = positive.min() if positive.size else 1.0
    return np.where(values > ROUND_OFF, values, smallest / 10)


def _together(points: dict[str, Array]) -> dict[str, Array]:
    """Merge estimators with equal curves into one curve, whose name holds all their names."""
    curves: dict[str, Array] = {}
    for name, curve in points.items():
        same = [x for x, other in curves.items() if np.allclose(curve, other, 1e-6, ROUND_OFF)]
        label = f"{same[0]} = {name}" if same else name
        curves = {label if x in same else x: y for x, y in curves.items()} | {label: curve}
    return curves


def _annotate(axes: Any, text: str, point: tuple[float, ...], colour: str) -> None:
    """Write a text to the right of a point."""
    how = {"textcoords": "offset points", "fontsize": "small", "color": colour}
    axes.annotate(text, point, (7, -3), **how)


def _plot_points(axes: Any, curves: Curves, numbers: list[str]) -> None:
    """Plot the points of each curve, with the number of episodes beside each point."""
    for i, (name, (x, y)) in enumerate(curves.items()):
        marker, colour = MARKERS[i % len(MARKERS)], COLOURS[i % len(COLOURS)]
        axes.plot(x, y, "-", marker=marker, color=colour, markersize=6, label=name)
        for N, *point in zip(numbers, x, y, strict=True):
            _annotate(axes, N, tuple(point), colour)


def _write_names(axes: Any, curves: Curves) -> None:
    """Write each name above the highest point of its curve, inside the borders of the panel."""
    (left, right), (low, high) = np.log10(axes.get_xlim()), np.log10(axes.get_ylim())
    tops = {name: (x[np.argmax(y)], y.max()) for name, (x, y) in curves.items()}
    heights = [float(np.log10(y)) for _, y in tops.values()]
    places = spread_out(heights, (high - low) / 18, low, high)
    for i, ((name, (x, _)), y) in enumerate(zip(tops.items(), places, strict=True)):
        share = (np.log10(x) - left) / (right - left)
        side = "left" if share < 1 / 3 else "right" if share > 2 / 3 else "center"
        axes.annotate(name, (x, 10**y), (0, 8), textcoords="offset points", ha=side,
                      color=COLOURS[i % len(COLOURS)])  # fmt: skip


def bias_variance(result: dict[str, Any]) -> bytes:
    """Return `bias_variance.png` for a result of `estimators`. ImportError without matplotlib."""
    figure, numbers = empty_figure(7.2), list(result["objectives"])
    axes = figure.subplots()
    points = {
        name: np.array([(row[N]["bias_F_N"], row[N]["variance"] ** 0.5) for N in numbers])
        for name, row in result["estimators"].items()
    }
    merged = _together(points)
    values = np.stack(list(merged.values()))
    x, y = _positive(values[..., 0]), _positive(values[..., 1])
    if (values[..., 0] <= ROUND_OFF).any():
        axes.axvspan(x.min() / 2, x.min() * 2, color="0.93")
        axes.annotate("no bias", (x.min(), 0.02), xycoords=("data", "axes fraction"), ha="center")
    curves = dict(zip(merged, zip(x, y, strict=True), strict=True))
    _plot_points(axes, curves, numbers)
    lowest = " (lowest: 0)" if (values[..., 1] <= ROUND_OFF).any() else ""
    axes.set(
        xscale="log", yscale="log", xlabel="bias for F_N", ylabel=f"standard deviation{lowest}"
    )
    axes.margins(0.08, 0.1)
    _write_names(axes, curves)
    title = "one estimate; the number beside a point is the number of episodes of an inner step"
    axes.set_title(title, loc="left", fontsize="medium")
    axes.grid(alpha=0.3)
    return png(figure)


def _least_losses(cells: list[dict[str, Any]], arms: int | None) -> Array:
    """Return the numbers n of episodes, and the Bayes-optimal player's loss in n episodes.

    The shape is [2, numbers]. The loss is the return of a player that knows the task, minus the
    Bayes-optimal return. If this return is not known for a number n, then n is left out.
    """
    own = [cell for cell in cells if cell.get("k") == arms]
    ceilings = {cell["n"]: cell["ceiling"] for cell in own if cell["ceiling"]["value"] is not None}
    losses = [(n, x["known_task"] - x["value"]) for n, x in sorted(ceilings.items())]
    return np.array(losses).reshape(-1, 2).T


def regret(result: dict[str, Any]) -> bytes:
    """Return `regret.png` for a result of `tables`. ImportError without matplotlib."""
    parts, height = result["regret"], 3.4
    figure = empty_figure(7.2, height * len(parts))
    panels = figure.subplots(len(parts), 1, squeeze=False)[:, 0]
    for axes, part in zip(panels, parts, strict=True):
        ends = {}
        for index, (name, values) in enumerate(part["curves"].items()):
            line, colour = LINES[index // len(COLOURS)], COLOURS[index % len(COLOURS)]
            axes.plot(part["times"], values, line, color=colour, label=name)
            ends[name] = (float(values[-1]), colour)
        best = _least_losses(result["cells"], part.get("k"))
        axes.plot(*best, "k*-", markersize=9, zorder=3, clip_on=False)
        for n, loss in best[:, -1:].T:
            if n == part["times"][-1]:
                ends["Bayes-optimal"] = (float(loss), "black")
            else:
                axes.annotate("Bayes-optimal", (n, loss), (4, -11), textcoords="offset points")
        family = f"{part['k']} arms" if "k" in part else "random MDPs"
        title = f"{family}: total reward that is lost against a player that knows the task"
        axes.set_title(title, loc="left", fontsize="medium")
        unit = "pulls" if "k" in part else "episodes"
        axes.set(xlabel=f"{unit} so far", ylabel="total reward lost")
        axes.set_xlim(0, part["times"][-1])
        axes.grid(alpha=0.3)
        write_labels(axes, height - 0.8, ends)
    return png(figure)
