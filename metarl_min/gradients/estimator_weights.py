"""Weights of the sampled actions in an inner step: equal in value, different in their derivative.

An inner step ascends an estimate of the return J. The estimate comes from N episodes, sampled with
the parameters phi of the step. In this module, w_t is the weight of a sampled action, and g_t is
its score grad log pi(a_t|s_t; phi). Adv_t is W_t - b_t, where W_t is the return-to-go, returns (1),
and b_t is a baseline. Let gamma be 1, and let b_t be constant:

    (1)  grad J = E[1/N sum_i sum_t w_t g_t],  w_t = Adv_t              [Williams 1992, th. 1]

The first sum is over the episodes. A meta-gradient differentiates the sums in (1). The mean of
their derivative should be Hess J. As an expectation over one episode, Hess J is

    (2)  Hess J = E[sum_t Adv_t Hess log pi_t + sum_t Adv_t g_t (sum_l g_l)^T]      [derivation]

    Steps of (2): grad J = sum_tau P(tau) sum_t Adv_t g_t, by (1) with N = 1. Adv_t is data.
    The derivative of g_t is the Hessian of log pi(a_t|s_t; phi), which is Hess log pi_t in short.
    log P(tau) is a constant plus sum_l log pi(a_l|s_l; phi), so its derivative is sum_l g_l.
    Therefore the derivative of P(tau) is P(tau) sum_l g_l.

The derivative of the sums in (1) has two terms for each step:

    (3)  d(w_t g_t)/dphi = w_t Hess log pi_t + g_t (dw_t/dphi)^T                  [product rule]

All weights of this module have the value Adv_t. So the first term of (3), summed over t, has the
first term of (2) as its mean. The second term depends on dw_t/dphi. To change dw_t/dphi, w_t may
contain two factors, which have the value 1:

    ratio_t = pi(a_t|s_t; phi) / pi(a_t|s_t; reference),  box_t = ratio_0 ratio_1 .. ratio_t

The reference is phi, held fixed. So ratio_t and box_t are 1, but the derivative of ratio_t is g_t,
and the derivative of box_t is g_0 + g_1 + .. + g_t.

    (4)  plain             w_t = Adv_t                              [Finn et al. 2017, sec. 3.2]
    (5)  lvc               w_t = ratio_t Adv_t                  [Rothfuss et al. 2019, eq. 12]
    (6)  dice              w_t = sum_{l>=t} gamma^(l-t) box_l r_l - ratio_t b_t
                                                         [Foerster et al. 2018, eqs. 9 and 16]
    (7)  loaded_dice       w_t = box_t Adv_t + sum_{l>t} gamma^(l-t) (box_l - box_{l-1}) Adv_l
                                                               [Farquhar et al. 2019, eq. 12]
    (8)  linearised_score  w_t = (1 + sum_l log ratio_l) Adv_t            [Tang 2022, sec. 4]

(4) has no second term. The other weights have these second terms if gamma = 1:

- (5): dw_t/dphi is Adv_t g_t. So (3) has the products g_t g_t^T, but no products of different
  steps. The mean of (3), summed over t, is (2) only at horizon 1.
- (8): dw_t/dphi is Adv_t sum_l g_l, because the derivative of log ratio_l is g_l. So (3), summed
  over t, is the matrix inside the expectation of (2).
- (6) and (7) leave out terms of (2) that have mean zero. Given all that happens before the action
  a_m, the mean of g_m is zero. So every product of g_m with quantities that are fixed before a_m
  has mean zero.
- (6), rewards: Adv_t is the sum of the rewards r_l with l >= t, minus b_t. So (2) has the products
  r_l g_t g_m^T. Such a product has mean zero if m > l, because r_l and g_t are fixed before a_m.
  The products with m <= l remain. The sum of these g_m is the derivative of box_l.
- (6), baseline: the product b_t g_t g_m^T with m > t has mean zero, because g_t is fixed before
  a_m. With m < t it has mean zero, because g_m is fixed before a_t. The product with m = t remains,
  and g_t is the derivative of ratio_t.
- (7), l <= t: all products Adv_t g_t g_l^T remain. The sum of these g_l is the derivative of box_t.
- (7), l > t: Adv_t is Adv_l + r_t + .. + r_{l-1} - b_t + b_l. The rewards r_t .. r_{l-1} and both
  baselines are fixed before a_l, so their products with g_t g_l^T have mean zero. The product
  Adv_l g_t g_l^T remains, and g_l is the derivative of box_l - box_{l-1}.

DiCE is published as an objective:

    sum_l gamma^l box_l r_l + sum_t gamma^t (1 - ratio_t) b_t

- The derivative of box_l is box_l (g_0 + .. + g_l), and the derivative of ratio_t is ratio_t g_t.
- Exchange the sums over l and t. The gradient of the objective is sum_t gamma^t w_t g_t with w_t of
  (6).
- The inner step uses w_t without the factor gamma^t, because W_t = r_t + gamma r_{t+1} + .. also
  has no factor gamma^t, returns (1).
- Loaded DiCE has the objective sum_l gamma^l (box_l - box_{l-1}) Adv_l with box_{-1} = 1. Its
  gradient follows in the same way, with w_t of (7).
- The derivative of box_l contains g_t if l >= t. The derivative of box_{l-1} contains g_t only if
  l > t. So in w_t, Adv_t has the factor box_t, and every later Adv_l has the factor
  box_l - box_{l-1}.

`plain_weights`, `lvc_weights`, `dice_weights`, `loaded_dice_weights` and `linearised_weights` are
called by inner steps, and trust their arguments.
"""

from collections.abc import Callable
from typing import Any

import autograd.numpy as np
import numpy as onp

from metarl_min.basics.trees import Array
from metarl_min.gradients import returns

Weights = Callable[[Any, Array, Array, float], Any]  # log ratios, rewards, b, gamma -> w [M, N, T]


def plain_weights(log_ratio: Any, rewards: Array, b: Array, gamma: float = 1.0) -> Any:
    """Return the weights of plain automatic differentiation, eqs. (1) and (4).

    These weights are data, so the second term of eq. (3) is zero.
    """
    return returns.discounted_returns(rewards, gamma) - b


def lvc_weights(log_ratio: Any, rewards: Array, b: Array, gamma: float = 1.0) -> Any:
    """Return the weights of the low-variance-curvature surrogate, eq. (5)."""
    return np.exp(log_ratio) * plain_weights(log_ratio, rewards, b, gamma)


def _sums_to_go(x: Any, gamma: float) -> Any:
    """Return sum_{l>=t} gamma^(l-t) x_l for every t. Traceable in x. [..., T]"""
    steps = onp.arange(np.shape(x)[-1])
    # Entry [l, t] of the matrix is gamma^(l-t) if l >= t, and 0 otherwise.
    return np.matmul(x, onp.tril(gamma ** (steps[:, None] - steps).clip(0)))


def dice_weights(log_ratio: Any, rewards: Array, b: Array, gamma: float = 1.0) -> Any:
    """Return the weights of DiCE, eq. (6).

    Each reward is multiplied by the ratios of its own step and of all earlier steps.

    An example: a first ratio of 2 doubles both rewards and the first baseline.

    >>> log_ratio, rewards = onp.log([[2.0, 1.0]]), onp.array([[1.0, 4.0]])
    >>> dice_weights(log_ratio, rewards, b=onp.array([[0.5, 0.5]]))
    array([[9. , 7.5]])
    """
    box = np.exp(np.cumsum(log_ratio, axis=-1))
    return _sums_to_go(box * rewards, gamma) - np.exp(log_ratio) * b


def loaded_dice_weights(log_ratio: Any, rewards: Array, b: Array, gamma: float = 1.0) -> Any:
    """Return the weights of Loaded DiCE with lambda = 1, eq. (7): DiCE on advantages."""
    advantages = plain_weights(log_ratio, rewards, b, gamma)
    log_box = np.cumsum(log_ratio, axis=-1)
    previous = np.exp(log_box - log_ratio) * advantages  # box_{l-1} Adv_l
    # `previous` is added because at l = t eq. (7) has box_t, not box_t - box_{t-1}.
    return _sums_to_go(np.exp(log_box) * advantages - previous, gamma) + previous


def linearised_weights(log_ratio: Any, rewards: Array, b: Array, gamma: float = 1.0) -> Any:
    """Return the weights of the linearised score, eq. (8).

    The derivative of these weights contains the score of the whole episode, as eq. (2) does.
    """
    sum_of_logs = np.sum(log_ratio, axis=-1, keepdims=True)
    return (1 + sum_of_logs) * plain_weights(log_ratio, rewards, b, gamma)


WEIGHTS: dict[str, Weights] = {
    "plain": plain_weights,
    "lvc": lvc_weights,
    "dice": dice_weights,
    "loaded_dice": loaded_dice_weights,
    "linearised_score": linearised_weights,
}
