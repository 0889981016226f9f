"""Numerical checks of derivatives: is this gradient the derivative of that function?

The derivative is measured from values of the function, by `finite_differences` or `complex_step`.
A check says one of three things:

    agrees       the gradient is the derivative, up to a tolerance and the error of the measurement
    WRONG        the gradient is not the derivative
    not checked  nothing can be concluded, and the report says why

For example, the verdict is `not checked` if the function is rounded to few digits, if it has a kink
at x, or if it is not finite on one side of x.
"""

from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import arguments
from metarl_min.basics.arguments import flag, generator, real, require, whole
from metarl_min.basics.complex_steps import complex_step, contradiction, imaginary_slopes
from metarl_min.basics.conclusions import Claim, Lines, along_directions, conclude, coordinates
from metarl_min.basics.finite_differences import (
    Measured,
    finite_differences,
    noise_near,
    number,
    sizes,
    vector_function,
)
from metarl_min.basics.trees import Rng
from metarl_min.basics.vectors import (
    EPS,
    Point,
    ScalarFunction,
    call_with_copy,
    coarsest_dtype,
    matching_vector,
    point,
)
from metarl_min.basics.verdicts import Report

__all__ = [
    "Report",
    "assert_derivative",
    "check_derivative",
    "check_directional_derivatives",
    "complex_step",
    "finite_differences",
]

METHODS = ("finite_differences", "complex_step")
REACH = 0.25  # the longest step, in units of |x|
MAX_TOLERANCE = 0.1


class _Start(NamedTuple):
    """The arguments of a check, after the function and the gradient were called at x."""

    at: Point
    claim: Claim
    dtype: str
    changed: str  # which functions have changed x in place, or ""


def checked_tolerance(tolerance: Any) -> float:
    """Return the tolerance of a check; TypeError or ValueError unless it is from 0 to 0.1."""
    return real("tolerance", tolerance, 0.0, MAX_TOLERANCE)


def tolerance_for(tolerance: float, dtype: np.dtype[Any]) -> float:
    """Return the tolerance, but at least 100 eps if the eps of `dtype` is above that of float64.

    >>> tolerance_for(1e-8, np.dtype(np.float32))
    1.1920928955078125e-05
    """
    resolution = float(np.finfo(dtype).eps)
    return max(tolerance, 100 * resolution) if resolution > EPS else tolerance


def _start(
    function: ScalarFunction, gradient: Any, x: Any, tolerance: float, expect_zero: bool
) -> _Start:
    tolerance = checked_tolerance(tolerance)
    function = arguments.function("function", function)
    at, changed = point(x), {}
    value, changed["the function"] = call_with_copy(function, at.rebuild(at.vector))
    number(value)
    if callable(gradient):
        gradient, changed["the gradient"] = call_with_copy(gradient, at.given)
    dtype = coarsest_dtype(at.given, gradient)
    claim = Claim(
        f=vector_function(function, at),
        vector=at.vector,
        slopes=matching_vector("the gradient", at.given, gradient),
        tolerance=tolerance_for(tolerance, dtype),
        expect_zero=flag("expect_zero", expect_zero),
    )
    names = " and ".join(name for name in changed if changed[name])
    changes = f"{names} changed x in place" if names else ""
    return _Start(at=at, claim=claim, dtype=dtype.name, changed=changes)


def _report(start: _Start, measured: Measured, lines: Lines, note: str = "") -> Report:
    report = conclude(start.claim, measured, lines)
    remarks = [remark for remark in (start.changed, note, report.remark) if remark]
    return report._replace(remark="; ".join(remarks), dtype=start.dtype)


def _by_complex_steps(
    function: ScalarFunction, start: _Start, lines: Lines
) -> tuple[Measured, str]:
    """Return the gradient by complex steps, its error, and a note.

    If finite differences contradict this gradient, return the gradient by differences, and say so
    in the note. The relative error of a complex step is the relative noise of the function.
    """
    f, vector = start.claim.f, start.at.vector
    slopes, noise = imaginary_slopes(function, start.at), noise_near(f, vector)
    got = contradiction(f, vector, slopes, noise, digits=9)
    if got:
        return lines.measure(REACH), f"complex steps lose a part of the function, {got}"
    relative = EPS * noise.size / noise.round_off if 0 < noise.size < np.inf else EPS
    finite = np.isfinite(slopes)
    error = np.where(finite, relative * abs(slopes[finite]).max(initial=0.0), np.inf)
    return Measured(slopes=slopes, error=error, kink=0 * slopes, noise=noise), ""


def check_derivative(
    function: ScalarFunction,
    gradient: Any,
    x: Any,
    *,
    tolerance: float = 1e-8,
    method: str = "finite_differences",
    expect_zero: bool = False,
) -> Report:
    """Compare a gradient (a value, or a function of x) with the truth at x.

    x is a float, a list of floats, an array or a tree, and the gradient has its shape. The truth is
    measured by `method`, finite_differences or complex_step. Each coordinate may differ by
    `tolerance` times the largest coordinate, plus the error of the truth. The default tolerance is
    small enough to find an error of 1 % in any coordinate that is above 1e-6 of the largest. For
    this, the error of the truth must be small too. If x or the gradient is float32, the tolerance
    is at least 1.2e-5.

    Functions are called with copies of x. The report is true only for the verdict "agrees". The
    verdict is "not checked" if the truth is known to less than 3 digits, or if it is zero (a
    constant function) and you do not `expect_zero`. A NaN in the gradient is WRONG. ValueError if
    the tolerance is not from 0 to 0.1, TypeError for a gradient that is not real.

    >>> bool(check_derivative(lambda x: np.sum(x**3), lambda x: 3 * x**2, [0.5, 2.0]))
    True
    >>> print(check_derivative(np.sum, -np.ones(1), np.ones(1), method="complex_step"))
    WRONG, 0.0 digits; at [0]: -1, should be 1 (known to 2e-16); it is -1 times what it should be
    >>> check_derivative(abs, 1.0, 0.0).verdict
    'not checked'
    """
    known = isinstance(method, str) and method in METHODS
    require(known, f"method must be one of {', '.join(METHODS)}", repr(method))
    start = _start(function, gradient, x, tolerance, expect_zero)
    lines, note = coordinates(start.claim.f, start.at), ""
    with np.errstate(all="ignore"):
        if method == "complex_step":
            measured, note = _by_complex_steps(function, start, lines)
        else:
            measured = lines.measure(REACH)
        return _report(start, measured, lines, note)


def check_directional_derivatives(
    rng: Rng,
    function: ScalarFunction,
    gradient: Any,
    x: Any,
    *,
    num_directions: int = 8,
    tolerance: float = 1e-8,
    expect_zero: bool = False,
) -> Report:
    """Compare <gradient, d> with the slope of the function along random directions d.

    The number of calls does not grow with the number of parameters, so this check suits many
    parameters. The entries of d are normal, in proportion to the size of the entries of x. An
    error in one entry of the gradient changes every <gradient, d>. The other arguments are the
    arguments of `check_derivative`.

    >>> rng, x = np.random.default_rng(0), np.linspace(-1, 1, 500)
    >>> bool(check_directional_derivatives(rng, lambda x: np.sum(x**3), lambda x: 3 * x**2, x))
    True
    """
    number_of_lines = whole("num_directions", num_directions)
    rng = generator("rng", rng)
    start = _start(function, gradient, x, tolerance, expect_zero)
    vector = start.at.vector
    directions = sizes(vector) * rng.standard_normal((number_of_lines, len(vector)))
    with np.errstate(invalid="ignore"):
        start = start._replace(claim=start.claim._replace(slopes=directions @ start.claim.slopes))
    lines = along_directions(start.claim.f, start.at, directions)
    with np.errstate(all="ignore"):
        return _report(start, lines.measure(REACH), lines)


def assert_derivative(function: ScalarFunction, gradient: Any, x: Any, **options: Any) -> None:
    """Raise an AssertionError that prints the report, unless `check_derivative` is true."""
    report = check_derivative(function, gradient, x, **options)
    if not report:
        raise AssertionError(str(report))
