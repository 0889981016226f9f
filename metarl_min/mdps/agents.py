"""Agents: players that remember the trial, and the loop that plays one trial.

An agent knows a task only from the states, actions and rewards of the trial. The agent keeps its
knowledge of the task in a memory. An agent is a record of four functions. Each function returns a
new memory, and does not change the old memory. The functions are called in this order:

    memory = start(B)                                                     before the trial
        memory = begin_episode(rng, memory)                               before each episode
            actions, memory = act(rng, memory, states)                    in each step
            memory = observe(memory, states, actions, rewards, arrivals)  in each step

In this module, `arrivals` are the next states. One agent plays B tasks at once, and each array has
one entry for each task. If an episode of a task ends before step T, the agent still acts and
observes in this task until step T, with rewards of 0.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import function, generator, indices, instance, shaped, whole
from metarl_min.basics.random_numbers import CommonRandomNumbers
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Array, Rng
from metarl_min.mdps.episodes import Episodes
from metarl_min.mdps.mdp import MAX_COUNT
from metarl_min.mdps.rollouts import Sampler, arrive, first_states


def _check(*functions: Any) -> tuple[Any, ...]:
    for name, value in zip(("start", "begin_episode", "act", "observe"), functions, strict=True):
        function(name, value)
    return functions


@checked(_check)
class Agent(NamedTuple):
    """A player with a memory, as four functions."""

    start: Callable[[int], Any]  # B -> memory
    begin_episode: Callable[[Rng, Any], Any]  # (rng, memory) -> memory
    act: Callable[[Rng, Any, Array], tuple[Array, Any]]
    # (rng, memory, states [B]) -> (actions [B], memory)
    observe: Callable[[Any, Array, Array, Array, Array], Any]
    # (memory, states, actions, rewards, arrivals), arrays [B] -> memory


def keep_memory(rng: Rng, memory: Any) -> Any:
    """Return the memory unchanged: a `begin_episode` that does nothing."""
    return memory


def take_step(
    rng: Any, tables: Sampler, table_rows: Array, actions: Array, alive: Array
) -> tuple[Array, Array, Array]:
    """Take one action in each task. -> rewards [B], the next table rows [B], the next `alive` [B]

    `table_rows` [B] holds `task * S + s` for the present state s of each task, and `alive` [B] says
    whether the step is alive. This function trusts its arguments.
    """
    # The module rollouts defines the index of a pair and the index of an arrival.
    arrival_index = arrive(rng, tables, table_rows * tables.shape[1] + actions)
    next_rows = tables.arrivals.take(arrival_index)  # `take` reads the flattened table
    rewards = tables.noise(rng, tables.rewards.take(arrival_index))
    if not tables.may_end:
        return rewards, next_rows, alive
    return np.where(alive, rewards, 0.0), next_rows, alive & ~tables.absorbing.take(next_rows)


def _step(
    rng: Any,
    tables: Sampler,
    agent: Agent,
    memory: Any,
    table_rows: Array,
    first_rows: Array,
    alive: Array,
) -> tuple[tuple[Array, ...], Any, Array, Array]:
    """Play one step. `first_rows` [B] has the table row of the first state of each task.

    -> states, actions, rewards and alive, each [B]; the memory; the table rows [B]; `alive` [B]
    """
    A, states = tables.shape[1], table_rows - first_rows
    actions, memory = agent.act(rng, memory, states)
    shaped("actions", indices("actions", actions, A), states.shape, "the states")
    rewards, next_rows, next_alive = take_step(rng, tables, table_rows, actions, alive)
    memory = agent.observe(memory, states, actions, rewards, next_rows - first_rows)
    return (states, actions, rewards, alive), memory, next_rows, next_alive


def _record(
    steps: list[tuple[Array, ...]], last_arrivals: list[Array], axes: tuple[int, ...]
) -> Episodes:
    """Return the episodes of a list of steps and of a list of the last arrivals, arrays [B]."""
    fields = zip(*steps, strict=True)  # states, actions, rewards, alive: each a list over time
    # Each list is [N T, B], and one transposed copy is faster than a stack along the last axis.
    by_step = [np.array(x).T.reshape(axes) for x in fields]
    return Episodes._make([*by_step, np.array(last_arrivals).T.reshape(axes[:-1])])


def play(
    rng: Rng,
    tables: Sampler,
    agent: Agent,
    num_episodes: int,
    horizon: int,
    population: int | None = None,
) -> tuple[Episodes, Any]:
    """Play one trial of an agent on each task. -> episodes [..., N, T], the last memory

    Without a population, B is the number M of tasks. With a population, B = P * M: the M tasks of
    the first member come first, then the M tasks of the next member. All members get the same
    random numbers, and the episodes are [P, ..., N, T].
    """
    generator("rng", rng)
    instance("tables", tables, Sampler)
    instance("agent", agent, Agent)
    num_episodes = whole("num_episodes", num_episodes, high=MAX_COUNT)
    horizon = whole("horizon", horizon, high=MAX_COUNT)
    if population is not None:
        population = whole("population", population, high=MAX_COUNT)
    P = population or 1
    leading = tables.leading if population is None else (P, *tables.leading)
    common: Any = rng if population is None else CommonRandomNumbers(rng, P, axis=0)
    task = np.tile(np.arange(math.prod(tables.leading)), P)
    first_rows = task * tables.shape[0]
    memory, steps, ends = agent.start(len(task)), [], []
    for _ in range(num_episodes):
        memory = agent.begin_episode(common, memory)
        table_rows = first_states(common, tables, task)
        alive = np.ones(len(task), bool)
        for _ in range(horizon):
            step, memory, table_rows, alive = _step(
                common, tables, agent, memory, table_rows, first_rows, alive
            )
            steps.append(step)
        ends.append(table_rows - first_rows)
    return _record(steps, ends, (*leading, num_episodes, horizon)), memory
