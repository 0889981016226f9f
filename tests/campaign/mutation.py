"""One wrong or unusual value in the place of an argument."""

from typing import Any, NamedTuple

NOTHING = object()  # no value means the same


class Mutation(NamedTuple):
    """One value in the place of an argument."""

    kind: str  # "wrong shape", "NaN", ..
    note: str  # where, and what exactly
    value: Any  # a zero-argument function that makes the value
    means: Any = None  # a zero-argument function that makes the value of the same meaning, or None
    must: bool = False  # whether the function has to accept it


def mutation(kind, note, value, means=NOTHING, must=False):
    """Return the mutation to a constant value."""
    same = None if means is NOTHING else lambda: means
    return Mutation(kind, note, lambda: value, same, must)
