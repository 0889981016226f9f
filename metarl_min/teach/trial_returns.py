"""Assignment 7, third part: the returns-to-go of a trial.

A trial has N episodes of T steps on one bandit, and a recurrent policy keeps its memory through all
of them. Time t runs over all N T steps. A trial earns the sum of its rewards, so an action is
judged by all rewards that follow it:

    (1)  W_t = sum_{t' >= t} r_t', over the rest of the trial                         [definition]

The student writes `returns_to_go(rewards)`. `to_go` trusts its arguments.
"""

from __future__ import annotations

import numpy as np

from metarl_min.basics.trees import Array, Rng
from metarl_min.teach.questions import Mistake, Program, Question
from metarl_min.teach.value_questions import Case, ValueQuestion, one_call, value_question


def to_go(rewards: Array) -> Array:
    """Return the returns-to-go of one trial, eq. (1). [N, T] -> [N, T]"""
    return np.asarray(rewards.ravel()[::-1].cumsum()[::-1].reshape(rewards.shape))


MISTAKES: dict[str, tuple[Program, str]] = {
    "the sum ends with the episode": (
        lambda rewards: rewards[:, ::-1].cumsum(axis=1)[:, ::-1],
        "An action also changes the rewards of later episodes, because the learner remembers it.",
    ),
    "the sum over the episodes only": (
        lambda rewards: rewards[::-1].cumsum(axis=0)[::-1],
        "Your sums contain one step of each episode. Look at the other steps of the same episode.",
    ),
    "the return of the whole trial": (
        lambda rewards: np.full(rewards.shape, rewards.sum()),
        "An action does not change the rewards before it.",
    ),
    "the rewards so far": (
        lambda rewards: rewards.ravel().cumsum().reshape(rewards.shape),
        "Your sums run over the steps up to the present one.",
    ),
    "the sums in reversed order": (
        lambda rewards: rewards.ravel()[::-1].cumsum().reshape(rewards.shape),
        "The sums are right, but they stand in the order from the last step to the first.",
    ),
    "the present reward left out": (
        lambda rewards: to_go(rewards) - rewards,
        "The reward of step t is a consequence of action t.",
    ),
}


def _cases(rng: Rng) -> list[Case]:
    return [one_call(rng.normal(size=shape)) for shape in ((1, 2), (2, 2), (3, 2), (2, 4))]


def returns_to_go() -> Question:
    """Ask for returns_to_go(rewards [N, T]) -> the returns-to-go of one trial [N, T]."""
    bank = {name: Mistake(*entry, "trial_returns (1)") for name, entry in MISTAKES.items()}
    asked = ValueQuestion(
        function="returns_to_go",
        cases=_cases,
        truth=lambda case: to_go(*case.arguments[0]),
        mistakes=bank,
        numbers=lambda case: {"(N * T)": case.arguments[0][0].size},
    )
    return value_question(asked)
