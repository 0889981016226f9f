"""Checks of arguments: an error states the rule, and then the value that broke it.

Public functions call these checks on their arguments, outside of code that autograd traces. No
check changes or repairs a value. A check returns the value that it has checked, so that it can
stand where the value is used: `horizon=whole("horizon", horizon)`. A number comes back as a Python
number. An error shows at most SHOWN characters of a value.
"""

import math
import numbers
import random
import sys
from functools import lru_cache
from typing import Any

import numpy as np

SHOWN = 200


def shown(value: object) -> str:
    """Return the text of a value for an error, cut after SHOWN characters."""
    try:
        text = str(value)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a number of too many digits"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}.. ({len(text):,} characters)"


def require(condition: bool, rule: str, got: object) -> None:
    """Raise a ValueError with the rule and the value, unless the condition holds.

    >>> require(-1 > 0, "sigma must be positive", -1)
    Traceback (most recent call last):
    ValueError: sigma must be positive, got -1
    """
    if not condition:
        raise ValueError(f"{rule}, got {shown(got)}")


def require_all(condition: Any, rule: str, values: Any) -> None:
    """Raise a ValueError with the rule, the first value that breaks it, and its place.

    `condition` has a bool for each entry of the array `values`: False if the entry breaks the rule.

    >>> require_all(np.array([True, False]), "means must be at most 1", np.array([0.5, 1.7]))
    Traceback (most recent call last):
    ValueError: means must be at most 1, got 1.7 at [1]
    """
    if not condition.all():
        place = np.unravel_index(np.argmin(condition), condition.shape)
        at = f" at {[int(i) for i in place]}" if place else ""  # a number has no place
        raise ValueError(f"{rule}, got {values[place]}{at}")


def instance(name: str, value: Any, kind: type) -> Any:
    """Return the value; TypeError unless it is of the type `kind`."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be of type {kind.__name__}, got {type(value).__name__}")
    return value


def function(name: str, value: Any) -> Any:
    """Return the value; TypeError unless it can be called."""
    if not callable(value):
        raise TypeError(f"{name} must be a function, got {shown(repr(value))}")
    return value


def sequence(name: str, value: Any) -> tuple[Any, ...]:
    """Return the entries of a tuple, list or array as a tuple; TypeError for anything else."""
    if not isinstance(value, (tuple, list, np.ndarray)) or getattr(value, "ndim", 1) == 0:
        raise TypeError(f"{name} must be a tuple, got {shown(repr(value))}")
    return tuple(value)


def generator(name: str, value: Any) -> Any:
    """Return the value, a `numpy.random.Generator`; TypeError for anything else.

    An object whose class has a method `random` may stand in for a generator. A `RandomState`, a
    `random.Random` and the module `numpy.random` are refused, because other code may share them.
    """
    if isinstance(value, np.random.Generator):
        return value
    older = isinstance(value, (np.random.RandomState, random.Random))
    if older or not callable(getattr(type(value), "random", None)):
        got = shown(repr(value))
        raise TypeError(f"{name} must be a Generator, as numpy.random.default_rng(0), got {got}")
    return value


def shaped(name: str, value: Any, shape: tuple[int, ...], owner: str) -> Any:
    """Return an array; ValueError unless it has this shape. `owner` names the array to match."""
    got = value.shape if hasattr(value, "shape") else np.shape(value)
    if got != shape:
        raise ValueError(f"{name} must have the shape of {owner}, {shape}, got {got}")
    return value


def whole(name: str, value: Any, low: int = 1, high: float = sys.maxsize) -> int:
    """Return the value as an int.

    TypeError unless it is a whole number, ValueError unless it is in [low, high]. The default of
    `high` is the largest length of an axis. A seed may be larger, so its `high` is infinite.
    """
    if isinstance(value, bool) or not isinstance(value, (int, numbers.Integral)):
        raise TypeError(f"{name} must be a whole number, got {shown(repr(value))}")
    number = int(value)
    if not low <= number <= high:
        bound = f"at least {low}" if number < low else f"at most {high}"
        raise ValueError(f"{name} must be {bound}, got {shown(number)}")
    return number


def flag(name: str, value: Any) -> bool:
    """Return the value as a bool; TypeError unless it is True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {shown(repr(value))}")
    return bool(value)


def pair(name: str, value: Any) -> tuple[int, int]:
    """Return a pair of whole numbers, such as (S, A); TypeError or ValueError for anything else."""
    if not isinstance(value, tuple) or len(value) != 2:
        raise TypeError(f"{name} must be a pair of whole numbers, got {shown(repr(value))}")
    return whole(f"{name}[0]", value[0]), whole(f"{name}[1]", value[1])


def real(name: str, value: Any, low: float = -np.inf, high: float = np.inf) -> float:
    """Return the value as a float.

    TypeError unless it is a real number, ValueError unless it is finite and in [low, high].
    """
    if isinstance(value, bool) or not isinstance(value, (float, int, numbers.Real)):
        raise TypeError(f"{name} must be a real number, got {shown(repr(value))}")
    try:
        number = float(value)
    except OverflowError:  # a whole number or a fraction that no float can hold
        number = -np.inf if value < 0 else np.inf
    if not (np.isfinite(number) and low <= number <= high):
        bounded = np.isfinite([low, high]).any()
        rule = f"{name} must be finite" + (f", from {low} to {high}" if bounded else "")
        raise ValueError(f"{rule}, got {number}")
    return number


def array(name: str, value: Any, kinds: str = "f", noun: str = "floats") -> np.ndarray:
    """Return the value; TypeError unless it is an array whose `dtype.kind` is in `kinds`."""
    if type(value) is not np.ndarray:
        other = (np.ma.MaskedArray, np.matrix)  # Their arithmetic differs from plain arrays.
        if not isinstance(value, np.ndarray) or isinstance(value, other):
            raise TypeError(f"{name} must be an array of {noun}, got {type(value).__name__}")
    if value.dtype.kind not in kinds:
        raise TypeError(f"{name} must be an array of {noun}, got {value.dtype}")
    return value


def floats(name: str, value: Any, low: float = -np.inf, high: float = np.inf) -> np.ndarray:
    """Return the value, an array of floats.

    TypeError for another dtype, also for integers; ValueError unless all floats are finite and in
    [low, high].
    """
    array(name, value)
    if not math.isfinite(np.vdot(value, value)):  # the sum of the squares; it may overflow
        finite = np.isfinite(value)
        if not finite.all():
            require_all(finite, f"{name} must be finite", value)
    bounded = low > -np.inf or high < np.inf
    # A bound may be too large for the dtype of the value, so Python numbers are compared.
    if bounded and value.size and (float(value.min()) < low or float(value.max()) > high):
        fits = (value.astype(float) >= low) & (value.astype(float) <= high)
        require_all(fits, f"{name} must be from {low} to {high}", value)
    return value


def indices(name: str, value: Any, size: int) -> np.ndarray:
    """Return the value, an array of whole numbers from 0 to size - 1.

    TypeError for any other dtype, and also for uint64: the sum of uint64 and int64 is a float.
    ValueError for a number that is out of range.
    """
    array(name, value, "iu", "whole numbers")
    if value.dtype == np.uint64:
        raise TypeError(f"{name} must be an array of whole numbers up to int64, got uint64")
    if value.size and not (value.min() >= 0 and value.max() < size):
        require_all((value >= 0) & (value < size), f"{name} must be from 0 to {size - 1}", value)
    return value


def truths(name: str, value: Any) -> np.ndarray:
    """Return the value, an array of bools; TypeError for anything else."""
    array(name, value, "b", "bool")
    return value


@lru_cache(64)
def _ones(size: int) -> np.ndarray:
    return np.ones(size)


@lru_cache(64)
def _tolerance(dtype: np.dtype[Any]) -> float:
    """Return the square root of the eps of a float dtype."""
    return float(np.sqrt(np.finfo(dtype).eps))


def probabilities(name: str, value: Any) -> np.ndarray:
    """Return the value [..., n], an array whose rows are probabilities.

    ValueError if an entry is negative, or if the sum of a row differs from one by more than
    1.5e-8 (3.5e-4 for float32), the square root of the eps of the dtype.
    """
    array(name, value)
    if value.ndim == 0:
        raise ValueError(f"{name} must have an axis, got {value}")
    smallest = value.min(initial=0.0)  # NaN if an entry is NaN
    if not smallest >= 0:
        floats(name, value)
        raise ValueError(f"{name} must not be negative, got {smallest}")
    error = np.abs(value @ _ones(value.shape[-1]) - 1).max(initial=0.0)
    if error > _tolerance(value.dtype):
        floats(name, value)
        raise ValueError(f"rows of {name} must sum to one, got a row that is off by {error:.3g}")
    return value
