"""Sampled episodes of a memoryless policy: all episodes of all tasks advance together.

The arrays of the tasks are flattened into tables, so that a step is a few look-ups. A row is a
state of a task, a pair is an action in a row, and an arrival is a next state that is possible after
a pair. In this module, Z is the largest number of arrivals of a pair, and z numbers the arrivals:

    row = task * S + state,  pair = row * A + action,  arrival = pair * Z + z,  z = 0, .., Z - 1

The first state, the actions and the arrivals of an episode are drawn by inversion. In this module,
u is a random number that is uniform on [0, 1). An action is drawn by

    (1)  a = number of i for which u >= pi(0|s) + .. + pi(i|s)      [Devroye 1986, sec. III.2]

Action a is drawn if u lies in a certain interval of length pi(a|s). So an action of probability
zero is never drawn.

A state is absorbing if all actions stay there and pay 0. A step is alive if no earlier step has
arrived in an absorbing state. Steps that are not alive have reward 0 without noise. REINFORCE does
not need the episodes themselves, but only a table C. Each step has a number c, for example its
advantage. In this module, C(s,a) is the sum of c over the visits of (s, a):

    (2)  C(s,a) = sum_{n,t} alive_{n,t} c_{n,t} 1{s_{n,t} = s, a_{n,t} = a}       [definition]

The plain form, with loops, is `sample` of tests/plain_forms.py.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import arguments
from metarl_min.basics.random_numbers import CommonRandomNumbers
from metarl_min.basics.trees import Array, Rng
from metarl_min.mdps.episodes import Episodes, sum_of_steps
from metarl_min.mdps.mdp import MAX_COUNT, MDP, absorbing, plain
from metarl_min.mdps.noises import Noise, check_noise
from metarl_min.mdps.noises import bernoulli as bernoulli  # users import noises from here
from metarl_min.mdps.noises import deterministic as deterministic
from metarl_min.mdps.noises import gaussian as gaussian


class Sampler(NamedTuple):
    """The tables of M tasks. The docstring of the module defines row, pair and arrival."""

    leading: tuple[int, ...]  # leading axes of the tasks, whose product is M
    shape: tuple[int, int]  # (S, A)
    initial: Array  # [S - 1, M] cumulative probabilities of the first state
    arrivals: Array  # [M * S * A, Z] row of each arrival; z = 0 is the likeliest arrival
    cumulative: Array  # [Z - 1, M * S * A] cumulative probabilities of the arrivals
    rewards: Array  # [M * S * A, Z] mean reward of each arrival
    absorbing: Array  # [M * S] whether the state of a row is absorbing
    may_end: bool  # whether any state is absorbing
    noise: Noise  # draws rewards around their means
    has_noise: bool  # False if each reward is equal to its mean


def _cumulative(probs: Array) -> Array:
    """Return the cumulative sums along the last axis, divided by their last entry."""
    sums = np.cumsum(probs, axis=-1, dtype=float)
    return sums / sums[..., -1:]


def sampler(mdp: MDP, noise: Noise) -> Sampler:
    """Return the tables of MDPs. They omit the last cumulative probability, which is 1."""
    has_noise, noise = noise is not deterministic, check_noise(noise, plain("mdp", mdp))
    (S, A), leading = mdp.shape, mdp.leading
    M, Z = math.prod(leading), int((mdp.transition > 0).sum(-1).max())
    # `order` has the next states by falling probability. `sums` has the cumulative probabilities.
    order = np.argsort(-mdp.transition, axis=-1, kind="stable")[..., :Z]  # [..., S, A, Z]
    sums = _cumulative(np.take_along_axis(mdp.transition, order, -1))  # [..., S, A, Z]
    full, ends = (*leading, S, A, Z), absorbing(mdp)
    reward = np.broadcast_to(mdp.reward, (*leading, S, A, S))
    initial = np.broadcast_to(_cumulative(mdp.initial), (*leading, S)).reshape(M, S)
    return Sampler(
        leading=leading,
        shape=(S, A),
        initial=initial.T[:-1].copy(),
        arrivals=(np.arange(M).reshape(*leading, 1, 1, 1) * S + order).reshape(-1, Z),
        cumulative=np.broadcast_to(sums, full).reshape(-1, Z).T[:-1].copy(),
        rewards=np.take_along_axis(reward, np.broadcast_to(order, full), -1).reshape(-1, Z),
        absorbing=np.broadcast_to(ends, (*leading, S)).reshape(-1),
        may_end=bool(ends.any()),
        noise=noise,
        has_noise=has_noise,
    )


def _invert(cumulative: Array, index: Array, u: Array) -> Array:
    """Draw one of n outcomes for each entry of `index`, by inversion, eq. (1).

    Each column of `cumulative` [n - 1, columns] is a distribution. `index` holds column numbers.
    If u does not have a leading axis of `index`, all entries along this axis get the same u.
    """
    passed = (u >= cumulative.take(index, axis=1)).view(np.int8)  # NumPy adds bytes faster
    return np.add.reduce(passed, axis=0, dtype=np.int8 if len(passed) < 128 else np.intp)


def first_states(rng: Rng, tables: Sampler, task: Array) -> Array:
    """Draw a first state for each entry of `task`, and return the rows. [B] -> [B]"""
    S, u = tables.shape[0], rng.random(task.shape)
    return task if S == 1 else task * S + _invert(tables.initial, task, u)


def arrive(rng: Rng, tables: Sampler, pair: Array) -> Array:
    """Draw the index of an arrival for each pair. [..., B] -> [..., B]

    B random numbers are drawn. All pairs at the same position along B get the same number.
    """
    if not len(tables.cumulative):  # Z = 1: nothing is random
        return pair
    z = _invert(tables.cumulative, pair, rng.random(pair.shape[-1:]))
    return np.asarray(pair * tables.rewards.shape[1] + z)


def _policy_table(tables: Sampler, leading: tuple[int, ...], probs: Array) -> tuple[Array, Array]:
    """Return the cumulative probabilities of actions [A - 1, columns], and the offsets [P, M].

    A policy has S columns, one for each state. The offset of a task is the first column of its
    policy. So the column of a state of this task is the offset plus the state.
    """
    S, A = tables.shape
    if probs.shape[-2:] != (S, A):
        raise ValueError(f"probs must have shape [..., {S}, {A}], got {probs.shape}")
    axes = probs.shape[:-2]
    try:
        column_offset = np.broadcast_to(np.arange(math.prod(axes)).reshape(axes) * S, leading)
    except ValueError:
        rule = f"leading axes of probs must be equal to those of the tasks, {leading}, or 1"
        raise ValueError(f"{rule}, got {axes}") from None
    sums = np.array(probs.reshape(-1, A).T, float, order="C")  # a copy [A, columns]
    for a in range(1, A):  # for a few actions, this loop is 8 times faster than `cumsum`
        sums[a] += sums[a - 1]
    return sums[:-1] / sums[-1], column_offset.reshape(-1, math.prod(tables.leading))


def _leading(tables: Sampler, population: int | None) -> tuple[int, ...]:
    return tables.leading if population is None else (population, *tables.leading)


def _steps(
    rng: Rng, tables: Sampler, probs: Array, num_episodes: int, horizon: int, population: int | None
) -> Iterator[tuple[Array, Array]]:
    """Play P members. Yield the rows and the arrivals of each step, each [P, M * N]."""
    (S, A), M = tables.shape, math.prod(tables.leading)
    policy, column_offset = _policy_table(tables, _leading(tables, population), probs)
    task = np.repeat(np.arange(M), num_episodes)
    row = np.broadcast_to(first_states(rng, tables, task), (len(column_offset), len(task)))
    to_column = np.repeat(column_offset, num_episodes, axis=1) - task * S  # column - row
    for u in rng.random((horizon, len(task))):
        arrival = arrive(rng, tables, row * A + _invert(policy, to_column + row, u))
        yield row, arrival
        row = tables.arrivals.take(arrival)  # `take` counts in the flattened table


def sample(
    rng: Rng,
    tables: Sampler,
    probs: Array,
    num_episodes: int,
    horizon: int,
    population: int | None = None,
) -> Episodes:
    """Play a memoryless policy on each task, and return the episodes [..., N, T].

    The leading axes of `probs` [..., S, A] are the axes of the tasks. An axis of length 1 means
    that the tasks along the axis share a policy. With a population, `probs` is [P, ..., S, A] and
    the episodes are [P, ..., N, T]. All P members get the same random numbers.
    """
    arguments.generator("rng", rng)
    arguments.instance("tables", tables, Sampler)
    num_episodes = arguments.whole("num_episodes", num_episodes, high=MAX_COUNT)
    horizon = arguments.whole("horizon", horizon, high=MAX_COUNT)
    arguments.probabilities("probs", probs)
    if population is not None:
        population = arguments.whole("population", population, high=MAX_COUNT)
    return sampled_episodes(rng, tables, probs, num_episodes, horizon, population)


def sampled_episodes(
    rng: Rng, tables: Sampler, probs: Array, num_episodes: int, horizon: int, population: int | None
) -> Episodes:
    """Return `sample`, without a check of the arguments."""
    P, M, leading = population or 1, math.prod(tables.leading), _leading(tables, population)
    (S, A), Z = tables.shape, tables.rewards.shape[1]
    rows, arrivals = np.empty((2, horizon, P, M * num_episodes), np.intp)
    steps = _steps(rng, tables, probs, num_episodes, horizon, population)
    for t, (row, arrival) in enumerate(steps):
        rows[t], arrivals[t] = row, arrival
    means, alive = tables.rewards.take(arrivals), np.ones(rows.shape, bool)
    if tables.may_end:  # a step after the first is not alive if its state is absorbing
        alive[1:] = ~tables.absorbing.take(rows[1:])
    first_row = np.repeat(np.arange(M) * S, num_episodes)
    last_arrivals = tables.arrivals.take(arrivals[-1]) - first_row
    pairs = arrivals if Z == 1 else arrivals // Z  # a pair is row * A + action
    actions = np.subtract(pairs, rows * A, out=arrivals)
    states, axes = np.subtract(rows, first_row, out=rows), (*leading, num_episodes, horizon)
    states, actions, alive = [x.transpose(1, 2, 0).reshape(axes) for x in (states, actions, alive)]
    numbers: Any = rng if population is None else CommonRandomNumbers(rng, P, axis=1)
    rewards = tables.noise(numbers, means).transpose(1, 2, 0).reshape(axes)
    rewards = np.where(alive, rewards, 0.0) if tables.may_end else rewards
    return Episodes._make((states, actions, rewards, alive, last_arrivals.reshape(axes[:-1])))


def sampled_returns(
    rng: Rng, tables: Sampler, probs: Array, num_episodes: int, horizon: int,
    population: int | None, unit: float,
) -> Array:  # fmt: skip
    """Return the sum of the rewards of each sampled episode, in multiples of `unit`. [..., N]

    Without noise, this is the faster form: it does not store the steps. Steps that are not alive
    add nothing, because they stay in an absorbing state, where all mean rewards are 0.
    """
    arguments_of_both = rng, tables, probs, num_episodes, horizon, population
    if tables.has_noise:
        return sum_of_steps(sampled_episodes(*arguments_of_both).rewards, unit)
    rewards = tables.rewards / unit
    returns: Any = sum(rewards.take(arrival) for _, arrival in _steps(*arguments_of_both))
    return np.asarray(returns.reshape(*_leading(tables, population), num_episodes))


def visit_index(episodes: Episodes, shape: tuple[int, int]) -> Array:
    """Return the index of the pair of each step in a flattened table [..., S, A]. -> [..., N, T]"""
    (S, A), leading = shape, episodes.states.shape[:-2]
    row = np.arange(math.prod(leading)).reshape(*leading, 1, 1) * S + episodes.states
    return row * A + episodes.actions


def sum_over_visits(episodes: Episodes, weights: Array, shape: tuple[int, int]) -> Array:
    """Return the table C [..., S, A] of the weights c [..., N, T], eq. (2). `shape` is (S, A).

    >>> pulls = (0, 0), (1, 1), (0.0, 1.0), (True, True)
    >>> two_pulls = Episodes(*[np.array(pair)[:, None] for pair in pulls])
    >>> sum_over_visits(two_pulls, np.array([[0.5], [0.25]]), (1, 3))
    array([[0.  , 0.75, 0.  ]])
    """
    states = arguments.instance("episodes", episodes, Episodes).states
    S, A = arguments.pair("shape", shape)
    arguments.floats("weights", arguments.shaped("weights", weights, states.shape, "the episodes"))
    arguments.indices("states", states, S)
    arguments.indices("actions", episodes.actions, A)
    return visit_sums(episodes, weights, (S, A))


def visit_sums(episodes: Episodes, weights: Array, shape: tuple[int, int]) -> Array:
    """Return `sum_over_visits`, without a check of the arguments."""
    full = (*episodes.states.shape[:-2], *shape)
    pairs, alive_weights = visit_index(episodes, shape).ravel(), (weights * episodes.alive).ravel()
    return np.bincount(pairs, alive_weights, math.prod(full)).reshape(full)
