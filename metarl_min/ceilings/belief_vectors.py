"""The ceiling of a finite set of candidate tasks whose outcomes are hints.

An outcome is a hint if several candidates allow it with different probabilities. `belief_layers`
lists the beliefs that can occur. This module computes Q of ceilings (2) backwards in time, for each
pair of a belief and a state that can occur. In this module, B is a number of beliefs, and n is the
number of these pairs in one step.

A test compares the values with a recursion over all histories in rational numbers.
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
    """Return Q of each pair (belief, state) that can occur before one step. -> [n, A]

    `rewards` [G, S * A] holds the r_g(s,a), and `V` [B, S] holds the values after the step.
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
    """Return the value of the trial, and Q of the pairs of each step, ceilings (2). each [n, A]

    `last` [B, S] holds the values of the beliefs after the last step of the tree. If this step ends
    an episode, the first state of the next episode is not drawn yet. Then the values must be the
    same for each s.
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
    """The beliefs of M tasks after `time` steps of the trial."""

    # Before the first step of an episode it is the row in a Start, otherwise the row in a Layer.
    number: Array  # [M] row of each belief
    time: int


class Solution(NamedTuple):
    """The tables from which beliefs and action values are read."""

    of: Hints
    tree: Tree
    tables: list[Array]  # for each step, Q of the pairs [n, A]
    horizon: int


def _place(belief: Belief, states: Array, solution: Solution) -> tuple[Array, Array]:
    """Return the row of the belief in the layer, and the row of the pair in the table. each [M]

    Before the first step of an episode, its first state changes the belief.
    """
    number, t = belief.number, belief.time
    if t % solution.horizon == 0:
        number = solution.tree.starts[t // solution.horizon].successor[number, states]
        require_possible(number >= 0, t)
    layer = solution.tree.layers[t]
    require_possible(layer.occurs[number, states], t)
    order = np.cumsum(layer.occurs).reshape(layer.occurs.shape) - 1  # rows of the pairs
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

    `arrivals` is None if the arrivals are not known. ValueError if no candidate allows the step, or
    if the next belief depends on an arrival that is not known. After the last step of the trial, an
    unknown arrival is accepted, because no value depends on it.
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
    """Return whether the next belief depends on the arrival of the last step of some episode.

    The last episode of the trial does not count.
    """
    of, tree, _, T = solution
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
    """Raise `Unsupported` if rewards are Bernoulli and a mean reward is no probability."""
    if family.reward_noise is rollouts.bernoulli:
        reward = family.prior.mdps.reward
        low, high = float(reward.min()), float(reward.max())
        condition = f"{rule}: Bernoulli rewards need means in [0, 1]"
        require_support(low >= 0 and high <= 1, condition, f"means from {low} to {high}")


def solve(family: Family, limit: int = LIMIT, report: Report | None = None) -> Ceiling:
    """Return the ceiling of a finite set of candidate tasks with noise-free or Bernoulli rewards.

    `Unsupported` for any other family, and for Bernoulli rewards whose means are no probabilities.
    `TooLarge` if the beliefs that can occur need more than `limit` numbers. If the solution takes
    more than about a second, `report` is called with a line that states its cost.
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
