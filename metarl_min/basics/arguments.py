"""What a public function may be given: the rule is stated, then what it got.

Every public edge calls these, outside traced code. Nothing is silently repaired.
"""

import numbers
from typing import Any

import numpy as np


def require(condition: bool, rule: str, got: object) -> None:
    """Raise a ValueError that states the `rule` and the value, unless `condition` holds.

    >>> require(-1 > 0, "sigma must be positive", -1)
    Traceback (most recent call last):
    ValueError: sigma must be positive, got -1
    """
    if not condition:
        raise ValueError(f"{rule}, got {got}")


def whole(name: str, value: Any, low: int = 1) -> int:
    """Return `value` as an int; TypeError unless a whole number, ValueError below `low`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    number = int(value)
    require(number >= low, f"{name} must be at least {low}", number)
    return number


def real(name: str, value: Any, low: float = -np.inf, high: float = np.inf) -> float:
    """Return `value` as a float; TypeError unless a real number, ValueError outside [low, high]."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a real number, got {value!r}")
    number, bounded = float(value), np.isfinite([low, high]).any()
    rule = f"{name} must be finite" + (f", from {low} to {high}" if bounded else "")
    require(np.isfinite(number) and low <= number <= high, rule, number)
    return number


def floats(name: str, value: Any) -> np.ndarray:
    """Return `value`, an array of finite floats; TypeError for any other dtype (also integers)."""
    if not isinstance(value, np.ndarray) or not np.issubdtype(value.dtype, np.floating):
        kind = value.dtype if isinstance(value, np.ndarray) else type(value).__name__
        raise TypeError(f"{name} must be an array of floats, got {kind}")
    wrong = value[~np.isfinite(value)]
    require(not wrong.size, f"{name} must be finite", wrong[:1])
    return value


def probabilities(name: str, value: Any) -> np.ndarray:
    """Return `value` [..., n], rows >= 0 that sum to one within 1.5e-8; else ValueError.

    Of float32 within 3.5e-4: the square root of what the dtype resolves.
    """
    require(floats(name, value).ndim > 0, f"{name} must have an axis", value)
    require(bool((value >= 0).all()), f"{name} must not be negative", value.min(initial=0.0))
    error = np.abs(value @ np.ones(value.shape[-1]) - 1).max(initial=0.0)
    resolved = np.sqrt(np.finfo(value.dtype).eps)
    require(
        error <= resolved, f"rows of {name} must sum to one", f"a row that is off by {error:.3g}"
    )
    return value
