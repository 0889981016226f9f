"""A memory of N rows: how it is addressed by content, read and written.

Row i holds M_i and is found at the address A_i; k is a key, q a vector to write, w are weights of
the rows (w >= 0, sum 1; nothing was read before the first step, so there w^r_{t-1} = 0):

    (1)  K_i = k.A_i / (|k| |A_i|), lengths below 1e-3 taken as 1e-3: 0 at an address of zeros
                                                           [Graves et al. 2014, eq. 6]
    (2)  w^r = softmax(b K), b >= 1 the strength of the key  [Graves et al. 2014, eq. 5]
    (3)  read: r = sum_i w^r_i M_i                         [Graves et al. 2014, eq. 2]
    (4)  least used: w^l is 1 at the row of smallest usage, the first of equals, 0 elsewhere
                                                           [Santoro et al. 2016, eq. 6]
    (5)  w^w = s w^r_{t-1} + (1 - s) w^l_{t-1}, s in (0, 1) the gate
                                                           [Santoro et al. 2016, eq. 7]
    (6)  write: M_i <- (1 - w^l_i) M_i + w^w_i q, and A_i likewise with k_{t-1} for q
                                                           [Santoro et al. 2016, eq. 8]
    (7)  usage: u <- 0.95 u + w^r + w^w                    [Santoro et al. 2016, eq. 5]
    (8)  interpolation: g w + (1 - g) w_{t-1}              [Graves et al. 2014, eq. 7]
    (9)  shift: w~_i = sum_j w_j p(i - j), indices modulo N  [Graves et al. 2014, eq. 8]
    (10)  sharpening: w_i^c / sum_j w_j^c, c >= 1           [Graves et al. 2014, eq. 9]

Usage is how much a row was read and written of late. (8)-(10), which move a focus by place as the
neural Turing machine does, are here for whoever follows its paper.
"""

from typing import Any

import autograd.numpy as np
import numpy as onp
from autograd.tracer import getval

from metarl_min.basics.trees import Array
from metarl_min.mdps.policies import softmax

DECAY, SHORTEST = 0.95, 1e-3


def similarity(key: Any, keys: Any) -> Any:
    """Cosine of the angle between key and addresses, eq. (1). [..., W], [..., N, W] -> [..., N]

    >>> similarity(np.array([2.0, 0.0]), np.array([[3.0, 0.0], [0.0, 1.0], [0.0, 0.0]]))
    array([1., 0., 0.])
    """
    squares = [np.maximum(np.sum(x * x, axis=-1), SHORTEST**2) for x in (key, keys)]
    products = np.matmul(keys, key[..., None])[..., 0]
    return products / np.sqrt(squares[0][..., None] * squares[1])


def content_weights(strength: Any, similar: Any) -> Any:
    """Weights by content, eq. (2). strength [...], similarity [..., N] -> [..., N]"""
    return softmax(strength[..., None] * similar)


def read(weights: Any, rows: Any) -> Any:
    """What the weights point at, eq. (3). [..., N], [..., N, W] -> [..., W]"""
    return np.matmul(weights[..., None, :], rows)[..., 0, :]


def least_used(usage: Any) -> Array:
    """Weights of the row to be overwritten, eq. (4), without a derivative. [..., N]

    >>> least_used(np.array([0.2, 0.1, 0.1]))
    array([0., 1., 0.])
    """
    usage = getval(usage)
    chosen = onp.argmin(usage, axis=-1)[..., None] == onp.arange(usage.shape[-1])
    return chosen.astype(usage.dtype)


def write_weights(gate: Any, reading: Any, least: Any) -> Any:
    """Weights of a write, eq. (5): where was read last, or where nobody looks. [..., N]"""
    return gate[..., None] * reading + (1 - gate[..., None]) * least


def write(rows: Any, least: Any, weights: Any, vector: Any) -> Any:
    """Rows after the write, eq. (6). [..., N, W]"""
    return (1 - least)[..., None] * rows + weights[..., None] * vector[..., None, :]


def update_usage(usage: Any, reading: Any, written: Any) -> Any:
    """Usage after a step, eq. (7). [..., N]"""
    return DECAY * usage + reading + written


def interpolate(gate: Any, weights: Any, before: Any) -> Any:
    """Between new weights and those of the step before, eq. (8). gate [...] -> [..., N]"""
    return gate[..., None] * weights + (1 - gate[..., None]) * before


def shift(weights: Any, chances: dict[int, Any]) -> Any:
    """Weights moved by each offset with its chance, in a circle, eq. (9). [..., N]

    >>> shift(np.array([1.0, 0.0, 0.0]), {1: 0.75, -1: 0.25})
    array([0.  , 0.75, 0.25])
    """
    return sum(chance * np.roll(weights, offset, axis=-1) for offset, chance in chances.items())


def sharpen(weights: Any, power: Any) -> Any:
    """Weights with their contrast raised, eq. (10). power [...] -> [..., N]"""
    raised = weights ** power[..., None]
    return raised / np.sum(raised, axis=-1, keepdims=True)
