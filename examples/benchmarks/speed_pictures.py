"""The picture of speed.py, from the record that it writes as JSON: one panel for each part.

python examples/benchmarks/speed_pictures.py FILE.json FILE.png
"""

import json
import sys
from pathlib import Path

import numpy as np
from speed_tables import OTHERS, others_of, ratio, seconds_of


def draw_ratios(axes, record):
    """Draw the ratios as bars, with a line at 1, where both programs take equally long."""
    others, names = others_of(record), list(record["workloads"])
    for i, key in enumerate(others):
        values = [ratio(sizes["once"], key) for sizes in record["workloads"].values()]
        _bars(axes, i, len(others), np.array(values).T, f"library / {OTHERS[key]}")
    axes.axhline(1, color="grey")
    axes.set(yscale="log", ylabel="ratio of CPU time", xticks=range(len(names)), xticklabels=names)
    ticks = [0.125, 0.25, 0.5, 1, 2, 4, 8]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks([], minor=True)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)


def _bars(axes, i, count, values, label):
    """Draw bar i of `count` in each group, with its range. values [3, groups]"""
    middle, low, high = values
    places = np.arange(len(middle)) + 0.8 * (i + 0.5) / count - 0.4
    axes.bar(places, middle, 0.8 / count, label=label)
    axes.vlines(places, low, high, color="black")


def _with_range(numbers):
    return np.median(numbers), min(numbers), max(numbers)


def draw_quality(axes, record):
    """Draw the CPU seconds until each score is reached. A score that is not reached has no bar."""
    found = record["quality"]
    keys = [key for key in ("library", "earlier") if key in next(iter(found.values()))]
    for i, key in enumerate(keys):
        values = [_with_range(seconds_of(results[key])) for results in found.values()]
        drawn = np.where(np.isfinite(values), values, np.nan)
        _bars(axes, i, len(keys), drawn.T, {"earlier": "earlier build"}.get(key, key))
    names = [
        f"{name}, {results['score']:.2f}".replace(" ", "\n") for name, results in found.items()
    ]
    axes.set_xticks(range(len(names)), names)
    axes.set(ylabel="CPU seconds to the score")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)


def draw_episodes(axes, record):
    """Draw the CPU time of each part of W3 over the number of episodes."""
    found = record["episodes"]
    for part, ms in found["ms"].items():
        axes.plot(found["episodes"], np.median(ms, 0), "o-", label=part)
    axes.set(xscale="log", yscale="log", xlabel="episodes of a stage", ylabel="CPU ms, W3")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)


def draw_workers(axes, record):
    """Draw the wall seconds of a generation, as parts of those in this process."""
    sizes = record["workers"]
    for i, found in enumerate(sizes):
        alone = np.median(found["seconds"][0])
        values = np.array([_with_range(seconds) for seconds in found["seconds"]]).T / alone
        _bars(axes, i, len(sizes), values, f"{found['num_tasks']} tasks")
    labels = ["no worker", "1 worker", "2 workers"]
    axes.set_xticks(range(len(labels)), labels)
    axes.set(ylabel="wall time of a generation,\n/ no worker")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)


PANELS = {
    "workloads": draw_ratios,
    "quality": draw_quality,
    "episodes": draw_episodes,
    "workers": draw_workers,
}


def draw(record, path):
    """Draw a panel for each part of the record."""
    from matplotlib.figure import Figure

    panels = [draw_part for part, draw_part in PANELS.items() if part in record]
    rows = (len(panels) + 1) // 2
    figure = Figure(figsize=(5.5 * min(2, len(panels)), 3.2 * rows), layout="constrained")
    grid = figure.subplots(rows, min(2, len(panels)), squeeze=False).ravel()
    for axes, draw_part in zip(grid, panels, strict=False):
        draw_part(axes, record)
    for axes in grid[len(panels) :]:
        axes.remove()
    figure.savefig(path)


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), sys.argv[2])
