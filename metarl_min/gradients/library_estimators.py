"""Estimators of the meta-gradient that the code of published libraries computes.

The formulas were found in 2026, by running the loss functions of each library on all data sets of
two small problems. Here the formulas are weights w_t of sampled actions and a score term, as in
`estimators`. No code of a library is copied. The module `libraries` gives the lines of the code.

In estimators (1), the steps of an episode are added. Most libraries take the mean over the T steps
instead, in the loss of the inner step and in the loss of the outer step. Some also take the mean of
the inner loss over the B tasks of a batch, though each task has its own parameters. The numbers
share_in and share_out are the factors that come from these means. In this module, B is the number
of tasks, and `rate` is the step size that a user sets:

    (1)  phi = theta + rate share_in 1/N sum_i sum_t w_t grad log pi(a_t|s_t; theta),
         share_in = 1, 1/T or 1/(B T)                                                [definition]
    (2)  g = share_out ((dphi/dtheta)^T v + f sum_i sum_t grad log pi(a_t|s_t; theta)),
         share_out = 1 or 1/T                                                        [definition]

If rate = alpha / share_in, then (1) is estimators (1). So the same rate leads to different steps in
different libraries. The factor f is zero in most libraries. For an unbiased estimate, f must be R,
by estimators (3). In two libraries, a number x measures the result of adaptation. They multiply x
by the mean of the N T log-probabilities of the inner data:

    (3)  share_out f = x / (N T)                                                     [definition]

Both libraries have share_out = 1/T, so f = x/N. If x is the mean reward of a step, which is R/T,
then f is R/(N T): too small by the factor N T. If x is the mean return-to-go, x is
E[1/T sum_t W_t], which is R only if T = 1. One library has a setting that subtracts the mean over
a batch of tasks from x. So in a batch of one task, x is zero.

Three kinds of weights occur only in libraries. In (5), lambda is a number from 0 to 1:

    (4)  clipped  w_t = ratio_t Adv_t if ratio_t Adv_t <= clip(ratio_t, 1 - eps, 1 + eps) Adv_t,
                  otherwise 0                            [gradient of Schulman et al. 2017, eq. 7]
    (5)  traced_dice  w_t = sum_{l>=t} lambda^(l-t) (box_l - 1{l > t} before_l) Adv_l,
         box_l = prod_{k<=l} ratio_k^(lambda^(l-k)),  before_l = box_l / ratio_l
                                                                  [Farquhar et al. 2019, sec. 4]
    (6)  decayed_dice  w_j = sum_i Y_ij box_i Adv_i,  log box_i = sum_j Y_ij log ratio_j
                                                                                     [definition]

- (4): near a ratio of 1 nothing is clipped, so there the weights are equal to the weights of lvc.
  If the clipped product is the smaller one, the surrogate is constant, so its gradient is zero.
- (5): if lambda = 1, before_l is box_{l-1}, so (5) is loaded_dice, estimator_weights (7). If
  lambda = 0, box_l is ratio_l, and only the term with l = t remains, so (5) is lvc.
- In (6), i and j count all N T steps of a data set from 0, episode by episode. Y makes a running
  sum of the log ratios, which starts anew with every episode. At each step, the sum so far is
  multiplied by 1/N, and the log ratio of the step is added. So Y_ij = N^-(i-j) if j is step i or an
  earlier step of the same episode, and 0 otherwise. Only the first episode differs: its sum starts
  with the last log ratio of the data set, and not with 0. So if i is in the first episode and j is
  the last step of the data set, N^-(i+1) is added to Y_ij.
- In (6), the value of w_j is not Adv_j, because the sum also contains Adv_i of later steps i. So
  the mean of this inner step is not along grad J. For N > 1 this mean is

    (7)  E[1/N sum_j w_j g_j] = E sum_t g_t (Adv_t + Adv_{t+1} / N + Adv_{t+2} / N^2 + ..)
                                                                                     [derivation]

    Steps of (7): box_i has the value 1, so by (6) w_j is the sum of Y_ij Adv_i over i.
    Within an episode, Y_ij is N^-(i-j) for the steps i >= j. These are the terms of (7).
    The terms N^-(i+1) multiply Adv_i of the first episode by the last score of the last episode.
    Two episodes are independent, and the mean of a score is zero, so the products have mean zero.

The functions of `library_estimators` trust their arguments, which the package makes.
"""

from functools import partial
from typing import Any

import autograd.numpy as np
import numpy as onp

from metarl_min.basics import trees
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.gradients import returns
from metarl_min.gradients.enumeration import trajectories
from metarl_min.gradients.estimator_weights import Weights, lvc_weights, plain_weights
from metarl_min.gradients.estimators import (
    Estimator,
    StageData,
    through_inner_steps,
    without_score_term,
)
from metarl_min.gradients.inner_steps import InnerStep
from metarl_min.gradients.objectives import at_visits, expected_return_objective
from metarl_min.gradients.problems import Problem
from metarl_min.mdps.episodes import map_fields
from metarl_min.mdps.policies import Derivatives, Policy, log_softmax

# ---- weights ----


def clipped_weights(
    log_ratio: Any, rewards: Array, b: Array, gamma: float = 1.0, eps: float = 0.2
) -> Any:
    """Return the weights of the clipped surrogate, eq. (4)."""
    adv, ratio = plain_weights(log_ratio, rewards, b, gamma), np.exp(log_ratio)
    # The clipped product is smaller if ratio > 1 + eps and adv > 0, or ratio < 1 - eps and adv < 0.
    limit = onp.where(adv > 0, 1 + eps, 1 - eps)
    return np.where(limit * adv < ratio * adv, 0.0, ratio * adv)


def traced_dice_weights(
    log_ratio: Any, rewards: Array, b: Array, gamma: float = 1.0, trace: float = 0.5
) -> Any:
    """Return the weights of Loaded DiCE with any lambda = trace, eq. (5), for gamma = 1."""
    adv = plain_weights(log_ratio, rewards, b, gamma)
    steps = onp.arange(adv.shape[-1])
    lag = steps[:, None] - steps
    powers = onp.where(lag >= 0, trace ** onp.maximum(lag, 0).astype(float), 0.0)  # [l, t]
    log_box = np.matmul(log_ratio, powers.T)
    before = np.exp(log_box - log_ratio) * adv  # before_l Adv_l
    return np.matmul(np.exp(log_box) * adv - before, powers) + before


def running_sum(num_episodes: int, horizon: int) -> Array:
    """Return the matrix Y of eq. (6). -> [N T, N T]

    >>> running_sum(num_episodes=2, horizon=2)[:2]
    array([[1.  , 0.  , 0.  , 0.5 ],
           [0.5 , 1.  , 0.  , 0.25]])
    """
    steps = onp.arange(num_episodes * horizon)
    lag, episode = steps[:, None] - steps, steps // horizon
    earlier = (lag >= 0) & (episode[:, None] == episode)
    Y = onp.where(earlier, float(num_episodes) ** -onp.maximum(lag, 0), 0.0)
    Y[:horizon, -1] += float(num_episodes) ** -(onp.arange(horizon) + 1)
    return Y


def decayed_dice_weights(log_ratio: Any, rewards: Array, b: Array, gamma: float = 1.0) -> Any:
    """Return the weights of a running sum that decays, eq. (6). The order of episodes matters.

    The mean of the inner step is eq. (7).
    """
    adv = plain_weights(log_ratio, rewards, b, gamma)
    M, N, T = adv.shape
    Y = running_sum(N, T)
    box = np.exp(np.matmul(np.reshape(log_ratio, (M, N * T)), Y.T))
    return np.reshape(np.matmul(box * adv.reshape(M, N * T), Y), (M, N, T))


# ---- estimators ----


def mean_of_steps(horizon: int, num_tasks: int) -> float:
    """Return share_in of eq. (1) if the loss is a mean over the steps: 1/T."""
    return 1 / horizon


def mean_of_steps_and_tasks(horizon: int, num_tasks: int) -> float:
    """Return share_in of eq. (1) if the loss is a mean over tasks and steps: 1/(B T)."""
    return 1 / horizon / num_tasks


def sum_of_steps(horizon: int, num_tasks: int) -> float:
    """Return share_in of eq. (1) if the loss adds the steps: 1."""
    return 1.0


def differentiated(
    inner: InnerStep, path: list[Tree], data: StageData, v: Tree, R: Array, weights: Weights
) -> Tree:
    """Return eq. (2) with f = 0 and share_out = 1/T: the outer loss is a mean over the T steps."""
    T = data[0].episodes.rewards.shape[-1]
    return trees.scale(through_inner_steps(inner, path, data, v, weights), 1 / T)


def first_order(inner: InnerStep, path: list[Tree], data: StageData, v: Tree, R: Array) -> Tree:
    """Return the gradient at the adapted parameters, if the outer loss is a mean over T steps."""
    return trees.scale(v, 1 / data[0].episodes.rewards.shape[-1])


def mean_times_mean(inner: InnerStep, path: list[Tree], data: StageData, v: Tree, x: Array) -> Tree:
    """Return eq. (2) with the weights of plain, share_out = 1/T and f = x/N, eq. (3). x [M]"""
    T, N = data[0].episodes.rewards.shape[-1], data[0].counts.sum(-1)
    return trees.scale(through_inner_steps(inner, path, data, v, plain_weights, x / N), 1 / T)


def without_a_path(inner: InnerStep, path: list[Tree], data: StageData, v: Tree, R: Array) -> Tree:
    """Return zero, the derivative in theta of an outer loss that does not depend on theta.

    The library copies theta into a second network, and adapts the copy outside of the trace.
    """
    return trees.map_leaves(onp.zeros_like, path[0])


log_likelihood = partial(differentiated, weights=plain_weights)
likelihood_ratio = partial(differentiated, weights=lvc_weights)
clipped_ratio = partial(differentiated, weights=clipped_weights)


def traced(trace: float) -> Estimator:
    """Return the estimator with the weights of eq. (5), of a library that adds the steps."""
    return partial(without_score_term, weights=partial(traced_dice_weights, trace=trace))


# ---- the result of adaptation, x of eq. (3) ----


def total_return(problem: Problem, phi: Tree) -> Array:
    """Return R, the expected return after adaptation. [M]"""
    J = expected_return_objective(problem.task, problem.horizon)
    return onp.asarray(J.value(problem.inner.policy.logits(phi)))


def mean_reward(problem: Problem, phi: Tree) -> Array:
    """Return the mean reward of a step after adaptation, R/T. [M]"""
    return total_return(problem, phi) / problem.horizon


def centred_mean_reward(problem: Problem, phi: Tree) -> Array:
    """Return the mean reward minus its mean over a batch that consists of this task alone. [M]"""
    of_batch = mean_reward(problem, phi)[:, None]  # [M, B] with B = 1
    return (of_batch - of_batch.mean(-1, keepdims=True))[:, 0]


def mean_return_to_go(problem: Problem, phi: Tree) -> Array:
    """Return E[1/T sum_t W_t] after adaptation, the mean return-to-go of a step. [M]"""
    listed, z = trajectories(problem.task, problem.horizon), problem.inner.policy.logits(phi)
    W = returns.discounted_returns(listed.episodes.rewards, 1.0).mean(-1)  # of each trajectory
    episodes = map_fields(lambda x: onp.broadcast_to(x, (len(z), *x.shape)), listed.episodes)
    log_p = at_visits(log_softmax(z), episodes).sum(-1) + listed.log_chance
    return onp.asarray(onp.exp(log_p) @ W)


# ---- a policy with a context ----


def _context_forward(params: Tree) -> tuple[Any, None]:
    return params["logits"] + params["context"][..., None, :], None


def _context_backward(params: Tree, hidden: None, u: Any) -> Tree:
    return {"logits": u, "context": np.sum(u, axis=-2)}


def _context_init(rng: Rng, num_states: int, num_actions: int) -> Tree:
    return {"logits": onp.zeros((num_states, num_actions)), "context": onp.zeros(num_actions)}


def _context_hessian_product(params: Tree, hidden: None, v: Tree, f: Derivatives, w: Any) -> Tree:
    return _context_backward(params, hidden, f.hessian_product(_context_forward(v)[0]) + w)


context_policy = Policy(  # z(s,a) = logits(s,a) + context(a); an inner step moves the context only
    init=_context_init,
    forward=_context_forward,
    backward=_context_backward,
    hessian_product=_context_hessian_product,
    word="context",
)
