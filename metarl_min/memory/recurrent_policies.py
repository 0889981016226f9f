"""Policies with a memory: a recurrent cell, and heads that compute the logits and the value.

A recurrent policy receives one observation x at each step, and it keeps a memory from step to step.
The memory of the Elman cell, cells (1), is its hidden state h. The memory of the LSTM,
lstm_cells (1), is its hidden state h and its cell state. Let h' be the hidden state after the step.
In this module, v is a value. The logits z and the value v are linear in h':

    (1)  (z, v) = h' U_heads + c_heads                                 [Wang et al. 2016]

U_heads and c_heads are the parameters of the two outputs, which are called the heads. In this
module, W, b, U and c are the parameters of the cell, and Q and R are the factors of a QR
decomposition. The initial parameters are:

- b, c and c_heads are zeros. Only the entries of b for the forget gate of the LSTM are 1.
- Each block of U is orthogonal, by (2), so that its product with h has the length of h.
- Each block of W is uniform, by (3).
- The columns of U_heads for the logits are 0.01 times a matrix by (2), so that the first policy is
  nearly uniform. The column for the value is a random vector of length 1, by (2).

    (2)  take the QR decomposition of a matrix of normal numbers, and multiply column j of Q by the
         sign of R_jj                                     [Saxe et al. 2014; Mezzadri 2007]
    (3)  uniform on (-l, l), l = sqrt(6 / (rows + columns))      [Glorot and Bengio 2010]

The columns of Q are orthonormal. If a matrix has fewer rows than columns, (2) gives its transpose,
so its rows are orthonormal. The signs in (2) make all orthogonal matrices equally likely. The
variance of (3) is l^2 / 3 = 2 / (rows + columns), which lies between 1 / rows and 1 / columns. Each
entry of x W is a sum over the rows of W. So with the variance 1 / rows, the entries of x W would be
about as large as the entries of x. Each entry of the gradient in x is a sum over the columns of W.
So with the variance 1 / columns, the gradient would keep its size too.

In this module, T is the number of all steps of a trial. So T of this module is N times the T of the
other modules.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as onp

from metarl_min.basics.arguments import generator, instance, require, whole
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.memory import cells, lstm_cells
from metarl_min.memory.cells import GRUStep
from metarl_min.memory.lstm_cells import LSTMStep
from metarl_min.memory.protocol import Cell, RecurrentPolicy
from metarl_min.memory.protocol import gradient as gradient  # a user can import it from here too
from metarl_min.memory.protocol import unroll as unroll  # a user can import it from here too


def orthogonal(rng: Rng, rows: int, columns: int) -> Array:
    """Return a random matrix whose columns are orthonormal, eq. (2). [rows, columns]

    If there are fewer rows than columns, the rows are orthonormal instead.
    """
    shape = whole("rows", rows), whole("columns", columns)
    Q, R = onp.linalg.qr(generator("rng", rng).standard_normal((max(shape), min(shape))))
    Q = Q * onp.sign(onp.diag(R))
    return Q if rows >= columns else onp.ascontiguousarray(Q.T)


def glorot_uniform(rng: Rng, rows: int, columns: int) -> Array:
    """Return a random matrix [rows, columns] of uniform numbers, eq. (3)."""
    limit = onp.sqrt(6 / (whole("rows", rows) + whole("columns", columns)))
    return generator("rng", rng).uniform(-limit, limit, (rows, columns))


def require_float(dtype: str) -> str:
    """Return `dtype`; TypeError unless it is a word, ValueError unless it is float32 or float64."""
    require(
        instance("dtype", dtype, str) in ("float32", "float64"),
        "dtype must be float32 or float64",
        repr(dtype),
    )
    return dtype


def heads(params: Tree, h: Any) -> tuple[Any, Any]:
    """Return logits [..., M, A] and values [..., M] from the hidden states [..., M, H], eq. (1)."""
    # The code computes the transpose of eq. (1), as `cells.gru_step` does for its equation.
    U, c = params["U_heads"].swapaxes(-1, -2), params["c_heads"][..., None]
    z_and_v = U @ h.swapaxes(-1, -2) + c  # [..., A + 1, M]
    return z_and_v[..., :-1, :].swapaxes(-1, -2), z_and_v[..., -1, :]


def _initial_hidden(params: Tree, num_tasks: int) -> Array:
    """Return zeros [..., M, H], the hidden state before a trial."""
    U = params["U"]
    return onp.zeros((*U.shape[:-2], num_tasks, U.shape[-2]), U.dtype)


def _init(rng: Rng, num_inputs: int, num_actions: int, num_blocks: int, H: int, dtype: str) -> Tree:
    """Return the initial parameters of a cell and its heads, eqs. (1)-(3).

    W, b and U have `num_blocks` blocks of H columns.
    """
    W = [glorot_uniform(rng, num_inputs, H) for _ in range(num_blocks)]
    U = [orthogonal(rng, H, H) for _ in range(num_blocks)]
    U_heads = [0.01 * orthogonal(rng, H, num_actions), orthogonal(rng, H, 1)]
    params = {
        "W": onp.concatenate(W, axis=1),
        "b": onp.zeros(num_blocks * H),
        "U": onp.concatenate(U, axis=1),
        "U_heads": onp.concatenate(U_heads, axis=1),
        "c_heads": onp.zeros(num_actions + 1),
    }
    return {name: leaf.astype(dtype) for name, leaf in params.items()}


def _step(params: Tree, h: Any, x: Any, next_hidden: Callable[..., Any]) -> tuple[Any, Any, Any]:
    h_after = next_hidden(params, h, x)
    return h_after, *heads(params, h_after)


def _traced_policy(
    next_hidden: Callable[..., Any], num_blocks: int, hidden: int, dtype: str
) -> RecurrentPolicy:
    """Return the policy with the cell `next_hidden`. Autograd computes its gradient.

    The memory is h. `next_hidden` is a function of `cells`: parameters, h, x -> h'.
    """
    H, dtype = whole("hidden", hidden), require_float(dtype)
    return RecurrentPolicy(
        init=partial(_init, num_blocks=num_blocks, H=H, dtype=dtype),
        initial_memory=_initial_hidden,
        step=partial(_step, next_hidden=next_hidden),
    )


def rnn(hidden: int = 32, dtype: str = "float32") -> RecurrentPolicy:
    """Return a policy with the Elman cell, cells (1)."""
    return _traced_policy(cells.rnn, 1, hidden, dtype)


def gru_reset_before(hidden: int = 32, dtype: str = "float32") -> RecurrentPolicy:
    """Return a policy with the GRU whose reset gate acts before the product with U, cells (2)."""
    return _traced_policy(cells.gru_reset_before, 3, hidden, dtype)


def _gru_init(rng: Rng, num_inputs: int, num_actions: int, H: int, dtype: str) -> Tree:
    return _init(rng, num_inputs, num_actions, 3, H, dtype) | {"c": onp.zeros(H, dtype)}


def _gru_initial_memory(params: Tree, num_tasks: int) -> GRUStep:
    """Return the memory before a trial. Its h' is zeros, and its other fields are not used."""
    zeros = _initial_hidden(params, num_tasks)
    return GRUStep(h_after=zeros, r=zeros, u=zeros, n=zeros, q=zeros)


def _gru_step(params: Tree, memory: GRUStep, x: Any) -> tuple[GRUStep, Any, Any]:
    step = cells.gru_step(params, memory.h_after, x)  # h of this step is h' of the previous step
    return step, *heads(params, step.h_after)


def _head_gradients(
    params: Tree, steps: Any, logit_gradients: Array, value_gradients: Array
) -> tuple[Array, Tree]:
    """Return the gradient in h' of each step [T, M, H], and the gradient in the heads, by eq. (1).

    The derivative of h' U_heads in U_heads is h', and the derivative in h' is U_heads. `steps`
    lists the T memories after the steps, which have the field `h_after`.
    """
    g = onp.concatenate([logit_gradients, value_gradients[..., None]], axis=-1)
    head_gradient = {
        "U_heads": sum(step.h_after.T @ g_t for step, g_t in zip(steps, g, strict=True)),
        "c_heads": g.sum((0, 1)),
    }
    hidden = params["U_heads"] @ g.swapaxes(-1, -2)
    return hidden.swapaxes(-1, -2), head_gradient


def gru_gradient(
    params: Tree, x: Array, memories: Any, logit_gradients: Array, value_gradients: Array
) -> Tree:
    """Return the gradient of f in all parameters, by eq. (1), cells (4) and cells (5).

    The arguments are the arguments of `protocol.gradient` without `policy`.
    """
    hidden, steps = [memory.h_after for memory in memories[:-1]], memories[1:]
    g = onp.concatenate([logit_gradients, value_gradients[..., None]], axis=-1)
    U = params["U_heads"]
    cell_gradient, U_gradient = cells.backpropagate_through_time(params, U, x, hidden, steps, g)
    return {**cell_gradient, "U_heads": U_gradient, "c_heads": g.sum((0, 1))}


def gru(hidden: int = 32, dtype: str = "float32") -> RecurrentPolicy:
    """Return a policy with the GRU whose reset gate acts after the product with U, cells (3).

    The memory is the `GRUStep` of the previous step: h', and also the gates. So `gru_gradient` does
    not need to compute the gates again.
    """
    H, dtype = whole("hidden", hidden), require_float(dtype)
    return RecurrentPolicy(
        init=partial(_gru_init, H=H, dtype=dtype),
        initial_memory=_gru_initial_memory,
        step=_gru_step,
        gradient=gru_gradient,
    )


def _lstm_init(rng: Rng, num_inputs: int, num_actions: int, H: int, dtype: str) -> Tree:
    params = _init(rng, num_inputs, num_actions, 4, H, dtype)
    params["b"][H : 2 * H] = 1  # the forget gate
    return params


def _lstm_initial_memory(params: Tree, num_tasks: int) -> LSTMStep:
    """Return the memory before a trial. Its states are zeros, its other fields are not used."""
    return LSTMStep._make([_initial_hidden(params, num_tasks)] * len(LSTMStep._fields))


def _lstm_step(params: Tree, memory: LSTMStep, x: Any) -> tuple[LSTMStep, Any, Any]:
    step = lstm_cells.lstm_step(params, memory.h_after, memory.c_after, x)
    return step, *heads(params, step.h_after)


def lstm_gradient(
    params: Tree, x: Array, memories: Any, logit_gradients: Array, value_gradients: Array
) -> Tree:
    """Return the gradient of f in all parameters, by eq. (1), lstm_cells (2) and (3).

    The arguments are the arguments of `protocol.gradient` without `policy`.
    """
    before, steps = memories[:-1], memories[1:]
    g, head_gradient = _head_gradients(params, steps, logit_gradients, value_gradients)
    return {**lstm_cells.backpropagate_through_time(params, x, before, steps, g), **head_gradient}


def lstm(hidden: int = 32, dtype: str = "float32") -> RecurrentPolicy:
    """Return a policy with the LSTM, lstm_cells (1). Wang et al. 2016 use this cell.

    The memory is the `LSTMStep` of the previous step: h' and c', and also the gates. So
    `lstm_gradient` does not need to compute the gates again.
    """
    H, dtype = whole("hidden", hidden), require_float(dtype)
    return RecurrentPolicy(
        init=partial(_lstm_init, H=H, dtype=dtype),
        initial_memory=_lstm_initial_memory,
        step=_lstm_step,
        gradient=lstm_gradient,
    )


CELLS: dict[str, Cell] = {
    "gru": gru,
    "gru_reset_before": gru_reset_before,
    "lstm": lstm,
    "rnn": rnn,
}
