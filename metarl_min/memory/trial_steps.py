"""Trials that are played step by step.

`agents.play` calls the player. In an environment of Gymnasium, the player makes the calls: `begin`
once for each trial, and then `advance` once for each step. With the same actions and random
numbers, the tasks, the rewards and the observations are equal to those of `tasks.play_trial` with a
recurrent agent, bit for bit.

A trial has N T steps, and all M trials take them at the same time. After step T of an episode that
is not the last one, the next episode begins: a new first state is drawn, and the arrival of step T
is not observed. After the last step of the trial, the arrival of this step is observed. An episode
that has reached an absorbing state goes on until its step T, and its rewards are 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from metarl_min.basics.arguments import generator, indices, instance, real, require, shaped, whole
from metarl_min.basics.trees import Array, Rng
from metarl_min.mdps import agents, rollouts
from metarl_min.mdps.mdp import MAX_COUNT
from metarl_min.mdps.rollouts import Sampler
from metarl_min.memory import recurrent_agents
from metarl_min.memory.recurrent_agents import Memory
from metarl_min.tasks import Family

DTYPE = np.float32  # of the observations, because networks compute in it


class Taken(NamedTuple):
    """One step that was taken in each of M trials."""

    states: Array  # [M]
    actions: Array  # [M]
    rewards: Array  # [M]
    arrivals: Array  # [M]
    alive: Array  # [M] whether the step was alive


class Trials(NamedTuple):
    """M trials between two steps. Only `tables` contains the hidden tasks."""

    family: Family
    unit: float  # an observed reward is divided by this number
    tables: Sampler  # the probabilities and rewards of the M tasks, as rollouts looks them up
    table_rows: Array  # [M] task * S + s for the present state s
    alive: Array  # [M] whether the next step is alive
    memory: Memory  # the last action and reward, for recurrent_agents (1); policy_memory is None
    history: tuple[Taken, ...]  # all steps of the trials so far


def _first_rows(rng: Rng, tables: Sampler) -> tuple[Array, Array]:
    """Draw the first states of an episode. -> table rows [M], `alive` [M]"""
    task = np.arange(tables.leading[0])
    return rollouts.first_states(rng, tables, task), np.ones(len(task), bool)


def begin(rng: Rng, family: Family, unit: float, num_trials: int) -> Trials:
    """Draw a task for each of M trials, and the first state of each first episode.

    Observed rewards are divided by `unit`, for example `tasks.reward_unit(family)`.
    """
    instance("family", family, Family)
    M, unit = whole("num_trials", num_trials, high=MAX_COUNT), real("unit", unit)
    require(unit > 0, "unit must be positive", unit)
    tables = rollouts.sampler(family.sample(generator("rng", rng), M), family.reward_noise)
    require(tables.leading == (M,), f"family.sample must return {M} tasks", tables.leading)
    rows, alive = _first_rows(rng, tables)
    return Trials(
        family=family,
        unit=unit,
        tables=tables,
        table_rows=rows,
        alive=alive,
        memory=recurrent_agents.empty_memory(None, M, tables.shape[1], DTYPE),
        history=(),
    )


def present_states(trials: Trials) -> Array:
    """Return the present state of each trial. [M]"""
    (M,), (S, _) = instance("trials", trials, Trials).tables.leading, trials.tables.shape
    return np.asarray(trials.table_rows - np.arange(M) * S)


def is_over(trials: Trials) -> bool:
    """Return whether the trials have taken all their N T steps."""
    family = instance("trials", trials, Trials).family
    return len(trials.history) >= family.num_episodes * family.horizon


def observations(trials: Trials) -> Array:
    """Return what a player observes before its next action, recurrent_agents (1). [M, I] float32"""
    states, memory = present_states(trials), trials.memory
    return recurrent_agents.observation(
        states, memory.last_action_reward, memory.episode_starts, trials.tables.shape[0]
    )


def advance(rng: Rng, trials: Trials, actions: Array) -> tuple[Trials, Array]:
    """Take one action in each trial. actions [M] -> the trials after this step, rewards [M]

    ValueError if the trials are over, or for an action that does not exist.
    """
    states, A = present_states(trials), trials.tables.shape[1]
    require(not is_over(trials), "a trial must have steps left", "one that is over")
    shaped("actions", indices("actions", actions, A), states.shape, "the trials")
    rewards, rows, alive = agents.take_step(
        generator("rng", rng), trials.tables, trials.table_rows, actions, trials.alive
    )
    arrivals = rows - (trials.table_rows - states)
    memory = recurrent_agents.observe(
        trials.memory, states, actions, rewards, arrivals, unit=trials.unit
    )
    history = (*trials.history, Taken(states, actions, rewards, arrivals, trials.alive))
    after = trials._replace(table_rows=rows, alive=alive, memory=memory, history=history)
    if len(history) % trials.family.horizon or is_over(after):
        return after, rewards
    rows, alive = _first_rows(rng, trials.tables)
    memory = recurrent_agents.begin_episode(rng, memory)
    return after._replace(table_rows=rows, alive=alive, memory=memory), rewards
