"""Bounds of the ceiling for normal rewards: Gaussian arms, and random MDPs [Duan et al. 2016].

Arm i has a mean with the prior N(m_i, s_i^2), and its rewards add noise N(0, c^2). The bandit has
A arms and n pulls, and the random MDP has N episodes of T steps. In this module, m_i, s_i and c
are parameters of the normal distributions, Y_i is a random variable with the distribution
function F_i, and k is a number.

    (1)  E[max_i Y_i] = k + int_k^inf (1 - prod_i F_i(y)) dy,  Y_i independent, k <= max_i Y_i
                                                                             [derivation]
    (2)  arms:  V <= n E[max_i mean_i]                                       [derivation]
    (3)  arms:  V >= max_j (j sum_i m_i + (n - j A) E[max_i Y_i]),
         Y_i ~ N(m_i, j s_i^4 / (j s_i^2 + c^2))                             [derivation]
    (4)  MDP:  V <= N (E[max over A pairs] + (T - 1) E[max over S A pairs])  [derivation]
    (5)  MDP:  V >= N (T - 1) mean + the bound (3) of A arms and N pulls     [derivation]

The maxima in (4) are over the mean rewards of pairs (state, action), and `mean` in (5) is their
prior mean. j in (3) is the number of pulls of each arm before the player commits to one arm.

    Steps of (1). Let Y be the maximum. Then Y = k + int_k^inf 1{Y > y} dy, since Y >= k.
    The expectation of the indicator is P(Y > y) = 1 - P(Y <= y).
    P(Y <= y) is the product of the F_i(y), because the Y_i are independent.

    Steps of (2). A player that is told the means can ignore them, so it earns at least V.
    Its best play is to pull the best arm n times, which pays n max_i mean_i on average.

    Steps of (3). The right side is the return of a player, and no player earns more than V.
    The player pulls each arm j times, which pays j sum_i m_i on average.
    It then pulls the arm of the largest posterior mean Y_i, which pays max_i Y_i on average.
    The Y_i are normal and independent. Their means are m_i by the law of total expectation.
    The variance of Y_i is the prior variance less the posterior variance:
        s_i^2 - s_i^2 c^2 / (j s_i^2 + c^2) = j s_i^4 / (j s_i^2 + c^2).

    Steps of (4). A player that is told the mean rewards, and may choose where to arrive, earns
    at least V. Every episode starts in the same state, so its first step has A pairs.
    Each of the other T - 1 steps pays at most the best of all S A pairs.

    Steps of (5). The right side is the return of a player, as in (3).
    In the first step of each episode it plays the A actions of the first state as arms, by (3).
    Its other steps are random, and it ignores their rewards. A random action pays the average
    over the A actions of the state. The choice among the arms says nothing about this average,
    because the arms are exchangeable. The transitions say nothing about rewards.
    So each of the T - 1 other steps pays the prior mean on average.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from metarl_min.baselines import conditions
from metarl_min.basics.arguments import floats, instance, require, shaped, whole
from metarl_min.basics.trees import Array
from metarl_min.ceilings import TooLarge, format_count
from metarl_min.tasks import DirichletMDP, Family, GaussianArms, Unsupported, require_support
from metarl_min.tasks.random_mdps import sample_dirichlet

MAX_NUMBERS = 8_000_000  # values of distribution functions for one expected maximum
MAX_PULLS = 10**15  # floats do not tell larger numbers apart
_erf = np.vectorize(math.erf, otypes=[float])


class NormalBounds(NamedTuple):
    """The Bayes-optimal return lies between `lower` and `upper`."""

    lower: float
    upper: float
    known_task: float | None  # expected return of the best player that is told the task


def expected_max(mean: Array, std: Array) -> float:
    """Return the expected maximum of independent normals, eq. (1). A std of 0 is a constant.

    k is the largest constant. If there is no constant, k is the smallest value of mean - 10 std.
    The integral is a Gauss-Legendre sum over the pieces between the points mean - 10 std and
    mean + 10 std.

    >>> round(expected_max(np.zeros(2), np.ones(2)), 9)  # 1 / sqrt(pi)
    0.564189584
    """
    rule = "mean and std must have one axis [A]"
    require(floats("mean", mean).ndim == 1 and mean.size > 0, rule, mean.shape)
    shaped("std", floats("std", std, 0), mean.shape, "mean")
    constants, varies = mean[std == 0], std > 0
    if not varies.any():
        return float(constants.max())
    different, counts = np.unique(mean[varies] + 1j * std[varies], return_counts=True)
    mean, std = different.real, different.imag
    numbers = 256 * len(mean) ** 2
    if numbers > MAX_NUMBERS:
        rule = f"an expected maximum of normals may take at most {MAX_NUMBERS:,} numbers"
        raise TooLarge(f"{rule}, got {numbers:,}")
    k = constants.max() if len(constants) else (mean - 10 * std).min()
    ends = np.unique(np.concatenate([[k], mean - 10 * std, mean + 10 * std]).clip(k))
    nodes, weights = np.polynomial.legendre.leggauss(128)
    half = np.diff(ends)[:, None] / 2
    y = ends[:-1, None] + half * (nodes + 1)
    z = (y[..., None] - mean) / std / math.sqrt(2)
    F, inside = np.where(z > 0, 1.0, 0.0), np.abs(z) < 6  # elsewhere F is 0 or 1
    F[inside] = 0.5 * (1 + _erf(z[inside]))
    return float(k + np.sum(half * weights * (1 - (F**counts).prod(-1))))


def explore_then_commit(prior: GaussianArms, pulls: int) -> float:
    """Return the bound of eq. (3), with the maximum over j = 0 and at most 40 other values.

    With j = 0 the player commits to the best prior mean at once.
    """
    pulls, A = whole("pulls", pulls), len(instance("prior", prior, GaussianArms).mean)
    if pulls > MAX_PULLS:
        raise TooLarge(f"bounds may have at most {MAX_PULLS:,} pulls, got {format_count(pulls)}")
    ratio = prior.noise / np.where(prior.std > 0, prior.std, 1.0)  # c / s_i
    best = pulls * float(prior.mean.max())
    for j in map(int, np.unique(np.geomspace(1, max(1, pulls // A), 40).astype(int))):
        if j * A <= pulls:
            std = prior.std * math.sqrt(j) / np.hypot(math.sqrt(j), ratio)
            earned = j * prior.mean.sum() + (pulls - j * A) * expected_max(prior.mean, std)
            best = max(best, float(earned))
    return best


def _require_one_start(rule: str, family: Family) -> None:
    """Raise `Unsupported` unless two drawn tasks have one first state: (4) and (5) need it."""
    if getattr(family.sample, "func", None) is sample_dirichlet:
        return
    initial = family.sample(np.random.default_rng(0), 2).initial
    one_start = bool((initial.max(-1) == 1).all() and (initial == initial[..., :1, :]).all())
    require_support(one_start, f"{rule}: episodes must start in one state", "several first states")


def supported_prior(rule: str, family: Family) -> Any:
    """Return the prior of a family with normal rewards, of one of the two kinds of this module.

    `Unsupported` for another prior, or if the rewards are not those of the prior.
    """
    prior = conditions.require_prior(rule, family, GaussianArms, DirichletMDP)
    if isinstance(prior, GaussianArms):
        conditions.require_one_step(rule, family)
    conditions.require_rewards_of_prior(rule, family)
    if isinstance(prior, DirichletMDP):
        _require_one_start(rule, family)
    return prior


def applies_to(family: Family) -> bool:
    """Return whether a family has normal rewards and one of the two priors of this module."""
    try:
        supported_prior("", family)
    except Unsupported:
        return False
    return True


def arm_bounds(prior: GaussianArms, pulls: int) -> NormalBounds:
    """Return the bounds of Gaussian arms, eqs. (2) and (3)."""
    instance("prior", prior, GaussianArms)
    lower = explore_then_commit(prior, pulls)
    known_task = int(pulls) * expected_max(prior.mean, prior.std)
    return NormalBounds(lower=lower, upper=known_task, known_task=known_task)


def mdp_bounds(prior: DirichletMDP, num_episodes: int, horizon: int) -> NormalBounds:
    """Return the bounds of random MDPs, eqs. (4) and (5). `known_task` is not known: None."""
    S, A, _ = instance("prior", prior, DirichletMDP).concentration.shape
    N, T = whole("num_episodes", num_episodes), whole("horizon", horizon)
    if N * T > MAX_PULLS:
        raise TooLarge(f"bounds may have at most {MAX_PULLS:,} steps, got {format_count(N * T)}")
    first = expected_max(np.full(A, prior.mean), np.full(A, prior.std))
    other = expected_max(np.full(S * A, prior.mean), np.full(S * A, prior.std))
    arms = GaussianArms(mean=np.full(A, prior.mean), std=np.full(A, prior.std), noise=prior.noise)
    lower = N * (T - 1) * prior.mean + explore_then_commit(arms, N)
    return NormalBounds(lower=lower, upper=N * (first + (T - 1) * other), known_task=None)


def bounds(family: Family) -> NormalBounds:
    """Return the bounds of a family, eqs. (2)-(5). `Unsupported` unless `applies_to(family)`."""
    prior = supported_prior("bounds are known for normal rewards", family)
    if isinstance(prior, DirichletMDP):
        return mdp_bounds(prior, family.num_episodes, family.horizon)
    return arm_bounds(prior, family.num_episodes)
