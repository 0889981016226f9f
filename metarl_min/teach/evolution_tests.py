"""Assignment 8: a test of the antithetic gradient of an evolution strategy.

The student writes a test that refuses wrong versions of `es_gradient`. The test is called with
right implementations that differ in round-off, and with mutants. Most of the mutants are right for
a special call: for linear or quadratic f, at theta = 0, at sigma = 1, for n = 1, for n = D, or for
orthogonal noise. So a test with one such call accepts some of them.
"""

from __future__ import annotations

import numpy as np

from metarl_min.basics.trees import Array
from metarl_min.teach.evolution_strategies import (
    MISTAKES,
    Function,
    antithetic,
    differences,
    drawn_cases,
)
from metarl_min.teach.questions import Mistake, Program, Question
from metarl_min.teach.written_tests import WrittenTest, written_test


def _looped(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    """Return search_gradients (3), with another round-off."""
    total = np.zeros(len(theta))
    for e in noise:
        total = total + (float(f(theta + sigma * e)) - float(f(theta - sigma * e))) / sigma * e
    return total / len(noise) / 2


def _unit_sigma(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    return antithetic(f, theta, 1.0, noise)


def _short_step(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    return antithetic(f, theta, 1e-3, noise)


def _around_zero(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    return antithetic(f, 0 * theta, sigma, noise)


def _divided_by_D(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    return antithetic(f, theta, sigma, noise) * noise.shape[0] / noise.shape[1]


def _least_squares(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    slopes = differences(f, theta, sigma * noise) / (2 * sigma)
    return np.asarray(np.linalg.lstsq(noise, slopes, rcond=None)[0])


def _equal_lengths(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    lengths = np.linalg.norm(noise, axis=1, keepdims=True) / np.sqrt(noise.shape[1])
    return antithetic(f, theta, sigma, noise / lengths)


def _equal(program: Program, other: Program) -> bool:
    """Return whether two programs have equal results on all PROBES."""
    pairs = [(program(*case.arguments[0]), other(*case.arguments[0])) for case in PROBES]
    return all(np.allclose(x, y, rtol=1e-9, atol=1e-9) for x, y in pairs)


PROBES = drawn_cases(np.random.default_rng(0))
KNOWN = {  # mistakes of `evolution_strategies`, and what each of them does
    "sigma forgotten": "It does not divide by sigma. It is right if sigma = 1.",
    "sigma for 2 sigma": "It divides by sigma and not by 2 sigma.",
    "one-sided": "It uses f at theta + sigma e_i alone.",
    "a forward difference": (
        "It uses f at theta + sigma e_i and at theta. It is right if f is linear."
    ),
    "sum for mean": "It does not divide by n. It is right if n = 1.",
    "pairs broken": "It subtracts values of different pairs.",
    "values and directions in different order": "The difference of a pair weights another e_i.",
    "points at theta + e": "It uses f at theta + e_i and theta - e_i. It is right if sigma = 1.",
    "the last direction missing": "It leaves out the last row of the noise.",
}
MUTANTS = {name: MISTAKES[name]._replace(say=say) for name, say in KNOWN.items()} | {
    "sigma is 1": Mistake(
        _unit_sigma,
        "It uses the definition with sigma = 1 for each sigma. It is right if f is quadratic.",
    ),
    "sigma is 0.001": Mistake(
        _short_step,
        "It uses the definition with sigma = 0.001 for each sigma. It is right if f is quadratic.",
    ),
    "theta is 0": Mistake(
        _around_zero, "It uses f at sigma e_i and at -sigma e_i. It is right if f is linear."
    ),
    "divided by D": Mistake(_divided_by_D, "It divides by D and not by n. It is right if n = D."),
    "least squares": Mistake(
        _least_squares,
        "It returns the g whose products with all e_i are the slopes. It is right if n = D and the "
        "directions are orthogonal, each of the length sqrt(D).",
    ),
    "directions of equal length": Mistake(
        _equal_lengths,
        "It gives all directions the length sqrt(D). It is right if they have this length.",
    ),
}


def es_gradient_test() -> Question:
    """Ask for test_es_gradient(es_gradient), which refuses wrong versions."""
    return written_test(WrittenTest("test_es_gradient", [antithetic, _looped], MUTANTS, _equal))
