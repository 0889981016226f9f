"""Policies with a memory: a recurrent cell, its heads, how it starts, and the way back of a trial.

h' memory after the step, z logits, v value:

    (1)  (z, v) = h' V + d                                             [Wang et al. 2016]
    (2)  orthogonal: Q of the QR decomposition of a normal matrix, signs by the diagonal of R
                                                                  [Saxe et al. 2014; Mezzadri 2007]
    (3)  Glorot uniform: U(-l, l), l = sqrt(6 / (inputs + outputs))  [Glorot and Bengio 2010]

Cells are cells (1)-(3). Whoever trains a policy sees `MemoryPolicy` alone: what its memory is,
and whether its gradient is a formula or a trace, is its own affair.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import autograd.numpy as np
import numpy as onp
from autograd import grad

from metarl_min.basics.arguments import require, whole
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.memory.cells import (
    GRUStep,
    backpropagate_through_time,
    gru_reset_after,
    gru_reset_before,
    gru_step,
    rnn,
)


class RecurrentPolicy(NamedTuple):
    """A policy that sees its history through a memory; `gradient` None: traced."""

    init: Callable[[Rng, int, int], Tree]  # rng, I inputs, A actions -> parameters
    initial_memory: Callable[[Tree, int], Any]  # parameters, num_tasks -> memory
    step: Callable[[Tree, Any, Any], tuple[Any, Any, Any]]
    # parameters, memory, observations [..., M, I] -> memory, logits [..., M, A], values [..., M]
    gradient: Callable[[Tree, Array, Any, Array, Array], Tree] | None = None
    # parameters, observations [T, M, I], memories before each step and after the last
    # [T + 1], df/dlogits [T, M, A], df/dvalues [T, M] -> df/dparameters


def unroll(policy: RecurrentPolicy, params: Tree, x: Any) -> tuple[list[Any], Any, Any]:
    """Memories [T + 1], logits [T, M, A] and values [T, M] of a trial. x [T, M, I]"""
    memories: list[Any] = [policy.initial_memory(params, x.shape[1])]
    logits: list[Any] = []
    values: list[Any] = []
    for observations in x:
        memory, z, v = policy.step(params, memories[-1], observations)
        memories.append(memory)
        logits.append(z)
        values.append(v)
    return memories, np.stack(logits), np.stack(values)


def gradient(
    policy: RecurrentPolicy, params: Tree, x: Array, memories: Any, u_logits: Array, u_values: Array
) -> Tree:
    """Gradient in the parameters from that in logits and values: by hand, or else traced."""
    if policy.gradient is not None:
        return policy.gradient(params, x, memories, u_logits, u_values)

    def linear(params: Tree) -> Any:
        _, logits, values = unroll(policy, params, x)
        return np.sum(logits * u_logits) + np.sum(values * u_values)

    found: Tree = grad(linear)(params)
    return found


def _heads(params: Tree, h: Any) -> tuple[Any, Any]:
    """Logits and values, eq. (1)."""
    heads = np.matmul(h, params["V"]) + params["d"][..., None, :]
    return heads[..., :-1], heads[..., -1]


def orthogonal(rng: Rng, rows: int, columns: int) -> Array:
    """Orthonormal columns or rows, whichever are fewer, eq. (2)."""
    Q, R = onp.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    Q = Q * onp.sign(onp.diag(R))
    return Q if rows >= columns else onp.ascontiguousarray(Q.T)


def glorot_uniform(rng: Rng, rows: int, columns: int) -> Array:
    """Uniform with a variance that keeps signals' size, eq. (3)."""
    limit = onp.sqrt(6 / (rows + columns))
    return rng.uniform(-limit, limit, (rows, columns))


CELLS = {"gru": (gru_reset_after, 3), "gru_before": (gru_reset_before, 3), "rnn": (rnn, 1)}


def _init(rng: Rng, num_inputs: int, num_actions: int, cell: str, H: int, dtype: Any) -> Tree:
    parts = CELLS[cell][1]
    W = onp.concatenate([glorot_uniform(rng, num_inputs, H) for _ in range(parts)], axis=1)
    U = onp.concatenate([orthogonal(rng, H, H) for _ in range(parts)], axis=1)
    V = onp.concatenate([0.01 * orthogonal(rng, H, num_actions), orthogonal(rng, H, 1)], axis=1)
    params = {"W": W, "b": onp.zeros(parts * H), "U": U, "V": V, "d": onp.zeros(num_actions + 1)}
    if cell == "gru":
        params["c"] = onp.zeros(H)
    return {name: leaf.astype(dtype) for name, leaf in params.items()}


def _initial_memory(params: Tree, num_tasks: int) -> Array:
    U = params["U"]
    return onp.zeros((*U.shape[:-2], num_tasks, U.shape[-2]), U.dtype)


def _initial_gated(params: Tree, num_tasks: int) -> GRUStep:
    """Empty: no step came before."""
    return GRUStep(*[_initial_memory(params, num_tasks)] * 5)


def _step(params: Tree, h: Any, x: Any, cell: str) -> tuple[Any, Any, Any]:
    h = CELLS[cell][0](params, h, x)
    return h, *_heads(params, h)


def _step_gated(params: Tree, memory: GRUStep, x: Any) -> tuple[GRUStep, Any, Any]:
    memory = gru_step(params, memory.h, x)
    return memory, *_heads(params, memory.h)


def gru_gradient(params: Tree, x: Array, memories: Any, u_logits: Array, u_values: Array) -> Tree:
    """Gradient in all parameters from that in logits and values, eq. (1), cells (4), (5)."""
    W, U, V = (params[name] for name in "WUV")
    u, h = onp.concatenate([u_logits, u_values[..., None]], axis=-1), [m.h for m in memories]
    _, *found, _ = backpropagate_through_time(x, W, U, h, memories[1:], u @ V.T)
    in_V = sum(after.T @ u_t for after, u_t in zip(h[1:], u, strict=True))
    return dict(zip("WbUcVd", (*found, in_V, u.sum((0, 1))), strict=True))


def recurrent(cell: str = "gru", hidden: int = 32, dtype: str = "float32") -> RecurrentPolicy:
    """A cell of `hidden` units, gru (reset after), gru_before or rnn, with heads by eq. (1)."""
    require(cell in CELLS, f"cell must be one of {', '.join(CELLS)}", repr(cell))
    require(dtype in ("float32", "float64"), "dtype must be float32 or float64", repr(dtype))
    init = partial(_init, cell=cell, H=whole("hidden", hidden), dtype=dtype)
    if cell == "gru":
        return RecurrentPolicy(init, _initial_gated, _step_gated, gru_gradient)
    return RecurrentPolicy(init, _initial_memory, partial(_step, cell=cell))
