"""Assignment 1: the step with which a derivative is measured.

The student writes `best_step(noise, third)` and `numerical_gradient(f, x)`. In this module, f is a
function of an array x with D entries, e is the unit vector of a coordinate, and h is the length of
a step. The central difference is (f(x + h e) - f(x - h e)) / (2 h). Let each value of f have an
error of at most `noise`, and let the third derivative of f along e be at most `third`:

    (1)  |central difference - derivative| <= noise / h + third h^2 / 6              [derivation]
    (2)  the right side of (1) is smallest at h = cbrt(3 noise / third)              [derivation]

    Steps of (1): the errors of the two values add at most 2 noise / (2 h). For exact values, write
    both as Taylor series in h. Their difference is 2 h f' and two remainders, each of them at most
    third h^3 / 6.
    Steps of (2): the derivative of the right side in h is -noise / h^2 + third h / 3. It is
    negative before h^3 = 3 noise / third, and positive after.

`numerical_gradient` must be right to 1e-9 of the largest entry, at points x with entries of about
1, 1e5 and 1e10. There f is a wave. Its height and its wavelength are of the order of |x|. So its
values have errors of about EPS |x|, and its third derivatives are about 1 / x^2. By (2), a good
step is a multiple of cbrt(EPS) |x|, and the difference with this step has an error of about 5e-11.
A step that does not depend on x fails at one of the points, and `FIXED` lists frequent steps of
this kind. A forward difference has at best an error of 1e-8. If a program is not exact, `looked_at`
calls it with a function that records its arguments. So the student is told the length of the step.

`least_bound`, `waves`, `recorded_steps` and `looked_at` trust their arguments.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from metarl_min.basics.trees import Array, Rng
from metarl_min.teach.central_differences import Function, central
from metarl_min.teach.questions import Call, Mistake, Question
from metarl_min.teach.value_questions import Case, ValueQuestion, one_call, value_question
from metarl_min.teach.wrong_results import TOO_FEW

ACCURACY = 1e-9  # of numerical_gradient, relative to the largest entry
BOUND = "difference_steps (1)"
EPS = float(np.finfo(float).eps)
SCALES = 1.0, 1e5, 1e10
FIXED = {
    "1e-12": 1e-12, "1e-8": 1e-8, "1e-6": 1e-6, "1e-5": 1e-5,
    "cbrt(eps)": float(np.cbrt(EPS)), "cbrt(3 eps)": float(np.cbrt(3 * EPS)),
}  # fmt: skip
SAME_STEP = (
    "At x of about 1e10, neighbouring floats differ by 2e-6, so the values of f are rounded to "
    "such steps too. Each term of the bound depends on the size of x."
)
HINTS = {"not finite": "Look at the length of your step in a coordinate that is zero."}


def least_bound(noise: float, third: float) -> float:
    """Return the step of eq. (2), at which the bound is smallest."""
    return float(np.cbrt(3 * noise / third))


STEPS = {
    "the factor 3 forgotten": Mistake(
        lambda noise, third: float(np.cbrt(noise / third)),
        "The power of h is right. Look at the factors in the derivative of the bound.",
        BOUND,
    ),
    "both terms equal": Mistake(
        lambda noise, third: float(np.cbrt(6 * noise / third)),
        "At your step the two terms of the bound are equal. Their sum is smaller elsewhere.",
        BOUND,
    ),
    "a square root": Mistake(
        lambda noise, third: float(np.sqrt(noise / third)),
        "A square root belongs to a forward difference, whose error grows with h and not with h^2.",
        BOUND,
    ),
    "a square root, with the factor 3": Mistake(
        lambda noise, third: float(np.sqrt(3 * noise / third)),
        "Look at the power of h when you solve for h.",
        BOUND,
    ),
    "noise and third exchanged": Mistake(
        lambda noise, third: float(np.cbrt(third / (3 * noise))),
        "Your step becomes shorter if the noise grows.",
        BOUND,
    ),
    "the bound and not the step": Mistake(
        lambda noise, third: float(1.5 * noise / least_bound(noise, third)),
        "This is the smallest value of the bound. The step at which it is reached is asked for.",
        BOUND,
    ),
    "the noise of float64": Mistake(
        lambda noise, third: float(np.cbrt(3 * EPS / third)),
        "Your step does not depend on the noise that is given.",
        BOUND,
    ),
}


def _numbers(rng: Rng) -> list[Case]:
    """Draw four pairs of numbers. The noise is far larger than the round-off of float64."""
    return [
        one_call(float(10 ** rng.uniform(-5, -3)), float(10 ** rng.uniform(-1, 1)))
        for _ in range(4)
    ]


def best_step() -> Question:
    """Ask for best_step(noise, third) -> the step of eq. (2)."""
    return value_question(
        ValueQuestion(
            function="best_step",
            cases=_numbers,
            truth=lambda case: least_bound(*case.arguments[0]),
            mistakes=STEPS,
            hints={TOO_FEW: "A formula is asked for: a search finds fewer digits."},
        )
    )


def waves(scale: float, w: Array, b: Array, x: Array) -> float:
    """Return sum_i w_i (scale / 2) sin(2 x_i / scale + b_i). w [D], b [D], x [D]"""
    return float(w @ np.sin(2 * np.asarray(x) / scale + b) * (scale / 2))


def _slopes_of_waves(case: Case) -> Array:
    """Return the gradient of `waves`: entry i is w_i cos(2 x_i / scale + b_i). [D]"""
    f, x = case.arguments[0]
    scale, w, b = f.args
    return np.asarray(w * np.cos(2 * x / scale + b))


def _points(rng: Rng) -> list[Case]:
    """Draw a point x for each scale. One entry of the first point is zero."""
    cases = []
    for scale in SCALES:
        w = rng.uniform(0.5, 1.5, size=4)
        x = rng.choice([-1, 1], size=4) * rng.uniform(0.5, 1.5, size=4) * scale
        x[1] *= scale > 1
        case = one_call(partial(waves, scale, w, rng.uniform(0, 6, size=4)), x)
        cases.append(case._replace(text=f"f with values of the size {scale:g}, {x!r}"))
    return cases


def recorded_steps(call: Call, scale: float, x: Array) -> Array:
    """Return the steps in one coordinate that a program takes at the point x. [n, 2]

    Steps of two coordinates at once are left out.
    """
    moves = list[Array]()

    def recording(y: Array) -> float:
        moves.append(np.asarray(y, float) - x)
        return waves(scale, np.ones(2), np.array([0.3, 1.1]), y)

    call(recording, x)
    moved = np.array(moves).reshape(-1, 2)
    return np.asarray(moved[(moved != 0).sum(axis=1) == 1])


def _judged(scale: float, steps: Array) -> str:
    """Return in words which term of eq. (1) is too large for the steps of a program.

    The third derivatives of `waves` with weights 1 are at most 4 / scale^2.
    """
    if not steps.size:
        return "your step has no effect, because x + h is rounded to x."
    shortest, longest = float(abs(steps).min()), float(abs(steps).max())
    if (steps > 0).all() or (steps < 0).all():
        return "you evaluate f on one side of x, with an error of the order of the step."
    if EPS * scale / shortest > ACCURACY:
        return f"your step {shortest:.2g} is too short: the term of the noise is too large."
    if 4 / scale**2 * longest**2 / 6 > ACCURACY:
        return f"your step {longest:.2g} is too long: the term with h^2 is too large."
    return f"your step {longest:.2g} has a good length."


def looked_at(call: Call) -> str:
    """Return in words how long the steps of a program are, or "" if it takes none."""
    found = [recorded_steps(call, scale, np.array([1.0, -0.8]) * scale) for scale in SCALES]
    found = [steps[steps != 0] for steps in found]
    if not any(steps.size for steps in found):
        return ""
    texts = [
        f"At x of the size {scale:g}, {_judged(scale, steps)}"
        for scale, steps in zip(SCALES, found, strict=True)
    ]
    at_zero = recorded_steps(call, 1.0, np.array([0.0, 1.0]))[:, 0]
    texts.append(f"In a coordinate that is 0, {_judged(1.0, at_zero[at_zero != 0])}")
    lengths = [abs(steps).max() for steps in found if steps.size]
    if max(lengths) < 1.5 * min(lengths):
        texts.append("Your step does not grow with x.")
    return " ".join(texts)


def _with_step(f: Function, x: Array, h: float) -> Array:
    return central(f, x, h)


def numerical_gradient() -> Question:
    """Ask for numerical_gradient(f, x [D]) -> gradient of f [D], right to 1e-9.

    In each coordinate, the step of a right program makes both terms of eq. (1) small.
    """
    mistakes = {
        f"the same step at every x: {name}": Mistake(partial(_with_step, h=h), SAME_STEP, BOUND)
        for name, h in FIXED.items()
    }
    return value_question(
        ValueQuestion(
            function="numerical_gradient",
            cases=_points,
            truth=_slopes_of_waves,
            mistakes=mistakes,
            tolerance=ACCURACY,
            hints=HINTS,
            look=looked_at,
        )
    )
