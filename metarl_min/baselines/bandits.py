"""Classical bandit players.

n_i pulls of arm i have paid x_i in all, t = sum_i n_i, and A is the set of arms. Wherever
several actions are equally good, one of them is drawn uniformly at random.

    (1)  a = argmax_i theta_i,  theta_i ~ Beta(a_i + x_i, b_i + n_i - x_i)
                                                             [Chapelle and Li 2011, alg. 2]
    (2)  the same with theta_i ~ N(m_i + w_i (x_i / n_i - m_i), (1 - w_i) s_i^2),
         w_i = n_i s_i^2 / (noise^2 + n_i s_i^2)              [Bishop 2006, eqs. 2.140-2.142]
    (3)  a = argmax_i x_i / n_i + sqrt(2 ln t / n_i), each arm once before
                                                                  [Auer et al. 2002, fig. 1]
    (4)  a = argmax_i E[mean of arm i] under the prior                         [definition]
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.baselines import act_by, learner_of_agent, random_argmax
from metarl_min.basics.trees import Array, Rng
from metarl_min.learners import Learner
from metarl_min.mdps import rollouts
from metarl_min.mdps.agents import Agent, keep_memory
from metarl_min.tasks import (
    BetaArms,
    CorrelatedArms,
    Family,
    GaussianArms,
    Hypotheses,
    prior_means,
    require_support,
)


class Record(NamedTuple):
    """What a bandit player remembers of its pulls."""

    pulls: Array  # [M, A]
    sums: Array  # [M, A] of the rewards


def start(num_tasks: int, num_arms: int) -> Record:
    """Return the record of no pull."""
    return Record(*np.zeros((2, num_tasks, num_arms)))


def observe(
    record: Record, states: Array, actions: Array, rewards: Array, arrivals: Array
) -> Record:
    """Add one pull of each task. [M] each"""
    pulled = np.eye(record.pulls.shape[-1])[actions]
    return Record(record.pulls + pulled, record.sums + pulled * rewards[:, None])


def agent(num_arms: int, choose: Callable[[Rng, Record, Array], Array]) -> Agent:
    """Return the agent that records every pull and plays choose(rng, record, states)."""
    return Agent(
        start=partial(start, num_arms=num_arms),
        begin_episode=keep_memory,
        act=partial(act_by, choose=choose),
        observe=observe,
    )


def _draw_beta(rng: Rng, record: Record, prior: BetaArms) -> Array:
    """Draw the means from their posterior, eq. (1). [M, A]"""
    return rng.beta(prior.a + record.sums, prior.b + record.pulls - record.sums)


def posterior(record: Record, prior: GaussianArms) -> tuple[Array, Array]:
    """Mean and standard deviation of the posterior of each arm, eq. (2). [M, A] each"""
    gained = record.pulls * prior.std**2
    weight = gained / np.where(gained > 0, prior.noise**2 + gained, 1.0)
    average = record.sums / np.maximum(record.pulls, 1)
    return prior.mean + weight * (average - prior.mean), prior.std * np.sqrt(1 - weight)


def _draw_gaussian(rng: Rng, record: Record, prior: GaussianArms) -> Array:
    return rng.normal(*posterior(record, prior))


def _act_by_draw(
    rng: Rng, record: Record, states: Array, draw: Callable[[Rng, Record], Array]
) -> Array:
    return random_argmax(rng, draw(rng, record))


def thompson(family: Family) -> Learner:
    """Thompson sampling, eqs. (1) and (2): pull the best arm of a draw from the posterior.

    Unsupported if the family has other arms than Beta or Gaussian ones.
    """
    prior: Any = family.prior
    bernoulli = isinstance(prior, BetaArms) and family.reward_noise is rollouts.bernoulli
    known = (bernoulli or isinstance(prior, GaussianArms)) and family.horizon == 1
    got = f"{family.name} with {type(prior).__name__} and horizon {family.horizon}"
    require_support(known, "thompson plays Beta and Gaussian arms", got)
    posterior_draw = _draw_beta if isinstance(prior, BetaArms) else _draw_gaussian
    draw = partial(posterior_draw, prior=prior)
    return learner_of_agent(family, agent(len(prior[0]), partial(_act_by_draw, draw=draw)))


def upper_bounds(record: Record) -> Array:
    """Upper confidence bounds, eq. (3): infinite before the first pull of an arm. [M, A]"""
    t = np.maximum(record.pulls.sum(-1, keepdims=True), 1)
    pulls = np.maximum(record.pulls, 1)
    bounds = record.sums / pulls + np.sqrt(2 * np.log(t) / pulls)
    return np.where(record.pulls > 0, bounds, np.inf)


def _act_by_bounds(rng: Rng, record: Record, states: Array) -> Array:
    return random_argmax(rng, upper_bounds(record))


def ucb1(family: Family) -> Learner:
    """UCB1, eq. (3), with the bonus of the paper. It does not use the prior.

    Unsupported if the family is no Bernoulli bandit.
    """
    rule = "ucb1 plays Bernoulli bandits: one state, one step per episode, rewards 0 or 1"
    prior, bernoulli = family.prior, family.reward_noise is rollouts.bernoulli
    states, arms = prior.mdps.shape if isinstance(prior, Hypotheses) else (1, 2)
    arms = len(prior.a) if isinstance(prior, BetaArms) else arms
    bandit = isinstance(prior, BetaArms | CorrelatedArms | Hypotheses) and states == 1
    got = f"{family.name} with {type(prior).__name__} and horizon {family.horizon}"
    require_support(bandit and bernoulli and family.horizon == 1, rule, got)
    return learner_of_agent(family, agent(arms, _act_by_bounds))


def _act_by_prior(rng: Rng, record: Record, states: Array, means: Array) -> Array:
    return random_argmax(rng, np.repeat(means[None], len(states), axis=0))


def best_prior_arm(family: Family) -> Learner:
    """Always pull the arm of highest prior mean, eq. (4).

    Unsupported if the family has no prior over arms.
    """
    known = isinstance(family.prior, BetaArms | GaussianArms | CorrelatedArms)
    rule = "best_prior_arm plays Beta, Gaussian and mirrored arms"
    require_support(known, rule, type(family.prior).__name__)
    means = prior_means(family.prior)
    return learner_of_agent(family, agent(len(means), partial(_act_by_prior, means=means)))
