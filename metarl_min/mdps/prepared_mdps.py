"""An MDP that is checked once, together with its horizon and discount.

A learner prepares its tasks once. Then the functions of `values` with names that begin with
`prepared_` compute without further checks.
"""

from typing import Any, NamedTuple

import autograd.numpy as np
import numpy as onp
from autograd.tracer import isbox

from metarl_min.basics.arguments import instance, probabilities, real, require, whole
from metarl_min.basics.trees import Array
from metarl_min.mdps.mdp import MAX_COUNT, MDP, expected_rewards, plain


class PreparedMDP(NamedTuple):
    """An MDP with its mean rewards, horizon and discount."""

    initial: Array  # [..., S] rho
    transition: Array  # [..., S, A, S] P(s'|s,a)
    rewards: Array  # [..., S, A] mean rewards, mdp (1)
    horizon: int | None  # T; None means infinite
    gamma: float  # discount
    leading: tuple[int, ...]  # leading axes of the tasks


def prepare_traced(mdp: MDP, horizon: int | None, gamma: float = 1.0) -> PreparedMDP:
    """Return the MDP with its horizon and discount. Autograd may trace the arrays of the MDP."""
    instance("mdp", mdp, MDP)
    gamma = real("gamma", gamma, 0, 1)
    rule = "gamma must be below 1 where the horizon is infinite"
    require(horizon is not None or gamma < 1, rule, gamma)
    return PreparedMDP(
        initial=mdp.initial,
        transition=mdp.transition,
        rewards=expected_rewards(mdp),
        horizon=None if horizon is None else whole("horizon", horizon, high=MAX_COUNT),
        gamma=gamma,
        leading=mdp.leading,
    )


def prepare(mdp: MDP, horizon: int | None, gamma: float = 1.0) -> PreparedMDP:
    """Return the MDP with its horizon and discount.

    TypeError if autograd traces an array of the MDP.
    """
    return prepare_traced(plain("mdp", mdp), horizon, gamma)


def broadcast(probs: Any, prepared: PreparedMDP) -> Any:
    """Return `probs` [..., S, A]. Its leading axes are broadcast with those of the MDP.

    Autograd may trace `probs`.
    """
    shape = prepared.rewards.shape[-2:]
    rule = f"logits and probs must have shape [..., {shape[0]}, {shape[1]}]"
    require(np.shape(probs)[-2:] == shape, rule, np.shape(probs))
    leading = onp.broadcast_shapes(prepared.leading, np.shape(probs)[:-2])
    # The sum with an array of zeros has the full shape, and autograd can trace a sum.
    return probs if np.shape(probs)[:-2] == leading else probs + onp.zeros((*leading, 1, 1))


def fitted(probs: Any, prepared: PreparedMDP) -> Any:
    """Return `broadcast(probs)`.

    TypeError or ValueError unless `probs` is a policy of the MDP. If autograd traces `probs`, only
    the shape of `probs` is checked.
    """
    if not isbox(probs):
        probabilities("probs", probs)
    rewards = instance("prepared", prepared, PreparedMDP).rewards
    shape, (S, A) = np.shape(probs), rewards.shape[-2:]
    require(shape[-2:] == (S, A), f"probs must have shape [..., S, A] = [..., {S}, {A}]", shape)
    try:
        return broadcast(probs, prepared)
    except ValueError:
        rule = f"leading axes of probs must be equal to those of the MDP, {prepared.leading}, or 1"
        raise ValueError(f"{rule}, got {shape[:-2]}") from None


def prepare_with_policy(
    mdp: MDP, probs: Any, horizon: int | None, gamma: float
) -> tuple[Any, PreparedMDP]:
    """Return `fitted(probs)` and the prepared MDP.

    TypeError if autograd traces an array of the MDP. Autograd may trace `probs`.
    """
    prepared = prepare(mdp, horizon, gamma)
    return fitted(probs, prepared), prepared


def matrix_and_rewards(probs: Array, prepared: PreparedMDP) -> tuple[Array, Array]:
    """Return gamma P_pi [..., S, S], and r_pi(s) = sum_a pi(a|s) r(s,a) [..., S].

    Both are linear in pi. So if `probs` [..., S, A] is a direction v, the function returns their
    derivatives along v.
    """
    P_pi = onp.matmul(probs[..., None, :], prepared.transition)[..., 0, :]
    return prepared.gamma * P_pi, onp.einsum("...a,...a", probs, prepared.rewards)


def next_values(V: Array, prepared: PreparedMDP) -> Array:
    """Return gamma sum_s' P(s'|s,a) V(s'). V [..., S] -> [..., S, A]"""
    P = prepared.transition
    rows = P.reshape(*P.shape[:-3], -1, P.shape[-1])  # a row for each pair of a state and an action
    future = prepared.gamma * onp.matmul(rows, V[..., None])[..., 0]
    return future.reshape(*future.shape[:-1], *P.shape[-3:-1])
