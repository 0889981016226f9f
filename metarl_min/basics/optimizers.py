"""Outer optimisers, ascending, as (init, update): nothing is mutated.

    (1)  theta + beta g                                              [Robbins and Monro 1951]
    (2)  m <- mu m + g;  theta + beta m                                         [Polyak 1964]
    (3)  m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2;
         theta + beta (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)  [Kingma and Ba 2015, alg. 1]

Epsilon stands outside the root, as in the paper's algorithm.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.arguments import real, require
from metarl_min.basics.trees import Tree


class Optimizer(NamedTuple):
    """`update` takes the gradient of what is to be maximised."""

    init: Callable[[Tree], Any]  # theta -> state
    update: Callable[[Tree, Any, Tree], tuple[Tree, Any]]  # theta, state, g -> theta, state


class Momentum(NamedTuple):
    """State of eq. (2)."""

    m: Tree


class Moments(NamedTuple):
    """State of eq. (3)."""

    num_updates: int
    m: Tree
    v: Tree


def _zeros(theta: Tree) -> Tree:
    return trees.map_leaves(np.zeros_like, theta)


def _sgd_init(theta: Tree) -> tuple[()]:
    return ()


def _sgd_update(theta: Tree, state: Any, g: Tree, beta: float) -> tuple[Tree, Any]:
    return trees.add_scaled(theta, beta, g), state


def sgd(beta: float) -> Optimizer:
    """Gradient ascent, eq. (1)."""
    return Optimizer(_sgd_init, partial(_sgd_update, beta=real("beta", beta, 0)))


def _momentum_init(theta: Tree) -> Momentum:
    return Momentum(_zeros(theta))


def _momentum_update(
    theta: Tree, state: Momentum, g: Tree, beta: float, mu: float
) -> tuple[Tree, Momentum]:
    m = trees.map_leaves(lambda m, g: mu * m + g, state.m, g)
    return trees.add_scaled(theta, beta, m), Momentum(m)


def momentum(beta: float, mu: float = 0.9) -> Optimizer:
    """Gradient ascent with momentum, eq. (2)."""
    update = partial(_momentum_update, beta=real("beta", beta, 0), mu=real("mu", mu, 0, 1))
    return Optimizer(_momentum_init, update)


def _adam_init(theta: Tree) -> Moments:
    return Moments(0, _zeros(theta), _zeros(theta))


def _adam_update(
    theta: Tree, state: Moments, g: Tree, beta: float, b1: float, b2: float, eps: float
) -> tuple[Tree, Moments]:
    t = state.num_updates + 1
    m = trees.map_leaves(lambda m, g: b1 * m + (1 - b1) * g, state.m, g)
    v = trees.map_leaves(lambda v, g: b2 * v + (1 - b2) * g * g, state.v, g)
    step = trees.map_leaves(lambda m, v: m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + eps), m, v)
    return trees.add_scaled(theta, beta, step), Moments(t, m, v)


def adam(beta: float, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Optimizer:
    """Adam, eq. (3); `b1`, `b2` below 1, `eps` above 0."""
    b1, b2, eps = real("b1", b1), real("b2", b2), real("eps", eps)
    for name, value in (("b1", b1), ("b2", b2)):
        require(0 <= value < 1, f"{name} must be at least 0 and below 1", value)
    require(eps > 0, "eps must be positive", eps)
    update = partial(_adam_update, beta=real("beta", beta, 0), b1=b1, b2=b2, eps=eps)
    return Optimizer(_adam_init, update)


def by_name(name: str, beta: float) -> Optimizer:
    """Return `sgd`, `momentum` or `adam` with step size `beta` and the defaults."""
    known = {"sgd": sgd, "momentum": momentum, "adam": adam}
    require(name in known, f"optimizer must be one of {', '.join(known)}", repr(name))
    return known[name](beta)
