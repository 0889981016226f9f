"""Checks of arguments: an error states the rule, and then the value that broke it.

Public functions call these checks on their arguments, outside of code that autograd traces. No
check changes or repairs a value. A check returns the value that it has checked, so that it can
stand where the value is used: `horizon=whole("horizon", horizon)`.
"""

import numbers
from typing import Any

import numpy as np


def require(condition: bool, rule: str, got: object) -> None:
    """Raise a ValueError with the rule and the value, unless the condition holds.

    >>> require(-1 > 0, "sigma must be positive", -1)
    Traceback (most recent call last):
    ValueError: sigma must be positive, got -1
    """
    if not condition:
        raise ValueError(f"{rule}, got {got}")


def whole(name: str, value: Any, low: int = 1) -> int:
    """Return the value as an int.

    TypeError unless it is a whole number, ValueError if it is below `low`.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    number = int(value)
    if number < low:
        raise ValueError(f"{name} must be at least {low}, got {number}")
    return number


def real(name: str, value: Any, low: float = -np.inf, high: float = np.inf) -> float:
    """Return the value as a float.

    TypeError unless it is a real number, ValueError unless it is finite and in [low, high].
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a real number, got {value!r}")
    number = float(value)
    if not (np.isfinite(number) and low <= number <= high):
        bounded = np.isfinite([low, high]).any()
        rule = f"{name} must be finite" + (f", from {low} to {high}" if bounded else "")
        raise ValueError(f"{rule}, got {number}")
    return number


def floats(name: str, value: Any) -> np.ndarray:
    """Return the value, an array of floats.

    TypeError for another dtype, also for integers; ValueError unless all floats are finite.
    """
    if not isinstance(value, np.ndarray) or not np.issubdtype(value.dtype, np.floating):
        kind = value.dtype if isinstance(value, np.ndarray) else type(value).__name__
        raise TypeError(f"{name} must be an array of floats, got {kind}")
    finite = np.isfinite(value)
    if not finite.all():
        raise ValueError(f"{name} must be finite, got {value[~finite][:1]}")
    return value


def probabilities(name: str, value: Any) -> np.ndarray:
    """Return the value [..., n], an array whose rows are probabilities.

    ValueError if an entry is negative, or if the sum of a row differs from one by more than
    1.5e-8 (3.5e-4 for float32): the square root of what the dtype resolves.
    """
    if floats(name, value).ndim == 0:
        raise ValueError(f"{name} must have an axis, got {value}")
    if not (value >= 0).all():
        raise ValueError(f"{name} must not be negative, got {value.min(initial=0.0)}")
    error = np.abs(value @ np.ones(value.shape[-1]) - 1).max(initial=0.0)
    if error > np.sqrt(np.finfo(value.dtype).eps):
        raise ValueError(f"rows of {name} must sum to one, got a row that is off by {error:.3g}")
    return value
