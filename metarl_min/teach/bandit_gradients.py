"""Assignment 2, second half: the policy gradient of a bandit, exact and from N pulls.

The bandit and its policy are those of `score_functions`. The student writes two functions:

    policy_gradient(theta, rewards)          the gradient of J = sum_a pi(a) rewards[a]  [A]
    pulls_gradient(theta, actions, rewards)  an estimate of this gradient from N pulls   [A]

In the first function, rewards [A] holds the reward of each arm. In the second one, rewards [N]
holds the reward of each pull. The estimate is graded by its exact expectation, value_questions (1):
it is called with every list of N actions. The arms drift, so an arm has another reward at each
pull, and J is the mean of the expected rewards of the pulls. Otherwise a program that uses a single
pull would have the right expectation.

`gradient_of` trusts its arguments.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial

import numpy as np

from metarl_min.basics.arguments import whole
from metarl_min.basics.trees import Array, Rng
from metarl_min.mdps.policies import softmax, softmax_pullback
from metarl_min.teach.questions import Mistake, Question
from metarl_min.teach.score_functions import HINTS, checked_largest, drawn_logits, score_of
from metarl_min.teach.value_questions import Case, ValueQuestion, one_call, value_question

GRADIENT = "policies (3)"
ESTIMATE = "estimator_weights (1)"
ONE_PULL = (
    "N can be 1. Then no other pull exists, so a mean over the other pulls divides zero by zero."
)


def gradient_of(theta: Array, rewards: Array) -> Array:
    """Return the gradient of the expected reward in theta. [A]"""
    return np.asarray(softmax_pullback(softmax(theta), rewards))


EXACT: dict[str, tuple[Callable[[Array, Array], Array], str]] = {
    "minus pi is missing": (
        lambda z, r: softmax(z) * r,
        "In each score, the derivative of the normaliser is missing.",
    ),
    "the derivative in the probabilities": (
        lambda z, r: r * 1.0,
        "This is the derivative in the probabilities. The parameters are the logits.",
    ),
    "scores without probabilities": (
        lambda z, r: r - softmax(z) * r.sum(),
        "You add the scores times the rewards. Each arm has a probability.",
    ),
    "the mean over the arms": (
        lambda z, r: (r - softmax(z) * r.sum()) / len(z),
        "This is a mean over the arms with equal weights. Each arm has its own probability.",
    ),
    "the probabilities twice": (
        lambda z, r: gradient_of(z, softmax(z) * r),
        "Each score is weighted by the probability of its arm twice.",
    ),
    "the plain mean of the rewards": (
        lambda z, r: softmax(z) * (r - r.mean()),
        "You subtract the mean reward of the arms. The policy is not uniform.",
    ),
    "wrong sign": (
        lambda z, r: -gradient_of(z, r),
        "Your result has the opposite sign. J is maximised.",
    ),
}


def policy_gradient(largest: float = 0.0) -> Question:
    """Ask for policy_gradient(theta [A], rewards [A]) -> gradient of J [A].

    Some logits are near +-largest. TypeError or ValueError unless largest is from 0 to 10,000.
    """
    largest = checked_largest(largest)
    asked = ValueQuestion(
        function="policy_gradient",
        cases=lambda rng: [
            one_call(theta, 1 + rng.normal(size=len(theta))) for theta in drawn_logits(rng, largest)
        ],
        truth=lambda case: gradient_of(*case.arguments[0]),
        mistakes={name: Mistake(f, say, GRADIENT) for name, (f, say) in EXACT.items()},
        numbers=lambda case: {"A": len(case.arguments[0][0])},
        hints=HINTS,
    )
    return value_question(asked)


def _weighted(theta: Array, actions: Array, weights: Array) -> Array:
    """Return 1/N sum_n weights[n] grad log pi(a_n). [A]"""
    scores = np.eye(len(theta))[actions] - softmax(theta)
    return np.asarray(weights @ scores / len(actions))


def _only(chosen: int, theta: Array, actions: Array, rewards: Array) -> Array:
    return np.asarray(rewards[chosen] * score_of(theta, actions[chosen]))


def _standardised(theta: Array, actions: Array, rewards: Array) -> Array:
    return _weighted(theta, actions, (rewards - rewards.mean()) / (rewards.std() + 1e-8))


PULLS: dict[str, tuple[Callable[[Array, Array, Array], Array], str, str]] = {
    "sum for mean": (
        lambda z, a, r: len(a) * _weighted(z, a, r),
        "This is N times the gradient. J is a mean over the pulls.",
        ESTIMATE,
    ),
    "wrong sign": (
        lambda z, a, r: -_weighted(z, a, r),
        "Your result has the opposite sign. J is maximised.",
        ESTIMATE,
    ),
    "minus pi is missing": (
        lambda z, a, r: _weighted(z, a, r) + r.mean() * softmax(z),
        "In each score, the derivative of the normaliser is missing.",
        "policies (4)",
    ),
    "weighted by pi": (
        lambda z, a, r: _weighted(z, a, softmax(z)[a] * r),
        "The actions are already drawn with pi, so the mean over the pulls needs no further pi.",
        ESTIMATE,
    ),
    "divided by pi": (
        lambda z, a, r: _weighted(z, a, r / softmax(z)[a]),
        "The actions are drawn with the present policy, so there is no importance weight.",
        ESTIMATE,
    ),
    "the product of two means": (
        lambda z, a, r: _weighted(z, a, np.full(len(a), r.mean())),
        "You multiply the mean reward by the mean score. Each reward belongs to its own score.",
        ESTIMATE,
    ),
    "the first pull only": (partial(_only, 0), "The other pulls have no effect.", ESTIMATE),
    "the last pull only": (
        partial(_only, -1),
        "The other pulls have no effect. Look at the loop over the pulls.",
        ESTIMATE,
    ),
    "own reward in the mean baseline": (
        lambda z, a, r: _weighted(z, a, r - r.mean()),
        "The mean is 1 - 1/N times the gradient: the baseline of a pull contains its own reward.",
        "advantages (4)",
    ),
    "sum for mean, and own reward in the mean baseline": (
        lambda z, a, r: len(a) * _weighted(z, a, r - r.mean()),
        "Two mistakes: the result is a sum and no mean, and the baseline of a pull contains its "
        "own reward.",
        ESTIMATE,
    ),
    "standardised rewards": (
        _standardised,
        "The expectation is no multiple of the gradient, because the deviation depends on the "
        "actions.",
        "advantages (3)",
    ),
    "the gradient through the sampling": (
        lambda z, a, r: np.zeros(len(z)),
        "Your result is always zero. The sampled rewards are numbers that do not depend on theta.",
        ESTIMATE,
    ),
}


def _every_list(theta: Array, table: Array) -> Case:
    """Return the case of all lists of N actions. table [N, A] holds the rewards of each pull.

    The exact value is the mean of the gradients of the pulls.
    """
    N, A = table.shape
    lists = [np.array(x) for x in itertools.product(range(A), repeat=N)]
    arguments = [(theta, a, table[np.arange(N), a]) for a in lists]
    shown = "theta = {!r}, actions = {!r}, rewards = {!r}".format(*arguments[-1])
    return Case(
        arguments=arguments,
        probability=np.array([softmax(theta)[a].prod() for a in lists]),
        text=f"{shown}; and every other list of {N} actions",
        exact=gradient_of(theta, table.mean(0)),
    )


def _pulls_cases(rng: Rng, num_pulls: int) -> list[Case]:
    sizes = ((2, 1), (3, 1), (2, num_pulls), (3, num_pulls))
    return [_every_list(rng.normal(size=A), 1 + rng.normal(size=(N, A))) for A, N in sizes]


def pulls_gradient(num_pulls: int = 2) -> Question:
    """Ask for pulls_gradient(theta [A], actions [N], rewards [N]) -> estimate of grad J [A].

    TypeError or ValueError unless num_pulls is from 2 to 4.
    """
    asked = ValueQuestion(
        function="pulls_gradient",
        cases=partial(_pulls_cases, num_pulls=whole("num_pulls", num_pulls, 2, 4)),
        truth=lambda case: case.exact,
        mistakes={name: Mistake(*one) for name, one in PULLS.items()},
        numbers=lambda case: {"N": len(case.arguments[0][1]), "A": len(case.arguments[0][0])},
        hints={"not finite": ONE_PULL},
    )
    return value_question(asked)
