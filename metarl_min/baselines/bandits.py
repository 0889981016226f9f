"""Classical bandit players, and what their knowledge of the arms is worth.

n_i pulls of arm i have paid x_i in all, t = sum_i n_i, and A is the set of arms. Wherever
several actions are equally good, one of them is drawn uniformly at random.

    (1)  a = argmax_i theta_i,  theta_i ~ Beta(a_i + x_i, b_i + n_i - x_i)
                                                             [Chapelle and Li 2011, alg. 2]
    (2)  the same with theta_i ~ N(m_i + w_i (x_i / n_i - m_i), (1 - w_i) s_i^2),
         w_i = n_i s_i^2 / (noise^2 + n_i s_i^2)              [Bishop 2006, eqs. 2.140-2.142]
    (3)  a = argmax_i x_i / n_i + sqrt(2 ln t / n_i), each arm once before
                                                                  [Auer et al. 2002, fig. 1]
    (4)  a = argmax_i E[mean of arm i] under the prior                         [definition]
    (5)  E[max_i mean_i] = 1 - int_0^1 prod_i I_x(a_i, b_i) dx                 [derivation]
    (6)  I_x(a, b) = x^a (1 - x)^b / (a B(a, b)) / (1 + d_1 / (1 + d_2 / (1 + ..))),
         d_2k = k (b - k) x / ((a + 2k - 1) (a + 2k)),
         d_2k+1 = -(a + k) (a + b + k) x / ((a + 2k) (a + 2k + 1))   [DLMF, eq. 8.17.22]

I_x is the distribution function of Beta(a, b). The integral (5) is a trapezoidal sum in v, with
x = 1 / (1 + exp(-pi sinh v)) (Takahasi and Mori 1974), refined until it stands still.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import require
from metarl_min.basics.trees import Array, Rng
from metarl_min.learners import Learner, no_op_step
from metarl_min.mdps import rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.rollouts import Agent, Episodes
from metarl_min.tasks import BetaArms, Family, GaussianArms, Hypotheses, MirroredArms


def random_argmax(rng: Rng, values: Array, tolerance: float = 0.0) -> Array:
    """Draw one of the actions within `tolerance` of the best, uniformly. [M, A] -> [M]"""
    best = values >= values.max(-1, keepdims=True) - tolerance
    return np.argmax(np.where(best, rng.random(values.shape), -1.0), axis=-1)


def _init(rng: Rng, family: Family, make_agent: Callable[[Family], Agent]) -> Agent:
    return make_agent(family)


def _trial(rng: Rng, state: Agent, family: Family, tasks: MDP, greedy: bool = False) -> Episodes:
    prepared = rollouts.sampler(tasks, family.reward_noise)
    return rollouts.play(rng, prepared, state, family.num_episodes, family.horizon)


def learner_of_agent(make_agent: Callable[[Family], Agent]) -> Learner:
    """Return the Learner whose state is the agent that `make_agent` builds for a family.

    It does not learn across tasks, and `greedy` changes nothing. `make_agent` is a function of
    module level or a partial, and raises ValueError on a family that it cannot play.
    """
    return Learner(partial(_init, make_agent=make_agent), no_op_step, _trial)


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


def agent(num_arms: int, act: Callable[[Rng, Record, Array], Array]) -> Agent:
    """Return whoever chooses by `act`, from (rng, record, states), and remembers every pull."""
    return Agent(partial(start, num_arms=num_arms), rollouts.keep_memory, act, observe)


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


def _thompson_agent(family: Family) -> Agent:
    prior: Any = family.prior
    bernoulli = isinstance(prior, BetaArms) and family.reward_noise is rollouts.bernoulli
    known = (bernoulli or isinstance(prior, GaussianArms)) and family.horizon == 1
    got = f"{family.name} with {type(prior).__name__} and horizon {family.horizon}"
    require(known, "thompson plays Beta and Gaussian arms", got)
    posterior_draw = _draw_beta if isinstance(prior, BetaArms) else _draw_gaussian
    draw = partial(posterior_draw, prior=prior)
    return agent(len(prior[0]), partial(_act_by_draw, draw=draw))


def thompson() -> Learner:
    """Thompson sampling, eqs. (1) and (2): the best arm of a draw from the posterior.

    Its `init` raises ValueError on a family of other than Beta or Gaussian arms.
    """
    return learner_of_agent(_thompson_agent)


def upper_bounds(record: Record) -> Array:
    """Upper confidence bounds, eq. (3): infinite before the first pull of an arm. [M, A]"""
    t = np.maximum(record.pulls.sum(-1, keepdims=True), 1)
    pulls = np.maximum(record.pulls, 1)
    bounds = record.sums / pulls + np.sqrt(2 * np.log(t) / pulls)
    return np.where(record.pulls > 0, bounds, np.inf)


def _act_by_bounds(rng: Rng, record: Record, states: Array) -> Array:
    return random_argmax(rng, upper_bounds(record))


def _ucb1_agent(family: Family) -> Agent:
    rule = "ucb1 plays Bernoulli bandits: one state, one step per episode, rewards 0 or 1"
    prior, bernoulli = family.prior, family.reward_noise is rollouts.bernoulli
    states, arms = prior.mdps.shape if isinstance(prior, Hypotheses) else (1, 2)
    arms = len(prior.a) if isinstance(prior, BetaArms) else arms
    bandit = isinstance(prior, BetaArms | MirroredArms | Hypotheses) and states == 1
    got = f"{family.name} with {type(prior).__name__} and horizon {family.horizon}"
    require(bandit and bernoulli and family.horizon == 1, rule, got)
    return agent(arms, _act_by_bounds)


def ucb1() -> Learner:
    """UCB1, eq. (3), with the bonus of the paper (it does not know the prior).

    Its `init` raises ValueError on a family of other than Bernoulli bandits.
    """
    return learner_of_agent(_ucb1_agent)


def prior_means(prior: BetaArms | GaussianArms | MirroredArms) -> Array:
    """Mean reward of each arm under the prior. [A]"""
    if isinstance(prior, GaussianArms):
        return prior.mean
    if isinstance(prior, MirroredArms):
        return np.array([prior.a, prior.b]) / (prior.a + prior.b)
    return prior.a / (prior.a + prior.b)


def _act_by_prior(rng: Rng, record: Record, states: Array, means: Array) -> Array:
    return random_argmax(rng, np.repeat(means[None], len(states), axis=0))


def _best_prior_arm_agent(family: Family) -> Agent:
    known = isinstance(family.prior, BetaArms | GaussianArms | MirroredArms)
    rule = "best_prior_arm plays Beta, Gaussian and mirrored arms"
    require(known, rule, type(family.prior).__name__)
    means = prior_means(family.prior)
    return agent(len(means), partial(_act_by_prior, means=means))


def best_prior_arm() -> Learner:
    """Play the arm of highest prior mean, eq. (4), whatever happens.

    Its `init` raises ValueError on a family without a prior over arms.
    """
    return learner_of_agent(_best_prior_arm_agent)


def _fraction(a: Array, b: Array, x: Array) -> Array:
    """The continued fraction of eq. (6), by the method of Lentz. a, b, x [n] -> [n]"""
    c, d = np.ones_like(x), 1 / (1 - (a + b) * x / (a + 1))
    value = d
    for k in range(1, 100_000):
        even = k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k))
        odd = -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1))
        c, d = 1 + even / c, 1 / (1 + even * d)
        value = value * c * d
        c, d = 1 + odd / c, 1 / (1 + odd * d)
        value, change = value * c * d, np.abs(c * d - 1).max()
        if change < 1e-15:
            break
    return value


def beta_cdf(a: float, b: float, u: Array) -> Array:
    """Probability that a Beta(a, b) is below x = 1 / (1 + exp(-u)), eq. (6). u [n] -> [n]"""
    log_x, log_y = -np.logaddexp(0, -u), -np.logaddexp(0, u)
    below = log_x <= math.log((a + 1) / (a + b + 2))  # there the fraction for x converges fast
    p, q = np.where(below, a, b), np.where(below, b, a)
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    fraction = _fraction(p, q, np.exp(np.where(below, log_x, log_y)))
    tail = np.exp(a * log_x + b * log_y - log_beta) * fraction / p
    return np.where(below, tail, 1 - tail)


def expected_best_mean(prior: BetaArms) -> float:
    """Expected mean of the best arm, eq. (5).

    >>> round(expected_best_mean(BetaArms(np.ones(5), np.ones(5))), 9)  # 5 / 6
    0.833333333
    """
    alike, counts = np.unique(np.stack(prior, axis=-1), axis=0, return_counts=True)
    previous, num_nodes = np.nan, 128
    round_off = 1e-16 * float((prior.a + prior.b).max())  # of eq. (6)
    while True:
        v = np.linspace(-3.2, 3.2, num_nodes + 1)
        u = np.pi * np.sinh(v)
        jacobian = np.pi * np.cosh(v) * np.exp(-np.logaddexp(0, u) - np.logaddexp(0, -u))
        cdf = np.prod([beta_cdf(a, b, u) ** n for (a, b), n in zip(alike, counts, strict=True)], 0)
        total = 1 - float(np.sum(cdf * jacobian)) * 6.4 / num_nodes
        if abs(total - previous) < max(1e-12, round_off) or num_nodes >= 2**17:
            return total
        previous, num_nodes = total, 2 * num_nodes
