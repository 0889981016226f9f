"""The questions that an assignment can name. Each line is a function that makes a question."""

from __future__ import annotations

from collections.abc import Callable

from metarl_min.teach import exact_meta_gradients
from metarl_min.teach.questions import Question

QUESTIONS: dict[str, Callable[..., Question]] = {
    "meta_gradient": exact_meta_gradients.meta_gradient,
}
