"""Players of Bernoulli arms that know the prior: greedy, optimistic, explore first.

n_i pulls of arm i have paid x_i in all, t = 1 + sum_i n_i is the number of the pull to come,
N that of all pulls, and Beta(a_i, b_i) the prior. Wherever several arms are equally good, one of
them is drawn uniformly at random; only `greedy_first_arm` and `eps_greedy_first_arm` take the
first of them, as the published table seems to have done: they stay with an arm of mean 1/2 where
an untried one is as good, and explore less.

    (1)  m_i = (a_i + x_i) / (a_i + b_i + n_i)                  [DeGroot 1970, sec. 9.2, th. 1]
    (2)  greedy: argmax_i m_i                                   [Duan et al. 2016, sec. 3.1]
    (3)  eps_greedy: with probability eps any arm, else (2)     [Sutton and Barto 2018, sec. 2.2]
    (4)  ucb_posterior_mean: argmax_i m_i + c sqrt(2 ln t / (a_i + b_i + n_i))
                                                                [Duan et al. 2016, sec. 3.1]
    (5)  optimistic_thompson: argmax_i max(theta_i, m_i), theta_i drawn from the posterior
                                                                [May et al. 2012, OBS]
    (6)  explore_then_commit: each arm m times, then (2) of that moment for ever
                                                     [Lattimore and Szepesvari 2020, alg. 1]
    (7)  gittins: argmax_i index(a_i + x_i, b_i + n_i - x_i, N - t + 1)    [Gittins 1979]

`CONSTANTS` holds the grid from which the constant of (3), (4) and (6) is tuned.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from metarl_min.baselines import act_by, bandits, learner_of_agent, random_argmax
from metarl_min.baselines.bandits import Record
from metarl_min.basics.arguments import real, whole
from metarl_min.basics.trees import Array, Rng
from metarl_min.learners import Learner
from metarl_min.mdps import rollouts
from metarl_min.mdps.agents import Agent
from metarl_min.tasks import BetaArms, Family, require_support

CONSTANTS = {  # the grid of each constant
    "eps_greedy": (0.0, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2),
    "ucb_posterior_mean": (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6),
    "explore_then_commit": (1, 2, 3, 5, 8, 12, 20),
}

Act = Callable[..., Array]  # (rng, record, states, prior) -> actions [M]
Index = Callable[[Array, Array, int], Array]  # (a [M, A], b [M, A], pulls to come) -> [M, A]


def posterior_means(record: Record, prior: BetaArms) -> Array:
    """Mean of each arm under its posterior, eq. (1). [M, A]"""
    return (prior.a + record.sums) / (prior.a + prior.b + record.pulls)


def act_greedily(rng: Rng, record: Record, states: Array, prior: BetaArms) -> Array:
    """Choose the best posterior mean, eq. (2). [M]"""
    return random_argmax(rng, posterior_means(record, prior), tolerance=1e-12)


def act_greedily_first_arm(rng: Rng, record: Record, states: Array, prior: BetaArms) -> Array:
    """Choose the best posterior mean, eq. (2), and of equal ones that of the first arm. [M]"""
    means = posterior_means(record, prior)
    return np.argmax(means >= means.max(-1, keepdims=True) - 1e-12, axis=-1)


def explore(rng: Rng, actions: Array, num_actions: int, eps: float) -> Array:
    """Replace each action, with probability eps, by any one, eq. (3). [M] -> [M]"""
    anything = rng.integers(num_actions, size=actions.shape)
    return np.where(rng.random(actions.shape) < eps, anything, actions)


def _act_eps(
    rng: Rng, record: Record, states: Array, prior: BetaArms, choose: Act, eps: float
) -> Array:
    return explore(rng, choose(rng, record, states, prior), len(prior.a), eps)


def upper_bounds(record: Record, prior: BetaArms, c: float) -> Array:
    """Upper confidence bounds on the posterior mean, eq. (4). [M, A]"""
    t = 1 + record.pulls.sum(-1, keepdims=True)
    known = prior.a + prior.b + record.pulls
    return posterior_means(record, prior) + c * np.sqrt(2 * np.log(t) / known)


def _act_ucb(rng: Rng, record: Record, states: Array, prior: BetaArms, c: float) -> Array:
    return random_argmax(rng, upper_bounds(record, prior, c), tolerance=1e-12)


def _act_optimistic(rng: Rng, record: Record, states: Array, prior: BetaArms) -> Array:
    """Thompson sampling that never thinks less of an arm than its mean, eq. (5). [M]"""
    drawn = rng.beta(prior.a + record.sums, prior.b + record.pulls - record.sums)
    return random_argmax(rng, np.maximum(drawn, posterior_means(record, prior)), tolerance=1e-12)


def _act_index(
    rng: Rng, record: Record, states: Array, prior: BetaArms, index: Index, num_pulls: int
) -> Array:
    """Choose the best index, eq. (7). [M]"""
    remaining = num_pulls - round(float(record.pulls[0].sum()))
    values = index(prior.a + record.sums, prior.b + record.pulls - record.sums, remaining)
    return random_argmax(rng, values, tolerance=1e-12)


def beta_arms(name: str, family: Family) -> BetaArms:
    """Return the prior of a family of Bernoulli arms; ValueError on any other."""
    prior, bernoulli = family.prior, family.reward_noise is rollouts.bernoulli
    supported = isinstance(prior, BetaArms) and bernoulli and family.horizon == 1
    got = f"{family.name} with {type(prior).__name__} and horizon {family.horizon}"
    require_support(supported, f"{name} plays Bernoulli arms with Beta priors", got)
    arms: BetaArms = prior
    return arms


def _player(family: Family, name: str, choose: Act) -> Learner:
    prior = beta_arms(name, family)
    return learner_of_agent(family, bandits.agent(len(prior.a), partial(choose, prior=prior)))


def greedy(family: Family) -> Learner:
    """Play the arm of highest posterior mean, eq. (2)."""
    return _player(family, "greedy", act_greedily)


def greedy_first_arm(family: Family) -> Learner:
    """Play the first of the arms of highest posterior mean, eq. (2)."""
    return _player(family, "greedy_first_arm", act_greedily_first_arm)


def eps_greedy(family: Family, eps: float) -> Learner:
    """Play any arm with probability `eps`, else the greedy one, eq. (3)."""
    act = partial(_act_eps, choose=act_greedily, eps=real("eps", eps, 0, 1))
    return _player(family, "eps_greedy", act)


def eps_greedy_first_arm(family: Family, eps: float) -> Learner:
    """Play any arm with probability `eps`, else the first of the greedy ones, eq. (3)."""
    act = partial(_act_eps, choose=act_greedily_first_arm, eps=real("eps", eps, 0, 1))
    return _player(family, "eps_greedy_first_arm", act)


def ucb_posterior_mean(family: Family, c: float) -> Learner:
    """Play the highest upper confidence bound on the posterior mean, eq. (4)."""
    act = partial(_act_ucb, c=real("c", c, 0))
    return _player(family, "ucb_posterior_mean", act)


def optimistic_thompson(family: Family) -> Learner:
    """Thompson sampling with draws raised to the posterior mean, eq. (5)."""
    return _player(family, "optimistic_thompson", _act_optimistic)


def index_player(family: Family, index: Index) -> Learner:
    """Play the highest `index` of posterior parameters and remaining pulls, eq. (7).

    `index` is a function of module level or a partial: (a [M, A], b [M, A], pulls) -> [M, A].
    """
    act = partial(_act_index, index=index, num_pulls=family.num_episodes)
    return _player(family, "gittins", act)


class Plan(NamedTuple):
    """What explore-then-commit remembers."""

    record: Record
    arm: Array  # [M] to which it has committed


def _start_plan(num_tasks: int, num_arms: int) -> Plan:
    return Plan(bandits.start(num_tasks, num_arms), np.zeros(num_tasks, int))


def _exploring(record: Record, m: int) -> bool:
    return float(record.pulls[0].sum()) < m * record.pulls.shape[1]


def _commit(rng: Rng, plan: Plan, prior: BetaArms, m: int) -> Plan:
    """Choose for ever, eq. (6), when each arm has been pulled m times."""
    if plan.record.pulls[0].sum() != m * len(prior.a):
        return plan
    return plan._replace(arm=act_greedily(rng, plan.record, plan.arm, prior))


def _choose_plan(rng: Rng, plan: Plan, states: Array, m: int) -> Array:
    if _exploring(plan.record, m):
        return random_argmax(rng, -plan.record.pulls)
    return plan.arm


def _observe_plan(plan: Plan, *step: Array) -> Plan:
    return plan._replace(record=bandits.observe(plan.record, *step))


def explore_then_commit(family: Family, m: int) -> Learner:
    """Pull each arm `m` times, in random order, then one of them for ever, eq. (6)."""
    prior = beta_arms("explore_then_commit", family)
    agent = Agent(
        start=partial(_start_plan, num_arms=len(prior.a)),
        begin_episode=partial(_commit, prior=prior, m=whole("m", m)),
        act=partial(act_by, choose=partial(_choose_plan, m=m)),
        observe=_observe_plan,
    )
    return learner_of_agent(family, agent)
