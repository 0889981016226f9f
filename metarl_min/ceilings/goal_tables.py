"""Tables from which a family is recognised as goal search.

In the candidate tasks of a goal search, every step moves without chance. All steps pay the reward
r_0, except the steps that end in the goal. The moves of two candidates can differ only in the steps
that begin at a goal.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import instance
from metarl_min.basics.trees import Array
from metarl_min.mdps import rollouts
from metarl_min.tasks import Family, Hypotheses

MAX_ENTRIES = 20_000_000  # entries of the tables
MAX_TERMS = 2_000_000_000  # numbers in the bounds of all steps of a search


class StepTables(NamedTuple):
    """The steps of G candidate tasks without chance."""

    moves: Array  # [G, S, A] the cell in which each step ends
    rewards: Array  # [G, S, A] reward of each step
    start: int  # the first state of every episode


def _most_frequent(values: Array) -> Any:
    level, count = np.unique(values, return_counts=True)
    return level[count.argmax()]


def without_chance(family: Family) -> StepTables | None:
    """Return the steps of the candidates of weight above 0, or None if a step depends on chance.

    The result is also None if the goals do not fit in the bits of an integer, or if the tables or
    the bounds of the search would be too large.
    """
    prior: Any = instance("family", family, Family).prior
    if not isinstance(prior, Hypotheses) or family.reward_noise is not rollouts.deterministic:
        return None
    mdps, keep = prior.mdps, prior.weights > 0
    G, (S, A), T = len(keep), mdps.shape, family.horizon
    num_steps = family.num_episodes * T
    entries, terms = max(G * S * S * A, G * T * S * A, G * num_steps), num_steps**2 * S * G
    if int(keep.sum()) + S.bit_length() >= 63 or entries > MAX_ENTRIES or terms > MAX_TERMS:
        return None
    starts = np.unique(mdps.initial.argmax(-1))
    certain = np.isin(mdps.transition, (0.0, 1.0)).all() and (mdps.initial.max(-1) == 1).all()
    if not (certain and len(starts) == 1):
        return None
    moves = np.broadcast_to(mdps.transition.argmax(-1), (G, S, A))
    rewards = np.broadcast_to(mdps.reward, (G, S, A, S))
    rewards = np.take_along_axis(rewards, moves[..., None], -1)[..., 0]
    return StepTables(moves=moves[keep], rewards=rewards[keep], start=int(starts[0]))


def common_step(steps: StepTables) -> tuple[Array, float]:
    """Return the most frequent move of each state and action, and r_0, the most frequent reward."""
    G, S, A = steps.moves.shape
    moves = np.array([_most_frequent(x) for x in steps.moves.reshape(G, -1).T]).reshape(S, A)
    return moves, float(_most_frequent(steps.rewards))


def locate(steps: StepTables, moves: Array, step_reward: float) -> tuple[Array, Array] | None:
    """Return the goal of each candidate and its reward, c_g and r_g [G], or None.

    Cell c explains candidate g if two conditions hold. All moves are the common ones, and a step
    pays another reward than r_0 if it ends in c, and only then. The conditions need not hold for
    steps from c, because a found goal may be absorbing. But if c is the start, they must hold there
    too, because the walk begins there.
    """
    G, cells = len(steps.moves), np.arange(len(moves))
    arrives = moves == cells[:, None, None]  # [S goals, S, A]
    # The steps from cell c, which need not be explained.
    from_goal = ((cells[:, None] == cells) & (cells != steps.start))[..., None]
    paid = steps.rewards != step_reward
    explained = (steps.moves == moves)[:, None] & (paid[:, None] == arrives)
    fits = (explained | from_goal).all((-1, -2))  # [G, S goals]
    goals = fits.argmax(1)
    arrivals = (arrives & ~from_goal)[goals]  # [G, S, A] the steps that end at the goal
    most = np.where(arrivals, steps.rewards, -np.inf).max((1, 2))
    least = np.where(arrivals, steps.rewards, np.inf).min((1, 2))
    reachable = arrivals.any((1, 2))
    one_reward = bool((most == least)[reachable].all())
    if not (fits.any(1).all() and one_reward and len(set(goals)) == G):
        return None
    return goals, np.where(reachable, most, 0.0)
