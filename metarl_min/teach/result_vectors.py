"""Results of a student's function as vectors.

A result is a number, an array, a tuple or a dict of these. It must have the type and the shapes of
the exact result.

A student's result may be any value. The functions of `result_vectors` trust their other arguments.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from metarl_min.basics.arguments import shown
from metarl_min.basics.trees import Array
from metarl_min.teach.faults import Fault

LARGEST = 1e100  # of the numbers that are compared


def _parts(value: Any) -> dict[str, Any]:
    """Return the parts of a result by their places, such as "[0]". A single array has place ""."""
    if isinstance(value, dict):
        return {f"[{name!r}]": value[name] for name in sorted(value)}
    if isinstance(value, tuple):
        return {f"[{i}]": part for i, part in enumerate(value)}
    return {"": value}


def _kind(value: Any) -> str:
    """Return the type and the shape of a result in words."""
    if isinstance(value, dict | tuple):
        parts = ", ".join(f"{place}: {_kind(part)}" for place, part in _parts(value).items())
        return f"a {type(value).__name__} ({parts})"
    if isinstance(value, np.ndarray) and value.ndim > 0:
        return f"an array of shape {value.shape}"
    number = isinstance(value, float | int | np.ndarray | np.generic)
    return "a number" if number and not isinstance(value, bool) else f"a {type(value).__name__}"


def vector(value: Any) -> Array:
    """Return all entries of a result as one vector. [D]"""
    return np.concatenate([np.asarray(x, float).ravel() for x in _parts(value).values()])


def checked_vector(name: str, value: Any, truth: Any) -> Array:
    """Return a result as a vector; Fault unless it has the kind of the truth and is finite."""
    if _kind(value) != _kind(truth):
        raise Fault("shape", f"{name} must return {_kind(truth)}, got {shown(_kind(value))}.")
    for place, part in _parts(value).items():
        array = np.asarray(part)
        if array.dtype.kind not in "iuf" or (array.dtype.kind == "f" and array.dtype.itemsize < 8):
            rule = "must return numbers of dtype float64"
            raise Fault("dtype", f"{name} {rule}, got {array.dtype}{place and f' at {place}'}.")
        fits = abs(array) <= LARGEST  # NaN does not fit
        if not fits.all():
            index = [int(i) for i in np.argwhere(~fits)[0]]
            got = f"{array[tuple(index)]} at {place}{index or ''}".removesuffix(" at ")
            rule = f"must return finite numbers up to {LARGEST:g}"
            raise Fault("not finite", f"{name} {rule}, got {got}.")
    return vector(value)


def place_of(truth: Any, index: int) -> str:
    """Return the place of an entry of the vector in the result, in the notation of Python."""
    for place, part in _parts(truth).items():
        if index < np.size(part):
            inside = [int(i) for i in np.unravel_index(index, np.shape(part))]
            return f"{place}{inside or ''}"
        index -= np.size(part)
    raise IndexError("the vector has fewer entries")


def first_place(truth: Any, wrong: Array) -> tuple[int, str]:
    """Return the number of the first wrong entry of a vector, and its place in the result."""
    index = int(np.argmax(wrong))
    return index, place_of(truth, index)
