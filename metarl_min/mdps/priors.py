"""Records of priors. A prior is the distribution from which the MDPs of a family are drawn."""

from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import floats, instance, probabilities, real, require, shaped
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Array
from metarl_min.mdps.mdp import MAX_REWARD, MDP, plain

BETA = (1e-9, 1e6)  # range of the parameters of Beta and Dirichlet distributions


def _arms(name: str, value: Any, low: float, high: float) -> Array:
    """Return an array [A] of floats in [low, high]."""
    is_row = floats(name, value, low, high).ndim == 1 and value.size > 0
    require(is_row, f"{name} must have the shape [A]", value.shape)
    return value


@checked(lambda a, b: (_arms("a", a, *BETA), shaped("b", _arms("b", b, *BETA), a.shape, "a")))
class BetaArms(NamedTuple):
    """The prior of Bernoulli arms: the means are independent and have Beta distributions."""

    a: Array  # [A] first parameter of the Beta distribution, from 1e-9 to 1e6
    b: Array  # [A] second parameter, from 1e-9 to 1e6


def _check_gaussian(mean: Any, std: Any, noise: Any) -> tuple[Array, Array, float]:
    _arms("mean", mean, -MAX_REWARD, MAX_REWARD)
    shaped("std", _arms("std", std, 0, MAX_REWARD), mean.shape, "mean")
    return mean, std, real("noise", noise, 0, MAX_REWARD)


@checked(_check_gaussian)
class GaussianArms(NamedTuple):
    """The prior of arms with normal rewards: the means are independent and normal."""

    mean: Array  # [A] prior mean of the mean reward
    std: Array  # [A] prior standard deviation of the mean reward
    noise: float  # standard deviation of a reward around the mean of its arm


@checked(lambda a, b: (real("a", a, *BETA), real("b", b, *BETA)))
class CorrelatedArms(NamedTuple):
    """The prior of two Bernoulli arms with means p and 1 - p. p has a Beta distribution."""

    a: float  # first parameter of the Beta distribution
    b: float  # second parameter


def _check_hypotheses(mdps: Any, weights: Any) -> tuple[MDP, Array]:
    probabilities("weights", weights)
    leading = plain("mdps", mdps).leading
    require(len(leading) == 1, "mdps must have one axis of candidates", leading)
    require(leading == weights.shape, "weights need one entry per candidate", weights.shape)
    return mdps, weights


@checked(_check_hypotheses)
class Hypotheses(NamedTuple):
    """The prior of finitely many candidate tasks."""

    mdps: MDP  # candidate tasks, leading axis [G]
    weights: Array  # [G] prior probability of each candidate


def _check_dirichlet(concentration: Any, mean: Any, std: Any, noise: Any) -> tuple[Any, ...]:
    shape = floats("concentration", concentration, *BETA).shape
    fits = len(shape) == 3 and shape[0] == shape[2] and concentration.size > 0
    require(fits, "concentration must have the shape [S, A, S]", shape)
    mean = real("mean", mean, -MAX_REWARD, MAX_REWARD)
    std, noise = (real(*x, 0, MAX_REWARD) for x in (("std", std), ("noise", noise)))
    return concentration, mean, std, noise


@checked(_check_dirichlet)
class DirichletMDP(NamedTuple):
    """The prior of random MDPs: Dirichlet distributions P(.|s,a), and normal mean rewards."""

    concentration: Array  # [S, A, S] parameters of the Dirichlet distribution of P(.|s,a)
    mean: float  # prior mean of r(s,a)
    std: float  # prior standard deviation of r(s,a)
    noise: float  # standard deviation of a reward around r(s,a)


def expected_under_prior(values: Array, prior: Hypotheses) -> float:
    """Return the mean of the values of the candidate tasks under the prior. [G] -> a number"""
    weights = instance("prior", prior, Hypotheses).weights
    shaped("values", floats("values", values), weights.shape, "the weights")
    return float(np.sum(weights * values))


def prior_means(prior: BetaArms | GaussianArms | CorrelatedArms) -> Array:
    """Return the mean reward of each arm under the prior. [A]"""
    if isinstance(prior, GaussianArms):
        return prior.mean
    if isinstance(prior, CorrelatedArms):
        return np.array([prior.a, prior.b]) / (prior.a + prior.b)
    return instance("prior", prior, BetaArms).a / (prior.a + prior.b)
