"""Parameters: flat dicts of float arrays, each treated as one vector.

A dict because autograd differentiates dicts natively. Leaves may carry leading axes ([M] tasks,
[P] population); every function works on traced values too. A flat vector appears only at
linear-algebra borders, through `ravel`.
"""

from collections.abc import Callable
from typing import Any

import autograd.numpy as np
import numpy as onp

from metarl_min.basics import arguments

Array = onp.ndarray
Tree = dict[str, Any]  # name -> float array; while tracing, autograd's boxes of them
Rng = onp.random.Generator


def check(tree: Tree) -> Tree:
    """Return `tree`, a non-empty dict of finite float arrays; else TypeError or ValueError."""
    if not isinstance(tree, dict) or not tree:
        raise TypeError(f"parameters must be a non-empty dict of float arrays, got {tree!r}")
    for name, leaf in tree.items():
        arguments.floats(f"parameter {name!r}", leaf)
    return tree


def map_leaves(function: Callable[..., Any], tree: Tree, *others: Tree) -> Tree:
    """Apply `function` to each leaf of `tree` and the leaves of that name in `others`."""
    return {name: function(tree[name], *(other[name] for other in others)) for name in tree}


def scale(tree: Tree, factor: Any) -> Tree:
    """Return `factor * tree`; the factor is a number, or a tree of one for each entry."""
    if hasattr(factor, "keys"):
        return map_leaves(lambda x, y: x * y, tree, factor)
    return map_leaves(lambda x: factor * x, tree)


def add_scaled(tree: Tree, factor: Any, direction: Tree) -> Tree:
    """Return `tree + factor * direction`; the factor is a number or a tree.

    >>> add_scaled({"w": np.array([1.0, 2.0])}, 0.5, {"w": np.array([2.0, 2.0])})
    {'w': array([2., 3.])}
    """
    return map_leaves(lambda x, d: x + d, tree, scale(direction, factor))


def dot(tree: Tree, other: Tree) -> Any:
    """Return the inner product of two trees, summed over every axis and leaf."""
    return sum(np.sum(tree[name] * other[name]) for name in tree)


def sum_tasks(tree: Tree, like: Tree | None = None) -> Tree:
    """Sum every leaf over its leading axis, or over all leading axes that `like` has not."""
    if like is None:
        return map_leaves(lambda x: np.sum(x, axis=0), tree)
    return map_leaves(lambda x, y: np.sum(x, axis=tuple(range(x.ndim - y.ndim))), tree, like)


def broadcast_to_tasks(tree: Tree, num_tasks: int) -> Tree:
    """Give every leaf a leading axis of tasks; traced, so the gradient sums over them."""
    return map_leaves(lambda x: x + onp.zeros((num_tasks, *onp.shape(x)), dtype=x.dtype), tree)


def ravel(tree: Tree) -> tuple[Array, Callable[[Array], Tree]]:
    """Return the leaves as one vector [D], in the order of their names, and the way back.

    The way back also takes vectors side by side, [..., D]: leaves get their leading axes.

    >>> vector, unravel = ravel({"b": np.zeros(1), "a": np.ones((2, 1))})
    >>> vector, unravel(vector)["a"].shape
    (array([1., 1., 0.]), (2, 1))
    """
    names, shapes = sorted(tree), {name: onp.shape(tree[name]) for name in tree}
    ends = onp.cumsum([onp.prod(shapes[name], dtype=int) for name in names])

    def unravel(vector: Array) -> Tree:
        parts = zip(names, onp.split(vector, ends[:-1], axis=-1), strict=True)
        return {name: x.reshape((*vector.shape[:-1], *shapes[name])) for name, x in parts}

    return onp.concatenate([onp.ravel(tree[name]) for name in names]), unravel


def flatten_tasks(tree: Tree) -> Array:
    """Return leaves [M, ...] as one matrix [M, D], in the order of their names."""
    return onp.concatenate([tree[name].reshape(len(tree[name]), -1) for name in sorted(tree)], 1)
