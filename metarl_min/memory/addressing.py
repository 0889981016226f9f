"""An external memory: reading and writing the rows of a memory by their addresses.

Row i of the memory has an address and a content, which are vectors. In this module, R is the number
of rows, and W is the number of entries of a vector. At each step, a network gives a key, a vector
to write, a gate in (0, 1) and a strength of at least 1. Let f be the number to differentiate. Each
of (1), (3), (5), (8) and (10) defines a function. Each of (2), (4), (6), (9) and (11) gives the
gradients of f in the arguments of the function before it. There, g is the gradient of f in the
result of this function.

The similarity of the key and an address is the cosine of the angle between these two vectors:

    (1)  similarity_i = key . address_i / (|key| |address_i|)         [Graves et al. 2014, eq. 6]

If a length is below 1e-3, it is replaced by 1e-3. So the similarity to an address of zeros is 0.

    (2)  df/dkey = sum_i g_i (address_i / (|key| |address_i|) - similarity_i key / |key|^2),
         df/daddress_i = g_i (key / (|key| |address_i|) - similarity_i address_i / |address_i|^2)
                                                                      [derivation]

    key . address_i has the derivative address_i in the key:                     first term
    1 / |key| has the derivative -key / |key|^3, and in (1) it is multiplied by
    key . address_i / |address_i| = similarity_i |key|:                          second term
    a length that is replaced by 1e-3 is constant:                               no second term
    (1) does not change if key and address_i change places:                      df/daddress_i

The vector `read` is a weighted mean of the contents. The vector `reading` holds the weights, which
are positive and sum to 1. The larger the strength is, the more weight the most similar row has:

    (3)  reading = softmax(strength similarity)                       [Graves et al. 2014, eq. 5]
    (4)  df/dstrength = sum_i y_i similarity_i,  df/dsimilarity = strength y,
         y_i = reading_i (g_i - sum_j reading_j g_j)                             [chain rule]
    (5)  read = sum_i reading_i content_i                             [Graves et al. 2014, eq. 2]
    (6)  df/dreading_i = g . content_i,  df/dcontent_i = reading_i g             [chain rule]

In (4), y is the gradient in the argument of the softmax, by policies (3). (6) holds because (5) is
linear in the weights and linear in the contents.

The vector to write is added to two kinds of row: the least used row, and the rows that were read at
the previous step. The vector last_reading holds the weights of the previous reading, and `writing`
holds the weights of the write. If the gate is near 1, most of the weight of a write belongs to the
rows that were read. If the gate is near 0, most of this weight belongs to the least used row. The
usage of a row is updated by (12): it decays at each step, and grows if the row is read or written.
The least used row has the smallest usage:

    (7)  least_i = 1 at the first row with the smallest usage, and 0 elsewhere
                                                                      [Santoro et al. 2016, eq. 6]
    (8)  writing = gate last_reading + (1 - gate) least               [Santoro et al. 2016, eq. 7]
    (9)  df/dgate = sum_i g_i (last_reading_i - least_i),
         df/dlast_reading = gate g                                               [chain rule]
    (10)  row_i <- (1 - least_i) row_i + writing_i vector             [Santoro et al. 2016, eq. 8]
    (11)  df/drow_i = (1 - least_i) g_i,  df/dwriting_i = g_i . vector,
          df/dvector = sum_i writing_i g_i                                       [chain rule]
    (12)  usage <- 0.95 usage + reading + writing                     [Santoro et al. 2016, eq. 5]

In (10), row_i is the address or the content of row i. The factor 1 - least_i erases the least used
row before the write. The other rows are not erased. In (8) and (10), the vector `least` is computed
from the usage before the step. Before the first step all arrays are zeros. The usage acts on f only
through `least`, and a small change of the usage does not change `least`. So df/dusage is 0 at every
step.
"""

from typing import Any

import autograd.numpy as np
import numpy as onp
from autograd.tracer import getval

from metarl_min.basics.trees import Array
from metarl_min.mdps.policies import softmax, softmax_pullback

DECAY, SHORTEST = 0.95, 1e-3
GradientPair = tuple[Array, Array]  # gradients in two arguments, with the shapes of the arguments


def _outer(weights: Any, vector: Any) -> Any:
    """Return the product of each weight with the vector. [..., R], [..., W] -> [..., R, W]"""
    return np.einsum("...r,...w->...rw", weights, vector)


def similarity(key: Any, addresses: Any) -> Any:
    """Return the cosine of the key with each address, eq. (1). [..., W], [..., R, W] -> [..., R]

    >>> similarity(np.array([2.0, 0.0]), np.array([[3.0, 0.0], [0.0, 1.0], [0.0, 0.0]]))
    array([1., 0., 0.])
    """
    key_square = np.maximum(np.einsum("...w,...w->...", key, key), SHORTEST**2)
    address_squares = np.maximum(np.einsum("...rw,...rw->...r", addresses, addresses), SHORTEST**2)
    products = (addresses @ key[..., None])[..., 0]
    return products / np.sqrt(key_square[..., None] * address_squares)


def similarity_pullback(
    key: Array, addresses: Array, similarities: Array, g: Array
) -> GradientPair:
    """Return the gradients in key and addresses from the gradient g in `similarities`, eq. (2)."""
    key_square = onp.sum(key * key, axis=-1, keepdims=True)
    address_squares = onp.einsum("...rw,...rw->...r", addresses, addresses)
    key_divisor = onp.maximum(key_square, SHORTEST**2)
    address_divisors = onp.maximum(address_squares, SHORTEST**2)
    first = g / onp.sqrt(key_divisor * address_divisors)  # factor of the first terms
    second = g * similarities  # factor of the second terms, still without 1 / length^2
    # If a length is replaced by 1e-3, its square is not equal to the divisor. Then `==` is False.
    # False counts as 0, so there is no second term.
    second_key = second.sum(-1, keepdims=True) * (key_square == key_divisor) / key_divisor
    second_addresses = second * (address_squares == address_divisors) / address_divisors
    key_gradient = onp.einsum("...r,...rw->...w", first, addresses) - second_key * key
    return key_gradient, _outer(first, key) - second_addresses[..., None] * addresses


def reading_weights(strength: Any, similarities: Any) -> Any:
    """Return the weights of reading, eq. (3). strength [...], similarities [..., R] -> [..., R]"""
    return softmax(strength[..., None] * similarities)


def reading_weights_pullback(
    strength: Array, similarities: Array, reading: Array, g: Array
) -> GradientPair:
    """Return the gradients in `strength` and `similarities`, eq. (4), from g in `reading`."""
    y = softmax_pullback(reading, g)
    return onp.sum(y * similarities, axis=-1), strength[..., None] * y


def read(reading: Any, contents: Any) -> Any:
    """Return the weighted mean of the contents, eq. (5). [..., R], [..., R, W] -> [..., W]

    >>> read(np.array([0.75, 0.25]), np.array([[4.0, 0.0], [0.0, 8.0]]))
    array([3., 2.])
    """
    return (reading[..., None, :] @ contents)[..., 0, :]


def read_pullback(reading: Array, contents: Array, g: Array) -> GradientPair:
    """Return the gradients in `reading` and `contents`; g is the gradient in `read`, eq. (6)."""
    return onp.einsum("...w,...rw->...r", g, contents), _outer(reading, g)


def least_used(usage: Any) -> Array:
    """Return 1 at the first row with the smallest usage, else 0, eq. (7). [..., R] -> [..., R]

    >>> least_used(np.array([0.2, 0.1, 0.1]))
    array([0., 1., 0.])
    """
    usage = getval(usage)
    chosen = onp.argmin(usage, axis=-1)[..., None] == onp.arange(usage.shape[-1])
    return chosen.astype(usage.dtype)


def writing_weights(gate: Any, last_reading: Any, least: Any) -> Any:
    """Return the weights of writing, eq. (8). gate [...], the others [..., R] -> [..., R]"""
    return gate[..., None] * last_reading + (1 - gate[..., None]) * least


def writing_weights_pullback(
    gate: Array, last_reading: Array, least: Array, g: Array
) -> GradientPair:
    """Return the gradients in gate and last reading; g is the gradient in `writing`, eq. (9)."""
    return onp.sum(g * (last_reading - least), axis=-1), gate[..., None] * g


def write(rows: Any, least: Any, writing: Any, vector: Any) -> Any:
    """Return the rows after a write, eq. (10). [..., R, W] -> [..., R, W]

    The rows are the addresses or the contents.

    >>> write(np.array([[1.0], [2.0]]), np.array([1.0, 0.0]), np.array([0.5, 0.5]), np.array([8.0]))
    array([[4.],
           [6.]])
    """
    return (1 - least)[..., None] * rows + _outer(writing, vector)


def write_pullback(
    least: Array, writing: Array, vector: Array, g: Array
) -> tuple[Array, Array, Array]:
    """Return the gradients in `rows`, `writing` and `vector`, eq. (11).

    g is the gradient in the rows after the write.
    """
    row_gradient = (1 - least)[..., None] * g
    writing_gradient = onp.einsum("...rw,...w->...r", g, vector)
    vector_gradient = onp.einsum("...r,...rw->...w", writing, g)
    return row_gradient, writing_gradient, vector_gradient


def update_usage(usage: Any, reading: Any, writing: Any) -> Any:
    """Return the usage after a step, eq. (12). [..., R]"""
    return DECAY * usage + reading + writing
