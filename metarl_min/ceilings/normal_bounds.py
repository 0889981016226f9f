"""Bounds of the ceiling where rewards are normal: arms, and the random MDPs of Duan et al. 2016.

Arm i of A has a mean N(m_i, s_i^2), rewards add noise N(0, c^2); n pulls, N episodes of T steps.

    (1)  E[max_i Y_i] = k + int_k^inf 1 - prod_i F_i(y) dy,  k below the maximum  [definition]
    (2)  V <= n E[max_i mean_i]: the player who is told the best arm                    [derivation]
    (3)  V >= max_m (m sum_i m_i + (n - m A) E[max_i Y_i]),  Y_i ~ N(m_i, m s_i^4 / (m s_i^2 + c^2))
         the posterior mean after m pulls: explore then commit                          [derivation]
    (4)  MDP: V <= N (E[max over A pairs] + (T - 1) E[max over S A pairs]) of the mean rewards: all
         episodes start in one state, and no step pays more than the best pair          [derivation]
    (5)  MDP: V >= N (T - 1) mean + (3) of the first actions of the N episodes: the other steps are
         random, and transitions tell nothing of rewards                                [derivation]

(1) is computed by Gauss-Legendre quadrature between the ends of all mean +- 10 std.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from metarl_min.basics.trees import Array
from metarl_min.mdps import rollouts
from metarl_min.tasks import DirichletMDP, Family, GaussianArms

erf = np.vectorize(math.erf, otypes=[float])


def expected_max(mean: Array, std: Array) -> float:
    """Expected maximum of independent normals, eq. (1); a std of 0 is a constant.

    >>> round(expected_max(np.zeros(2), np.ones(2)), 9)  # 1 / sqrt(pi)
    0.564189584
    """
    fixed, moving = mean[std == 0], std > 0
    if not moving.any():
        return float(fixed.max())
    mean, std = mean[moving], std[moving]
    low = fixed.max() if len(fixed) else (mean - 10 * std).min()
    ends = np.unique(np.concatenate([[low], mean - 10 * std, mean + 10 * std]).clip(low))
    nodes, weights = np.polynomial.legendre.leggauss(128)
    half = np.diff(ends)[:, None] / 2
    y = ends[:-1, None] + half * (nodes + 1)
    F = 0.5 * (1 + erf((y[..., None] - mean) / (std * math.sqrt(2))))
    return float(low + np.sum(half * weights * (1 - F.prod(-1))))


def explore_then_commit(prior: GaussianArms, pulls: int) -> float:
    """The best return of eq. (3); few of the many m are tried where there are many."""
    s2, noise2, A = prior.std**2, prior.noise**2, len(prior.mean)
    best = pulls * float(prior.mean.max())
    for m in np.unique(np.geomspace(1, max(1, pulls // A), 40).astype(int)):
        if m * A <= pulls:
            std = s2 * np.sqrt(m / np.where(s2 > 0, m * s2 + noise2, 1))
            found = m * prior.mean.sum() + (pulls - m * A) * expected_max(prior.mean, std)
            best = max(best, float(found))
    return best


def has(family: Family) -> bool:
    """Whether a family is one that `bracket` knows."""
    prior, noise = family.prior, family.reward_noise
    normal = isinstance(noise, partial) and noise.func is rollouts.gaussian
    arms = isinstance(prior, GaussianArms) and family.horizon == 1
    return normal and (arms or isinstance(prior, DirichletMDP))


def bracket(family: Family) -> tuple[float, float, float | None]:
    """Lower and upper bound, eqs. (2)-(5), and the return of the told: None where not known."""
    prior, N, T = family.prior, family.num_episodes, family.horizon
    if isinstance(prior, DirichletMDP):
        S, A, _ = prior.concentration.shape
        first, later = (
            expected_max(np.full(k, prior.mean), np.full(k, prior.std)) for k in (A, S * A)
        )
        arms = GaussianArms(np.full(A, prior.mean), np.full(A, prior.std), prior.noise)
        lower = N * (T - 1) * prior.mean + explore_then_commit(arms, N)
        return lower, N * (first + (T - 1) * later), None
    told = N * expected_max(prior.mean, prior.std)
    return explore_then_commit(prior, N), told, told
