"""Bounds of the ceiling, for a finite set of candidate tasks.

These bounds are used if the beliefs are too many to list, or if rewards have noise that is not
Bernoulli. A trial has N episodes of T steps, and V is its Bayes-optimal return. The bounds (1) and
(2) compute ceilings (2) for the first m steps of the trial only. This backward induction starts
with given values V_m(b,s) after m steps, where b is the belief and s is the state.

The rest of the trial is all its steps after the first m steps. J*_g(s) is the largest expected
return of the rest in task g from state s. J_g(pi,s) is the expected return of the rest under policy
pi. Here, pi depends only on the state and on the time within the episode.

    (1)  V <= backward induction over m steps,  V_m(b,s) = sum_g b(g) J*_g(s)           [derivation]
    (2)  V >= backward induction over m steps,  V_m(b,s) = max_pi sum_g b(g) J_g(pi,s)  [derivation]
    (3)  V(rewards with noise) <= V(mean rewards)                                       [derivation]
    (4)  V(told less) <= V <= V(told more)                                              [derivation]

    Steps of (1). Let a player be told the task after m steps. It can ignore the task, so its best
    play earns at least V. In the rest of the trial, it plays the best policy of task g, which earns
    J*_g(s). The mean of J*_g(s) over the belief is V_m(b,s). In the first m steps, the player knows
    only its history, so ceilings (2) holds.

    Steps of (2). The right side is the return of a player, and no player earns more than V.
    After m steps, this player chooses the policy of the largest mean return over its belief, and
    plays this policy in the rest of the trial.

    Steps of (3). The noise of a reward depends only on the mean of the reward. A player that sees
    the mean rewards can add such noise itself. So it can choose its actions in the same way as any
    player that sees the noisy rewards, and then earns the same mean reward in each step.

    Steps of (4). The player that sees the rewards can choose its actions in the same way as the
    player that is told less. The player that is told more can choose its actions in the same way
    as the player that sees the rewards (reward_hints (1), (2)). The same actions earn the same,
    because what a player is told does not change the mean rewards of the task.

In (1) and (2), m is the largest number of steps whose beliefs need at most `LIMIT` numbers. If m
is N T, both bounds are V. If m is 0, (1) is the return of a player that is told the task before the
trial. The maximum in (2) is over the best policies of the most probable candidates, and over the
best policy of the MDP whose arrays are the prior means. `bracket` returns the largest lower bound
and the smallest upper bound that are valid for the family.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple

import numpy as np

from metarl_min.baselines import conditions
from metarl_min.basics.arguments import real, whole
from metarl_min.basics.trees import Array
from metarl_min.ceilings import TooLarge, expected_random, format_count, reward_hints
from metarl_min.ceilings.belief_layers import Hints, Step, each_step, hints, tree_of
from metarl_min.ceilings.belief_vectors import backward_induction, require_chances
from metarl_min.ceilings.outcomes import Outcomes, outcomes
from metarl_min.mdps import mdp as exact
from metarl_min.mdps import rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.tasks import Family, Hypotheses

LIMIT = 5_000_000  # numbers in the list of the beliefs of the first m steps
MAX_VALUES = 20_000_000  # values of all policies
MAX_PRODUCTS = 2_000_000_000  # multiplications that compute these values
MAX_POLICIES = 64


class Bracket(NamedTuple):
    """The Bayes-optimal return lies between `lower` and `upper`."""

    lower: float
    upper: float
    known_task: float  # expected return of the best player that is told the task


class Returns(NamedTuple):
    """Expected returns of the last k = 0, .., T steps of an episode, in each candidate task."""

    best: Array  # [T + 1, G, S] returns of the best policy of each task
    policies: list[Array]  # [T + 1, G, S] returns of each policy of eq. (2)


def _num_policies(family: Family) -> int:
    """Return the number of policies in the maximum of eq. (2). `TooLarge` if it would be 0."""
    T, G, (S, A) = family.horizon, len(family.prior.weights), family.prior.mdps.shape
    values, products = (T + 1) * G * S * A, T * G * S * S
    for what, size, limit in (
        ("numbers", values, MAX_VALUES),
        ("multiplications", products, MAX_PRODUCTS),
    ):
        if size > limit:
            rule = f"bounds of {family.name} may take at most {limit:,} {what} for one policy"
            raise TooLarge(f"{rule}, got {format_count(size)}")
    return min(MAX_VALUES // values, MAX_PRODUCTS // products, G + 1, MAX_POLICIES)


def policy_returns(mdps: MDP, rewards: Array, actions: Array) -> Array:
    """Return the expected returns of a policy in the last k = 0, .., T steps of an episode.

    `actions` [T, S] holds the action of the policy at each time, and `rewards` [G, S, A] holds the
    r_g(s,a). -> [T + 1, G, S]
    """
    G, S, _ = rewards.shape
    V, states = np.zeros((len(actions) + 1, G, S)), np.arange(S)
    P = mdps.transition.reshape(-1, *mdps.transition.shape[-3:])
    for k, action in enumerate(actions[::-1]):
        after = np.matmul(P[:, states, action], V[k][..., None])[..., 0]
        V[k + 1] = rewards[:, states, action] + after
    return V


def candidate_returns(family: Family) -> Returns:
    """Return the returns of the best policy of each task, and of the policies of eq. (2)."""
    (mdps, weights), T, count = family.prior, family.horizon, _num_policies(family)
    G, (S, A) = len(weights), mdps.shape
    rewards = np.broadcast_to(exact.expected_rewards(mdps), (G, S, A))
    Q = np.broadcast_to(exact.optimal_action_values(mdps, T), (G, T, S, A))
    best = np.concatenate([np.zeros((1, G, S)), np.moveaxis(Q.max(-1), 1, 0)[::-1]])
    P = np.broadcast_to(mdps.transition, (G, S, A, S))
    mean_P, mean_r = np.tensordot(weights, P, 1), np.tensordot(weights, rewards, 1)
    mean = MDP._make([np.full(S, 1 / S), mean_P, mean_r[..., None]])
    likely = np.argsort(-weights, kind="stable")[: count - 1]
    tables = [exact.optimal_action_values(mean, T), *Q[likely]]
    return Returns(best, [policy_returns(mdps, rewards, q.argmax(-1)) for q in tables])


def _rest(family: Family, values: Array, num_steps: int) -> Array:
    """Return the expected return of the trial after its first `num_steps` steps.

    `values` are the expected returns of the last k steps of an episode. [T + 1, G, S] -> [G, S]
    """
    episodes, steps = divmod(num_steps, family.horizon)
    episode = np.sum(np.broadcast_to(family.prior.mdps.initial, values[-1].shape) * values[-1], -1)
    left = family.num_episodes - episodes
    if steps == 0:
        return np.repeat(left * episode[:, None], values.shape[-1], axis=1)
    return np.asarray(values[family.horizon - steps] + (left - 1) * episode[:, None])


def _first_steps(family: Family, of: Hints, limit: int) -> list[Step]:
    steps: list[Step] = []
    with suppress(TooLarge):
        for step in each_step(family, of, limit):
            steps.append(step)
    return steps


def truncated(
    family: Family, listed: Outcomes, returns: Returns, limit: int = LIMIT
) -> tuple[float, float]:
    """Return the lower bound (2) and the upper bound (1) for a player that sees the outcomes.

    m is the largest number of steps whose beliefs need at most `limit` numbers.
    """
    of = hints(listed)
    steps = _first_steps(family, of, limit)
    tree, m = tree_of(steps), len(steps)
    beliefs = np.exp(steps[-1].log_beliefs) if steps else family.prior.weights[None]
    commit = np.max([beliefs @ _rest(family, values, m) for values in returns.policies], axis=0)
    lower, _ = backward_induction(family, of, tree, commit)
    upper, _ = backward_induction(family, of, tree, beliefs @ _rest(family, returns.best, m))
    return lower, upper


Make = Callable[[], Outcomes]  # lists the outcomes of one player


def _lists(family: Family) -> tuple[list[Make], list[Make]]:
    """Return functions that list the outcomes of players that are told less or more, eq. (4).

    The players of the first list are told the rewards themselves, or less. The players of the
    second list are told the rewards themselves, or more.
    """
    std = conditions.reward_std(family.reward_noise)
    free = family._replace(reward_noise=rollouts.deterministic)
    told: list[Make] = [lambda: outcomes(free)]  # eq. (3)
    if std == 0:
        return told, told
    if family.reward_noise is rollouts.bernoulli:
        own: list[Make] = [lambda: outcomes(family)]
        return own, [*own, *told]
    if std is None:
        return [lambda: reward_hints.without_rewards(family)], told
    cuts = reward_hints.CUTS_OF_LESS
    std = real("std of the noise", std, 0)
    less: list[Make] = [partial(reward_hints.less, family, std, c) for c in cuts]
    return less, [lambda: reward_hints.more(family, std), *told]


def bracket(family: Family, limit: int = LIMIT) -> Bracket:
    """Return bounds of the Bayes-optimal return, eqs. (1)-(4).

    `Unsupported` unless the prior is a finite set of candidate tasks, or if a Bernoulli reward has
    a mean that is no probability. ValueError if the noise has a negative standard deviation.
    `TooLarge` if the returns of one policy in all candidates would need too much memory or time.
    """
    limit, rule = whole("limit", limit, 0), "these bounds need candidate tasks"
    prior = conditions.require_prior(rule, family, Hypotheses)
    require_chances(rule, family)
    returns = candidate_returns(family)
    start = prior.weights[None]  # the belief before the first step
    known_task = float((start @ _rest(family, returns.best, 0))[0, 0])
    lower, upper = [expected_random(family)], [known_task]
    lower += [float((start @ _rest(family, x, 0))[0, 0]) for x in returns.policies]
    less, more = _lists(family)
    for make in dict.fromkeys([*less, *more]):
        with suppress(TooLarge):
            low, high = truncated(family, make(), returns, limit)
            lower += [low] * (make in less)
            upper += [high] * (make in more)
    return Bracket(lower=max(lower), upper=min(upper), known_task=known_task)
