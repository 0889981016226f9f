"""Assignment 2, first half: the log-probabilities of a softmax policy, and the score function.

A bandit has A arms, and theta [A] holds the logits of a softmax policy. The student writes two
functions:

    log_pi(theta)          the log-probability of each arm [A]
    score(theta, action)   the gradient of log pi(action) in theta [A]

The exact values are computed by `policies`. In this module, z is theta, a is the action, and
`largest` is added to some logits and subtracted from others. If it is 1000, a program overflows
unless it subtracts the largest logit.

`one_hot`, `score_of` and `drawn_logits` trust their arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from metarl_min.basics.arguments import real
from metarl_min.basics.trees import Array, Rng
from metarl_min.mdps.policies import log_softmax, log_softmax_pullback, softmax
from metarl_min.teach.questions import Mistake, Question
from metarl_min.teach.value_questions import Case, ValueQuestion, one_call, value_question

TOLERANCE = 1e-10  # log-probabilities are as large as 2000, so 1e-7 would allow errors of 2e-4
HINTS = {
    "not finite": (
        "The exponential of a large logit is infinite, and that of a small one is zero. Find a "
        "number that can be added to all logits without a change of the policy."
    )
}
OTHER_SIGN = "Your result has the opposite sign."


def one_hot(theta: Array, action: int) -> Array:
    """Return the vector with 1 at the action and 0 elsewhere. [A]"""
    return np.eye(len(theta))[action]


def score_of(theta: Array, action: int) -> Array:
    """Return the gradient of log pi(action) in theta. [A]"""
    return np.asarray(log_softmax_pullback(softmax(theta), one_hot(theta, action)))


def drawn_logits(rng: Rng, largest: float) -> list[Array]:
    """Draw logits of 2, 3, 4, 3 and 5 arms. In the last three, large numbers are added."""
    shifts = ([0, 0], [0, 0, 0], [1, 1, 1, 1], [-1, -1, -1], [1, 1, -1, -1, -1])
    return [rng.normal(size=len(x)) + largest * rng.permutation(x) for x in shifts]


def checked_largest(largest: float) -> float:
    """Return `largest`; TypeError or ValueError unless it is from 0 to 10,000."""
    return real("largest", largest, 0, 10_000)


LOG_PI: dict[str, tuple[Callable[[Array], Array], str]] = {
    "the probabilities": (softmax, "The logarithm is missing."),
    "the logits": (lambda z: z * 1.0, "The probabilities do not sum to one."),
    "wrong sign": (lambda z: -log_softmax(z), OTHER_SIGN),
    "the mean of the exponentials": (
        lambda z: log_softmax(z) + np.log(len(z)),
        "The probabilities sum to the number of arms. Look at the normaliser.",
    ),
    "the largest logit as normaliser": (
        lambda z: z - z.max(),
        "The log-probability of the best arm is zero. Look at the normaliser.",
    ),
    "the shift in one place only": (
        lambda z: log_softmax(z) - z.max(),
        "The largest logit is subtracted in one place, but it must be subtracted in two.",
    ),
    "the sum of the logits as normaliser": (
        lambda z: z - z.sum(),
        "The logarithm of a sum is not the sum of the logarithms.",
    ),
}


def _floor(theta: Array, number: float) -> Array:
    return np.log(softmax(theta) + number)


def _floors() -> dict[str, Mistake]:
    say = "A small number in the logarithm hides the underflow, but small probabilities are wrong."
    return {
        f"{number:g} added to the probabilities": Mistake(
            partial(_floor, number=number), say, "policies (2)"
        )
        for number in (1e-6, 1e-8, 1e-10, 1e-12)
    }


def log_pi(largest: float = 0.0) -> Question:
    """Ask for log_pi(theta [A]) -> log-probabilities [A].

    Some logits are near +-largest. TypeError or ValueError unless largest is from 0 to 10,000.
    """
    largest = checked_largest(largest)
    mistakes = {name: Mistake(f, say, "policies (2)") for name, (f, say) in LOG_PI.items()}
    asked = ValueQuestion(
        function="log_pi",
        cases=lambda rng: [one_call(theta) for theta in drawn_logits(rng, largest)],
        truth=lambda case: log_softmax(case.arguments[0][0]),
        mistakes=mistakes | (_floors() if largest >= 100 else {}),
        numbers=lambda case: {"A": len(case.arguments[0][0])},
        tolerance=TOLERANCE,
        hints=HINTS,
    )
    return value_question(asked)


SCORE: dict[str, tuple[Callable[[Array, int], Array], str, str]] = {
    "minus pi is missing": (
        one_hot,
        "The mean of a score is zero, but yours is pi. The normaliser depends on the logits too.",
        "policies (4)",
    ),
    "the derivative in the probabilities": (
        lambda z, a: one_hot(z, a) / softmax(z)[a],
        "This is the derivative in the probabilities. The parameters are the logits.",
        "policies (4)",
    ),
    "the derivative of pi": (
        lambda z, a: softmax(z)[a] * score_of(z, a),
        "This is the derivative of pi, and not of log pi.",
        "policies (3)",
    ),
    "wrong sign": (lambda z, a: -score_of(z, a), OTHER_SIGN, "policies (4)"),
    "minus log pi": (
        lambda z, a: one_hot(z, a) - log_softmax(z),
        "You subtract the log-probabilities. Look at the derivative of the normaliser.",
        "policies (4)",
    ),
    "the chosen action only": (
        lambda z, a: one_hot(z, a) * score_of(z, a),
        "The logits of the other actions affect log pi of the chosen action too.",
        "policies (4)",
    ),
    "the probability of the chosen action in all entries": (
        lambda z, a: one_hot(z, a) - softmax(z)[a],
        "Each entry has its own probability. You subtract that of the chosen action everywhere.",
        "policies (4)",
    ),
}


def _score_cases(rng: Rng, largest: float) -> list[Case]:
    """Draw logits, and an action whose probability is not small."""
    found = []
    for theta in drawn_logits(rng, largest):
        likely = np.flatnonzero(softmax(theta) > 0.5 / len(theta))
        found.append(one_call(theta, int(rng.choice(likely))))
    return found


def score(largest: float = 0.0) -> Question:
    """Ask for score(theta [A], action) -> gradient of log pi(action) [A].

    Some logits are near +-largest. TypeError or ValueError unless largest is from 0 to 10,000.
    """
    asked = ValueQuestion(
        function="score",
        cases=partial(_score_cases, largest=checked_largest(largest)),
        truth=lambda case: score_of(*case.arguments[0]),
        mistakes={name: Mistake(*one) for name, one in SCORE.items()},
        numbers=lambda case: {"A": len(case.arguments[0][0])},
        hints=HINTS,
    )
    return value_question(asked)
