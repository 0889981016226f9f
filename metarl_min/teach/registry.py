"""The questions that an assignment can name. Each line is a function that makes a question."""

from __future__ import annotations

from collections.abc import Callable

from metarl_min.teach import (
    bandit_derivatives,
    bandit_gradients,
    exact_meta_gradients,
    score_functions,
)
from metarl_min.teach.questions import Question

QUESTIONS: dict[str, Callable[..., Question]] = {
    "log_pi": score_functions.log_pi,
    "score": score_functions.score,
    "policy_gradient": bandit_gradients.policy_gradient,
    "pulls_gradient": bandit_gradients.pulls_gradient,
    "bandit_gradient": bandit_derivatives.gradient,
    "bandit_hessian_product": bandit_derivatives.hessian_product,
    "meta_gradient": exact_meta_gradients.meta_gradient,
}
