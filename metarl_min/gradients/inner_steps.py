"""The inner step of an estimator, on data sets that are sampled or listed.

It is adaptation (1) with the surrogate of a data set. Data are records `Data` of the module
`enumeration`, with a count for each episode. A sum over the episodes of a data set weighs each
episode with its count. Other modules of the package call `episode_weights`, `baseline_per_step`,
`scale_per_task`, `inner_step` and `log_probability`. These functions trust their arguments.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import autograd.numpy as np
import numpy as onp
from autograd.tracer import isbox

from metarl_min.basics import trees
from metarl_min.basics.arguments import instance, real, require
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Array, Tree
from metarl_min.gradients import advantages, returns
from metarl_min.gradients.enumeration import Data
from metarl_min.gradients.estimator_weights import Weights
from metarl_min.gradients.objectives import at_visits, summed_visits
from metarl_min.mdps.policies import Policy, log_softmax, log_softmax_pullback, softmax


def _valid(policy: Policy, alpha: Any, baseline: float | str, gamma: float) -> tuple[Any, ...]:
    if isinstance(alpha, dict):
        trees.check(alpha)
    elif not isbox(alpha):
        alpha = real("alpha", alpha, 0)
    rule = "baseline must be mean, leave_one_out, standardised or a number"
    baseline = advantages.check(baseline)
    require(baseline != "linear", rule, "'linear'")
    return instance("policy", policy, Policy), alpha, baseline, real("gamma", gamma, 0, 1)


@checked(_valid)
class InnerStep(NamedTuple):
    """The settings of an inner step.

    TypeError or ValueError if a setting is out of range. If alpha is a number, it must not be
    negative. If alpha is a tree, its step sizes may be negative, because learned step sizes may
    change their signs. An alpha that autograd differentiates is not checked.
    """

    policy: Policy
    alpha: Any  # a number, or a tree with a step size for each parameter
    baseline: float | str  # a number, mean, leave_one_out or standardised
    gamma: float = 1.0  # discount of W


def episode_weights(data: Data) -> Array:
    """Return the factor of each episode in a mean over its data set: count / N. [M, N]"""
    return data.counts / data.counts.sum(-1, keepdims=True)


def baseline_per_step(inner: InnerStep, data: Data) -> Array:
    """Return b_t of every step. [M, N, T], or [M, 1, T] if b_t is the mean of all episodes"""
    W = returns.discounted_returns(data.episodes.rewards, inner.gamma)
    if not isinstance(inner.baseline, str):
        return returns.constant_baseline(inner.baseline, W)
    N = data.counts.sum(-1)[:, None, None]
    rule = f"a data set must have at least 2 episodes where baseline is {inner.baseline}"
    require(N.min() > 1, rule, N.min())
    total = onp.sum(data.counts[..., None] * W, axis=-2, keepdims=True)
    return (total - W) / (N - 1) if inner.baseline == "leave_one_out" else total / N


def scale_per_task(inner: InnerStep, data: Data, b: Array) -> Array:
    """Return the number by which the rewards and b of each task are divided. [M, 1, 1]

    It is the standard deviation s of standardised advantages, advantages (3).
    """
    W = returns.discounted_returns(data.episodes.rewards, inner.gamma)
    counts = data.counts[..., None]
    largest = onp.max(onp.abs(W) * (counts > 0), axis=(-1, -2), keepdims=True)
    return advantages.standard_deviation(W - b, counts * data.episodes.alive, largest)


def inner_step(inner: InnerStep, phi: Tree, reference: Tree, data: Data, weights: Weights) -> Tree:
    """Take the inner step adaptation (1) on every data set. -> leaves [M, ...]

    Traceable in phi. `reference` has the value of phi, and is held fixed: the ratios of the weights
    are probabilities of phi divided by probabilities of `reference`.
    """
    z, episodes, b = inner.policy.logits(phi), data.episodes, baseline_per_step(inner, data)
    log_probs_of_reference = log_softmax(inner.policy.logits(reference))
    log_ratio = at_visits(log_softmax(z) - log_probs_of_reference, episodes)
    rewards = episodes.rewards
    if inner.baseline == "standardised":
        # The weights are linear in rewards and b. If both are divided by s, so are the weights.
        s = scale_per_task(inner, data, b)
        rewards, b = rewards / s, b / s
    w = weights(log_ratio, rewards, b, inner.gamma)
    # C[s, a] is the sum of the weights w at the visits of (s, a), divided by N. objectives (3)
    # turns C into the gradient in the logits. The pullback is the product with (dz/dphi)^T. It
    # turns the gradient in the logits into the gradient in the parameters.
    C = summed_visits(episode_weights(data)[..., None] * w, episodes, np.shape(z)[-2:])
    u = log_softmax_pullback(softmax(z), C)
    return trees.add_scaled(phi, inner.alpha, inner.policy.pullback(phi, u))


def log_probability(inner: InnerStep, phi: Tree, data: Data) -> Any:
    """Return sum_i log P(tau_i|phi) without log c_tau, enumeration (1). Traceable in phi. [M]"""
    log_probs = at_visits(log_softmax(inner.policy.logits(phi)), data.episodes)
    return np.sum(data.counts * np.sum(log_probs, axis=-1), axis=-1)
