"""Assignment 6, the inner step from sampled pulls.

The student writes inner_step(theta, actions, rewards, alpha, baseline), which returns the adapted
logits [A] of `sampled_terms`, estimators (1). The result is graded for single data sets of N pulls.
In this module, b is the baseline. `right` and `with_scores` trust their arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from metarl_min.basics.arguments import whole
from metarl_min.basics.trees import Array, Rng
from metarl_min.teach.questions import Mistake, Program, Question
from metarl_min.teach.sampled_terms import Pulls, adapted, probabilities, scores
from metarl_min.teach.value_questions import Case, ValueQuestion, one_call, value_question

STEP = "estimators (1)"


def right(theta: Array, actions: Array, rewards: Array, alpha: float, b: float) -> Array:
    """Return the adapted logits. [A]"""
    return adapted(theta, Pulls(actions, rewards), alpha, b)


def with_scores(scores_of: Callable[[Array, Pulls], Array]) -> Program:
    """Return the inner step with other vectors [N, A] in the place of the scores."""

    def program(theta: Array, actions: Array, rewards: Array, alpha: float, b: float) -> Array:
        g = scores_of(theta, Pulls(actions, rewards))
        return np.asarray(theta + alpha * (rewards - b) @ g / len(actions))

    return program


MISTAKES = {
    "no baseline": Mistake(
        lambda theta, actions, r, alpha, b: right(theta, actions, r, alpha, 0.0),
        "The inner step subtracts the baseline from every reward. Yours does not.",
        STEP,
    ),
    "the mean reward as baseline": Mistake(
        lambda theta, actions, r, alpha, b: right(theta, actions, r, alpha, r.mean()),
        "You subtract the mean of the rewards. The baseline is the number that is given.",
        STEP,
    ),
    "sum for mean": Mistake(
        lambda theta, actions, r, alpha, b: right(theta, actions, r, alpha * len(r), b),
        "The inner step follows the mean over the pulls. Yours follows the sum.",
        STEP,
    ),
    "descent": Mistake(
        lambda theta, actions, r, alpha, b: right(theta, actions, r, -alpha, b),
        "The inner step lowers the expected reward. In this course objectives are maximised.",
        STEP,
    ),
    "alpha forgotten": Mistake(
        lambda theta, actions, r, alpha, b: right(theta, actions, r, 1.0, b),
        "The inner step has the size 1. Look for alpha in it.",
        STEP,
    ),
    "theta not added": Mistake(
        lambda theta, *x: right(theta, *x) - theta,
        "Your result is the change of the logits. Return the new logits.",
        STEP,
    ),
    "the probability not subtracted": Mistake(
        with_scores(lambda theta, pulls: np.eye(len(theta))[pulls.actions]),
        "The gradient of log pi(a) has two terms, and one of them is missing. Its entries sum to "
        "zero.",
        "policies (4)",
    ),
    "the one-hot vector subtracted": Mistake(
        with_scores(lambda theta, pulls: -np.eye(len(theta))[pulls.actions] - probabilities(theta)),
        "The score is wrong: look at the sign of its entry for the action that was drawn.",
        "policies (4)",
    ),
    "the gradient of the probability": Mistake(
        with_scores(
            lambda theta, pulls: scores(theta, pulls) * probabilities(theta)[pulls.actions, None]
        ),
        "You use the gradient of the probability of an action. The inner step uses the gradient of "
        "its logarithm.",
        "estimator_weights (1)",
    ),
}


def _case(rng: Rng, num_arms: int, num_pulls: int) -> Case:
    theta, arms = rng.normal(size=(2, num_arms))
    actions = rng.integers(num_arms, size=num_pulls)
    alpha, b = float(rng.uniform(1.3, 2.0)), float(rng.uniform(0.4, 0.9))
    return one_call(theta, actions, arms[actions], alpha, b)


def _truth(case: Case) -> Any:
    return right(*case.arguments[0])


def inner_step(num_pulls: int = 3) -> Question:
    """Ask for inner_step(theta [A], actions [N], rewards [N], alpha, baseline) -> logits [A].

    TypeError or ValueError unless num_pulls is from 2 to 10.
    """
    N = whole("num_pulls", num_pulls, 2, 10)
    asked = ValueQuestion(
        function="inner_step",
        cases=lambda rng: [_case(rng, num_arms, N) for num_arms in (2, 3, 4)],
        truth=_truth,
        mistakes=MISTAKES,
    )
    return value_question(asked)
