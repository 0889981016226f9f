"""Families of tasks: a distribution over MDPs, with the prior that its judges need.

    bandits      Bernoulli, Gaussian, correlated and contextual arms
    gridworlds   goal search on a grid
    random_mdps  MDPs with Dirichlet transitions and normal rewards
    registry     the families of the command line, by name

A family is made by a function of keyword-only parameters, whose annotations say how a word
`key=value` is read (`basics.words`). To add one, write such a function in a file of this folder
and name it in `registry.FAMILIES`; a file outside the package works too, as
`path/to/file.py:function`. Functions inside a Family are functions of a module or
`functools.partial`s of them, so that a family can be pickled.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import probabilities, require, whole
from metarl_min.basics.trees import Array, Rng
from metarl_min.mdps import agents, rollouts
from metarl_min.mdps.agents import Agent
from metarl_min.mdps.mdp import MDP, take_tasks
from metarl_min.mdps.rollouts import Episodes, Noise


class Unsupported(ValueError):
    """A player or a solver does not support this family."""


class Family(NamedTuple):
    """A distribution over tasks and the protocol of a trial on one of them."""

    name: str
    parameters: dict[str, Any]  # every parameter, as its key=value word
    prior: Any  # BetaArms, GaussianArms, MirroredArms, Hypotheses or DirichletMDP
    sample: Callable[[Rng, int], MDP]  # (rng, num_tasks) -> MDP with leading axes [M]
    horizon: int  # T, steps per episode
    num_episodes: int  # N, episodes per trial
    reward_noise: Noise


class BetaArms(NamedTuple):
    """Bernoulli arms whose means are independent Beta(a, b)."""

    a: Array  # [A]
    b: Array  # [A]


class GaussianArms(NamedTuple):
    """Arms with normal rewards, whose means are independent normals."""

    mean: Array  # [A]
    std: Array  # [A]
    noise: float  # standard deviation of a reward


class MirroredArms(NamedTuple):
    """Two Bernoulli arms with means p and 1 - p, p ~ Beta(a, b)."""

    a: float
    b: float


class Hypotheses(NamedTuple):
    """A finite set of candidate tasks and their prior probabilities."""

    mdps: MDP  # leading axis [G]
    weights: Array  # [G]


class DirichletMDP(NamedTuple):
    """Rows of `transition` Dirichlet, mean rewards of each pair normal."""

    concentration: Array  # [S, A, S]
    mean: float
    std: float
    noise: float  # standard deviation of a reward


def sample_hypotheses(rng: Rng, num_tasks: int, prior: Hypotheses) -> MDP:
    """Draw candidates by their prior probability."""
    size = whole("num_tasks", num_tasks)
    return take_tasks(prior.mdps, rng.choice(len(prior.weights), size, p=prior.weights))


def family_of_candidates(
    name: str, parameters: dict[str, Any], mdps: MDP, weights: Array, horizon: int, num_episodes: int,
    noise: Noise,
) -> Family:  # fmt: skip
    """Return the family of a finite set of candidate tasks `mdps` [G] with `weights` [G]."""
    probabilities("weights", weights)
    require(mdps.leading == weights.shape, "one weight per candidate task", weights.shape)
    prior = Hypotheses(mdps, weights)
    sampler = partial(sample_hypotheses, prior=prior)
    protocol = whole("horizon", horizon), whole("num_episodes", num_episodes)
    return Family(name, parameters, prior, sampler, *protocol, noise)


def expected_under_prior(values: Array, prior: Hypotheses) -> float:
    """Average a value per candidate task [G] over the prior."""
    return float(np.sum(prior.weights * values))


def shape_of(family: Family) -> tuple[int, int]:
    """Return (S, A), the numbers of states and actions of every task of a family."""
    return family.sample(np.random.default_rng(0), 1).shape


def play_trial(rng: Rng, family: Family, tasks: MDP, agent: Agent) -> tuple[Episodes, Any]:
    """Play one trial of the family on each task. -> episodes [M, N, T], last memory"""
    sampler = rollouts.sampler(tasks, family.reward_noise)
    return agents.play(rng, sampler, agent, family.num_episodes, family.horizon)
