"""Assignment 5, first part: the Hessian of the return of a bandit, times a vector.

In this module, theta holds the logits [A] of a softmax policy, and r holds the mean reward of each
arm [A]. The return is J(theta) = sum_a pi(a) r(a). The student writes
`hessian_product(theta, rewards, v)`. The exact result is `objectives` (6) for an MDP with one state
and one step. Each mistake is a formula in pi, r, v and g, the gradient of J.

Difference quotients shall not pass. A right program errs by about 1e-15, relative to the truth. The
central difference of the gradient with the best step errs by more than 1e-11 in one of the cases.
The tolerance lies between them.

>>> return_hessian_product(np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.ones(2)).round(9) + 0
array([0., 0.])

`return_hessian_product` trusts its arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from metarl_min.basics.trees import Array, Rng
from metarl_min.gradients.objectives import expected_return_objective
from metarl_min.mdps.policies import softmax, softmax_pullback
from metarl_min.tasks.bandits import bandit_mdps
from metarl_min.teach.questions import Mistake, Question
from metarl_min.teach.value_questions import Case, ValueQuestion, one_call, value_question

EXACT = 1e-12  # tolerance of assignment 5, which central differences do not reach
SMALLEST = 0.05  # the largest entry of each exact result is at least this number

Formula = Callable[[Array, Array, Array, Array], Array]


def return_hessian_product(theta: Array, rewards: Array, v: Array) -> Array:
    """Return the exact product of the Hessian of J with v. [A], [A], [A] -> [A]"""
    J = expected_return_objective(bandit_mdps(np.asarray(rewards)[None]), horizon=1)
    product = J.hessian_product(np.asarray(theta)[None, None], np.asarray(v)[None, None])
    return np.asarray(product[0, 0])


def _program(formula: Formula, theta: Array, rewards: Array, v: Array) -> Array:
    """Return the value of a formula in pi, r, g and v for the student's arguments."""
    pi = softmax(theta)
    return np.asarray(formula(pi, rewards, softmax_pullback(pi, rewards), v))


MISTAKES: dict[str, tuple[Formula, str]] = {
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
    "the normaliser held fixed in grad pi": (
        lambda pi, r, g, v: g * v - pi * (g @ v),
        "A change of one logit changes all probabilities, because all logits stand in the "
        "denominator. A Hessian is symmetric, and yours is not.",
    ),
    "the derivative of J with a plus sign": (
        lambda pi, r, g, v: g * v - g * (pi @ v) + pi * (g @ v),
        "J stands in the gradient with a minus sign. A Hessian is symmetric, and yours is not.",
    ),
    "the rewards for the gradient in the derivative of J": (
        lambda pi, r, g, v: g * v - g * (pi @ v) - pi * (r @ v),
        "The derivative of J along v is not the product of the rewards with v. A Hessian is "
        "symmetric, and yours is not.",
    ),
    "the plain mean of v": (
        lambda pi, r, g, v: g * v - g * v.mean() - pi * (g @ v),
        "Your result contains the plain mean of v, in which all arms have the same weight.",
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


def _truth(case: Case) -> Array:
    return return_hessian_product(*case.arguments[0])


def _case(rng: Rng, num_arms: int) -> Case:
    """Draw a case whose result is not small, so that round-off is relatively small."""
    case = one_call(*rng.normal(size=(3, num_arms)))
    return case if abs(_truth(case)).max() >= SMALLEST else _case(rng, num_arms)


def _cases(rng: Rng) -> list[Case]:
    """Draw bandits with two to five arms."""
    return [_case(rng, A) for A in (2, 3, 4, 5)]


def hessian_product() -> Question:
    """Ask for hessian_product(theta [A], rewards [A], v [A]) -> Hess J v [A]."""
    bank = {
        name: Mistake(partial(_program, formula), say, "objectives (6)")
        for name, (formula, say) in MISTAKES.items()
    }
    asked = ValueQuestion("hessian_product", _cases, _truth, bank, tolerance=EXACT)
    return value_question(asked)
