"""Assignment 8: which equation of a derivation is wrong?

The student's program `wrong_equation(equations)` receives the twelve equations of `es_derivation`.
Both sides of an equation are functions of (theta, sigma, e). In each case but one, the right side
of one equation is wrong. The program evaluates the sides, and returns the number of the wrong
equation, or 0. So the program is a test of a derivation. The numbers cannot be guessed, because the
cases with a wrong side come in random order.

`find` and `broken_number` trust their arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from metarl_min.basics.trees import Rng
from metarl_min.teach.es_derivation import BROKEN, RIGHT, Cubic, Side
from metarl_min.teach.questions import Mistake, Question
from metarl_min.teach.value_questions import Case, ValueQuestion, one_call, value_question

SMOOTHED = "search_gradients (1)"

Equation = Callable[[float, float, float], float]  # theta, sigma, e -> number
Equations = list[tuple[Equation, Equation]]


def find(equations: Equations, points: Sequence[tuple[float, float, float]]) -> int:
    """Return the number of the first equation whose sides differ at a point, or 0."""
    for number, sides in enumerate(equations, 1):
        for point in points:
            left, right = (side(*point) for side in sides)
            if abs(left - right) > 1e-9 * max(1.0, abs(left), abs(right)):
                return number
    return 0


POINTS = (0.7, 0.5, 1.2), (-0.4, 1.7, -0.6)  # theta, sigma, e


POSITIVE = [(theta, sigma, abs(e)) for theta, sigma, e in POINTS]
FIRST = "The first equation has the number 1."


def _from_zero(equations: Equations) -> int:
    return max(0, find(equations, POINTS) - 1)


def _from_zero_at_positive(equations: Equations) -> int:
    return max(0, find(equations, POSITIVE) - 1)


MISTAKES = {
    "at sigma = 1 only": Mistake(
        partial(find, points=[(theta, 1.0, e) for theta, _, e in POINTS]),
        "At sigma = 1 some wrong equations hold, because a forgotten sigma has no effect there.",
        SMOOTHED,
    ),
    "at theta = 0 only": Mistake(
        partial(find, points=[(0.0, sigma, e) for _, sigma, e in POINTS]),
        "At theta = 0 some wrong equations hold.",
        SMOOTHED,
    ),
    "at e = 0 only": Mistake(
        partial(find, points=[(theta, sigma, 0.0) for theta, sigma, _ in POINTS]),
        "At e = 0 some wrong equations hold.",
        SMOOTHED,
    ),
    "at e > 0 only": Mistake(
        partial(find, points=POSITIVE),
        "For e > 0 some wrong equations hold.",
        SMOOTHED,
    ),
    "counted from 0": Mistake(_from_zero, FIRST),
    "counted from 0, at e > 0 only": Mistake(
        _from_zero_at_positive, f"{FIRST} And for e > 0 some wrong equations hold.", SMOOTHED
    ),
    "counted from 0, and -1 for no wrong equation": Mistake(
        lambda equations: find(equations, POINTS) - 1,
        f"{FIRST} If all equations are right, the result is 0.",
    ),
    "always the first": Mistake(
        lambda equations: 1,
        "Your program says in every case that the first equation is wrong. Both sides of a right "
        "equation differ by round-off.",
    ),
    "always right": Mistake(
        lambda equations: 0, "Your program says in every case that no equation is wrong."
    ),
}


def _case(rng: Rng, number: int, text: str, side: Side) -> Case:
    """Return the case in which the right side of an equation is replaced by another side."""
    F = Cubic(*(rng.choice([-1, 1], size=4) * rng.uniform(0.5, 1.5, size=4)).tolist())
    sides = RIGHT | {number: (RIGHT[number][0], side)}
    equations = [(partial(left, F), partial(right, F)) for left, right in sides.values()]
    return one_call(equations)._replace(text=text)


def _cases(rng: Rng) -> list[Case]:
    """Return a case without a wrong side, and one for each wrong side in random order."""
    texts = [f"twelve equations, where number {n} ends in '= {text}'" for n, text, _ in BROKEN]
    cases = [
        _case(rng, number, text, side)
        for (number, _, side), text in zip(BROKEN, texts, strict=True)
    ]
    first = _case(rng, 1, "twelve right equations, whose sides differ by round-off", RIGHT[1][1])
    return [first, *(cases[i] for i in rng.permutation(len(cases)))]


def broken_number(case: Case) -> int:
    """Return the number of the equation whose right side is replaced, or 0."""
    (equations,) = case.arguments[0]
    changed = [right.func is not RIGHT[n][1] for n, (_, right) in enumerate(equations, 1)]
    return changed.index(True) + 1 if any(changed) else 0


def wrong_equation() -> Question:
    """Ask for wrong_equation(equations) -> the number of the wrong equation, or 0."""
    return value_question(ValueQuestion("wrong_equation", _cases, broken_number, MISTAKES))
