"""Assignment 3, second half: questions about two estimators with a baseline.

    reinforce(theta, states, actions, rewards, gamma, q)   b(s) = sum_a pi(a|s) q(s,a)
    leave_one_out(theta, states, actions, rewards, gamma)  b is the baseline of advantages (2)

Both are graded by their exact expectation over all lists of episodes, see `episode_lists`. Every
unbiased estimator has the right expectation, whatever its variance and its baseline. So a second
question about each function compares two means with exact values: the mean of each entry of g, and
the mean of its square. If both are right, the variance of the entry is right too. The exact mean of
the square is computed with reinforce_weights (1).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from metarl_min.basics.trees import Array, Rng
from metarl_min.teach.episode_lists import corridor, every_list, grid, random_mdp
from metarl_min.teach.questions import Call, Mistake, Program, Question, Verdict
from metarl_min.teach.reinforce_mistakes import (
    noisy_with_critic,
    noisy_with_others,
    of_critic_baseline,
    of_others_baseline,
)
from metarl_min.teach.reinforce_weights import Baseline, critic_baseline, estimate, others_baseline
from metarl_min.teach.result_vectors import checked_vector
from metarl_min.teach.value_questions import Case, ValueQuestion, value_question
from metarl_min.teach.watched_calls import Watched


def _numbers(case: Case) -> dict[str, float]:
    N, T = case.arguments[0][3].shape
    factors = {"N": N, "T": T, "(1 - 1/N)": 1 - 1 / N, "(N - 1)": N - 1.0}
    return factors | {"gamma": case.arguments[0][4]}


def _critic_cases(rng: Rng) -> list[Case]:
    settings = [
        corridor(rng, 1, 2),
        corridor(rng, 1, 3),
        random_mdp(rng, 1),
        corridor(rng, 2, 2),
        grid(rng, 1),
    ]
    return [every_list(one, 1 + rng.normal(size=one.theta.shape)) for one in settings]


def _row_cases(rng: Rng) -> list[Case]:
    return [every_list(corridor(rng, N, T)) for N, T in ((2, 1), (3, 1), (2, 2))]


def reinforce() -> Question:
    """Ask for reinforce(theta [S, A], states, actions, rewards [N, T], gamma, q [S, A]) -> [S, A].

    The result is an estimate of the gradient of J with the baseline of the table q.
    """
    asked = ValueQuestion(
        function="reinforce",
        cases=_critic_cases,
        truth=lambda case: case.exact,
        mistakes=of_critic_baseline(),
        numbers=_numbers,
    )
    return value_question(asked)


def leave_one_out() -> Question:
    """Ask for leave_one_out(theta [S, A], states, actions, rewards [N, T], gamma) -> [S, A].

    The result is an estimate of the gradient of J. N is at least 2.
    """
    asked = ValueQuestion(
        function="leave_one_out",
        cases=lambda rng: [*_row_cases(rng), every_list(random_mdp(rng, 2))],
        truth=lambda case: case.exact,
        mistakes=of_others_baseline(),
        numbers=_numbers,
    )
    return value_question(asked)


def _moments(g: Array) -> dict[str, Array]:
    return {"mean": g, "mean square": g * g}


def _moments_of(program: Program, *arguments: Any) -> dict[str, Array]:
    return _moments(program(*arguments))


def _call_moments(name: str, call: Call, *arguments: Any) -> Watched:
    """Call the student's function, and return g and its squares; Fault unless g is [S, A]."""
    result, theta = call(*arguments), arguments[0]
    g = checked_vector(name, result.value, theta).reshape(theta.shape)
    return result._replace(value=_moments(g))


def _exact_moments(baseline: Baseline, case: Case) -> dict[str, Array]:
    """Return the gradient of J, and the mean of the squares over all lists."""
    squares = [estimate(baseline, *x) ** 2 for x in case.arguments]
    mean_square = np.tensordot(case.probability, np.stack(squares), 1)
    return {"mean": case.exact, "mean square": mean_square}


def _with_squares(
    name: str,
    cases: Callable[[Rng], list[Case]],
    baseline: Baseline,
    mistakes: dict[str, Mistake],
) -> Question:
    """Return the question about the mean and the mean square of each entry of g."""
    asked = ValueQuestion(
        function=name,
        cases=cases,
        truth=partial(_exact_moments, baseline),
        mistakes={
            key: one._replace(program=partial(_moments_of, one.program))
            for key, one in mistakes.items()
        },
    )
    question = value_question(asked)

    def grade(call: Call, rng: Rng) -> Verdict:
        return question.grade(partial(_call_moments, name, call), rng)

    return Question(name, grade, mistakes)


def reinforce_variance() -> Question:
    """Ask for `reinforce` with the right mean and the right variance of each entry."""
    mistakes = of_critic_baseline() | noisy_with_critic()
    return _with_squares("reinforce", _critic_cases, critic_baseline, mistakes)


def leave_one_out_variance() -> Question:
    """Ask for `leave_one_out` with the right mean and the right variance of each entry."""
    mistakes = of_others_baseline() | noisy_with_others()
    return _with_squares("leave_one_out", _row_cases, others_baseline, mistakes)
