"""Checks of the numbers that a search learns from: fitness values, directions and members.

`summary` describes the fitness of a generation to the user of a search.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import arguments
from metarl_min.basics.arguments import floats, real, require
from metarl_min.basics.trees import Array


def require_finite(F: Any) -> Array:
    """Return the fitness of all members as floats. [P] -> [P]

    TypeError unless F holds real numbers, ValueError unless F has one axis, FloatingPointError if
    an entry of F is not finite.
    """
    array = np.asarray(F)
    if array.dtype.kind not in "fiu" or isinstance(F, np.ma.MaskedArray):
        kind = "a masked array" if isinstance(F, np.ma.MaskedArray) else array.dtype
        raise TypeError(f"fitness must hold real numbers, got {kind}")
    require(array.ndim == 1, "fitness must be [P]", array.shape)
    finite = np.isfinite(array)
    if not finite.all():
        bad = int(finite.argmin())
        raise FloatingPointError(f"fitness must be finite, got {array[bad]} of member {bad}")
    return array.astype(float, copy=False)


class Summary(NamedTuple):
    """The fitness of the members of one generation."""

    mean: float
    best: float
    spread: float  # standard deviation


def summary(F: Any) -> Summary:
    """Return the summary of the fitness [P] of all members; an error if an entry is not finite.

    >>> summary(np.array([1.0, 3.0]))
    Summary(mean=2.0, best=3.0, spread=1.0)
    """
    F = require_finite(F)
    require(F.size > 0, "fitness must have a member", F.shape)
    return Summary(mean=float(F.mean()), best=float(F.max()), spread=float(F.std()))


def of_directions(
    F: Any, e: Any, sigma: Any, per_direction: int, num_centres: int = 0
) -> tuple[Array, float]:
    """Return F and sigma as floats; an error unless F fits the directions e and sigma is positive.

    F must hold `num_centres` entries for theta itself, and then `per_direction` entries for each
    direction. This function does not check that e is finite. If e is not finite, the gradient is
    not finite, and `finite_gradient` raises the error.
    """
    F, sigma = require_finite(F), real("sigma", sigma)
    require(sigma > 0, "sigma must be positive", sigma)
    fits = arguments.array("e", e).ndim == 2 and e.size > 0
    require(fits, "e must be [n, D] with n and D at least 1", e.shape)
    size = num_centres + per_direction * len(e)
    if len(F) != size:
        rule = f"number of entries of F must be {per_direction} for each of the {len(e)} directions"
        rule += f", and {num_centres} for theta" if num_centres else ""
        raise ValueError(f"{rule}, so {size}, got {len(F)}")
    return F, sigma


def finite_gradient(g: Array, e: Array) -> Array:
    """Return g [D], the estimate of a gradient; an error if g is not finite.

    The error is a ValueError if the directions e are not finite, else a FloatingPointError.
    """
    finite = np.isfinite(g)
    if not finite.all():
        floats("e", e)
        bad = int(finite.argmin())
        raise FloatingPointError(f"the gradient must be finite, got {g[bad]} at entry {bad}")
    return g


def indices(name: str, value: Any) -> Array:
    """Return an array of indices [k]; TypeError or ValueError unless all are whole and >= 0."""
    require(arguments.indices(name, value, 2**63).ndim == 1, f"{name} must be [k]", np.shape(value))
    return np.asarray(value.astype(int, copy=False))


def members(name: str, value: Any) -> Array:
    """Return members [n, D]; TypeError or ValueError unless the array holds finite floats."""
    require(floats(name, value).ndim == 2, f"{name} must be [n, D]", np.shape(value))
    return np.asarray(value)
