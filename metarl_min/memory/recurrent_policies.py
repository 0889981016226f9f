"""Policies with a memory: a recurrent cell, and the logits and the value that it computes.

A recurrent policy receives one observation x at each step, and it keeps a memory from step to step.
The memory of a simple cell is its hidden state h. The logits z and the value v are linear in the
hidden state h' after the step. In this module, V and d are their parameters, and v is a value:

    (1)  (z, v) = h' V + d                                             [Wang et al. 2016]

The initial parameters are random. U is orthogonal, so that h U has the length of h. W is uniform:

    (2)  Q of the QR decomposition of a matrix of normal numbers, each column times the sign of
         the diagonal entry of R                          [Saxe et al. 2014; Mezzadri 2007]
    (3)  uniform on (-l, l), l = sqrt(6 / (rows + columns))      [Glorot and Bengio 2010]

The signs in (2) make all orthogonal matrices equally likely. The columns of V for the logits are
100 times shorter, so that the first policy is nearly uniform.

A learner uses a policy through `RecurrentPolicy` alone. It needs to know neither what the memory
holds nor how the gradient is computed.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import autograd.numpy as np
import numpy as onp
from autograd import grad

from metarl_min.basics.arguments import require, whole
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.memory import cells
from metarl_min.memory.cells import GRUStep


class RecurrentPolicy(NamedTuple):
    """A policy with a memory, as functions of its parameters."""

    init: Callable[[Rng, int, int], Tree]  # rng, I inputs, A actions -> parameters
    initial_memory: Callable[[Tree, int], Any]  # parameters, num_tasks -> memory before a trial
    step: Callable[[Tree, Any, Any], tuple[Any, Any, Any]]
    # parameters, memory, observations [..., M, I] -> memory, logits [..., M, A], values [..., M]
    gradient: Callable[[Tree, Array, Any, Array, Array], Tree] | None = None
    # as `gradient` below, computed by hand; None: by autograd


Network = Callable[[int], RecurrentPolicy]  # the number of hidden units -> policy


def unroll(policy: RecurrentPolicy, params: Tree, x: Any) -> tuple[list[Any], Any, Any]:
    """Return the memories, the logits and the values of a policy that sees the observations `x`.

    x [T, M, I] -> memories before each step and after the last [T + 1], logits [T, M, A],
    values [T, M]

    >>> policy = gru(hidden=8)
    >>> params = policy.init(onp.random.default_rng(0), 4, 2)
    >>> memories, logits, values = unroll(policy, params, onp.zeros((5, 3, 4), "float32"))
    >>> len(memories), logits.shape, values.shape
    (6, (5, 3, 2), (5, 3))
    """
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
    policy: RecurrentPolicy,
    params: Tree,
    x: Array,
    memories: Any,
    logit_gradients: Array,
    value_gradients: Array,
) -> Tree:
    """Return the gradient in the parameters from the gradients in the logits and the values.

    The observations x [T, M, I] and the memories [T + 1] are those of `unroll`; the gradients are
    [T, M, A] and [T, M]. A policy without a gradient by hand is unrolled again and traced.
    """
    if policy.gradient is not None:
        return policy.gradient(params, x, memories, logit_gradients, value_gradients)

    def linear_function(params: Tree) -> Any:  # its gradient is the one that is sought
        _, logits, values = unroll(policy, params, x)
        return np.sum(logits * logit_gradients) + np.sum(values * value_gradients)

    return dict(grad(linear_function)(params))


def orthogonal(rng: Rng, rows: int, columns: int) -> Array:
    """Return a random matrix with orthonormal columns, or rows if there are fewer rows, eq. (2)."""
    Q, R = onp.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    Q = Q * onp.sign(onp.diag(R))
    return Q if rows >= columns else onp.ascontiguousarray(Q.T)


def glorot_uniform(rng: Rng, rows: int, columns: int) -> Array:
    """Return a random matrix [rows, columns] of uniform numbers, eq. (3)."""
    limit = onp.sqrt(6 / (rows + columns))
    return rng.uniform(-limit, limit, (rows, columns))


def require_float(dtype: str) -> str:
    """Return `dtype`; ValueError unless it is float32 or float64."""
    require(dtype in ("float32", "float64"), "dtype must be float32 or float64", repr(dtype))
    return dtype


def heads(params: Tree, h: Any) -> tuple[Any, Any]:
    """Return logits [..., M, A] and values [..., M] from the hidden states [..., M, H], eq. (1)."""
    columns = np.matmul(h, params["V"]) + params["d"][..., None, :]
    return columns[..., :-1], columns[..., -1]


def _initial_hidden(params: Tree, num_tasks: int) -> Array:
    """Return the hidden state before a trial: zeros [..., M, H]."""
    U = params["U"]
    return onp.zeros((*U.shape[:-2], num_tasks, U.shape[-2]), U.dtype)


def _init(rng: Rng, num_inputs: int, num_actions: int, num_blocks: int, H: int, dtype: str) -> Tree:
    """Return initial parameters of a cell with blocks of H columns and its heads, eqs. (1)-(3)."""
    W = [glorot_uniform(rng, num_inputs, H) for _ in range(num_blocks)]
    U = [orthogonal(rng, H, H) for _ in range(num_blocks)]
    V = [0.01 * orthogonal(rng, H, num_actions), orthogonal(rng, H, 1)]
    params = {
        "W": onp.concatenate(W, axis=1),
        "b": onp.zeros(num_blocks * H),
        "U": onp.concatenate(U, axis=1),
        "V": onp.concatenate(V, axis=1),
        "d": onp.zeros(num_actions + 1),
    }
    return {name: leaf.astype(dtype) for name, leaf in params.items()}


def _step(params: Tree, h: Any, x: Any, cell: Callable[..., Any]) -> tuple[Any, Any, Any]:
    h = cell(params, h, x)
    return h, *heads(params, h)


def _traced_policy(
    cell: Callable[..., Any], num_blocks: int, hidden: int, dtype: str
) -> RecurrentPolicy:
    """Return the policy of a cell whose memory is its hidden state, with gradients by autograd."""
    H, dtype = whole("hidden", hidden), require_float(dtype)
    return RecurrentPolicy(
        init=partial(_init, num_blocks=num_blocks, H=H, dtype=dtype),
        initial_memory=_initial_hidden,
        step=partial(_step, cell=cell),
    )


def rnn(hidden: int = 32, dtype: str = "float32") -> RecurrentPolicy:
    """Return a policy with the simple cell, the cell of cells (1)."""
    return _traced_policy(cells.rnn, 1, hidden, dtype)


def gru_reset_before(hidden: int = 32, dtype: str = "float32") -> RecurrentPolicy:
    """Return a policy with the GRU that resets before the product, the cell of cells (2)."""
    return _traced_policy(cells.gru_reset_before, 3, hidden, dtype)


def _gru_init(rng: Rng, num_inputs: int, num_actions: int, H: int, dtype: str) -> Tree:
    return _init(rng, num_inputs, num_actions, 3, H, dtype) | {"c": onp.zeros(H, dtype)}


def _gru_initial_memory(params: Tree, num_tasks: int) -> GRUStep:
    """Return the memory before a trial: no step came before, so its gates have no meaning."""
    zeros = _initial_hidden(params, num_tasks)
    return GRUStep(h=zeros, r=zeros, u=zeros, n=zeros, q=zeros)


def _gru_step(params: Tree, memory: GRUStep, x: Any) -> tuple[GRUStep, Any, Any]:
    memory = cells.gru_step(params, memory.h, x)
    return memory, *heads(params, memory.h)


def gru_gradient(
    params: Tree, x: Array, memories: Any, logit_gradients: Array, value_gradients: Array
) -> Tree:
    """Return the gradient of the GRU in all parameters, by eq. (1), cells (4) and cells (5).

    The derivative of h' V in V is h', and in h' it is V. The arguments are those of `gradient`.
    """
    head_gradients = onp.concatenate([logit_gradients, value_gradients[..., None]], axis=-1)
    hidden, steps = [memory.h for memory in memories], memories[1:]
    hidden_gradients = head_gradients @ params["V"].T
    through_cell = cells.backpropagate_through_time(params, x, hidden, steps, hidden_gradients)
    V_gradient = sum(step.h.T @ g for step, g in zip(steps, head_gradients, strict=True))
    return {**through_cell, "V": V_gradient, "d": head_gradients.sum((0, 1))}


def gru(hidden: int = 32, dtype: str = "float32") -> RecurrentPolicy:
    """Return a policy with the GRU that resets after the product, the cell of cells (3).

    Its memory holds the gates of the last step besides the hidden state. The gradient by hand
    reads them, and need not compute them again.
    """
    H, dtype = whole("hidden", hidden), require_float(dtype)
    return RecurrentPolicy(
        init=partial(_gru_init, H=H, dtype=dtype),
        initial_memory=_gru_initial_memory,
        step=_gru_step,
        gradient=gru_gradient,
    )


CELLS: dict[str, Network] = {"gru": gru, "gru_reset_before": gru_reset_before, "rnn": rnn}
