"""Recurrent cells, and the gradient of a sequence of steps by back-propagation through time.

A recurrent cell computes the next hidden state h' from the hidden state h and an input x. Here
s(y) = 1 / (1 + exp(-y)) is the logistic function, and * is the product entry by entry. In this
module, r, u and n are gates: the reset gate, the update gate and the new state.

    (1)  h' = tanh(x W + b + h U)                                             [Elman 1990]

A gated recurrent unit (GRU) has three blocks of columns in W, b and U, in the order r, u, n. The
reset gate acts on h before the product with U_n, or it acts on the product:

    (2)  r = s(x W_r + b_r + h U_r),  u = s(x W_u + b_u + h U_u),
         n = tanh(x W_n + b_n + (r * h) U_n),
         h' = u * h + (1 - u) * n                                        [Cho et al. 2014]
    (3)  r, u and h' as in (2),  q = h U_n + c,
         n = tanh(x W_n + b_n + r * q)                                   [cuDNN 5, 2016]

The gradient of (3) is written by hand, because a trace by autograd takes about eight times as long.
Let f be the number to differentiate, and g = df/dh' for one step. Let d_r, d_u and d_n be the
gradients in the arguments of s, s and tanh, and d_q the gradient in q:

    (4)  d_n = g * (1 - u) * (1 - n^2),  d_q = d_n * r,
         d_u = g * (h - n) * u * (1 - u),
         d_r = d_n * q * r * (1 - r),
         df/dh = g * u + (d_r, d_u, d_q) U^T               [Werbos 1990; derivation]

    dh'/dn = 1 - u, and tanh has the derivative 1 - n^2:            d_n
    the argument of tanh contains r * q, with derivative r in q:    d_q
    dh'/du = h - n, and s has the derivative u (1 - u):             d_u
    r * q has the derivative q in r, and s has r (1 - r):           d_r = d_n * q * r * (1 - r)
    h enters h' with the factor u, and the three blocks by h U:     df/dh

All steps share the parameters, so their gradients are sums over the steps t:

    (5)  df/dW = sum_t x_t^T (d_r, d_u, d_n)_t,  df/db = sum_t (d_r, d_u, d_n)_t,
         df/dU = sum_t h_t^T (d_r, d_u, d_q)_t,  df/dc = sum_t d_q,t   [Werbos 1990; derivation]

    x W has the derivative x in W, h U has h in U, and b and c are added: apply (4)
    g at step t is the gradient in h' from outside, plus df/dh of step t + 1

All arrays have the dtype of the parameters. In the cells, the parameters may have a leading axis
[P]; hidden states and inputs have it then too.
"""

from typing import Any, NamedTuple

import autograd.numpy as np
import numpy as onp

from metarl_min.basics.trees import Array, Tree


def sigmoid(y: Any) -> Any:
    """Return the logistic function 1 / (1 + exp(-y)), without overflow."""
    return 0.5 * (np.tanh(0.5 * y) + 1)


def rnn(params: Tree, h: Any, x: Any) -> Any:
    """Return the next hidden state of eq. (1). h [..., M, H], x [..., M, I] -> [..., M, H]"""
    y = np.matmul(x, params["W"]) + params["b"][..., None, :]
    return np.tanh(y + np.matmul(h, params["U"]))


def gru_reset_before(params: Tree, h: Any, x: Any) -> Any:
    """Return the next hidden state of eq. (2). h [..., M, H], x [..., M, I] -> [..., M, H]"""
    H, U = h.shape[-1], params["U"]
    y = np.matmul(x, params["W"]) + params["b"][..., None, :]
    gates = sigmoid(y[..., : 2 * H] + np.matmul(h, U[..., : 2 * H]))
    r, u = gates[..., :H], gates[..., H:]
    n = np.tanh(y[..., 2 * H :] + np.matmul(r * h, U[..., 2 * H :]))
    return n + u * (h - n)


class GRUStep(NamedTuple):
    """One step of eq. (3): the hidden state h' after it, and the gates; [..., M, H] each."""

    h: Any
    r: Any
    u: Any
    n: Any
    q: Any


def gru_step(params: Tree, h: Any, x: Any) -> GRUStep:
    """Return one step of eq. (3). h [..., M, H], x [..., M, I]"""
    H = h.shape[-1]
    y = np.matmul(x, params["W"]) + params["b"][..., None, :]
    w = np.matmul(h, params["U"])
    gates = sigmoid(y[..., : 2 * H] + w[..., : 2 * H])
    r, u, q = gates[..., :H], gates[..., H:], w[..., 2 * H :] + params["c"][..., None, :]
    n = np.tanh(y[..., 2 * H :] + r * q)
    return GRUStep(h=n + u * (h - n), r=r, u=u, n=n, q=q)


class GRUGradient(NamedTuple):
    """Gradients of one step of eq. (3), from the gradient in the hidden state after it."""

    input: Array  # [M, 3 H] gradient (d_r, d_u, d_n) in x W + b
    recurrent: Array  # [M, 3 H] gradient (d_r, d_u, d_q) in h U, and of its last block in c
    hidden: Array  # [M, H] gradient in the hidden state before the step


def gru_pullback(U: Array, h: Array, step: GRUStep, g: Array) -> GRUGradient:
    """Return the gradients of one step from g = df/dh', eq. (4). U [H, 3 H], h, g [M, H]"""
    _, r, u, n, q = step
    new_gradient = g * (1 - u)
    d_n, d_u = new_gradient * (1 - n * n), new_gradient * (h - n) * u
    d_q = d_n * r
    d_r = d_q * q * (1 - r)
    recurrent = onp.concatenate([d_r, d_u, d_q], axis=-1)
    return GRUGradient(
        input=onp.concatenate([d_r, d_u, d_n], axis=-1),
        recurrent=recurrent,
        hidden=g * u + recurrent @ U.T,
    )


def backpropagate_through_time(
    params: Tree, x: Array, hidden: list[Array], steps: list[GRUStep], hidden_gradients: Array
) -> Tree:
    """Return the gradient in W, b, U and c of a sequence of steps, by eqs. (4) and (5).

    x [T, M, I], hidden states before each step [T], steps [T], and the gradients [T, M, H] that
    reach the hidden state after each step from outside. The same by loops over units:
    tests/memory/test_cells.py.
    """
    U = params["U"]
    gradient = {name: onp.zeros_like(params[name]) for name in ("W", "b", "U", "c")}
    from_later_steps, H = onp.zeros_like(hidden[0]), len(U)
    ones = onp.ones_like(x[0, :, 0])
    for t in range(len(x) - 1, -1, -1):
        g = hidden_gradients[t] + from_later_steps
        step = gru_pullback(U, hidden[t], steps[t], g)
        from_later_steps = step.hidden
        gradient["W"] += x[t].T @ step.input
        gradient["U"] += hidden[t].T @ step.recurrent
        gradient["b"] += ones @ step.input
        gradient["c"] += ones @ step.recurrent[:, 2 * H :]
    return gradient
