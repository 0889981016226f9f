"""The record of an objective: a function of the logits, and its derivatives."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from autograd.tracer import isbox

from metarl_min.basics.arguments import floats, function, pair, require, whole
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Array
from metarl_min.mdps.policies import Derivatives, softmax


def _check(num_tasks: Any, shape: Any, *functions: Any) -> tuple[Any, ...]:
    for name, value in zip(Objective._fields[2:], functions, strict=True):
        function(name, value)
    return whole("num_tasks", num_tasks), pair("shape", shape), *functions


@checked(_check)
class Objective(NamedTuple):
    """A function of the logits z [..., M, S, A] with one value for each task, and its derivatives.

    The derivatives in z depend on z only through the probabilities pi = softmax(z). The methods
    check their arguments. The fields `gradient_at` and `derivatives_at` trust their arguments.
    """

    num_tasks: int  # M
    shape: tuple[int, int]  # (S, A)
    value: Callable[[Any], Any]  # z -> [M]
    gradient_at: Callable[[Any], Any]  # pi -> the gradient in z [M, S, A]; autograd may trace pi
    derivatives_at: Callable[[Array], Derivatives]  # pi -> the derivatives in z

    def gradient(self, logits: Any) -> Any:
        """Return the gradient at the logits. Autograd may trace the logits. [M, S, A]"""
        return self.gradient_at(softmax(self._fitted("logits", logits)))

    def hessian_product(self, logits: Array, v: Array) -> Array:
        """Return the Hessian at the logits, times v. [M, S, A]"""
        logits, v = self._fitted("logits", logits), self._fitted("v", v)
        full = np.zeros(np.broadcast_shapes(logits.shape, v.shape))  # x + full has all leading axes
        return self.derivatives_at(softmax(logits) + full).hessian_product(v + full)

    def _fitted(self, name: str, table: Any) -> Any:
        """Return a table of finite floats; ValueError unless its last axes are [M, S, A] or [S, A].

        If autograd traces the table, only its shape is checked.
        """
        M, (S, A), shape = self.num_tasks, self.shape, np.shape(table)
        if not isbox(table):
            floats(name, table)
        fits = shape[-2:] == (S, A) and (len(shape) < 3 or shape[-3] in (1, M) or M == 1)
        rule = f"{name} must have the last axes [M, S, A] = [{M}, {S}, {A}] or [S, A]"
        require(fits, rule, shape)
        return table
