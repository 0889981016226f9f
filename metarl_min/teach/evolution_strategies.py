"""Assignment 8: the antithetic gradient of an evolution strategy.

The student writes `es_gradient(f, theta, sigma, noise)`, which is search_gradients (3). f is a
function of an array x with D entries, and noise [n, D] holds n directions e_i. The noise is given,
so nothing is random in the result.

The functions f of the cases are cubic polynomials

    f(x) = level + b.x + x^T C x / 2 + (c.x)^3,  C symmetric

A difference f(theta + sigma e) - f(theta - sigma e) is an odd function of sigma. The linear and the
quadratic term add 2 sigma e.(b + C theta) to it. The cubic term adds
6 sigma (c.theta)^2 (c.e) + 2 sigma^3 (c.e)^3. So the result is known without a difference. The
noise of one case is orthogonal, and its f is quadratic: there the result is the gradient of f, by
search_gradients (9).

`values`, `weighted`, `differences`, `alternating`, `antithetic`, `cubic`, `drawn_case`,
`drawn_cases` and `numbers` trust their arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from metarl_min.basics.trees import Array, Rng
from metarl_min.teach.questions import Mistake, Question
from metarl_min.teach.value_questions import Case, ValueQuestion, one_call, value_question

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


def alternating(f: Function, theta: Array, steps: Array) -> Array:
    """Return f(theta + steps_1), f(theta - steps_1), f(theta + steps_2) and so on. [2 n]"""
    points = np.stack([theta + steps, theta - steps], axis=1)
    return values(f, points.reshape(-1, len(theta)))


def _broken_pairs(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    first, second = np.split(alternating(f, theta, sigma * noise), 2)
    return weighted(first - second, noise, 2 * len(noise) * sigma)


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
        _broken_pairs,
        "In your list of 2 n values the two sides alternate, but you read it as two halves.",
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


def drawn_cases(rng: Rng) -> list[Case]:
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
    return value_question(ValueQuestion("es_gradient", drawn_cases, _truth, MISTAKES, numbers))
