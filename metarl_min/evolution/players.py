"""Players: functions that play trials with given parameters, for all members of a population.

A player has two functions: `init` draws parameters, and `trial` plays. A player may have a third
function, `returns`. It plays the same episodes as `trial`, but it computes only their returns,
which is faster. A search treats the parameters as one vector, and only the player knows what each
entry means. The P members play the same M tasks with the same random numbers. So members that
choose the same actions have the same return, and the return of a member does not depend on the
other members.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.arguments import (
    array,
    flag,
    function,
    generator,
    instance,
    real,
    require,
    whole,
)
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.mdps import agents, rollouts
from metarl_min.mdps.agents import Agent
from metarl_min.mdps.episodes import Episodes, map_fields, sum_of_steps
from metarl_min.mdps.mdp import MDP
from metarl_min.memory import recurrent_agents, recurrent_policies
from metarl_min.memory.protocol import RecurrentPolicy
from metarl_min.tasks import Family, reward_unit

MOST_TRIALS = 2**15  # trials that are played at the same time, so that their arrays fit the cache
TASK_STREAM, TRIAL_STREAM = 0, 1  # [key, 0] seeds the draw of tasks, [key, 1] the trials


def _check_player(family: Any, init: Any, trial: Any, returns: Any) -> tuple[Any, ...]:
    if returns is not None:
        function("returns", returns)
    functions = function("init", init), function("trial", trial)
    return instance("family", family, Family), *functions, returns


@checked(_check_player)
class Player(NamedTuple):
    """A player of the trials of one family, with parameters that a search changes.

    TypeError if a field is of the wrong kind.
    """

    family: Family
    init: Callable[[Rng], Tree]  # rng -> parameters of one member
    trial: Callable[..., Episodes]
    # rng, parameters [P, ..], tasks [M], greedy=False -> episodes [P, M, N, T]
    returns: Callable[..., Array] | None = None
    # rng, parameters [P, ..], tasks [M], unit -> the returns of the episodes of `trial` [P, M, N]


def mean_returns(
    player: Player, thetas: Tree, key: int, num_tasks: int, unit: float = 1.0
) -> Array:
    """Return the mean return of each of the N episodes of a trial, over `num_tasks` tasks.

    `key` seeds the draw of the tasks and of the trials. The rewards are divided by `unit` before
    they are summed. If the rewards and `unit` are multiplied by the same positive number, the
    result changes only by rounding. TypeError or ValueError if an argument is out of range.
    thetas [P, ..] -> [P, N]
    """
    instance("player", player, Player)
    population = whole("population", num_members(thetas))
    key, num_tasks, unit = whole("key", key, 0), whole("num_tasks", num_tasks), real("unit", unit)
    require(unit > 0, "unit must be positive", unit)
    tasks = player.family.sample(np.random.default_rng([key, TASK_STREAM]), num_tasks)
    # The return of a member does not depend on the other members, so a population can be cut.
    most = max(1, MOST_TRIALS // num_tasks)
    parts = [
        {name: leaf[start : start + most] for name, leaf in thetas.items()}
        for start in range(0, population, most)
    ]
    return np.concatenate([_mean_returns(player, part, key, tasks, unit) for part in parts])


def _mean_returns(player: Player, thetas: Tree, key: int, tasks: MDP, unit: float) -> Array:
    """Return `mean_returns` of members that play at the same time. [P, N]"""
    rng = np.random.default_rng([key, TRIAL_STREAM])
    if player.returns is None:
        returns = sum_of_steps(player.trial(rng, thetas, tasks).rewards, unit)
    else:
        returns = np.asarray(player.returns(rng, thetas, tasks, unit), order="C")
    shape = num_members(thetas), *tasks.leading, player.family.num_episodes
    rule = f"the returns of a player must be [P, M, N], {shape}"
    require(returns.shape == shape, rule, returns.shape)
    return np.asarray(returns.mean(1))


def play_one(player: Player, rng: Rng, theta: Tree, tasks: MDP, greedy: bool = False) -> Episodes:
    """Play the trials of one member. -> [M, N, T]

    TypeError or ValueError if an argument is out of range.
    """
    instance("player", player, Player)
    trees.check_like("theta", theta, player.init(np.random.default_rng(0)), "the player")
    for name, leaf in theta.items():
        nan = np.isnan(array(f"parameter {name!r}", leaf))
        require(not nan.any(), f"parameter {name!r} must not have NaN", leaf)
    thetas = trees.map_leaves(lambda x: x[None], theta)
    instance("tasks", tasks, MDP)
    episodes = player.trial(generator("rng", rng), thetas, tasks, flag("greedy", greedy))
    return map_fields(lambda x: x[0], episodes)


def num_members(thetas: Tree) -> int:
    """Return P, the length of the first axis of every leaf; an error if there is no such P."""
    if not isinstance(thetas, dict) or not thetas:
        raise TypeError(f"parameters must be a non-empty dict of float arrays, got {thetas!r}")
    shapes = {np.shape(leaf)[:1] for leaf in thetas.values()}
    require(len(shapes) == 1 and shapes != {()}, "each parameter must be [P, ..]", shapes)
    return int(shapes.pop()[0])


def play_population(
    rng: Rng, agent: Agent, family: Family, tasks: MDP, population: int
) -> Episodes:
    """Play an agent whose memory has P M rows. -> [P, M, N, T]

    The first M rows belong to the tasks of the first member, the next M rows to the tasks of the
    second member, and so on.
    """
    sampler = rollouts.sampler(tasks, instance("family", family, Family).reward_noise)
    episodes_and_steps = family.num_episodes, family.horizon
    # In one task, all members use the same random numbers. [0] leaves out the last memory.
    return agents.play(rng, sampler, agent, *episodes_and_steps, population)[0]


def batched_over_population(policy: RecurrentPolicy, population: int) -> RecurrentPolicy:
    """Return a policy whose inputs are P M rows, ordered as in `play_population`.

    The returned policy reshapes the rows to [P, M, I] and calls the given `policy`, so row (p, m)
    uses the weights of member p. Each member has matrix products of its own, whose shapes do not
    depend on P. So the results of a member have the same bits for every P.

    `step(thetas, memory, x [P M, I])` returns the next memory, the logits [P M, A] and the values
    [P M].
    """
    instance("policy", policy, RecurrentPolicy)
    population = whole("population", population)

    def initial_memory(thetas: Tree, num_rows: int) -> Any:
        return policy.initial_memory(thetas, num_rows // population)

    def step(thetas: Tree, memory: Any, x: Array) -> tuple[Any, Array, Array]:
        inputs = x.reshape(population, -1, x.shape[-1])  # [P M, I] -> [P, M, I]
        memory, logits, values = policy.step(thetas, memory, inputs)
        # [P, M, A] -> [P M, A] and [P, M] -> [P M]
        return memory, logits.reshape(len(x), -1), values.reshape(len(x))

    return RecurrentPolicy(init=policy.init, initial_memory=initial_memory, step=step)


def _recurrent_init(rng: Rng, *, family: Family, policy: RecurrentPolicy) -> Tree:
    S, A = family.sample(rng, 1).shape
    return policy.init(rng, S + A + 2, A)  # I = S + A + 2 inputs, recurrent_agents (1)


def _recurrent_trial(
    rng: Rng, thetas: Tree, tasks: MDP, greedy: bool = False, *, family: Family,
    policy: RecurrentPolicy, unit: float,
) -> Episodes:  # fmt: skip
    P = num_members(thetas)
    batched = batched_over_population(policy, P)
    agent = recurrent_agents.agent(batched, thetas, tasks.shape, greedy, unit)
    return play_population(rng, agent, family, tasks, P)


def recurrent_player(family: Family, hidden: int) -> Player:
    """Return the player that plays as RL^2 does; its parameters are the weights of a GRU.

    The rewards in the inputs of the GRU are divided by `tasks.reward_unit`.
    """
    policy = recurrent_policies.gru(whole("hidden", hidden))
    instance("family", family, Family)
    return Player(
        family=family,
        init=partial(_recurrent_init, family=family, policy=policy),
        trial=partial(_recurrent_trial, family=family, policy=policy, unit=reward_unit(family)),
    )
