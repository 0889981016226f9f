"""Classical players of MDPs: uniformly random, and posterior sampling.

    (1)  pi(a|s) = 1 / A                                                        [definition]
    (2)  b(h) ~ w(h) prod_t P_h(s_{t+1}|s_t,a_t) p(r_t | R_h(s_t,a_t,s_{t+1}))  [definition]
    (3)  at the start of each episode h ~ b, then a_t = argmax_a Q*_h,t(s_t, a) for the whole
         episode                                                  [Osband et al. 2013, alg. 1]

w is the prior, p the chance of a reward given its mean: 1{r = mean} without noise, and
r mean + (1 - r) (1 - mean) for Bernoulli rewards. Without noise in rewards and arrivals, b is
the prior restricted to the hypotheses that history leaves. Of several best actions one is drawn
uniformly at random.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from metarl_min.baselines import (
    act_by,
    dirichlet_mdps,
    learner_of_agent,
    no_state,
    random_argmax,
)
from metarl_min.basics.arguments import require
from metarl_min.basics.trees import Array, Rng
from metarl_min.learners import Learner, no_op_step
from metarl_min.mdps import mdp as exact
from metarl_min.mdps import rollouts
from metarl_min.mdps.agents import Agent
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.policies import uniform
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks import DirichletMDP, Family, Hypotheses, require_support, shared_initial


def _random_trial(
    rng: Rng, state: tuple[()], tasks: MDP, greedy: bool = False, *, family: Family
) -> Episodes:
    prepared, probs = rollouts.sampler(tasks, family.reward_noise), uniform(tasks.shape)
    return rollouts.sample(rng, prepared, probs, family.num_episodes, family.horizon)


def random(family: Family) -> Learner:
    """Draw every action uniformly, eq. (1). This player supports every family."""
    return Learner(
        family=family,
        init=no_state,
        step=no_op_step,
        trial=partial(_random_trial, family=family),
        iterations=0,
    )


class Posterior(NamedTuple):
    """What PSRL remembers."""

    probs: Array  # [M, G] posterior probability of each hypothesis
    drawn: Array  # [M] the hypothesis that is believed in this episode
    step: int  # of the episode


class Model(NamedTuple):
    """What PSRL knows beforehand; leading axis [G]."""

    weights: Array  # [G]
    transition: Array  # [G, S, A, S]
    reward: Array  # [G, S, A, S]
    best: Array  # [G, T, S, A] Q* of each hypothesis
    bernoulli: bool


def _model(family: Family) -> Model:
    prior, noise = family.prior, family.reward_noise
    rule = "psrl plays random MDPs and finite hypotheses, with noise-free or Bernoulli rewards"
    bernoulli = noise is rollouts.bernoulli
    fits = isinstance(prior, Hypotheses) and (bernoulli or noise is rollouts.deterministic)
    require_support(fits, rule, f"{type(prior).__name__} with {noise}")
    shared_initial(prior)
    (S, A), G = prior.mdps.shape, len(prior.weights)
    best = exact.optimal_action_values(prior.mdps, family.horizon)
    return Model(
        prior.weights,
        np.broadcast_to(prior.mdps.transition, (G, S, A, S)),
        np.broadcast_to(prior.mdps.reward, (G, S, A, S)),
        np.broadcast_to(best, (G, family.horizon, S, A)),
        bernoulli,
    )


def _start(num_tasks: int, model: Model) -> Posterior:
    return Posterior(np.repeat(model.weights[None], num_tasks, 0), np.zeros(num_tasks, int), 0)


def _begin(rng: Rng, memory: Posterior) -> Posterior:
    """Draw a hypothesis for the episode, eq. (3); never one of probability zero."""
    cumulative = np.cumsum(memory.probs, axis=-1)
    u = rng.random((len(cumulative), 1)) * cumulative[:, -1:]
    return Posterior(memory.probs, np.sum(u >= cumulative[:, :-1], axis=-1), 0)


def _choose(rng: Rng, memory: Posterior, states: Array, model: Model) -> Array:
    return random_argmax(rng, model.best[memory.drawn, memory.step, states], tolerance=1e-9)


def likelihood(
    model: Model, states: Array, actions: Array, rewards: Array, arrivals: Array
) -> Array:
    """Chance of what happened under each hypothesis, a factor of eq. (2). [M] each -> [M, G]"""
    mean = model.reward[:, states, actions, arrivals].T
    r = rewards[:, None]
    chance = r * mean + (1 - r) * (1 - mean) if model.bernoulli else r == mean
    return model.transition[:, states, actions, arrivals].T * chance


def _observe(
    memory: Posterior, states: Array, actions: Array, rewards: Array, arrivals: Array, model: Model
) -> Posterior:
    probs = memory.probs * likelihood(model, states, actions, rewards, arrivals)
    total = probs.sum(-1, keepdims=True)
    require(bool((total > 0).all()), "history must be possible under the prior", "probability 0")
    return Posterior(probs / total, memory.drawn, memory.step + 1)


def psrl(family: Family) -> Learner:
    """Posterior sampling for reinforcement learning, eqs. (2) and (3); dirichlet_mdps (3).

    It plays random MDPs, and finite sets of candidate tasks that share the distribution of the
    first state and have noise-free or Bernoulli rewards. Unsupported for other families.
    """
    if isinstance(family.prior, DirichletMDP):
        return dirichlet_mdps.planning_player(family, dirichlet_mdps.plan_by_draw, "psrl")
    model = _model(family)
    agent = Agent(
        start=partial(_start, model=model),
        begin_episode=_begin,
        act=partial(act_by, choose=partial(_choose, model=model)),
        observe=partial(_observe, model=model),
    )
    return learner_of_agent(family, agent)
