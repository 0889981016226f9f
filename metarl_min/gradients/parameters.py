"""Checks of the parameters and the step sizes that a user gives to a function of this room."""

from functools import lru_cache
from typing import Any

import autograd.numpy as np
import numpy as onp
from autograd.tracer import isbox

from metarl_min.basics import trees
from metarl_min.basics.arguments import instance, pair, real, require, whole
from metarl_min.basics.trees import Tree
from metarl_min.mdps.policies import Policy


def _is_traced(tree: Any) -> bool:
    """Return whether autograd traces a number, a tree or a leaf of it."""
    return isbox(tree) or (isinstance(tree, dict) and any(isbox(leaf) for leaf in tree.values()))


def _shapes(tree: Tree, *leading: int) -> dict[str, tuple[int, ...]]:
    return {name: (*leading, *np.shape(leaf)) for name, leaf in tree.items()}


@lru_cache(maxsize=64)
def _initial_shapes(policy: Policy, num_states: int, num_actions: int) -> dict[str, Any]:
    """Return the shapes of the parameters of a policy. They are kept for the next check."""
    return _shapes(policy.init(onp.random.default_rng(0), num_states, num_actions))


def check_parameters(
    policy: Policy, theta: Tree, shape: tuple[int, int], num_tasks: int | None = None
) -> None:
    """Raise an error unless theta are parameters of the policy for tasks of the shape (S, A).

    With `num_tasks`, all leaves may have the leading axis [M]: each task then has its own
    parameters. If autograd traces theta, only names and shapes are checked.
    """
    instance("policy", policy, Policy)
    if not _is_traced(theta):
        trees.check(theta)
    shapes, got = _initial_shapes(policy, *pair("shape", shape)), _shapes(theta)
    M = () if num_tasks is None else (whole("num_tasks", num_tasks),)
    if not M or got != {name: (*M, *axes) for name, axes in shapes.items()}:
        require(got == shapes, f"theta must have the names and shapes {shapes}", got)


def check_step_sizes(alpha: Any, theta: Tree, num_tasks: int | None = None) -> Any:
    """Return alpha; an error unless it is a number, at least 0, or a tree with the shapes of theta.

    The entries of a tree may be negative, because step sizes that are learned may change signs. If
    theta has the leading axis [M] with M = `num_tasks`, alpha may have this axis too. A tree alpha
    without this axis holds the same step sizes for all tasks. If autograd traces alpha, only names
    and shapes are checked.
    """
    if hasattr(alpha, "keys"):  # a dict, or autograd's box of one
        got = _shapes(alpha if _is_traced(alpha) else trees.check(alpha))
        shapes = _shapes(theta if _is_traced(theta) else trees.check(theta))
        M = () if num_tasks is None else (whole("num_tasks", num_tasks),)
        shared = _shapes(alpha, *M) == shapes
        require(shared or got == shapes, f"alpha must have the names and shapes {shapes}", got)
        return alpha
    return alpha if isbox(alpha) else real("alpha", alpha, 0)
