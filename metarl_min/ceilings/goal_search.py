"""The ceiling of goal search with many candidate goals.

Every step moves m(s,a) and pays r_0, but for one cell per hypothesis, the goal c_g of prior w_g:
arriving there pays r_g, which is not r_0, and then everything is known. Before, history tells
only which cells are not the goal, so a player who has not found it follows one walk, fixed
beforehand. Let V_g(k) be the optimum of the known task with k steps left at c_g, and V_g that of
a whole episode. Then with t = e T + i, step i of episode e,

    (1)  B_g(t) = r_g + V_g(T - 1 - i) + (N - 1 - e) V_g - (N T - t) r_0: what the arrival of
         step t is worth, compared with never                                   [derivation]
    (2)  V = N T r_0 + max_walk sum_g w_g B_g(first arrival of the walk at c_g)  [derivation]
    (3)  V_t = (N T - t) r_0 + sum_g w_g B_g(first arrival) / sum_g w_g, both over the goals
         not seen before step t: what is left on the best walk                  [derivation]
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import require
from metarl_min.basics.trees import Array
from metarl_min.ceilings import Ceiling, expected_random, walks
from metarl_min.ceilings.walks import Search
from metarl_min.mdps import mdp as exact
from metarl_min.mdps import rollouts
from metarl_min.tasks import Family, Hypotheses, expected_under_prior

SIZE = 20_000_000  # of what tells the goals apart
SUBSETS = 4_000_000  # entries of the table of beliefs, up to which it is tried first
UNSEEN, LOST = -1, -2


class Goals(NamedTuple):
    """A family as goal search; G are the hypotheses of weight above 0."""

    search: Search
    step_reward: float  # r_0
    weights: Array  # [G] w_g
    best: Array  # [G, T, S, A] Q* of the known task


def _most(values: Array) -> Any:
    level, count = np.unique(values, return_counts=True)
    return level[count.argmax()]


def _fixed(family: Family) -> tuple[Array, Array, int] | None:
    """Moves and rewards [G, S, A], and the start; None where any of them is left to chance."""
    prior = family.prior
    if not isinstance(prior, Hypotheses) or family.reward_noise is not rollouts.deterministic:
        return None
    mdps, keep = prior.mdps, prior.weights > 0
    G, (S, A) = len(keep), mdps.shape
    starts = np.unique(mdps.initial.argmax(-1))
    certain = np.isin(mdps.transition, (0.0, 1.0)).all() and (mdps.initial.max(-1) == 1).all()
    small = int(keep.sum()) + S.bit_length() < 63 and G * S * S * A <= SIZE
    if not (certain and small and len(starts) == 1):
        return None
    moves = np.broadcast_to(mdps.transition.argmax(-1), (G, S, A))
    rewards = np.broadcast_to(mdps.reward, (G, S, A, S))
    rewards = np.take_along_axis(rewards, moves[..., None], -1)[..., 0]
    return moves[keep], rewards[keep], int(starts[0])


def _locate(
    all_moves: Array, rewards: Array, moves: Array, pays: float, start: int
) -> tuple[Array, Array] | None:
    """The one cell that explains how each hypothesis differs, and r_g. [G] both; None if none."""
    G, cells = len(all_moves), np.arange(len(moves))
    arrives = moves == cells[:, None, None]  # [C, S, A]
    found = ((cells[:, None] == cells) & (cells != start))[..., None]  # there, all may differ
    same = (all_moves == moves)[:, None] & ((rewards != pays)[:, None] == arrives)
    fits = (same | found).all((-1, -2))  # [G, C]
    goals = fits.argmax(1)
    mine = (arrives & ~found)[goals]  # [G, S, A] the steps that arrive at the goal
    most = np.where(mine, rewards, -np.inf).max((1, 2))
    least = np.where(mine, rewards, np.inf).min((1, 2))
    reached = mine.any((1, 2))
    alike = bool((most == least)[reached].all())
    if not (fits.any(1).all() and alike and len(set(goals)) == G):
        return None
    return goals, np.where(reached, most, 0.0)


def recognise(family: Family) -> Goals | None:
    """Return a family as goal search, with B_g of eq. (1); None where it is not one."""
    fixed = _fixed(family)
    if fixed is None:
        return None
    all_moves, rewards, start = fixed
    G, S, A = all_moves.shape
    moves = np.array([_most(x) for x in all_moves.reshape(G, -1).T]).reshape(S, A)
    step_reward = float(_most(rewards))
    located = _locate(all_moves, rewards, moves, step_reward, start)
    if located is None:
        return None
    goals, pays = located
    prior, N, T = family.prior, family.num_episodes, family.horizon
    w, best = prior.weights[prior.weights > 0], exact.optimal_action_values(prior.mdps, T)
    best = np.broadcast_to(best, (len(prior.weights), T, S, A))[prior.weights > 0]
    values, t = best.max(-1), np.arange(N * T)
    left = np.concatenate([values[np.arange(G), 1:, goals], np.zeros((G, 1))], axis=1)
    later = (N - 1 - t // T)[:, None] * values[:, 0, start]
    worth = w * (pays + left[:, t % T].T + later - ((N * T - t) * step_reward)[:, None])
    goal_at = np.full(S, -1)
    goal_at[goals] = np.arange(G)
    return Goals(Search(start, moves, goal_at, worth, T), step_reward, w, best)


class Walk(NamedTuple):
    """The best walk, step by step."""

    actions: Array  # [N T]
    values: Array  # [N T] V_t of eq. (3)


def best_walk(goals: Goals) -> Walk:
    """Return the best walk, eq. (2), and what is left on it, eq. (3)."""
    search, n = goals.search, len(goals.search.worth)
    _, actions = walks.best_walk(search)
    seen = np.array([bits for _, bits in walks.follow(search, actions)])
    has = seen[:, None] >> np.arange(len(goals.weights)) & 1  # [N T + 1, G]
    gains = np.cumsum((np.diff(has, axis=0) * search.worth).sum(-1)[::-1])[::-1]
    mass = (1 - has[:-1]) @ goals.weights
    left = np.divide(gains, mass, out=np.zeros(n), where=has[:-1].all(-1) == 0)
    return Walk(np.array(actions), (n - np.arange(n)) * goals.step_reward + left)


class Belief(NamedTuple):
    """What is known of the goal, and when."""

    goal: Array  # [M] the one that is found; UNSEEN or LOST (off the best walk) before
    time: int  # steps since the start of the trial


def _start(num_tasks: int) -> Belief:
    return Belief(np.full(num_tasks, UNSEEN), 0)


def _observe(
    belief: Belief, states: Array, actions: Array, rewards: Array, arrivals: Any,
    goals: Goals, walk: Walk,
) -> Belief:  # fmt: skip
    before, t = belief.goal < 0, belief.time
    found = goals.search.goal_at[goals.search.moves[states, actions]]
    found = np.where(rewards != goals.step_reward, found, UNSEEN)
    off = (belief.goal == LOST) | (actions != walk.actions[t])
    found = np.where((found == UNSEEN) & off, LOST, found)
    return Belief(np.where(before, found, belief.goal), t + 1)


def _action_values(belief: Belief, states: Array, goals: Goals, walk: Walk) -> Array:
    """Q once the goal is found; before, V_t of eq. (3) for the step of the walk, -inf for others.

    ValueError off the best walk, as long as the goal is not found: no table has those values.
    """
    rule = "action values before the goal is found need a history on the best walk"
    require(bool((belief.goal != LOST).all()), rule, f"another before step {belief.time}")
    best, t = goals.best, belief.time
    T, search = best.shape[1], np.full((len(states), best.shape[-1]), -np.inf)
    search[:, walk.actions[t]] = walk.values[t]
    later = (len(walk.actions) - 1 - t) // T * best[:, 0, goals.search.start].max(-1)
    known = best[belief.goal, t % T, states] + later[belief.goal, None]
    return np.where(belief.goal[:, None] >= 0, known, search)


def solve(family: Family, goals: Goals) -> Ceiling:
    """Return the optimum of a family that is goal search; no history off the walk has values."""
    walk, prior = best_walk(goals), family.prior
    told = expected_under_prior(exact.optimal_return(prior.mdps, family.horizon), prior)
    return Ceiling(
        float(walk.values[0]),
        told * family.num_episodes,
        expected_random(family),
        False,
        _start,
        partial(_observe, goals=goals, walk=walk),
        partial(_action_values, goals=goals, walk=walk),
    )
