"""Assignment 6, frequent mistakes in a meta-gradient from sampled pulls.

A program is the sum of two terms of `sampled_terms`. A mistake has one or two wrong terms, or it
calls the right program with wrong arguments. In this module, b is the baseline, and v and R are
those of `sampled_terms`. `program` and `right` trust their arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from metarl_min.basics.trees import Array
from metarl_min.teach.questions import Mistake
from metarl_min.teach.sampled_terms import (
    Data,
    Pulls,
    curvature,
    data_of,
    log_hessian,
    no_term,
    outer_gradient,
    policy_gradient,
    probabilities,
    products,
    reward,
    score_sum,
    score_term,
    scores,
    with_jacobian,
)

STEP, TERMS, HESSIAN = "estimators (1)", "estimators (3)", "estimator_weights (2)"
PAGE, SECOND_PAGE = "maml_and_emaml.py", "second_derivatives.py"
Term = Callable[[Data], Array]


def program(first: Term, second: Term, *arguments: Any) -> Array:
    """Return the sum of two terms for the student's arguments. [A]"""
    theta, inner_actions, inner_rewards, outer_actions, outer_rewards, alpha, b = arguments
    inner, outer = Pulls(inner_actions, inner_rewards), Pulls(outer_actions, outer_rewards)
    x = data_of(theta, inner, outer, alpha, b)
    return np.asarray(first(x) + second(x))


right = partial(program, with_jacobian, score_term)


def _changed(matrix: Callable[[Data], Array]) -> Term:
    """Return the term v + alpha H v with another matrix in the place of H."""

    def term(x: Data) -> Array:
        v = outer_gradient(x)
        return np.asarray(v + x.alpha * matrix(x) @ v)

    return term


def _through(v: Term) -> Term:
    """Return the term v + alpha H v with another v."""

    def term(x: Data) -> Array:
        vector = v(x)
        return np.asarray(vector + x.alpha * curvature(x, x.b) @ vector)

    return term


_hessian = _changed(lambda x: curvature(x, x.b) + products(x))

_own_reward = _through(lambda x: policy_gradient(x.phi, x.outer, reward(x)))

OF_SAMPLING = {  # the effect of theta on the inner pulls
    "the score term dropped": Mistake(
        partial(program, with_jacobian, no_term),
        "You differentiate the adapted logits for fixed inner pulls. But theta also changes the "
        "probability of the inner pulls.",
        TERMS,
        PAGE,
    ),
    "the outer product for the score term": Mistake(
        partial(program, _hessian, no_term),
        "The mean of your Jacobian is I + alpha Hess J. That is what the gradient of F_inf needs. "
        "The declared estimand is the gradient of F_N. Which derivative has the inner step if the "
        "pulls are given, and how does the probability of the pulls depend on theta?",
        HESSIAN,
    ),
    "the outer product and the score term": Mistake(
        partial(program, _hessian, score_term),
        "The effect of theta on the inner pulls is counted twice: in the Jacobian of the inner "
        "step, and with the scores.",
        HESSIAN,
    ),
    "the score averaged over the pulls": Mistake(
        partial(program, with_jacobian, lambda x: score_term(x) / len(x.inner.actions)),
        "You average the scores of the inner pulls. Look at the probability of all inner pulls "
        "together.",
        TERMS,
        PAGE,
    ),
    "the score with the reward before adaptation": Mistake(
        partial(program, with_jacobian, lambda x: x.inner.rewards.mean() * score_sum(x)),
        "The scores are multiplied by the mean reward of the inner pulls. F_N is the reward after "
        "adaptation.",
        TERMS,
    ),
    "the inner reward as a control variate": Mistake(
        partial(
            program,
            with_jacobian,
            lambda x: (reward(x) - x.inner.rewards.mean()) * score_sum(x),
        ),
        "You subtract the mean reward of the inner pulls from that of the outer pulls. It depends "
        "on the inner pulls, so it changes the mean of the result.",
        TERMS,
    ),
    "the score at the adapted logits": Mistake(
        partial(program, with_jacobian, lambda x: reward(x) * scores(x.phi, x.inner).sum(axis=0)),
        "The scores of the inner pulls are evaluated at the adapted logits. Look at the logits "
        "that have drawn these pulls.",
        TERMS,
    ),
    "the Jacobian applied to both terms": Mistake(
        partial(program, _through(lambda x: outer_gradient(x) + score_term(x)), no_term),
        "The Jacobian of the inner step is applied to the scores too. The inner pulls are drawn "
        "with theta itself.",
        TERMS,
    ),
    "the score term alone": Mistake(
        partial(program, no_term, score_term),
        "Your result contains the effect of theta on the inner pulls alone. But for given inner "
        "pulls, theta also changes the adapted logits.",
        TERMS,
        SECOND_PAGE,
    ),
}
OF_OUTER_PULLS = {
    "sum for mean in the value": Mistake(
        partial(program, with_jacobian, lambda x: score_term(x) * len(x.outer_g)),
        "The scores of the inner pulls are multiplied by the sum of the outer rewards. The "
        "objective does not depend on the number of outer pulls.",
        TERMS,
    ),
    "sum for mean in the outer gradient": Mistake(
        partial(program, _through(lambda x: outer_gradient(x) * len(x.outer_g)), score_term),
        "The policy gradient at the adapted logits is a sum over the outer pulls. The objective "
        "does not depend on the number of outer pulls.",
        TERMS,
    ),
    "query = support batch": Mistake(
        lambda *x: right(*x[:3], *x[1:3], *x[5:]),
        "You use the inner pulls where the outer pulls belong. The inner pulls are drawn with "
        "theta, and they have no importance weight.",
        TERMS,
    ),
    "the outer gradient at theta": Mistake(
        partial(program, _through(lambda x: policy_gradient(x.theta, x.outer)), score_term),
        "The scores of the outer pulls are evaluated at theta. Look at the logits that have drawn "
        "these pulls.",
        TERMS,
    ),
    "the own reward in the outer baseline": Mistake(
        partial(program, _own_reward, score_term),
        "You subtract the mean of the outer rewards from each of them. The mean contains the "
        "reward itself, so the outer gradient is too small.",
        "returns (2)",
    ),
    "the own reward in the outer baseline, and no score term": Mistake(
        partial(program, _own_reward, no_term),
        "There are two mistakes. The mean of the outer rewards contains the reward from which you "
        "subtract it. And you differentiate the adapted logits for fixed inner pulls, but theta "
        "also changes the probability of the inner pulls.",
        TERMS,
        PAGE,
    ),
}
OF_INNER_STEP = {
    "first-order MAML": Mistake(
        partial(program, outer_gradient, no_term),
        "This is a policy gradient at the adapted logits. All derivatives of the inner step are "
        "missing.",
        "estimators (5)",
        SECOND_PAGE,
    ),
    "the Jacobian dropped": Mistake(
        partial(program, outer_gradient, score_term),
        "The outer gradient is a gradient in the adapted logits. For given inner pulls, these "
        "depend on theta in two places of the inner step.",
        TERMS,
        SECOND_PAGE,
    ),
    "wrong sign in the Jacobian": Mistake(
        partial(program, _changed(lambda x: -curvature(x, x.b)), score_term),
        "Look at the sign of the second derivative of log pi.",
        TERMS,
    ),
    "alpha forgotten in the Jacobian": Mistake(
        partial(program, _changed(lambda x: curvature(x, x.b) / x.alpha), score_term),
        "The Jacobian of the inner step depends on the step size. Look for alpha.",
        TERMS,
    ),
    "the Jacobian at the adapted logits": Mistake(
        partial(
            program,
            _changed(lambda x: (x.inner.rewards.mean() - x.b) * log_hessian(probabilities(x.phi))),
            score_term,
        ),
        "The second derivative of log pi is evaluated at the adapted logits. Look at the logits at "
        "which the inner step starts.",
        TERMS,
        SECOND_PAGE,
    ),
    "no baseline in the Jacobian": Mistake(
        partial(program, _changed(lambda x: curvature(x, 0.0)), score_term),
        "The baseline stands in the inner step, but not in its derivative.",
        TERMS,
    ),
    "no baseline in the inner step": Mistake(
        lambda *x: right(*x[:6], 0.0),
        "The inner step subtracts the baseline from every reward. Yours does not.",
        STEP,
    ),
    "sum for mean in the inner step": Mistake(
        lambda *x: right(*x[:5], x[5] * len(x[1]), x[6]),
        "The inner step follows the mean over the pulls. Yours follows the sum.",
        STEP,
    ),
    "descent in the inner step": Mistake(
        lambda *x: right(*x[:5], -x[5], x[6]),
        "The inner step lowers the expected reward. In this course objectives are maximised.",
        STEP,
    ),
    "wrong sign": Mistake(
        lambda *x: -right(*x),
        "Your result has the opposite sign. In this course objectives are maximised.",
        TERMS,
    ),
}
MISTAKES = OF_SAMPLING | OF_OUTER_PULLS | OF_INNER_STEP
