"""Actor-critic over a row of steps: advantages, and gradients in logits and values. Never traced.

Steps that are not alive are left out of the row, and have gradient 0. For w the ratio of the
policy to the one that played, and eta the weight of the entropy:

    (1)  A_t = delta_t + gamma lambda A_{t+1},  delta_t = r_t + gamma v_{t+1} - v_t, with
         A = v = 0 after the last step                     [Schulman et al. 2016, eqs. 11, 16]
    (2)  df/dz_t = k_t w_t A_t (1{a_t} - pi_t) + eta dentropy/dz_t,  w_t = pi_t(a_t) / old_t(a_t),
         k_t = 0 where w_t > 1 + clip and A_t > 0, or w_t < 1 - clip and A_t <= 0, else 1
                                       [Mnih et al. 2016; Schulman et al. 2017, eq. 7]
    (3)  dentropy/dz = -pi (log pi + entropy)                    [derivative of policies (5)]
    (4)  df/dv_t = c (A_t + v_old,t - v_t), c = 1/2      [Wang et al. 2016; definition of c]
    (5)  g min(1, limit / |g|)                                   [Pascanu et al. 2013]
"""

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.trees import Array, Tree
from metarl_min.mdps.policies import log_softmax, sum_over_actions


def advantages(rewards: Array, values: Array, alive: Array, gamma: float, gae: float) -> Array:
    """Eq. (1) over the steps that are alive; 0 at the others. [D, M] each, time first"""
    found, later, after = np.zeros_like(values), 0.0 * values[0], 0.0 * values[0]
    for t in range(len(rewards) - 1, -1, -1):
        A = rewards[t] + gamma * after - values[t] + gamma * gae * later
        found[t] = np.where(alive[t], A, 0)
        later, after = np.where(alive[t], A, later), np.where(alive[t], values[t], after)
    return found


def logit_gradient(
    logits: Array, old: Array, onehot: Array, A: Array, alive: Array, eta: float, clip: float
) -> Array:
    """Gradient in the logits, eqs. (2), (3). logits [D, M, K], old log-probabilities [D, M]"""
    log_probs = log_softmax(logits)
    probs = np.exp(log_probs)
    ratio = np.exp(sum_over_actions(log_probs * onehot)[..., 0] - old)
    clipped = np.where(A > 0, ratio > 1 + clip, ratio < 1 - clip)
    weight = np.where(clipped, 0, ratio * A)[..., None]
    entropy = -sum_over_actions(probs * log_probs)
    u = weight * (onehot - probs) - eta * probs * (log_probs + entropy)
    return np.asarray(u * alive[..., None], dtype=logits.dtype)


def value_gradient(values: Array, targets: Array, alive: Array) -> Array:
    """Gradient in the values, eq. (4). [D, M] each"""
    return np.asarray(0.5 * (targets - values) * alive, dtype=values.dtype)


def clip_norm(g: Tree, limit: float) -> Tree:
    """Scale a gradient down to the norm `limit`, eq. (5)."""
    norm = float(np.sqrt(sum(np.square(x, dtype=float).sum() for x in g.values())))
    return trees.scale(g, limit / norm) if norm > limit else g
