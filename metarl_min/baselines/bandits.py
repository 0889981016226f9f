"""Classical players of bandits: Thompson sampling, UCB1 and the best prior arm.

Arm i has been pulled n_i times and has paid the total reward x_i. The number of all pulls so far
is t = sum_i n_i. In this module, theta_i is a draw of the mean reward of arm i, x_i is a total
reward, a_i and b_i are the parameters of a Beta prior, m_i and s_i are the mean and the standard
deviation of a normal prior, and u is the largest possible reward. The rewards of a normal arm have
the standard deviation `noise`.

    (1)  Thompson sampling of Bernoulli arms: pull argmax_i theta_i,
         theta_i ~ Beta(a_i + x_i, b_i + n_i - x_i)         [Chapelle and Li 2011, alg. 2]
    (2)  Thompson sampling of normal arms: pull argmax_i theta_i,
         theta_i ~ Normal(m_i + w_i (x_i / n_i - m_i), (1 - w_i) s_i^2),
         w_i = n_i s_i^2 / (noise^2 + n_i s_i^2)            [Bishop 2006, eqs. 2.140-2.142]
    (3)  UCB1: pull each arm once, then argmax_i x_i / n_i + u sqrt(2 ln t / n_i)
                                                                [Auer et al. 2002, fig. 1]
    (4)  best prior arm: always pull argmax_i E[mean reward of arm i]         [definition]

The distribution in (1) and (2) is the posterior of the mean reward, so Thompson sampling pulls an
arm with the probability that this arm is the best one. In (2), w_i is the weight of the observed
average, and 1 - w_i is the weight of the prior. The paper states (3) for rewards in [0, 1]. Here
rewards are in [0, u]. So (3) is u times the bound of the paper for rewards that are divided by u.
The expectation in (4) is over the prior. If several arms are equally good, one of them is drawn
uniformly at random.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from metarl_min.baselines import conditions, learner_of_agent, random_argmax
from metarl_min.baselines.pull_records import (
    Choose,
    Record,
    recording_agent,
    require_arms,
    require_wins,
)
from metarl_min.baselines.pull_records import observe as observe  # so that users find them here
from metarl_min.baselines.pull_records import start as start
from metarl_min.basics.arguments import floats, generator, instance, real, require
from metarl_min.basics.trees import Array, Rng
from metarl_min.learners import Learner
from metarl_min.tasks import (
    BetaArms,
    CorrelatedArms,
    Family,
    GaussianArms,
    prior_means,
    require_support,
    shape_of,
)


def draw_beta(rng: Rng, record: Record, prior: BetaArms) -> Array:
    """Draw theta_i of every Bernoulli arm, eq. (1). [M, A]"""
    require_wins(record, prior)
    return generator("rng", rng).beta(prior.a + record.sums, prior.b + record.pulls - record.sums)


def normal_update(
    pulls: Array, sums: Array, mean: Any, std: Any, noise: float
) -> tuple[Array, Array]:
    """Return mean and standard deviation of the posterior of a normal mean, eq. (2). [..] each

    `mean` and `std` are the mean and the standard deviation of the prior. The fraction w_i is
    computed with numerator and denominator divided by s_i^2, to avoid underflow and overflow.
    """
    varies, pulled = std > 0, pulls > 0
    ratio = noise / np.where(varies, std, 1.0)
    with np.errstate(over="ignore"):  # If ratio^2 is infinite, w_i is 0.
        total = np.where(pulled, pulls + ratio**2, 1.0)
    weight = np.where(varies & pulled, pulls / total, 0.0)
    average = sums / np.where(pulled, pulls, 1.0)
    root = np.where(pulled, np.hypot(np.sqrt(pulls), ratio), 1.0)  # the square root of `total`
    # (1 - w_i) s_i^2 = noise^2 / total, so the standard deviation is noise / root.
    spread = np.where(varies & pulled, np.minimum(noise / root, std), std)
    return mean + weight * (average - mean), spread


def normal_posterior(record: Record, prior: GaussianArms) -> tuple[Array, Array]:
    """Return mean and standard deviation of the posterior of each normal arm, eq. (2). [M, A] each

    >>> prior = GaussianArms(mean=np.array([0.0]), std=np.array([1.0]), noise=1.0)
    >>> normal_posterior(Record(np.array([[3.0]]), np.array([[6.0]])), prior)  # w = 3 / 4
    (array([[1.5]]), array([[0.5]]))
    """
    require_arms(record, len(instance("prior", prior, GaussianArms).mean))
    return normal_update(record.pulls, record.sums, prior.mean, prior.std, prior.noise)


def draw_normal(rng: Rng, record: Record, prior: GaussianArms) -> Array:
    """Draw theta_i of every normal arm, eq. (2). [M, A]"""
    mean, std = normal_posterior(record, prior)
    return generator("rng", rng).normal(mean, std)


def choose_by_draw(rng: Rng, record: Record, draw: Choose) -> Array:
    """Choose the best arm of one draw theta = draw(rng, record), eqs. (1) and (2). [M]"""
    return random_argmax(rng, draw(rng, record))


def thompson(family: Family) -> Learner:
    """Return Thompson sampling, eqs. (1) and (2).

    `Unsupported` unless the family has Bernoulli arms with Beta priors, or normal arms, and its
    rewards are drawn as its prior says.

    >>> from metarl_min.tasks.bandits import bandit
    >>> player, rng = thompson(bandit(arms=2, pulls=5)), np.random.default_rng(0)
    >>> tasks = player.family.sample(rng, 3)
    >>> player.trial(rng, player.init(rng), tasks).rewards.shape  # tasks, pulls, one step
    (3, 5, 1)
    """
    rule = "thompson plays Beta and Gaussian arms"
    prior = conditions.require_arms(rule, family, BetaArms, GaussianArms)
    draw = partial(draw_beta if isinstance(prior, BetaArms) else draw_normal, prior=prior)
    choose = partial(choose_by_draw, draw=draw)
    return learner_of_agent(family, recording_agent(len(prior[0]), choose))


def upper_bounds(record: Record, largest: float = 1.0) -> Array:
    """Return the upper confidence bounds of eq. (3), infinite before the first pull. [M, A]

    `largest` is u, the largest possible reward.
    """
    largest = real("largest", largest, 0)
    t = np.maximum(instance("record", record, Record).pulls.sum(-1, keepdims=True), 1)
    pulls = np.maximum(record.pulls, 1)
    bounds = record.sums / pulls + largest * np.sqrt(2 * np.log(t) / pulls)
    return np.where(record.pulls > 0, bounds, np.inf)


def choose_by_bounds(rng: Rng, record: Record, largest: float = 1.0) -> Array:
    """Choose the arm of the highest upper confidence bound, eq. (3). [M]"""
    return random_argmax(rng, upper_bounds(record, largest))


def ucb1(family: Family) -> Learner:
    """Return UCB1, eq. (3). From the prior, UCB1 uses only the largest possible reward.

    `Unsupported` unless the family is a bandit whose rewards are Bernoulli, or have no noise and
    are known not to be negative.
    """
    rule = "ucb1 plays bandits with bounded rewards"
    conditions.require_one_step(rule, family)
    conditions.require_known_rewards(rule, family)
    largest = conditions.largest_reward(rule, family)
    num_states, num_arms = shape_of(family)
    got = f"{num_states} of {family.name}"
    require_support(num_states == 1, f"{rule}: a task must have one state", got)
    choose = partial(choose_by_bounds, largest=largest)
    return learner_of_agent(family, recording_agent(num_arms, choose))


def choose_by_prior(rng: Rng, record: Record, means: Array) -> Array:
    """Choose the arm of the highest prior mean, eq. (4). means [A] -> [M]"""
    require(floats("means", means).ndim == 1, "means must have the shape [A]", means.shape)
    require_arms(record, len(means))
    return random_argmax(rng, np.repeat(means[None], len(record.pulls), axis=0))


def best_prior_arm(family: Family) -> Learner:
    """Return the player that always pulls the arm of the highest prior mean, eq. (4).

    `Unsupported` unless the prior is about the means of arms.
    """
    rule = "best_prior_arm plays Beta, Gaussian and correlated arms"
    prior = conditions.require_prior(rule, family, BetaArms, GaussianArms, CorrelatedArms)
    means = prior_means(prior)
    choose = partial(choose_by_prior, means=means)
    return learner_of_agent(family, recording_agent(len(means), choose))
