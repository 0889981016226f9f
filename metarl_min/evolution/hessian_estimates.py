"""Estimates of the Hessian of a smoothed fitness, and their bias.

ES-MAML has no likelihood ratios. It takes the inner step with a gradient estimate of the module
`search_gradients`. A first-order outer gradient leaves out the factor I + alpha Hess of the inner
step. The code google-research/es_maml 0c1bbe5f can estimate this factor (`use_hess`, which is off
by default), from the fitness F_i at n neighbours theta + sigma e_i. The mean fitness is subtracted:

    (1)  H = 1/n sum_i (F_i - F_mean) e_i e_i^T / sigma^2,  F_mean = 1/n sum_i F_i   [definition]
    (2)  E H = (1 - 1/n) Hess F_sigma                                                [derivation]

The default division of the work counts theta itself as a further neighbour with e_0 = 0:

    (3)  H = 1/(n+1) sum_{i=1..n} (F_i - F_mean) e_i e_i^T / sigma^2,
         F_mean = 1/(n+1) sum_{i=0..n} F_i                                           [definition]
    (4)  E H = (n/(n+1))^2 Hess F_sigma + n/(n+1)^2 (F_sigma - F(theta)) / sigma^2 I
                                                                                     [derivation]

F_sigma is the smoothed fitness search_gradients (1), with normal directions.

    Steps of (2): the derivative of search_gradients (2) gives Hess F_sigma as the mean of
    F_i (e_i e_i^T - I) / sigma^2.
    E e_i e_i^T = I, so E F_i e_i e_i^T = sigma^2 Hess F_sigma + F_sigma I.
    F_mean contains F_i with the weight 1/n. The other values are independent of e_i.
    So E F_mean e_i e_i^T = (1/n) (sigma^2 Hess F_sigma + F_sigma I) + (1 - 1/n) F_sigma I.
    The difference of the two means is (1 - 1/n) sigma^2 Hess F_sigma.
    Steps of (4): now F_mean contains F(theta) / (n+1), and n - 1 independent values.
    So E F_mean e_i e_i^T = (sigma^2 Hess F_sigma + n F_sigma I + F(theta) I) / (n+1).
    Subtract it from E F_i e_i e_i^T, and multiply the n equal terms by 1/(n+1).

With n = 1 the estimate (1) is zero, and with n = 2 it has half of the right mean. To be unbiased,
(1) is multiplied by n / (n - 1). With the hundreds of neighbours of the default settings, both
biases are small.
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
