"""Sampling: M tasks x N episodes x T steps at once, by table look-up.

A step is an index: g = (task, state), then j = (task, state, action), then the arrival; rewards
are looked up after the loop. Actions and arrivals are drawn by inversion of a cumulative table,

    (1)  a = #{i : u >= pi(0|s) + .. + pi(i|s)},  u uniform on [0, 1)   [Devroye 1986, sec. III.2]

which never returns an action of probability zero. For a memoryless policy all that a surrogate
needs of the episodes is the sum of some weight (an advantage, or 1) over the visits of each pair,

    (2)  C(s,a) = sum_{n,t} alive w_t 1{s_t = s, a_t = a}                            [definition]

A state is absorbing where every action stays and pays 0. `alive` is False from the arrival there
on (never at the first step): no reward noise, and by (2) no gradient and no entropy.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import probabilities, require, whole
from metarl_min.basics.trees import Array, Rng
from metarl_min.mdps.mdp import MDP, absorbing

Noise = Callable[[Rng, Array], Array]  # (rng, mean rewards) -> rewards


class Episodes(NamedTuple):
    """What happened, and nothing else. Later axes of a batch run over time."""

    states: Array  # [..., N, T] whole numbers
    actions: Array  # [..., N, T]
    rewards: Array  # [..., N, T]
    alive: Array  # [..., N, T] False from the step after the arrival in an absorbing state


class Sampler(NamedTuple):
    """What sampling looks up, B tasks flattened: rows are (task, state, action)."""

    leading: tuple[int, ...]
    shape: tuple[int, int]  # S, A
    initial: Array  # [S - 1, B] cumulative
    arrivals: Array  # [B S A, L]: the L possible arrivals, as g = task S + state
    cumulative: Array  # [L - 1, B S A]: their cumulative probabilities, the last (1) left out
    rewards: Array  # [B S A, L] mean
    absorbing: Array  # [B S]
    noise: Noise


def deterministic(rng: Rng, mean: Array) -> Array:
    """Rewards without noise."""
    return mean


def bernoulli(rng: Rng, mean: Array) -> Array:
    """Rewards 0 or 1."""
    return (rng.random(mean.shape) < mean).astype(float)


def gaussian(rng: Rng, mean: Array, std: float = 1.0) -> Array:
    """Rewards with normal noise of standard deviation `std`; use through functools.partial."""
    return mean + std * rng.standard_normal(mean.shape)


def _cumulative(probs: Array) -> Array:
    """Cumulative sums along the last axis that end in exactly 1."""
    sums = np.cumsum(probs, axis=-1, dtype=float)
    return sums / sums[..., -1:]


def sampler(mdp: MDP, noise: Noise) -> Sampler:
    """Prepare a batch of MDPs for sampling; deterministic transitions need no draw."""
    require(callable(noise), "noise must be a function (rng, mean) -> rewards", noise)
    if noise is bernoulli:
        inside = bool(((mdp.reward >= 0) & (mdp.reward <= 1)).all())
        require(inside, "Bernoulli rewards need means between 0 and 1", mdp.reward)
    (S, A), leading = mdp.shape, mdp.leading
    B, L = math.prod(leading), int((mdp.transition > 0).sum(-1).max())
    order = np.argsort(-mdp.transition, axis=-1, kind="stable")[..., :L]
    likely = _cumulative(np.take_along_axis(mdp.transition, order, -1))
    full = (*leading, S, A, L)
    reward = np.broadcast_to(mdp.reward, (*leading, S, A, S))
    rewards = np.take_along_axis(reward, np.broadcast_to(order, full), -1).reshape(-1, L)
    arrivals = ((np.arange(B) * S).reshape((*leading, 1, 1, 1)) + order).reshape(-1, L)
    initial = np.broadcast_to(_cumulative(mdp.initial), (*leading, S)).reshape(B, S).T[:-1].copy()
    cumulative = np.broadcast_to(likely, full).reshape(-1, L).T[:-1].copy()
    ends = np.broadcast_to(absorbing(mdp), (*leading, S)).reshape(-1)
    return Sampler(leading, (S, A), initial, arrivals, cumulative, rewards, ends, noise)


class CommonRandomNumbers(NamedTuple):
    """Draws shared by P population: their axis is not drawn, but repeated."""

    rng: Rng
    population: int
    axis: int  # P times as long as what is drawn

    def _repeated(self, draw: Callable[..., Array], shape: tuple[int, ...]) -> Array:
        axis = self.axis % len(shape)
        own = (*shape[:axis], shape[axis] // self.population, *shape[axis + 1 :])
        return np.concatenate([draw(own)] * self.population, axis=axis)

    def random(self, shape: tuple[int, ...]) -> Array:
        """Uniform on [0, 1)."""
        return self._repeated(self.rng.random, shape)

    def standard_normal(self, shape: tuple[int, ...]) -> Array:
        """Normal."""
        return self._repeated(self.rng.standard_normal, shape)


def leading_axes(tables: Sampler, population: int | None) -> tuple[int, ...]:
    return (
        tables.leading if population is None else (whole("population", population), *tables.leading)
    )


def _invert(cumulative: Array, index: Array, u: Array) -> Array:
    """Eq. (1) for many rows at once. cumulative [n - 1, rows]; index [..], u [..] or [B N]"""
    return np.add.reduce(u >= cumulative.take(index, axis=1), axis=0, dtype=np.intp)


def first_states(rng: Rng, tables: Sampler, task: Array) -> Array:
    """First states, as g, of rows that play these tasks. [rows] -> [rows]"""
    return task * tables.shape[0] + _invert(tables.initial, task, rng.random(task.shape))


def arrive(rng: Rng, tables: Sampler, j: Array) -> Array:
    """Index (task, state, action, arrival); one draw a row. j [.., rows] -> same"""
    if not len(tables.cumulative):
        return j
    which = _invert(tables.cumulative, j, rng.random(j.shape[-1:]))
    return np.asarray(j * tables.rewards.shape[1] + which)


def _policy(leading: tuple[int, ...], shape: tuple[int, int], probs: Array) -> tuple[Array, Array]:
    """Cumulative probabilities of the actions [A - 1, rows], and the first row of each task.

    A policy that is shared by tasks is written once. probs [..., S, A] -> .., first [*leading]
    """
    probabilities("probs", probs)
    S, A = shape
    require(probs.shape[-2:] == (S, A), f"probs must have shape [..., {S}, {A}]", probs.shape)
    sums, own = _cumulative(probs).reshape(-1, A), probs.shape[:-2]
    try:
        first = np.broadcast_to(np.arange(math.prod(own)).reshape(own) * S, leading)
    except ValueError:
        rule = f"leading axes of probs must be equal to those of the tasks, {leading}, or 1"
        raise ValueError(f"{rule}, got {own}") from None
    return np.ascontiguousarray(sums.T[:-1]), first


def sample(
    rng: Rng, tables: Sampler, probs: Array, num_episodes: int, horizon: int,
    population: int | None = None,
) -> Episodes:  # fmt: skip
    """Play a memoryless policy. probs [..., S, A], leading axes the tasks' or 1 -> [..., N, T]

    With `population` P policies play each task, probs [P, ..., S, A] -> [P, ..., N, T], and meet the
    same draws: what a member earns does not depend on who else plays.
    """
    whole("num_episodes", num_episodes)
    whole("horizon", horizon)
    leading = leading_axes(tables, population)
    (S, A), P = tables.shape, population or 1
    policy, first = _policy(leading, (S, A), probs)
    task = np.repeat(np.arange(math.prod(tables.leading)), num_episodes)
    g = np.broadcast_to(first_states(rng, tables, task), (P, len(task)))
    own = np.repeat(first.reshape(P, -1), num_episodes, axis=1) - task * S
    u = rng.random((horizon, len(task)))
    visited, actions, arrived = np.empty((3, horizon, P, len(task)), np.intp)
    for t in range(horizon):
        visited[t], actions[t] = g, _invert(policy, own + g, u[t])
        arrived[t] = arrive(rng, tables, g * A + actions[t])
        g = tables.arrivals.ravel().take(arrived[t])
    alive = ~tables.absorbing.take(visited)  # no absorbing state is left again
    alive[0] = True
    noise_rng: Any = rng if population is None else CommonRandomNumbers(rng, P, 1)
    rewards = tables.noise(noise_rng, tables.rewards.ravel().take(arrived))
    visited -= task * S
    found = Episodes(visited, actions, np.where(alive, rewards, 0.0), alive)
    axes = (*leading, num_episodes, horizon)
    return Episodes._make(np.moveaxis(x, 0, -1).reshape(axes) for x in found)


def visit_index(episodes: Episodes, shape: tuple[int, int]) -> Array:
    """Index of every visited pair in a flattened table [..., S, A]. [..., N, T]"""
    (S, A), leading = shape, episodes.states.shape[:-2]
    task = np.arange(math.prod(leading)).reshape(*leading, 1, 1) * (S * A)
    return task + episodes.states * A + episodes.actions


def sum_over_visits(episodes: Episodes, weights: Array, shape: tuple[int, int]) -> Array:
    """Sum of the weights over the visits of each pair, eq. (2). weights [..., N, T] -> [..., S, A]

    >>> once = Episodes(*(np.array([[x]]) for x in (0, 1, 1.0, True)))
    >>> table(once, np.array([[0.5]]), (1, 2))
    array([[0. , 0.5]])
    """
    full = (*episodes.states.shape[:-2], *shape)
    rule = f"weights must have the shape of the episodes, {episodes.states.shape}"
    require(weights.shape == episodes.states.shape, rule, weights.shape)
    index, living = visit_index(episodes, shape), weights * episodes.alive
    return np.bincount(index.ravel(), living.ravel(), math.prod(full)).reshape(full)
