"""All that can happen in one step of a finite set of candidate tasks.

The outcome o = (s, a, s', r) of a step says that the player took action a in state s, arrived in s'
and received the reward r. Candidate task g has the transitions P_g and the mean rewards
r_g(s,a,s'). The probability p_g(o) of an outcome is (1) if rewards have no noise, and (2) if they
are Bernoulli:

    (1)  p_g(o) = P_g(s'|s,a) 1{r_g(s,a,s') = r}                                [definition]
    (2)  p_g(o) = P_g(s'|s,a) (r_g(s,a,s') 1{r = 1} + (1 - r_g(s,a,s')) 1{r = 0})  [definition]

In this module, O is the number of outcomes that some candidate allows, and R is the number of
different rewards, which are called levels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from metarl_min.basics.trees import Array
from metarl_min.ceilings import require_table_fits
from metarl_min.mdps import rollouts
from metarl_min.tasks import Family

LIMIT = 20_000_000  # table entries of 8 bytes


class Outcomes(NamedTuple):
    """The O outcomes that some candidate allows, in the order of (s, a, s', r)."""

    shape: tuple[int, int]  # S, A
    levels: Array  # [R] the different rewards, in increasing order
    codes: Array  # [O] (s, a, s', level) as one integer, in increasing order
    state: Array  # [O]
    arrival: Array  # [O]
    reward: Array  # [O]
    first: Array  # [S * A] the place of the first outcome of each pair (s, a)
    probs: Array  # [O, G] p_g(o)


class Arrivals(NamedTuple):
    """The n combinations (g, s, a, s') in which s' is possible after (s, a) in candidate g."""

    places: tuple[Array, ...]  # g, s, a and s' of each combination, each [n]
    mean: Array  # [n] r_g(s,a,s')
    chance: Array  # [n] P_g(s'|s,a)


def arrivals(family: Family, limit: int = LIMIT) -> Arrivals:
    """Return all arrivals. `TooLarge` if the transitions have more than `limit` entries."""
    mdps, G = family.prior.mdps, len(family.prior.weights)
    S, A = mdps.shape
    require_table_fits(family, G * S * A * S, limit)
    transition = np.broadcast_to(mdps.transition, (G, S, A, S))
    places = np.nonzero(transition)
    mean = np.broadcast_to(mdps.reward, (G, S, A, S))[places]
    return Arrivals(places, mean, transition[places])


def outcomes(family: Family, limit: int = LIMIT) -> Outcomes:
    """Return the outcomes of a family of candidate tasks, and their probabilities, eqs. (1), (2).

    Every family without Bernoulli rewards is treated as if its rewards had no noise, eq. (1).
    `TooLarge` if a table of the transitions or of the outcomes has more than `limit` entries.
    """
    listed = arrivals(family, limit)
    if family.reward_noise is not rollouts.bernoulli:
        return list_outcomes(family, listed, listed.mean[:, None], np.ones((1, 1)), limit)
    paid = np.stack([listed.mean, 1 - listed.mean], axis=-1)
    return list_outcomes(family, listed, np.array([[1.0, 0.0]]), paid, limit)


def list_outcomes(
    family: Family, listed: Arrivals, rewards: Array, chances: Array, limit: int = LIMIT
) -> Outcomes:
    """Return the outcomes, if each arrival pays one of k rewards.

    `rewards` [n or 1, k] holds the rewards of each arrival, and `chances` [n or 1, k] holds their
    probabilities. `TooLarge` if the table [O, G] has more than `limit` entries.
    """
    G, (S, A) = len(family.prior.weights), family.prior.mdps.shape
    p = listed.chance[:, None] * chances
    row, column = np.nonzero(p)
    g, s, a, arrival = (place[row] for place in listed.places)
    reward, p = np.broadcast_to(rewards, p.shape)[row, column], p[row, column]
    levels, level = np.unique(reward, return_inverse=True)
    axes = (S, A, S, len(levels))
    codes, o = np.unique(np.ravel_multi_index((s, a, arrival, level), axes), return_inverse=True)
    require_table_fits(family, len(codes) * G, limit)
    probs = np.zeros((len(codes), G))
    probs[o, g] = p
    state, action, arrival, level = np.unravel_index(codes, axes)
    return Outcomes(
        shape=(S, A),
        levels=levels,
        codes=codes,
        state=state,
        arrival=arrival,
        reward=levels[level],
        first=np.searchsorted(state * A + action, np.arange(S * A)),
        probs=probs,
    )


def find(
    listed: Outcomes, states: Array, actions: Array, rewards: Array, arrivals: Array
) -> tuple[Array, Array]:
    """Return the places of outcomes in `listed`, and whether they are in `listed`. each [M, n]

    `states`, `actions` and `rewards` are [M]. `arrivals` [M, n] or [1, n] are n possible arrivals
    of each step. If an outcome is not in `listed`, its place has no meaning.
    """
    (S, A), R = listed.shape, len(listed.levels)
    level = np.searchsorted(listed.levels, rewards).clip(max=R - 1)
    code = (((states * A + actions)[:, None] * S) + arrivals) * R + level[:, None]
    place = np.searchsorted(listed.codes, code).clip(max=len(listed.codes) - 1)
    possible = (listed.codes[place] == code) & (listed.levels[level] == rewards)[:, None]
    return place, possible


def without_arrival(listed: Outcomes) -> tuple[Array, Array]:
    """Return an order in which the outcomes with the same (s, a, r) are neighbours, a group. [O]

    The second result holds the place of the first outcome of each group in this order.
    """
    (S, A), R = listed.shape, len(listed.levels)
    s, a, _, level = np.unravel_index(listed.codes, (S, A, S, R))
    group = (s * A + a) * R + level
    order = np.argsort(group, kind="stable")
    return order, np.flatnonzero(np.diff(group[order], prepend=-1))
