"""Reductions of a short last axis, such as that of the actions.

`reduced` and `sum_over_actions` trust their arguments.
"""

from functools import reduce
from typing import Any

import autograd.numpy as np
import numpy as onp
from autograd.extend import defvjp, primitive

from metarl_min.basics.arguments import floats
from metarl_min.basics.trees import Array


def reduced(ufunc: Any, x: Array) -> Array:
    """Reduce the last axis with a ufunc and keep it with length 1. [..., A] -> [..., 1]

    NumPy reduces a short last axis slowly. For at most 8 actions it is 2 to 40 times faster to
    combine the arrays x[..., 0], x[..., 1], .. of all states, one action after the other.
    """
    num_actions = x.shape[-1]
    if num_actions > 8:
        return onp.asarray(ufunc.reduce(x, axis=-1, keepdims=True))
    return onp.asarray(reduce(ufunc, [x[..., a] for a in range(num_actions)]))[..., None]


def of_actions(name: str, x: Array) -> Array:
    """Return an array; TypeError or ValueError unless it has finite floats for each action."""
    if not floats(name, x).shape or not x.shape[-1]:
        raise ValueError(f"{name} must have an axis of actions, got the shape {x.shape}")
    return x


def below_maximum(logits: Array) -> Array:
    """Return the checked logits minus their largest one, so that no exponential overflows."""
    return onp.subtract(of_actions("logits", logits), reduced(onp.maximum, logits))


@primitive
def sum_over_actions(x: Array) -> Array:
    """Return the sum over the actions, as one node of a trace. [..., A] -> [..., 1]"""
    return reduced(onp.add, x)


defvjp(sum_over_actions, lambda ans, x: lambda g: np.broadcast_to(g, np.shape(x)))
