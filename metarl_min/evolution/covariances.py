"""The covariance C of CMA-ES: its eigenvalues, and three rules that keep C and the steps in range.

CMA-ES draws points from a normal distribution with the mean m and the covariance sigma^2 C. In this
module, the step to a point x is y = (x - m) / sigma, and p_c is a running sum of steps. The
smallest and the largest eigenvalue of C are l_min and l_max. The condition number is l_max / l_min.

    (1)  C <- C + max(0, l_max / 1e14 - l_min) I                [Hansen 2016, sec. B.3; derivation]
    (2)  y <- min(1, c_y / |C^{-1/2} y|) y,  c_y = sqrt(D) + 2 D / (D + 2)
                                                                [Hansen 2011, sec. 2]
    (3)  C <- 4^-k C,  sigma <- 2^k sigma,  p_c <- 2^-k p_c     [derivation]

Equation (1) adds the same number to all eigenvalues, and keeps the eigenvectors. If the condition
number is above 1e14, then l_min becomes l_max / 1e14. Without (1), l_min falls without end if the
fitness is a slope or pure noise. The rounding error of an eigenvalue is about 1e-16 l_max, so in
the end l_min would be negative. The code accepts a negative l_min only above -l_max / 1e14. So at
most 2 l_max / 1e14 is added, and l_max grows by a factor of at most 1 + 2e-14. Hansen does not
change C, but ends a search if the condition number is above 1e14.

Equation (2) is for points that were not drawn from the distribution: a user has chosen them, or has
moved them into bounds. A very long step would make sigma and C far too large. If y was drawn,
C^{-1/2} y is a normal vector. The mean of its length is at most sqrt(D), and the probability of a
length above sqrt(D) + 8 is at most exp(-8^2 / 2) = 1.3e-14 [Boucheron et al. 2013, thm. 5.6]. So a
search uses (2) only if |C^{-1/2} y| is above sqrt(D) + 8. The value of c_y is Hansen's default.

Equation (3) does not change sigma C^{1/2} and sigma p_c, so it does not change the search. It has
no rounding error, because all its factors are powers of 2. It is used if the largest entry of C is
below 2e-90 or above 2e90, and k is chosen so that this entry becomes a number between 1 and 4.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metarl_min.basics.arguments import floats, real, require
from metarl_min.basics.trees import Array

LARGEST_CONDITION = 1e14
RARE = 8.0  # |C^{-1/2} y| of a drawn step is above sqrt(D) + RARE with probability < 1.3e-14


def check(C: Array) -> Array:
    """Return C as float64; TypeError or ValueError unless it is a covariance [D, D].

    An eigenvalue may be zero and, because of rounding errors, slightly negative.
    """
    shape = floats("C", C).shape
    require(len(shape) == 2 and shape[0] == shape[1] > 0, "C must be [D, D]", shape)
    C = C.astype(float, copy=False)
    asymmetry = np.abs(C - C.T).max()
    symmetric = asymmetry <= 1e-8 * np.abs(C).max()
    require(symmetric, "C must be symmetric", f"a difference of {asymmetry:.3g}")
    decompose(C)
    return C


def check_distribution(mean: Any, sigma: Any, C: Any) -> tuple[Array, float, Array]:
    """Return the mean [D], sigma and C [D, D] of a distribution; an error if one is wrong."""
    require(floats("mean", mean).ndim == 1 and len(mean) > 0, "mean must be [D]", np.shape(mean))
    require(real("sigma", sigma) > 0, "sigma must be positive", sigma)
    C = check(C)
    require(len(C) == len(mean), f"C must be [{len(mean)}, {len(mean)}]", C.shape)
    return mean.astype(float, copy=False), float(sigma), C


def compose(values: Array, vectors: Array) -> Array:
    """Return the matrix with these eigenvalues and eigenvectors.

    The eigenvalues are `values` [D], and the eigenvectors are the columns of `vectors` [D, D].
    """
    return np.asarray((vectors * values) @ vectors.T)


def decompose(C: Array) -> tuple[Array, Array, Array]:
    """Return C after eq. (1), its eigenvalues in rising order, and its eigenvectors as columns.

    [D, D] -> [D, D], [D], [D, D]. ValueError if a negative eigenvalue is not a rounding error.
    """
    values, vectors = np.linalg.eigh(C)
    smallest = values[-1] / LARGEST_CONDITION
    positive = values[0] > -smallest
    require(positive, "C must be positive definite", f"an eigenvalue of {values[0]:.3g}")
    if values[0] >= smallest:
        return C, values, vectors
    added = smallest - values[0]
    return C + added * np.eye(len(C)), values + added, vectors


def shorten(y: Array, inverse_root: Array) -> Array:
    """Return steps y [P, D] by eq. (2). `inverse_root` is C^{-1/2} [D, D].

    >>> shorten(np.array([[9.0, 0.0], [2.0, 0.0]]), np.eye(2)) - [np.sqrt(2) + 1, 0]
    array([[ 0.        ,  0.        ],
           [-0.41421356,  0.        ]])
    """
    D = y.shape[1]
    size = np.abs(y).max(axis=1, keepdims=True)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        unit = y / size  # the squares of the entries of y itself may be too large for a float
        # If y = 0, `length` is NaN, no comparison with it is true, and y is returned.
        length = np.linalg.norm(unit @ inverse_root, axis=1, keepdims=True)
        longest = math.sqrt(D) + 2 * D / (D + 2)
        return np.where(size * length > longest, unit * (longest / length), y)


def shorten_rare(y: Array, inverse_root: Array) -> Array:
    """Return steps y [P, D]. A step that cannot have been drawn is shortened by eq. (2).

    ValueError if a step is not finite. `inverse_root` is C^{-1/2} [D, D].
    """
    drawn = np.linalg.norm(y @ inverse_root, axis=1) <= math.sqrt(y.shape[1]) + RARE
    if drawn.all():
        return y
    require(bool(np.isfinite(y).all()), "x must be at most 1e308 sigma from the mean", "more")
    return np.where(drawn[:, None], y, shorten(y, inverse_root))


def rescale(sigma: float, C: Array, p_c: Array) -> tuple[float, Array, Array]:
    """Return sigma, C [D, D] and p_c [D], changed by eq. (3) if C is very small or very large."""
    j = math.frexp(C.max())[1]  # 2^(j-1) <= C.max() < 2^j
    k = (j - 1) // 2
    if abs(k) < 150:
        return sigma, C, p_c
    return float(np.ldexp(sigma, k)), np.ldexp(C, -2 * k), np.ldexp(p_c, -k)
