"""The ceiling of a finite set of candidate tasks with noise-free rewards.

The player knows the outcomes o_1, o_2, .. of its steps. p_g(o) is the probability of an outcome
in candidate task g (outcomes (1)). A candidate is possible if no outcome so far contradicts it.
C is the set of the possible candidates:

    (1)  C = {g : w(g) > 0 and p_g(o) > 0 for every outcome o so far}           [definition]
    (2)  b(g) = w(g) 1{g in C} / sum_{g' in C} w(g'), if the possible candidates always agree
         on p_g(o) of the outcomes that they allow                              [derivation]

    Steps of (2). Bayes' rule gives b(g) in proportion to w(g) p_g(o_1) p_g(o_2) ..
    The product is 0 for g outside of C, because it has a factor of 0.
    All g in C have the same product, because they agree on every factor.
    Normalisation cancels the common product, so only the prior weights remain.

In this module, b is a belief, C is a set, B is the number of subsets and O the number of outcomes.

By (2) a belief is a subset of the candidates, and only finitely many subsets can occur. So
ceilings (2) is a table over times, subsets, states and actions.
"""

from __future__ import annotations

import heapq
from functools import partial
from typing import NamedTuple

import numpy as np

from metarl_min.baselines import conditions
from metarl_min.basics.arguments import require
from metarl_min.basics.trees import Array
from metarl_min.ceilings import Ceiling, require_table_fits
from metarl_min.ceilings.histories import checked_ceiling, require_possible
from metarl_min.ceilings.outcomes import LIMIT, Outcomes, find, outcomes, without_arrival
from metarl_min.mdps import mdp as exact
from metarl_min.tasks import (
    Family,
    Hypotheses,
    expected_under_prior,
    require_support,
    shared_initial,
)


class Beliefs(NamedTuple):
    """The subsets that can occur, eq. (1). Subset 0 is the prior."""

    successor: Array  # [B, O] number of the subset after an outcome; -1 where it is impossible
    probs: Array  # [B, O] p(o|b) of ceilings (1)


class Belief(NamedTuple):
    """The belief of M tasks."""

    subset: Array  # [M] number of the subset
    time: int  # number of steps since the start of the trial


def _agreement_gap(listed: Outcomes, subset: Array) -> Array:
    """Return by how much the possible candidates disagree on each p_g(o). subset [G] -> [O]"""
    allowed = (listed.probs > 0) & subset
    return np.where(allowed, listed.probs, 0).max(-1) - np.where(allowed, listed.probs, 1).min(-1)


def _predict(
    listed: Outcomes, weights: Array, subset: Array, visited: Array
) -> tuple[Array, Array]:
    """Return p(o|b) of a subset, ceilings (1), and whether it can occur in each state. [O], [S]

    p(o|b) is set to 0 in states in which the subset cannot occur.

    `visited` holds the states in which the player can be when the subset becomes the belief, or
    when an episode starts with it. A step that contradicts no possible candidate keeps the subset,
    so its arrival is visited too. `Unsupported` if the candidates disagree on the probability of an
    outcome that can occur, so that eq. (2) does not hold.
    """
    probs = listed.probs @ (weights * subset) / weights[subset].sum()
    keeps_subset = (((listed.probs > 0) & subset) == subset).all(-1)
    while True:
        occurs = visited[listed.state] & (probs > 0)
        reached = visited.copy()
        reached[listed.arrival[occurs & keeps_subset]] = True
        if (visited == reached).all():
            break
        visited = reached
    gap = float(_agreement_gap(listed, subset)[occurs].max())
    rule = "no exact ceiling unless the possible hypotheses agree on each possible arrival's chance"
    require_support(gap < 1e-12, rule, f"chances that differ by {gap:.3g}")
    return np.where(occurs, probs, 0.0), visited


def beliefs(family: Family, listed: Outcomes, limit: int = LIMIT) -> Beliefs:
    """List the subsets that can occur, eq. (1).

    After an outcome, only the candidates that allow it remain. If they are fewer than before, the
    arrival of the outcome is a visited state of the smaller subset. So larger subsets are expanded
    first.
    """
    weights, first_states = family.prior.weights, shared_initial(family.prior) > 0
    # If another episode follows, it can start with any subset.
    restarts = first_states if family.num_episodes > 1 else np.zeros_like(first_states)
    allowed, kind = np.unique(listed.probs > 0, axis=0, return_inverse=True)
    kind = kind.reshape(-1)  # outcomes of one kind are allowed by the same candidates
    entries = 2 * len(kind) + family.num_episodes * family.horizon * len(listed.first)
    subsets, visited, queue = [weights > 0], [first_states.copy()], [(0, 0)]
    numbers, rows = {subsets[0].tobytes(): 0}, {}
    while queue:
        k = heapq.heappop(queue)[1]
        probs, visited[k] = _predict(listed, weights, subsets[k], visited[k])
        successor = np.full(len(kind), -1, np.int32)
        for u in np.unique(kind[probs > 0]):
            subset = allowed[u] & subsets[k]
            j = numbers.setdefault(subset.tobytes(), len(subsets))
            if j == len(subsets):
                require_table_fits(family, (j + 1) * entries, limit, "at least ")
                subsets.append(subset)
                visited.append(restarts.copy())
                heapq.heappush(queue, (-int(subset.sum()), j))
            leads_to_j = (kind == u) & (probs > 0)
            successor[leads_to_j] = j
            visited[j][listed.arrival[leads_to_j]] = True
        rows[k] = successor, probs
    in_order = [rows[k] for k in sorted(rows)]
    return Beliefs(np.stack([row[0] for row in in_order]), np.stack([row[1] for row in in_order]))


def backward_induction(family: Family, listed: Outcomes, table: Beliefs) -> Array:
    """Return Q at each time of the trial, ceilings (2). [N T, B, S, A]

    `BeliefSearch` of tests/belief_search.py computes these values by recursion over histories, in
    rational numbers.
    """
    (S, A), B, initial = listed.shape, len(table.probs), shared_initial(family.prior)
    q = np.empty((family.num_episodes * family.horizon, B, S, A))
    next_values = np.zeros((B, S))
    for t in range(len(q) - 1, -1, -1):
        worth = table.probs * (listed.reward + next_values[table.successor, listed.arrival])
        q[t] = np.add.reduceat(worth, listed.first, axis=1).reshape(B, S, A)
        next_values = q[t].max(-1)
        if t % family.horizon == 0:  # the step before t ends an episode
            next_values = np.repeat(next_values @ initial[:, None], S, axis=1)
    return q


def determined_without_arrivals(listed: Outcomes, table: Beliefs) -> bool:
    """Return whether (s, a, r) leads to the same subset for every possible arrival s'."""
    order, groups = without_arrival(listed)
    successor = table.successor[:, order]
    largest = np.maximum.reduceat(successor, groups, axis=1)
    possible = np.where(successor < 0, len(successor), successor)
    smallest = np.minimum.reduceat(possible, groups, axis=1)
    return bool(((smallest == largest) | (largest < 0)).all())


def _start(num_tasks: int) -> Belief:
    return Belief(np.zeros(num_tasks, int), 0)


def _observe(
    belief: Belief,
    states: Array,
    actions: Array,
    rewards: Array,
    arrivals: Array | None,
    listed: Outcomes,
    successor: Array,
    num_steps: int,
) -> Belief:
    """Return the subset after one step, eq. (1).

    `arrivals` are None if the arrivals of the last steps of an episode are not known.
    ValueError if no candidate allows the step, or if an unknown arrival changes the subset. After
    the last of all steps no value depends on the subset.
    """
    options = np.arange(listed.shape[0])[None] if arrivals is None else arrivals[:, None]
    place, possible = find(listed, states, actions, rewards, options)
    subsets = np.where(possible, successor[belief.subset[:, None], place], -1)
    subset = subsets.max(-1)
    require_possible(subset >= 0, belief.time)
    rule = "episodes need last_arrivals, because the next belief depends on them"
    agree = (subsets == subset[:, None]) | (subsets < 0) | (belief.time + 1 == num_steps)
    require(bool(agree.all()), rule, f"none after step {belief.time}")
    return Belief(subset, belief.time + 1)


def _action_values(belief: Belief, states: Array, q: Array) -> Array:
    return q[belief.time, belief.subset, states]


def solve(family: Family, limit: int = LIMIT) -> Ceiling:
    """Return the optimum over a finite set of candidate tasks with noise-free rewards.

    `Unsupported` for any other family, if the candidates do not share the distribution of the first
    state, or if eq. (2) does not hold. `TooLarge` if the tables of the subsets have more than
    `limit` entries.
    """
    rule = "no exact ceiling here but for hypotheses with noise-free rewards"
    prior = conditions.require_prior(rule, family, Hypotheses)
    conditions.require_noise_free(rule, family)
    (S, A), num_steps = prior.mdps.shape, family.num_episodes * family.horizon
    require_table_fits(family, num_steps * S * A, limit, "at least ")
    listed = outcomes(family)
    table = beliefs(family, listed, limit)
    q = backward_induction(family, listed, table)
    best = expected_under_prior(exact.optimal_return(prior.mdps, family.horizon), prior)
    more_episodes = family.num_episodes > 1
    return checked_ceiling(
        family,
        value=float(q[0, 0].max(-1) @ shared_initial(prior)),
        known_task=best * family.num_episodes,
        needs_arrivals=more_episodes and not determined_without_arrivals(listed, table),
        start=_start,
        observe=partial(_observe, listed=listed, successor=table.successor, num_steps=len(q)),
        action_values=partial(_action_values, q=q),
    )
