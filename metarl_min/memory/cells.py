"""Networks with a memory: recurrent cells, and back-propagation through time by hand.

x observation, h memory before the step, h' after it, s(y) = 1 / (1 + exp(-y)), o the product of
entries:

    (1)  h' = tanh(x W + b + h U)                                             [Elman 1990]
    (2)  reset before:  r = s(x W_r + b_r + h U_r),  u = s(x W_u + b_u + h U_u),
         n = tanh(x W_n + b_n + (r o h) U_n),  h' = u o h + (1 - u) o n    [Cho et al. 2014]
    (3)  reset after, as in cuDNN: (2) with n = tanh(x W_n + b_n + r o q), q = h U_n + c
                                                                   [cuDNN 5, 2016]
    (4)  of (3), for g = df/dh':  d_n = g o (1 - u) o (1 - n^2),  d_q = d_n o r,
         d_u = g o (h - n) o u o (1 - u),  d_r = d_n o q o r o (1 - r),
         df/dh = g o u + (d_r, d_u, d_q) U^T               [Werbos 1990; derivation]
    (5)  df/dW = sum_t x_t^T (d_r, d_u, d_n)_t,  df/db = sum_t (d_r, d_u, d_n)_t,
         df/dU = sum_t h_t^T (d_r, d_u, d_q)_t,  df/dc = sum_t d_q,t   [Werbos 1990; derivation]

All is computed in the dtype of the parameters. They may have leading axes [P]: products are
stacked, observations [P, M, I]. `gated` keeps the gates that a step of (3) went through, for a
backward pass that does not compute them again; that of the traced scan is given the memories
alone, and does.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import autograd.numpy as np
import numpy as onp
from autograd.differential_operators import make_vjp
from autograd.extend import defvjp_argnums, primitive

from metarl_min.basics.trees import Array, Tree


def sigmoid(y: Any) -> Any:
    """1 / (1 + exp(-y)), without overflow."""
    return 0.5 * (np.tanh(0.5 * y) + 1)


def rnn(params: Tree, h: Any, x: Any) -> Any:
    """One step of the simple network, eq. (1). h [..., M, H], x [..., M, I] -> [..., M, H]"""
    return np.tanh(
        np.matmul(x, params["W"]) + params["b"][..., None, :] + np.matmul(h, params["U"])
    )


def gru_reset_before(params: Tree, h: Any, x: Any) -> Any:
    """One step of the GRU, reset before the product, eq. (2). [..., M, H]"""
    H, U = h.shape[-1], params["U"]
    y = np.matmul(x, params["W"]) + params["b"][..., None, :]
    gates = sigmoid(y[..., : 2 * H] + np.matmul(h, U[..., : 2 * H]))
    r, u = gates[..., :H], gates[..., H:]
    n = np.tanh(y[..., 2 * H :] + np.matmul(r * h, U[..., 2 * H :]))
    return n + u * (h - n)


class GRUStep(NamedTuple):
    """The memory of eq. (3) after a step, and what the step went through; [..., M, H] each."""

    h: Any
    r: Any
    u: Any
    n: Any
    q: Any


def gru_step(params: Tree, h: Any, x: Any) -> GRUStep:
    """One step of the GRU, reset after the product, eq. (3), with its gates."""
    H = h.shape[-1]
    y = np.matmul(x, params["W"]) + params["b"][..., None, :]
    w = np.matmul(h, params["U"])
    gates = sigmoid(y[..., : 2 * H] + w[..., : 2 * H])
    r, u, q = gates[..., :H], gates[..., H:], w[..., 2 * H :] + params["c"][..., None, :]
    n = np.tanh(y[..., 2 * H :] + r * q)
    return GRUStep(n + u * (h - n), r, u, n, q)


def gru_reset_after(params: Tree, h: Any, x: Any) -> Any:
    """One step of the GRU, reset after the product, eq. (3). [..., M, H]"""
    return gru_step(params, h, x).h


def traced_scan(x: Any, W: Any, b: Any, U: Any, c: Any, h: Any) -> Any:
    """Memories after each step, eq. (3), step by step. x [T, M, I] -> [T, M, H]"""
    memories = []
    for t in range(len(x)):
        h = gru_reset_after({"W": W, "b": b, "U": U, "c": c}, h, x[t])
        memories.append(h)
    return np.stack(memories)


def _traced_backward(x: Any, W: Any, b: Any, U: Any, c: Any, h: Any, after: Any, g: Any) -> Any:
    del after  # a function of the others
    return make_vjp(lambda args: traced_scan(*args))((x, W, b, U, c, h))[0](g)


def gru_pullback(U: Array, h: Array, after: GRUStep, g: Array) -> tuple[Array, ...]:
    """Gradient in x W + b, in h U (+ c) and in h, from g = df/dh' of one step, eq. (4)."""
    _, r, u, n, q = after
    g_n = g * (1 - u)
    d_n, d_u = g_n * (1 - n * n), g_n * (h - n) * u
    d_q = d_n * r
    d_r = d_q * q * (1 - r)
    in_w = onp.concatenate([d_r, d_u, d_q], axis=-1)
    return onp.concatenate([d_r, d_u, d_n], axis=-1), in_w, g * u + in_w @ U.T


def backpropagate_through_time(
    x: Array, W: Array, U: Array, memories: list[Array], after: list[GRUStep], g: Array
) -> tuple[Array, ...]:
    """Gradient in x, W, b, U, c and the first memory, by (4) and (5)."""
    in_x, in_W, in_U, in_b = (onp.zeros_like(leaf) for leaf in (x, W, U, W[0]))
    in_h, in_c = onp.zeros_like(memories[0]), onp.zeros_like(U[0, 2 * len(U) :])
    ones = onp.ones_like(in_h[:, 0])
    for t in range(len(x) - 1, -1, -1):
        in_y, in_w, in_h = gru_pullback(U, memories[t], after[t], g[t] + in_h)
        in_x[t] = in_y @ W.T
        in_W += x[t].T @ in_y
        in_U += memories[t].T @ in_w
        in_b += ones @ in_y
        in_c += ones @ in_w[:, 2 * len(U) :]
    return in_x, in_W, in_b, in_U, in_c, in_h


@primitive
def backward(
    x: Array, W: Array, b: Array, U: Array, c: Array, h: Array, after: Array, g: Array
) -> tuple[Array, ...]:
    """Gradient in x, W, b, U, c and h, from g = df/dh' of the outside [T, M, H], by (4), (5)."""
    memories, params = [h, *after[:-1]], {"W": W, "b": b, "U": U, "c": c}
    steps = [gru_step(params, h, x[t]) for t, h in enumerate(memories)]
    return backpropagate_through_time(x, W, U, memories, steps, g)


def _scan_vjp(argnums: Any, after: Array, args: Any, kwargs: Any) -> Callable[[Any], Any]:
    def vjp(g: Any) -> Any:
        found = backward(*args, after, g)
        return tuple(found[i] for i in argnums)

    return vjp


def _backward_vjp(argnums: Any, ans: Any, args: Any, kwargs: Any) -> Callable[[Any], Any]:
    def vjp(g: Any) -> Any:
        found = make_vjp(lambda args: _traced_backward(*args))(args)[0](g)
        return tuple(found[i] for i in argnums)

    return vjp


scan = primitive(traced_scan)  # the same as one traced node, backwards by `backward`
defvjp_argnums(scan, _scan_vjp)
defvjp_argnums(backward, _backward_vjp)  # second and higher orders, by tracing eq. (3)
