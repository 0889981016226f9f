"""The record of an objective: a function of the logits, and its derivatives."""

from collections.abc import Callable
from typing import Any, NamedTuple

from metarl_min.basics.arguments import function, pair, whole
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Array
from metarl_min.mdps.policies import softmax


def _check(num_tasks: Any, shape: Any, *functions: Any) -> tuple[Any, ...]:
    for name, value in zip(Objective._fields[2:], functions, strict=True):
        function(name, value)
    return whole("num_tasks", num_tasks), pair("shape", shape), *functions


@checked(_check)
class Objective(NamedTuple):
    """A function of the logits z [..., M, S, A] with one value for each task, and derivatives.

    The derivatives in z depend on z only through the probabilities pi = softmax(z).
    """

    num_tasks: int  # M
    shape: tuple[int, int]  # (S, A)
    value: Callable[[Any], Any]  # z -> [M]
    gradient_at: Callable[[Any], Any]  # pi -> the gradient in z [M, S, A]
    hessian_product_at: Callable[[Array, Array], Array]  # (pi, v) -> Hess v [M, S, A]

    def gradient(self, logits: Any) -> Any:
        """Return the gradient at the logits. [M, S, A]"""
        return self.gradient_at(softmax(logits))

    def hessian_product(self, logits: Array, v: Array) -> Array:
        """Return the Hessian at the logits, times v. [M, S, A]"""
        return self.hessian_product_at(softmax(logits), v)
