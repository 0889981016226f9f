"""Genetic operators: selection of parents, crossover and mutation.

A population has P members with D entries each, and every member has a fitness. A parent is drawn
by (1) or (2). In this module, K is the selection pressure: the number of members that can become
parents in (1), and the size of a tournament in (2). Rank r means that r members are better, so the
best member has rank 0. Of two members with equal fitness, the first in the population counts as
better.

    (1)  truncation: a parent is one of the K best members, each with probability 1 / K
                                                           [Such et al. 2017, alg. 1]
    (2)  tournament: a parent is the best of K members that are drawn with replacement; the member
         of rank r wins with probability ((P - r)^K - (P - r - 1)^K) / P^K
                                                           [Baeck 1996, sec. 5.2; derivation]

- P - r members have the rank r or a worse rank.
- The probability that all K draws come from these members is ((P - r) / P)^K.
- Without the member of rank r, P - r - 1 members are left. The probability that all K draws come
  from these members is ((P - r - 1) / P)^K.
- The difference is the probability that the best of the K draws is the member of rank r: (2).

    (3)  uniform crossover: each entry comes from either parent with probability 1/2
                                                           [Syswerda 1989]
    (4)  one-point crossover: the first c entries come from one parent, and the other entries from
         the other parent; c is uniform on 1 .. D - 1      [Holland 1975]
    (5)  mutation: with the mutation probability, a draw of sigma N(0, 1) is added to an entry
                                                           [Baeck 1996, sec. 2.1]
"""

from __future__ import annotations

import numpy as np

from metarl_min.basics.arguments import generator, real, require, whole
from metarl_min.basics.trees import Array, Rng
from metarl_min.evolution.fitness import members, require_finite


def _best_first(fitness: Array) -> Array:
    """Return the indices of all members, in the order of their ranks. [P]"""
    fitness = require_finite(fitness)
    require(len(fitness) > 0, "a population must have at least 1 member", len(fitness))
    return np.argsort(-fitness, kind="stable")


def truncation(rng: Rng, fitness: Array, num_draws: int, num_parents: int) -> Array:
    """Draw parents, and return their indices in the population, eq. (1). [P] -> [num_draws]

    `num_parents` is K, the number of members that can be drawn.
    """
    generator("rng", rng)
    order, K = _best_first(fitness), whole("num_parents", num_parents)
    require(len(order) >= K, f"num_parents must be at most {len(order)}", K)
    return order[rng.integers(K, size=whole("num_draws", num_draws, 0))]


def tournament(rng: Rng, fitness: Array, num_draws: int, tournament_size: int) -> Array:
    """Draw parents, and return their indices in the population, eq. (2). [P] -> [num_draws]

    `tournament_size` is K.

    >>> tournament(np.random.default_rng(0), np.array([0.3, 0.9, 0.1]), 4, tournament_size=50)
    array([1, 1, 1, 1])
    """
    generator("rng", rng)
    order, K = _best_first(fitness), whole("tournament_size", tournament_size)
    size = whole("num_draws", num_draws, 0), K
    # The ranks of the K members are drawn. The smallest rank belongs to the best of them.
    return order[rng.integers(len(order), size=size).min(1)]


def _check_pairs(one: Array, other: Array) -> tuple[int, int]:
    """Return n and D; TypeError or ValueError unless both arrays of parents are [n, D]."""
    n, D = members("one", one).shape
    rule = f"other must be [{n}, {D}], the shape of the array `one`"
    require(members("other", other).shape == (n, D), rule, np.shape(other))
    return n, D


def uniform_crossover(rng: Rng, one: Array, other: Array) -> Array:
    """Return the children of parents `one` and `other`, eq. (3). [n, D] each -> [n, D]"""
    _check_pairs(one, other)
    return np.where(generator("rng", rng).random(one.shape) < 0.5, one, other)


def one_point_crossover(rng: Rng, one: Array, other: Array) -> Array:
    """Return the children of parents `one` and `other`, eq. (4). [n, D] each -> [n, D]

    If D = 1 the child is `one`.
    """
    n, D = _check_pairs(one, other)
    cut = generator("rng", rng).integers(1, max(D, 2), size=(n, 1))
    return np.where(np.arange(D) < cut, one, other)


def mutate(rng: Rng, x: Array, probability: float, sigma: float) -> Array:
    """Return mutated members, eq. (5). [n, D] -> [n, D]

    FloatingPointError if a mutated entry is too large for the dtype of x.
    """
    x, probability = members("x", x), real("probability", probability, 0, 1)
    require(real("sigma", sigma) > 0, "sigma must be positive", sigma)
    with np.errstate(over="ignore"):  # the check of the result finds an overflow
        step = float(sigma) * generator("rng", rng).standard_normal(x.shape)
        result = np.where(rng.random(x.shape) < probability, x + step, x).astype(x.dtype)
    if not np.isfinite(result).all():
        raise FloatingPointError(f"a mutated entry must be finite, got sigma {sigma}")
    return result


SELECTION = {"truncation": truncation, "tournament": tournament}
CROSSOVER = {"uniform": uniform_crossover, "one_point": one_point_crossover}
