"""The protocol of a policy with a memory: four functions of its parameters.

A learner uses a policy only through `RecurrentPolicy`. The learner needs to know neither the
contents of the memory nor the computation of the gradient. In this module, T is the number of all
steps of a trial, which is the product N T of the other modules.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import function
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Array, Rng, Tree


def _check(init: Any, initial_memory: Any, step: Any, gradient: Any) -> tuple[Any, ...]:
    function("init", init)
    function("initial_memory", initial_memory)
    function("step", step)
    return init, initial_memory, step, None if gradient is None else function("gradient", gradient)


@checked(_check)
class RecurrentPolicy(NamedTuple):
    """A policy with a memory, as functions of its parameters."""

    init: Callable[[Rng, int, int], Tree]  # rng, I inputs, A actions -> parameters
    initial_memory: Callable[[Tree, int], Any]  # parameters, num_tasks -> memory before a trial
    step: Callable[[Tree, Any, Any], tuple[Any, Any, Any]]
    # parameters, memory, observations [..., M, I] -> memory, logits [..., M, A], values [..., M]
    gradient: Callable[[Tree, Array, Any, Array, Array], Tree] | None = None
    # The gradient by hand: parameters, x [T, M, I], memories [T + 1], gradients in logits [T, M, A]
    # and in values [T, M] -> gradient in the parameters. If `gradient` is None, autograd is used.


Cell = Callable[[int], RecurrentPolicy]  # number of hidden units -> policy with this cell


def require_outputs(logits: Any, values: Any, axes: tuple[int, int]) -> None:
    """Raise a ValueError unless the logits of a step are [M, A] and the values [M]."""
    shapes = getattr(logits, "shape", None), getattr(values, "shape", None)
    if shapes != (axes, axes[:1]):
        got = np.shape(logits), np.shape(values)
        raise ValueError(f"logits and values of a step must be {axes}, {axes[:1]}, got {got}")
