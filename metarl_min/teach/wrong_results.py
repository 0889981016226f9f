"""Explanations of wrong results for a student.

The results of a student, the exact results and the results of the mistakes are lists of vectors,
one for each case. Three kinds of wrong results have names: the results of a mistake, results that
agree with the exact ones to a few digits only, and the results of a mistake times a factor. In this
module, a factor is a text such as "1/N times ". `most` holds one number for each case: the largest
difference from the truth that a right result may have.

The functions of `wrong_results` trust their arguments.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from metarl_min.basics.trees import Array
from metarl_min.gradients.known_sums import Comparison, equal_multiples
from metarl_min.gradients.mistakes import multiples
from metarl_min.teach.questions import Mistake

RIGHT = "the right result"
TOO_FEW = "too few digits"
NEARLY = (
    "So your program computes nearly the right numbers. Look for a step that is an approximation, "
    "for a number that is cut off, and for float32."
)
CLOSE = 1e-3  # the largest relative error of a result that agrees to a few digits


class Found(NamedTuple):
    """A mistake whose results are equal to the student's results, up to a factor."""

    mistake: str  # its name, or RIGHT
    factor: str  # or "" for the factor 1


def equal_in_all(x: Sequence[Array], y: Sequence[Array], most: Sequence[float]) -> bool:
    """Return whether the vectors differ by at most `most` in each case."""
    pairs = zip(x, y, most, strict=True)
    return all(bool((abs(a - b) <= difference).all()) for a, b, difference in pairs)


def _factors(numbers: dict[str, float]) -> dict[str, float]:
    """Return the factors by name.

    `multiples` leaves out a number that is 1. Here it is kept, because the same number can differ
    from 1 in another case.
    """
    ones = [name for name, x in numbers.items() if x == 1]
    return multiples(numbers) | {
        f"{part}{name} times ": 1.0 for name in ones for part in ("", "1/")
    }


def equal_mistake(
    results: list[Array], known: dict[str, list[Array]], most: list[float]
) -> Found | None:
    """Return the first mistake whose results are equal in every case."""
    names = (name for name, vectors in known.items() if equal_in_all(results, vectors, most))
    return next((Found(name, "") for name in names), None)


def multiple_of_mistake(
    results: list[Array],
    known: dict[str, list[Array]],
    numbers: list[dict[str, float]],
    tolerance: float,
) -> Found | None:
    """Return the mistake, or RIGHT, whose results are equal up to a factor with a name.

    `numbers` has one dict for each case, with the numbers that a program may forget as a factor.
    """
    tables = [_factors(one | {"2": 2.0}) for one in numbers]
    found = equal_multiples(Comparison(results, known, tables, tolerance))
    found = [one for one in found if one.text != RIGHT]
    if not found:
        return None
    (mistake,), text = found[0].names, found[0].text
    return Found(mistake, text.removesuffix(mistake))


def digits(x: Array, truth: Array, size: float) -> float:
    """Return to how many digits two vectors agree, relative to `size`."""
    error = float(abs(x - truth).max()) / size if size else math.inf
    return -math.log10(error) if error else math.inf


def few_digits(agreeing: Sequence[float], wrong: Sequence[int], tolerance: float) -> str:
    """Return in words that the results agree to a few digits, or "" if they do not.

    `agreeing` holds the digits in each case, and `wrong` the numbers of the wrong cases.
    """
    fewest = min(agreeing[i] for i in wrong)
    if fewest < -math.log10(CLOSE):
        return ""
    where = "In each case" if len(wrong) == len(agreeing) else f"In {len(wrong)} of the cases"
    return (
        f"{where} your results agree with the right ones to a few digits only. They agree to "
        f"{math.floor(fewest)} digits in the worst case. The error may be at most {tolerance:g} of "
        "the largest entry."
    )


def explained(found: Found, one: Mistake, right: int) -> str:
    """Return the sentences about a mistake that was found by its results.

    `right` is the number of cases in which the results are right.
    """
    start = "In every case, also in those that are right," if right else "In every case"
    if found.mistake == RIGHT:
        return f"{start} your result is {found.factor}{RIGHT}. Look for a factor."
    if found.factor:
        text = (
            f"Your program has two mistakes. The first one is: {found.mistake}. {one.say} The "
            f"second one is a factor. {start} your result is {found.factor}the result of the first "
            "mistake alone."
        )
    else:
        result = "your result is equal to the result of this mistake"
        text = f"{start} {result}: {found.mistake}. {one.say}"
    text += f" Read equation {one.equation}." if one.equation else ""
    text += f" The page examples/case_files/{one.page} explains this mistake." if one.page else ""
    return text.strip()
