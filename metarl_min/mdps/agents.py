"""Agents: players that remember the trial, and the loop in which they play it."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import require, whole
from metarl_min.basics.trees import Array, Rng
from metarl_min.mdps.rollouts import (
    CommonRandomNumbers,
    Episodes,
    Sampler,
    arrive,
    first_states,
    leading_axes,
)


class Agent(NamedTuple):
    """A player that sees a task only through its history: B copies act at once, one a row."""

    start: Callable[[int], Any]  # num_rows -> memory, before the trial
    begin_episode: Callable[[Rng, Any], Any]  # memory -> memory, before each episode
    act: Callable[[Rng, Any, Array], tuple[Array, Any]]  # memory, states [B] -> actions [B], memory
    observe: Callable[[Any, Array, Array, Array, Array], Any]
    # memory, states, actions, rewards, arrivals [B] -> memory


def keep_memory(rng: Rng, memory: Any) -> Any:
    """Return the memory unchanged: the `begin_episode` of an agent that episodes do not matter to."""
    return memory


def play(
    rng: Rng,
    sampler: Sampler,
    agent: Agent,
    num_episodes: int,
    horizon: int,
    population: int | None = None,
) -> tuple[Episodes, Any]:
    """Play one trial of an agent on each task, and return the episodes and the last memory.

    The episodes have axes [..., N, T]. With a `population` of P members the rows of the agent are
    (member, task), and all members meet the same random numbers; the episodes are [P, ..., N, T].
    """
    whole("num_episodes", num_episodes)
    whole("horizon", horizon)
    (S, A), P = sampler.shape, population or 1
    leading = leading_axes(sampler, population)
    common: Any = rng if population is None else CommonRandomNumbers(rng, P, 0)
    task = np.tile(np.arange(math.prod(sampler.leading)), P)
    memory, steps = agent.start(len(task)), []
    for _ in range(num_episodes):
        memory = agent.begin_episode(common, memory)
        g, alive = first_states(common, sampler, task), np.ones(len(task), bool)
        for _ in range(horizon):
            states = g - task * S
            actions, memory = agent.act(common, memory, states)
            inside = bool(((actions >= 0) & (actions < A)).all())
            require(inside, f"actions must be from 0 to {A - 1}", actions)
            arrived = arrive(common, sampler, g * A + actions)
            noisy = sampler.noise(common, sampler.rewards.ravel()[arrived])
            rewards, g = np.where(alive, noisy, 0.0), sampler.arrivals.ravel()[arrived]
            memory = agent.observe(memory, states, actions, rewards, g - task * S)
            steps.append((states, actions, rewards, alive))
            alive = alive & ~sampler.absorbing[g]
    axes = (*leading, num_episodes, horizon)
    columns = (np.stack(x, axis=-1).reshape(axes) for x in zip(*steps, strict=True))
    return Episodes._make(columns), memory
