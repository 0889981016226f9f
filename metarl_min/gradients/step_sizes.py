"""Rules for the inner step size alpha during training: alpha is fixed, or alpha is learned.

A learned alpha ascends as theta does, outer_updates (1). In this module, u is the number that
`adaptation_settings.unit_of_alpha` returns. The default alpha is a number divided by u, so the
product alpha u does not depend on the unit of the rewards. The optimizer ascends in alpha u, and
the gradient in alpha u is dF/dalpha / u. This gradient has the unit of dF/dtheta, so the same
optimizer fits alpha u and theta.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.arguments import function
from metarl_min.basics.optimizers import Optimizer
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Tree

InitOptimizer = Callable[[Tree], Any]  # parameters -> first state of their optimizer
Gradient = Callable[[], Tree]


@checked(lambda init, ascend: (function("init", init), function("ascend", ascend)))
class LearnAlpha(NamedTuple):
    """A rule for alpha, as two functions.

    `init(alpha, theta, init_optimizer)` returns alpha and the state of the optimizer of alpha.
    `ascend(optimizer, alpha, optimizer_state, gradient, num_tasks, unit)` returns the next alpha
    and the next state of its optimizer. `gradient()` returns dF/dalpha of each parameter, summed
    over the tasks.
    """

    init: Callable[..., tuple[Any, Any]]
    ascend: Callable[..., tuple[Any, Any]]


def _init_fixed(alpha: float, theta: Tree, init_optimizer: InitOptimizer) -> tuple[Any, Any]:
    return alpha, ()


def _keep(
    optimizer: Optimizer, alpha: Any, state: Any, gradient: Gradient, num_tasks: int, unit: float
) -> tuple[Any, Any]:
    return alpha, state


def _init_one(alpha: float, theta: Tree, init_optimizer: InitOptimizer) -> tuple[Any, Any]:
    return alpha, init_optimizer({"alpha": np.array(alpha)})


def _ascend_one(
    optimizer: Optimizer, alpha: Any, state: Any, gradient: Gradient, num_tasks: int, unit: float
) -> tuple[Any, Any]:
    """Ascend in one number alpha. dF/dalpha is then the sum over all parameters."""
    g = {"alpha": np.array(sum(leaf.sum() for leaf in gradient().values()) / num_tasks / unit)}
    leaf, state = optimizer.update({"alpha": np.array(alpha * unit)}, state, g)
    return float(leaf["alpha"] / unit), state


def _init_each(alpha: float, theta: Tree, init_optimizer: InitOptimizer) -> tuple[Any, Any]:
    tree = trees.map_leaves(lambda leaf: np.full_like(leaf, alpha), theta)
    return tree, init_optimizer(tree)


def _ascend_each(
    optimizer: Optimizer, alpha: Any, state: Any, gradient: Gradient, num_tasks: int, unit: float
) -> tuple[Any, Any]:
    g = trees.map_leaves(lambda leaf: leaf / num_tasks / unit, gradient())
    tree, state = optimizer.update(trees.scale(alpha, unit), state, g)
    return trees.map_leaves(lambda leaf: leaf / unit, tree), state


class StepSizes(NamedTuple):
    """The smallest, the median and the largest of many step sizes."""

    min: float
    median: float
    max: float


def summary(alpha: Any) -> Any:
    """Return one step size as it is, and the `StepSizes` of a tree of step sizes.

    This function trusts its arguments.

    >>> summary({"b": np.array([0.5]), "W": np.array([[2.0, -1.0]])})
    StepSizes(min=-1.0, median=0.5, max=2.0)
    """
    if not isinstance(alpha, dict):
        return alpha
    x = np.sort(np.concatenate([leaf.ravel() for leaf in alpha.values()]))
    middle = (x[(len(x) - 1) // 2] + x[len(x) // 2]) / 2
    return StepSizes(min=float(x[0]), median=float(middle), max=float(x[-1]))


fixed_alpha = LearnAlpha(init=_init_fixed, ascend=_keep)
one_alpha = LearnAlpha(init=_init_one, ascend=_ascend_one)
alpha_per_parameter = LearnAlpha(init=_init_each, ascend=_ascend_each)
LEARN_ALPHA = {"no": fixed_alpha, "scalar": one_alpha, "each": alpha_per_parameter}
