"""Parameters: flat dicts of float arrays, which the functions here treat as vectors.

A dict is called a tree and its arrays are called leaves. Parameters are dicts because autograd
differentiates dicts directly. The leaves may have leading axes, [M] for tasks or [P] for a
population. Every function accepts leaves that autograd is tracing. One flat vector [D] is needed
only for linear algebra, and `ravel` makes it.

`map_leaves`, `scale`, `add_scaled`, `total`, `dot`, `sum_tasks`, `broadcast_to_tasks`, `ravel` and
`flatten_tasks` trust their arguments. Only the names of two trees must be the same.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add
from typing import Any

import autograd.numpy as np
import numpy as onp

from metarl_min.basics import arguments

Array = onp.ndarray
Tree = dict[str, Any]  # name -> float array, or the box of one while autograd is tracing
Rng = onp.random.Generator


def check(tree: Tree) -> Tree:
    """Return the tree; TypeError or ValueError unless it is a non-empty dict of finite floats."""
    if not isinstance(tree, dict) or not tree:
        raise TypeError(f"parameters must be a non-empty dict of float arrays, got {tree!r}")
    for name, leaf in tree.items():
        arguments.instance("the name of a parameter", name, str)
        arguments.floats(f"parameter {name!r}", leaf)
    return tree


def check_like(name: str, tree: Tree, like: Tree, owner: str) -> Tree:
    """Return the tree; TypeError or ValueError unless it has the names and shapes of `like`."""
    arguments.instance(name, tree, dict)
    if tree.keys() != like.keys():
        rule = f"{name} must have the names {sorted(like, key=str)}"
        arguments.require(False, rule, sorted(tree, key=str))
    for key, leaf in tree.items():
        arguments.shaped(f"{name} {key!r}", leaf, onp.shape(like[key]), owner)
    return tree


def _require_names(tree: Tree, other: Tree) -> None:
    """Raise a ValueError unless two trees have the same names; autograd may trace them."""
    # The keys of a box are a list.
    if tree.keys() != other.keys() and set(tree) != set(other):
        rule = f"trees must have the same names, {sorted(tree)}"
        raise ValueError(f"{rule}, got {sorted(other)}")


def map_leaves(function: Callable[..., Any], tree: Tree, *others: Tree) -> Tree:
    """Return the tree of function(leaf, ..), called with the leaves of one name in all trees.

    >>> map_leaves(max, {"a": 1.0, "b": 2.0}, {"b": 5.0, "a": 0.0})
    {'a': 1.0, 'b': 5.0}
    """
    for other in others:
        _require_names(tree, other)
    return {name: function(tree[name], *(other[name] for other in others)) for name in tree}


def scale(tree: Tree, factor: Any) -> Tree:
    """Return factor * tree. The factor is a number, or a tree with a factor for each entry."""
    if hasattr(factor, "keys"):  # a dict, or autograd's box of one
        return map_leaves(lambda x, y: x * y, tree, factor)
    return map_leaves(lambda x: factor * x, tree)


def add_scaled(tree: Tree, factor: Any, direction: Tree) -> Tree:
    """Return tree + factor * direction. The factor is a number or a tree.

    >>> add_scaled({"w": np.array([1.0, 2.0])}, 0.5, {"w": np.array([2.0, 2.0])})
    {'w': array([2., 3.])}
    """
    return map_leaves(lambda x, d: x + d, tree, scale(direction, factor))


def total(parts: Sequence[Tree]) -> Tree:
    """Return the sum of several trees, added from left to right."""
    for part in parts:
        _require_names(parts[0], part)
    return {name: reduce(add, [part[name] for part in parts]) for name in parts[0]}


def dot(tree: Tree, other: Tree) -> Any:
    """Return the inner product of two trees, a sum over all axes of all leaves."""
    _require_names(tree, other)
    return sum(np.sum(tree[name] * other[name]) for name in tree)


def sum_tasks(tree: Tree, like: Tree | None = None) -> Tree:
    """Return the tree with every leaf summed over its first axis.

    With a tree `like`, sum over all leading axes that the leaves of `like` do not have.
    """
    if like is None:
        return map_leaves(lambda x: np.sum(x, axis=0), tree)
    return map_leaves(lambda x, y: np.sum(x, axis=tuple(range(x.ndim - y.ndim))), tree, like)


def broadcast_to_tasks(tree: Tree, num_tasks: int) -> Tree:
    """Return the tree with a copy of every leaf for each task, [M, ...].

    Autograd traces the copies, so a gradient in the tree is the sum of the gradients of the tasks.
    """
    num_tasks = arguments.whole("num_tasks", num_tasks)
    return map_leaves(lambda x: x + onp.zeros((num_tasks, *onp.shape(x)), dtype=x.dtype), tree)


def ravel(tree: Tree) -> tuple[Array, Callable[[Array], Tree]]:
    """Return the leaves as one vector [D], and the function that makes a tree of such a vector.

    Leaves are in the order of their names. The function also accepts several vectors, [..., D];
    then the leaves have these leading axes.

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
