"""Actor-critic: advantages over a trial, and the gradients in the logits and the values.

The steps of a trial form one sequence of N T steps, time first, for M tasks. The policy that played
the trial is `old`; its value at step t is v_old,t. A step that is not alive (it comes after the end
of its episode) is not part of the sequence: the formulas go from one living step to the next, and
the gradient of a step that is not alive is 0.

The advantage of a step is a sum over the errors delta of the values of this step and later steps:

    (1)  Adv_t = delta_t + gamma lambda Adv_{t+1},  delta_t = r_t + gamma v_old,{t+1} - v_old,t,
         with Adv = v_old = 0 after the last step          [Schulman et al. 2016, eqs. 11, 16]

One batch may be ascended several times. For a later policy pi, with logits z_t, let the ratio be
w_t = pi(a_t) / old(a_t), and let Ent_t be the entropy of pi at step t. The function to maximise is

    f = sum_t min(w_t Adv_t, clip(w_t, 1 - eps, 1 + eps) Adv_t) + eta Ent_t - (target_t - v_t)^2 / 4

with target_t = Adv_t + v_old,t, a constant. In the first ascent pi = old and w_t = 1. Then the
gradient of f is that of actor-critic without ratios [Mnih et al. 2016]. The gradients are

    (2)  df/dz_t = k_t w_t Adv_t (1{a_t} - pi_t) + eta dEnt_t/dz_t,
         k_t = 0 if w_t > 1 + eps and Adv_t > 0, or if w_t < 1 - eps and Adv_t <= 0; else k_t = 1
                                                            [Schulman et al. 2017, eq. 7]
    (3)  dEnt/dz = -pi (log pi + Ent)                       [derivative of policies (5)]
    (4)  df/dv_t = (target_t - v_t) / 2                     [Wang et al. 2016]

The vector 1{a_t} is 1 at the action a_t and 0 elsewhere. The steps of (2) and (3) are these:
    dw/dz = w dlog pi(a)/dz, and dlog pi(a)/dz = 1{a} - pi           give k_t = 1;
    where the clipped term is the smaller one, f is constant in w    gives k_t = 0;
    Ent = -sum_a pi log pi, so dEnt/dpi = -(log pi + 1), and the
    Jacobian of pi turns a gradient y into pi (y - sum_a pi y)       give (3).

A gradient g that is longer than a limit is scaled down to this length:

    (5)  g min(1, limit / |g|)                                   [Pascanu et al. 2013]
"""

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.trees import Array, Tree
from metarl_min.mdps.policies import log_softmax, sum_over_actions


def advantages(
    rewards: Array, values: Array, alive: Array, gamma: float, gae_lambda: float
) -> Array:
    """Return the advantage of each living step, eq. (1), and 0 at the others. [N T, M] each

    >>> rewards, values = np.array([[1.0], [2.0]]), np.array([[0.5], [0.5]])
    >>> advantages(rewards, values, np.array([[True], [True]]), gamma=1.0, gae_lambda=1.0)
    array([[2.5],
           [1.5]])
    """
    result = np.zeros_like(values)
    next_advantage, next_value = 0.0 * values[0], 0.0 * values[0]
    for t in range(len(rewards) - 1, -1, -1):
        delta = rewards[t] + gamma * next_value - values[t]
        advantage = delta + gamma * gae_lambda * next_advantage
        result[t] = np.where(alive[t], advantage, 0)
        next_advantage = np.where(alive[t], advantage, next_advantage)
        next_value = np.where(alive[t], values[t], next_value)
    return result


def log_probs_of_actions(logits: Array, onehot: Array) -> Array:
    """Return the log-probability of each action that was taken. [N T, M, A] each -> [N T, M]"""
    return np.asarray(sum_over_actions(log_softmax(logits) * onehot)[..., 0])


def logit_gradient(
    logits: Array,
    old_log_probs: Array,
    onehot: Array,
    advantages: Array,
    alive: Array,
    entropy_weight: float,
    clip: float,
) -> Array:
    """Return the gradient in the logits, eqs. (2) and (3). [N T, M, A]

    logits and one-hot actions [N T, M, A]; log-probabilities of the actions under the old policy,
    advantages and alive [N T, M]; `entropy_weight` is eta and `clip` is eps.
    """
    log_probs = log_softmax(logits)
    probs = np.exp(log_probs)
    ratio = np.exp(sum_over_actions(log_probs * onehot)[..., 0] - old_log_probs)
    clipped = np.where(advantages > 0, ratio > 1 + clip, ratio < 1 - clip)
    weight = np.where(clipped, 0, ratio * advantages)[..., None]
    entropy = -sum_over_actions(probs * log_probs)
    u = weight * (onehot - probs) - entropy_weight * probs * (log_probs + entropy)
    return np.asarray(u * alive[..., None], dtype=logits.dtype)


def value_gradient(values: Array, targets: Array, alive: Array) -> Array:
    """Return the gradient in the values, eq. (4). [N T, M] each"""
    return np.asarray(0.5 * (targets - values) * alive, dtype=values.dtype)


def clip_norm(g: Tree, limit: float) -> Tree:
    """Return the gradient `g`, scaled down to the norm `limit` if it is longer, eq. (5)."""
    norm = float(np.sqrt(sum(np.square(leaf, dtype=float).sum() for leaf in g.values())))
    return trees.scale(g, limit / norm) if norm > limit else g
