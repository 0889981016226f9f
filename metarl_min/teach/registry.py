"""The questions that an assignment can name. Each line is a function that makes a question."""

from __future__ import annotations

from collections.abc import Callable

from metarl_min.teach import bandit_derivatives, exact_meta_gradients
from metarl_min.teach.questions import Question

QUESTIONS: dict[str, Callable[..., Question]] = {
    "bandit_gradient": bandit_derivatives.gradient,
    "bandit_hessian_product": bandit_derivatives.hessian_product,
    "meta_gradient": exact_meta_gradients.meta_gradient,
}
