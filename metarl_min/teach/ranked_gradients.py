"""Assignment 8: ranks in the place of the values of an evolution strategy.

The student writes two functions. `utilities(values)` returns the centred ranks of P values, which
are search_gradients (10). `ranked_gradient(f, theta, sigma, noise)` is the antithetic estimate
search_gradients (3) with the centred ranks of all 2 n values in the place of the values.

The exact ranks are counted: the rank of a value is the number of smaller values, plus half of the
number of other values that are equal to it. No value is sorted.

`counted_ranks`, `both_sides` and `ranked` trust their arguments.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from metarl_min.basics.trees import Array, Rng
from metarl_min.teach.evolution_strategies import (
    PAGE,
    Function,
    alternating,
    antithetic,
    drawn_case,
    numbers,
    values,
    weighted,
)
from metarl_min.teach.questions import Mistake, Question
from metarl_min.teach.value_questions import Case, ValueQuestion, one_call, value_question

RANKS = "search_gradients (10)"


def counted_ranks(F: Array) -> Array:
    """Return the centred ranks of values, search_gradients (10). [P] -> [P]"""
    smaller = (F[None, :] < F[:, None]).sum(axis=1)
    equal = (F[None, :] == F[:, None]).sum(axis=1)
    return np.asarray((smaller + (equal - 1) / 2) / (len(F) - 1) - 0.5)


def _order(F: Array) -> Array:
    """Return the ranks if equal values are ranked in the order of their places. [P]"""
    return np.argsort(np.argsort(F))


def _by_place(F: Array) -> Array:
    return _order(F) / (len(F) - 1) - 0.5


def _places(F: Array) -> Array:
    return np.argsort(F) / (len(F) - 1) - 0.5


def _plain(F: Array) -> Array:
    return (counted_ranks(F) + 0.5) * (len(F) - 1)


def _divided_by_size(F: Array) -> Array:
    return _plain(F) / len(F) - 0.5


def _smallest_of_ties(F: Array) -> Array:
    return np.asarray((F[None, :] < F[:, None]).sum(axis=1) / (len(F) - 1) - 0.5)


def _standardised(F: Array) -> Array:
    return (F - F.mean()) / F.std()


UTILITIES = {
    "utilities in sorted order": Mistake(
        lambda F: np.sort(counted_ranks(F)),
        "The utilities are right, but they stand in the order of the values. Entry i of the result "
        "belongs to entry i of the values.",
        RANKS,
    ),
    "places for ranks": Mistake(
        _places,
        "np.argsort returns the place of the smallest value, of the next one, and so on. This is "
        "not the rank of each value.",
        RANKS,
    ),
    "equal values with different ranks": Mistake(
        _by_place, "Equal values must have equal utilities.", RANKS
    ),
    "equal values with the smallest rank": Mistake(
        _smallest_of_ties, "Equal values have the mean of their ranks. You use the smallest.", RANKS
    ),
    "not centred": Mistake(
        lambda F: counted_ranks(F) + 0.5, "The sum of all utilities must be zero.", RANKS
    ),
    "ranks without a scale": Mistake(_plain, "A utility is between -1/2 and 1/2.", RANKS),
    "ranks from 1": Mistake(lambda F: _plain(F) + 1, "A utility is between -1/2 and 1/2.", RANKS),
    "divided by P": Mistake(
        _divided_by_size, "The largest value must have the utility 1/2. Look at the scale.", RANKS
    ),
    "the largest value first": Mistake(
        lambda F: -counted_ranks(F), "The largest value must have the largest utility.", RANKS
    ),
    "the largest value first, and equal values with different ranks": Mistake(
        lambda F: _by_place(-F),
        "The largest value must have the largest utility, and equal values equal utilities.",
        RANKS,
    ),
    "ranks from 1/2, divided by P": Mistake(
        lambda F: (_plain(F) + 0.5) / len(F) - 0.5,
        "The smallest rank is 0, and the utility of the largest value is 1/2.",
        RANKS,
    ),
    "standardised values": Mistake(
        _standardised, "A utility depends on the order of the values and not on their size.", RANKS
    ),
}


def _lists(rng: Rng) -> list[Case]:
    """Draw values without and with equal values."""
    arrays = [rng.normal(size=4), rng.normal(size=6)]
    few = rng.normal(size=3)
    arrays += [few[rng.permutation([0, 0, 0, 1, 2])], few[rng.permutation([0, 0, 1, 1, 2, 2, 2])]]
    return [one_call(F) for F in arrays]


def utilities() -> Question:
    """Ask for utilities(values [P]) -> centred ranks, search_gradients (10) [P]."""
    return value_question(
        ValueQuestion(
            function="utilities",
            cases=_lists,
            truth=lambda case: counted_ranks(*case.arguments[0]),
            mistakes=UTILITIES,
            numbers=lambda case: {"P": len(case.arguments[0][0])},
        )
    )


def both_sides(f: Function, theta: Array, sigma: float, noise: Array) -> tuple[Array, Array]:
    """Return the values of f at theta + sigma e_i, and at theta - sigma e_i. [n] each"""
    return values(f, theta + sigma * noise), values(f, theta - sigma * noise)


def ranked(f: Function, theta: Array, sigma: float, noise: Array, power: int = 1) -> Array:
    """Return search_gradients (3) with centred ranks, divided by sigma^power. [D]"""
    n = len(noise)
    u = counted_ranks(np.concatenate(both_sides(f, theta, sigma, noise)))
    return weighted(u[:n] - u[n:], noise, 2 * n * sigma**power)


def _sides_apart(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    after, before = map(counted_ranks, both_sides(f, theta, sigma, noise))
    return weighted(after - before, noise, 2 * len(noise) * sigma)


def _of_differences(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    after, before = both_sides(f, theta, sigma, noise)
    return weighted(counted_ranks(after - before), noise, 2 * len(noise) * sigma)


def _in_sorted_order(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    n = len(noise)
    u = np.linspace(-0.5, 0.5, 2 * n)
    return weighted(u[:n] - u[n:], noise, 2 * n * sigma)


def _read_as_pairs(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    u = counted_ranks(np.concatenate(both_sides(f, theta, sigma, noise)))
    return weighted(u[0::2] - u[1::2], noise, 2 * len(noise) * sigma)


def _read_as_halves(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    u = counted_ranks(alternating(f, theta, sigma * noise))
    return weighted(u[: len(noise)] - u[len(noise) :], noise, 2 * len(noise) * sigma)


def _one_side(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    after, _ = both_sides(f, theta, sigma, noise)
    return weighted(counted_ranks(after), noise, len(noise) * sigma)


def _signs(f: Function, theta: Array, sigma: float, noise: Array) -> Array:
    after, before = both_sides(f, theta, sigma, noise)
    return weighted(np.sign(after - before), noise, 2 * len(noise) * sigma)


def _scaled(f: Function, theta: Array, sigma: float, noise: Array, factor: float) -> Array:
    return factor * ranked(f, theta, sigma, noise)


RANKED = {
    "each side ranked on its own": Mistake(
        _sides_apart,
        "All 2 n values are ranked together, so that both sides can be compared.",
        RANKS,
    ),
    "ranks of the differences": Mistake(
        _of_differences, "The values are ranked, and then the utilities of a pair are subtracted."
    ),
    "utilities in sorted order": Mistake(
        _in_sorted_order, "The utilities do not belong to their values.", RANKS
    ),
    "two halves read as pairs": Mistake(
        _read_as_pairs, "Your list of 2 n values has one half for each side. Look at its order."
    ),
    "pairs read as two halves": Mistake(
        _read_as_halves, "In your list of 2 n values the two sides alternate. Look at its order."
    ),
    "one-sided": Mistake(_one_side, "Both sides of each pair are needed."),
    "signs of the differences": Mistake(_signs, "A rank is more than a sign.", RANKS),
    "values without ranks": Mistake(
        antithetic, "These are the values, and not their ranks.", RANKS
    ),
    "sigma forgotten": Mistake(
        partial(ranked, power=0),
        "The definition of this assignment divides by 2 n sigma. This sigma is a convention: ranks "
        "do not grow with sigma.",
        "search_gradients (3)",
        PAGE,
    ),
    "sigma for 2 sigma": Mistake(partial(_scaled, factor=2.0), "Look at the factor 2."),
    "wrong sign": Mistake(partial(_scaled, factor=-1.0), "The result points to smaller values."),
}


def _searches(rng: Rng) -> list[Case]:
    """Draw three searches with normal noise."""
    return [drawn_case(rng, *sizes) for sizes in [(1, 3, 1.0), (2, 4, 1.0), (3, 5, 1.0)]]


def ranked_gradient() -> Question:
    """Ask for ranked_gradient(f, theta [D], sigma, noise [n, D]) -> estimate with ranks [D]."""
    return value_question(
        ValueQuestion(
            function="ranked_gradient",
            cases=_searches,
            truth=lambda case: ranked(*case.arguments[0]),
            mistakes=RANKED,
            numbers=numbers,
        )
    )
