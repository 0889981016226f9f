"""Pictures: the return per episode of experience, one panel per family."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]  # Okabe and Ito 2008
MARKERS = "osD^vP*X"


def _curve(axes: Axes, name: str, values: list[float], index: int, line: str) -> None:
    marker, colour = MARKERS[index % len(MARKERS)], COLOURS[index % len(COLOURS)]
    episodes = np.arange(1, len(values) + 1)
    axes.plot(episodes, values, line, marker=marker, color=colour, markersize=4, label=name)


def _references(axes: Axes, entry: dict[str, Any]) -> None:
    """Draw chance, the same in every episode, and the ceiling, as a curve where it was played."""
    chance, best, num_episodes = entry["random"], entry["bayes_optimal"], entry["num_episodes"]
    axes.axhline(chance["return"] / num_episodes, color="0.6", linestyle=":", label="random")
    played = entry["baselines"].get("bayes_optimal")
    if played:
        episodes = np.arange(1, num_episodes + 1)
        axes.plot(episodes, played["per_episode"], "k-", linewidth=2, label="Bayes-optimal")
    elif best:
        mean = best["return"] / num_episodes
        axes.axhline(mean, color="k", linewidth=2, label="Bayes-optimal, mean of a trial")


def _panel(axes: Axes, name: str, entry: dict[str, Any]) -> None:
    from matplotlib.ticker import MaxNLocator

    _references(axes, entry)
    learners = [(player, row, "-") for player, row in entry["learners"].items()]
    baselines = [(player, row, "--") for player, row in entry["baselines"].items()]
    others = [x for x in learners + baselines if x[0] not in ("bayes_optimal", "random")]
    for index, (player, row, line) in enumerate(others):
        _curve(axes, player, row["per_episode"], index, line)
    axes.set(title=name, xlabel="episode of experience", ylabel="return per episode")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=4)


def curves(result: dict[str, Any]) -> bytes:
    """Return `curves.png` of a result of `compare`; ImportError without matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    entries = result["tasks"]
    figure = Figure(figsize=(6.4 * len(entries), 4.8), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)  # no pyplot: the backend and the figures of the caller stay as they are
    panels = figure.subplots(1, len(entries), squeeze=False)[0]
    for axes, (name, entry) in zip(panels, entries.items(), strict=True):
        _panel(axes, name, entry)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
