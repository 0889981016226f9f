"""Hints with finitely many values, in the place of rewards with normal noise.

The reward of an arrival is r = mean + std * noise, and the noise is N(0, 1). So r has infinitely
many values, and the beliefs cannot be listed. In this module, a player is told a hint instead of r.
The hint has finitely many values, so the beliefs can be listed. If the hint says less than r, the
player cannot earn more than with r. If the hint says more than r, the player cannot earn less.

Take one arrival s' after (s,a). The mean reward may differ between the candidates that allow this
arrival. `middle` is halfway between the smallest and the largest of these means. In this module,
x = (r - middle) / std is the scaled reward, y_g = (r_g(s,a,s') - middle) / std is its mean in task
g, and d is a positive number. The cuts are numbers c_1 < .. < c_n, with c_0 = -inf and
c_{n+1} = inf. Bin j is the interval from c_j to c_{j+1}. Phi is the distribution function of
N(0, 1). The letters q_k, l_j, B_j and M_k stand for the numbers that (2) defines.

    (1)  less: the hint is the bin of x,
         P_g(bin j) = Phi(c_{j+1} - y_g) - Phi(c_j - y_g)                       [derivation]
    (2)  more: y_g is d in some tasks and -d in the others, and the hint is one of c_0, .., c_{n+1},
         P(c_k | d) = q_k M_k,  P(c_k | -d) = (1 - q_k) M_k,  q_k = 1 / (1 + exp(-2 d c_k)),
         l_j = (P(bin j | d) / B_j - q_j) / (q_{j+1} - q_j),  B_j = P(bin j | d) + P(bin j | -d),
         M_k = B_{k-1} l_{k-1} + B_k (1 - l_k),  without the terms of bins that do not exist
                                                                                [derivation]

    Steps of (1). In task g, x has the distribution N(y_g, 1), so P_g(x <= c) = Phi(c - y_g).
    The probability of a bin is the difference of two such values.

    Steps of (2). Let d and -d have the prior probability 1/2. The ratio of the two normal densities
    gives the posterior of d after x: q(x) = 1 / (1 + exp(-2 d x)). So q(c_k) = q_k.
    Draw x from the mixture of both normal distributions. If x is in bin j, draw c_{j+1} with the
    probability (q(x) - q_j) / (q_{j+1} - q_j), and otherwise c_j. Then draw d with the probability
    q_k of the drawn c_k, and otherwise -d. Given x, the mean of q_k is q(x), so d is drawn with its
    posterior probability. So x and the drawn mean have their true joint distribution.
    Given c_k, x does not depend on the mean, which is drawn from c_k alone. So a player that is
    told c_k can draw x itself, and c_k is worth at least as much as x, for every prior.
    The probability of bin j is B_j / 2, and the mean of q(x) over bin j is P(bin j | d) / B_j.
    So l_j is the probability of c_{j+1} given bin j, and M_k / 2 is the probability of c_k.
    Bayes' rule gives P(c_k | d) = q_k (M_k / 2) / (1/2).

If all candidates have the same mean for an arrival, the reward says nothing about the task. If they
have three or more means, (2) does not apply. Then `more` tells the mean itself.
"""

from __future__ import annotations

import math

import numpy as np

from metarl_min.basics.trees import Array
from metarl_min.ceilings.outcomes import Arrivals, Outcomes, arrivals, list_outcomes
from metarl_min.tasks import Family

CUTS_OF_LESS = ((0.0,), (-1.0, 0.0, 1.0), (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5))
# Neighbouring cuts have equal distances. So opposite hints cancel, and fewer beliefs occur.
CUTS_OF_MORE = tuple(0.5 * k for k in range(-8, 9))
_erf = np.vectorize(math.erf, otypes=[float])


def _means(family: Family, listed: Arrivals) -> tuple[Array, Array, Array]:
    """Return the smallest mean, the largest mean and the number of means of each arrival. each [n]

    Candidates of prior probability 0 count too. The bounds that follow are valid all the same.
    """
    S, A = family.prior.mdps.shape
    _, s, a, arrival = listed.places
    cell, size = np.ravel_multi_index((s, a, arrival), (S, A, S)), S * A * S
    low, high = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(low, cell, listed.mean)
    np.maximum.at(high, cell, listed.mean)
    # One entry for each different mean: the cell to which it belongs.
    cells = np.unique(np.stack([cell, listed.mean]), axis=1)[0].astype(int)
    return low[cell], high[cell], np.bincount(cells, minlength=size)[cell]


def bin_chances(y: Array, cuts: Array) -> Array:
    """Return the probability of each bin for the means y of x, eq. (1). [n] -> [n, bins]"""
    inner = (1 + _erf((cuts - y[:, None]) / math.sqrt(2))) / 2  # Phi
    ends = np.ones((len(y), 1))
    return np.diff(np.concatenate([0 * ends, inner, ends], axis=1), axis=1)


def told_chances(y: Array, cuts: Array) -> Array:
    """Return the probability of each hint c_0, .., c_{n+1}, eq. (2). [n] -> [n, cuts + 2]

    Each mean y is d or -d, where d may differ between the entries of y. For each cut c, -c must be
    a cut too.
    """
    d = np.abs(y)
    q = 1 / (1 + np.exp(np.clip(-2 * d[:, None] * cuts, -700, 700)))
    q = np.concatenate([np.zeros((len(y), 1)), q, np.ones((len(y), 1))], axis=1)
    of_d = bin_chances(d, cuts)
    both = of_d + of_d[:, ::-1]  # B_j; P(bin j | -d) is the probability of the opposite bin
    width = np.diff(q, axis=1)
    part = np.divide(of_d, both, out=q[:, :-1].copy(), where=both > 0) - q[:, :-1]
    upper = np.divide(part, width, out=np.zeros_like(part), where=width > 0).clip(0, 1)
    M = np.zeros_like(q)
    M[:, 1:] += both * upper
    M[:, :-1] += both * (1 - upper)
    chances = np.where(y[:, None] > 0, q, 1 - q) * M
    return np.asarray(chances / chances.sum(-1, keepdims=True))


def less(family: Family, std: float, cuts: tuple[float, ...]) -> Outcomes:
    """Return the outcomes of a player whose hint is the bin of each scaled reward, eq. (1)."""
    listed = arrivals(family)
    low, high, _ = _means(family, listed)
    chances = bin_chances((listed.mean - (low + high) / 2) / std, np.array(cuts))
    return list_outcomes(family, listed, np.arange(len(cuts) + 1.0)[None], chances)


def more(family: Family, std: float, cuts: tuple[float, ...] = CUTS_OF_MORE) -> Outcomes:
    """Return the outcomes of a player whose hints say more than the rewards, eq. (2).

    For each cut c, -c must be a cut too.
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
    """Return the outcomes of a player that sees the arrivals, but no rewards."""
    return list_outcomes(family, arrivals(family), np.zeros((1, 1)), np.ones((1, 1)))
