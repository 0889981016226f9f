"""Records that are valid from the moment they exist: NamedTuples that check their fields."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

Record = TypeVar("Record", bound=tuple[Any, ...])


def checked(check: Callable[..., Any]) -> Callable[[type[Record]], type[Record]]:
    """Return a decorator of a NamedTuple that calls `check` with the fields of each new record.

    `check(*fields)` returns the fields, or raises an error. `_replace` also calls `check`, and so
    does the reading of a pickle. Only `_make` does not check: it is for code that has just made or
    checked the fields.

    >>> from typing import NamedTuple
    >>> from metarl_min.basics.arguments import real
    >>> @checked(lambda length: (real("length", length, 0),))
    ... class Stick(NamedTuple):
    ...     length: float
    >>> Stick(1), Stick(2.0)._replace(length=-1)
    Traceback (most recent call last):
    ValueError: length must be finite, from 0 to inf, got -1.0
    """

    def decorate(unchecked: Any) -> Any:
        @wraps(unchecked.__new__)
        def new(cls: Any, *given: Any, **named: Any) -> Any:
            return tuple.__new__(cls, check(*unchecked.__new__(cls, *given, **named)))

        def replace(self: Any, **changes: Any) -> Any:
            return type(self)(**{**self._asdict(), **changes})

        names = ("__module__", "__qualname__", "__doc__")
        body = {name: getattr(unchecked, name) for name in names}
        body |= {"__slots__": (), "__new__": new, "_replace": replace, "__replace__": replace}
        return type(unchecked.__name__, (unchecked,), body)

    return decorate
