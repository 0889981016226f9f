"""Recurrent cells, and the gradient of a sequence of steps by back-propagation through time.

A recurrent cell computes the next hidden state h' from the hidden state h and an input x. In this
module, W, b, U and c are the parameters, and s(y) = 1 / (1 + exp(-y)) is the logistic function. The
sign * is the product entry by entry. The Elman cell is:

    (1)  h' = tanh(x W + b + h U)                                             [Elman 1990]

A gated recurrent unit (GRU) has two gates, with values between 0 and 1. In this module, r is the
reset gate, u is the update gate, and n is the proposed new state. The gate u says how much of h
stays in h'. W, b and U have three blocks of columns, in the order r, u, n. In (2), h is multiplied
by the reset gate and then by U_n. In (3), h is multiplied by U_n and then by the reset gate, and c
is a second bias:

    (2)  r = s(x W_r + b_r + h U_r),  u = s(x W_u + b_u + h U_u),
         n = tanh(x W_n + b_n + (r * h) U_n),
         h' = u * h + (1 - u) * n                                        [Cho et al. 2014]
    (3)  r, u and h' as in (2),  q = h U_n + c,
         n = tanh(x W_n + b_n + r * q)                                   [cuDNN 5, 2016]

In (3), h U_r, h U_u and h U_n are computed by one matrix product, h U. The gradient of (3) is
written by hand, because autograd takes many times as long. `examples/benchmarks/recurrent.py`
measures the two times. Let f be the number to differentiate, and let g = df/dh' for one step. In
(3), each of r, u and n is s or tanh of an argument. In this module, d_r, d_u and d_n are the
gradients of f in these three arguments, and d_q is the gradient of f in q:

    (4)  d_n = g * (1 - u) * (1 - n^2),  d_q = d_n * r,
         d_u = g * (h - n) * u * (1 - u),
         d_r = d_n * q * r * (1 - r),
         df/dh = g * u + (d_r, d_u, d_q) U^T               [Werbos 1990; derivation]

    dh'/dn = 1 - u, and tanh has the derivative 1 - n^2:            d_n
    the argument of tanh contains r * q, with derivative r in q:    d_q
    dh'/du = h - n, and s has the derivative u (1 - u):             d_u
    r * q has the derivative q in r, and s has r (1 - r):           d_r = d_n * q * r * (1 - r)
    h stands in h' directly, with the factor u:                     g * u
    h also stands in h U, whose gradient is (d_r, d_u, d_q):        (d_r, d_u, d_q) U^T

All steps and tasks share the parameters, so each gradient in a parameter is a sum over the steps t
and over the tasks. In this module, T is the number of all steps of a sequence. So for a trial, T of
this module is N times the T of the other modules. Let x_t be the input of step t, and let h_t be
the hidden state before step t. The outputs of a step, such as logits and values, are out = h' U_out
with a further parameter U_out:

    (5)  df/dW = sum_t x_t^T (d_r, d_u, d_n)_t,  df/db = sum_t (d_r, d_u, d_n)_t,
         df/dU = sum_t h_t^T (d_r, d_u, d_q)_t,  df/dc = sum_t d_q,t,
         df/dU_out = sum_t h'_t^T (df/dout)_t                   [Werbos 1990; derivation]

    the rows of x_t and h_t are tasks, so the products in df/dW and df/dU sum over the tasks
    df/db and df/dc also need a sum over the tasks, which (5) does not show
    f has the gradient (d_r, d_u, d_n) in x W + b, and x W has the derivative x in W:   df/dW, df/db
    f has the gradient (d_r, d_u, d_q) in h U, and h U has the derivative h in U:       df/dU
    f has the gradient d_q in q, and c is added in q:                                   df/dc
    f has the gradient df/dout in h' U_out, which has the derivative h' in U_out:       df/dU_out
    f depends on h' of step t through the outputs of step t, such as logits and values,
    and through step t + 1: so g is the gradient from the outputs plus df/dh of step t + 1

All arrays have the dtype of the parameters. If the parameters of a cell have a leading axis [P],
the hidden states and the inputs have this axis too. The pullback of a function turns the gradient
in its result into the gradients in its arguments.
"""

from typing import Any, NamedTuple

import autograd.numpy as np
import numpy as onp
from autograd.tracer import isbox

from metarl_min.basics.trees import Array, Tree


def tanh(y: Any) -> Any:
    """Return tanh(y). Autograd takes longer, so only arrays under a trace pass through it."""
    return np.tanh(y) if isbox(y) else onp.tanh(y)


def sigmoid(y: Any) -> Any:
    """Return the logistic function s(y) = (1 + tanh(y / 2)) / 2. This form does not overflow."""
    s = tanh(0.5 * y)
    s += 1  # in place, if s is a plain array
    s *= 0.5
    return s


def rnn(params: Tree, h: Any, x: Any) -> Any:
    """Return the next hidden state of eq. (1). h [..., M, H], x [..., M, I] -> [..., M, H]"""
    y = x @ params["W"] + params["b"][..., None, :]
    return tanh(y + h @ params["U"])


def gru_reset_before(params: Tree, h: Any, x: Any) -> Any:
    """Return the next hidden state of eq. (2). h [..., M, H], x [..., M, I] -> [..., M, H]"""
    H, U = h.shape[-1], params["U"]
    y = x @ params["W"] + params["b"][..., None, :]
    gates = sigmoid(y[..., : 2 * H] + h @ U[..., : 2 * H])
    r, u = gates[..., :H], gates[..., H:]
    n = tanh(y[..., 2 * H :] + (r * h) @ U[..., 2 * H :])
    return n + u * (h - n)  # this is u * h + (1 - u) * n


class GRUStep(NamedTuple):
    """The arrays of one step of eq. (3). Each is [..., M, H]."""

    h_after: Any  # hidden state h' after the step
    r: Any  # reset gate
    u: Any  # update gate
    n: Any  # proposed new state
    q: Any  # h U_n + c


def gru_step(params: Tree, h: Any, x: Any) -> GRUStep:
    """Return the arrays of one step of eq. (3). h [..., M, H], x [..., M, I]

    The code computes the transpose of eq. (3): the rows are the units, and the columns are the
    tasks. So each block of columns in eq. (3) is a block of rows here. Such a block lies in one
    piece in memory, so NumPy is faster.
    """
    H, h = h.shape[-1], h.swapaxes(-1, -2)
    y = params["W"].swapaxes(-1, -2) @ x.swapaxes(-1, -2) + params["b"][..., None]
    hU = params["U"].swapaxes(-1, -2) @ h
    gates = sigmoid(y[..., : 2 * H, :] + hU[..., : 2 * H, :])
    r, u, q = gates[..., :H, :], gates[..., H:, :], hU[..., 2 * H :, :] + params["c"][..., None]
    n = tanh(y[..., 2 * H :, :] + r * q)
    return GRUStep._make([z.swapaxes(-1, -2) for z in (n + u * (h - n), r, u, n, q)])


class GRUGradient(NamedTuple):
    """The gradients of one step, eq. (4)."""

    input: Array  # [M, 3 H] gradient (d_r, d_u, d_n) in x W + b
    recurrent: Array  # [M, 3 H] gradient (d_r, d_u, d_q) in h U; d_q is also the gradient in c
    hidden: Array  # [M, H] gradient in h, the hidden state before the step


def _pull_back(step: GRUStep, g: Array, d: Array) -> Array:
    """Write d_n, d_r, d_u and d_q of eq. (4) to the four blocks of d. Return g * u. [H, M]

    All arrays are transposed, as in `gru_step`: g = df/dh' is [H, M], and d is [4, H, M].
    """
    (h_after, r, u, n, q), (d_n, d_r, d_u, d_q) = (z.T for z in step), d
    gu = g * u
    df_dn = g - gu  # this is g * (1 - u), the gradient in n
    onp.multiply(df_dn, 1 - n * n, out=d_n)
    onp.multiply(df_dn, h_after - n, out=d_u)  # by eq. (3), h' - n = u * (h - n)
    onp.multiply(d_n, r, out=d_q)
    onp.multiply(d_q * q, 1 - r, out=d_r)  # eq. (4), because d_q = d_n * r
    return gu


def gru_pullback(U: Array, step: GRUStep, g: Array) -> GRUGradient:
    """Return the gradients of one step from g = df/dh', eq. (4). U [H, 3 H], g [M, H]"""
    d = onp.empty((4, *g.T.shape), g.dtype)
    gu, (d_n, d_r, d_u, d_q) = _pull_back(step, g.T, d), d
    recurrent = onp.concatenate([d_r, d_u, d_q])
    return GRUGradient(
        input=onp.concatenate([d_r, d_u, d_n]).T,
        recurrent=recurrent.T,
        hidden=(gu + U @ recurrent).T,
    )


def backpropagate_through_time(
    params: Tree, U_out: Array, x: Array, hidden: list[Array], steps: list[GRUStep], g: Array
) -> tuple[Tree, Array]:
    """Return the gradients in W, b, U and c, and the gradient in U_out, by eqs. (4) and (5).

    The arguments describe a sequence of steps: x is [T, M, I], `hidden` lists the hidden states
    [M, H] before the T steps, and `steps` lists the T steps. U_out is [H, A + 1], and g [T, M,
    A + 1] is df/dout of each step. The plain form, with loops over the units, is in
    tests/memory/test_cells.py.
    """
    (T, M, num_outputs), H, dtype = g.shape, len(U_out), U_out.dtype
    # Step t multiplies h_t by U, and the outputs of step t - 1 multiply the same h_t by U_out. So
    # one product with both matrices computes df/dh_t, and one product computes both sums of (5).
    U_both = onp.concatenate([params["U"], U_out], axis=1)
    inputs = onp.concatenate([x, onp.ones((T, M, 1), dtype)], axis=-1)  # b multiplies 1
    # The rows are d_n, d_r, d_u, d_q and df/dout of step t - 1. The sums of (5) are transposed.
    rows = onp.empty((4 * H + num_outputs, M), dtype)
    d, output_rows = rows[: 4 * H].reshape(4, H, M), rows[4 * H :]
    W_sum, c_sum = onp.zeros((3 * H, inputs.shape[-1]), dtype), onp.zeros((H, M), dtype)
    U_sum = onp.zeros((3 * H + num_outputs, H), dtype)
    U_sum[3 * H :] = g[-1].T @ steps[-1].h_after
    hidden_gradient = U_out @ g[-1].T
    for t in range(T - 1, -1, -1):
        gu = _pull_back(steps[t], hidden_gradient, d)
        output_rows[:] = g[t - 1].T if t > 0 else 0  # no outputs come before step 0
        hidden_gradient = gu + U_both @ rows[H:]
        W_sum += rows[: 3 * H] @ inputs[t]
        U_sum += rows[H:] @ hidden[t]
        c_sum += d[3]
    W_and_b = onp.roll(W_sum, -H, axis=0).T  # the columns are in the order r, u, n again
    gradient = {"W": W_and_b[:-1], "b": W_and_b[-1], "U": U_sum[: 3 * H].T, "c": c_sum.sum(1)}
    return gradient, U_sum[3 * H :].T
