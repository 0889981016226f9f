"""Published estimators of the gradient of MAML, computed from sampled data.

A policy with the parameters theta = phi_0 adapts to one task by K inner steps. Step k sees the
data set D_k: N episodes tau_i, sampled with phi_k. W_t is the return-to-go, b_t a baseline, and
the weight w_t of a step has the value Adv_t = W_t - b_t:

    (1)  phi_{k+1} = phi_k + alpha/N sum_i sum_t w_t grad log pi(a_t|s_t; phi_k)
                                                              [Finn et al. 2017, sec. 2.2]

The objective is the expected return J after adaptation. It depends on what the inner steps see:
F_N adapts to N sampled episodes, F_inf adapts with the exact gradients of J (adaptation (5)):

    (2)  F_N(theta) = E[J(phi_K)],  F_inf(theta) = J(phi_K)
                   [Al-Shedivat et al. 2018, eq. 3; Rothfuss et al. 2019, formulations I and II]

An estimator is given v = grad J(phi_K) and R = J(phi_K), exact or estimated; in this module, R is
the return after adaptation. It returns an estimate g, and a number c can reduce its variance:

    (3)  g = (dphi_K/dtheta)^T v + (R - c) d/dtheta sum_k sum_i log P(tau_i|phi_k(theta))
                                                              [Stadie et al. 2018, eq. 7]

The two terms of (3) are the two terms of the derivative of F_N = sum_D P(D) J(phi_K(D)), where D
stands for all data sets together:

- The derivative of J(phi_K(D)) is (dphi_K/dtheta)^T v, by the chain rule.
- The derivative of P(D) is P(D) d log P(D)/dtheta. This second term is called the score term.
- log P(D) is a constant plus sum_k sum_i log P(tau_i|phi_k), by enumeration (2) and (3).
- phi_k depends on theta through the earlier inner steps, so log P is differentiated through them.
- c changes no mean: sum_D P(D) d log P(D)/dtheta is the derivative of sum_D P(D) = 1, so it is 0.

All estimators see the same phi_K. They differ in the derivative of w_t, which may contain
ratio_t = pi(a_t|s_t; phi_k) / pi(a_t|s_t; reference). The reference is phi_k, held fixed, so a
ratio is 1, but its derivative is not 0. Let box_t = ratio_0 .. ratio_t. (4)-(8) have no score term:

    (4)  plain             w_t = Adv_t                              [Finn et al. 2017, sec. 3.2]
    (5)  lvc               w_t = ratio_t Adv_t                  [Rothfuss et al. 2019, eq. 12]
    (6)  dice              w_t = sum_{l>=t} gamma^(l-t) box_l r_l - ratio_t b_t
                                                         [Foerster et al. 2018, eqs. 9 and 16]
    (7)  loaded_dice       w_t = box_t Adv_t + sum_{l>t} gamma^(l-t) (box_l - box_{l-1}) Adv_l
                                                               [Farquhar et al. 2019, eq. 12]
    (8)  linearised_score  w_t = (1 + sum_l log ratio_l) Adv_t            [Tang 2022, sec. 4]
    (9)  emaml             w_t of (4), and the score term of (3)    [Stadie et al. 2018, eq. 7]
    (10)  fomaml           g = v                              [Finn et al. 2017, sec. 5.2]

- emaml is unbiased for F_N, with every baseline and every gamma.
- dice, loaded_dice and linearised_score have an unbiased Hessian of J, and a bias of O(1/N) for
  F_N and F_inf, if gamma = 1 and b is constant. lvc has these properties only at horizon 1.
- plain and fomaml are biased for F_N and F_inf, and the bias does not vanish as N grows.

The same by loops and full matrices: tests/estimators_by_hand.py.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import autograd.numpy as np
import numpy as onp
from autograd import grad

from metarl_min.basics import trees
from metarl_min.basics.trees import Array, Tree
from metarl_min.gradients import returns
from metarl_min.gradients.adaptation import Iterates
from metarl_min.gradients.enumeration import Data
from metarl_min.gradients.objectives import at_visits, reinforce_gradient, summed_visits
from metarl_min.mdps.policies import Policy, log_softmax

StageData = Sequence[Data]  # D_0 .. D_{K-1}
Weights = Callable[[Any, Array, Array, float], Any]  # log ratios, rewards, b, gamma -> w [M, N, T]
Estimator = Callable[..., Tree]  # its arguments are the fields of `EstimatorInputs`, in their order


class InnerStep(NamedTuple):
    """The settings of the inner step, eq. (1)."""

    policy: Policy
    alpha: Any  # a number, or a tree with a step size for each parameter
    baseline: float | str  # a number, or "mean": the mean W_t of the episodes of the data set
    gamma: float = 1.0  # discount of W


class EstimatorInputs(NamedTuple):
    """The arguments of an estimator. M data sets lie along the leading axes."""

    inner: InnerStep
    path: Iterates  # phi_0 .. phi_K, leaves [M, ...]
    data: StageData
    v: Tree  # leaves [M, ...]: grad J(phi_K), exact or estimated
    R: Array  # [M] J(phi_K), exact or estimated


def episode_weights(data: Data) -> Array:
    """Return the share of each episode in a mean over the N episodes of a data set. [M, N]"""
    return data.counts / data.counts.sum(-1, keepdims=True)


def baseline_per_step(inner: InnerStep, data: Data) -> Array:
    """Return b_t of every step. [M, N, T], or [M, 1, T] for a mean"""
    W = returns.discounted_returns(data.episodes.rewards, inner.gamma)
    if inner.baseline != "mean":
        return returns.constant_baseline(float(inner.baseline), W)
    return onp.sum(episode_weights(data)[..., None] * W, axis=-2, keepdims=True)


def inner_step(inner: InnerStep, phi: Tree, reference: Tree, data: Data, weights: Weights) -> Tree:
    """Take the inner step of eq. (1) on every data set. Traceable in phi. leaves [M, ...]"""
    z, episodes = inner.policy.logits(phi), data.episodes
    log_probs_of_reference = log_softmax(inner.policy.logits(reference))
    log_ratio = at_visits(log_softmax(z) - log_probs_of_reference, episodes)
    w = weights(log_ratio, episodes.rewards, baseline_per_step(inner, data), inner.gamma)
    C = summed_visits(episode_weights(data)[..., None] * w, episodes, np.shape(z)[-2:])
    return trees.add_scaled(phi, inner.alpha, inner.policy.pullback(phi, reinforce_gradient(z, C)))


def log_probability(inner: InnerStep, phi: Tree, data: Data) -> Any:
    """Return sum_i log P(tau_i|phi) of eq. (3), without the arrivals. Traceable in phi. [M]"""
    log_probs = at_visits(log_softmax(inner.policy.logits(phi)), data.episodes)
    return np.sum(data.counts * np.sum(log_probs, axis=-1), axis=-1)


def through_inner_steps(
    inner: InnerStep, path: Iterates, data: StageData, v: Tree, weights: Weights, factor: Any = None
) -> Tree:
    """Return the estimate of eq. (3), differentiated by autograd. leaves [M, ...]

    The factor of the score term is R - c, an array [M]; None leaves the score term out.
    """

    def surrogate(theta: Tree) -> Any:
        phi, score_term = theta, 0.0
        for reference, D in zip(path[:-1], data, strict=True):
            if factor is not None:
                score_term = score_term + np.sum(factor * log_probability(inner, phi, D))
            phi = inner_step(inner, phi, reference, D, weights)
        return score_term + trees.dot(v, phi)

    return grad(surrogate)(path[0])


def _sums_to_go(x: Any, gamma: float) -> Any:
    """Return sum_{l>=t} gamma^(l-t) x_l for every t, traced. [..., T]"""
    steps = onp.arange(np.shape(x)[-1])
    return np.matmul(x, onp.tril(gamma ** (steps[:, None] - steps).clip(0)))


def plain_weights(log_ratio: Any, rewards: Array, b: Array, gamma: float = 1.0) -> Any:
    """Return the weights of plain automatic differentiation, eq. (4): data without a derivative."""
    return returns.discounted_returns(rewards, gamma) - b


def lvc_weights(log_ratio: Any, rewards: Array, b: Array, gamma: float = 1.0) -> Any:
    """Return the weights of low-variance curvature, eq. (5): each step has its own ratio."""
    return np.exp(log_ratio) * plain_weights(log_ratio, rewards, b, gamma)


def dice_weights(log_ratio: Any, rewards: Array, b: Array, gamma: float = 1.0) -> Any:
    """Return the weights of DiCE, eq. (6): each reward has the ratios of all steps before it.

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
    return _sums_to_go(np.exp(log_box) * advantages - previous, gamma) + previous


def linearised_weights(log_ratio: Any, rewards: Array, b: Array, gamma: float = 1.0) -> Any:
    """Return the weights of the linearised score, eq. (8): the score of the whole episode."""
    score = np.sum(log_ratio, axis=-1, keepdims=True)
    return (1 + score) * plain_weights(log_ratio, rewards, b, gamma)


WEIGHTS: dict[str, Weights] = {
    "plain": plain_weights,
    "lvc": lvc_weights,
    "dice": dice_weights,
    "loaded_dice": loaded_dice_weights,
    "linearised_score": linearised_weights,
}


def without_score_term(
    inner: InnerStep, path: Iterates, data: StageData, v: Tree, R: Array, weights: Weights
) -> Tree:
    """Return the first term of eq. (3) for the given weights; R is not used. leaves [M, ...]"""
    return through_inner_steps(inner, path, data, v, weights)


plain = partial(without_score_term, weights=plain_weights)
lvc = partial(without_score_term, weights=lvc_weights)
dice = partial(without_score_term, weights=dice_weights)
loaded_dice = partial(without_score_term, weights=loaded_dice_weights)
linearised_score = partial(without_score_term, weights=linearised_weights)


def emaml(
    inner: InnerStep, path: Iterates, data: StageData, v: Tree, R: Array, c: float | Array = 0.0
) -> Tree:
    """Return the estimate of E-MAML, eq. (9): both terms of (3), unbiased for F_N.

    c is a control variate. It must not depend on the data; J(theta) is a good one.

    An example: two arms, theta = (0, 0), and one pull of the second arm that pays 0.9. The first
    term is (-0.685, 0.685), the score term 0.5 times (-0.5, 0.5).

    >>> from metarl_min.mdps import policies, rollouts
    >>> inner = InnerStep(policy=policies.tabular, alpha=0.7, baseline=0.0)
    >>> state, action, reward, alive = (onp.array([[[x]]]) for x in (0, 1, 0.9, True))
    >>> data = [Data(rollouts.Episodes(state, action, reward, alive), counts=onp.ones((1, 1)))]
    >>> theta, v = {"logits": onp.zeros((1, 1, 2))}, {"logits": onp.array([[[-1.0, 1.0]]])}
    >>> phi = inner_step(inner, theta, theta, data[0], plain_weights)
    >>> emaml(inner, [theta, phi], data, v, R=onp.array([0.5]))["logits"].round(12)
    array([[[-0.935,  0.935]]])
    """
    return through_inner_steps(inner, path, data, v, plain_weights, R - c)


def fomaml(inner: InnerStep, path: Iterates, data: StageData, v: Tree, R: Array) -> Tree:
    """Return the estimate of first-order MAML, eq. (10): biased for F_N and for F_inf."""
    return v


ESTIMATORS: dict[str, Estimator] = {
    "plain": plain,
    "emaml": emaml,
    "dice": dice,
    "loaded_dice": loaded_dice,
    "lvc": lvc,
    "linearised_score": linearised_score,
    "fomaml": fomaml,
}

MEANT_FOR: dict[str, str] = {  # for plain and fomaml there is no such objective
    "emaml": "F_N",
    "dice": "F_inf",
    "loaded_dice": "F_inf",
    "lvc": "F_inf",
    "linearised_score": "F_N",
}
