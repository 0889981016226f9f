"""Optimisers of the meta-parameters: gradient ascent, momentum and Adam.

They maximise: g is the gradient of an objective, and each step moves theta uphill, with the step
size beta. In this module, m is a running sum or mean of g, v is a running mean of g^2, and mu, b1
and b2 are decay rates. An arrow reads "becomes", and t counts the steps from 1:

    (1)  theta <- theta + beta g                                     [Robbins and Monro 1951]
    (2)  m <- mu m + g,  theta <- theta + beta m                                [Polyak 1964]
    (3)  m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2,
         theta <- theta + beta (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
                                                             [Kingma and Ba 2015, algorithm 1]

m and v start at zero. In (3), after t steps, the weights of the gradients in m sum to 1 - b1^t, so
the division by 1 - b1^t makes m a weighted mean; the division of v has the same reason. As in
algorithm 1 of the paper, eps is added after the square root.

An optimizer holds the functions `init` and `update`. They mutate nothing: `update` is one step, and
returns the new theta and state. It refuses a gradient that has not the names and shapes of theta,
or that is not finite.
"""

import inspect
import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.arguments import array, floats, function, instance, real, require
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Tree


def _check(init: Any, update: Any, words: Any) -> tuple[Any, Any, Any]:
    return function("init", init), function("update", update), instance("words", words, dict)


@checked(_check)
class Optimizer(NamedTuple):
    """An optimizer that ascends."""

    init: Callable[[Tree], Any]  # theta -> state
    update: Callable[[Tree, Any, Tree], tuple[Tree, Any]]  # (theta, state, g) -> (theta, state)
    words: dict[str, Any]  # settings that make it again, as in {"optimizer": "adam", "beta": 0.05}


class Momentum(NamedTuple):
    """State of eq. (2)."""

    m: Tree


class Moments(NamedTuple):
    """State of eq. (3)."""

    num_updates: int
    m: Tree
    v: Tree


@cache
def _defaults(maker: Callable[..., Optimizer]) -> dict[str, Any]:
    """Return the default of each setting. The result is kept: rl2 makes an optimizer each step."""
    return {name: x.default for name, x in inspect.signature(maker).parameters.items()}


def _words(maker: Callable[..., Optimizer], **settings: float) -> dict[str, Any]:
    """Return the settings that make an optimizer again, without those that have their default."""
    given = {name: x for name, x in settings.items() if x != _defaults(maker)[name]}
    return {"optimizer": maker.__name__, **given}


def _zeros(theta: Tree) -> Tree:
    return trees.map_leaves(np.zeros_like, trees.check(theta))


def _check_step(theta: Tree, g: Tree, *means: Tree) -> None:
    """Raise a TypeError or ValueError unless all trees have the names and shapes of theta."""
    # NumPy turns the sum of two arrays without axes into a number. So a leaf may be a number.
    for name, leaf in instance("theta", theta, dict).items():
        floats(f"parameter {name!r}", np.array(leaf) if isinstance(leaf, np.floating) else leaf)
    trees.check_like("gradient", g, theta, "theta")
    for name, leaf in g.items():
        array(f"gradient {name!r}", np.array(leaf) if isinstance(leaf, np.floating) else leaf)
    for name, mean in zip("mv", means, strict=False):
        trees.check_like(name, mean, theta, "theta")


def _require_finite(result: Tree, g: Tree) -> Tree:
    """Return a tree that was computed from g; FloatingPointError unless it is finite."""
    for name, leaf in result.items():
        if not math.isfinite(np.vdot(leaf, leaf)) and not np.isfinite(leaf).all():
            rule = f"the gradient in {name!r} must be finite, and so must be its square"
            raise FloatingPointError(f"{rule}, got {np.asarray(g[name])[~np.isfinite(leaf)][0]}")
    return result


def _sgd_init(theta: Tree) -> tuple[()]:
    trees.check(theta)
    return ()


def _sgd_update(theta: Tree, state: Any, g: Tree, beta: float) -> tuple[Tree, Any]:
    if state != ():
        raise TypeError(f"the state of sgd must be (), got {type(state).__name__}")
    _check_step(theta, g)
    return _require_finite(trees.add_scaled(theta, beta, g), g), state


def sgd(beta: float) -> Optimizer:
    """Return gradient ascent, eq. (1).

    >>> ascent = sgd(0.5)
    >>> theta = {"w": np.array([1.0, 2.0])}
    >>> ascent.update(theta, ascent.init(theta), {"w": np.array([2.0, -2.0])})
    ({'w': array([2., 1.])}, ())
    """
    beta = real("beta", beta, 0)
    update = partial(_sgd_update, beta=beta)
    return Optimizer(init=_sgd_init, update=update, words=_words(sgd, beta=beta))


def _momentum_init(theta: Tree) -> Momentum:
    return Momentum(_zeros(theta))


def _momentum_update(
    theta: Tree, state: Momentum, g: Tree, beta: float, mu: float
) -> tuple[Tree, Momentum]:
    _check_step(theta, g, instance("state", state, Momentum).m)
    m = {name: mu * state.m[name] + g[name] for name in theta}
    return _require_finite(trees.add_scaled(theta, beta, m), g), Momentum(m)


def momentum(beta: float, mu: float = 0.9) -> Optimizer:
    """Return gradient ascent with momentum, eq. (2); `mu` from 0 to 1."""
    beta, mu = real("beta", beta, 0), real("mu", mu, 0, 1)
    update = partial(_momentum_update, beta=beta, mu=mu)
    return Optimizer(init=_momentum_init, update=update, words=_words(momentum, beta=beta, mu=mu))


def _adam_init(theta: Tree) -> Moments:
    zeros = _zeros(theta)
    return Moments(num_updates=0, m=zeros, v=zeros)


def _adam_update(
    theta: Tree, state: Moments, g: Tree, beta: float, b1: float, b2: float, eps: float
) -> tuple[Tree, Moments]:
    _check_step(theta, g, instance("state", state, Moments).m, state.v)
    t = state.num_updates + 1
    m = {name: b1 * state.m[name] + (1 - b1) * g[name] for name in theta}
    v = {name: b2 * state.v[name] + (1 - b2) * g[name] * g[name] for name in theta}
    step = {
        name: m[name] / (1 - b1**t) / (np.sqrt(v[name] / (1 - b2**t)) + eps)
        for name in _require_finite(v, g)
    }
    return trees.add_scaled(theta, beta, step), Moments(num_updates=t, m=m, v=v)


def adam(beta: float, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Optimizer:
    """Return Adam, eq. (3); `b1` and `b2` are at least 0 and below 1, `eps` is above 0."""
    beta, b1, b2, eps = real("beta", beta, 0), real("b1", b1), real("b2", b2), real("eps", eps)
    for name, value in (("b1", b1), ("b2", b2)):
        require(0 <= value < 1, f"{name} must be at least 0 and below 1", value)
    require(eps > 0, "eps must be positive", eps)
    update = partial(_adam_update, beta=beta, b1=b1, b2=b2, eps=eps)
    words = _words(adam, beta=beta, b1=b1, b2=b2, eps=eps)
    return Optimizer(init=_adam_init, update=update, words=words)


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {"sgd": sgd, "momentum": momentum, "adam": adam}
