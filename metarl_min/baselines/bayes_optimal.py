"""The ceiling: the best expected return of a whole trial, exploration included.

An outcome o = (s, a, s', r) of a step has probability p_h(o) under hypothesis h, of prior w(h).
Whoever meets the task through its history knows the belief b, the state s and the time t. These
make a known MDP (the Bayes-adaptive MDP of Duff 2002), which is solved backwards in time:

    (1)  b_o(h) = b(h) p_h(o) / p(o|b),  p(o|b) = sum_h b(h) p_h(o),
         p_h(o) = P_h(s'|s,a) 1{R_h(s,a,s') = r}                                [definition]
    (2)  Q_t(b,s,a) = sum_{o of (s,a)} p(o|b) (r + V_{t+1}(b_o,s')),
         V_t(b,s) = max_a Q_t(b,s,a), 0 after the trial, and where an episode starts
         sum_s rho(s) V_t(b,s): the belief is kept, the state redrawn
                                                                  [Guez et al. 2012, sec. 2]
    (3)  b = w restricted to the h with p_h(o) > 0 for every o so far, wherever the p_h(o)
         of those that an outcome leaves are equal                              [derivation]
    (4)  Beta arms: b is the counts c = (wins_1, losses_1, .., wins_A, losses_A), and
         p(1|b,i) = (a_i + wins_i) / (a_i + b_i + wins_i + losses_i)            [derivation]
    (5)  index(c) = sum_{i=1..m} C(t_i + i - 1, i),  t_i = c_1 + .. + c_i,  m = 2 A
                                                              [Knuth 2011, sec. 7.2.1.3]
    (6)  index(c + e_j) - index(c) = sum_{i=j..m} C(t_i + i - 1, i - 1)         [derivation]
    (7)  V - E[return of pi] = E_pi sum_t (max_a Q_t(b_t,s_t,a) - Q_t(b_t,s_t,a_t))
                                                    [Kakade and Langford 2002, lemma 6.1]
    (8)  random = sum_h w(h) J_h(1 / A) N;  N T (mean reward of the prior) where no arrival
         tells what the next action pays                                        [derivation]

(5) numbers the counts of 0, 1, 2, .. pulls without a gap, so Q of (2) is one table. In (7) pi is
anyone who meets the task through its history alone; the regret of one history is that sum.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min import mdp as exact
from metarl_min import rollouts, values
from metarl_min.arguments import require
from metarl_min.baselines.bandits import draw_best, expected_best_mean, player, prior_means
from metarl_min.baselines.mdps import shared_initial, uniform
from metarl_min.learners import Learner
from metarl_min.rollouts import Agent, Episodes
from metarl_min.tasks import BetaArms, DirichletMDP, Family, Hypotheses, expected_under_prior
from metarl_min.trees import Array, Rng

LIMIT = 20_000_000  # table entries


class Ceiling(NamedTuple):
    """The optimum of one family; a belief is [M] of them, at one time of the trial."""

    value: float  # expected return of the Bayes-optimal player over one trial
    known_task: float  # of the best player who is told the task
    random: float  # of the uniformly random player
    told_by_episodes: bool  # whether Episodes, which lack each last arrival, tell the belief
    start: Callable[[int], Any]  # num_tasks -> belief, before the trial
    observe: Callable[..., Any]  # (belief, states, actions, rewards, arrivals or None) -> belief
    action_values: Callable[[Any, Array], Array]  # (belief, states [M]) -> Q of eq. (2), [M, A]


def expected_random(family: Family) -> float:
    """Expected return of the uniformly random player over one trial, eq. (8)."""
    prior: Any = family.prior
    if isinstance(prior, Hypotheses):
        returns = values.expected_return(prior.mdps, uniform(prior.mdps.shape), family.horizon)
        return expected_under_prior(returns, prior) * family.num_episodes
    mean = prior.mean if isinstance(prior, DirichletMDP) else prior_means(prior).mean()
    return float(mean) * family.num_episodes * family.horizon


def _within_limit(family: Family, size: int, least: str = "") -> None:
    rule = f"the exact ceiling of {family.name} may have at most {LIMIT:,} table entries"
    require(size <= LIMIT, rule, f"{least}{size:,}" if size < 10**99 else "more than 1e99")


def binomials(num_parts: int, total: int) -> Array:
    """C(t + i - 1, i), eq. (5), for i = 0..num_parts, t = 0..total. [num_parts + 1, total + 1]"""
    rows = [np.ones(total + 1, int)]
    for _ in range(num_parts):
        rows.append(np.concatenate([[0], np.cumsum(rows[-1][1:])]))
    return np.stack(rows)


def index(counts: Array, binomial: Array) -> Array:
    """Number of the counts in the table of all histories, eq. (5). [..., m] -> [...]"""
    sums, i = np.cumsum(counts, axis=-1), np.arange(1, counts.shape[-1] + 1)
    return binomial[i, sums].sum(-1)


def partial_sums(total: int, binomial: Array) -> Array:
    """t_1, .., t_m of all counts with this total, in the order of eq. (5). [C, m]"""
    last = len(binomial) - 1
    rest = np.arange(binomial[last, total + 1] - binomial[last, total])
    sums = np.full((len(rest), last), total)
    for i in range(last - 1, 0, -1):
        sums[:, i - 1] = np.searchsorted(binomial[i], rest, side="right") - 1
        rest = rest - binomial[i, sums[:, i - 1]]
    return sums


def _layer(prior: BetaArms, after: Array, total: int, binomial: Array) -> Array:
    """Q of all counts with this total, eqs. (2), (4). after: V of the next ones -> [C, A]"""
    sums = partial_sums(total, binomial)
    counts = np.diff(sums, axis=1, prepend=0)
    steps = binomial[np.arange(sums.shape[1]), sums + 1]  # eq. (6): C(t_i + i - 1, i - 1)
    m = sums.shape[1]
    here = np.arange(len(sums)) + binomial[m, total] - binomial[m, total + 1]
    values = after[here[:, None] + np.cumsum(steps[:, ::-1], axis=1)[:, ::-1]]
    wins, losses = counts[:, 0::2], counts[:, 1::2]
    p = (prior.a + wins) / (prior.a + prior.b + wins + losses)
    return p * (1 + values[:, 0::2]) + (1 - p) * values[:, 1::2]


def _no_pulls(num_tasks: int, num_parts: int) -> Array:
    return np.zeros((num_tasks, num_parts), int)


def _count(counts: Array, states: Array, actions: Array, rewards: Array, arrivals: Any) -> Array:
    return counts + np.eye(counts.shape[1], dtype=int)[2 * actions + (rewards == 0)]


def _arm_values(counts: Array, states: Array, table: Array, binomial: Array) -> Array:
    return table[index(counts, binomial)]


def _solve_arms(family: Family) -> Ceiling:
    prior, pulls, A = family.prior, family.num_episodes, len(family.prior.a)
    _within_limit(family, A * math.comb(pulls + 2 * A - 1, 2 * A))
    binomial = binomials(2 * A, pulls + 1)
    ends = binomial[-1, : pulls + 1]
    table = np.empty((ends[-1], A))
    after = np.zeros(binomial[-1, pulls + 1] - ends[-1])
    for n in range(pulls - 1, -1, -1):
        layer = table[ends[n] : ends[n + 1]] = _layer(prior, after, n, binomial)
        after = layer.max(-1)
    return Ceiling(
        float(after[0]),
        pulls * expected_best_mean(prior),
        expected_random(family),
        True,
        partial(_no_pulls, num_parts=2 * A),
        _count,
        partial(_arm_values, table=table, binomial=binomial),
    )


class Outcomes(NamedTuple):
    """Everything that can happen in a step, in the order of (s, a, s', r)."""

    shape: tuple[int, int]  # S, A
    levels: Array  # [R] the different rewards, in order
    codes: Array  # [O] (s, a, s', level) as one number, in order
    state: Array  # [O]
    arrival: Array  # [O]
    reward: Array  # [O]
    first: Array  # [S A] the first outcome of each pair
    probs: Array  # [O, G] p_h(o) of eq. (1)


def outcomes(family: Family) -> Outcomes:
    """List what can happen under the hypotheses of a family, with its probabilities p_h(o)."""
    mdps, G = family.prior.mdps, len(family.prior.weights)
    (S, A) = mdps.shape
    _within_limit(family, G * S * A * S)
    transition, reward = (np.broadcast_to(x, (G, S, A, S)) for x in mdps[1:])
    g, s, a, arrival = np.nonzero(transition)
    levels, level = np.unique(reward[g, s, a, arrival], return_inverse=True)
    axes = (S, A, S, len(levels))
    codes, o = np.unique(np.ravel_multi_index((s, a, arrival, level), axes), return_inverse=True)
    _within_limit(family, len(codes) * G)
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
    """All beliefs that can be met, as subsets of the hypotheses, eq. (3); the prior is number 0."""

    child: Array  # [K, O] the subset that an outcome leaves; -1 where it cannot happen
    chance: Array  # [K, O] p(o|b)


def beliefs(family: Family, out: Outcomes) -> Beliefs:
    """Enumerate the beliefs that can be met, from the larger subsets to the smaller ones."""
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
                _within_limit(family, (j + 1) * each, "at least ")
                subsets.append(left)
                visited.append(start)
                heapq.heappush(queue, (-int(left.sum()), j))
            mine = (kind == u) & (chance[k] > 0)
            child[k][mine] = j
            visited[j] = visited[j] | np.isin(np.arange(len(first)), out.arrival[mine])
    order = range(len(subsets))
    return Beliefs(np.stack([child[k] for k in order]), np.stack([chance[k] for k in order]))


def _backward(family: Family, out: Outcomes, known: Beliefs) -> Array:
    """Q at each time of the trial, eq. (2). [N T, K, S, A]"""
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
    """Eq. (3). Of an episode's last step, where Episodes end, the arrival may be None."""
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


def _solve_hypotheses(family: Family) -> Ceiling:
    prior = family.prior
    out = outcomes(family)
    known = beliefs(family, out)
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


def solve(family: Family) -> Ceiling:
    """Return the exact optimum of a family, eqs. (1)-(6).

    ValueError where the prior has none (what has: Bernoulli arms with Beta priors; finitely many
    hypotheses with noise-free rewards that agree, as long as they are possible, on the chance of
    each arrival that they allow), or where its tables would have more than `LIMIT` entries.
    """
    prior, noise = family.prior, family.reward_noise
    if isinstance(prior, BetaArms) and family.horizon == 1 and noise is rollouts.bernoulli:
        return _solve_arms(family)
    rule = "no exact ceiling but for Beta arms and for hypotheses with noise-free rewards"
    fits = isinstance(prior, Hypotheses) and noise is rollouts.deterministic
    require(fits, rule, f"{family.name} with a prior of {type(prior).__name__}")
    return _solve_hypotheses(family)


def regret(ceiling: Ceiling, episodes: Episodes) -> Array:
    """Sum over a trial of max_a Q - Q(a) along its history, eq. (7). [M, N, T] -> [M]

    ValueError where the history is impossible, or where an episode's last arrival, which Episodes
    do not hold, would matter for the belief in the next one (only with random arrivals).
    """
    M, N, T = episodes.states.shape
    steps = Episodes._make(x.reshape(M, N * T) for x in episodes)
    belief, total = ceiling.start(M), np.zeros(M)
    for t in range(N * T):
        states, actions, rewards = (x[:, t] for x in steps[:3])
        values = ceiling.action_values(belief, states)
        total += values.max(-1) - values[np.arange(M), actions]
        if t + 1 < N * T:
            arrivals = steps.states[:, t + 1] if (t + 1) % T else None
            belief = ceiling.observe(belief, states, actions, rewards, arrivals)
    return total


def _act(rng: Rng, belief: Any, states: Array, action_values: Callable[..., Array]) -> Array:
    return draw_best(rng, action_values(belief, states), tolerance=1e-9)


def _agent(family: Family, ceiling: Ceiling) -> Agent:
    act = partial(_act, action_values=ceiling.action_values)
    return Agent(ceiling.start, rollouts.remember, act, ceiling.observe)


def bayes_optimal(ceiling: Ceiling) -> Learner:
    """Play the optimum; of actions within 1e-9 of the best one is drawn uniformly at random."""
    return player(partial(_agent, ceiling=ceiling))
