"""Genetic operators: selection of parents, crossover and mutation.

A population has P members with D entries each, and every member has a fitness. In this module, r
is the number of members that are better than a given member, and K is the selection pressure: the
number of members that can become parents in (1), and the size of a tournament in (2). Of two
members with equal fitness, the earlier one counts as better.

    (1)  truncation: a parent is one of the K best members, each with probability 1 / K
                                                           [Such et al. 2017, alg. 1]
    (2)  tournament: a parent is the best of K members that are drawn with replacement; the given
         member wins with probability ((P - r)^K - (P - r - 1)^K) / P^K
                                                           [Baeck 1996, sec. 5.2; derivation]

- P - r members are not better than the given member, and it is one of them.
- All K draws come from these P - r members with probability ((P - r) / P)^K.
- All K draws come from the P - r - 1 others with probability ((P - r - 1) / P)^K. Then the given
  member does not take part.
- In the remaining cases the given member takes part and no better one does. Then it wins.

    (3)  uniform crossover: each entry comes from either parent with probability 1/2
                                                           [Syswerda 1989]
    (4)  one-point crossover: the first c entries come from one parent, c uniform on 1 .. D - 1;
         the other entries come from the other parent      [Holland 1975]
    (5)  mutation: with the mutation probability, an entry gains sigma N(0, 1)
                                                           [Baeck 1996, sec. 2.1]
"""

from __future__ import annotations

import numpy as np

from metarl_min.basics.trees import Array, Rng


def truncation(rng: Rng, fitness: Array, num_draws: int, num_parents: int) -> Array:
    """Return the places of parents in the population, eq. (1). fitness [P] -> [num_draws]

    `num_parents` is K, the number of members that can be drawn.
    """
    order = np.argsort(-fitness, kind="stable")  # the best member first
    return order[rng.integers(num_parents, size=num_draws)]


def tournament(rng: Rng, fitness: Array, num_draws: int, tournament_size: int) -> Array:
    """Return the places of parents in the population, eq. (2). fitness [P] -> [num_draws]

    `tournament_size` is K. Of equal members the first in the population wins.

    >>> tournament(np.random.default_rng(0), np.array([0.3, 0.9, 0.1]), 4, tournament_size=50)
    array([1, 1, 1, 1])
    """
    order = np.argsort(-fitness, kind="stable")
    # Positions in `order` are drawn. A better member has a smaller position, so the smallest of
    # the K positions belongs to the best of the K members.
    return order[rng.integers(len(fitness), size=(num_draws, tournament_size)).min(1)]


def uniform_crossover(rng: Rng, one: Array, other: Array) -> Array:
    """Return the children of parents `one` and `other`, eq. (3). [n, D] each -> [n, D]"""
    return np.where(rng.random(one.shape) < 0.5, one, other)


def one_point_crossover(rng: Rng, one: Array, other: Array) -> Array:
    """Return the children of parents `one` and `other`, eq. (4). [n, D] each -> [n, D]

    If D = 1 the child is `one`.
    """
    n, D = one.shape
    cut = rng.integers(1, max(D, 2), size=(n, 1))
    return np.where(np.arange(D) < cut, one, other)


def mutate(rng: Rng, x: Array, probability: float, sigma: float) -> Array:
    """Return mutated members, eq. (5). [n, D] -> [n, D]"""
    step = sigma * rng.standard_normal(x.shape)
    return np.where(rng.random(x.shape) < probability, x + step, x).astype(x.dtype)


SELECTION = {"truncation": truncation, "tournament": tournament}
CROSSOVER = {"uniform": uniform_crossover, "one_point": one_point_crossover}
