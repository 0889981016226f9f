"""Assignment 8: a test of the antithetic gradient of an evolution strategy.

The student writes a test that refuses wrong versions of `es_gradient`. The test is called with
right implementations that differ in round-off, and with mutants. Some of the mutants are right at
sigma = 1, for n = 1, or for some functions f.
"""

from __future__ import annotations

import numpy as np

from metarl_min.basics.trees import Array
from metarl_min.teach.evolution_strategies import MISTAKES, Function, antithetic, drawn_cases
from metarl_min.teach.questions import Program, Question
from metarl_min.teach.written_tests import WrittenTest, written_test


def _looped(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    """Return search_gradients (3), with another round-off."""
    total = np.zeros(len(theta))
    for e in noise:
        total = total + (float(f(theta + sigma * e)) - float(f(theta - sigma * e))) / sigma * e
    return total / len(noise) / 2


def _equal(program: Program, other: Program) -> bool:
    """Return whether two programs are equal on the cases of one seed."""
    pairs = [(program(*case.arguments[0]), other(*case.arguments[0])) for case in PROBES]
    return all(np.allclose(x, y, rtol=1e-9, atol=1e-9) for x, y in pairs)


PROBES = drawn_cases(np.random.default_rng(0))
MUTANTS = {  # what each of them does
    "sigma forgotten": "It does not divide by sigma. It is right if sigma = 1.",
    "sigma for 2 sigma": "It divides by sigma and not by 2 sigma.",
    "one-sided": "It uses f at theta + sigma e_i alone.",
    "sum for mean": "It does not divide by n. It is right if n = 1.",
    "wrong sign": "Its result has the opposite sign.",
    "pairs broken": "It subtracts values of different pairs.",
    "values and directions in different order": "The difference of a pair weights another e_i.",
    "points at theta + e": "It uses f at theta + e_i and theta - e_i. It is right if sigma = 1.",
    "directions of length 1": "It divides each weight by the length of e_i.",
    "the last direction missing": "It leaves out the last row of the noise.",
}


def es_gradient_test() -> Question:
    """Ask for test_es_gradient(es_gradient), which refuses wrong versions."""
    mutants = {name: MISTAKES[name]._replace(say=say) for name, say in MUTANTS.items()}
    return written_test(WrittenTest("test_es_gradient", [antithetic, _looped], mutants, _equal))
