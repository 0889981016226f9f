"""Classical players of bandits: Thompson sampling, UCB1 and the best prior arm.

Arm i has been pulled n_i times and has paid the total reward x_i. The number of all pulls so far
is t = sum_i n_i. In this module, theta_i is a draw of the mean reward of arm i, x_i is a total
reward, a_i and b_i are the parameters of a Beta prior, and m_i and s_i are the mean and the
standard deviation of a normal prior. The rewards of a normal arm have the standard deviation
`noise`.

    (1)  Thompson sampling of Bernoulli arms: pull argmax_i theta_i,
         theta_i ~ Beta(a_i + x_i, b_i + n_i - x_i)         [Chapelle and Li 2011, alg. 2]
    (2)  Thompson sampling of normal arms: pull argmax_i theta_i,
         theta_i ~ Normal(m_i + w_i (x_i / n_i - m_i), (1 - w_i) s_i^2),
         w_i = n_i s_i^2 / (noise^2 + n_i s_i^2)            [Bishop 2006, eqs. 2.140-2.142]
    (3)  UCB1: pull each arm once, then argmax_i x_i / n_i + sqrt(2 ln t / n_i)
                                                                [Auer et al. 2002, fig. 1]
    (4)  best prior arm: always pull argmax_i E[mean reward of arm i]         [definition]

The distribution in (1) and (2) is the posterior of the mean reward, so Thompson sampling pulls an
arm with the probability that this arm is the best one. In (2), w_i is the weight of the observed
average, and 1 - w_i is the weight of the prior. The expectation in (4) is over the prior. If
several arms are equally good, one of them is drawn uniformly at random.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.baselines import learner_of_agent, random_argmax, require_family
from metarl_min.basics.trees import Array, Rng
from metarl_min.learners import Learner
from metarl_min.mdps import rollouts
from metarl_min.mdps.agents import Agent, keep_memory
from metarl_min.tasks import (
    BetaArms,
    CorrelatedArms,
    Family,
    GaussianArms,
    prior_means,
    shape_of,
)


class Record(NamedTuple):
    """The pulls of a trial so far: the memory of a player of a bandit."""

    pulls: Array  # [M, A] n_i, number of pulls
    sums: Array  # [M, A] x_i, total reward


Choose = Callable[[Rng, Record], Array]  # (rng, record) -> the arm of each task [M]


def start(num_tasks: int, num_arms: int) -> Record:
    """Return the record before the first pull."""
    shape = num_tasks, num_arms
    return Record(pulls=np.zeros(shape), sums=np.zeros(shape))


def observe(
    record: Record, states: Array, actions: Array, rewards: Array, arrivals: Array
) -> Record:
    """Return the record with one more pull in each task. actions, rewards [M]

    >>> observe(start(1, 2), np.array([0]), np.array([1]), np.array([5.0]), np.array([0]))
    Record(pulls=array([[0., 1.]]), sums=array([[0., 5.]]))
    """
    pulled = np.eye(record.pulls.shape[-1])[actions]
    return Record(record.pulls + pulled, record.sums + pulled * rewards[:, None])


def _act(rng: Rng, record: Record, states: Array, choose: Choose) -> tuple[Array, Record]:
    return choose(rng, record), record


def recording_agent(num_arms: int, choose: Choose) -> Agent:
    """Return the agent that pulls the arms `choose(rng, record)` and records every pull."""
    return Agent(
        start=partial(start, num_arms=num_arms),
        begin_episode=keep_memory,
        act=partial(_act, choose=choose),
        observe=observe,
    )


def draw_beta(rng: Rng, record: Record, prior: BetaArms) -> Array:
    """Draw theta_i of every Bernoulli arm, eq. (1). [M, A]"""
    return rng.beta(prior.a + record.sums, prior.b + record.pulls - record.sums)


def normal_posterior(record: Record, prior: GaussianArms) -> tuple[Array, Array]:
    """Return mean and standard deviation of the posterior of each normal arm, eq. (2). [M, A] each

    >>> prior = GaussianArms(mean=np.array([0.0]), std=np.array([1.0]), noise=1.0)
    >>> normal_posterior(Record(np.array([[3.0]]), np.array([[6.0]])), prior)  # w = 3 / 4
    (array([[1.5]]), array([[0.5]]))
    """
    numerator = record.pulls * prior.std**2  # of w_i, which is 0 before the first pull
    weight = numerator / np.where(numerator > 0, prior.noise**2 + numerator, 1.0)
    average = record.sums / np.maximum(record.pulls, 1)
    return prior.mean + weight * (average - prior.mean), prior.std * np.sqrt(1 - weight)


def draw_normal(rng: Rng, record: Record, prior: GaussianArms) -> Array:
    """Draw theta_i of every normal arm, eq. (2). [M, A]"""
    mean, std = normal_posterior(record, prior)
    return rng.normal(mean, std)


def choose_by_draw(rng: Rng, record: Record, draw: Choose) -> Array:
    """Choose the best arm of one draw theta = draw(rng, record), eqs. (1) and (2). [M]"""
    return random_argmax(rng, draw(rng, record))


def thompson(family: Family) -> Learner:
    """Return Thompson sampling, eqs. (1) and (2).

    `Unsupported` unless the family has Bernoulli arms with Beta priors, or normal arms.

    >>> from metarl_min.tasks.bandits import bandit
    >>> player, rng = thompson(bandit(arms=2, pulls=5)), np.random.default_rng(0)
    >>> tasks = player.family.sample(rng, 3)
    >>> player.trial(rng, player.init(rng), tasks).rewards.shape  # tasks, pulls, one step
    (3, 5, 1)
    """
    prior: Any = family.prior
    bernoulli = isinstance(prior, BetaArms) and family.reward_noise is rollouts.bernoulli
    supported = (bernoulli or isinstance(prior, GaussianArms)) and family.horizon == 1
    require_family(supported, "thompson plays Beta and Gaussian arms", family)
    draw = partial(draw_beta if bernoulli else draw_normal, prior=prior)
    choose = partial(choose_by_draw, draw=draw)
    return learner_of_agent(family, recording_agent(len(prior[0]), choose))


def upper_bounds(record: Record) -> Array:
    """Return the upper confidence bounds of eq. (3), infinite before the first pull. [M, A]"""
    t = np.maximum(record.pulls.sum(-1, keepdims=True), 1)
    pulls = np.maximum(record.pulls, 1)
    bounds = record.sums / pulls + np.sqrt(2 * np.log(t) / pulls)
    return np.where(record.pulls > 0, bounds, np.inf)


def choose_by_bounds(rng: Rng, record: Record) -> Array:
    """Choose the arm of the highest upper confidence bound, eq. (3). [M]"""
    return random_argmax(rng, upper_bounds(record))


def ucb1(family: Family) -> Learner:
    """Return UCB1, eq. (3), with the bonus of the paper. It does not use the prior.

    `Unsupported` unless the family is a Bernoulli bandit.
    """
    rule = "ucb1 plays Bernoulli bandits: one state, one step per episode, rewards 0 or 1"
    num_states, num_arms = shape_of(family)
    bernoulli = family.reward_noise is rollouts.bernoulli
    require_family(num_states == 1 and family.horizon == 1 and bernoulli, rule, family)
    return learner_of_agent(family, recording_agent(num_arms, choose_by_bounds))


def choose_by_prior(rng: Rng, record: Record, means: Array) -> Array:
    """Choose the arm of the highest prior mean, eq. (4). means [A] -> [M]"""
    return random_argmax(rng, np.repeat(means[None], len(record.pulls), axis=0))


def best_prior_arm(family: Family) -> Learner:
    """Return the player that always pulls the arm of the highest prior mean, eq. (4).

    `Unsupported` unless the prior is about the means of arms.
    """
    supported = isinstance(family.prior, BetaArms | GaussianArms | CorrelatedArms)
    require_family(supported, "best_prior_arm plays Beta, Gaussian and correlated arms", family)
    means = prior_means(family.prior)
    choose = partial(choose_by_prior, means=means)
    return learner_of_agent(family, recording_agent(len(means), choose))
