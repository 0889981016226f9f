"""Random numbers that all members of a population share."""

from collections.abc import Callable
from typing import Any, NamedTuple

from metarl_min.basics.arguments import require
from metarl_min.basics.trees import Array, Rng


class CommonRandomNumbers(NamedTuple):
    """A generator that draws the numbers of one member, and repeats them for all P members.

    It has two methods, and each needs a shape. AttributeError for any other method of a generator.
    """

    rng: Rng
    population: int  # P
    axis: int  # along this axis, entries of member 0 come first, then entries of member 1, ..

    def __getattr__(self, name: str) -> Any:
        rule = "a population must draw random numbers by rng.random or rng.standard_normal"
        raise AttributeError(f"{rule}, got rng.{name}")

    def _repeated(self, draw: Callable[..., Array], shape: tuple[int, ...]) -> Array:
        rule = f"random numbers of a population must have a shape with the axis {self.axis}"
        require(isinstance(shape, tuple) and len(shape) > max(0, self.axis), rule, shape)
        axis, P = self.axis % len(shape), self.population
        before, after = shape[:axis], (shape[axis] // P, *shape[axis + 1 :])
        # One member has n entries on the axis. `n ..` is this axis and all later axes as one axis.
        # [.., n, ..] -> [.., 1, n ..] -> [.., P, n ..] -> [.., P n, ..]
        return draw((*before, *after)).reshape(*before, 1, -1).repeat(P, axis).reshape(shape)

    def random(self, shape: tuple[int, ...]) -> Array:
        """Return numbers that are uniform on [0, 1)."""
        return self._repeated(self.rng.random, shape)

    def standard_normal(self, shape: tuple[int, ...]) -> Array:
        """Return numbers that are normal with mean 0 and standard deviation 1."""
        return self._repeated(self.rng.standard_normal, shape)
