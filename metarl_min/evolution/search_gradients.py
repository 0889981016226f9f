"""Gradients of a smoothed fitness, estimated from the fitness of neighbours.

A search ascends a fitness F of theta, which has D entries. It evaluates F at P members: at
neighbours theta + sigma e_i with directions e_1 .. e_n, and perhaps at theta itself. No derivative
of F is needed. Each g below estimates the gradient of F_sigma, a smoothed F:

    (1)  F_sigma(theta) = E F(theta + sigma e),  e ~ N(0, I)        [Wierstra et al. 2014, eq. 1]
    (2)  one-sided: g = sum_i F(theta + sigma e_i) e_i / (n sigma)
                                                            [Salimans et al. 2017, sec. 2]
    (3)  antithetic: g = sum_i (F(theta + sigma e_i) - F(theta - sigma e_i)) e_i / (2 n sigma)
                                                            [Salimans et al. 2017, sec. 2.1]
    (4)  forward difference: g = sum_i (F(theta + sigma e_i) - F(theta)) e_i / (n sigma)
                                                            [Choromanski et al. 2018, eq. 3]

All three have the mean E g = grad F_sigma:
- The neighbour x = theta + sigma e has the density N(x; theta, sigma^2 I).
- The gradient of this density in theta is the density times (x - theta) / sigma^2 = e / sigma.
- So grad F_sigma = E F(x) e / sigma, and (2) is a mean of n terms with this mean.
- e and -e have the same distribution, and E e = 0. So (3) and (4) have the same mean as (2).

The covariances of the estimates follow, for normal directions. F, its gradient and its Hessian
Hess are taken at theta. A linear F gives (5) and (6). A quadratic F gives (5) for (3), and (7):

    (5)  Cov (3) = Cov (4) = (|grad F|^2 I + grad F grad F^T) / n                    [derivation]
    (6)  Cov (2) = Cov (3) + (F / sigma)^2 I / n                                     [derivation]
    (7)  Cov (4) = Cov (3)
                   + sigma^2 (((tr Hess)^2 + 2 tr Hess^2) I + 4 (tr Hess) Hess + 8 Hess^2) / (4 n)
                                                                                     [derivation]

An estimate is a mean of n independent terms y. A term of each estimate is

    of (3):  y = e (e.grad F), because the even parts of F cancel
    of (2):  y = e (e.grad F) + e F / sigma
    of (4):  y = e (e.grad F) + (sigma / 2) e (e^T Hess e)

- Cov g = Cov y / n, and Cov y = E y y^T - grad F grad F^T, because E y = grad F.
- E e_i^2 = 1 and E e_i^4 = 3 give E e e^T (e.grad F)^2 = |grad F|^2 I + 2 grad F grad F^T: (5).
- The second part of (2) adds E e e^T (F / sigma)^2 = (F / sigma)^2 I: (6).
- The second part of (4) adds (sigma^2 / 4) E e e^T (e^T Hess e)^2. In the basis of the
  eigenvectors of Hess, with eigenvalues h_i, its diagonal entry i is
  E e_i^2 (sum_j h_j e_j^2)^2 = (sum_j h_j)^2 + 2 sum_j h_j^2 + 4 h_i sum_j h_j + 8 h_i^2,
  because E e_i^6 = 15: (7).
- The product of the first and the second part is odd in e, so its mean is 0.

Directions of equal length are an alternative to normal ones:

    (8)  orthogonal directions: D of them are the rows of a random orthogonal matrix, times sqrt(D)
                                                            [Choromanski et al. 2018, sec. 3.2]
    (9)  for a quadratic F they have the same F_sigma = F + (sigma^2 / 2) tr Hess as (1), and (3)
         with n = D has no error: g = grad F                                         [derivation]

- D rows of (8) have sum_i e_i e_i^T = D I. Hence E e e^T = I, as for N(0, I).
- So both kinds have E e^T Hess e = tr Hess, and F_sigma depends on e through this mean only.
- A difference in (3) is 2 sigma e_i.grad F, so g = (1 / D) sum_i e_i e_i^T grad F = grad F.

Ranks can replace the fitness. A fitness that is equal for all members then becomes 0:

    (10)  F <- rank / (P - 1) - 1/2 over all P values; equal values share their mean rank
                                                            [Salimans et al. 2017, sec. 2.1]

Direction i of a generation is drawn from a generator that (key, i) determines. So directions are
never sent to a worker, and all workers draw the same ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from metarl_min.basics.arguments import require
from metarl_min.basics.trees import Array

DIRECTION_STREAM = 2  # the random stream of a key that draws directions; players uses 0 and 1


def one_sided(F: Array, e: Array, sigma: float) -> Array:
    """Return the estimate of eq. (2), with the covariance of eq. (6).

    F [n] holds the fitness at theta + sigma e, e [n, D] -> [D]
    """
    return F @ e / (len(e) * sigma)


def antithetic(F: Array, e: Array, sigma: float) -> Array:
    """Return the estimate of eq. (3), with the covariance of eq. (5).

    F [2 n] alternates between theta + sigma e_i and theta - sigma e_i, e [n, D] -> [D]

    >>> e = np.array([[1.0, 0.0], [0.0, 2.0]])  # the fitness is 3 theta_0 + 5
    >>> antithetic(np.array([5.3, 4.7, 5.0, 5.0]), e, sigma=0.1).round(12)
    array([1.5, 0. ])
    """
    return (F[0::2] - F[1::2]) @ e / (2 * len(e) * sigma)


def forward_difference(F: Array, e: Array, sigma: float) -> Array:
    """Return the estimate of eq. (4), with the covariance of eq. (7).

    F [1 + n] holds the fitness at theta, then at theta + sigma e, e [n, D] -> [D]
    """
    return (F[1:] - F[0]) @ e / (len(e) * sigma)


class Estimator(NamedTuple):
    """An estimator, and the members that it needs: some at theta, then `signs` sigma e_i."""

    gradient: Callable[[Array, Array, float], Array]  # F [P], e [n, D], sigma -> g [D]
    signs: tuple[int, ...]  # one member of every direction for each sign
    num_centres: int  # members at theta itself, before all others


ESTIMATORS = {
    "vanilla": Estimator(gradient=one_sided, signs=(1,), num_centres=0),
    "antithetic": Estimator(gradient=antithetic, signs=(1, -1), num_centres=0),
    "forward": Estimator(gradient=forward_difference, signs=(1,), num_centres=1),
}


def num_directions(estimator: Estimator, population: int) -> int:
    """Return n, the number of directions that a population has; ValueError if it fits none."""
    n, rest = divmod(population - estimator.num_centres, len(estimator.signs))
    rule = "population must be at least 2, and even with antithetic directions"
    require(population > 1 and rest == 0, rule, population)
    return n


def direction_and_sign(estimator: Estimator, members: Array) -> tuple[Array, Array]:
    """Return the number of each member's direction, and the factor of sigma e in it. [k] -> [k]

    >>> direction_and_sign(ESTIMATORS["antithetic"], np.arange(4))
    (array([0, 0, 1, 1]), array([ 1, -1,  1, -1]))
    >>> direction_and_sign(ESTIMATORS["forward"], np.arange(3))
    (array([0, 0, 1]), array([0, 1, 1]))
    """
    place, per = members - estimator.num_centres, len(estimator.signs)
    signs = np.array(estimator.signs)[place % per]
    return np.maximum(place, 0) // per, np.where(place < 0, 0, signs)


def gaussian_directions(key: int, numbers: Array, D: int) -> Array:
    """Return normal directions by their numbers, eq. (1). numbers [k] -> [k, D]"""
    streams = [np.random.default_rng([key, DIRECTION_STREAM, int(i)]) for i in numbers]
    return np.reshape([rng.standard_normal(D) for rng in streams], (len(numbers), D))


def orthogonal_directions(key: int, numbers: Array, D: int) -> Array:
    """Return orthogonal directions by their numbers, eqs. (8), (9). numbers [k] -> [k, D]

    Directions j D .. (j + 1) D - 1 are the rows of matrix j.
    """
    matrices = {}
    for j in {int(i) // D for i in numbers}:
        rng = np.random.default_rng([key, DIRECTION_STREAM, j])
        Q, R = np.linalg.qr(rng.standard_normal((D, D)))
        matrices[j] = np.sqrt(D) * (Q * np.sign(np.diag(R))).T
    return np.reshape([matrices[int(i) // D][int(i) % D] for i in numbers], (len(numbers), D))


def require_finite(F: Array) -> Array:
    """Return the fitness F [P]; FloatingPointError that names a member whose F is not finite."""
    bad = np.flatnonzero(~np.isfinite(F))
    if bad.size:
        raise FloatingPointError(f"fitness must be finite, got {F[bad[0]]} of member {bad[0]}")
    return F


def centred_ranks(F: Array) -> Array:
    """Return the ranks of eq. (10) in place of the fitness. [P] -> [P]

    >>> centred_ranks(np.array([7.0, 1.0, 1.0]))
    array([ 0.5 , -0.25, -0.25])
    """
    require(len(F) > 1, "ranks need at least 2 values", len(F))
    _, level, counts = np.unique(F, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts + 1) / 2  # of each level, the lowest rank is 0
    return np.asarray(mean_rank[level] / (len(F) - 1) - 0.5)


def unshaped(F: Array) -> Array:
    """Return the fitness unchanged."""
    return F


DIRECTIONS = {"gaussian": gaussian_directions, "orthogonal": orthogonal_directions}
SHAPING = {"ranks": centred_ranks, "none": unshaped}
