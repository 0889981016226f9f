"""The time line of a trial: its episodes, its stages, and the inner steps between the stages.

A box is an episode. All boxes of one stage are played with the same parameters phi_k, which stand
above the boxes. An arrow below the boxes is an inner step from the data set of a stage. The stages
are those of `gradients/trials`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metarl_min.basics.arguments import require, sequence, whole
from metarl_min.reports.plots import COLOURS, empty_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_EPISODES = 60  # more boxes than this are too narrow on a page
GAP = 0.6  # between two stages, in widths of a box


def _checked(sizes: Any) -> list[int]:
    """Return the sizes of the stages; an error unless all episodes fit on a page."""
    numbers = [whole(f"sizes[{k}]", x) for k, x in enumerate(sequence("sizes", sizes))]
    require(len(numbers) > 0, "sizes must have an entry for each stage", "none")
    rule = f"sizes must have a sum of at most {MOST_EPISODES} episodes"
    require(sum(numbers) <= MOST_EPISODES, rule, sum(numbers))
    return numbers


def _inner_step(axes: Axes, k: int, left: float, right: float) -> None:
    """Draw the arrow of inner step k, from the middle of stage k to the next stage."""
    how = {"arrowstyle": "->", "color": COLOURS[1], "connectionstyle": "arc3,rad=0.3"}
    axes.annotate("", (right, -0.08), (left, -0.08), arrowprops={**how, "linewidth": 1.5})
    label = f"inner step {k + 1}" if k == 0 else f"{k + 1}"
    axes.text((left + right) / 2, -0.85, label, ha="center", va="top", fontsize="small",
              color=COLOURS[1])  # fmt: skip


def draw(sizes: Any) -> Figure:
    """Return the figure of the time line. ImportError without matplotlib.

    sizes  the number of episodes of each stage, such as `Adaptation.sizes`

    TypeError or ValueError unless `sizes` holds at least one number, and all of them are at least
    1, and there are at most 60 episodes.
    """
    from matplotlib.patches import Rectangle

    numbers = _checked(sizes)
    firsts = np.cumsum([0, *numbers])  # number of the episodes before each stage
    starts = firsts[:-1] + GAP * np.arange(len(numbers))
    figure = empty_figure(7.2, 1.7)
    axes = figure.subplots()
    for k, (x, size) in enumerate(zip(starts, numbers, strict=True)):
        for i in range(size):
            shade = "0.9" if k % 2 == 0 else "0.75"
            axes.add_patch(Rectangle((x + i, 0), 1, 0.8, facecolor=shade, edgecolor="0.3"))
            if sum(numbers) <= 30:
                axes.text(x + i + 0.5, 0.4, f"{firsts[k] + i + 1}", ha="center", va="center")
        label = f"stage {k}: $\\phi_{{{k}}}$" if k == 0 or size > 3 else f"$\\phi_{{{k}}}$"
        axes.text(x + size / 2, 0.95, label, ha="center", va="bottom")
        if k + 1 < len(numbers):
            _inner_step(axes, k, x + size / 2, starts[k + 1] + 0.5)
    axes.set(xlim=(-0.3, starts[-1] + numbers[-1] + 0.3), ylim=(-1.5, 1.6))
    axes.set_title("a box is an episode of the trial", loc="left", fontsize="medium")
    axes.axis("off")
    return figure
