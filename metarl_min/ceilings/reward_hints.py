"""Rewards with normal noise as hints: finitely many outcomes that tell less, or more.

The reward of an arrival is r = mean + std * noise, and the noise is N(0, 1). So r has infinitely
many values, and the beliefs cannot be listed. But a player that is told less than r cannot earn
more, and a player that is told more cannot earn less. If these players are told one of finitely
many numbers, their beliefs can be listed.

The candidates that allow the arrival s' after (s,a) may have different means there. `middle` is the
middle between the smallest and the largest of them. In this module, x = (r - middle) / std, and y_g
is (r_g(s,a,s') - middle) / std. c_1 < .. < c_n are cuts, c_0 = -inf and c_{n+1} = inf. Phi is the
distribution function of N(0, 1). Bin j is the interval from c_j to c_{j+1}.

    (1)  less: P_g(bin j) = Phi(c_{j+1} - y_g) - Phi(c_j - y_g)                 [derivation]
    (2)  more: if y_g is d or -d, the player is told one of the cuts, -inf and inf included:
         P(c_k | d) = q_k M_k,  P(c_k | -d) = (1 - q_k) M_k,  q_k = 1 / (1 + exp(-2 d c_k)),
         M_k = B_{k-1} l_{k-1} + B_k (1 - l_k),  B_j = P(bin j | d) + P(bin j | -d),
         l_j = (P(bin j | d) / B_j - q_j) / (q_{j+1} - q_j)                     [derivation]

    Steps of (1). The player is told only the bin of x. In task g, x is N(y_g, 1).
    So P_g(x <= c) = Phi(c - y_g), and the chance of a bin is a difference of two such values.

    Steps of (2). Let both means have the prior 1/2. The posterior of d after x is
    q(x) = 1 / (1 + exp(-2 d x)), by the ratio of the two normal densities. So q(c_k) = q_k.
    If x is in bin j, tell c_{j+1} with chance (q(x) - q_j) / (q_{j+1} - q_j), and else c_j.
    Then the mean posterior of d over what is told is q(x). So this joint distribution is right
    for x and the task: x is drawn from the mixture, then c_k, then the task with P(d) = q_k.
    Given c_k, x says nothing about the task. So the player could draw x itself from c_k, and what
    it is told is worth at least x. M_k / 2 is the chance of c_k, because the mean of q(x) over
    bin j is P(bin j | d) / B_j. Bayes' rule gives P(c_k | d) = q_k (M_k / 2) / (1/2).

If an arrival has one mean in all candidates, its reward is no hint. If it has three or more means,
(2) is not used: the player that is told more is told the mean itself.
"""

from __future__ import annotations

import math

import numpy as np

from metarl_min.basics.trees import Array
from metarl_min.ceilings.outcomes import Arrivals, Outcomes, arrivals, list_outcomes
from metarl_min.tasks import Family

CUTS_OF_LESS = ((0.0,), (-1.0, 0.0, 1.0), (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5))
CUTS_OF_MORE = tuple(0.5 * k for k in range(-8, 9))  # equal steps, so that many beliefs are equal
_erf = np.vectorize(math.erf, otypes=[float])


def _means(family: Family, listed: Arrivals) -> tuple[Array, Array, Array]:
    """Return the smallest and the largest mean of each arrival, and the number of means. each [n]

    The candidates of probability 0 count too, which does no harm.
    """
    S, A = family.prior.mdps.shape
    _, s, a, arrival = listed.places
    cell, size = np.ravel_multi_index((s, a, arrival), (S, A, S)), S * A * S
    low, high = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(low, cell, listed.mean)
    np.maximum.at(high, cell, listed.mean)
    cells = np.unique(np.stack([cell, listed.mean]), axis=1)[0].astype(int)
    return low[cell], high[cell], np.bincount(cells, minlength=size)[cell]


def bin_chances(y: Array, cuts: Array) -> Array:
    """Return the chance of each bin for rewards with the means y, eq. (1). [n] -> [n, bins]"""
    inner = (1 + _erf((cuts - y[:, None]) / math.sqrt(2))) / 2  # Phi
    ends = np.ones((len(y), 1))
    return np.diff(np.concatenate([0 * ends, inner, ends], axis=1), axis=1)


def told_chances(y: Array, cuts: Array) -> Array:
    """Return the chance of each number that is told, eq. (2). y = d or -d [n] -> [n, cuts + 2]"""
    d = np.abs(y)
    q = 1 / (1 + np.exp(np.clip(-2 * d[:, None] * cuts, -700, 700)))
    q = np.concatenate([np.zeros((len(y), 1)), q, np.ones((len(y), 1))], axis=1)
    of_d = bin_chances(d, cuts)
    both = of_d + of_d[:, ::-1]  # the cuts are symmetric
    width = np.diff(q, axis=1)
    part = np.divide(of_d, both, out=q[:, :-1].copy(), where=both > 0) - q[:, :-1]
    upper = np.divide(part, width, out=np.zeros_like(part), where=width > 0).clip(0, 1)
    M = np.zeros_like(q)
    M[:, 1:] += both * upper
    M[:, :-1] += both * (1 - upper)
    chances = np.where(y[:, None] > 0, q, 1 - q) * M
    return np.asarray(chances / chances.sum(-1, keepdims=True))


def less(family: Family, std: float, cuts: tuple[float, ...]) -> Outcomes:
    """Return the outcomes of a player that is told the bin of each reward, eq. (1)."""
    listed = arrivals(family)
    low, high, _ = _means(family, listed)
    chances = bin_chances((listed.mean - (low + high) / 2) / std, np.array(cuts))
    return list_outcomes(family, listed, np.arange(len(cuts) + 1.0)[None], chances)


def more(family: Family, std: float, cuts: tuple[float, ...] = CUTS_OF_MORE) -> Outcomes:
    """Return the outcomes of a player that is told more than each reward, eq. (2).

    The cuts must be symmetric to 0.
    """
    listed = arrivals(family)
    low, high, number = _means(family, listed)
    y = (listed.mean - (low + high) / 2) / std
    labels = np.broadcast_to(np.arange(len(cuts) + 2.0), (len(y), len(cuts) + 2)).copy()
    chances = np.zeros(labels.shape)
    two = number == 2
    chances[two] = told_chances(y[two], np.array(cuts))
    chances[~two, 0], labels[~two, 0] = 1.0, listed.mean[~two]
    return list_outcomes(family, listed, labels, chances)


def without_rewards(family: Family) -> Outcomes:
    """Return the outcomes of a player that is told no rewards."""
    return list_outcomes(family, arrivals(family), np.zeros((1, 1)), np.ones((1, 1)))
