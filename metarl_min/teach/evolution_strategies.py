"""Assignment 8: the antithetic gradient of an evolution strategy, and a test of it.

The student writes `es_gradient(f, theta, sigma, noise)`, which is search_gradients (3). f is a
function of an array x with D entries, and noise [n, D] holds n directions e_i. The student also
writes a test that refuses wrong versions of the function. The noise is given, so nothing is random
in the result.

The functions f of the cases are cubic polynomials

    f(x) = level + b.x + x^T C x / 2 + (c.x)^3,  C symmetric

A difference f(theta + sigma e) - f(theta - sigma e) is an odd function of sigma. The linear and the
quadratic term add 2 sigma e.(b + C theta) to it. The cubic term adds
6 sigma (c.theta)^2 (c.e) + 2 sigma^3 (c.e)^3. So the result is known without a difference. The
noise of one case is orthogonal, and its f is quadratic: there the result is the gradient of f, by
search_gradients (9).

`values`, `weighted`, `differences`, `antithetic`, `cubic`,
`drawn_case` and `numbers` trust their arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from metarl_min.basics.trees import Array, Rng
from metarl_min.teach.questions import Mistake, Program, Question
from metarl_min.teach.value_questions import Case, ValueQuestion, one_call, value_question
from metarl_min.teach.written_tests import WrittenTest, written_test

GRADIENT = "search_gradients (3)"
PAGE = "es_and_sigma.py"

Function = Callable[[Array], float]  # [D] -> number


def values(f: Function, points: Array) -> Array:
    """Return the value of f at each row of `points`. [n, D] -> [n]"""
    return np.array([float(f(x)) for x in points])


def weighted(weights: Array, e: Array, divide_by: float) -> Array:
    """Return sum_i weights_i e_i / divide_by. weights [n], e [n, D] -> [D]"""
    return np.asarray(weights @ e / divide_by)


def differences(f: Function, theta: Array, steps: Array) -> Array:
    """Return f(theta + steps_i) - f(theta - steps_i) for each row of `steps`. [n, D] -> [n]"""
    return values(f, theta + steps) - values(f, theta - steps)


def antithetic(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    """Return search_gradients (3). theta [D], noise [n, D] -> [D]"""
    return weighted(differences(f, theta, sigma * noise), noise, 2 * len(noise) * sigma)


def _times(f: Function, theta: Array, sigma: float, noise: Array, power: int) -> Array:
    return antithetic(f, theta, sigma, noise) * sigma**power


def _twice(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    return 2 * antithetic(f, theta, sigma, noise)


def _sum(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    return len(noise) * antithetic(f, theta, sigma, noise)


def _opposite(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    return -antithetic(f, theta, sigma, noise)


def _one_sided(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    return weighted(values(f, theta + sigma * noise), noise, len(noise) * sigma)


def _forward(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    gains = values(f, theta + sigma * noise) - float(f(theta))
    return weighted(gains, noise, len(noise) * sigma)


def _plus(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    sums = values(f, theta + sigma * noise) + values(f, theta - sigma * noise)
    return weighted(sums, noise, 2 * len(noise) * sigma)


def _next_pair(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    after, before = values(f, theta + sigma * noise), values(f, theta - sigma * noise)
    return weighted(after - np.roll(before, 1), noise, 2 * len(noise) * sigma)


def _other_noise(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    gains = differences(f, theta, sigma * noise)
    return weighted(gains, np.roll(noise, 1, axis=0), 2 * len(noise) * sigma)


def _far_points(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    return weighted(differences(f, theta, noise), noise, 2 * len(noise) * sigma)


def _unit_weights(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    lengths = np.linalg.norm(noise, axis=1, keepdims=True)
    gains = differences(f, theta, sigma * noise)
    return weighted(gains, noise / lengths, 2 * len(noise) * sigma)


def _last_missing(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    weights = differences(f, theta, sigma * noise) * (np.arange(len(noise)) < len(noise) - 1)
    return weighted(weights, noise, 2 * len(noise) * sigma)


MISTAKES = {
    "sigma forgotten": Mistake(
        partial(_times, power=1),
        "The two points of a pair are 2 sigma e_i apart. Look for the distance in your formula.",
        GRADIENT,
        PAGE,
    ),
    "divided by sigma twice": Mistake(
        partial(_times, power=-1), "Look for the second division by sigma.", GRADIENT, PAGE
    ),
    "sigma for 2 sigma": Mistake(
        _twice, "Look at the distance between the two points of a pair.", GRADIENT
    ),
    "one-sided": Mistake(
        _one_sided,
        "You use f at theta + sigma e_i alone. This has the same mean over all noise, but it is "
        "not the antithetic estimate.",
        "search_gradients (2)",
    ),
    "a forward difference": Mistake(
        _forward,
        "You use f at theta + sigma e_i and at theta. This has the same mean over all noise, but "
        "it is not the antithetic estimate.",
        "search_gradients (4)",
    ),
    "sum for mean": Mistake(_sum, "The estimate is a mean over the n directions.", GRADIENT),
    "wrong sign": Mistake(_opposite, "Your result points to smaller values of f.", GRADIENT),
    "a sum in each pair": Mistake(
        _plus, "A direction is good if f is larger on its side than on the other side.", GRADIENT
    ),
    "pairs broken": Mistake(
        _next_pair,
        "You subtract the value of another pair. Look at the order of the values.",
        GRADIENT,
    ),
    "values and directions in different order": Mistake(
        _other_noise,
        "The difference of pair i must be the weight of e_i. You use it for another direction.",
        GRADIENT,
    ),
    "points at theta + e": Mistake(
        _far_points, "Look at the points at which you evaluate f.", "search_gradients (1)"
    ),
    "directions of length 1": Mistake(
        _unit_weights, "The weights of the sum are the differences, and nothing else.", GRADIENT
    ),
    "the last direction missing": Mistake(_last_missing, "Look at the loop over the directions."),
}


def cubic(level: float, b: Array, C: Array, c: Array, x: Array) -> float:
    """Return level + b.x + x^T C x / 2 + (c.x)^3. b [D], C [D, D], c [D], x [D]"""
    return float(level + b @ x + x @ C @ x / 2 + (c @ x) ** 3)


def drawn_case(rng: Rng, D: int, n: int, third: float) -> Case:
    """Draw f with a cubic term of the size `third`, theta, sigma, and n directions.

    The directions are orthogonal if f is quadratic.
    """
    level, b, C = float(rng.uniform(1, 2)), rng.normal(size=D), rng.normal(size=(D, D))
    C, c = C + C.T, third * rng.uniform(0.3, 0.6, D)
    theta, sigma, noise = rng.normal(size=D), float(rng.uniform(0.2, 0.4)), rng.normal(size=(n, D))
    if not third:
        noise = np.linalg.qr(noise)[0] * np.sqrt(D)
    text = f"f, {theta!r}, {sigma}, {noise!r} with f(x) = {level} + b @ x + x @ C @ x / 2"
    text += f" + (c @ x)**3, b = {b!r}, C = {C!r}, c = {c!r}"
    return one_call(partial(cubic, level, b, C, c), theta, sigma, noise)._replace(text=text)


def _cases(rng: Rng) -> list[Case]:
    """Draw four cases. The third one has as many orthogonal directions as parameters."""
    sizes = [(1, 2, 1.0), (2, 3, 1.0), (3, 3, 0.0), (3, 4, 1.0)]
    return [drawn_case(rng, *size) for size in sizes]


def _truth(case: Case) -> Array:
    """Return the estimate without a difference, as the docstring of the module says. [D]"""
    f, theta, sigma, noise = case.arguments[0]
    _, b, C, c = f.args
    along = noise @ c
    slopes = noise @ (b + C @ theta) + 3 * (c @ theta) ** 2 * along + sigma**2 * along**3
    return np.asarray(np.mean(slopes[:, None] * noise, axis=0))


def numbers(case: Case) -> dict[str, float]:
    """Return the numbers that a program may forget, by name."""
    _, _, sigma, noise = case.arguments[0]
    return {"sigma": sigma, "n": len(noise), "D": noise.shape[1]}


def es_gradient() -> Question:
    """Ask for es_gradient(f, theta [D], sigma, noise [n, D]) -> search_gradients (3) [D]."""
    return value_question(ValueQuestion("es_gradient", _cases, _truth, MISTAKES, numbers))


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


PROBES = _cases(np.random.default_rng(0))
MUTANTS = {  # what each of them does
    "sigma forgotten": "It does not divide by sigma. It is right if sigma = 1.",
    "sigma for 2 sigma": "It divides by sigma and not by 2 sigma.",
    "one-sided": "It uses f at theta + sigma e_i alone.",
    "sum for mean": "It does not divide by n. It is right if n = 1.",
    "wrong sign": "Its result has the opposite sign.",
    "pairs broken": "In the difference of pair i, it subtracts the value of another pair.",
    "values and directions in different order": "The difference of a pair weights another e_i.",
    "points at theta + e": "It uses f at theta + e_i and theta - e_i. It is right if sigma = 1.",
    "directions of length 1": "It divides each weight by the length of e_i.",
    "the last direction missing": "It leaves out the last row of the noise.",
}


def es_gradient_test() -> Question:
    """Ask for test_es_gradient(es_gradient), which refuses wrong versions."""
    mutants = {name: MISTAKES[name]._replace(say=say) for name, say in MUTANTS.items()}
    return written_test(WrittenTest("test_es_gradient", [antithetic, _looped], mutants, _equal))
