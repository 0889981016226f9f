"""The ceiling of finitely many hypotheses with noise-free rewards, by the subsets that are left.

An outcome o = (s, a, s', r) has, under hypothesis h of prior w(h), the probability

    (1)  p_h(o) = P_h(s'|s,a) 1{R_h(s,a,s') = r}                                [definition]
    (2)  b = w restricted to the h with p_h(o) > 0 for every o so far, wherever the p_h(o)
         of those that an outcome leaves are equal                              [derivation]

So the beliefs of ceilings (1) that can be met are subsets, and ceilings (2) is one table.
"""

from __future__ import annotations

import heapq
from functools import partial
from typing import NamedTuple

import numpy as np

from metarl_min.baselines.posterior_sampling import shared_initial
from metarl_min.basics.arguments import require
from metarl_min.basics.trees import Array
from metarl_min.ceilings import Ceiling, expected_random, require_table_fits
from metarl_min.mdps import mdp as exact
from metarl_min.tasks import Family, expected_under_prior

LIMIT = 20_000_000  # table entries of 8 bytes


class Outcomes(NamedTuple):
    """Everything that can happen in a step, in the order of (s, a, s', r)."""

    shape: tuple[int, int]  # S, A
    levels: Array  # [R] the different rewards, in order
    codes: Array  # [O] (s, a, s', level) as one number, in order
    state: Array  # [O]
    arrival: Array  # [O]
    reward: Array  # [O]
    first: Array  # [S A] the first outcome of each pair
    probs: Array  # [O, G] p_h(o) of ceilings (1)


def outcomes(family: Family) -> Outcomes:
    """List what can happen under the hypotheses of a family, with its probabilities, eq. (1)."""
    mdps, G = family.prior.mdps, len(family.prior.weights)
    (S, A) = mdps.shape
    require_table_fits(family, G * S * A * S, LIMIT)
    transition, reward = (np.broadcast_to(x, (G, S, A, S)) for x in mdps[1:])
    g, s, a, arrival = np.nonzero(transition)
    levels, level = np.unique(reward[g, s, a, arrival], return_inverse=True)
    axes = (S, A, S, len(levels))
    codes, o = np.unique(np.ravel_multi_index((s, a, arrival, level), axes), return_inverse=True)
    require_table_fits(family, len(codes) * G, LIMIT)
    probs = np.zeros((len(codes), G))
    probs[o, g] = transition[g, s, a, arrival]
    state, action, arrival, level = np.unravel_index(codes, axes)
    first = np.searchsorted(state * A + action, np.arange(S * A))
    return Outcomes((S, A), levels, codes, state, arrival, levels[level], first, probs)


def _predict(out: Outcomes, weights: Array, subset: Array, visited: Array) -> tuple[Array, Array]:
    """p(o|b) at the states [S] that can be met with a belief, which grow to all of them.

    ValueError where the hypotheses that an outcome leaves do not agree on its probability.
    """
    chance = out.probs @ (weights * subset) / weights[subset].sum()
    left = (out.probs > 0) & subset
    stays = (left == subset).all(-1)
    while True:
        seen = visited[out.state] & (chance > 0)
        reached = np.isin(np.arange(len(visited)), out.arrival[seen & stays])
        if (visited >= reached).all():
            break
        visited = visited | reached
    spread = np.where(left, out.probs, 0).max(-1) - np.where(left, out.probs, 1).min(-1)
    rule = "no exact ceiling unless the possible hypotheses agree on each possible arrival's chance"
    gap = float(spread[seen].max())
    require(gap < 1e-12, rule, f"chances that differ by {gap:.3g}")
    return np.where(seen, chance, 0.0), visited


class Beliefs(NamedTuple):
    """All beliefs that can be met, as subsets of the hypotheses, eq. (2); the prior is number 0."""

    child: Array  # [K, O] the subset that an outcome leaves; -1 where it cannot happen
    chance: Array  # [K, O] p(o|b)


def beliefs(family: Family, out: Outcomes, limit: int) -> Beliefs:
    """List the beliefs of ceilings (1) that can be met, larger subsets before smaller ones."""
    weights, first = family.prior.weights, shared_initial(family.prior) > 0
    start = first if family.num_episodes > 1 else first & False
    kinds, kind = np.unique(out.probs > 0, axis=0, return_inverse=True)
    kind = kind.reshape(-1)
    each = 2 * len(kind) + family.num_episodes * family.horizon * len(out.first)
    subsets, visited = [weights > 0], [first]
    numbers = {subsets[0].tobytes(): 0}
    child, chance, queue = {}, {}, [(0, 0)]
    while queue:
        k = heapq.heappop(queue)[1]
        chance[k], visited[k] = _predict(out, weights, subsets[k], visited[k])
        child[k] = np.full(len(kind), -1, np.int32)
        for u in np.unique(kind[chance[k] > 0]):
            left = kinds[u] & subsets[k]
            j = numbers.setdefault(left.tobytes(), len(subsets))
            if j == len(subsets):
                require_table_fits(family, (j + 1) * each, limit, "at least ")
                subsets.append(left)
                visited.append(start)
                heapq.heappush(queue, (-int(left.sum()), j))
            mine = (kind == u) & (chance[k] > 0)
            child[k][mine] = j
            visited[j] = visited[j] | np.isin(np.arange(len(first)), out.arrival[mine])
    order = range(len(subsets))
    return Beliefs(np.stack([child[k] for k in order]), np.stack([chance[k] for k in order]))


def _backward(family: Family, out: Outcomes, known: Beliefs) -> Array:
    """Q at each time of the trial, ceilings (2). [N T, K, S, A]"""
    (S, A), K, initial = out.shape, len(known.child), shared_initial(family.prior)
    q = np.empty((family.num_episodes * family.horizon, K, S, A))
    after = np.zeros((K, S))
    for t in range(len(q) - 1, -1, -1):
        worth = known.chance * (out.reward + after[known.child, out.arrival])
        q[t] = np.add.reduceat(worth, out.first, axis=1).reshape(K, S, A)
        after = q[t].max(-1)
        if t % family.horizon == 0:
            after = np.repeat(after @ initial[:, None], S, axis=1)
    return q


def _told_by_rewards(out: Outcomes, known: Beliefs) -> bool:
    """Whether (s, a, r) leaves the same belief for every arrival that is possible with it."""
    (S, A), R = out.shape, len(out.levels)
    s, a, _, level = np.unravel_index(out.codes, (S, A, S, R))
    pair = (s * A + a) * R + level
    order = np.argsort(pair, kind="stable")
    groups = np.flatnonzero(np.diff(pair[order], prepend=-1))
    child = known.child[:, order]
    most = np.maximum.reduceat(child, groups, axis=1)
    least = np.minimum.reduceat(np.where(child < 0, len(child), child), groups, axis=1)
    return bool(((least == most) | (most < 0)).all())


class Belief(NamedTuple):
    """Which hypotheses are left, and when."""

    subset: Array  # [M] number among the Beliefs
    time: int  # steps since the start of the trial


def _prior_belief(num_tasks: int) -> Belief:
    return Belief(np.zeros(num_tasks, int), 0)


def _restrict(
    belief: Belief, states: Array, actions: Array, rewards: Array, arrivals: Array | None,
    out: Outcomes, child: Array,
) -> Belief:  # fmt: skip
    """Eq. (2). Of an episode's last step, where Episodes end, the arrival may be None."""
    (S, A), R = out.shape, len(out.levels)
    options = np.arange(S)[None] if arrivals is None else arrivals[:, None]
    level = np.searchsorted(out.levels, rewards).clip(max=R - 1)
    code = (((states * A + actions)[:, None] * S) + options) * R + level[:, None]
    o = np.searchsorted(out.codes, code).clip(max=len(out.codes) - 1)
    possible = (out.codes[o] == code) & (out.levels[level] == rewards)[:, None]
    left = np.where(possible, child[belief.subset[:, None], o], -1)
    subset = left.max(-1)
    rule = "history must be possible under the prior"
    require(bool((subset >= 0).all()), rule, f"an impossible step {belief.time}")
    rule = "history must tell the belief without the arrivals of the last steps of episodes"
    agree = (left == subset[:, None]) | (left < 0)
    require(bool(agree.all()), rule, f"arrivals that matter after step {belief.time}")
    return Belief(subset, belief.time + 1)


def _subset_values(belief: Belief, states: Array, q: Array) -> Array:
    return q[belief.time, belief.subset, states]


def solve(family: Family, limit: int | None = None) -> Ceiling:
    """Return the optimum over finitely many hypotheses with noise-free rewards.

    ValueError where they do not agree, as long as they are possible, on the chance of each arrival
    that they allow, or where their tables would have more than `limit` (or LIMIT) entries.
    """
    prior = family.prior
    out = outcomes(family)
    known = beliefs(family, out, LIMIT if limit is None else limit)
    q = _backward(family, out, known)
    told = expected_under_prior(exact.optimal_return(prior.mdps, family.horizon), prior)
    return Ceiling(
        float(q[0, 0].max(-1) @ shared_initial(prior)),
        told * family.num_episodes,
        expected_random(family),
        family.num_episodes == 1 or _told_by_rewards(out, known),
        _prior_belief,
        partial(_restrict, out=out, child=known.child),
        partial(_subset_values, q=q),
    )
