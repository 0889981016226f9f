"""Reductions of a short last axis, such as that of the actions."""

from functools import reduce
from typing import Any

import autograd.numpy as np
import numpy as onp
from autograd.extend import defvjp, primitive

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


@primitive
def sum_over_actions(x: Array) -> Array:
    """Return the sum over the actions, as one node of a trace. [..., A] -> [..., 1]"""
    return reduced(onp.add, x)


defvjp(sum_over_actions, lambda ans, x: lambda g: np.broadcast_to(g, np.shape(x)))
