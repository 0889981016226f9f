"""Parameters: flat dicts of float arrays, with the operations of vectors.

A dict of parameters is called a tree, and its arrays are called leaves. Autograd differentiates
functions of such a dict directly. Leaves may have leading axes: [M] for tasks, [P] for a
population. Linear algebra needs one flat vector [D], and `ravel` makes this vector from a tree.

`map_leaves`, `scale`, `add_scaled`, `total`, `dot`, `sum_tasks`, `broadcast_to_tasks`, `ravel` and
`flatten_tasks` trust their arguments. But if a function takes several trees, it checks that these
trees have the same names. Autograd may trace leaves, but not in `ravel` and `flatten_tasks`.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add
from typing import Any

import autograd.numpy as np
import numpy as onp

from metarl_min.basics import arguments

Array = onp.ndarray
Tree = dict[str, Any]  # name -> float array; during a trace, the box of a float array
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
    """Raise a ValueError unless two trees have the same names."""
    # The keys of a box are a list, which never equals the keys of a dict. So the sets decide.
    if tree.keys() != other.keys() and set(tree) != set(other):
        rule = f"trees must have the same names, {sorted(tree)}"
        raise ValueError(f"{rule}, got {sorted(other)}")


def map_leaves(function: Callable[..., Any], tree: Tree, *others: Tree) -> Tree:
    """Return a tree, in which each leaf is `function` of the leaves with the same name.

    >>> map_leaves(max, {"a": 1.0, "b": 2.0}, {"b": 5.0, "a": 0.0})
    {'a': 1.0, 'b': 5.0}
    """
    for other in others:
        _require_names(tree, other)
    return {name: function(tree[name], *(other[name] for other in others)) for name in tree}


def scale(tree: Tree, factor: Any) -> Tree:
    """Return factor * tree. The factor is a number, or a tree that is multiplied elementwise."""
    if hasattr(factor, "keys"):  # a dict, or the box of a dict
        _require_names(tree, factor)
        return {name: tree[name] * factor[name] for name in tree}
    return {name: factor * tree[name] for name in tree}


def add_scaled(tree: Tree, factor: Any, direction: Tree) -> Tree:
    """Return tree + factor * direction. The factor is a number or a tree, as in `scale`.

    >>> add_scaled({"w": np.array([1.0, 2.0])}, 0.5, {"w": np.array([2.0, 2.0])})
    {'w': array([2., 3.])}
    """
    if hasattr(factor, "keys"):
        direction, factor = scale(direction, factor), 1.0
    _require_names(tree, direction)
    return {name: tree[name] + factor * direction[name] for name in tree}


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

    If the tree `like` is given, sum over the leading axes that leaves of `like` do not have.
    """
    if like is None:
        return {name: tree[name].sum(axis=0) for name in tree}
    _require_names(tree, like)
    return {
        name: leaf.sum(axis=tuple(range(leaf.ndim - like[name].ndim)))
        for name, leaf in tree.items()
    }


def broadcast_to_tasks(tree: Tree, num_tasks: int) -> Tree:
    """Return a tree in which every leaf has a copy for each task, [M, ...].

    During a trace, the gradient in `tree` is the sum of the gradients in the M copies.
    """
    num_tasks = arguments.whole("num_tasks", num_tasks)
    return map_leaves(lambda x: x + onp.zeros((num_tasks, *onp.shape(x)), dtype=x.dtype), tree)


def ravel(tree: Tree) -> tuple[Array, Callable[[Array], Tree]]:
    """Return the leaves as one vector [D], and the function `unravel`: vector -> tree.

    The vector holds the leaves in the order of their names. `unravel` also accepts several vectors
    as one array [..., D]. Then each leaf gets the leading axes of this array.

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
    """Return leaves [M, ...] as one matrix [M, D]. The leaves are in the order of their names."""
    return onp.concatenate([tree[name].reshape(len(tree[name]), -1) for name in sorted(tree)], 1)
