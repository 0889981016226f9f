"""The record of sampled episodes."""

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import floats, indices, require, shaped, truths
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Array


def _check(
    states: Any, actions: Any, rewards: Any, alive: Any, last_arrivals: Any
) -> tuple[Any, Any, Any, Any, Any]:
    """Return the five fields; TypeError or ValueError unless they are episodes."""
    indices("states", states, sys.maxsize)
    floats("rewards", rewards)
    truths("alive", alive)
    fits = states.ndim >= 2 and min(states.shape[-2:]) > 0
    rule = "episodes must have the shape [..., N, T] with N and T at least 1"
    require(fits, rule, states.shape)
    for name, other in (("rewards", rewards), ("alive", alive)):
        shaped(name, other, states.shape, "states")
    shaped("actions", indices("actions", actions, sys.maxsize), states.shape, "states")
    if last_arrivals is not None:
        indices("last_arrivals", last_arrivals, sys.maxsize)
        shaped("last_arrivals", last_arrivals, states.shape[:-1], "states without the axis T")
    return states, actions, rewards, alive, last_arrivals


@checked(_check)
class Episodes(NamedTuple):
    """Sampled episodes [..., N, T]. The leading axes belong to the tasks.

    `last_arrivals` are the states in which the last steps end, or None if they are not known.
    TypeError or ValueError if a field is not of the kind below, or if a shape differs.
    """

    states: Array  # [..., N, T] whole numbers
    actions: Array  # [..., N, T] whole numbers
    rewards: Array  # [..., N, T] sampled rewards
    alive: Array  # [..., N, T] False for steps after the arrival in an absorbing state
    last_arrivals: Array | None = None  # [..., N] the arrival of the last step of each episode


def map_fields(function: Callable[..., Array], *records: Episodes) -> Episodes:
    """Apply `function` to each field of the records, and return the results as episodes.

    The arguments of `function` are the arrays of one field, one array for each record. The result
    has `last_arrivals` only if all records have them. `map_fields` trusts its arguments.
    """
    fields = zip(*records, strict=True)
    return Episodes._make(None if any(x is None for x in xs) else function(*xs) for xs in fields)


def sum_of_steps(rewards: Array, unit: float) -> Array:
    """Return the sum of the rewards of each episode, in multiples of `unit`. [..., T] -> [...]

    The steps are added one after the other. `np.sum` adds in an order that depends on the layout of
    the array in memory, and the layout can depend on the number of members.
    """
    return np.asarray(sum(step / unit for step in np.moveaxis(rewards, -1, 0)))
