"""The pictures of `compare`: the return in each episode of a trial, and the scores.

`curves` has a row of panels for each family, and a panel for each kind of learner. Learners that
adapt take inner steps, learners that remember have a memory, and evolved learners are trained
without a gradient. Grey lines show the Bayes-optimal player, the random player and an untrained
control. This control belongs to the first learner that has one. It adapts in the same way as the
learner, but starts from an untrained policy and has the best inner step size for this start.

`scores` shows the players whose score is known, except the random and the Bayes-optimal player. If
the `score_pdl` of a player is known, it takes the place of the score, because its standard error is
smaller. A bar is the range over the seeds of training.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from metarl_min.basics.arguments import instance, require
from metarl_min.reports.line_labels import write_labels
from metarl_min.reports.plots import COLOURS, MARKERS, empty_figure, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = {
    "adapt": ("maml", "fomaml", "reptile", "meta_sgd"),
    "remember": ("rl2", "mann"),
    "evolved": ("es", "ga", "es_maml", "evolved_rule"),
}
TITLES = {"adapt": "learners that adapt", "remember": "learners that remember",
          "evolved": "evolved learners", "others": "other learners"}  # fmt: skip
KIND_COLOURS = dict(zip(TITLES, COLOURS[:4], strict=True))
LINES = ("-", "--", ":", "-.")
HEIGHT = 2.7  # height of a panel of `curves`, in inches


def kinds_of(entry: dict[str, Any]) -> dict[str, list[str]]:
    """Return the names of the learners of each kind.

    A learner that is no part of the package has the kind `others`.
    """
    known = [name for names in KINDS.values() for name in names]
    found = {kind: [x for x in names if x in entry["learners"]] for kind, names in KINDS.items()}
    found["others"] = [name for name in entry["learners"] if name not in known]
    return {kind: names for kind, names in found.items() if names}


def _references(entry: dict[str, Any]) -> dict[str, list[float]]:
    """Return the grey lines: the random player, the control, and the Bayes-optimal player."""
    N, best = entry["num_episodes"], entry["bayes_optimal"]
    controls = [x["control"] for x in entry["learners"].values() if x["control"]]
    lines = {"random": [entry["random"]["return"] / N] * N}
    if controls:
        lines["untrained control"] = controls[0]["per_episode"]
    played = entry["baselines"].get("bayes_optimal")
    if played:
        lines["Bayes-optimal"] = played["per_episode"]
    elif best:
        lines["Bayes-optimal, mean"] = [best["return"] / N] * N
    return lines


def _panel(axes: Axes, entry: dict[str, Any], names: list[str], colour: str) -> None:
    from matplotlib.ticker import MaxNLocator

    episodes, ends = np.arange(1, entry["num_episodes"] + 1), {}
    for name, values in _references(entry).items():
        axes.plot(episodes, values, color="0.6", linewidth=1.2, zorder=1)
        ends[name] = (values[-1], "0.4")
    for i, name in enumerate(names):
        values, marker = entry["learners"][name]["per_episode"], MARKERS[i % len(MARKERS)]
        line = LINES[i % len(LINES)]
        axes.plot(episodes, values, line, marker=marker, color=colour, linewidth=2, markersize=4)
        ends[name] = (values[-1], colour)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    write_labels(axes, HEIGHT, ends)


def _entries(result: dict[str, Any]) -> dict[str, Any]:
    entries: dict[str, Any] = instance("result", result, dict).get("tasks", {})
    require(bool(entries), "a result of compare must have a family", "none")
    return entries


def curves(result: dict[str, Any]) -> Figure:
    """Return the figure of the return in each episode. ImportError without matplotlib."""
    entries = _entries(result)
    kinds = [kind for kind in TITLES if any(kind in kinds_of(x) for x in entries.values())]
    figure = empty_figure(3.6 * max(1, len(kinds)), (HEIGHT + 0.4) * len(entries))
    rows = figure.subplots(len(entries), max(1, len(kinds)), squeeze=False, sharey="row")
    for row, (family, entry) in zip(rows, entries.items(), strict=True):
        for axes, kind in zip(row, kinds or ["none"], strict=True):
            names = kinds_of(entry).get(kind, [])
            _panel(axes, entry, names, KIND_COLOURS.get(kind, COLOURS[0]))
            title = f"{family}: {TITLES.get(kind, 'no learners')}"
            axes.set_title(title, loc="left", fontsize="medium")
            axes.set_xlabel("episode of the trial")
        row[0].set_ylabel("mean return of the episode")
    figure.suptitle(
        "a line is the seed with the median score; grey lines: the Bayes-optimal player, the "
        "random player, and the inner steps without meta-training (untrained control)",
        fontsize="small",
    )  # fmt: skip
    return figure


def _scored(entry: dict[str, Any]) -> list[tuple[str, float, list[float], str]]:
    """Return (name, score, scores of the seeds, colour) of each player that `scores` shows.

    The player with the lowest score is first.
    """
    kinds = kinds_of(entry).items()
    colours = {name: KIND_COLOURS[kind] for kind, names in kinds for name in names}
    rows = []
    for name, x in (entry["learners"] | entry["baselines"]).items():
        key = "score" if x["score_pdl"] is None else "score_pdl"
        if x[key] is not None and name not in ("random", "bayes_optimal"):
            seeds = [seed[key] for seed in x.get("seeds", [])]
            rows.append((name, x[key], seeds, colours.get(name, "0.45")))
    return sorted(rows, key=lambda row: row[1])


def _chart(axes: Axes, family: str, entry: dict[str, Any]) -> None:
    rows = _scored(entry)
    for y, (name, score, seeds, colour) in enumerate(rows):
        if seeds:
            axes.plot([min(seeds), max(seeds)], [y, y], color=colour, alpha=0.35, linewidth=6)
        marker = "o" if name in entry["learners"] else "D"
        axes.plot(score, y, marker, color=colour, markersize=5)
    axes.set_yticks(range(len(rows)), [name for name, *_ in rows])
    for tick, (*_, colour) in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_color(colour)
    axes.axvline(0, color="0.7", linestyle=":")
    axes.axvline(1, color="0.5")
    axes.set_title(family, loc="left", fontsize="medium")
    axes.set_xlabel("score (0: random, 1: Bayes-optimal)")
    axes.grid(axis="x", alpha=0.25)


def scores(result: dict[str, Any]) -> Figure:
    """Return the figure of the scores. ImportError without matplotlib.

    A circle is a learner, and a diamond is a player that is not trained. A bar is the range over
    the seeds of training. The colour of a learner shows its kind.
    """
    entries = _entries(result)
    most = max(len(_scored(entry)) for entry in entries.values())
    figure = empty_figure(4.4 * len(entries), 0.9 + 0.24 * max(most, 4))
    for axes, (family, entry) in zip(
        figure.subplots(1, len(entries), squeeze=False)[0], entries.items(), strict=True
    ):
        _chart(axes, family, entry)
    figure.suptitle(
        "circle: the seed with the median score, bar: the range over the seeds, diamond: a player "
        "that is not trained\nblue: learners that adapt, orange: that remember, green: evolved, "
        "pink: others", fontsize="small",
    )  # fmt: skip
    return figure


def pictures() -> dict[str, Callable[[Any], bytes]]:
    """Return the functions that draw the pictures of `compare`, by the names of the files.

    Such a function takes the result of `compare`, and returns the bytes of a PNG file.
    """
    return {
        "curves.png": lambda result: png(curves(result)),
        "scores.png": lambda result: png(scores(result)),
    }
