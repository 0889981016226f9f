"""Linear recursions over the times t = 0, .., T: one backward, and one forward in time.

In this module, M is a matrix, x and y are vectors, and p_t and q_t are the results at time t:

    p_t = M p_{t+1} + x,  p_T = 0            q_{t+1} = M^T q_t,  q_0 = y

If M moves along delta M, and x moves along delta x, then the product rule gives the derivatives:

    delta p_t = M delta p_{t+1} + delta M p_{t+1} + delta x,  delta p_T = 0
    delta q_{t+1} = M^T delta q_t + (delta M)^T q_t,          delta q_0 = 0

If T is infinite, p and q have no index t, and solve the equations

    p = M p + x,  p = (I - M)^-1 x           q = M^T q + y,  q = (I - M^T)^-1 y
    delta p = (I - M)^-1 (delta M p + delta x)
    delta q = (I - M^T)^-1 (delta M)^T q

The inverse is computed once. Its transpose is (I - M^T)^-1. The functions trust their arguments.
"""

from itertools import pairwise

import numpy as np

from metarl_min.basics.trees import Array

Paths = tuple[Array, Array]  # p and q, or their derivatives, each [T + 1, ..., S]


def _transposed(M: Array) -> Array:
    return np.swapaxes(M, -1, -2)


def _times(M: Array, x: Array) -> Array:
    """Return M x. M [..., S, S], x [..., S] -> [..., S]"""
    return np.matmul(M, x[..., None])[..., 0]


def _add_earlier(M: Array, y: Array) -> None:
    """Add M y_{t-1} to y_t, first for t = 1, then for t = 2, and so on. y [T + 1, ..., S]"""
    for before, now in pairwise(y[..., None]):
        now += np.matmul(M, before)


def _run(M: Array, p: Array, q: Array) -> Paths:
    """Add M p_{t+1} to every p_t and M^T q_{t-1} to every q_t, in place, and return p and q.

    Before the call, p_t and q_t hold the other terms of their recursions.
    """
    _add_earlier(M, p[::-1])  # in p[::-1], p_{t+1} stands before p_t
    _add_earlier(_transposed(M), q)
    return p, q


def paths(M: Array, x: Array, y: Array, horizon: int) -> Paths:
    """Return p and q. M [..., S, S], x and y [..., S]"""
    p, q = np.zeros((2, horizon + 1, *np.broadcast_shapes(M.shape[:-1], x.shape, y.shape)))
    p[:-1], q[0] = x, y
    return _run(M, p, q)


def path_derivatives(M: Array, p: Array, q: Array, delta_M: Array, delta_x: Array) -> Paths:
    """Return delta p and delta q. delta_M [..., S, S], delta_x [..., S]"""
    shape = np.broadcast_shapes(p.shape[1:], delta_M.shape[:-1], delta_x.shape)
    delta_p, delta_q = np.zeros((2, len(p), *shape))
    # One product gives delta M p_{t+1} for all t, and another one gives (delta M)^T q_t for all t.
    # This is faster than a product for each t. Row t is p_{t+1} in `rows_p`, and q_t in `rows_q`.
    rows_p, rows_q = np.moveaxis(p[1:], 0, -2), np.moveaxis(q[:-1], 0, -2)
    np.matmul(rows_p, _transposed(delta_M), out=np.moveaxis(delta_p[:-1], 0, -2))
    np.matmul(rows_q, delta_M, out=np.moveaxis(delta_q[1:], 0, -2))
    delta_p[:-1] += delta_x
    return _run(M, delta_p, delta_q)


def solutions(M: Array, x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Return (I - M)^-1, and p and q for infinite T. M [..., S, S], x and y [..., S]"""
    inverse = np.linalg.inv(np.eye(M.shape[-1]) - M)
    return inverse, _times(inverse, x), _times(_transposed(inverse), y)


def solution_derivatives(
    inverse: Array, p: Array, q: Array, delta_M: Array, delta_x: Array
) -> tuple[Array, Array]:
    """Return delta p and delta q for infinite T. delta_M [..., S, S], delta_x [..., S]"""
    delta_p = _times(inverse, _times(delta_M, p) + delta_x)
    return delta_p, _times(_transposed(inverse), _times(_transposed(delta_M), q))
