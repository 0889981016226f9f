"""Players of random MDPs that plan once in each episode, for all tasks at once.

At the start of an episode a player counts the steps of the last episode, and plans with the counts
(dirichlet_planners (2)). During the episode the player follows this plan. In this module, eps is a
probability.

    (1)  eps_greedy: any action with probability eps, else the best action of the plan for the
         posterior mean (dirichlet_planners (5))                               [definition]

If several actions are equally good, one of them is drawn uniformly at random. `CONSTANTS` holds
the values that are tried for each constant of a player.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from metarl_min.baselines import (
    act_by,
    conditions,
    learner_of_agent,
    random_argmax,
)
from metarl_min.baselines.bayesian_bandits import explore
from metarl_min.baselines.dirichlet_planners import (
    Counts,
    Planner,
    backward_induction,
    plan_by_draws,
    plan_by_mean,
    plan_optimistically,
    plan_with_bonus,
)
from metarl_min.basics.arguments import indices, instance, real, whole
from metarl_min.basics.trees import Array, Rng
from metarl_min.learners import Learner
from metarl_min.mdps.agents import Agent
from metarl_min.tasks import DirichletMDP, Family, reward_unit

CONSTANTS = {  # the values that are tried for each constant
    "opsrl": (2, 3, 5, 8),
    "eps_greedy": (0.0, 0.02, 0.05, 0.1, 0.2),
    "beb": (0.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0),
    "ucrl2": (0.0, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12),
}


TOLERANCE = 1e-9  # in the unit of rewards: values that differ by less count as equal


class Step(NamedTuple):
    """One step of M tasks."""

    states: Array  # [M]
    actions: Array  # [M]
    rewards: Array  # [M]
    arrivals: Array  # [M]


class PlanState(NamedTuple):
    """The memory of a player that plans at the start of each episode."""

    counts: Counts
    episode: tuple[Step, ...]  # the steps of the present episode, which are not counted yet
    q: Array  # [M, T, S, A] the plan: Q with T, T - 1, .., 1 steps to go


def count_episode(counts: Counts, episode: tuple[Step, ...]) -> Counts:
    """Return the counts with the steps of one more episode."""
    if not episode:
        return counts
    M, S, A, _ = counts.arrivals.shape
    steps = Step(*[np.stack(field) for field in zip(*episode, strict=True)])  # [T, M] each
    for name, size in (("states", S), ("actions", A), ("arrivals", S)):
        indices(name, getattr(steps, name), size)
    pairs = ((np.arange(M) * S + steps.states) * A + steps.actions).ravel()
    triples = pairs * S + steps.arrivals.ravel()
    arrivals = np.bincount(triples, minlength=counts.arrivals.size)
    sums = np.bincount(pairs, steps.rewards.ravel(), counts.sums.size)
    return Counts(
        arrivals=counts.arrivals + arrivals.reshape(counts.arrivals.shape),
        sums=counts.sums + sums.reshape(counts.sums.shape),
    )


def _start(num_tasks: int, shape: tuple[int, int], horizon: int) -> PlanState:
    S, A = shape
    counts = Counts(np.zeros((num_tasks, S, A, S)), np.zeros((num_tasks, S, A)))
    return PlanState(counts=counts, episode=(), q=np.zeros((num_tasks, horizon, S, A)))


def _begin_episode(
    rng: Rng, memory: PlanState, prior: DirichletMDP, planner: Planner, horizon: int
) -> PlanState:
    counts = count_episode(memory.counts, memory.episode)
    q = backward_induction(planner(rng, counts, prior), counts.sums.shape[:2], horizon)
    return PlanState(counts=counts, episode=(), q=q)


def _choose(rng: Rng, memory: PlanState, states: Array, eps: float, unit: float) -> Array:
    """Choose the best action of the plan; with probability eps any action, eq. (1). [M]"""
    q = memory.q[np.arange(len(states)), len(memory.episode), states]
    actions = random_argmax(rng, q, TOLERANCE * unit)
    return explore(rng, actions, q.shape[1], eps) if eps else actions


def _observe(
    memory: PlanState, states: Array, actions: Array, rewards: Array, arrivals: Array
) -> PlanState:
    step = Step(states=states, actions=actions, rewards=rewards, arrivals=arrivals)
    return memory._replace(episode=(*memory.episode, step))


def planning_agent(
    prior: DirichletMDP, horizon: int, planner: Planner, eps: float = 0.0, unit: float = 1.0
) -> Agent:
    """Return the agent that plans with `planner` before each episode, and explores with eps.

    Actions are equally good if their values differ by at most 1e-9 `unit`.
    """
    return Agent(
        start=partial(_start, shape=prior.concentration.shape[:2], horizon=horizon),
        begin_episode=partial(_begin_episode, prior=prior, planner=planner, horizon=horizon),
        act=partial(act_by, choose=partial(_choose, eps=eps, unit=unit)),
        observe=_observe,
    )


def planning_player(family: Family, planner: Planner, name: str, eps: float = 0.0) -> Learner:
    """Return the player of `planning_agent`.

    `Unsupported`, with `name`, unless MDPs are random and rewards are drawn as the prior says.
    """
    rule = f"{name} plays random MDPs with a Dirichlet prior"
    prior = conditions.require_prior(rule, family, DirichletMDP)
    conditions.require_rewards_of_prior(rule, family)
    agent = planning_agent(prior, family.horizon, planner, eps, reward_unit(family))
    return learner_of_agent(family, agent)


def opsrl(family: Family, num_draws: int) -> Learner:
    """Return optimistic posterior sampling, dirichlet_planners (4)."""
    planner = partial(plan_by_draws, num_draws=whole("num_draws", num_draws))
    return planning_player(family, planner, "opsrl")


def greedy(family: Family) -> Learner:
    """Return the player of the best plan for the posterior mean, dirichlet_planners (5)."""
    return planning_player(family, plan_by_mean, "greedy")


def eps_greedy(family: Family, eps: float) -> Learner:
    """Return the greedy player that takes any action with probability `eps`, eq. (1)."""
    return planning_player(family, plan_by_mean, "eps_greedy", real("eps", eps, 0, 1))


def _unit(family: Family) -> float:
    instance("family", family, Family)
    return reward_unit(family)


def beb(family: Family, beta: float) -> Learner:
    """Return the player of the Bayesian exploration bonus, dirichlet_planners (6)."""
    beta, unit = real("beta", beta, 0), _unit(family)
    return planning_player(family, partial(plan_with_bonus, beta=beta, unit=unit), "beb")


def ucrl2(family: Family, c: float) -> Learner:
    """Return UCRL2 with confidence sets of scale `c`, dirichlet_planners (7)."""
    c, unit = real("c", c, 0), _unit(family)
    return planning_player(family, partial(plan_optimistically, c=c, unit=unit), "ucrl2")
