"""The ceiling of a finite set of candidate tasks whose outcomes are hints with noise.

`belief_layers` lists the beliefs that can occur. This module computes Q of ceilings (2) for each
pair of a belief and a state, backwards in time. In this module, B is a number of beliefs.

In the tests, a recursion over histories in rational numbers computes the same values.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from metarl_min.baselines import conditions
from metarl_min.basics.arguments import require
from metarl_min.basics.trees import Array
from metarl_min.ceilings import Ceiling
from metarl_min.ceilings.belief_layers import (
    LIMIT,
    Hints,
    Layer,
    Tree,
    chances,
    hints,
    tree_of,
)
from metarl_min.ceilings.costs import Report, list_steps
from metarl_min.ceilings.histories import checked_ceiling, require_possible
from metarl_min.ceilings.outcomes import find, outcomes, without_arrival
from metarl_min.mdps import mdp as exact
from metarl_min.mdps import rollouts
from metarl_min.tasks import Family, Hypotheses, expected_under_prior, require_support


def _layer_values(layer: Layer, of: Hints, rewards: Array, V: Array) -> Array:
    """Return Q of the pairs (belief, state) that occur, in their order.

    rewards [G, S * A] are the r_g(s,a), and V is [B', S]. -> [n, A]
    """
    (S, A), listed, parts = of.listed.shape, of.listed, []
    for rows, chance in chances(layer.log_beliefs, layer.occurs, listed):
        after = V[layer.successor[rows][:, of.kind], listed.arrival]
        Q = np.exp(layer.log_beliefs[rows]) @ rewards
        Q += np.add.reduceat(chance * after, listed.first, axis=1)
        parts.append(Q.reshape(-1, S, A)[layer.occurs[rows]])
    return np.concatenate(parts)


def backward_induction(
    family: Family, of: Hints, tree: Tree, last: Array
) -> tuple[float, list[Array]]:
    """Return the value, and Q of each pair and action at each time, ceilings (2). each [n, A]

    `last` [B, S] holds the values of the beliefs after the last step of the tree. If this step ends
    an episode, they are the values before the next first state, the same for each s.
    """
    (S, A), V, tables = of.listed.shape, last, list[Array]()
    rewards = exact.expected_rewards(family.prior.mdps)
    rewards = np.broadcast_to(rewards, (len(family.prior.weights), S, A)).reshape(-1, S * A)
    for t in range(len(tree.layers) - 1, -1, -1):
        layer = tree.layers[t]
        tables.append(_layer_values(layer, of, rewards, V))
        V = np.zeros(layer.occurs.shape)
        V[layer.occurs] = tables[-1].max(-1)
        if t % family.horizon == 0:
            start = tree.starts[t // family.horizon]
            before = (start.chance * V[start.successor, np.arange(S)]).sum(-1)
            V = np.repeat(before[:, None], S, axis=1)
    return float(V[0, 0]), tables[::-1]


class Belief(NamedTuple):
    """The belief of M tasks."""

    number: Array  # [M] row of the layer of this time; of `Start` at the start of an episode
    time: int  # number of steps since the start of the trial


class Solution(NamedTuple):
    """The tables that a player needs."""

    of: Hints
    tree: Tree
    tables: list[Array]  # Q of the pairs, for each step
    horizon: int


def _place(belief: Belief, states: Array, solution: Solution) -> tuple[Array, Array]:
    """Return the belief after the first state of an episode, and the row of the pair. each [M]"""
    number, t = belief.number, belief.time
    if t % solution.horizon == 0:
        number = solution.tree.starts[t // solution.horizon].successor[number, states]
        require_possible(number >= 0, t)
    layer = solution.tree.layers[t]
    require_possible(layer.occurs[number, states], t)
    order = np.cumsum(layer.occurs).reshape(layer.occurs.shape) - 1  # the pairs are in this order
    return number, order[number, states]


def _observe(
    belief: Belief,
    states: Array,
    actions: Array,
    rewards: Array,
    arrivals: Array | None,
    solution: Solution,
) -> Belief:
    """Return the belief after one step, belief_layers (1).

    `arrivals` is None if the arrival of the last step of an episode is not known. ValueError if no
    candidate allows the step, or if an unknown arrival changes the belief. After the last step of
    the trial, an unknown arrival is accepted, because no value depends on it.
    """
    of, layer = solution.of, solution.tree.layers[belief.time]
    before, _ = _place(belief, states, solution)
    options = np.arange(of.listed.shape[0])[None] if arrivals is None else arrivals[:, None]
    place, possible = find(of.listed, states, actions, rewards, options)
    numbers = np.where(possible, layer.successor[before[:, None], of.kind[place]], -1)
    number = numbers.max(-1)
    require_possible(number >= 0, belief.time)
    rule = "episodes need last_arrivals, because the next belief depends on them"
    last = belief.time + 1 == len(solution.tables)
    agree = (numbers == number[:, None]) | (numbers < 0) | last
    require(bool(agree.all()), rule, f"none after step {belief.time}")
    return Belief(number, belief.time + 1)


def _action_values(belief: Belief, states: Array, solution: Solution) -> Array:
    _, rows = _place(belief, states, solution)
    return np.asarray(solution.tables[belief.time][rows])


def _needs_arrivals(solution: Solution) -> bool:
    """Return whether a belief depends on the last arrival of an episode before the last one."""
    (of, tree, _, T) = solution
    order, groups = without_arrival(of.listed)
    for layer in tree.layers[T - 1 : -1 : T]:
        for rows, chance in chances(layer.log_beliefs, layer.occurs, of.listed):
            after = np.where(chance > 0, layer.successor[rows][:, of.kind], -1)[:, order]
            largest = np.maximum.reduceat(after, groups, axis=1)
            smallest = np.minimum.reduceat(np.where(after < 0, 2**31, after), groups, axis=1)
            if ((largest >= 0) & (largest != smallest)).any():
                return True
    return False


def _start_trial(num_tasks: int) -> Belief:
    return Belief(np.zeros(num_tasks, int), 0)


def require_chances(rule: str, family: Family) -> None:
    """Raise `Unsupported` if rewards are Bernoulli, but a mean reward is no probability."""
    if family.reward_noise is rollouts.bernoulli:
        reward = family.prior.mdps.reward
        fits = bool(((reward >= 0) & (reward <= 1)).all())
        require_support(fits, f"{rule}: Bernoulli rewards need means in [0, 1]", "others")


def solve(family: Family, limit: int = LIMIT, report: Report | None = None) -> Ceiling:
    """Return the optimum over a finite set of candidate tasks with noisy hints.

    Rewards are noise-free or Bernoulli. `Unsupported` for any other family, `TooLarge` if the
    beliefs that can occur need more than `limit` numbers. If the solution takes more than about a
    second, `report` is called with a line that says what it takes.
    """
    rule = "no exact ceiling here but for hypotheses with noise-free or Bernoulli rewards"
    prior = conditions.require_prior(rule, family, Hypotheses)
    conditions.require_known_rewards(rule, family)
    require_chances(rule, family)
    of = hints(outcomes(family))
    tree = tree_of(list_steps(family, of, limit, report))
    end = np.zeros((int(tree.layers[-1].successor.max()) + 1, of.listed.shape[0]))
    value, tables = backward_induction(family, of, tree, end)
    best = expected_under_prior(exact.optimal_return(prior.mdps, family.horizon), prior)
    solution = Solution(of, tree, tables, family.horizon)
    return checked_ceiling(
        family,
        value=value,
        known_task=best * family.num_episodes,
        needs_arrivals=_needs_arrivals(solution),
        start=_start_trial,
        observe=partial(_observe, solution=solution),
        action_values=partial(_action_values, solution=solution),
    )
