"""Numbers, arrays and trees as vectors, and functions that are called with copies.

A check treats a function of a number, an array or a tree as a function of one vector [D]. A user's
function is always called with a copy. So if the function writes into its argument, the array of the
caller and the next call do not change.
"""

import copy
import math
from collections.abc import Callable
from numbers import Number
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.arguments import floats, require, shown
from metarl_min.basics.trees import Array

EPS = float(np.finfo(float).eps)
ScalarFunction = Callable[[Any], Any]  # (number, array or tree) -> number


class Point(NamedTuple):
    """The argument of a function as a vector, and the way back from a vector to an argument."""

    given: Any  # the number, array or tree itself; a list has become an array
    vector: Array  # [D], float64
    rebuild: Callable[[Array], Any]  # a vector [D] -> number, array or tree


def as_vector(x: Any) -> tuple[Array, Callable[[Array], Any]]:
    """Return an array or a tree as one vector [D] of float64, and the function vector -> x."""
    if not isinstance(x, dict):
        return np.array(x, float).ravel(), lambda vector: vector.reshape(np.shape(x))
    vector, unravel = trees.ravel(x)
    return vector.astype(float), unravel


def point(x: Any) -> Point:
    """Return the argument x of a function as a Point. x is a float, a list, an array or a tree.

    TypeError for integers and for other kinds, ValueError for no entries and for NaN.

    >>> point([1.0, 2.0]).vector
    array([1., 2.])
    """
    if isinstance(x, float | np.floating):
        require(math.isfinite(x), "x must be finite", x)
        return Point(given=x, vector=np.array([x], float), rebuild=lambda vector: vector[0])
    if isinstance(x, bool | int | np.generic):
        raise TypeError(f"x must be floats, such as 3.0 or [1.0, 2.0], got {x!r}")
    if isinstance(x, dict):
        trees.check(x)
    else:
        x = floats("x", as_array("x", x) if isinstance(x, list | tuple) else x)
    vector, rebuild = as_vector(x)
    require(vector.size > 0, "x must have at least one entry", vector)
    return Point(given=x, vector=vector, rebuild=rebuild)


def as_array(name: str, value: Any) -> Array:
    """Return numbers, lists and arrays as an array. ValueError for rows of different lengths."""
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must have rows of one length, got {shown(value)}") from error


def real_numbers(name: str, value: Any) -> Array:
    """Return the value as an array of real numbers.

    TypeError for other numbers, and for masked arrays and matrices.
    """
    result = as_array(name, value)
    if isinstance(value, np.ma.MaskedArray | np.matrix) or result.dtype.kind not in "iuf":
        got = f"{type(value).__name__} of {result.dtype}"
        raise TypeError(f"{name} must hold real numbers, got {got}, {shown(repr(value))}")
    return result


def check_numbers(name: str, value: Any) -> Any:
    """Return a tree with arrays as leaves, and any other value as an array.

    TypeError unless the value holds real numbers.
    """
    if isinstance(value, dict):
        return {key: real_numbers(f"{name}[{key!r}]", leaf) for key, leaf in value.items()}
    return real_numbers(name, value)


def _shapes(x: Any) -> Any:
    return trees.map_leaves(np.shape, x) if isinstance(x, dict) else np.shape(x)


def matching_vector(name: str, x: Any, y: Any) -> Array:
    """Return y as a vector [D]. `name` says in errors what y is.

    TypeError unless y holds real numbers, ValueError unless it has the names and shapes of x.
    """
    y = check_numbers(name, y)
    expected, got = _shapes(x), _shapes(y)
    require(expected == got, f"names and shapes of {name} must be {expected}", got)
    return as_vector(y)[0]


def coarsest_dtype(*values: Any) -> np.dtype[Any]:
    """Return the float dtype with the largest eps, among float64 and the dtypes of the values.

    >>> coarsest_dtype(np.ones(2, np.float32), {"w": np.ones(2)})
    dtype('float32')
    """
    leaves = [leaf for x in values for leaf in (x.values() if isinstance(x, dict) else [x])]
    dtypes = [np.asarray(leaf).dtype for leaf in leaves]
    real = [dtype for dtype in dtypes if dtype.kind == "f"]
    return max([np.dtype(float), *real], key=lambda dtype: float(np.finfo(dtype).eps))


def call_with_copy(function: Callable[[Any], Any], x: Any) -> tuple[Any, bool]:
    """Return function(a copy of x), and whether the function changed its argument in place."""
    handed = copy.deepcopy(x)
    result = function(handed)
    return result, not _same(handed, x)


def _same(x: Any, y: Any) -> bool:
    """Return whether two nests of dicts, sequences and arrays hold the same numbers and texts.

    NaN is equal to NaN. Other objects are not compared.
    """
    if isinstance(x, dict):
        return x.keys() == y.keys() and all(_same(x[name], y[name]) for name in x)
    if isinstance(x, list | tuple):
        return len(x) == len(y) and all(map(_same, x, y))
    if isinstance(x, np.ndarray):
        return bool(np.array_equal(x, y, equal_nan=x.dtype.kind in "fc"))
    return x == y or x != x if isinstance(x, Number | str) else True


def entry_name(x: Any, index: int) -> str:
    """Return how Python writes the index of one entry of x.

    `index` is the place of this entry in the vector [D] of x. A number has no index.

    >>> entry_name({"w": np.zeros((2, 3))}, 4)
    "['w'][1, 1]"
    """
    for name, leaf in sorted(x.items()) if isinstance(x, dict) else [("", x)]:
        if index < np.size(leaf):
            place = [int(i) for i in np.unravel_index(index, np.shape(leaf))]
            prefix = f"[{name!r}]" if isinstance(x, dict) else ""
            return prefix + (str(place) if place else "") or "the number"
        index -= np.size(leaf)
    raise IndexError("x has fewer entries")
