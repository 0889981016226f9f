"""The record of sampled episodes."""

import sys
from typing import Any, NamedTuple

from metarl_min.basics.arguments import floats, indices, require, shaped, truths
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Array


def _check(states: Any, actions: Any, rewards: Any, alive: Any) -> tuple[Any, Any, Any, Any]:
    """Return the four arrays; TypeError or ValueError unless they are episodes."""
    indices("states", states, sys.maxsize)
    floats("rewards", rewards)
    truths("alive", alive)
    fits = states.ndim >= 2 and min(states.shape[-2:]) > 0
    rule = "episodes must have the shape [..., N, T] with N and T at least 1"
    require(fits, rule, states.shape)
    for name, other in (("rewards", rewards), ("alive", alive)):
        shaped(name, other, states.shape, "states")
    shaped("actions", indices("actions", actions, sys.maxsize), states.shape, "states")
    return states, actions, rewards, alive


@checked(_check)
class Episodes(NamedTuple):
    """Sampled episodes [..., N, T]. The leading axes belong to the tasks.

    TypeError or ValueError if an entry is not of the kind below, or if the four shapes differ.
    """

    states: Array  # [..., N, T] whole numbers
    actions: Array  # [..., N, T] whole numbers
    rewards: Array  # [..., N, T] sampled rewards
    alive: Array  # [..., N, T] False for steps after the arrival in an absorbing state
