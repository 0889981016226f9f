"""Assignment 6, the second part: an estimate of the Hessian from sampled pulls.

A bandit has A arms, and each arm always pays the same reward. The student writes

    hessian_estimate(theta, actions, rewards, baseline)   [A, A], with the mean Hess J(theta)

N pulls are drawn with the logits theta [A], and the baseline is any constant. The estimate is
estimator_weights (2) for episodes of one step: the mean over the pulls of

    Adv Hess log pi(a) + Adv g g^T,  Adv = r - b,  g = grad log pi(a)

A program that differentiates the surrogate of REINFORCE twice has the first term only. The formula
needs the same advantage in both terms: with a constant in the place of Adv, the mean of the sum is
zero, but the means of the two terms are not.

In this module, b is the baseline, g is the score of a pull, and C is the Hessian of the log of a
probability, which is the same for all arms. `pulls_of`, `outer`, `estimate` and
`exact_hessian` trust their arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import whole
from metarl_min.basics.trees import Array, Rng
from metarl_min.mdps.policies import softmax
from metarl_min.teach.questions import Mistake, Question
from metarl_min.teach.sampled_surrogates import arms_of, data_sets, probability_of
from metarl_min.teach.value_questions import Case, ValueQuestion, value_question

HESSIAN = "estimator_weights (2)"


class Pulls(NamedTuple):
    """The arrays from one data set that the right estimate and the mistakes use."""

    one_hot: Array  # [N, A]
    g: Array  # [N, A]
    C: Array  # [A, A] Hess log pi(a) = pi pi^T - diag(pi), for every a
    r: Array  # [N]
    Adv: Array  # [N]


def pulls_of(theta: Array, actions: Array, rewards: Array, baseline: float) -> Pulls:
    """Return the arguments of the student's function as `Pulls`."""
    pi = softmax(theta)
    one_hot = np.eye(len(pi))[actions]
    return Pulls(
        one_hot=one_hot,
        g=one_hot - pi,
        C=np.outer(pi, pi) - np.diag(pi),
        r=rewards,
        Adv=rewards - baseline,
    )


def outer(x: Array, g: Array) -> Array:
    """Return the mean over the pulls of x g g^T. x [N], g [N, A] -> [A, A]"""
    return np.asarray((g.T * x) @ g / len(x))


def estimate(formula: Callable[[Pulls], Array], *arguments: Any) -> Array:
    """Return the value of a formula for the student's arguments. [A, A]"""
    return np.asarray(formula(pulls_of(*arguments)))


right = partial(estimate, lambda x: x.Adv.mean() * x.C + outer(x.Adv, x.g))

MISTAKES = {
    "the outer product missing": Mistake(
        partial(estimate, lambda x: x.Adv.mean() * x.C),
        "You differentiate the surrogate of REINFORCE twice. It holds the probability of the pulls "
        "fixed, but theta also changes how often an arm is pulled.",
        HESSIAN,
    ),
    "only the outer product": Mistake(
        partial(estimate, lambda x: outer(x.Adv, x.g)),
        "The score depends on theta too. The term with its derivative is missing.",
        HESSIAN,
    ),
    "no baseline in the outer product": Mistake(
        partial(estimate, lambda x: x.Adv.mean() * x.C + outer(x.r, x.g)),
        "The baseline stands in one of the two terms. The mean of that term alone is not zero, so "
        "the baseline changes the mean of the result.",
        HESSIAN,
    ),
    "the baseline in the outer product only": Mistake(
        partial(estimate, lambda x: x.r.mean() * x.C + outer(x.Adv, x.g)),
        "The baseline stands in one of the two terms. The mean of that term alone is not zero, so "
        "the baseline changes the mean of the result.",
        HESSIAN,
    ),
    "an outer product of means": Mistake(
        partial(
            estimate,
            lambda x: x.Adv.mean() * x.C + np.outer(x.Adv @ x.g / len(x.g), x.g.mean(axis=0)),
        ),
        "You multiply the mean of Adv g by the mean of g. The mean of a product is not the product "
        "of the means.",
        HESSIAN,
    ),
    "the outer product without the advantage": Mistake(
        partial(estimate, lambda x: x.Adv.mean() * x.C + outer(np.ones(len(x.r)), x.g)),
        "The outer product of the scores has no weight. A pull with a large reward must count "
        "more.",
        HESSIAN,
    ),
    "the outer product of estimated gradients": Mistake(
        partial(estimate, lambda x: x.Adv.mean() * x.C + outer(x.Adv**2, x.g)),
        "You multiply Adv g by itself, so the advantage is squared.",
        HESSIAN,
    ),
    "wrong sign of the derivative of the score": Mistake(
        partial(estimate, lambda x: outer(x.Adv, x.g) - x.Adv.mean() * x.C),
        "The Hessian of a log-probability has no positive eigenvalue. Look at its sign.",
        HESSIAN,
    ),
    "wrong sign of the outer product": Mistake(
        partial(estimate, lambda x: x.Adv.mean() * x.C - outer(x.Adv, x.g)),
        "Look at the sign of the outer product.",
        HESSIAN,
    ),
    "the own reward in the baseline": Mistake(
        partial(estimate, lambda x: outer(x.r - x.r.mean(), x.g)),
        "You subtract the mean of the rewards. It contains the reward itself, so the result is too "
        "small. The baseline is a number that does not depend on the pulls.",
        HESSIAN,
    ),
    "the one-hot vector subtracted": Mistake(
        partial(estimate, lambda x: x.Adv.mean() * x.C + outer(x.Adv, x.g - 2 * x.one_hot)),
        "The score is wrong: look at the sign of its entry for the action that was drawn.",
        "policies (4)",
    ),
    "sum for mean": Mistake(
        partial(estimate, lambda x: x.Adv.sum() * x.C + outer(x.Adv, x.g) * len(x.r)),
        "You add up the pulls. The mean of the result must not depend on their number.",
        HESSIAN,
    ),
}


def _case(rng: Rng, num_arms: int, num_pulls: int) -> Case:
    theta, arms = rng.normal(size=(2, num_arms))
    b, listed = float(rng.uniform(0.4, 0.9)), data_sets(num_arms, num_pulls)
    return Case(
        arguments=[(theta, actions, arms[actions], b) for actions in listed],
        probability=np.array([probability_of(theta, actions) for actions in listed]),
        text=f"theta = {theta.round(6)}, baseline = {b:.6f}, and every data set of {num_pulls} "
        f"pulls of arms that pay {arms.round(6)}",
    )


def exact_hessian(theta: Array, arms: Array) -> Array:
    """Return Hess J(theta). theta, arms [A] -> [A, A]

    The gradient is slope(a) = pi(a) (r(a) - J). The derivative in theta(c) of pi(a) is
    pi(a) (1{a = c} - pi(c)), and that of J is slope(c). The product rule gives the result.
    """
    pi = softmax(theta)
    slope = pi * (arms - pi @ arms)
    return np.asarray(np.diag(slope) - np.outer(slope, pi) - np.outer(pi, slope))


def _truth(case: Case) -> Array:
    theta = case.arguments[0][0]
    return exact_hessian(theta, arms_of(case, 1, len(theta)))


def hessian_estimate(num_pulls: int = 2) -> Question:
    """Ask for hessian_estimate(theta, actions [N], rewards [N], baseline), with mean Hess J.

    TypeError or ValueError unless num_pulls is from 2 to 4.
    """
    N = whole("num_pulls", num_pulls, 2, 4)
    arms = (2, 3, 4) if N == 2 else (2, 3)  # four arms have too many data sets of more pulls
    asked = ValueQuestion(
        function="hessian_estimate",
        cases=lambda rng: [_case(rng, num_arms, N) for num_arms in arms],
        truth=_truth,
        mistakes=MISTAKES,
        numbers=lambda case: {"N": N},
    )
    return value_question(asked)
