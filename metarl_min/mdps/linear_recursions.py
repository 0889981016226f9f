"""Linear recursions, many at once: y_0 = x_0 and y_t = M y_{t-1} + x_t for t = 1, .., T - 1.

In this module, M is a matrix, x_t is a vector, which is called the source at time t, and y_t is the
result at time t. If the horizon is infinite, there is one source x, and y is the sum of M^t x over
all t. This sum solves y = x + M y, so y = (I - M)^-1 x. The inverse is computed once, and all later
calls use it again. The functions trust their arguments.
"""

from collections.abc import Callable

import numpy as np

from metarl_min.basics.trees import Array

Run = Callable[[Array], Array]  # x [T, 2, ..., S] -> y [T, 2, ..., S]; it may overwrite x


def recursions(matrices: Array, horizon: int | None) -> Run:
    """Return the function that runs two recursions, one with each matrix. matrices [2, ..., S, S]

    matrices[1] must be the transpose of matrices[0].
    """
    if horizon is None:
        inverse = np.linalg.inv(np.eye(matrices.shape[-1]) - matrices[0])
        inverses = np.stack([inverse, np.swapaxes(inverse, -1, -2)])
        return lambda x: np.matmul(inverses, x[..., None])[..., 0]

    def run(y: Array) -> Array:
        for t in range(1, len(y)):
            y[t] += np.matmul(matrices, y[t - 1][..., None])[..., 0]
        return y

    return run


def previous(y: Array, horizon: int | None) -> Array:
    """Return y_{t-1} at each t, and 0 at t = 0. y [T, ..., S] -> [T, ..., S]

    If the horizon is infinite, y does not depend on t.
    """
    return y if horizon is None else np.concatenate([np.zeros_like(y[:1]), y[:-1]])
