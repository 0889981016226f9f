"""The inner step of an estimator, on data sets that are sampled or listed.

The inner step is adaptation (1) with the surrogate of a data set. Data sets are records `Data` of
the module `enumeration`, with a count for each episode. In a sum over the episodes of a data set,
each term is multiplied by the count of its episode.

Three settings of `InnerStep` may be functions of your own:

- `baseline(data, W)` returns b_t of every step, from the data set and its returns-to-go W. W and
  the result have the axes [M, N, T]. The function is called with copies.
- `weights(log_ratio, rewards, b, gamma)` returns the weight w_t of every sampled action, as the
  functions of `estimator_weights` do. Autograd may trace log_ratio. `full_returns` and
  `discounted_from_start` are two examples.
- `update(inner, phis, gradient)` returns the next iterate, from the iterates phi_0 .. phi_k and the
  estimated gradient. Autograd may trace the iterates and the gradient. An example is `momentum` in
  examples/book/meta_gradients.md.

Other modules of the package call `ascend`, `episode_weights`, `baseline_per_step`,
`scale_per_task`, `estimated_gradient`, `next_iterate`, `updated`, `inner_step`,
`log_probability`, `full_returns` and `discounted_from_start`. These functions trust their
arguments.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import autograd.numpy as np
import numpy as onp
from autograd.tracer import isbox

from metarl_min.basics import trees
from metarl_min.basics.arguments import floats, function, instance, real, require, shaped
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Array, Tree
from metarl_min.gradients import advantages, returns
from metarl_min.gradients.enumeration import Data
from metarl_min.gradients.estimator_weights import Weights, plain_weights
from metarl_min.gradients.objectives import at_visits, summed_visits
from metarl_min.mdps.policies import Policy, log_softmax, log_softmax_pullback, softmax

Baseline = Callable[[Data, Array], Array]  # (data, W [M, N, T]) -> b [M, N, T]
Update = Callable[[Any, Sequence[Tree], Tree], Tree]  # (inner, phi_0 .. phi_k, gradient) -> phi


def ascend(inner: InnerStep, phis: Sequence[Tree], gradient: Tree) -> Tree:
    """Return the next iterate of gradient ascent, adaptation (1)."""
    return trees.add_scaled(phis[-1], inner.alpha, gradient)


def full_returns(log_ratio: Any, rewards: Array, b: Array, gamma: float) -> Array:
    """Return weights with the return of the whole episode in the place of the return-to-go.

    >>> full_returns(0.0, onp.array([[1.0, 4.0]]), b=0.0, gamma=0.5)
    array([[3., 3.]])
    """
    W = returns.returns_to_go(rewards, gamma)[..., :1]
    return W - b + onp.zeros(rewards.shape)


def discounted_from_start(log_ratio: Any, rewards: Array, b: Array, gamma: float) -> Array:
    """Return the plain weights times gamma^t: the discount starts at the start of the episode.

    >>> discounted_from_start(0.0, onp.array([[1.0, 4.0]]), b=0.0, gamma=0.5)
    array([[3., 2.]])
    """
    return gamma ** onp.arange(rewards.shape[-1]) * plain_weights(log_ratio, rewards, b, gamma)


def _valid(
    policy: Policy, alpha: Any, baseline: Any, gamma: float, weights: Weights, update: Update
) -> tuple[Any, ...]:
    if isinstance(alpha, dict):
        trees.check(alpha)
    elif not isbox(alpha):
        alpha = real("alpha", alpha, 0)
    rule = "baseline must be mean, leave_one_out, standardised, a number or a function"
    words = ("mean", "leave_one_out", "standardised")
    require(not isinstance(baseline, str) or baseline in words, rule, repr(baseline))
    if not callable(baseline):
        baseline = advantages.check(baseline)
    weights, update = function("weights", weights), function("update", update)
    instance("policy", policy, Policy)
    return policy, alpha, baseline, real("gamma", gamma, 0, 1), weights, update


@checked(_valid)
class InnerStep(NamedTuple):
    """The settings of an inner step.

    TypeError or ValueError if a setting is out of range. If alpha is a number, it must not be
    negative. If alpha is a tree, its step sizes may be negative, because learned step sizes may
    change their signs. An alpha that autograd differentiates is not checked.
    """

    policy: Policy
    alpha: Any  # a number, or a tree with a step size for each parameter
    baseline: float | str | Baseline  # a number, mean, leave_one_out, standardised or a function
    gamma: float = 1.0  # discount of W
    weights: Weights = plain_weights  # w_t of the sampled actions
    update: Update = ascend  # the next iterate


def episode_weights(data: Data) -> Array:
    """Return the factor of each episode in a mean over its data set: count / N. [M, N]"""
    return data.counts / data.counts.sum(-1, keepdims=True)


def baseline_per_step(inner: InnerStep, data: Data) -> Array:
    """Return b_t of every step. [M, N, T], or [M, 1, T] if b_t is the mean of all episodes

    TypeError or ValueError unless a baseline of your own returns finite floats [M, N, T].
    """
    W = returns.discounted_returns(data.episodes.rewards, inner.gamma)
    if callable(inner.baseline):
        b = floats("the result of baseline", inner.baseline(copy.deepcopy(data), W.copy()))
        return shaped("the result of baseline", b, W.shape, "the episodes")
    if not isinstance(inner.baseline, str):
        return returns.constant_baseline(inner.baseline, W)
    N = data.counts.sum(-1)[:, None, None]
    rule = f"a data set must have at least 2 episodes where baseline is {inner.baseline}"
    require(N.min() > 1, rule, N.min())
    total = onp.sum(data.counts[..., None] * W, axis=-2, keepdims=True)
    return (total - W) / (N - 1) if inner.baseline == "leave_one_out" else total / N


def scale_per_task(inner: InnerStep, data: Data, b: Array) -> Array:
    """Return s of each data set: the root mean square of W - b, advantages (3). [M, 1, 1]

    With the baseline `standardised`, the advantages are (W - b) / s.
    """
    W = returns.discounted_returns(data.episodes.rewards, inner.gamma)
    counts = data.counts[..., None]
    # The function `standard_deviation` divides by the largest |W|, so that no square overflows.
    largest = onp.max(onp.abs(W) * (counts > 0), axis=(-1, -2), keepdims=True)
    return advantages.standard_deviation(W - b, counts * data.episodes.alive, largest)


def estimated_gradient(
    inner: InnerStep, phi: Tree, reference: Tree, data: Data, weights: Weights
) -> Tree:
    """Return the estimate of grad J from every data set, estimator_weights (1). -> leaves [M, ...]

    Traceable in phi. `reference` has the value of phi, and is held fixed. The ratios in the weights
    are probabilities with phi, divided by probabilities with `reference`.
    """
    z, episodes, b = inner.policy.logits(phi), data.episodes, baseline_per_step(inner, data)
    log_probs_of_reference = log_softmax(inner.policy.logits(reference))
    log_ratio = at_visits(log_softmax(z) - log_probs_of_reference, episodes)
    rewards = episodes.rewards
    if isinstance(inner.baseline, str) and inner.baseline == "standardised":
        # The weights are linear in rewards and b, so this division divides the weights by s.
        s = scale_per_task(inner, data, b)
        rewards, b = rewards / s, b / s
    w = weights(log_ratio, rewards.copy(), b, inner.gamma)
    rule = f"weights must return an array of the shape {rewards.shape}"
    require(np.shape(w) == rewards.shape, rule, np.shape(w))
    # C[s, a] is the sum of the weights w at the visits of (s, a), divided by N. The function
    # `log_softmax_pullback` turns C into the gradient in the logits, objectives (3). The pullback
    # of the policy multiplies this gradient by (dz/dphi)^T: the result is the gradient in phi.
    C = summed_visits(episode_weights(data)[..., None] * w, episodes, np.shape(z)[-2:])
    return inner.policy.pullback(phi, log_softmax_pullback(softmax(z), C))


def next_iterate(
    inner: InnerStep, phis: Sequence[Tree], reference: Tree, data: Data, weights: Weights
) -> Tree:
    """Return phi_{k+1} from phi_0 .. phi_k on every data set. -> leaves [M, ...]

    Traceable in the iterates. `reference` has the value of phi_k, and is held fixed.
    """
    gradient = estimated_gradient(inner, phis[-1], reference, data, weights)
    return updated(inner, phis, gradient)


def updated(inner: InnerStep, phis: Sequence[Tree], gradient: Tree) -> Tree:
    """Return phi_{k+1} by the update rule of the inner step. Traceable in all trees.

    The update is called with copies. ValueError unless it returns the names and shapes of phi_k.
    """
    expected = trees.map_leaves(np.shape, gradient)
    phi = inner.update(inner, [trees.map_leaves(np.array, phi) for phi in phis], gradient)
    named = isinstance(phi, dict) or isbox(phi)
    got = {name: np.shape(phi[name]) for name in phi} if named else type(phi).__name__
    require(got == expected, f"update must return a dict with the shapes {expected}", got)
    return phi


def inner_step(inner: InnerStep, phi: Tree, reference: Tree, data: Data, weights: Weights) -> Tree:
    """Take the first inner step, which starts at phi = phi_0. -> leaves [M, ...]"""
    return next_iterate(inner, [phi], reference, data, weights)


def log_probability(inner: InnerStep, phi: Tree, data: Data) -> Any:
    """Return sum_i log P(tau_i|phi) without log c_tau, enumeration (1). Traceable in phi. [M]"""
    log_probs = at_visits(log_softmax(inner.policy.logits(phi)), data.episodes)
    return np.sum(data.counts * np.sum(log_probs, axis=-1), axis=-1)
