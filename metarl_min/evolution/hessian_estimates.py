"""Estimates of the Hessian of a smoothed fitness, and their bias.

The ES-MAML of Song et al. 2020 takes the inner step with a gradient estimate of the module
`search_gradients`. The outer gradient has a factor I + alpha Hess, which belongs to the inner step.
A gradient of first order leaves it out. The code google-research/es_maml 0c1bbe5f can estimate
Hess, with the option `use_hess`, which is off by default. It uses the fitness F_i at n neighbours
theta + sigma e_i, and subtracts the mean fitness:

    (1)  H = 1/n sum_i (F_i - F_mean) e_i e_i^T / sigma^2,  F_mean = 1/n sum_i F_i   [definition]
    (2)  E H = (1 - 1/n) Hess F_sigma                                                [derivation]

By default, that code counts theta itself as a further neighbour with e_0 = 0:

    (3)  H = 1/(n+1) sum_{i=1..n} (F_i - F_mean) e_i e_i^T / sigma^2,
         F_mean = 1/(n+1) sum_{i=0..n} F_i                                           [definition]
    (4)  E H = (n/(n+1))^2 Hess F_sigma + n/(n+1)^2 (F_sigma - F(theta)) / sigma^2 I
                                                                                     [derivation]

F_sigma is the smoothed fitness search_gradients (1), with normal directions.

These steps lead to (2):
- The density of theta + sigma e_i has a Hessian in theta, which is the density times
  (e_i e_i^T - I) / sigma^2. So Hess F_sigma = E F_i (e_i e_i^T - I) / sigma^2.
- E F_i = F_sigma, so E F_i e_i e_i^T = sigma^2 Hess F_sigma + F_sigma I.
- F_mean contains F_i with the weight 1/n. The other values are independent of e_i, and
  E e_i e_i^T = I.
- So E F_mean e_i e_i^T = (1/n) (sigma^2 Hess F_sigma + F_sigma I) + (1 - 1/n) F_sigma I.
- E F_i e_i e_i^T minus this matrix is (1 - 1/n) sigma^2 Hess F_sigma.

These steps lead to (4):
- F_mean contains F_i, F(theta) and n - 1 values that are independent of e_i, each with the weight
  1/(n+1).
- So E F_mean e_i e_i^T = (sigma^2 Hess F_sigma + n F_sigma I + F(theta) I) / (n+1).
- Let Z be E F_i e_i e_i^T minus this matrix. The n terms of (3) have the same mean, so
  E H = n Z / ((n+1) sigma^2), which is (4).

With n = 1 the estimate (1) is zero, and with n = 2 its mean is half of Hess F_sigma. The estimate
(1) times n / (n - 1) is unbiased. With the hundreds of neighbours of the default settings of that
code, both biases are small.
"""

from metarl_min.basics.arguments import require
from metarl_min.basics.trees import Array
from metarl_min.evolution import fitness
from metarl_min.evolution.search_gradients import unwarned


@unwarned
def _weighted(differences: Array, e: Array, sigma: float) -> Array:
    """Return sum_i differences_i e_i e_i^T / sigma^2, checked to be finite. [D, D]"""
    scaled = e / sigma
    H = (scaled * differences[:, None]).T @ scaled
    return fitness.finite_gradient(H.ravel(), e).reshape(H.shape)


def centred_hessian(F: Array, e: Array, sigma: float) -> Array:
    """Return the estimate of eq. (1), whose mean is eq. (2). F [n], e [n, D] -> [D, D]

    >>> import numpy as np
    >>> centred_hessian(np.array([3.0, 1.0]), np.array([[1.0, 1.0], [0.0, 2.0]]), sigma=0.5)
    array([[ 2.,  2.],
           [ 2., -6.]])
    """
    F, sigma = fitness.of_directions(F, e, sigma, 1)
    return _weighted((F - F.mean()) / len(F), e, sigma)


def unbiased_hessian(F: Array, e: Array, sigma: float) -> Array:
    """Return n / (n - 1) times eq. (1), whose mean is Hess F_sigma by eq. (2). -> [D, D]"""
    F, sigma = fitness.of_directions(F, e, sigma, 1)
    require(len(F) > 1, "unbiased_hessian must have at least 2 directions", len(F))
    return _weighted((F - F.mean()) / (len(F) - 1), e, sigma)


def hessian_with_centre(F: Array, e: Array, sigma: float) -> Array:
    """Return the estimate of eq. (3), whose mean is eq. (4). F [1 + n], e [n, D] -> [D, D]

    F holds the fitness at theta, then at each theta + sigma e_i.
    """
    F, sigma = fitness.of_directions(F, e, sigma, 1, num_centres=1)
    return _weighted((F[1:] - F.mean()) / len(F), e, sigma)
