"""The protocol of a policy with a memory: the four functions of a `RecurrentPolicy`.

A learner uses a policy only through these functions. So the learner need not know what the memory
contains, or how the gradient is computed. In this module, T is the number of all steps of a trial.
So T of this module is N times the T of the other modules.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import autograd.numpy as np
import numpy as onp
from autograd import grad
from autograd.tracer import isbox

from metarl_min.basics import plugins, trees
from metarl_min.basics.arguments import (
    array,
    floats,
    function,
    instance,
    require,
    sequence,
    shaped,
)
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Array, Rng, Tree


def _check(init: Any, initial_memory: Any, step: Any, gradient: Any) -> tuple[Any, ...]:
    function("init", init)
    function("initial_memory", initial_memory)
    function("step", step)
    return init, initial_memory, step, None if gradient is None else function("gradient", gradient)


@checked(_check)
class RecurrentPolicy(NamedTuple):
    """A policy with a memory. Its functions trust their arguments."""

    init: Callable[[Rng, int, int], Tree]  # rng, I inputs, A actions -> parameters
    initial_memory: Callable[[Tree, int], Any]  # parameters, num_tasks -> memory before a trial
    step: Callable[[Tree, Any, Any], tuple[Any, Any, Any]]
    # parameters, memory, observations [..., M, I] -> memory, logits [..., M, A], values [..., M]
    gradient: Callable[[Tree, Array, Any, Array, Array], Tree] | None = None
    # parameters, x [T, M, I], memories [T + 1], the gradients of a function f in the logits
    # [T, M, A] and in the values [T, M] -> the gradient of f in the parameters. If the field
    # `gradient` is None, autograd computes the gradient.


Cell = Callable[[int], RecurrentPolicy]  # number of hidden units -> policy with this cell


def require_outputs(logits: Any, values: Any, axes: tuple[int, int]) -> None:
    """Raise a ValueError unless the logits of a step are [M, A] and the values [M]."""
    shapes = getattr(logits, "shape", None), getattr(values, "shape", None)
    if shapes != (axes, axes[:1]):
        got = onp.shape(logits), onp.shape(values)
        raise ValueError(f"logits and values of a step must be {axes}, {axes[:1]}, got {got}")


@lru_cache(maxsize=64)
def _shapes(init: Callable[..., Tree], num_inputs: int, num_actions: int) -> dict[str, Any]:
    params = init(onp.random.default_rng(0), num_inputs, num_actions)
    return {name: onp.shape(leaf) for name, leaf in params.items()}


def require_parameters(
    policy: RecurrentPolicy, theta: Tree, num_inputs: int, num_actions: int
) -> None:
    """Raise a ValueError unless theta has the names and shapes that `policy.init` gives.

    A leaf may have leading axes before its shape, such as [P]. They are the same for all leaves.
    """
    # In evolution, each generation makes a new policy with the same `init`. `_shapes` is cached by
    # `init`, so it draws no new parameters.
    shapes = _shapes(policy.init, num_inputs, num_actions)
    require(theta.keys() == shapes.keys(), f"theta must have the names {sorted(shapes)}", [*theta])
    leading = {onp.shape(theta[x])[: onp.ndim(theta[x]) - len(shapes[x])] for x in shapes}
    for name, shape in shapes.items():
        got = onp.shape(theta[name])
        if len(leading) != 1 or got[len(got) - len(shape) :] != shape:
            raise ValueError(f"parameter {name!r} must have the shape {shape}, got {got}")


# `errors_by_rule` turns each error of a policy into a ValueError that begins with this rule.
FITS = "the functions of the policy must accept the parameters, the memories and x"


def unroll(policy: RecurrentPolicy, params: Tree, x: Any) -> tuple[list[Any], Any, Any]:
    """Return the memories, the logits and the values of a policy that receives the observations x.

    x [T, M, I] -> memories [T + 1], logits [T, M, A], values [T, M]

    There is a memory before each step, and a memory after the last step.

    >>> from metarl_min.memory.recurrent_policies import gru
    >>> policy = gru(hidden=8)
    >>> params = policy.init(onp.random.default_rng(0), 4, 2)
    >>> memories, logits, values = unroll(policy, params, onp.zeros((5, 3, 4), "float32"))
    >>> len(memories), logits.shape, values.shape
    (6, (5, 3, 2), (5, 3))
    """
    instance("policy", policy, RecurrentPolicy)
    require(onp.ndim(x) == 3 and len(x) > 0, "x must have the axes [T, M, I]", onp.shape(x))
    # Arrays that autograd traces are not checked. Complex parameters are not checked either: the
    # module `complex_steps` computes derivatives with them.
    traced = isbox(params) or isbox(x)
    if traced or any(map(onp.iscomplexobj, instance("params", params, dict).values())):
        return _unroll(policy, params, x)
    trees.check(params)
    floats("x", x)
    with plugins.errors_by_rule(FITS):
        memories, logits, values = _unroll(policy, params, x)
    for name, outputs in (("logits", logits), ("values", values)):
        if not onp.isfinite(outputs).all():
            raise FloatingPointError(f"{name} of the policy must be finite, got NaN or infinity")
    require_parameters(policy, params, x.shape[-1], logits.shape[-1])
    return memories, logits, values


def _unroll(policy: RecurrentPolicy, params: Tree, x: Any) -> tuple[list[Any], Any, Any]:
    memories, logits, values = [policy.initial_memory(params, x.shape[1])], [], []
    for observations in x:
        memory, z, v = policy.step(params, memories[-1], observations)
        require_outputs(z, v, (len(observations), onp.shape(z)[-1]))
        memories.append(memory)
        logits.append(z)
        values.append(v)
    return memories, np.stack(logits), np.stack(values)


def gradient(
    policy: RecurrentPolicy,
    params: Tree,
    x: Array,
    memories: Any,
    logit_gradients: Array,
    value_gradients: Array,
) -> Tree:
    """Return the gradient of f in the parameters, by the chain rule through all steps.

    f is any function of the logits and the values. The arguments `logit_gradients` [T, M, A] and
    `value_gradients` [T, M] are its gradients. `memories` [T + 1] is the first result of `unroll`
    for the observations x [T, M, I]. If `policy.gradient` is None, the policy is unrolled again,
    and autograd traces it.
    """
    instance("policy", policy, RecurrentPolicy)
    require(array("x", x).ndim == 3, "x must have the axes [T, M, I]", x.shape)
    fits = array("logit_gradients", logit_gradients).ndim == 3 and logit_gradients.size > 0
    require(fits, "logit_gradients must have the axes [T, M, A]", logit_gradients.shape)
    shaped("logit_gradients", logit_gradients[..., 0], x.shape[:-1], "x")
    shaped("value_gradients", array("value_gradients", value_gradients), x.shape[:-1], "x")
    number = len(sequence("memories", memories))
    require(number == len(x) + 1, "there must be T + 1 memories", number)
    trees.check(params)
    require_parameters(policy, params, x.shape[-1], logit_gradients.shape[-1])
    with plugins.errors_by_rule(FITS):
        if policy.gradient is not None:
            g = policy.gradient(params, x, memories, logit_gradients, value_gradients)
        else:
            g = _traced_gradient(policy, params, x, (logit_gradients, value_gradients))
    for name, leaf in g.items():
        if not onp.isfinite(leaf).all():
            raise FloatingPointError(f"the gradient in {name!r} must be finite, got NaN or inf")
    return g


def _traced_gradient(
    policy: RecurrentPolicy, params: Tree, x: Array, gradients: tuple[Array, Array]
) -> Tree:
    """Return the gradient of f in the parameters by autograd.

    `gradients` are the gradients of f in the logits and in the values. `linear_function` multiplies
    the logits and the values by these constant arrays, and adds up the products. So by the chain
    rule, its gradient in the parameters is the gradient of f.
    """

    def linear_function(params: Tree) -> Any:
        _, *outputs = unroll(policy, params, x)
        return sum(np.sum(y * g) for y, g in zip(outputs, gradients, strict=True))

    return dict(grad(linear_function)(params))
