"""Actor-critic: advantages over a trial, and the gradients in the logits and in the values.

The steps of a trial form one sequence of N T steps for each of M tasks. Time is the first axis of
all arrays. A step that is not alive comes after the end of its episode. The formulas skip such a
step, and its advantage and its gradients are 0. So in (1), t + 1 is the next step that is alive.

The policy pi_old played the trial, and V_old are its values. The error delta_t compares V_old,t
with the reward r_t and the value of the next step. In this module, Adv_t is the sum of delta_t and
all later errors, where gamma lambda is the discount of one step. If lambda = 0, Adv_t is delta_t.
If lambda = 1, Adv_t is W - b as in the module `returns`: W is the discounted return from step t on,
and b is V_old,t:

    (1)  Adv_t = delta_t + gamma lambda Adv_{t+1},  delta_t = r_t + gamma V_old,{t+1} - V_old,t,
         with Adv = V_old = 0 after the last step          [Schulman et al. 2016, eqs. 11, 16]

The sequence is not cut between episodes, because exploration in one episode earns reward in the
next.

The training increases a function f of the logits z and the values V of the present policy pi. An
ascent is one change of theta that uses the gradient of f. Several ascents may use the same trials,
so pi may differ from pi_old. Let ratio_t = pi(a_t) / pi_old(a_t). Let Ent_t = -sum_a pi_t log pi_t
be the entropy of pi at step t. The target of V_t is the constant target_t = Adv_t + V_old,t. In
this module, eps limits the distance of a ratio from 1:

    (2)  f = sum_t ( min(ratio_t Adv_t, clip(ratio_t, 1 - eps, 1 + eps) Adv_t)
                     + eta Ent_t - (target_t - V_t)^2 / 4 )
                                           [Schulman et al. 2017, eqs. 7, 9; Mnih et al. 2016]

In (2), the second argument of the min is called the clip term. It is constant if the ratio is more
than eps away from 1. If such a ratio moves farther away from 1, the min does not grow: either it is
the constant clip term, or it falls. The factor 1/4 is a product: 1/2 is the usual factor of a
squared error, and another 1/2 is the weight of the values. The gradients of f are:

    (3)  df/dz_t = k_t ratio_t Adv_t (1{a_t} - pi_t) + eta dEnt_t/dz_t,
         k_t = 0 if the clip term of (2) is less than ratio_t Adv_t, else 1   [derivative of (2)]
    (4)  dEnt/dz = -pi (log pi + Ent)                              [derivative of policies (5)]
    (5)  df/dV_t = (target_t - V_t) / 2                                       [derivative of (2)]

Here 1{a_t} is the one-hot vector of the action.

    Derivation of (3): dlog pi(a)/dz = 1{a} - pi, so ratio has the derivative ratio (1{a} - pi).
    The clip term is less than ratio Adv in two cases: Adv > 0 and ratio > 1 + eps, or Adv < 0 and
    ratio < 1 - eps. In these cases the clip term is constant, so k_t = 0.
    Derivation of (4): dEnt/dpi = y with y = -(log pi + 1), and sum_a pi y = Ent - 1.
    By policies (3), the gradient y in pi becomes the gradient pi (y - sum_a pi y) in z.
    This gradient is pi (-log pi - 1 - Ent + 1), which is (4).

In the first ascent, pi = pi_old. So ratio_t = 1 and k_t = 1, and (3) is the gradient of an
actor-critic without ratios.

If a gradient g is longer than a limit, it is scaled down to this length:

    (6)  g min(1, limit / |g|)                                   [Pascanu et al. 2013]
"""

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.arguments import array, floats, instance, real, require, shaped, truths
from metarl_min.basics.trees import Array, Tree
from metarl_min.mdps.policies import log_softmax, sum_over_actions

CLIP_RULE = "clip must be positive"


def _check_steps(alive: Array, **arrays: Array) -> None:
    """Raise an error unless `alive` is [N T, M], and the arrays are finite and [N T, M] too."""
    fits = truths("alive", alive).ndim == 2 and alive.size > 0
    require(fits, "alive must have the axes [N T, M]", alive.shape)
    for name, x in arrays.items():
        shaped(name, floats(name, x), alive.shape, "alive")


def _check_actions(logits: Array, onehot: Array) -> tuple[int, ...]:
    """Return the axes [N T, M]. Raise an error unless both arguments are [N T, M, A]."""
    shape = floats("logits", logits).shape
    require(len(shape) == 3, "logits must have the axes [N T, M, A]", shape)
    floats("onehot", shaped("onehot", onehot, shape, "the logits"), 0, 1)
    return shape[:2]


def advantages(
    rewards: Array, values: Array, alive: Array, gamma: float, gae_lambda: float
) -> Array:
    """Return the advantages, eq. (1). They are 0 at steps that are not alive. [N T, M] each

    >>> rewards, values = np.array([[1.0], [2.0]]), np.array([[0.5], [0.5]])
    >>> advantages(rewards, values, np.array([[True], [True]]), gamma=1.0, gae_lambda=1.0)
    array([[2.5],
           [1.5]])
    """
    _check_steps(alive, rewards=rewards, values=values)
    gamma, gae_lambda = real("gamma", gamma, 0, 1), real("gae_lambda", gae_lambda, 0, 1)
    next_values = np.zeros_like(values)
    next_values[:-1] = values[1:]
    if not alive.all():  # take the value of the next step that is alive
        for t in range(len(values) - 2, -1, -1):
            next_values[t] = np.where(alive[t + 1], values[t + 1], next_values[t + 1])
    # A step that is not alive passes the advantage of the next step on: delta = 0, discount = 1.
    result = np.where(alive, rewards + gamma * next_values - values, 0)
    discount = np.where(alive, gamma * gae_lambda, 1).astype(result.dtype)
    for t in range(len(values) - 2, -1, -1):
        result[t] += discount[t] * result[t + 1]
    result = np.where(alive, result, 0).astype(values.dtype, copy=False)
    if not np.isfinite(result).all():
        raise FloatingPointError("advantages must be finite, got sums that are too large")
    return result


def log_probs_of_actions(logits: Array, onehot: Array) -> Array:
    """Return the log-probabilities of the taken actions. Both arguments [N T, M, A] -> [N T, M]"""
    _check_actions(logits, onehot)
    log_probs = sum_over_actions(log_softmax(logits) * onehot)  # keeps the axis A with length 1
    return np.asarray(log_probs[..., 0])


def logit_gradient(
    logits: Array,
    old_log_probs: Array,
    onehot: Array,
    adv: Array,
    alive: Array,
    entropy_weight: float,
    clip: float,
) -> Array:
    """Return the gradient of f, eq. (2), in the logits, by eqs. (3) and (4). [N T, M, A]

    `logits` and `onehot`, the one-hot actions, are [N T, M, A]. `old_log_probs` [N T, M] are the
    log-probabilities of the actions under pi_old. `adv` and `alive` are [N T, M] too.
    `entropy_weight` is eta. `clip` is eps and may be infinite.
    """
    _check_steps(alive, old_log_probs=old_log_probs, adv=adv)
    shaped("logits", alive, _check_actions(logits, onehot), "alive")
    real("entropy_weight", entropy_weight, 0)
    # A float may be infinite, which `real` does not accept.
    require((clip if isinstance(clip, float) else real("clip", clip)) > 0, CLIP_RULE, clip)
    log_probs = log_softmax(logits)
    probs = np.exp(log_probs)
    ratio = np.exp(sum_over_actions(log_probs * onehot)[..., 0] - old_log_probs)
    clipped = np.where(adv > 0, ratio > 1 + clip, ratio < 1 - clip)
    weight = np.where(clipped, 0, ratio * adv)[..., None]
    entropy = -sum_over_actions(probs * log_probs)
    u = weight * (onehot - probs) - entropy_weight * probs * (log_probs + entropy)
    return np.asarray(u * alive[..., None], dtype=logits.dtype)


def value_gradient(values: Array, targets: Array, alive: Array) -> Array:
    """Return the gradient of f in the values, eq. (5). [N T, M] each"""
    _check_steps(alive, values=values, targets=targets)
    return np.asarray(0.5 * (targets - values) * alive, dtype=values.dtype)


def _norm(g: Tree) -> float:
    with np.errstate(over="ignore"):
        return float(np.sqrt(sum(np.square(leaf, dtype=float).sum() for leaf in g.values())))


def clip_norm(g: Tree, limit: float) -> tuple[Tree, float]:
    """Return the gradient `g`, scaled down to the length `limit` if it is longer, eq. (6).

    The second result is the length of `g`. FloatingPointError if the gradient is not finite.
    """
    require(real("limit", limit) > 0, "limit must be positive", limit)
    for name, leaf in instance("g", g, dict).items():
        array(f"gradient {name!r}", leaf)
    norm = _norm(g)
    if np.isfinite(norm):
        return (trees.scale(g, limit / norm) if norm > limit else g), norm
    largest = float(np.max([np.abs(leaf).max(initial=0.0) for leaf in g.values()]))
    if not np.isfinite(largest):
        raise FloatingPointError(f"a gradient must be finite, got an entry {largest}")
    # The sum of the squares of g is too large for a float. The squares of g_short are at most 1.
    # The length of g_short is |g| / largest.
    g_short = trees.scale(g, 1 / largest)
    norm = _norm(g_short)
    return (trees.scale(g_short, limit / norm) if norm > limit / largest else g), norm * largest
