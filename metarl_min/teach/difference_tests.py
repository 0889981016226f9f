"""Assignment 1: a test of central differences.

The student writes a test that refuses wrong versions of `central_difference`. The test is called
with right implementations that differ in round-off, and with mutants. Most of the mutants are right
for some functions f, or for some arrays x. In this module, f is a function of an array x with D
entries, e_i is the unit vector of coordinate i, and h is the length of a step.
"""

from __future__ import annotations

import numpy as np

from metarl_min.basics.trees import Array
from metarl_min.teach import central_differences
from metarl_min.teach.central_differences import Function, central, drawn_cases, moved
from metarl_min.teach.questions import Mistake, Program, Question
from metarl_min.teach.written_tests import WrittenTest, written_test


def _two_quotients(f: Function, x: Array, h: float) -> Array:
    """Return central differences whose round-off differs from that of `central`."""
    pairs = [(moved(x, i, h), moved(x, i, -h)) for i in range(len(x))]
    return np.array([float(f(y)) / (2 * h) - float(f(z)) / (2 * h) for y, z in pairs])


def _equal(program: Program, other: Program) -> bool:
    """Return whether two programs are equal on the cases of one seed."""
    pairs = [(program(*case.arguments[0]), other(*case.arguments[0])) for case in PROBES]
    return all(np.allclose(x, y, rtol=1e-9, atol=1e-9) for x, y in pairs)


PROBES = drawn_cases(np.random.default_rng(0))


def _tiny_step(f: Function, x: Array, h: float) -> Array:
    return central(f, x, 1e-12)


def _last_missing(f: Function, x: Array, h: float) -> Array:
    return central(f, x, h) * (np.arange(len(x)) < max(1, len(x) - 1))


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
}
MUTANTS = {name: central_differences.MISTAKES[name]._replace(say=KNOWN[name]) for name in KNOWN} | {
    "the last coordinate missing": Mistake(
        _last_missing, "If x has more than one entry, the last entry of its result is zero."
    ),
    "the step 1e-12": Mistake(
        _tiny_step, "It uses the step 1e-12 and not h. Its results have about four right digits."
    ),
}


def central_difference_test() -> Question:
    """Ask for test_central_difference(central_difference), which refuses wrong versions."""
    right = [central, _two_quotients]
    return written_test(WrittenTest("test_central_difference", right, MUTANTS, _equal))
