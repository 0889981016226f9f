"""The ceiling of a family, by the solver that fits it, and a player that reaches it.

V and Q are the optimal values of ceilings (2). A player with the policy pi sees the task only
through its history. b_t is its belief and s_t its state before step t of the trial, and a_t is its
action. In this module, b_t is a belief.

    (1)  V - E[return of pi] = E[sum_t (max_a Q_t(b_t,s_t,a) - Q_t(b_t,s_t,a_t))]
                                                    [Kakade and Langford 2002, lemma 6.1]

    Steps of (1). Along one history, V_t - Q_t(a_t) is the loss by the action of step t.
    Q_t(a_t) is the expectation of the reward r_t plus V_{t+1}, by ceilings (2).
    So the expected loss of step t is E[V_t] - E[r_t] - E[V_{t+1}].
    In the sum over t, each E[V_{t+1}] is added once and subtracted once, and V is 0 at the end.
    So V at the start, minus the expected return, remains.

The regret of one history is the sum inside the expectation. V minus the mean regret estimates
the expected return of pi, with a much smaller standard error than the mean return has.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from metarl_min.baselines import act_by, conditions, learner_of_agent, random_argmax
from metarl_min.basics.arguments import function, instance, require
from metarl_min.basics.trees import Array, Rng
from metarl_min.ceilings import (
    Ceiling,
    TooLarge,
    belief_vectors,
    beta_arms,
    correlated_arms,
    expected_random,
    goal_search,
    hypotheses,
    require_ceiling_of,
)
from metarl_min.ceilings.costs import Report
from metarl_min.learners import Learner
from metarl_min.mdps import rollouts
from metarl_min.mdps.agents import Agent, keep_memory
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks import BetaArms, CorrelatedArms, Family, Hypotheses, Unsupported, reward_unit

__all__ = ["Ceiling", "bayes_optimal", "expected_random", "regret", "solve"]

SUBSET_LIMIT = 4_000_000  # largest table with which `hypotheses` solves a goal search
TOLERANCE = 1e-9  # in the unit of rewards: values that differ by less count as equal


def _solve_candidates(family: Family, report: Report | None) -> Ceiling:
    """Solve candidate tasks with noise-free rewards by subsets, by beliefs, or by the best walk.

    If a goal search has few subsets, it is solved by subsets, because this solution has values for
    every history. A subset of the candidates cannot describe a belief after hints (belief_layers),
    so families with hints are solved by beliefs.
    """
    goals = goal_search.recognise(family)
    if goals is None:
        with suppress(Unsupported):
            return hypotheses.solve(family)
        return belief_vectors.solve(family, report=report)
    with suppress(TooLarge):
        return hypotheses.solve(family, SUBSET_LIMIT)
    return goal_search.solve(family, goals)


def solve(family: Family, report: Report | None = None) -> Ceiling:
    """Return the exact optimum of a family.

    A family has an exact optimum here in these cases:

    - Bernoulli arms with independent Beta priors, correlated arms, or finitely many sets of means;
    - finitely many candidate tasks with noise-free or Bernoulli rewards. The candidates may differ
      in the probabilities of transitions, rewards and first states.

    `Unsupported` for any other family. `TooLarge`, with the size, if the tables would not fit. If a
    solution by beliefs takes long, `report` is called early, with a line that states the estimated
    time and memory.

    >>> from metarl_min.tasks.bandits import bandit
    >>> round(solve(bandit(arms=2, pulls=2)).value, 12)  # 1/2, then 7/12 with the better arm
    1.083333333333
    """
    if report is not None:
        function("report", report)
    rule = "no exact ceiling but for Bernoulli arms and for hypotheses with known rewards"
    prior = conditions.require_prior(rule, family, BetaArms, CorrelatedArms, Hypotheses)
    if isinstance(prior, BetaArms):
        return beta_arms.solve(family)
    if isinstance(prior, CorrelatedArms):
        return correlated_arms.solve(family)
    conditions.require_known_rewards(rule, family)
    if family.reward_noise is rollouts.deterministic:
        return _solve_candidates(family, report)
    if family.horizon == 1 and prior.mdps.shape[0] == 1:
        return correlated_arms.solve(family)
    return belief_vectors.solve(family, report=report)


def _trial_axes(ceiling: Any, episodes: Any) -> tuple[int, int, int]:
    """Return (M, N, T). An error unless the episodes are trials of the family of the ceiling."""
    instance("ceiling", ceiling, Ceiling)
    instance("episodes", episodes, Episodes)
    N, T = ceiling.family.num_episodes, ceiling.family.horizon
    shape = episodes.states.shape
    rule = f"the episodes of a trial must have the shape [M, {N}, {T}]"
    require(len(shape) == 3 and shape[1:] == (N, T), rule, shape)
    return shape[0], N, T


def regret(ceiling: Ceiling, episodes: Episodes) -> Array:
    """Return the sum in eq. (1) along each history. [M, N, T] -> [M]

    ValueError if a history is impossible or does not have the episodes of one trial. ValueError
    also if `last_arrivals` are None, and the belief in the next episode depends on them. This can
    happen only if arrivals are random.
    """
    M, N, T = _trial_axes(ceiling, episodes)
    states, actions, rewards = [x.reshape(M, N * T) for x in episodes[:3]]
    belief, total, last = ceiling.start(M), np.zeros(M), episodes.last_arrivals
    for t in range(N * T):
        q = ceiling.action_values(belief, states[:, t])
        inside = (t + 1) % T > 0  # the episode goes on after step t
        arrivals = states[:, t + 1] if inside else None if last is None else last[:, t // T]
        belief = ceiling.observe(belief, states[:, t], actions[:, t], rewards[:, t], arrivals)
        total += q.max(-1) - q[np.arange(M), actions[:, t]]
    return total


def _choose(
    rng: Rng, belief: Any, states: Array, action_values: Callable[..., Array], tolerance: float
) -> Array:
    return random_argmax(rng, action_values(belief, states), tolerance)


def bayes_optimal(family: Family, ceiling: Ceiling) -> Learner:
    """Return the player of the optimum of `family`, which `solve` has computed as `ceiling`.

    One action is drawn uniformly at random from all actions whose value is at most 1e-9 units of
    reward below the largest value. ValueError if the ceiling belongs to another family.
    """
    require_ceiling_of(family, ceiling)
    choose = partial(
        _choose,
        action_values=ceiling.action_values,
        tolerance=TOLERANCE * reward_unit(family),
    )
    agent = Agent(
        start=ceiling.start,
        begin_episode=keep_memory,
        act=partial(act_by, choose=choose),
        observe=ceiling.observe,
    )
    return learner_of_agent(family, agent)
