"""What evolution plays with: P members, each on the same M tasks with the same random numbers.

A player is `init` and `trial`; whoever searches its parameters does not know what they do. Rows
are (member, task), members first. Common random numbers: row (p, m) meets what (0, m) meets, so
members that act alike are paid alike, and what a member earns does not depend on who else plays.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.mdps import rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.rollouts import Agent, Episodes
from metarl_min.memory import recurrent_agents, recurrent_policies
from metarl_min.memory.recurrent_policies import RecurrentPolicy
from metarl_min.tasks import Family


class Player(NamedTuple):
    """What is evolved, and how P members of it play."""

    init: Callable[[Rng, Family], Tree]  # -> parameters of one member
    trial: Callable[..., Episodes]
    # (rng, parameters [P, ..], family, tasks [M], greedy=False) -> [P, M, N, T]


def returns(player: Player, family: Family, thetas: Tree, key: int, num_tasks: int) -> Array:
    """Return of each episode, mean over the tasks that `key` draws. thetas [P, ..] -> [P, N]"""
    tasks_rng, rng = (np.random.default_rng([key, use]) for use in (0, 1))
    tasks = family.sample(tasks_rng, num_tasks)
    return np.asarray(player.trial(rng, thetas, family, tasks).rewards.sum(-1).mean(1))


def play_one(
    player: Player, rng: Rng, theta: Tree, family: Family, tasks: MDP, greedy: bool = False
) -> Episodes:
    """Trial of one member. -> [M, N, T]"""
    episodes = player.trial(rng, trees.map_leaves(lambda x: x[None], theta), family, tasks, greedy)
    return Episodes._make(x[0] for x in episodes)


def num_members(thetas: Tree) -> int:
    """Return P."""
    return len(next(iter(thetas.values())))


def play(rng: Rng, thetas: Tree, family: Family, tasks: MDP, agent: Agent) -> Episodes:
    """Play an agent of P M rows on the tasks of each member, with common random numbers."""
    P, tables = num_members(thetas), rollouts.sampler(tasks, family.reward_noise)
    return rollouts.play(rng, tables, agent, family.num_episodes, family.horizon, P)


def batched_over_population(policy: RecurrentPolicy, members: int) -> RecurrentPolicy:
    """A policy for parameters [P, ..] whose rows are (member, task): stacked products, not one."""

    def initial_memory(thetas: Tree, num_rows: int) -> Any:
        return policy.initial_memory(thetas, num_rows // members)

    def step(thetas: Tree, memory: Any, x: Array) -> tuple[Any, Array, Array]:
        memory, logits, values = policy.step(thetas, memory, x.reshape(members, -1, x.shape[-1]))
        return memory, logits.reshape(len(x), -1), values.reshape(len(x))

    return RecurrentPolicy(policy.init, initial_memory, step)


def _recurrent_init(rng: Rng, family: Family, policy: RecurrentPolicy) -> Tree:
    S, A = family.sample(rng, 1).shape
    return policy.init(rng, S + A + 2, A)


def _recurrent_trial(
    rng: Rng, thetas: Tree, family: Family, tasks: MDP, greedy: bool = False, *,
    policy: RecurrentPolicy,
) -> Episodes:  # fmt: skip
    many = batched_over_population(policy, num_members(thetas))
    agent = recurrent_agents.agent(many, thetas, tasks.shape, greedy)
    return play(rng, thetas, family, tasks, agent)


def recurrent_player(hidden: int) -> Player:
    """The weights of a GRU, playing as RL^2 does."""
    policy = recurrent_policies.recurrent("gru", hidden)
    init, trial = partial(_recurrent_init, policy=policy), partial(_recurrent_trial, policy=policy)
    return Player(init, trial)
