"""The ceiling of a family, by whichever method can hold it, and a player that reaches it.

With V and Q of ceilings (2), for pi anyone who meets the task through its history alone:

    (1)  V - E[return of pi] = E_pi sum_t (max_a Q_t(b_t,s_t,a) - Q_t(b_t,s_t,a_t))
                                                    [Kakade and Langford 2002, lemma 6.1]

The regret of one history is that sum.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from metarl_min.baselines.bandits import learner_of_agent, random_argmax
from metarl_min.basics.arguments import require
from metarl_min.basics.trees import Array, Rng
from metarl_min.ceilings import (
    Ceiling,
    beta_arms,
    correlated_arms,
    expected_random,
    goal_search,
    hypotheses,
)
from metarl_min.learners import Learner
from metarl_min.mdps import rollouts
from metarl_min.mdps.rollouts import Agent, Episodes
from metarl_min.tasks import BetaArms, Family, Hypotheses, MirroredArms

__all__ = ["Ceiling", "bayes_optimal", "expected_random", "regret", "solve"]


def _is_bandit(family: Family) -> bool:
    one = isinstance(family.prior, BetaArms | MirroredArms)
    one = one or (isinstance(family.prior, Hypotheses) and family.prior.mdps.shape[0] == 1)
    return one and family.horizon == 1 and family.reward_noise is rollouts.bernoulli


def solve(family: Family) -> Ceiling:
    """Return the exact optimum of a family.

    ValueError where the prior has none (what has: Bernoulli arms that are independent with Beta
    priors, mirror each other, or are one of finitely many sets; finitely many hypotheses with
    noise-free rewards that agree, as long as they are possible, on the chance of each arrival that
    they allow), or where its tables would be too large, with the size that they would need.
    """
    prior, noise = family.prior, family.reward_noise
    if _is_bandit(family):
        return (beta_arms if isinstance(prior, BetaArms) else correlated_arms).solve(family)
    rule = "no exact ceiling but for Bernoulli arms and for hypotheses with noise-free rewards"
    fits = isinstance(prior, Hypotheses) and noise is rollouts.deterministic
    require(fits, rule, f"{family.name} with a prior of {type(prior).__name__}")
    goals = goal_search.recognise(family)
    if goals is None:
        return hypotheses.solve(family)
    with suppress(ValueError):
        return hypotheses.solve(family, goal_search.SUBSETS)
    return goal_search.solve(family, goals)


def regret(ceiling: Ceiling, episodes: Episodes) -> Array:
    """Sum over a trial of max_a Q - Q(a) along its history, eq. (1). [M, N, T] -> [M]

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
    return random_argmax(rng, action_values(belief, states), tolerance=1e-9)


def _agent(family: Family, ceiling: Ceiling) -> Agent:
    act = partial(_act, action_values=ceiling.action_values)
    return Agent(ceiling.start, rollouts.keep_memory, act, ceiling.observe)


def bayes_optimal(ceiling: Ceiling) -> Learner:
    """Play the optimum; of actions within 1e-9 of the best one is drawn uniformly at random."""
    return learner_of_agent(partial(_agent, ceiling=ceiling))
