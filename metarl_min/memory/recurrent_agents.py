"""A network with a memory as an Agent: what it sees at each step of a trial, and what is kept.

    (1)  h_{t+1} = f(h_t, x_t), x_t = (state, previous action, previous reward, start of an
         episode): kept through the episodes of a trial, empty on the next task
                                                          [Duan et al. 2016; Wang et al. 2016]

Time runs over all steps of a trial, one row of D = N T.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.mdps.rollouts import Agent
from metarl_min.memory.recurrent_policies import RecurrentPolicy


class Memory(NamedTuple):
    """What goes from step to step of a trial, for all tasks at once."""

    memory: Any
    previous: Array  # [M, A + 1] one-hot previous action, previous reward
    starts: bool


class Trace(NamedTuple):
    """Every step of a trial, time first, filled as it is played."""

    observations: list[Array]  # [M, I]
    memories: list[Any]  # before each step, and after the last
    logits: list[Array]  # [M, A]
    values: list[Array]  # [M]


def observation(states: Array, previous: Array, starts: bool, num_states: int) -> Array:
    """One-hot state and previous action, previous reward, start of an episode. [M, S + A + 2]"""
    x = np.zeros((len(states), num_states + previous.shape[-1] + 1), previous.dtype)
    x[np.arange(len(states)), states] = 1
    x[:, num_states:-1] = previous
    x[:, -1] = starts
    return x


def sample_actions(rng: Rng, logits: Array) -> Array:
    """Actions of a softmax policy by inversion, rollouts (1). [M, A] -> [M]"""
    columns = np.ascontiguousarray(logits.T)
    sums = np.exp(columns - columns.max(0)).cumsum(0)
    u = rng.random(sums.shape[1:]) * sums[-1]
    return np.asarray((u >= sums).sum(0))


def agent(
    policy: RecurrentPolicy, theta: Tree, shape: tuple[int, int], greedy: bool,
    record: Trace | None = None,
) -> Agent:  # fmt: skip
    """Play `theta` with the memory of eq. (1), keeping every step in `record`, if given."""
    (S, A), dtype = shape, next(iter(theta.values())).dtype

    def start(num_tasks: int) -> Memory:
        memory = policy.initial_memory(theta, num_tasks)  # empty on every task
        if record is not None:
            record.memories.append(memory)
        return Memory(memory, np.zeros((num_tasks, A + 1), dtype), True)

    def begin(rng: Rng, carry: Memory) -> Memory:
        return carry._replace(starts=True)  # the memory is kept

    latest: list[Any] = []  # the memory, from `act` to `observe`

    def act(rng: Rng, carry: Memory, states: Array) -> Array:
        x = observation(states, carry.previous, carry.starts, S)
        memory, logits, values = policy.step(theta, carry.memory, x)
        latest[:] = [memory]
        if record is not None:
            for kept, new in zip(record, (x, memory, logits, values), strict=True):
                kept.append(new)
        return np.argmax(logits, axis=-1) if greedy else sample_actions(rng, logits)

    def observe(carry: Memory, states: Array, actions: Array, rewards: Array, _: Array) -> Memory:
        previous = np.zeros_like(carry.previous)
        previous[np.arange(len(actions)), actions] = 1
        previous[:, -1] = rewards
        return Memory(latest[0], previous, False)

    return Agent(start, begin, act, observe)


def time_first(x: Array) -> Array:
    """[M, N, T] -> [N T, M]"""
    return np.ascontiguousarray(x.reshape(len(x), -1).T)
