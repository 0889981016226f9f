"""Memoryless policies: a table of logits, or a network evaluated for all states at once.

    (1)  pi(a|s) = exp z(s,a) / sum_b exp z(s,b)             [Sutton and Barto 2018, eq. 13.2]
    (2)  log pi(a|s) = z(s,a) - log sum_b exp z(s,b)                             [log of (1)]
    (3)  its Jacobian is symmetric:  (dpi/dz) u = pi (u - sum_b pi u)      [derivative of (1)]
    (4)  (dlog pi/dz)^T u = u - pi sum_b u                                 [derivative of (2)]
    (5)  entropy(s) = - sum_a pi log pi, in nats                                [Shannon 1948]
    (6)  KL(pi || mu)(s) = sum_a pi (log pi - log mu), in nats     [Kullback and Leibler 1951]
    (7)  z = tanh(W1 + b1) W2 + b2: with one-hot states, row s of W1 is the input layer's
         answer to state s                                      [definition; Finn et al. 2017]
    (8)  for u = df/dz:  df/dW2 = h^T u, df/db2 = sum_s u,
         df/dW1 = (u W2^T) (1 - h^2), df/db1 = sum_s df/dW1       [Rumelhart et al. 1986]
    (9)  its derivative along v = (V1, c1, V2, c2):  h' = (1 - h^2) (V1 + c1),
         z' = h' W2 + h V2 + c2, and u' = (d2f/dz2) z' give  dW2' = h'^T u + h^T u',
         db2' = sum_s u', dW1' = (u' W2^T + u V2^T) (1 - h^2) - 2 (u W2^T) h h',
         db1' = sum_s dW1'                                              [Pearlmutter 1994]

A policy is three functions of its parameters: `logits`; `pullback`, the transposed Jacobian by
which a gradient in the logits becomes one in the parameters; `hessian_product`, which does the
same for second derivatives. With the second, the inner gradient of MAML is a formula and the
meta-gradient needs one reverse sweep instead of two; with the third it needs no trace at all.

Few actions are summed column by column: NumPy reduces a short last axis row by row, which takes
two to forty times as long on a batch of tasks.
"""

from collections.abc import Callable
from functools import partial, reduce
from operator import itemgetter
from typing import Any, NamedTuple

import autograd.numpy as np
import numpy as onp
from autograd.extend import defvjp, primitive

from metarl_min.basics.arguments import require, whole
from metarl_min.basics.trees import Array, Rng, Tree


class Policy(NamedTuple):
    """Parameters may carry leading axes; they become those of the logits."""

    init: Callable[[Rng, int, int], Tree]  # rng, S, A -> parameters
    logits: Callable[[Tree], Any]  # parameters -> [..., S, A]
    pullback: Callable[[Tree, Any], Tree]  # parameters, u = df/dz [..., S, A] -> gradient
    hessian_product: Callable[[Tree, Tree, Any, Any], Tree]
    # parameters, v, z -> df/dz, (z, z') -> (d2f/dz2) z'  ->  Hessian of f in them, times v


def _reduced(f: Any, x: Array) -> Array:
    """Reduce the last axis with a ufunc, and keep it. [..., A] -> [..., 1]"""
    if x.shape[-1] > 8:
        return onp.asarray(f.reduce(x, axis=-1, keepdims=True))
    return onp.asarray(reduce(f, x.T).T)[..., None]


@primitive
def sum_over_actions(x: Array) -> Array:
    """Sum over the actions; one traced node. [..., A] -> [..., 1]"""
    return _reduced(onp.add, x)


defvjp(sum_over_actions, lambda ans, x: lambda g: np.broadcast_to(g, np.shape(x)))


@primitive
def softmax(logits: Array) -> Array:
    """Probability of each action, eq. (1); one traced node whose VJP is eq. (3). [..., S, A]

    >>> softmax(onp.array([0.0, onp.log(3.0)])).round(12)
    array([0.25, 0.75])
    """
    weights = onp.exp(logits - _reduced(onp.maximum, logits))
    return weights / sum_over_actions(weights)


@primitive
def log_softmax(logits: Array) -> Array:
    """Log-probability of each action, eq. (2); one traced node whose VJP is eq. (4). [..., S, A]"""
    shifted = logits - _reduced(onp.maximum, logits)
    return shifted - onp.log(sum_over_actions(onp.exp(shifted)))


def softmax_pullback(probs: Any, u: Any) -> Any:
    """Gradient in the logits from the gradient `u` in the probabilities, eq. (3). [..., S, A]"""
    return probs * (u - sum_over_actions(probs * u))


def log_softmax_pullback(probs: Any, u: Any) -> Any:
    """Gradient in the logits from the gradient `u` in the log-probabilities, eq. (4)."""
    return u - probs * sum_over_actions(u)


defvjp(softmax, lambda probs, z: partial(softmax_pullback, probs))
defvjp(log_softmax, lambda log_probs, z: partial(log_softmax_pullback, np.exp(log_probs)))


def entropy(logits: Any) -> Any:
    """Entropy at each state in nats, eq. (5). [..., S, A] -> [..., S]"""
    return -sum_over_actions(softmax(logits) * log_softmax(logits))[..., 0]


def kl(logits: Any, other: Any) -> Any:
    """KL divergence at each state in nats, eq. (6). [..., S, A] -> [..., S]"""
    return sum_over_actions(softmax(logits) * (log_softmax(logits) - log_softmax(other)))[..., 0]


def greedy(probs: Array) -> Array:
    """The table that plays a most probable action; ties share. [..., S, A] -> [..., S, A]"""
    best = (probs == _reduced(onp.maximum, probs)).astype(probs.dtype)
    return best / sum_over_actions(best)


def _table_init(rng: Rng, num_states: int, num_actions: int) -> Tree:
    return {"logits": onp.zeros((num_states, num_actions))}


def _table_pullback(params: Tree, u: Any) -> Tree:
    return {"logits": u}


def _table_hessian_product(params: Tree, v: Tree, gradient: Any, curvature: Any) -> Tree:
    return {"logits": curvature(params["logits"], v["logits"])}


tabular = Policy(_table_init, itemgetter("logits"), _table_pullback, _table_hessian_product)


def _network_init(rng: Rng, num_states: int, num_actions: int, hidden: int) -> Tree:
    W1 = rng.standard_normal((num_states, hidden))
    W2 = 0.01 * rng.standard_normal((hidden, num_actions)) / onp.sqrt(hidden)
    return {"W1": W1, "b1": onp.zeros(hidden), "W2": W2, "b2": onp.zeros(num_actions)}


def _hidden(params: Tree) -> Any:
    """Activations of all states. [..., S, H]"""
    return np.tanh(params["W1"] + params["b1"][..., None, :])


def _network_logits(params: Tree) -> Any:
    return np.matmul(_hidden(params), params["W2"]) + params["b2"][..., None, :]


def _network_pullback(params: Tree, u: Any) -> Tree:
    h = _hidden(params)
    dW1 = np.matmul(u, np.swapaxes(params["W2"], -1, -2)) * (1 - h * h)
    dW2 = np.matmul(np.swapaxes(h, -1, -2), u)
    return {"W1": dW1, "b1": np.sum(dW1, axis=-2), "W2": dW2, "b2": np.sum(u, axis=-2)}


def _network_hessian_product(params: Tree, v: Tree, gradient: Any, curvature: Any) -> Tree:
    h, z, W2 = _hidden(params), _network_logits(params), onp.swapaxes(params["W2"], -1, -2)
    slope = 1 - h * h
    dh = slope * (v["W1"] + v["b1"][..., None, :])
    dz = dh @ params["W2"] + h @ v["W2"] + v["b2"][..., None, :]
    u, du = gradient(z), curvature(z, dz)
    back = du @ W2 + u @ onp.swapaxes(v["W2"], -1, -2)
    dW1 = back * slope - 2 * (u @ W2) * h * dh
    dW2 = onp.swapaxes(dh, -1, -2) @ u + onp.swapaxes(h, -1, -2) @ du
    return {"W1": dW1, "b1": dW1.sum(-2), "W2": dW2, "b2": du.sum(-2)}


def mlp(hidden: int = 64) -> Policy:
    """One hidden layer of tanh units over one-hot states, eqs. (7)-(9)."""
    init = partial(_network_init, hidden=whole("hidden", hidden))
    return Policy(init, _network_logits, _network_pullback, _network_hessian_product)


def make(name: str) -> Policy:
    """Return the policy called `table`, or `network` with its hidden units: `network:64`."""
    kind, _, hidden = name.partition(":")
    rule = "policy must be table, network or network:H with H hidden units"
    known = name in ("table", "network") or (kind == "network" and hidden.isdecimal())
    require(known, rule, repr(name))
    if kind == "table":
        return tabular
    return mlp(int(hidden)) if hidden else mlp()
