"""The estimators of the gradient of MAML-RL: one formula, and five ways to weigh log pi.

Inner step k sees N episodes D_k ~ phi_k of one task (W the return-to-go, b a baseline); the outer
gradient v = grad J(phi_K) and return R' = J(phi_K) are exact, or estimated:

    (1)  phi_{k+1} = phi_k + alpha 1/N sum_i sum_t w_{i,t} grad log pi(a_t|s_t; phi_k)
                                                              [Finn et al. 2017, sec. 2.2]
    (2)  F_N(theta) = E[J(phi_K)], and F_inf of adaptation (5)
                   [Al-Shedivat et al. 2018, eq. 3; Rothfuss et al. 2019, formulations I and II]
    (3)  g = (dphi_K/dtheta)^T v + (R' - c) d/dtheta sum_k sum_i log P(tau_i | phi_k(theta))
                                                              [Stadie et al. 2018, eq. 7]

All have the same phi_K. They differ in how w is taken to depend on theta, through the ratios
rho_t = pi(a_t|s_t; phi_k) / pi(a_t|s_t; reference), whose value is 1: the reference is phi_k
itself, held fixed. With box_t = rho_0 .. rho_t and A_t = W_t - b:

    (4)  plain         w_t = A_t                                        [Finn et al. 2017, sec. 3.2]
    (5)  lvc           w_t = rho_t A_t                              [Rothfuss et al. 2019, eq. 12]
    (6)  dice          w_t = sum_{l>=t} gamma^(l-t) box_l r_l - rho_t b
                                                                  [Foerster et al. 2018, eq. 9, 16]
    (7)  loaded_dice   w_t = box_t A_t + sum_{l>t} gamma^(l-t) (box_l - box_{l-1}) A_l
                                                                    [Farquhar et al. 2019, eq. 12]
    (8)  linearised_score  w_t = (1 + sum_l log rho_l) A_t                   [Tang 2022, sec. 4]
    (9)  emaml         (4), and in (3) the score term, which the others leave out; c is a control
         variate                                                         [Stadie et al. 2018, eq. 7]
    (10)  fomaml       g = v                                            [Finn et al. 2017, sec. 5.2]

emaml is unbiased for F_N. dice, loaded_dice and linearised_score have an unbiased Hessian of J,
and a bias O(1/N) for F_N and for F_inf. lvc shares that at horizon 1 alone. plain and fomaml are
biased for both, in the limit too. That is for gamma = 1 and a constant b: F_inf takes its inner
steps on J, of which a return-to-go that is discounted, but not by gamma^t, is no gradient.
"""

from collections.abc import Callable, Sequence
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

Weights = Callable[[Any, Array, Array, float], Any]  # (log rho, rewards, b, gamma) -> w [..., N, T]
StageData = Sequence[Data]  # D_0 .. D_{K-1}


class InnerStep(NamedTuple):
    """The rule of the inner step."""

    policy: Policy
    alpha: Any  # a number, or a tree: entry by entry
    baseline: float | str  # a number, or mean: over the episodes of a data set, at each step
    gamma: float = 1.0  # discount of W


EstimatorInputs = tuple[
    InnerStep, Iterates, StageData, Tree, Array
]  # what every estimator is given: v and R' last
Estimator = Callable[[InnerStep, Iterates, StageData, Tree, Array], Tree]


def _to_go(x: Any, gamma: float) -> Any:
    """sum_{l>=t} gamma^(l-t) x_l along the last axis, traced. [..., T]"""
    steps = onp.arange(np.shape(x)[-1])
    return np.matmul(x, onp.tril(gamma ** (steps[:, None] - steps).clip(0)))


def plain_weights(log_rho: Any, rewards: Array, b: Array, gamma: float = 1.0) -> Any:
    """Eq. (4): data."""
    return returns.discounted_returns(rewards, gamma) - b


def lvc_weights(log_rho: Any, rewards: Array, b: Array, gamma: float = 1.0) -> Any:
    """Eq. (5)."""
    return np.exp(log_rho) * plain_weights(log_rho, rewards, b, gamma)


def dice_weights(log_rho: Any, rewards: Array, b: Array, gamma: float = 1.0) -> Any:
    """Eq. (6)."""
    return _to_go(np.exp(np.cumsum(log_rho, axis=-1)) * rewards, gamma) - np.exp(log_rho) * b


def loaded_dice_weights(log_rho: Any, rewards: Array, b: Array, gamma: float = 1.0) -> Any:
    """Eq. (7)."""
    A, sums = plain_weights(log_rho, rewards, b, gamma), np.cumsum(log_rho, axis=-1)
    before = np.exp(sums - log_rho) * A
    return _to_go(np.exp(sums) * A - before, gamma) + before


def linearised_weights(log_rho: Any, rewards: Array, b: Array, gamma: float = 1.0) -> Any:
    """Eq. (8)."""
    total = np.sum(log_rho, axis=-1, keepdims=True)
    return (1 + total) * plain_weights(log_rho, rewards, b, gamma)


def baseline(inner: InnerStep, data: Data) -> Array:
    """b of every step. [M, N, T] or [M, 1, T]"""
    W = returns.discounted_returns(data.episodes.rewards, inner.gamma)
    if inner.baseline != "mean":
        return returns.constant_baseline(float(inner.baseline), W)
    return onp.sum(episode_weights(data)[..., None] * W, axis=-2, keepdims=True)


def episode_weights(data: Data) -> Array:
    """The part 1/N sum_i that each episode has in a mean. [M, N]"""
    return data.counts / data.counts.sum(-1, keepdims=True)


def inner_step(inner: InnerStep, phi: Tree, reference: Tree, data: Data, weights: Weights) -> Tree:
    """Eq. (1) as a function of phi, for every data set. leaves [M, ...] -> [M, ...]"""
    z, episodes = inner.policy.logits(phi), data.episodes
    fixed = log_softmax(inner.policy.logits(reference))
    log_rho = at_visits(log_softmax(z) - fixed, episodes)
    w = weights(log_rho, episodes.rewards, baseline(inner, data), inner.gamma)
    C = summed_visits(episode_weights(data)[..., None] * w, episodes, np.shape(z)[-2:])
    return trees.add_scaled(phi, inner.alpha, inner.policy.pullback(phi, reinforce_gradient(z, C)))


def log_probability(inner: InnerStep, phi: Tree, data: Data) -> Any:
    """log P(D | phi) of the actions of every data set; arrivals do not depend on phi. [M]"""
    log_probs = at_visits(log_softmax(inner.policy.logits(phi)), data.episodes)
    return np.sum(data.counts * np.sum(log_probs, axis=-1), axis=-1)


def through_inner_steps(
    inner: InnerStep,
    path: Iterates,
    data: StageData,
    v: Tree,
    weights: Weights,
    score: Array | None = None,
) -> Tree:
    """Eq. (3), with the score term where `score` = R' - c [M] is given. leaves [M, ...]"""

    def surrogate(theta: Tree) -> Any:
        phi, total = theta, 0.0
        for reference, D in zip(path[:-1], data, strict=True):
            if score is not None:
                total = total + np.sum(score * log_probability(inner, phi, D))
            phi = inner_step(inner, phi, reference, D, weights)
        return total + trees.dot(v, phi)

    return grad(surrogate)(path[0])


def plain(inner: InnerStep, path: Iterates, data: StageData, v: Tree, R: Array) -> Tree:
    """Autodiff of the usual surrogate, eq. (4); meant for neither."""
    return through_inner_steps(inner, path, data, v, plain_weights)


def lvc(inner: InnerStep, path: Iterates, data: StageData, v: Tree, R: Array) -> Tree:
    """Low-variance curvature, eq. (5); meant for F_inf."""
    return through_inner_steps(inner, path, data, v, lvc_weights)


def dice(inner: InnerStep, path: Iterates, data: StageData, v: Tree, R: Array) -> Tree:
    """DiCE, eq. (6); meant for F_inf."""
    return through_inner_steps(inner, path, data, v, dice_weights)


def loaded_dice(inner: InnerStep, path: Iterates, data: StageData, v: Tree, R: Array) -> Tree:
    """Loaded DiCE with lambda = 1, eq. (7); meant for F_inf."""
    return through_inner_steps(inner, path, data, v, loaded_dice_weights)


def linearised_score(inner: InnerStep, path: Iterates, data: StageData, v: Tree, R: Array) -> Tree:
    """The score of each episode beside its own gradient alone, eq. (8); meant for F_N."""
    return through_inner_steps(inner, path, data, v, linearised_weights)


def emaml(
    inner: InnerStep, path: Iterates, data: StageData, v: Tree, R: Array, c: float = 0.0
) -> Tree:
    """Plain plus the score term, through every earlier step, eq. (9); unbiased for F_N."""
    return through_inner_steps(inner, path, data, v, plain_weights, R - c)


def fomaml(inner: InnerStep, path: Iterates, data: StageData, v: Tree, R: Array) -> Tree:
    """First order, eq. (10); meant for neither."""
    return v


ESTIMATORS: dict[str, tuple[Estimator, str | None]] = {  # and the objective it is meant for
    "plain": (plain, None),
    "emaml": (emaml, "F_N"),
    "dice": (dice, "F_inf"),
    "loaded_dice": (loaded_dice, "F_inf"),
    "lvc": (lvc, "F_inf"),
    "linearised_score": (linearised_score, "F_N"),
    "fomaml": (fomaml, None),
}
