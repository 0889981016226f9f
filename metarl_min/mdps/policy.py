"""The record of a policy: four functions, and a word."""

from collections.abc import Callable
from typing import Any, NamedTuple

from metarl_min.basics.arguments import function, instance
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Array, Rng, Tree


def _check(*fields: Any) -> tuple[Any, ...]:
    """Return the fields of a policy; TypeError unless they are four functions and a word."""
    for name, value in zip(Policy._fields, fields[:-1], strict=False):
        function(name, value)
    instance("word", fields[-1], str)
    return fields


@checked(_check)
class Policy(NamedTuple):
    """A policy: a function that makes parameters, and three functions of these parameters.

    If the parameters have leading axes, the logits z have these leading axes too. f is any function
    of z, and u = df/dz. `forward` returns z and the values `hidden`, which the derivatives use
    again. The argument `curvature` of `hessian_product` is a function: it multiplies the second
    derivative d2f/dz2 by delta_z, the derivative of z along v. Only `init` checks its arguments.
    """

    init: Callable[[Rng, int, int], Tree]  # (rng, S, A) -> parameters
    forward: Callable[[Tree], tuple[Any, Any]]  # parameters -> (z [..., S, A], hidden)
    backward: Callable[[Tree, Any, Any], Tree]  # (parameters, hidden, u) -> df/dparameters
    hessian_product: Callable[[Tree, Any, Tree, Array, Callable[[Array], Array]], Tree]
    # (parameters, hidden, v, u, curvature) -> the Hessian of f in the parameters, times v
    word: str  # the word that `parse` turns into this policy

    def logits(self, params: Tree) -> Any:
        """Return the logits z. [..., S, A]"""
        return self.forward(params)[0]

    def pullback(self, params: Tree, u: Any) -> Tree:
        """Return the gradient of f in the parameters from u = df/dz [..., S, A]."""
        return self.backward(params, self.forward(params)[1], u)
