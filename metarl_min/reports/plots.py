"""Pictures of results: bias and deviation of estimators, and regret over time."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from metarl_min.basics.trees import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]  # Okabe and Ito 2008
MARKERS = "osD^vP*X"
ROUND_OFF = 1e-12  # a bias or deviation below this is round-off


def empty_figure(width: float, height: float = 4.8) -> Figure:
    """Return an empty figure. Without pyplot the backend of the caller stays as it is."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
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


def bias_variance(result: dict[str, Any]) -> bytes:
    """Return `bias_variance.png` for a result of `estimators`. ImportError without matplotlib."""
    figure, numbers = empty_figure(8.0), list(result["objectives"])
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
    for i, name in enumerate(merged):
        marker, colour = MARKERS[i % len(MARKERS)], COLOURS[i % len(COLOURS)]
        axes.plot(x[i], y[i], "-", marker=marker, color=colour, markersize=6, label=name)
        for N, *point in zip(numbers, x[i], y[i], strict=True):
            _annotate(axes, N, tuple(point), colour)
    axes.set(xscale="log", yscale="log", title="One estimate; the number beside a point is N")
    lowest = " (lowest: 0)" if (values[..., 1] <= ROUND_OFF).any() else ""
    axes.set(xlabel="bias for F_N", ylabel=f"standard deviation{lowest}")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3)
    return png(figure)


def regret(result: dict[str, Any]) -> bytes:
    """Return `regret.png` for a result of `tables`. ImportError without matplotlib."""
    parts = result["regret"]
    figure = empty_figure(5.6 * len(parts) + 1)
    panels = figure.subplots(1, len(parts), squeeze=False)[0]
    for axes, part in zip(panels, parts, strict=True):
        for index, (name, values) in enumerate(part["curves"].items()):
            line = ("-", "--", ":")[index // len(COLOURS)]
            axes.plot(part["times"], values, line, color=COLOURS[index % len(COLOURS)], label=name)
        unit = "pull" if "k" in part else "episode"
        title = f"{part['k']} arms" if "k" in part else "random MDPs"
        axes.set(
            title=title,
            xlabel=f"{unit}s",
            ylabel="reward lost against a player that knows the task",
        )
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3)
    return png(figure)
