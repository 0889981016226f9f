"""The memory of a recurrent policy during a trial.

`units` shows the hidden units of one trial, a row for each unit. `components` shows the memories of
many trials in two coordinates, with the posterior as the shade of a point. Each row of the matrix x
is a memory. The same row of c holds its coordinates, the first two principal components:

    (1)  c = (x - mean of x) V_2,  x - mean of x = U S V^T             [Jolliffe 2002, sec. 3.5]

In this module, the mean is taken over the rows, U S V^T is the singular value decomposition, S is
its diagonal matrix, and V_2 holds the first two columns of V. In each of these columns, the entry
of the largest size is positive. The share of the variance of component i is S_ii^2 divided by the
sum of all S_jj^2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metarl_min.basics.arguments import floats, indices, instance, require, shaped
from metarl_min.basics.trees import Array
from metarl_min.reports.plots import empty_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHADES = "cividis"  # from dark to light, also in grey and for the colour-blind
MOST_STEPS = 40  # more columns than this have no room for their labels


def principal_components(x: Array) -> tuple[Array, Array]:
    """Return two coordinates of each row, and their shares of the variance, eq. (1).

    x [n, H] -> [n, 2], [2]. ValueError unless x has at least two columns and two different rows.

    >>> c, share = principal_components(np.array([[0.0, 1.0], [3.0, 5.0], [6.0, 9.0]]))
    >>> c[:, 0].round(12).tolist(), share.round(12).tolist()
    ([-5.0, 0.0, 5.0], [1.0, 0.0])
    """
    shape = floats("x", x).shape
    require(len(shape) == 2 and min(shape) > 1, "x must have at least 2 rows and 2 columns", shape)
    centred = x.astype(float) - x.mean(0, dtype=float)
    require(bool(np.any(centred)), "x must have two different rows", "equal rows")
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    largest = axes[np.arange(2), np.argmax(np.abs(axes[:2]), axis=1)]
    axes = axes[:2] * np.sign(largest)[:, None]
    return centred @ axes.T, sizes[:2] ** 2 / np.sum(sizes**2)


def order_of_units(memories: Array) -> Array:
    """Return the numbers of the units, from the largest to the smallest value at the last step.

    memories [steps, H] of one trial. The function trusts its arguments.

    >>> order_of_units(np.array([[9.0, 9.0, 9.0], [0.1, 0.9, 0.5]])).tolist()
    [1, 2, 0]
    """
    return np.argsort(-memories[-1], kind="stable")


def _checked_trial(memories: Any, actions: Any, rewards: Any) -> int:
    """Return the number of steps; an error unless the three arrays belong to one trial."""
    shape = floats("memories", memories).shape
    rule = "memories must have the axes [steps, H], with at least one step and one unit"
    require(len(shape) == 2 and min(shape) > 0, rule, shape)
    steps = shape[0]
    require(steps <= MOST_STEPS, f"a trial must have at most {MOST_STEPS} steps", steps)
    shaped("actions", indices("actions", actions, 10**6), (steps,), "the steps")
    shaped("rewards", floats("rewards", rewards), (steps,), "the steps")
    return steps


def units(memories: Array, actions: Array, rewards: Array) -> Figure:
    """Return the figure of the hidden units of one trial. ImportError without matplotlib.

    memories  the memory with which the action of each step was chosen [steps, H]
    actions   the action of each step [steps]
    rewards   the reward of each step [steps]

    At each step, the policy first takes the observation into its memory, and then chooses the
    action. So `memories` come from `policy_memories[1:]` of a `recurrent_agents.Record`. A row of
    the figure is a unit, in the order of `order_of_units`. A column is the memory at a step. Its
    label is the action and the reward of the step before, because they have just come into this
    memory.
    TypeError or ValueError unless the arrays have these shapes, and there are at most 40 steps.
    """
    steps = _checked_trial(memories, actions, rewards)
    order = order_of_units(memories)
    figure = empty_figure(7.2, 1.3 + 0.11 * min(max(len(order), 12), 48))
    axes = figure.subplots()
    most = float(np.abs(memories).max()) or 1.0
    image = axes.imshow(memories[:, order].T, cmap=SHADES, vmin=-most, vmax=most, aspect="auto")
    pairs = zip(actions[:-1].tolist(), rewards[:-1].tolist(), strict=True)
    axes.set_xticks(range(steps), ["start", *(f"{a}\n{r:.3g}" for a, r in pairs)])
    axes.set(
        yticks=[],
        ylabel="hidden units, sorted",
        xlabel="at each step; below: action and reward of the step before",
    )
    axes.set_title("memory in one trial", loc="left", fontsize="medium")
    figure.colorbar(image, ax=axes, label="value of a unit")
    return figure


def components(memories: Array, posterior: Array, label: Any) -> Figure:
    """Return the figure of many memories in two coordinates, eq. (1). ImportError without
    matplotlib.

    memories   a memory in each row [n, H]
    posterior  a number for each memory, such as the probability of a task after the same steps [n]
    label      the meaning of this number, in words

    TypeError or ValueError unless the arrays have these shapes and `label` is a text.
    """
    points, share = principal_components(memories)
    shaped("posterior", floats("posterior", posterior), memories.shape[:1], "the memories")
    figure = empty_figure(6.2, 4.2)
    axes = figure.subplots()
    dots = axes.scatter(points[:, 0], points[:, 1], 14, posterior, cmap=SHADES, linewidths=0)
    axes.set_xlabel(f"first component ({share[0]:.0%} of the variance)")
    axes.set_ylabel(f"second component ({share[1]:.0%})")
    axes.set_title(
        "a point is the memory after some steps of a trial", loc="left", fontsize="medium"
    )
    figure.colorbar(dots, ax=axes, label=instance("label", label, str))
    return figure
