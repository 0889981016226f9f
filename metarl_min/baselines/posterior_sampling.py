"""The random player, and posterior sampling over candidate tasks.

w is the prior over the candidates g. P_g and r_g are the transitions and the mean rewards of
candidate g, and Q*_{g,t} are the optimal action values of candidate g in step t of an episode. In
this module, b is the posterior, a belief over the candidates.

    (1)  random: pi(a|s) = 1 / A                                                [definition]
    (2)  b(g) proportional to w(g) prod_t P_g(s_{t+1}|s_t,a_t) p(r_t|r_g(s_t,a_t,s_{t+1}))
                                                                              [Bayes' rule]
    (3)  psrl: draw g from b at the start of each episode, then a_t = argmax_a Q*_{g,t}(s_t,a)
         for the whole episode                                [Osband et al. 2013, alg. 1]

The product in (2) is over all steps of the trial so far. p(r|mean) is the probability of the reward
r if its mean is `mean`. For rewards without noise it is 1 if r = mean, else 0. For Bernoulli
rewards it is r mean + (1 - r) (1 - mean). If transitions and rewards do not depend on chance, b is
proportional to w on the candidates that the history allows, and 0 on the others. If several actions
are equally good, one of them is drawn uniformly at random.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from metarl_min.baselines import (
    act_by,
    conditions,
    dirichlet_mdps,
    dirichlet_planners,
    learner_of_agent,
    no_state,
    random_argmax,
)
from metarl_min.basics.arguments import generator, instance, probabilities, require
from metarl_min.basics.trees import Array, Rng
from metarl_min.learners import Learner, no_op_step
from metarl_min.mdps import mdp as exact
from metarl_min.mdps import rollouts
from metarl_min.mdps.agents import Agent
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.policies import uniform
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks import (
    DirichletMDP,
    Family,
    Hypotheses,
    require_support,
    reward_unit,
    shared_initial,
)

MAX_NUMBERS = 100_000_000  # largest size of a table of all candidates
TOLERANCE = 1e-9  # in the unit of rewards: values that differ by less count as equal


def _random_trial(
    rng: Rng, state: tuple[()], tasks: MDP, greedy: bool = False, *, family: Family
) -> Episodes:
    sampler = rollouts.sampler(tasks, family.reward_noise)
    return rollouts.sample(rng, sampler, uniform(tasks.shape), family.num_episodes, family.horizon)


def random(family: Family) -> Learner:
    """Return the player that draws every action uniformly, eq. (1). It supports every family."""
    instance("family", family, Family)
    return Learner(
        family=family,
        init=no_state,
        step=no_op_step,
        trial=partial(_random_trial, family=family),
        iterations=0,
    )


class CandidateModels(NamedTuple):
    """The candidate tasks of a family, and the best plan for each."""

    weights: Array  # [G] w(g)
    transition: Array  # [G, S, A, S] P_g
    reward: Array  # [G, S, A, S] r_g
    action_values: Array  # [G, T, S, A] Q* of each step of an episode
    bernoulli: bool  # whether rewards are 0 or 1; otherwise they have no noise
    tolerance: float  # values that differ by less count as equal


class Posterior(NamedTuple):
    """The memory of PSRL."""

    probs: Array  # [M, G] b(g)
    sampled_hypothesis: Array  # [M] the candidate that was drawn for this episode
    step: int  # number of steps since the start of the episode


def candidate_models(family: Family) -> CandidateModels:
    """Return the candidates of a family.

    `Unsupported` unless they are finitely many, share the distribution of the first state, have
    rewards without noise or Bernoulli rewards, and fit in tables of MAX_NUMBERS numbers.
    """
    rule, noise = "psrl plays finite hypotheses", instance("family", family, Family).reward_noise
    bernoulli = noise is rollouts.bernoulli
    prior = conditions.require_prior(rule, family, Hypotheses)
    conditions.require_known_rewards(rule, family)
    if bernoulli:
        conditions.largest_reward(rule, family)
    shared_initial(prior)
    (S, A), G = prior.mdps.shape, len(prior.weights)
    numbers = G * S * A * max(S, family.horizon)
    condition = f"{rule}: a table may have at most {MAX_NUMBERS:,} numbers"
    require_support(numbers <= MAX_NUMBERS, condition, f"{numbers:,}")
    best = exact.optimal_action_values(prior.mdps, family.horizon)
    return CandidateModels(
        weights=prior.weights,
        transition=np.broadcast_to(prior.mdps.transition, (G, S, A, S)),
        reward=np.broadcast_to(prior.mdps.reward, (G, S, A, S)),
        action_values=np.broadcast_to(best, (G, family.horizon, S, A)),
        bernoulli=bernoulli,
        tolerance=TOLERANCE * reward_unit(family),
    )


def likelihood(
    models: CandidateModels, states: Array, actions: Array, rewards: Array, arrivals: Array
) -> Array:
    """Return the probability of one step in each candidate, a factor of eq. (2). [M] -> [M, G]"""
    mean = models.reward[:, states, actions, arrivals].T
    r = rewards[:, None]
    reward_probs = r * mean + (1 - r) * (1 - mean) if models.bernoulli else r == mean
    return models.transition[:, states, actions, arrivals].T * reward_probs


def _start(num_tasks: int, models: CandidateModels) -> Posterior:
    return Posterior(
        probs=np.repeat(models.weights[None], num_tasks, 0),
        sampled_hypothesis=np.zeros(num_tasks, int),
        step=0,
    )


def _observe(memory: Posterior, *step: Array, models: CandidateModels) -> Posterior:
    """Return the posterior after one more step, eq. (2)."""
    probs = memory.probs * likelihood(models, *step)
    total = probs.sum(-1, keepdims=True)
    require(bool((total > 0).all()), "history must be possible under the prior", "probability 0")
    return memory._replace(probs=probs / total, step=memory.step + 1)


def sample_hypothesis(rng: Rng, memory: Posterior) -> Posterior:
    """Draw the candidate of an episode from the posterior, eq. (3).

    A candidate of probability zero is never drawn.
    """
    cumulative = np.cumsum(probabilities("probs", memory.probs), axis=-1)
    threshold = generator("rng", rng).random((len(cumulative), 1)) * cumulative[:, -1:]
    sampled = np.sum(threshold >= cumulative[:, :-1], axis=-1)
    return Posterior(probs=memory.probs, sampled_hypothesis=sampled, step=0)


def _choose(rng: Rng, memory: Posterior, states: Array, models: CandidateModels) -> Array:
    """Choose the best action in the drawn candidate, eq. (3). [M]"""
    q = models.action_values[memory.sampled_hypothesis, memory.step, states]
    return random_argmax(rng, q, models.tolerance)


def sampling_agent(models: CandidateModels) -> Agent:
    """Return the agent of posterior sampling, eqs. (2) and (3). Its memory is a `Posterior`.

    >>> from metarl_min.tasks import play_trial
    >>> from metarl_min.tasks.gridworlds import gridworld
    >>> family = gridworld(size=2, start=0, goals=(1, 2), horizon=1, episodes=1)
    >>> rng = np.random.default_rng(0)
    >>> agent = sampling_agent(candidate_models(family))
    >>> play_trial(rng, family, family.sample(rng, 2), agent)[1].probs  # one step tells the goal
    array([[0., 1.], [1., 0.]])
    """
    return Agent(
        start=partial(_start, models=instance("models", models, CandidateModels)),
        begin_episode=sample_hypothesis,
        act=partial(act_by, choose=partial(_choose, models=models)),
        observe=partial(_observe, models=models),
    )


def psrl(family: Family) -> Learner:
    """Return posterior sampling for reinforcement learning, eq. (3).

    In random MDPs the posterior is continuous, and one of its models is drawn by
    dirichlet_planners (3). `Unsupported` unless MDPs are random, or `candidate_models` supports
    the family.
    """
    rule = "psrl plays random MDPs and finite hypotheses"
    prior = conditions.require_prior(rule, family, DirichletMDP, Hypotheses)
    if isinstance(prior, DirichletMDP):
        return dirichlet_mdps.planning_player(family, dirichlet_planners.plan_by_draw, "psrl")
    return learner_of_agent(family, sampling_agent(candidate_models(family)))
