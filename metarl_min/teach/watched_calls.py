"""A call of a student's function that notices side effects.

The student's function receives copies of the arguments, so it cannot change the arrays of the
grader. Two side effects are mistakes, and the feedback names them. The first is a change of an
argument. The second is a use of the global random generator of NumPy or of Python. Besides the
standard library, this module imports only NumPy, because it also runs in the process of the
student.

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
    """The result of a function, and its side effects."""

    value: Any
    changed: bool  # an argument was changed in place
    used_global: bool  # a global random generator was used or seeded


def _same(x: Any, y: Any) -> bool:
    """Return whether x and y are equal. NaN equals NaN.

    Values of other types, such as functions, count as equal.
    """
    if isinstance(x, np.ndarray):
        equal_nan = x.dtype.kind in "fc"
        return isinstance(y, np.ndarray) and np.array_equal(x, y, equal_nan=equal_nan)
    if isinstance(x, dict):
        return isinstance(y, dict) and x.keys() == y.keys() and all(_same(x[k], y[k]) for k in x)
    if isinstance(x, list | tuple):
        return isinstance(y, type(x)) and len(x) == len(y) and all(map(_same, x, y))
    return not isinstance(x, float | int | str) or x == y or x != x


def _global_states() -> tuple[object, int]:
    """Return the state of NumPy's global generator, and a hash of the state of Python's."""
    generator = np.random.mtrand.get_bit_generator()
    if isinstance(generator, np.random.MT19937):  # a copy of its memory is much faster than .state
        numpys: object = ctypes.string_at(generator.ctypes.state_address, STATE_BYTES)
    else:  # a program has set another generator
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
