"""Families of tasks: distributions over MDPs.

    bandits      Bernoulli, Gaussian, correlated and contextual arms
    gridworlds   goal search on a grid
    random_mdps  MDPs with Dirichlet transitions and normal rewards
    registry     the families of the command line, by name

A `Family` also holds the prior from which its tasks are drawn. Baselines and ceilings read the
prior; a learner does not.

A family is made by a function of keyword-only parameters. The annotation of a parameter says how
the command line reads its word `key=value`. For example, `Annotated[Policy, policies.parse]` means
that `policies.parse` reads the word. The docstring says what each parameter means. To add a family,
write such a function in a file of this folder and name it in `registry.FAMILIES`. On the command
line, a function in a file outside the package is written `path/to/file.py:function`. The functions
in a Family are functions of a module or `functools.partial`s of them, so that a family can be
pickled.
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
    """The error of a player or a solver that does not support a family."""


def require_support(condition: bool, rule: str, got: object) -> None:
    """Raise Unsupported with the rule and the value, unless the condition holds."""
    if not condition:
        raise Unsupported(f"{rule}, got {got}")


class Family(NamedTuple):
    """A distribution over tasks, with the number and the length of the episodes of a trial."""

    name: str  # the name on the command line
    parameters: dict[str, Any]
    # the arguments from which the family was made, as written on the command line
    prior: Any  # BetaArms, GaussianArms, CorrelatedArms, Hypotheses or DirichletMDP
    sample: Callable[[Rng, int], MDP]  # (rng, num_tasks) -> MDP with leading axis [M]
    horizon: int  # T, steps of an episode
    num_episodes: int  # N, episodes of a trial
    reward_noise: Noise  # (rng, mean rewards) -> rewards


class BetaArms(NamedTuple):
    """The prior of Bernoulli arms: their means are independent, with Beta distributions."""

    a: Array  # [A] first parameter of the Beta distribution
    b: Array  # [A] second parameter


class GaussianArms(NamedTuple):
    """The prior of arms with normal rewards: their means are independent and normal."""

    mean: Array  # [A] prior mean of the mean reward
    std: Array  # [A] prior standard deviation of the mean reward
    noise: float  # standard deviation of a reward around the mean of its arm


class CorrelatedArms(NamedTuple):
    """The prior of two Bernoulli arms with means p and 1 - p: p has a Beta distribution."""

    a: float  # first parameter of the Beta distribution
    b: float  # second parameter


class Hypotheses(NamedTuple):
    """The prior of finitely many candidate tasks."""

    mdps: MDP  # candidate tasks, leading axis [G]
    weights: Array  # [G] prior probability of each candidate


class DirichletMDP(NamedTuple):
    """The prior of random MDPs: Dirichlet distributions P(.|s,a), and normal mean rewards."""

    concentration: Array  # [S, A, S] parameters of the Dirichlet distribution of P(.|s,a)
    mean: float  # prior mean of r(s,a)
    std: float  # prior standard deviation of r(s,a)
    noise: float  # standard deviation of a reward around r(s,a)


def sample_hypotheses(rng: Rng, num_tasks: int, prior: Hypotheses) -> MDP:
    """Draw tasks from the candidates, each by its prior probability."""
    size = whole("num_tasks", num_tasks)
    return take_tasks(prior.mdps, rng.choice(len(prior.weights), size, p=prior.weights))


def family_of_candidates(
    name: str,
    parameters: dict[str, Any],
    mdps: MDP,
    weights: Array,
    horizon: int,
    num_episodes: int,
    noise: Noise,
) -> Family:
    """Return the family of finitely many candidate tasks.

    `mdps` are the candidates [G], and `weights` [G] are their prior probabilities.

    >>> arms = np.array([[0.9, 0.1], [0.1, 0.9]])[:, None, :, None]  # [G, S, A, 1]
    >>> mdps = MDP(np.ones((1, 1)), np.ones((1, 1, 2, 1)), arms)
    >>> prior = np.array([0.5, 0.5])
    >>> family = family_of_candidates("mirror", {}, mdps, prior, 1, 10, rollouts.bernoulli)
    >>> family.sample(np.random.default_rng(0), 3).reward[:, 0, :, 0]
    array([[0.1, 0.9], [0.9, 0.1], [0.9, 0.1]])
    """
    probabilities("weights", weights)
    require(mdps.leading == weights.shape, "one weight per candidate task", weights.shape)
    prior = Hypotheses(mdps=mdps, weights=weights)
    return Family(
        name=name,
        parameters=parameters,
        prior=prior,
        sample=partial(sample_hypotheses, prior=prior),
        horizon=whole("horizon", horizon),
        num_episodes=whole("num_episodes", num_episodes),
        reward_noise=noise,
    )


def expected_under_prior(values: Array, prior: Hypotheses) -> float:
    """Return the mean of the values of the candidate tasks under the prior. [G] -> a number"""
    return float(np.sum(prior.weights * values))


def prior_means(prior: BetaArms | GaussianArms | CorrelatedArms) -> Array:
    """Return the mean reward of each arm under the prior. [A]"""
    if isinstance(prior, GaussianArms):
        return prior.mean
    if isinstance(prior, CorrelatedArms):
        return np.array([prior.a, prior.b]) / (prior.a + prior.b)
    return prior.a / (prior.a + prior.b)


def shared_initial(prior: Hypotheses) -> Array:
    """Return the distribution of the first state. [S]

    `Unsupported` unless it is the same in all candidate tasks.
    """
    initial = prior.mdps.initial
    if not (initial == initial[0]).all():
        rule = "hypotheses must share one distribution of the first state"
        raise Unsupported(f"{rule}, got different ones")
    return initial[0]


def shape_of(family: Family) -> tuple[int, int]:
    """Return (S, A), the numbers of states and actions of every task of a family."""
    return family.sample(np.random.default_rng(0), 1).shape


def play_trial(rng: Rng, family: Family, tasks: MDP, agent: Agent) -> tuple[Episodes, Any]:
    """Play one trial of the family on each task.

    Return the episodes [M, N, T], and the memory of the agent after the last step.
    """
    tables = rollouts.sampler(tasks, family.reward_noise)
    return agents.play(rng, tables, agent, family.num_episodes, family.horizon)
