"""Noise of a function: the errors of its values, from round-off, rounding or jumps.

A slope is a difference of values, divided by a short step. The division makes errors of the values
large, so these errors must be known. They are estimated from values of f on a line x + t d, at
equally spaced t:

    (1)  roughness = max_i |sixth difference of f at t_i| / sqrt(924)
                                                          [Hamming 1962; More and Wild 2011]

    Reason of (1): a sixth difference is the sum of seven values, multiplied by 1, -6, 15, -20, 15,
    -6, 1. In this sum, a polynomial of degree 5 cancels, so of a smooth f only the sixth and higher
    derivatives remain. If the values have independent errors, the variance of the sum is
    1 + 36 + 225 + 400 + 225 + 36 + 1 = 924 times the variance of one error.

One spacing is not enough. With a wide spacing, the curvature of f looks like noise. With a narrow
spacing, all points can lie on one step of a staircase, and then its jumps are not seen. So the
search goes to the place where f is roughest, takes a narrower spacing there, and repeats this:

    (2)  t_{j+1} = place of the largest sixth difference at level j,
         spacing_{j+1} = spacing_j / 4                                              [derivation]

    Reason of (2): f^(6) is the sixth derivative. The sixth difference of a smooth function is about
    spacing^6 f^(6), so at each level it is divided by 4^6. The sixth difference of a kink is
    proportional to the spacing, so it is divided by 4. Only the sixth difference of a jump or of an
    error of the values keeps its size. The points of the next level lie around the place of the
    largest sixth difference, so they still contain the jump that caused it.

    (3)  noise = largest roughness of the last levels, where it no longer falls     [derivation]

    Reason of (3): by (2), if the roughness no longer falls from level to level, it comes only from
    errors. It varies between levels, because it is computed from few values. An error can also be
    the sum of many independent jumps, as in a sampled return. At the next level, the spacing is
    divided by 4, so 1/4 of the jumps lie between two neighbouring points. The standard deviation of
    their sum is then divided by sqrt(4) = 2. Another factor of 4 is left for the variation between
    levels. So the roughness counts as falling only if it is below 1/8 of the roughness of the level
    before.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from metarl_min.basics.trees import Array
from metarl_min.basics.vectors import EPS

ORDER = 6  # of the differences in eq. (1)
NORM = 924**0.5
NUM_POINTS = 17  # at one level
NARROWEST = 2.0**-38  # smallest spacing of a level; |t| is at most about 1


class Level(NamedTuple):
    """One level of the search of eq. (2)."""

    spacing: float
    roughness: float
    largest: float  # |f|


class Noise(NamedTuple):
    """Errors of the values of a function along a line."""

    size: float  # eq. (3), infinite if f is not finite near x
    round_off: float  # the smallest possible error in float64: eps times the largest value
    place: float  # distance |t| of the roughest place
    smooth: float  # |t| below which f looks smooth; `reach` if the roughness never falls


def roughness(values: Array) -> tuple[float, int]:
    """Return eq. (1) for equally spaced values, and the index of the value in its middle."""
    differences = abs(np.diff(values, ORDER))
    largest = int(differences.argmax())
    return float(differences[largest]) / NORM, largest + ORDER // 2


def _levels(
    f: Callable[[float], float], reach: float, centre: float = 0.0
) -> tuple[list[Level], float]:
    """Return the levels of eq. (2) at |t - centre| <= reach, and the last place.

    The search ends early if the roughness is round-off: at most 2 eps |f|, or at most 400 eps |f|
    if the roughness has not fallen at this level. If f is not finite at a point, the search
    begins again at the centre with a narrower spacing.
    """
    offsets = np.arange(NUM_POINTS) - NUM_POINTS // 2
    spacing, place = reach / offsets[-1], centre
    levels: list[Level] = []
    while spacing >= NARROWEST:
        t = place + spacing * offsets
        values = np.array([f(float(point)) for point in t])
        if np.isfinite(values).all():
            size, middle = roughness(values)
            falls = not levels or size < levels[-1].roughness / 8
            levels.append(Level(spacing, size, float(abs(values).max())))
            if size <= (2 if falls else 400) * EPS * levels[-1].largest:
                break
            place = float(t[middle])
        else:
            levels, place = [], centre
        spacing /= 4
    return levels, place


def _tail(sizes: list[float]) -> tuple[float, int]:
    """Return eq. (3) from the roughness of all levels, and the index of the first level it uses.

    A level that is more than 64 times as rough as the last level is not used.
    """
    start = len(sizes) - 1
    while start > 0 and sizes[start - 1] <= min(8 * sizes[start], 64 * sizes[-1]):
        start -= 1
    return max(sizes[start:]), start


def noise(f: Callable[[float], float], reach: float = 0.25) -> Noise:
    """Return the noise of f(t) at |t| <= reach, eqs. (1)-(3). f may return NaN.

    A single jump counts as noise of the size of the jump. If f is finite only on one side of t = 0,
    the noise is measured on this side.

    >>> bool(1e-7 < noise(lambda t: round(float(np.sin(1 + t)), 6)).size < 1e-6)
    True
    """
    levels, place = _levels(f, reach)
    for centre in (-reach / 2, reach / 2):
        if not levels:
            levels, place = _levels(f, reach / 2, centre)
    if not levels:
        return Noise(size=np.inf, round_off=np.inf, place=0.0, smooth=reach)
    sizes, round_off = [level.roughness for level in levels], EPS * levels[-1].largest
    size, tail = _tail(sizes)
    smooth = tail
    # After the loop, the roughness falls at every level from level `smooth` to level `tail`.
    while smooth > 0 and sizes[smooth - 1] > 8 * sizes[smooth]:
        smooth -= 1
    widest = levels[0].spacing
    return Noise(
        size=max(size, round_off),
        round_off=round_off,
        place=abs(place),
        smooth=reach * (levels[smooth].spacing / widest if smooth < tail else 1.0),
    )
