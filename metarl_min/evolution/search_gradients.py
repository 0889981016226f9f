"""Gradients of a smoothed fitness, estimated from the fitness of perturbed parameters.

A search changes theta, a vector with D entries, so that the fitness F(theta) increases. Each step
of the search is called a generation: it draws random directions e_1 .. e_n, and evaluates F at P
vectors, the members. A member is theta + sigma e_i, theta - sigma e_i, or theta itself. An entry of
e_i has the standard deviation 1, so an entry of sigma e_i has the standard deviation sigma. No
derivative of F is needed. F_sigma is a smoothed F, and each g is an estimate of grad F_sigma:

    (1)  F_sigma(theta) = E F(theta + sigma e),  e ~ N(0, I)        [Wierstra et al. 2014, eq. 1]
    (2)  one-sided: g = sum_i F(theta + sigma e_i) e_i / (n sigma)
                                                            [Salimans et al. 2017, sec. 2]
    (3)  antithetic: g = sum_i (F(theta + sigma e_i) - F(theta - sigma e_i)) e_i / (2 n sigma)
                                                            [Salimans et al. 2017, sec. 2.1]
    (4)  forward difference: g = sum_i (F(theta + sigma e_i) - F(theta)) e_i / (n sigma)
                                                            [Choromanski et al. 2018, eq. 3]

On the command line, (2) is called `vanilla`, (3) `antithetic` and (4) `forward`. These three
estimates have the mean E g = grad F_sigma:
- The vector x = theta + sigma e has the density p(x) = N(x; theta, sigma^2 I).
- F_sigma is the integral of F(x) p(x), and the gradient of p(x) in theta is
  p(x) (x - theta) / sigma^2 = p(x) e / sigma. So grad F_sigma = E F(x) e / sigma.
- Estimate (2) is the mean of n terms F(x) e / sigma.
- e and -e have the same distribution, so the mean of -F(theta - sigma e) e / sigma is grad F_sigma
  too. A term of (3) is the mean of two such terms.
- E F(theta) e = F(theta) E e = 0. So a term of (4) has the same mean as a term of (2).

Cov (3) is the covariance of the estimate (3). In (5)-(7), the directions are normal, and F, grad F
and the Hessian Hess are taken at theta. (5) and (7) hold if F is linear or quadratic, and (6) holds
if F is linear. If F is linear, then Hess = 0, and (7) says Cov (4) = Cov (3).

    (5)  Cov (3) = (|grad F|^2 I + grad F grad F^T) / n                              [derivation]
    (6)  Cov (2) = Cov (3) + (F / sigma)^2 I / n                                     [derivation]
    (7)  Cov (4) = Cov (3)
                   + sigma^2 (((tr Hess)^2 + 2 tr Hess^2) I + 4 (tr Hess) Hess + 8 Hess^2) / (4 n)
                                                                                     [derivation]

In the steps of (5)-(7), e is one direction and e_i is entry i of e. An estimate is the mean of n
independent terms y. The terms follow from
F(theta + sigma e) = F + sigma e.grad F + (sigma^2 / 2) e^T Hess e, with Hess = 0 for (2):

    (3):  y = e (e.grad F)
    (2):  y = e (e.grad F) + e F / sigma
    (4):  y = e (e.grad F) + (sigma / 2) e (e^T Hess e)

- E y = grad F, because E e e^T = I, and the second summand of y is odd in e and has the mean 0. So
  Cov g = Cov y / n with Cov y = E y y^T - grad F grad F^T.
- Let F_i be entry i of grad F. By E e_i^2 = 1 and E e_i^4 = 3, entry ij of E e e^T (e.grad F)^2 is
  2 F_i F_j if i != j, and 2 F_i^2 + |grad F|^2 if i = j.
- So (3) has E y y^T = |grad F|^2 I + 2 grad F grad F^T, and Cov y / n is (5).
- In (2) and (4), the product of the two summands in y y^T is odd in e, so its mean is 0.
- In (2), the second summand of y adds E e e^T (F / sigma)^2 = (F / sigma)^2 I. This gives (6).
- In (4), the second summand of y adds the matrix X = (sigma^2 / 4) E e e^T (e^T Hess e)^2.

Let h_i be eigenvalue i of Hess, and let tr = tr Hess = sum_j h_j. These steps compute X:
- In the basis of the eigenvectors of Hess, e is normal too, and e^T Hess e = sum_j h_j e_j^2. If
  i != j, then X_ij is the mean of a function that is odd in e_i, so X_ij = 0.
- So X_ii / (sigma^2 / 4) = E e_i^2 (h_i e_i^2 + Y)^2 with Y = sum_{j != i} h_j e_j^2.
- e_j^2 has the mean 1 and the variance 2. So E Y = tr - h_i, and
  E Y^2 = (tr - h_i)^2 + 2 (sum_j h_j^2 - h_i^2).
- Y is independent of e_i, and E e_i^6 = 15. So X_ii / (sigma^2 / 4) is
  15 h_i^2 + 6 h_i E Y + E Y^2 = tr^2 + 2 sum_j h_j^2 + 4 h_i tr + 8 h_i^2, as in (7).

Directions of equal length are an alternative to normal directions:

    (8)  D orthogonal directions are the rows of a random orthogonal matrix, times sqrt(D)
                                                            [Choromanski et al. 2018, sec. 3.2]
    (9)  for a quadratic F, normal and orthogonal directions give the same F_sigma, which is
         F + (sigma^2 / 2) tr Hess; with n = D orthogonal directions, (3) has no error: g = grad F
                                                                                     [derivation]

- D rows of (8) have sum_i e_i e_i^T = D I. All rows have the same distribution, so for one row e,
  E e e^T = (1 / D) D I = I. Also E e = 0. A normal direction has the same two means.
- For a quadratic F, F_sigma = E F(theta + sigma e) is
  F + sigma grad F.E e + (sigma^2 / 2) E e^T Hess e. With the two means, this is the F_sigma of (9).
- A difference in (3) is 2 sigma e_i.grad F, so g = (1 / D) sum_i e_i e_i^T grad F = grad F.

Ranks can replace the fitness. The smallest F has the rank 0, and the largest has the rank P - 1:

    (10)  F <- rank / (P - 1) - 1/2; members with equal F have the mean of their ranks
                                                            [Salimans et al. 2017, sec. 2.1]

One outlier of F has little influence on the ranks. If all F are equal, (10) gives 0 for each of
them. With ranks, (2)-(4) estimate the gradient of a smoothed rank, and (5)-(7) and (9) do not hold.

Each generation has a random whole number, its key, which seeds every draw of the generation.
[key, 2, i] seeds normal direction i, and [key, 2, j] seeds orthogonal matrix j. The module
`players` uses [key, 0] and [key, 1]. So if several processes evaluate the members, each process can
draw the directions that it needs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import function, instance, require, whole
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Array
from metarl_min.evolution import fitness
from metarl_min.evolution.fitness import require_finite

# The result of each estimate is checked, so NumPy need not warn while it is computed.
unwarned = np.errstate(over="ignore", invalid="ignore")

DIRECTION_STREAM = 2  # directions are drawn by generators with seeds [key, 2, ..]


@unwarned
def one_sided(F: Array, e: Array, sigma: float) -> Array:
    """Return the estimate of eq. (2). F [n], e [n, D] -> [D]

    F holds one fitness for each direction, at theta + sigma e_i. The covariance of the estimate is
    eq. (6) if F is linear and the directions are normal.
    """
    F, sigma = fitness.of_directions(F, e, sigma, 1)
    return fitness.finite_gradient(F @ e / (len(e) * sigma), e)


@unwarned
def antithetic(F: Array, e: Array, sigma: float) -> Array:
    """Return the estimate of eq. (3). F [2 n], e [n, D] -> [D]

    F holds the fitness at theta + sigma e_1, theta - sigma e_1, theta + sigma e_2, and so on. The
    covariance of the estimate is eq. (5) if F is linear or quadratic and the directions are normal.

    >>> e = np.array([[1.0, 0.0], [0.0, 2.0]])  # the fitness is 3 theta_0 + 5
    >>> antithetic(np.array([5.3, 4.7, 5.0, 5.0]), e, sigma=0.1).round(12)
    array([1.5, 0. ])
    """
    F, sigma = fitness.of_directions(F, e, sigma, 2)
    return fitness.finite_gradient((F[0::2] - F[1::2]) @ e / (2 * len(e) * sigma), e)


@unwarned
def forward_difference(F: Array, e: Array, sigma: float) -> Array:
    """Return the estimate of eq. (4). F [1 + n], e [n, D] -> [D]

    F holds the fitness at theta, then at each theta + sigma e_i. The covariance of the estimate is
    eq. (7) if F is linear or quadratic and the directions are normal.
    """
    F, sigma = fitness.of_directions(F, e, sigma, 1, num_centres=1)
    return fitness.finite_gradient((F[1:] - F[0]) @ e / (len(e) * sigma), e)


def _check_estimator(gradient: Any, signs: Any, num_centres: Any) -> tuple[Any, ...]:
    signs = tuple(whole("a sign", sign, -1) for sign in instance("signs", signs, tuple))
    require(set(signs) in ({1}, {-1}, {1, -1}), "signs must be 1 or -1", signs)
    return function("gradient", gradient), signs, whole("num_centres", num_centres, 0)


@checked(_check_estimator)
class Estimator(NamedTuple):
    """An estimator, and the members that it needs.

    The first `num_centres` members are theta itself. Then, for each direction e_i, there is a
    member theta + s sigma e_i for each s in `signs`. TypeError or ValueError if a field is wrong.
    """

    gradient: Callable[[Array, Array, float], Array]  # F [P], e [n, D], sigma -> g [D]
    signs: tuple[int, ...]  # factors s of sigma e_i
    num_centres: int  # number of members that are theta itself


ESTIMATORS = {
    "vanilla": Estimator(gradient=one_sided, signs=(1,), num_centres=0),
    "antithetic": Estimator(gradient=antithetic, signs=(1, -1), num_centres=0),
    "forward": Estimator(gradient=forward_difference, signs=(1,), num_centres=1),
}


def num_directions(estimator: Estimator, population: int) -> int:
    """Return n, the number of directions of a population; ValueError if no n fits `population`."""
    instance("estimator", estimator, Estimator)
    P = whole("population", population)
    n, rest = divmod(P - estimator.num_centres, len(estimator.signs))
    rule = "population must be at least 2; for antithetic directions it must be an even number"
    require(P > 1 and n > 0 and rest == 0, rule, P)
    return n


def direction_and_sign(estimator: Estimator, members: Array) -> tuple[Array, Array]:
    """Return, for each member theta + s sigma e_i, the index i and the sign s. [k] -> [k] each

    The indices count from 0. A member that is theta itself has i = 0 and s = 0.

    >>> direction_and_sign(ESTIMATORS["antithetic"], np.arange(4))
    (array([0, 0, 1, 1]), array([ 1, -1,  1, -1]))
    >>> direction_and_sign(ESTIMATORS["forward"], np.arange(3))
    (array([0, 0, 1]), array([0, 1, 1]))
    """
    instance("estimator", estimator, Estimator)
    # `place` is negative if the member is theta itself.
    place = fitness.indices("members", members) - estimator.num_centres
    members_per_direction = len(estimator.signs)
    signs = np.array(estimator.signs)[place % members_per_direction]
    return np.maximum(place, 0) // members_per_direction, np.where(place < 0, 0, signs)


def _check_draw(key: Any, indices: Any, D: Any) -> tuple[int, Array, int]:
    """Check and convert the arguments of the two functions below."""
    return whole("key", key, 0), fitness.indices("indices", indices), whole("D", D, high=10**7)


def gaussian_directions(key: int, indices: Array, D: int) -> Array:
    """Return the normal directions with these indices, eq. (1). indices [k] -> [k, D]"""
    key, indices, D = _check_draw(key, indices, D)
    streams = [np.random.default_rng([key, DIRECTION_STREAM, int(i)]) for i in indices]
    return np.reshape([rng.standard_normal(D) for rng in streams], (len(indices), D))


def orthogonal_directions(key: int, indices: Array, D: int) -> Array:
    """Return the orthogonal directions with these indices, eqs. (8), (9). [k] -> [k, D]

    Directions j D .. (j + 1) D - 1 are the rows of matrix j.
    """
    key, indices, D = _check_draw(key, indices, D)
    matrices = {}
    for j in {int(i) // D for i in indices}:
        rng = np.random.default_rng([key, DIRECTION_STREAM, j])
        Q, R = np.linalg.qr(rng.standard_normal((D, D)))
        # The signs make the diagonal of R positive, so that Q is unique. Then Q and its transpose
        # are uniformly distributed over the orthogonal matrices.
        matrices[j] = np.sqrt(D) * (Q * np.sign(np.diag(R))).T
    return np.reshape([matrices[int(i) // D][int(i) % D] for i in indices], (len(indices), D))


def centred_ranks(F: Array) -> Array:
    """Return the ranks of eq. (10) in place of the fitness. [P] -> [P]

    >>> centred_ranks(np.array([7.0, 1.0, 1.0]))
    array([ 0.5 , -0.25, -0.25])
    """
    F = require_finite(F)
    require(len(F) > 1, "ranks need at least 2 values", len(F))
    _, group, counts = np.unique(F, return_inverse=True, return_counts=True)
    # A group holds c equal values of F. Their largest rank is cumsum(counts) - 1, and their mean
    # rank is smaller by (c - 1) / 2.
    mean_rank = np.cumsum(counts) - (counts + 1) / 2
    return np.asarray(mean_rank[group] / (len(F) - 1) - 0.5)


def unshaped(F: Array) -> Array:
    """Return the fitness unchanged. [P] -> [P]"""
    return require_finite(F)


DIRECTIONS = {"gaussian": gaussian_directions, "orthogonal": orthogonal_directions}
SHAPING = {"ranks": centred_ranks, "none": unshaped}
