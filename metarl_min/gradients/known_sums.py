"""A search for known vectors whose sum is an unknown vector.

A check uses this search to name a mistake. The unknown vector x is the result of the code under
test, and the known vectors y are results of code with a name. Each of several problems has its own
x and y. The factors c_1, c_2 solve a least-squares problem:

    (1)  x = c_1 y_1,  or  x = c_1 y_1 + c_2 y_2,  up to round-off                      [definition]

Each problem has a table of named factors. For example, 1/N has the value 0.25 on a problem with
N = 4. A factor gets a name if, on every problem, the value of the factor equals the value of the
name. In a sum of two vectors, a factor may also be a simple fraction, such as 2/3, that is the same
on all problems. If both factors are equal, both get the same name. A sum is found only if all its
factors have names. In this module, x is the unknown vector, y is a known vector, and c is a factor.
`fitted`, `equal_multiples` and `equal_sums` trust their arguments.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product
from operator import add
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.trees import Array

MOST_PARTS = 100  # the largest numerator and denominator of a simple fraction


def _close(values: Array, expected: Any) -> bool:
    return bool(np.all(abs(values - expected) <= 1e-7 * abs(values)))


def _names_of_factor(values: Array, tables: list[dict[str, float]]) -> list[str]:
    """Return the names that a factor has in the tables of all problems. values [problems]"""
    shared = [name for name in tables[0] if all(name in table for table in tables)]
    return [name for name in shared if _close(values, [table[name] for table in tables])]


def _fraction(values: Array) -> list[str]:
    """Return the name of a factor that is the same simple fraction on all problems, or []."""
    fraction = Fraction(float(values[0])).limit_denominator(MOST_PARTS)
    simple = 0 < abs(fraction.numerator) <= MOST_PARTS
    return [f"{fraction} times "] if simple and _close(values, float(fraction)) else []


class Comparison(NamedTuple):
    """The unknown vector and the known vectors on all problems."""

    x: list[Array]  # one array for each problem
    known: dict[str, list[Array]]  # name -> one array for each problem
    tables: list[dict[str, float]]  # for each problem: text such as "1/N times " -> factor
    tolerance: float  # of eq. (1), relative to the largest term


class Sum(NamedTuple):
    """A sum that is equal to the unknown vector."""

    names: tuple[str, ...]  # of the known vectors that are added
    text: str  # the sum in words, such as "plain + 1/N times the score term"
    simple: int  # number of factors that are not 1: it is 0 in the simplest sums


def fitted(of: Comparison, names: tuple[str, ...]) -> Array | None:
    """Return the factors of eq. (1) on each problem, or None if they do not fit. [problems, n]"""
    columns = [np.stack([of.known[name][i] for name in names], -1) for i in range(len(of.x))]
    values = [np.linalg.lstsq(y, x, rcond=1e-9) for y, x in zip(columns, of.x, strict=True)]
    if any(rank < len(names) for _, _, rank, _ in values):
        # On one of the problems the known vectors are multiples of each other, so this problem
        # alone does not determine the factors. Then all problems must have the same factors.
        c, _, rank, _ = np.linalg.lstsq(np.concatenate(columns), np.concatenate(of.x), rcond=1e-9)
        fits = [c] * len(of.x) if rank == len(names) else None
    else:
        fits = [c for c, *_ in values]
    if fits is None:
        return None
    for y, x, c in zip(columns, of.x, fits, strict=True):
        if abs(x - y @ c).max() > of.tolerance * abs(y * c).max():
            return None
    return np.array(fits)


def _distinct(of: Comparison) -> list[str]:
    """Return the names of the known vectors that are not zero and not equal to an earlier one."""
    stacked = [np.concatenate(vectors) for vectors in of.known.values()]
    return [
        name
        for i, name in enumerate(of.known)
        if stacked[i].any()
        and not any(abs(stacked[i] - y).max() <= 1e-9 * abs(y).max() for y in stacked[:i])
    ]


def equal_multiples(of: Comparison) -> list[Sum]:
    """Return the known vectors whose product with a named factor is the unknown vector.

    A result whose factor is 1 comes before the others.
    """
    found = [s for name in of.known for s in _named(of, (name,))]
    return sorted(found, key=lambda s: s.simple)


def equal_sums(of: Comparison) -> list[Sum]:
    """Return at most three sums with named factors that equal the unknown vector, eq. (1).

    A sum of two vectors is looked for only if no multiple of one vector is equal. The sums with the
    fewest factors other than 1 come first.

    >>> y = {"a": [np.array([1.0, 0, 0, 2])], "b": [np.array([0.0, 3, 1, 0])]}
    >>> x = [np.array([0.5, 6, 2, 1])]
    >>> [s.text for s in equal_sums(Comparison(x, y, [{"": 1.0, "2 times ": 2.0}], 1e-9))]
    ['1/2 times a + 2 times b']
    """
    found = equal_multiples(of)
    if not found:
        found = [s for names in combinations(_distinct(of), 2) for s in _named(of, names)]
    return sorted(found, key=lambda s: s.simple)[:3]


def _named(of: Comparison, names: tuple[str, ...]) -> list[Sum]:
    """Return the sums of these known vectors that have named factors."""
    c = fitted(of, names)
    if c is None:
        return []
    # `factors` lists for each vector all names of its factor. The factor 1 has the name "".
    factors = [_names_of_factor(c[:, i], of.tables) for i in range(len(names))]
    if len(names) == 2:
        factors = [found or _fraction(c[:, i]) for i, found in enumerate(factors)]
    equal = len(names) == 2 and _close(c[:, 0], c[:, 1])
    # `chosen` is one name for each factor. `zip` gives equal factors the same name.
    return [
        Sum(names, " + ".join(map(add, chosen, names)), sum(text != "" for text in chosen))
        for chosen in (zip(*factors, strict=True) if equal else product(*factors))
    ]
