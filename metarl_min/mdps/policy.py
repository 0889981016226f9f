"""The record of a policy: four functions, and a word."""

from collections.abc import Callable
from typing import Any, NamedTuple

from metarl_min.basics.arguments import function, instance
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Rng, Tree


def _check(*fields: Any) -> tuple[Any, ...]:
    """Return the fields of a policy; TypeError unless they are four functions and a word."""
    for name, value in zip(("init", "logits", "pullback", "hessian_product"), fields, strict=False):
        function(name, value)
    instance("word", fields[-1], str)
    return fields


@checked(_check)
class Policy(NamedTuple):
    """A policy: a function that makes parameters, and three functions of these parameters.

    If the parameters have leading axes, the logits z have these leading axes too. f is any function
    of z. `hessian_product` receives two functions: `gradient(at)` returns df/dz, and
    `curvature(at, delta_z)` returns (d2f/dz2) delta_z. Both take the same `at`, which holds z, or
    the probabilities of the policy. Only the field `init` checks its arguments.
    """

    init: Callable[[Rng, int, int], Tree]  # (rng, S, A) -> parameters
    logits: Callable[[Tree], Any]  # parameters -> z [..., S, A]
    pullback: Callable[[Tree, Any], Tree]  # (parameters, df/dz [..., S, A]) -> df/dparameters
    hessian_product: Callable[[Tree, Tree, Any, Any, Any], Tree]
    # (parameters, v, at, gradient, curvature) -> the Hessian of f in the parameters, times v
    word: str  # the word that `parse` turns into this policy
