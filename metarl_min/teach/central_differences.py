"""Assignment 1: central differences.

The student writes `central_difference(f, x, h)`. In this module, f is a function of an array x with
D entries, e_i is the unit vector of coordinate i, and h is the length of a step. The central
difference in coordinate i is (f(x + h e_i) - f(x - h e_i)) / (2 h).

The functions f of the cases are sums of a wave and of powers, so their central differences are
closed forms. The steps are about 0.3. They are so long that round-off has no influence, and that a
central difference is not equal to the derivative.

`moved`, `slopes`, `central`, `wave` and `drawn_cases` trust their arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from metarl_min.basics.trees import Array, Rng
from metarl_min.teach.questions import Mistake, Question
from metarl_min.teach.value_questions import Case, ValueQuestion, one_call, value_question

SLOPE = "finite_differences (1)"

Function = Callable[[Array], float]  # [D] -> number


def moved(x: Array, i: int, step: float) -> Array:
    """Return a copy of x after a step in coordinate i. [D]"""
    y = np.array(x, float)
    y[i] += step
    return y


def slopes(f: Function, x: Array, after: float, before: float, divide_by: float) -> Array:
    """Return (f(x + after e_i) - f(x - before e_i)) / divide_by for each coordinate i. [D]"""
    pairs = [(moved(x, i, after), moved(x, i, -before)) for i in range(len(x))]
    return np.array([float(f(y)) - float(f(z)) for y, z in pairs]) / divide_by


def central(f: Function, x: Array, h: float) -> Array:
    """Return the central differences of f. [D]"""
    return slopes(f, x, h, h, 2 * h)


def _forward(f: Function, x: Array, h: float) -> Array:
    return slopes(f, x, h, 0.0, h)


def _backward(f: Function, x: Array, h: float) -> Array:
    return slopes(f, x, 0.0, h, h)


def _divided_by_h(f: Function, x: Array, h: float) -> Array:
    return slopes(f, x, h, h, h)


def _times_h(f: Function, x: Array, h: float) -> Array:
    return slopes(f, x, h, h, 2) * h


def _half_step(f: Function, x: Array, h: float) -> Array:
    return slopes(f, x, h / 2, h / 2, h)


def _own_step(f: Function, x: Array, h: float) -> Array:
    return central(f, x, 1e-5)


def _scaled_step(f: Function, x: Array, h: float) -> Array:
    return np.array([central(f, x, h * max(1.0, abs(x[i])))[i] for i in range(len(x))])


def _whole_vector(f: Function, x: Array, h: float) -> Array:
    return np.full(len(x), (float(f(x + h)) - float(f(x - h))) / (2 * h))


def _first_only(f: Function, x: Array, h: float) -> Array:
    return central(f, x, h) * (np.arange(len(x)) == 0)


def _not_restored(f: Function, x: Array, h: float, in_y: float, in_z: float) -> Array:
    """Return the differences of a program that does not restore its two copies y, z of x.

    After its turn, coordinate i stays at x_i + in_y h in y, and at x_i + in_z h in z.
    """
    y, z, found = np.array(x, float), np.array(x, float), np.empty(len(x))
    for i in range(len(x)):
        found[i] = (float(f(moved(y, i, h))) - float(f(moved(z, i, -h)))) / (2 * h)
        y[i], z[i] = x[i] + in_y * h, x[i] + in_z * h
    return found


def _of_integers(f: Function, x: Array, h: float) -> Array:
    """Return the differences of a program whose copies of x keep the dtype of x."""
    return slopes(lambda y: f(y.astype(x.dtype)), x, h, h, 2 * h)


def _all_integers(f: Function, x: Array, h: float) -> Array:
    return _of_integers(f, x, h).astype(x.dtype).astype(float)


def _integer_result(f: Function, x: Array, h: float) -> Array:
    return central(f, x, h).astype(x.dtype).astype(float)


MISTAKES = {
    "a forward difference": Mistake(
        _forward,
        "You use f at x and at x + h e. The error of this difference halves if h is halved. The "
        "error of a central difference is divided by four.",
        SLOPE,
    ),
    "a backward difference": Mistake(
        _backward, "You use f at x - h e and at x. A central difference uses both sides.", SLOPE
    ),
    "divided by h": Mistake(
        _divided_by_h, "Look at the distance of the two points at which you evaluate f.", SLOPE
    ),
    "/ 2 * h": Mistake(
        _times_h,
        "Python reads a / 2 * h as (a / 2) * h. Look at the order of the operations.",
        SLOPE,
    ),
    "half of the step": Mistake(
        _half_step, "This is a central difference, but its points are x + h/2 e, x - h/2 e.", SLOPE
    ),
    "x left at x - h": Mistake(
        partial(_not_restored, in_y=-1, in_z=-1),
        "A coordinate must return to its value before the next one moves. It stays at x - h.",
    ),
    "x left at x + h": Mistake(
        partial(_not_restored, in_y=1, in_z=1),
        "A coordinate must return to its value before the next one moves. It stays at x + h.",
    ),
    "both copies of x not restored": Mistake(
        partial(_not_restored, in_y=1, in_z=-1),
        "In each of your two points, only one coordinate may differ from x. The coordinates that "
        "moved before differ too.",
    ),
    "the first coordinate only": Mistake(
        _first_only, "The other coordinates are zero. Look at the loop over the coordinates."
    ),
    "copies of integers": Mistake(
        _of_integers,
        "If x holds integers, a copy of x holds integers too, and a step of 0.3 is cut off.",
    ),
    "h not used": Mistake(
        _own_step, "Your result is that of a very short step, and not of the given h.", SLOPE
    ),
    "h times max(1, |x|)": Mistake(
        _scaled_step, "The step of this function is h, and it does not depend on x.", SLOPE
    ),
    "all coordinates moved at once": Mistake(
        _whole_vector, "x + h adds h to each coordinate. A gradient needs one step for each.", SLOPE
    ),
    "a result of integers": Mistake(
        _integer_result,
        "If x holds integers, np.zeros_like(x) holds integers too, and a slope is cut off.",
    ),
    "copies and a result of integers": Mistake(
        _all_integers,
        "If x holds integers, x.copy() and np.zeros_like(x) hold integers too. So both the steps "
        "and the slopes are cut off.",
    ),
}


def wave(a: Array, b: float, c: Array, x: Array) -> float:
    """Return sin(a.x + b) + sum_i c_i x_i^3. a [D], c [D], x [D]"""
    x = np.asarray(x, float)
    return float(np.sin(a @ x + b) + c @ x**3)


def _wave_difference(a: Array, b: float, c: Array, x: Array, h: float) -> Array:
    """Return the central differences of `wave` in closed form. [D]

    sin(z + a_i h) - sin(z - a_i h) = 2 cos(z) sin(a_i h), and
    (x_i + h)^3 - (x_i - h)^3 = 6 x_i^2 h + 2 h^3.
    """
    return np.asarray(np.cos(a @ x + b) * np.sin(a * h) / h + c * (3.0 * x**2 + h**2))


def _case(rng: Rng, x: Array) -> Case:
    D = len(x)
    a, b, c = rng.uniform(0.5, 1.5, D), float(rng.uniform(0, 6)), rng.uniform(0.2, 1, D)
    h = float(rng.uniform(0.2, 0.4))
    text = f"f, {x!r}, {h} with f(x) = sin(a @ x + b) + c @ x**3, a = {a!r}, b = {b}, c = {c!r}"
    return one_call(partial(wave, a, b, c), x, h)._replace(text=text)


def drawn_cases(rng: Rng) -> list[Case]:
    """Draw three arrays of floats, and one array of integers."""
    arrays = [rng.normal(size=D) for D in (1, 2, 4)]
    return [_case(rng, x) for x in [*arrays, rng.integers(1, 4, size=3)]]


def _truth(case: Case) -> Array:
    f, x, h = case.arguments[0]
    a, b, c = f.args
    return _wave_difference(a, b, c, x, h)


def central_difference() -> Question:
    """Ask for central_difference(f, x [D], h) -> central differences of f [D]."""
    return value_question(ValueQuestion("central_difference", drawn_cases, _truth, MISTAKES))
