"""Assignment 5, first parts: the gradient and the Hessian of the return of a bandit.

In this module, theta holds the logits [A] of a softmax policy, and r holds the mean reward of each
arm [A]. The return is J(theta) = sum_a pi(a) r(a). The student writes `gradient(theta, rewards)`
and `hessian_product(theta, rewards, v)`. The exact results are `objectives` (5) and (6) for an MDP
with one state and one step. Each mistake is a formula.

>>> theta, rewards = np.zeros(2), np.array([0.0, 1.0])
>>> return_gradient(theta, rewards)
array([-0.25,  0.25])

`return_gradient` and `return_hessian_product` trust their arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from metarl_min.basics.trees import Array, Rng
from metarl_min.gradients.objectives import Objective, expected_return_objective
from metarl_min.mdps.policies import softmax
from metarl_min.tasks.bandits import bandit_mdps
from metarl_min.teach.questions import Mistake, Question
from metarl_min.teach.value_questions import Case, ValueQuestion, one_call, value_question


def _objective(rewards: Array) -> Objective:
    return expected_return_objective(bandit_mdps(np.asarray(rewards)[None]), horizon=1)


def return_gradient(theta: Array, rewards: Array) -> Array:
    """Return the exact gradient of J. [A], [A] -> [A]"""
    J = _objective(rewards)
    return np.asarray(J.gradient(np.asarray(theta)[None, None])[0, 0])


def return_hessian_product(theta: Array, rewards: Array, v: Array) -> Array:
    """Return the exact product of the Hessian of J with v. [A], [A], [A] -> [A]"""
    J = _objective(rewards)
    product = J.hessian_product(np.asarray(theta)[None, None], np.asarray(v)[None, None])
    return np.asarray(product[0, 0])


def _with_policy(formula: Callable[..., Array]) -> Callable[..., Array]:
    """Return the program that computes a formula in pi, r, g = grad J, and v if there is a v."""

    def program(theta: Array, rewards: Array, *v: Array) -> Array:
        return formula(softmax(theta), rewards, return_gradient(theta, rewards), *v)

    return program


GRADIENT_MISTAKES: dict[str, tuple[Callable[..., Array], str]] = {
    "the gradient in the probabilities": (
        lambda pi, r, g: r,
        "The gradient must be in theta, and the probabilities depend on theta.",
    ),
    "the normaliser held fixed": (
        lambda pi, r, g: pi * r,
        "A probability is a quotient, and all logits stand in its denominator. So a change of one "
        "logit changes all probabilities. The entries of the gradient must sum to 0.",
    ),
    "the mean over arms without weights": (
        lambda pi, r, g: pi * (r - r.mean()),
        "The mean reward is a mean over the policy, and your result uses equal weights.",
    ),
    "the probability of the arm forgotten": (
        lambda pi, r, g: r - pi @ r,
        "Entry a must be small if arm a has a small probability. The entries of the gradient must "
        "sum to 0.",
    ),
    "wrong sign": (lambda pi, r, g: -g, "The gradient of J is asked for, and yours is that of -J."),
}
HESSIAN_MISTAKES: dict[str, tuple[Callable[..., Array], str]] = {
    "J held fixed in grad J": (
        lambda pi, r, g, v: g * v - g * (pi @ v),
        "The gradient of J contains J itself, and J depends on theta. A Hessian is symmetric, and "
        "yours is not.",
    ),
    "pi held fixed in grad J": (
        lambda pi, r, g, v: -pi * (g @ v),
        "The gradient of J contains each probability as a factor, and your result contains no "
        "derivative of this factor. A Hessian is symmetric, and yours is not.",
    ),
    "only the diagonal terms": (
        lambda pi, r, g, v: g * v,
        "The derivative of entry a of grad J in logit b is not 0 if a and b differ.",
    ),
    "the outer product of grad J": (
        lambda pi, r, g, v: g * (g @ v),
        "A product of two first derivatives is no second derivative.",
    ),
    "the Fisher matrix": (
        lambda pi, r, g, v: pi * v - pi * (pi @ v),
        "Your matrix is the derivative of the probabilities. It contains no rewards.",
    ),
    "v added": (
        lambda pi, r, g, v: v + return_hessian_product(np.log(pi), r, v),
        "Your result is the product of the Hessian with v, plus v.",
    ),
    "wrong sign": (
        lambda pi, r, g, v: -return_hessian_product(np.log(pi), r, v),
        "The Hessian of J is asked for, and yours is that of -J.",
    ),
}


def _bank(
    formulas: dict[str, tuple[Callable[..., Array], str]], equation: str
) -> dict[str, Mistake]:
    return {
        name: Mistake(program=_with_policy(formula), say=say, equation=equation)
        for name, (formula, say) in formulas.items()
    }


def _gradient_cases(rng: Rng) -> list[Case]:
    """Draw bandits with two to five arms."""
    return [one_call(rng.normal(size=A), rng.normal(size=A)) for A in (2, 3, 4, 5)]


def _hessian_cases(rng: Rng) -> list[Case]:
    """Draw bandits with two to five arms, and a vector v that is neither constant nor a unit."""
    return [one_call(*rng.normal(size=(3, A))) for A in (2, 3, 4, 5)]


def _asked(
    name: str, exact: Callable[..., Array], bank: dict[str, Mistake], cases: Any
) -> Question:
    def truth(case: Case) -> Array:
        return exact(*case.arguments[0])

    return value_question(ValueQuestion(name, cases=cases, truth=truth, mistakes=bank))


def gradient() -> Question:
    """Ask for gradient(theta [A], rewards [A]) -> gradient of J [A]."""
    bank = _bank(GRADIENT_MISTAKES, "objectives (5)")
    return _asked("gradient", return_gradient, bank, _gradient_cases)


def hessian_product() -> Question:
    """Ask for hessian_product(theta [A], rewards [A], v [A]) -> Hess J v [A]."""
    bank = _bank(HESSIAN_MISTAKES, "objectives (6)")
    return _asked("hessian_product", return_hessian_product, bank, _hessian_cases)
