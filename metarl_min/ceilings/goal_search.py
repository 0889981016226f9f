"""The ceiling of goal search with many candidate goals, computed from the best walk.

Every step moves from s to m(s,a) and pays r_0. Only the goal differs between the candidate tasks.
Candidate g has the prior weight w_g, and its goal is the cell c_g. A step that ends there pays r_g,
which is not r_0. So the first arrival at the goal tells the task. Before this arrival, the history
only tells which cells are not the goal. Two optima of the known task g are needed:

    V_g(k)  the optimum of k more steps in an episode, from the cell c_g
    V_g     the optimum of a whole episode

Step t of the trial is step i of episode e (both from 0), t = e T + i.

    (1)  B_g(t) = r_g + V_g(T - 1 - i) + (N - 1 - e) V_g - (N T - t) r_0     [derivation]
    (2)  V = N T r_0 + max over walks of sum_g w_g B_g(t_g)                  [derivation]
    (3)  V_t = (N T - t) r_0 + sum_g w_g B_g(t_g) / sum_g w_g,  both sums over the goals that the
         best walk does not see before step t                                [derivation]

B_g(t) is the gain by a first arrival at c_g in step t, in comparison with a player that never
arrives. t_g is the step in which the walk first arrives at c_g; a goal that it never sees adds 0 to
the sums of B_g. V_t is the optimum after t steps along the best walk, if the goal is not found yet.

    Steps of (1). The arrival pays r_g. From then on the task is known.
    T - 1 - i steps remain in the episode, from the cell c_g, and N - 1 - e whole episodes follow.
    Without an arrival, the N T - t steps from t on pay r_0 each; this is subtracted.

    Steps of (2). Until the goal is found, each step pays r_0 and moves without chance.
    So there is only one history without the goal, and a player follows one walk, fixed in advance.
    If the goal is c_g, the return is N T r_0 + B_g(t_g), or N T r_0 if the walk never arrives.
    The prior weighs these returns, and the player chooses the walk. A player that draws its walk
    at random earns an average over walks, which is at most the return of the best walk.

    Steps of (3). If the goal is not found before step t, the possible goals are the unseen ones.
    Their belief is w_g divided by the sum of these weights (hypotheses (2)).
    The rest of the best walk is the best continuation, and its expected gain is the quotient.
    The steps from t on pay r_0 each without a gain.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import instance, require
from metarl_min.basics.trees import Array
from metarl_min.ceilings import Ceiling, walks
from metarl_min.ceilings.goal_tables import StepTables, common_step, locate, without_chance
from metarl_min.ceilings.histories import checked_ceiling, require_possible
from metarl_min.ceilings.walks import WalkProblem
from metarl_min.mdps import mdp as exact
from metarl_min.tasks import Family, expected_under_prior

NOT_FOUND, OFF_WALK = -1, -2  # values of Belief.goal


class Goals(NamedTuple):
    """A family as goal search; G is the number of candidates with a weight above 0."""

    problem: WalkProblem
    step_reward: float  # r_0
    weights: Array  # [G] w_g
    steps: StepTables
    best: Array  # [G, T, S, A] Q* of each known task


class Walk(NamedTuple):
    """The best walk, step by step."""

    actions: Array  # [N T]
    values: Array  # [N T] V_t of eq. (3)


class Belief(NamedTuple):
    """The belief of M tasks."""

    goal: Array  # [M] number of a found goal; else NOT_FOUND on the best walk, OFF_WALK off it
    seen: Array  # [M] candidates whose goal cells were entered before the goal was known, as bits
    time: int  # number of steps since the start of the trial


def arrival_gains(
    values: Array, goals: Array, goal_rewards: Array, start: int, num_episodes: int, r_0: float
) -> Array:
    """Return B_g(t), eq. (1). `values` are V* of the known tasks, [G, T, S] -> [N T, G]"""
    (G, T, _), N = values.shape, num_episodes
    t = np.arange(N * T)
    at_goal = np.concatenate([values[np.arange(G), 1:, goals], np.zeros((G, 1))], axis=1)
    later_episodes = (N - 1 - t // T)[:, None] * values[:, 0, start]
    without = ((N * T - t) * r_0)[:, None]
    gains: Array = goal_rewards + at_goal[:, t % T].T + later_episodes - without
    return gains


def recognise(family: Family) -> Goals | None:
    """Return a family as goal search, or None if it is not one."""
    steps = without_chance(family)
    if steps is None:
        return None
    G, S, A = steps.moves.shape
    moves, step_reward = common_step(steps)
    located = locate(steps, moves, step_reward)
    if located is None:
        return None
    goals, goal_rewards = located
    prior, N, T = family.prior, family.num_episodes, family.horizon
    keep = prior.weights > 0
    weights, best = prior.weights[keep], exact.optimal_action_values(prior.mdps, T)
    best = np.broadcast_to(best, (len(keep), T, S, A))[keep]
    worth = weights * arrival_gains(best.max(-1), goals, goal_rewards, steps.start, N, step_reward)
    goal_at = np.full(S, -1)
    goal_at[goals] = np.arange(G)
    problem = WalkProblem(start=steps.start, moves=moves, goal_at=goal_at, worth=worth, horizon=T)
    return Goals(problem, step_reward, weights, steps, best)


def best_walk(goals: Goals) -> Walk:
    """Return the best walk, eq. (2), with the optimum along it, eq. (3)."""
    problem, num_steps = goals.problem, len(goals.problem.worth)
    _, actions = walks.best_walk(problem)
    seen_bits = np.array([seen for _, seen in walks.replay(problem, actions)])
    seen = seen_bits[:, None] >> np.arange(len(goals.weights)) & 1  # [N T + 1, G]
    gains = np.cumsum((np.diff(seen, axis=0) * problem.worth).sum(-1)[::-1])[::-1]
    weight = (1 - seen[:-1]) @ goals.weights
    unseen = seen[:-1].all(-1) == 0
    quotient = np.divide(gains, weight, out=np.zeros(num_steps), where=unseen)
    values = (num_steps - np.arange(num_steps)) * goals.step_reward + quotient
    return Walk(actions=np.array(actions), values=values)


def _start(num_tasks: int) -> Belief:
    return Belief(np.full(num_tasks, NOT_FOUND), np.zeros(num_tasks, int), 0)


def _observe(
    belief: Belief,
    states: Array,
    actions: Array,
    rewards: Array,
    arrivals: Any,
    goals: Goals,
    walk: Walk,
) -> Belief:
    """Return the belief after one step.

    A known goal stays known. The goal becomes known if the arrival in a cell that may be the goal
    pays another reward than r_0. ValueError if no candidate allows the step.
    """
    problem, steps, t = goals.problem, goals.steps, belief.time
    cell = problem.moves[states, actions]
    arrived_at, shown = problem.goal_at[cell], rewards != goals.step_reward
    bit = np.where(arrived_at >= 0, 1 << np.maximum(arrived_at, 0), 0)
    new = bit & ~belief.seen != 0  # the cell may be the goal
    seen = np.where(belief.goal < 0, belief.seen | bit, belief.seen)
    some_left = seen != (1 << len(goals.weights)) - 1  # whether a cell that may be the goal remains
    known = np.where(belief.goal < 0, arrived_at, belief.goal)  # read only if is_known
    is_known, known = (belief.goal >= 0) | (shown & new), np.maximum(known, 0)
    possible = np.where(is_known, rewards == steps.rewards[known, states, actions], ~shown)
    cell = np.where(is_known, steps.moves[known, states, actions], cell)
    require_possible(possible & (is_known | some_left), t)
    require_possible(cell == (cell if arrivals is None else arrivals), t)
    off_walk = (belief.goal == OFF_WALK) | (actions != walk.actions[t])
    goal = np.where(is_known, known, np.where(off_walk, OFF_WALK, NOT_FOUND))
    return Belief(goal, seen, t + 1)


def _action_values(belief: Belief, states: Array, goals: Goals, walk: Walk) -> Array:
    """Return Q of the known task once the goal is found. [M, A]

    Before, return V_t of eq. (3) for the step of the best walk, and -inf for the other actions.
    ValueError off the best walk before the goal is found: no table has those values.
    """
    rule = "action values before the goal is found need a history on the best walk"
    require(bool((belief.goal != OFF_WALK).all()), rule, f"another before step {belief.time}")
    best, t = goals.best, belief.time
    T, on_walk = best.shape[1], np.full((len(states), best.shape[-1]), -np.inf)
    on_walk[:, walk.actions[t]] = walk.values[t]
    episodes_left = (len(walk.actions) - 1 - t) // T
    later_episodes = episodes_left * best[:, 0, goals.problem.start].max(-1)
    known = best[belief.goal, t % T, states] + later_episodes[belief.goal, None]
    return np.where(belief.goal[:, None] >= 0, known, on_walk)


def solve(family: Family, goals: Goals) -> Ceiling:
    """Return the optimum of a family that `recognise` has recognised as `goals`, eqs. (2), (3).

    Histories off the best walk have no action values before the goal is found. `TooLarge` if the
    search would meet too many states.
    """
    instance("goals", goals, Goals)
    walk, prior = best_walk(goals), family.prior
    best = expected_under_prior(exact.optimal_return(prior.mdps, family.horizon), prior)
    return checked_ceiling(
        family,
        value=float(walk.values[0]),
        known_task=best * family.num_episodes,
        every_history=False,
        needs_arrivals=False,
        start=_start,
        observe=partial(_observe, goals=goals, walk=walk),
        action_values=partial(_action_values, goals=goals, walk=walk),
    )
