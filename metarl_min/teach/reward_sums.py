"""Assignment 3, first half: returns-to-go.

The student writes `returns_to_go(rewards, gamma)` for rewards [N, T] of N episodes. The result
[N, T] holds the return-to-go of each step, returns (1).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from metarl_min.basics.trees import Array, Rng
from metarl_min.gradients import returns
from metarl_min.teach.questions import Mistake, Question
from metarl_min.teach.value_questions import Case, ValueQuestion, one_call, value_question

EQUATION = "returns (1)"


def _right(rewards: Array, gamma: float) -> Array:
    return returns.returns_to_go(rewards, gamma)


def _next(rewards: Array, gamma: float) -> Array:
    """Return W_{t+1}, which is 0 at the last step. [N, T]"""
    W = _right(rewards, gamma)
    return np.concatenate([W[:, 1:], 0 * W[:, :1]], axis=1)


def _powers(rewards: Array, gamma: float) -> Array:
    return gamma ** np.arange(rewards.shape[1])


MISTAKES: dict[str, tuple[Callable[[Array, float], Array], str]] = {
    "the whole return at each step": (
        lambda r, gamma: _right(r, gamma)[:, :1] + 0 * r,
        "Each step has the return of the whole episode. W_t has no rewards before step t.",
    ),
    "the reward of the step is missing": (
        lambda r, gamma: _right(r, gamma) - r,
        "The sum starts with l = 0, so the reward of step t belongs to W_t.",
    ),
    "the return-to-go of the next step": (
        _next,
        "Your result is off by one: it holds W_{t+1} at step t.",
    ),
    "gamma is ignored": (
        lambda r, gamma: _right(r, 1.0),
        "This is the sum of the rewards from step t on. Look for gamma.",
    ),
    "discounted from the first step": (
        lambda r, gamma: _powers(r, gamma) * _right(r, gamma),
        "Your reward of step t has the factor gamma^t. In W_t this reward has the factor 1.",
    ),
    "gamma once too often": (
        lambda r, gamma: gamma * _right(r, gamma),
        "Each reward has one factor gamma too many. In W_t, that of step t has the factor 1.",
    ),
    "from the first step to the last": (
        lambda r, gamma: _right(r[:, ::-1], gamma)[:, ::-1],
        "Your sum runs over the steps up to t. The rewards from step t on belong to W_t.",
    ),
    "the steps in reversed order": (
        lambda r, gamma: _right(r, gamma)[:, ::-1],
        "The numbers are right, but the order of the steps is reversed.",
    ),
    "two rewards only": (
        lambda r, gamma: r + gamma * np.concatenate([r[:, 1:], 0 * r[:, :1]], axis=1),
        "Only two rewards belong to each of your sums.",
    ),
    "along the episodes": (
        lambda r, gamma: _right(r.T, gamma).T,
        "Your sum runs over the episodes. The steps are the second axis.",
    ),
}


def _cases(rng: Rng) -> list[Case]:
    shapes = ((1, 2), (2, 3), (3, 4), (2, 6))
    return [one_call(rng.normal(size=shape), float(rng.uniform(0.5, 0.9))) for shape in shapes]


def returns_to_go() -> Question:
    """Ask for returns_to_go(rewards [N, T], gamma) -> [N, T]."""
    asked = ValueQuestion(
        function="returns_to_go",
        cases=_cases,
        truth=lambda case: _right(*case.arguments[0]),
        mistakes={name: Mistake(f, say, EQUATION) for name, (f, say) in MISTAKES.items()},
        numbers=lambda case: {"gamma": case.arguments[0][1]},
    )
    return value_question(asked)
