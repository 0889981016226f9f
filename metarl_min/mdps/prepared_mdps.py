"""An MDP that is checked once, together with its horizon and discount.

A learner prepares its tasks once. The functions of the next file, values.py, whose names begin with
`prepared_` then compute without further checks.
"""

from typing import Any, NamedTuple

import autograd.numpy as np
import numpy as onp
from autograd.tracer import isbox

from metarl_min.basics.arguments import probabilities, real, require, whole
from metarl_min.basics.trees import Array
from metarl_min.mdps.mdp import MDP, expected_rewards


class PreparedMDP(NamedTuple):
    """An MDP with its mean rewards, horizon and discount."""

    initial: Array  # [..., S] rho
    transition: Array  # [..., S, A, S] P(s'|s,a)
    rewards: Array  # [..., S, A] mean rewards, mdp (1)
    horizon: int | None  # T; None if it is infinite
    gamma: float  # discount
    leading: tuple[int, ...]  # leading axes of the tasks


def prepare_traced(mdp: MDP, horizon: int | None, gamma: float = 1.0) -> PreparedMDP:
    """Return the MDP with horizon and discount. Autograd may differentiate its arrays."""
    real("gamma", gamma, 0, 1)
    if horizon is None:
        require(gamma < 1, "gamma must be below 1 where the horizon is infinite", gamma)
    else:
        whole("horizon", horizon)
    return PreparedMDP(
        initial=mdp.initial,
        transition=mdp.transition,
        rewards=expected_rewards(mdp),
        horizon=horizon,
        gamma=gamma,
        leading=mdp.leading,
    )


def prepare(mdp: MDP, horizon: int | None, gamma: float = 1.0) -> PreparedMDP:
    """Return the MDP with horizon and discount. TypeError unless its arrays are plain arrays."""
    if not isinstance(mdp, MDP) or any(isbox(array) for array in mdp):
        raise TypeError(f"mdp must be an MDP of plain arrays, got {type(mdp).__name__}")
    return prepare_traced(mdp, horizon, gamma)


def broadcast(probs: Any, prepared: PreparedMDP) -> Any:
    """Return `probs` [..., S, A] with all leading axes of the policy and of the MDP.

    Autograd may trace `probs`.
    """
    shape = prepared.rewards.shape[-2:]
    rule = f"logits and probs must have shape [..., {shape[0]}, {shape[1]}]"
    require(np.shape(probs)[-2:] == shape, rule, np.shape(probs))
    leading = onp.broadcast_shapes(prepared.leading, np.shape(probs)[:-2])
    # Adding zeros broadcasts, also under a trace.
    return probs if np.shape(probs)[:-2] == leading else probs + onp.zeros((*leading, 1, 1))


def prepare_with_policy(
    mdp: MDP, probs: Any, horizon: int | None, gamma: float
) -> tuple[Any, PreparedMDP]:
    """Return `broadcast(probs)` and the prepared MDP.

    TypeError or ValueError if one of them is not valid, or if their shapes do not fit.
    """
    prepared, shape = prepare(mdp, horizon, gamma), np.shape(probs)
    rule = f"probs must have shape [..., S, A] = [..., {mdp.shape[0]}, {mdp.shape[1]}]"
    require(shape[-2:] == mdp.shape, rule, shape)
    if not isbox(probs):
        probabilities("probs", probs)
    try:
        return broadcast(probs, prepared), prepared
    except ValueError:
        rule = f"leading axes of probs must be equal to those of the MDP, {mdp.leading}, or 1"
        raise ValueError(f"{rule}, got {shape[:-2]}") from None
