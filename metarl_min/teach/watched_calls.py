"""A call of a student's function that notices side effects.

The student's function receives copies of the arguments. So it cannot change the arrays of the
grader, but a change of an argument is a mistake that the student is told about. So is a draw from
the global generator of NumPy or of Python. This module imports NumPy alone, because it also runs in
the process of the student.

`watched` trusts its arguments.
"""

from __future__ import annotations

import ctypes
import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np

STATE_BYTES = 4 * 625  # of a Mersenne twister: 624 whole numbers, and a position


class Watched(NamedTuple):
    """What a function returned, and what else it did."""

    value: Any
    changed: bool  # an argument was changed in place
    used_global: bool  # a global random generator was used or seeded


def _same(x: Any, y: Any) -> bool:
    if isinstance(x, np.ndarray):
        equal_nan = x.dtype.kind in "fc"
        return isinstance(y, np.ndarray) and np.array_equal(x, y, equal_nan=equal_nan)
    if isinstance(x, dict):
        return isinstance(y, dict) and x.keys() == y.keys() and all(_same(x[k], y[k]) for k in x)
    if isinstance(x, list | tuple):
        return isinstance(y, type(x)) and len(x) == len(y) and all(map(_same, x, y))
    return not isinstance(x, float | int | str) or x == y or x != x


def _global_states() -> tuple[object, int]:
    """Return what the global generators of NumPy and of Python change when they are used."""
    generator = np.random.mtrand.get_bit_generator()
    if isinstance(generator, np.random.MT19937):  # a copy of its memory is much faster than .state
        numpys: object = ctypes.string_at(generator.ctypes.state_address, STATE_BYTES)
    else:  # that a program has set
        numpys = repr(generator.state)
    return numpys, hash(random.getstate())


def watched(function: Callable[..., Any], *arguments: Any) -> Watched:
    """Call a function with copies of the arguments.

    >>> def doubled(x):
    ...     x *= 2
    ...     return x
    >>> watched(doubled, np.ones(2))
    Watched(value=array([2., 2.]), changed=True, used_global=False)
    """
    handed, before = deepcopy(arguments), _global_states()
    value = function(*handed)
    changed = not all(map(_same, arguments, handed))
    return Watched(value=value, changed=changed, used_global=before != _global_states())
