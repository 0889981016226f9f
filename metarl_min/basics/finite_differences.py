"""Derivatives that are measured from values of a function, each with a bound of its error.

In this module, e is the unit vector of a coordinate, h_j is the length of a step, and f is known
up to the `noise` of its values, noise (3). A slope is a difference over two steps:

    (1)  slope_j = (f(x + h_j e) - f(x - h_j e)) / (2 h_j) = f'(x) + c_1 h_j^2 + c_2 h_j^4 + ..,
         h_j = h_0 / 4^j                                                            [derivation]
    (2)  slope_{j,k} = slope_{j,k-1} + (slope_{j,k-1} - slope_{j-1,k-1}) / (16^k - 1),
         slope_{j,0} = slope_j                                                    [Ridders 1982]

    Steps of (1): write both values of f as Taylor series in h_j. The even powers are equal in both
    series and cancel in the difference. The odd powers, divided by 2 h_j, are f'(x) and even
    powers.
    Reason of (2): h_j^2 is 1/16 of h_{j-1}^2, so (2) with k = 1 removes the term c_1 h^2. Each
    further k removes the next even power.

A long step has a large truncation error, and a short step enlarges the noise:

    (3)  error_{j,k} = max(|slope_{j,k} - slope_{j,k-1}|, |slope_{j,k} - slope_{j-1,k-1}|)
                       + 2 noise / h_j                                             [derivation]

    Reason of (3): the two slopes that (2) combines are less exact than the result, so the larger
    difference bounds the truncation error. The noise term is large enough for rounded values: if
    values are rounded to multiples of q, they differ from f by at most q/2, so their slope differs
    by at most q / (2 h_j). Such values jump by q. The largest sixth difference of a jump by q is
    10 q, because 10 is the largest partial sum of 1, -6, 15, -20, 15, -6, 1. By noise (1), the
    roughness is then 10 q / sqrt(924), so 2 noise / h_j is about 0.66 q / h_j.

    (4)  slope = the slope_{j,k} of least error_{j,k} in the levels j = i, .., J   [Lepski 1991]

    In (4), J is the level of the shortest step. The interval of a level is slope +- error, for the
    k of least error. Longer steps are added one by one, from level J on, while all intervals have a
    common point. Level i is the last level that is added.
    Reason of (4): a long step can cross a kink or a pole, where (1) does not hold. Its error (3)
    can be small by accident. But then its interval does not meet the intervals of shorter steps.

At a kink of f there is no derivative, and the slope (1) is the mean of two one-sided slopes. The
slope after x minus the slope before x is the limit h -> 0 of

    (5)  kink_j = (f(x + h_j e) - 2 f(x) + f(x - h_j e)) / h_j = b_1 h_j + b_3 h_j^3 + ..
         if f is smooth; the limit is zero unless f has a kink at x                  [derivation]

    Steps of (5): with the Taylor series of (1), the odd powers and f(x) cancel in the sum.
    The limit is found by (2) and (4). The powers of h_j are 1, 3, .., so 4^(2k-1) takes the place
    of 16^k in (2). In the error (3), 8 noise / h_j takes the place of 2 noise / h_j, because (5)
    enlarges the errors of the values 4 times as much as (1). If the limit is larger than its error,
    there may be a kink. Then half of the limit and half of its error are added to the error of the
    slope. So this error covers both one-sided slopes.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import arguments
from metarl_min.basics.noise import Noise, noise
from metarl_min.basics.trees import Array
from metarl_min.basics.vectors import EPS, Point, ScalarFunction, point, real_numbers

NUM_STEPS = 8  # lengths h_0 .. h_7 of eq. (1): from a quarter of |x| down to 1.5e-5 |x|
NUM_POWERS = 4  # largest number of powers that eq. (2) removes
SHORTEST = 2.0**-48  # shortest step that is tried, in units of the longest step

VectorFunction = Callable[[Array], float]  # [D] -> number, NaN outside the domain


class Slope(NamedTuple):
    """A derivative that was measured along one line."""

    value: float  # NaN unless f is finite at x and on both sides of x
    error: float
    kink: float  # slope after x minus slope before x, or 0


class Measured(NamedTuple):
    """Slopes that were measured along some lines, such as the coordinates."""

    slopes: Array  # [lines]
    error: Array  # [lines]
    kink: Array  # [lines]
    noise: Noise


def number(value: Any) -> float:
    """Return the value of a function as a float. TypeError unless it is one real number."""
    if isinstance(value, float):  # as most functions return
        return float(value)
    array = real_numbers("function(x)", value)
    if array.shape != ():
        raise ValueError(f"function must return a number, got {array.shape}")
    return float(array)


def vector_function(function: ScalarFunction, x: Point) -> VectorFunction:
    """Return f(vector), which calls the function with copies.

    f is NaN where the function raises a ValueError or an ArithmeticError, as `math.log` does.
    """

    def f(vector: Array) -> float:
        try:
            return number(function(x.rebuild(vector.copy())))
        except (ValueError, ArithmeticError):
            return np.nan

    return f


def extrapolate(estimates: list[float], noises: list[float], first: float) -> tuple[float, float]:
    """Return the value of eqs. (2), (4) and its error, eq. (3).

    The longest step comes first. `first` is the factor of k = 1: 16 for slopes, 4 for kinks.
    """
    levels: list[tuple[float, float]] = []  # the least error of each level, and its value
    previous: list[float] = []
    for estimate, noise_of_level in zip(estimates, noises, strict=True):
        row, best = [estimate], (np.inf, np.nan)
        for k, coarse in enumerate(previous[:NUM_POWERS]):
            fine = row[k]
            row.append(fine + (fine - coarse) / (first * 16.0**k - 1))
            error = max(abs(row[-1] - fine), abs(row[-1] - coarse)) + noise_of_level
            best = min(best, (error, row[-1]))
        levels.append(best)
        previous = row
    low, high, result = -np.inf, np.inf, (np.inf, np.nan)
    for error, value in levels[:0:-1]:  # level 0 has no error, because it has no k >= 1
        if value - error > high or value + error < low:
            break
        low, high = max(low, value - error), min(high, value + error)
        result = min(result, (error, value))
    return result[1], result[0]


def slope(
    f: Callable[[float], float],
    longest: float,
    shortest: float,
    noise: Noise,
    num_steps: int = NUM_STEPS,
) -> Slope:
    """Return the derivative of f(t) at t = 0, eqs. (1)-(5). f may return NaN.

    Steps at which f is not finite on both sides of 0 are not used. If fewer than num_steps steps
    remain, steps shorter than `shortest` are tried.
    """
    centre, h = f(0.0), longest
    slopes: list[float] = []
    kinks: list[float] = []
    noises: list[float] = []
    while (h >= shortest or len(slopes) < num_steps) and h > SHORTEST * longest:
        plus, minus = f(h), f(-h)
        if np.isfinite([plus, centre, minus]).all():
            slopes.append((plus - minus) / (2 * h))
            kinks.append((plus - 2 * centre + minus) / h)
            noises.append(2 * max(noise.size, EPS * abs(plus), EPS * abs(minus)) / h)
        h /= 4
    value, error = extrapolate(slopes, noises, 16.0)
    kink, unsure = extrapolate(kinks, [4 * x for x in noises], 4.0)
    if not abs(kink) > unsure:
        return Slope(value=value, error=error, kink=0.0)
    return Slope(value=value, error=error + (abs(kink) + unsure) / 2, kink=kink)


def sizes(vector: Array) -> Array:
    """Return the size of each coordinate: |x|, but at least 1 % of the largest |x|. [D]

    If all coordinates are 0, each size is 0.01.
    """
    return np.maximum(abs(vector), (abs(vector).max() or 1.0) / 100)


def two_lines(vector: Array) -> list[Array]:
    """Return two directions [D], in which each coordinate moves in proportion to its size."""
    size = np.where(vector != 0, abs(vector), sizes(vector))
    i = np.arange(1.0, len(vector) + 1)
    return [size * np.cos(i), size * np.sin(i)]


def noise_near(f: VectorFunction, vector: Array, reach: float = 0.25) -> Noise:
    """Return the noise of f near x: the larger of the noises along two lines.

    The lines reach twice as far from x as the longest step. The field `smooth` of the result is
    half of the smaller `smooth` of the two lines, so it is at most the longest step. A function
    such as a solver that stops early jumps at few places. Its values have an error of about the
    size of a jump, even between the jumps. So the lines must be long enough to contain a jump.
    """
    found = [noise(partial(on_line, f, vector, line), 2 * reach) for line in two_lines(vector)]
    smooth = min(one.smooth for one in found) / 2
    return max(found, key=lambda one: one.size)._replace(smooth=smooth)


def on_line(f: VectorFunction, vector: Array, line: Array, t: float) -> float:
    """Return f(x + t line)."""
    return f(vector + t * line)


def slope_along(
    f: VectorFunction, vector: Array, line: Array, noise: Noise, reach: float = 0.25
) -> Slope:
    """Return the derivative of f(x + t line) at t = 0, from steps |t| <= reach.

    Below `noise.smooth`, f looks smooth, so NUM_STEPS steps from there down are enough.
    """
    shortest = noise.smooth / 4.0 ** (NUM_STEPS - 1)
    return slope(partial(on_line, f, vector, line), reach, shortest, noise)


def measure(f: VectorFunction, vector: Array, reach: float = 0.25) -> Measured:
    """Return the gradient of f, one coordinate after the other.

    The longest step is reach times the size of the coordinate. The memory in use is a few
    vectors [D].
    """
    around = noise_near(f, vector, reach)
    longest = reach * sizes(vector)
    size = np.where(vector != 0, abs(vector), np.inf)  # where x is 0, `smooth` sets no limit
    shortest = np.minimum(longest, around.smooth * size) / 4.0 ** (NUM_STEPS - 1)
    moved, found = vector.copy(), np.empty((3, len(vector)))

    for i, x in enumerate(vector):

        def along(t: float, i: int = i, x: float = x) -> float:
            moved[i] = x + t
            return f(moved)

        found[:, i] = slope(along, longest[i], shortest[i], around)
        moved[i] = x
    return Measured(slopes=found[0], error=found[1], kink=found[2], noise=around)


def finite_differences(function: ScalarFunction, x: Any) -> tuple[Any, Any]:
    """Return the gradient of a function of a float, array or tree, eqs. (1)-(5), and its error.

    Gradient and error have the shape of x. The error covers truncation, the noise of the values,
    and a kink at x. For example, if a large constant is added to a function, its values lose
    digits, and the error grows. Steps at which the function is not finite, or raises a ValueError,
    are not used. If there are no other steps, the gradient is NaN and its error is infinite.
    """
    at, function = point(x), arguments.function("function", function)
    number(function(at.rebuild(at.vector.copy())))  # An error of the function at x is not caught.
    with np.errstate(all="ignore"):
        measured = measure(vector_function(function, at), at.vector)
    return at.rebuild(measured.slopes), at.rebuild(measured.error)
