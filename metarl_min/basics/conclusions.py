"""The conclusion of a check: claimed slopes of a function are compared with measured slopes.

A measured slope has an error. A claimed slope is WRONG only if it differs from the measured slope
by more than this error and the tolerance. It agrees only if it does not differ by more, and if the
measured slope is known to three digits. In all other cases nothing is concluded.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from metarl_min.basics.finite_differences import (
    Measured,
    VectorFunction,
    measure,
    noise_near,
    slope_along,
    two_lines,
)
from metarl_min.basics.noise import Noise
from metarl_min.basics.trees import Array
from metarl_min.basics.vectors import Point, entry_name
from metarl_min.basics.verdicts import Report, compare, wrong_entries

DIGITS = 1e-3  # a measured slope with a larger relative error confirms no claim
NOTHING = "nothing was checked"


class Claim(NamedTuple):
    """Claimed slopes of a function at x, along some lines."""

    f: VectorFunction
    vector: Array  # [D], x
    slopes: Array  # [lines]
    tolerance: float
    expect_zero: bool  # if True, the claim can agree although all slopes are zero


class Lines(NamedTuple):
    """The lines through x along which slopes are compared."""

    name: Callable[[int], str]
    line: Callable[[int], Array]  # number of a line -> its direction [D]
    measure: Callable[[float], Measured]  # reach -> slopes [lines], from steps within this reach


def coordinates(f: VectorFunction, at: Point) -> Lines:
    """Return the lines along the coordinates of x."""

    def line(i: int) -> Array:
        unit = np.zeros(len(at.vector))
        unit[i] = 1.0
        return unit

    return Lines(
        name=lambda i: entry_name(at.given, i),
        line=line,
        measure=lambda reach: measure(f, at.vector, reach),
    )


def along_directions(f: VectorFunction, at: Point, directions: Array) -> Lines:
    """Return the lines along the rows of directions [lines, D]."""

    def measure_all(reach: float) -> Measured:
        noise = noise_near(f, at.vector, reach)
        slopes = [slope_along(f, at.vector, line, noise, reach) for line in directions]
        value, error, kink = np.array(slopes).T
        return Measured(slopes=value, error=error, kink=kink, noise=noise)

    return Lines(name=lambda i: f"direction {i}", line=lambda i: directions[i], measure=measure_all)


def _doubt(measured: Measured, expect_zero: bool, name: Callable[[int], str]) -> str:
    """Return why the measured slopes cannot confirm any claim, or ""."""
    truth, error = measured.slopes, measured.error
    worst = int(np.argmax(error))
    if not np.isfinite(error[worst]):
        return f"the function is not finite on both sides of x at {name(worst)}: {NOTHING}"
    scale = abs(truth).max()
    if measured.kink[worst] and error[worst] > DIGITS * scale:
        before, after = truth[worst] + measured.kink[worst] * np.array([-0.5, 0.5])
        sides = f"its slope is {before:.6g} before x and {after:.6g} after x"
        return f"the function has a kink at {name(worst)}, {sides}: {NOTHING}"
    known = f"the values of the function are known to {measured.noise.size:.1g}"
    if not error[worst] < scale:
        zero = f"the derivative cannot be distinguished from zero, {known}: {NOTHING}"
        return "" if expect_zero and not _is_coarse(measured.noise) else zero
    if error[worst] > DIGITS * scale:
        return f"the derivative cannot be measured to 3 digits, {known}: {NOTHING}"
    return ""


def _is_coarse(noise: Noise) -> bool:
    """Return whether a function is off by much more than the round-off of float64."""
    return 1e4 * noise.round_off < noise.size < np.inf


def _is_constant(f: VectorFunction, vector: Array) -> bool:
    values = [f(vector + t * line) for line in two_lines(vector) for t in (-0.25, 0.0, 0.25)]
    return all(value == values[0] for value in values)


def _fits_short_steps(claim: Claim, measured: Measured, line: Callable[[int], Array]) -> bool:
    """Return whether each wrong slope is the slope of f over steps that do not reach a jump.

    An example is the zero gradient of a staircase. Another is the gradient of a solver that stops
    early. The result of this solver jumps, and its gradient is its slope between two jumps.
    """
    truth, noise, x = measured.slopes, measured.noise, claim.vector
    if not _is_coarse(noise):
        return False
    wrong = wrong_entries(claim.slopes, truth, measured.error, claim.tolerance)
    for i in map(int, np.flatnonzero(wrong)):
        # From -t to t, f rises by 2 t times its slope. The rises that the claimed and the measured
        # slope predict differ by 2e-3 of the noise.
        t = 1e-3 * noise.size / abs(truth[i] - claim.slopes[i])
        rise = claim.f(x + t * line(i)) - claim.f(x - t * line(i))
        if not abs(rise - 2 * t * claim.slopes[i]) <= 1e-4 * noise.size + 8 * noise.round_off:
            return False
    return True


def _not_wrong(claim: Claim, measured: Measured, lines: Lines) -> str:
    """Return why a claim that differs from the measured slopes is not called wrong, or ""."""
    if not np.isfinite(claim.slopes).all():
        return ""
    if not claim.expect_zero and _is_constant(claim.f, claim.vector):
        return f"the function is constant over all steps: {NOTHING}"
    if _fits_short_steps(claim, measured, lines.line):
        jumps = f"the function jumps by about {measured.noise.size:.1g} again and again"
        return f"{jumps}, and the claim is its slope between two jumps: {NOTHING}"
    return ""


def _closer(claim: Claim, measured: Measured, lines: Lines) -> Report | None:
    """Measure with shorter steps, which do not reach the roughest place of f.

    Return the report on these steps if the claim agrees with them, otherwise None.
    """
    noise = measured.noise
    if not (_is_coarse(noise) and noise.place > 1e-6):
        return None
    near = lines.measure(noise.place / 4)  # The noise is measured up to twice this distance.
    # On one step of a staircase, all slopes are zero. Such slopes confirm no claim.
    if not near.slopes.any() or near.noise.size > noise.size / 10:
        return None
    doubt = _doubt(near, claim.expect_zero, lines.name)
    report = compare(claim.slopes, near.slopes, near.error, claim.tolerance, lines.name, doubt)
    return report if report else None


def conclude(claim: Claim, measured: Measured, lines: Lines) -> Report:
    """Return the report on a claim."""
    doubt = _doubt(measured, claim.expect_zero, lines.name)
    truth, error = measured.slopes, measured.error
    report = compare(claim.slopes, truth, error, claim.tolerance, lines.name, doubt)
    if report.verdict == "not checked":
        return _closer(claim, measured, lines) or report
    if report.verdict == "WRONG" and (why := _not_wrong(claim, measured, lines)):
        return report._replace(verdict="not checked", uncertainty=np.inf, factor=None, remark=why)
    return report
