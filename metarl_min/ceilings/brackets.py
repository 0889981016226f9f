"""Bounds of the ceiling, for a finite set of candidate tasks that has no exact solution.

An exact solution does not exist here if the beliefs are too many to list, or if rewards have noise
that is not Bernoulli. A trial has N episodes of T steps. V is its Bayes-optimal return, and m is a
number of steps. J*_g(s) is the largest expected return of the rest of the trial in task g, if m
steps are over and the state is s. J_g(pi,s) is the same return for a policy pi that depends on the
state and on the time within the episode, but on nothing else. Backward induction over the first m
steps is ceilings (2), with other values V_m after these steps:

    (1)  V <= backward induction over m steps,  V_m(b,s) = sum_g b(g) J*_g(s)           [derivation]
    (2)  V >= backward induction over m steps,  V_m(b,s) = max_pi sum_g b(g) J_g(pi,s)  [derivation]
    (3)  V(rewards with noise) <= V(mean rewards)                                       [derivation]
    (4)  V(told less) <= V <= V(told more)                                              [derivation]

    Steps of (1). A player is told the task after m steps. It can ignore this, so it earns at least
    V. After the m steps it plays the best policy of the task, which earns J*_g(s) in task g.
    The mean over the belief is V_m, and before that the player has the belief of ceilings (2).

    Steps of (2). The right side is the return of a player, and no player earns more than V.
    After m steps it commits to the policy of the largest mean return, and learns no more.

    Steps of (3). The noise of a reward depends on its mean alone. A player that sees the mean
    rewards can add such noise itself. So it can play as any player that sees noise, and earns
    the same mean reward in each step.

    Steps of (4). The player that is told less can be copied by the player that sees the rewards,
    which can be copied by the player that is told more (reward_hints (1), (2)).
    Each reward has the same mean given the task, the state, the action and the arrival.

For (1) and (2), m is the largest number of steps whose beliefs need at most `LIMIT` numbers. If m
is N T, both sides are V. With m = 0, (1) is the return of the player that knows the task. The
policies of (2) are the best policies of the most probable candidates, and the best policy of the
mean MDP. Each bound is the best of all these bounds that are valid for the family.
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

LIMIT = 5_000_000  # numbers of the beliefs of one list
MAX_VALUES = 20_000_000  # numbers of the values of all policies
MAX_PRODUCTS = 2_000_000_000  # products that are added to compute these values
MAX_POLICIES = 64


class Bracket(NamedTuple):
    """The Bayes-optimal return lies between `lower` and `upper`."""

    lower: float
    upper: float
    known_task: float  # expected return of the best player that is told the task


class Returns(NamedTuple):
    """Returns of an episode with k = 0, .., T steps to go, in each candidate task."""

    best: Array  # [T + 1, G, S] of the best policy of the task
    policies: list[Array]  # for each policy of eq. (2): [T + 1, G, S]


def _num_policies(family: Family) -> int:
    """Return how many policies eq. (2) may compare. `TooLarge` if not even one fits."""
    T, G, (S, A) = family.horizon, len(family.prior.weights), family.prior.mdps.shape
    numbers, products = (T + 1) * G * S * A, T * G * S * S
    count = min(MAX_VALUES // numbers, MAX_PRODUCTS // products, G + 1, MAX_POLICIES)
    if count == 0:
        rule = f"bounds of {family.name} may take at most {MAX_VALUES:,} numbers for one policy"
        raise TooLarge(f"{rule}, got {format_count(numbers)}")
    return count


def policy_returns(mdps: MDP, rewards: Array, actions: Array) -> Array:
    """Return the values of a policy in each task, with k = 0, .., T steps to go.

    actions [T, S], rewards [G, S, A] -> [T + 1, G, S]
    """
    G, S, _ = rewards.shape
    V, states = np.zeros((len(actions) + 1, G, S)), np.arange(S)
    P = mdps.transition.reshape(-1, *mdps.transition.shape[-3:])
    for k, action in enumerate(actions[::-1]):
        after = np.matmul(P[:, states, action], V[k][..., None])[..., 0]
        V[k + 1] = rewards[:, states, action] + after
    return V


def candidate_returns(family: Family) -> Returns:
    """Return the values of the best policies of the tasks, and of the policies of eq. (2)."""
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
    """Return the return of the rest of the trial after some steps. [T + 1, G, S] -> [G, S]"""
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
    """Return the bounds of eqs. (2) and (1) of a player that sees the listed outcomes.

    Both have as many steps as need at most `limit` numbers.
    """
    of = hints(listed)
    steps = _first_steps(family, of, limit)
    tree, m = tree_of(steps), len(steps)
    beliefs = np.exp(steps[-1].log_beliefs) if steps else family.prior.weights[None]
    commit = np.max([beliefs @ _rest(family, values, m) for values in returns.policies], axis=0)
    lower, _ = backward_induction(family, of, tree, commit)
    upper, _ = backward_induction(family, of, tree, beliefs @ _rest(family, returns.best, m))
    return lower, upper


Make = Callable[[], Outcomes]


def _lists(family: Family) -> tuple[list[Make], list[Make]]:
    """Return the lists of outcomes of players that are told less, and of those told more."""
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

    `Unsupported` unless the prior is a finite set of candidate tasks. ValueError if the noise has a
    negative standard deviation. `TooLarge` if the returns of policies in the candidates would need
    too much memory or time.
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
