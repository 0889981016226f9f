"""Derivatives from functions of complex numbers: no difference is taken, so no digit is lost.

In this module, e is the unit vector of a coordinate, and h is the length of a step:

    (1)  f'(x) = Im f(x + i h e) / h + O(h^2),  h = 1e-100              [Squire and Trapp 1998]

    Reason of (1): the imaginary terms of the Taylor series of f(x + i h e) are h f'(x) and then
    the powers h^3, h^5, ..

The Taylor series exists only if f is analytic. `abs`, `conj`, `real`, `round` and `np.linalg.norm`
are not analytic: they lose the imaginary part of their argument, or change its sign, without an
error. So the result is compared with finite differences along two lines. For these differences, f
is called with real numbers only.
"""

from functools import partial
from typing import Any

import numpy as np

from metarl_min.basics import arguments
from metarl_min.basics.finite_differences import (
    VectorFunction,
    noise_near,
    on_line,
    slope,
    slope_along,
    two_lines,
    vector_function,
)
from metarl_min.basics.noise import Noise
from metarl_min.basics.trees import Array
from metarl_min.basics.vectors import Point, ScalarFunction, point

STEP = 1e-100


def imaginary_slopes(function: ScalarFunction, at: Point) -> Array:
    """Return eq. (1) for each coordinate, [D]. TypeError if the function returns a real number."""
    moved, gradient = at.vector.astype(complex), np.empty(len(at.vector))
    for i, x in enumerate(at.vector):
        moved[i] = x + STEP * 1j
        value = function(at.rebuild(moved.copy()))
        if not np.iscomplexobj(value):
            raise TypeError(f"function must keep the imaginary part of x, got {value!r}")
        gradient[i] = np.imag(value) / STEP
        moved[i] = x
    return gradient


def _agrees_at_a_glance(f: VectorFunction, vector: Array, gradient: Array) -> bool:
    """Return whether seven values of f on a line agree with a gradient [D] to 3 digits."""
    line = two_lines(vector)[0]
    exact = Noise(size=0.0, round_off=0.0, place=0.0, smooth=1.0)
    found = slope(partial(on_line, f, vector, line), 1 / 64, 1 / 64, exact, num_steps=3)
    return bool(abs(found.value - gradient @ line) <= 1e-3 * abs(gradient @ line))


def contradiction(
    f: VectorFunction, vector: Array, gradient: Array, noise: Noise, digits: int
) -> str:
    """Return how differences of f contradict a gradient [D], or "" if they do not.

    `noise` is the noise of f. Two slopes do not contradict each other if they agree to the given
    number of digits.
    """
    for line in two_lines(vector):
        expected, size = float(gradient @ line), float(abs(gradient) @ abs(line))
        measured = slope_along(f, vector, line, noise)
        if abs(measured.value - expected) > measured.error + size * 10.0**-digits:
            return f"got a slope of {expected:.6g} where differences give {measured.value:.6g}"
    return ""


def complex_step(function: ScalarFunction, x: Any) -> Any:
    """Return the gradient of an analytic function to the last digit, eq. (1).

    The function must accept complex numbers or arrays. It must not contain `grad`, or `abs` and
    other functions that lose an imaginary part. TypeError if it returns a real number, ValueError
    if differences contradict the result in the first 3 digits, FloatingPointError if the gradient
    is not finite.
    """
    at, function = point(x), arguments.function("function", function)
    gradient, f, got = imaginary_slopes(function, at), vector_function(function, at), ""
    if not np.isfinite(gradient).all():
        raise FloatingPointError(f"the gradient must be finite, got {at.rebuild(gradient)}")
    with np.errstate(all="ignore"):
        if not _agrees_at_a_glance(f, at.vector, gradient):
            got = contradiction(f, at.vector, gradient, noise_near(f, at.vector), digits=3)
    if got:
        raise ValueError(f"function must be analytic, without abs, conj, real or round, {got}")
    return at.rebuild(gradient)
