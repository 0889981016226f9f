"""Assignment 1: a test of central differences.

The student writes a test that refuses wrong versions of `central_difference`. The test is called
with right implementations that differ in round-off, and with mutants. Most of the mutants are right
for some functions f, for some arrays x, or for some steps h. So a test with one function and one
point accepts several of them. In this module, f is a function of an array x with D entries, e_i is
the unit vector of coordinate i, and h is the length of a step.

The central difference with a step k h is a + b (k h)^2 + c (k h)^4 + .., where a, b and c are
multiples of the first, third and fifth derivative of f. The mutant "a polynomial is assumed" adds a
sum of three such differences with k = 1, 2, 3 and the weights 5, -8, 3. The weights times k^0 add
to 0, and so do the weights times k^2. So the mutant is right for polynomials of degree 4.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from metarl_min.basics.trees import Array
from metarl_min.teach import central_differences
from metarl_min.teach.central_differences import Function, central, drawn_cases, moved, wave
from metarl_min.teach.questions import Mistake, Program, Question
from metarl_min.teach.value_questions import Case, one_call
from metarl_min.teach.written_tests import WrittenTest, written_test


def _two_quotients(f: Function, x: Array, h: float) -> Array:
    """Return central differences whose round-off differs from that of `central`."""
    pairs = [(moved(x, i, h), moved(x, i, -h)) for i in range(len(x))]
    return np.array([float(f(y)) / (2 * h) - float(f(z)) / (2 * h) for y, z in pairs])


def _equal(program: Program, other: Program) -> bool:
    """Return whether two programs have equal results on all PROBES."""
    pairs = [(program(*case.arguments[0]), other(*case.arguments[0])) for case in PROBES]
    return all(np.allclose(x, y, rtol=1e-9, atol=1e-9) for x, y in pairs)


def _probe() -> Case:
    """Return a case with a long step, and with an entry that is zero."""
    f = partial(wave, np.array([0.7, 1.2]), 0.4, np.array([0.5, 0.9]))
    return one_call(f, np.array([0.0, 2.5]), 0.8)


PROBES = [*drawn_cases(np.random.default_rng(0)), _probe()]


def _tiny_step(f: Function, x: Array, h: float) -> Array:
    return central(f, x, 1e-12)


def _last_missing(f: Function, x: Array, h: float) -> Array:
    return central(f, x, h) * (np.arange(len(x)) < max(1, len(x) - 1))


def _as_column(f: Function, x: Array, h: float) -> Array:
    return central(f, x, h)[:, None]


def _zero_skipped(f: Function, x: Array, h: float) -> Array:
    return central(f, x, h) * (x != 0)


def _long_step_cut(f: Function, x: Array, h: float) -> Array:
    return central(f, x, min(h, 0.5))


def _of_a_polynomial(f: Function, x: Array, h: float) -> Array:
    added = [weight * central(f, x, k * h) for k, weight in ((1, 5), (2, -8), (3, 3))]
    return np.asarray(central(f, x, h) + sum(added))


KNOWN = {  # mistakes of `central_differences`, and what each of them does
    "a forward difference": "It uses f at x and at x + h e_i. It is right if f is linear.",
    "a backward difference": "It uses f at x - h e_i and at x. It is right if f is linear.",
    "divided by h": "Its result is twice the right one.",
    "half of the step": "It uses x + h/2 e_i and x - h/2 e_i. It is right if f is quadratic.",
    "x left at x - h": (
        "The coordinates before coordinate i stay at x - h. It is right if f is a sum of functions "
        "of one coordinate."
    ),
    "copies of integers": "It is right if x holds floats. If x holds integers, steps are cut off.",
    "a result of integers": "It is right if x holds floats. For integers, slopes are cut off.",
    "h not used": "It uses the step 1e-5 and not h. It is right if f is quadratic.",
    "h times max(1, |x|)": "Its step grows with large x. It is right if no entry is beyond 1.",
    "all coordinates moved at once": "It is right if x has one entry.",
}
MUTANTS = {name: central_differences.MISTAKES[name]._replace(say=KNOWN[name]) for name in KNOWN} | {
    "the last coordinate missing": Mistake(
        _last_missing, "If x has more than one entry, the last entry of its result is zero."
    ),
    "the step 1e-12": Mistake(
        _tiny_step, "It uses the step 1e-12 and not h. Its results have about four right digits."
    ),
    "a column": Mistake(_as_column, "Its result has the shape [D, 1] and not [D]."),
    "nothing at zero": Mistake(
        _zero_skipped, "The result is zero in a coordinate in which x is zero."
    ),
    "a step of at most 0.5": Mistake(
        _long_step_cut, "It uses the step 0.5 if h is longer than that."
    ),
    "a polynomial is assumed": Mistake(
        _of_a_polynomial, "It is right if f is a polynomial of degree 4."
    ),
}


def central_difference_test() -> Question:
    """Ask for test_central_difference(central_difference), which refuses wrong versions."""
    right = [central, _two_quotients]
    return written_test(WrittenTest("test_central_difference", right, MUTANTS, _equal))
