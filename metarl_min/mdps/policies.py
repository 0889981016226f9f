"""Memoryless policies: a table of logits, or a network with one hidden layer.

A policy takes action a in state s with probability pi(a|s). The parameters of the policy determine
a logit z(s,a) for each state and action. The softmax makes probabilities of the logits of a state:

    (1)  pi(a|s) = exp z(s,a) / sum_a' exp z(s,a')            [Sutton and Barto 2018, eq. 13.2]
    (2)  log pi(a|s) = z(s,a) - log sum_a' exp z(s,a')                     [logarithm of (1)]

Let f depend on the probabilities of one state. Then the gradient of f in the logits has two forms:

    (3)  df/dz(a) = pi(a) (u(a) - sum_a' pi(a') u(a')),  u = df/dpi        [chain rule in (1)]
    (4)  df/dz(a) = u(a) - pi(a) sum_a' u(a'),  u = df/dlog pi             [chain rule in (2)]

    Steps of (3): the quotient rule in (1) gives dpi(a')/dz(a) = pi(a') (1{a = a'} - pi(a)).
    The chain rule gives df/dz(a) = sum_a' u(a') dpi(a')/dz(a).
    The term with 1{a = a'} is pi(a) u(a). The other term is - pi(a) sum_a' pi(a') u(a').
    Steps of (4): division by pi(a') gives dlog pi(a')/dz(a) = 1{a = a'} - pi(a).
    The chain rule gives df/dz(a) = sum_a' u(a') dlog pi(a')/dz(a). This is (4).

The entropy of a policy pi, and the divergence of pi from a policy mu, have a value at each state:

    (5)  entropy(s) = - sum_a pi(a|s) log pi(a|s)                              [Shannon 1948]
    (6)  KL(pi || mu)(s) = sum_a pi(a|s) (log pi(a|s) - log mu(a|s))  [Kullback and Leibler 1951]

In this module, W1 [S, H], b1 [H], W2 [H, A] and b2 [A] are the parameters of the network. The input
of the network is a one-hot vector of state s, and this vector times W1 is row s of W1. So (7)
evaluates all states at once: row s of h [S, H] and of z [S, A] belongs to state s. At first W2 is
small, so that the policy is nearly uniform. h W2 is a matrix product, and `*` is elementwise. In
(8) and (9), f is any function of the logits of all states, and j counts the hidden units:

    (7)  h = tanh(W1 + b1),  z = h W2 + b2                    [definition; Finn et al. 2017]
    (8)  df/dW1 = g,  df/db1 = sum_s g(s),  df/dW2 = h^T u,  df/db2 = sum_s u(s),
         with u = df/dz and g = (u W2^T) * (1 - h^2)                  [Rumelhart et al. 1986]

    Steps of (8): z depends on h through W2, so df/dh = u W2^T.
    The derivative of tanh is 1 - h^2, so g is the gradient in the argument W1 + b1.
    z(s,a) contains W2(j,a) with the factor h(s,j), so df/dW2(j,a) = sum_s h(s,j) u(s,a).
    b1 and b2 are added to every state, so their gradients are sums over the states.

Skip (9) at first reading: only second-order meta-gradients need (9). The parameters move along
v = (V1, c1, V2, c2). `delta x` is the derivative of a quantity x along v:

    (9)  delta h = (1 - h^2) * (V1 + c1),  delta z = delta h W2 + h V2 + c2,
         delta u = (d2f/dz2) delta z,
         delta g = (delta u W2^T + u V2^T) * (1 - h^2) - 2 (u W2^T) * h * delta h,
         and the Hessian of f times v is, for W1, b1, W2 and b2:  delta g,  sum_s delta g(s),
         delta h^T u + h^T delta u,  sum_s delta u(s)                      [Pearlmutter 1994]

    Steps of (9): differentiate the formulas of h, z and g in (7) and (8) along v, by the chain rule
    and the product rule. The derivative of 1 - h^2 along v is - 2 h * delta h.
    u = df/dz is a function of z alone, so delta u is the second derivative of f times delta z.
    The Hessian times v is the derivative of (8) along v, by the product rule.

`softmax_pullback` and `log_softmax_pullback` trust their arguments.
"""

import math
import re
from functools import partial
from typing import Any

import autograd.numpy as np
import numpy as onp
from autograd.extend import defvjp, primitive
from autograd.tracer import isbox

from metarl_min.basics import arguments
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.mdps.action_sums import over_actions, sum_over_actions
from metarl_min.mdps.policy import Policy


def _of_actions(name: str, x: Array) -> Array:
    """Return x; TypeError or ValueError unless x has an axis of actions and finite floats."""
    plain = type(x) is onp.ndarray and x.dtype.kind == "f" and x.ndim and x.shape[-1]
    if not (plain and math.isfinite(onp.vdot(x, x))):  # a finite sum has finite terms
        rule, axes = f"{name} must have an axis of actions", arguments.floats(name, x).shape
        arguments.require(bool(axes and axes[-1]), rule, f"the shape {axes}")
    return x


def _softmax(logits: Array) -> Array:
    weights = onp.exp(_of_actions("logits", logits) - over_actions(onp.maximum, logits))
    return weights / over_actions(onp.add, weights)


def _log_softmax(logits: Array) -> Array:
    shifted = _of_actions("logits", logits) - over_actions(onp.maximum, logits)
    return shifted - onp.log(over_actions(onp.add, onp.exp(shifted)))


# In a trace, each of these functions is one node. Plain arrays do not pass through autograd.
_softmax_node, _log_softmax_node = primitive(_softmax), primitive(_log_softmax)


def softmax(logits: Any) -> Any:
    """Return the probability of each action, eq. (1). [..., S, A] -> [..., S, A]

    In a trace, softmax is one node with the vector-Jacobian product of eq. (3).

    >>> softmax(onp.array([0.0, onp.log(3.0)])).round(12)
    array([0.25, 0.75])
    """
    return _softmax_node(logits) if isbox(logits) else _softmax(logits)


def log_softmax(logits: Any) -> Any:
    """Return the log-probability of each action, eq. (2). [..., S, A] -> [..., S, A]

    In a trace, log_softmax is one node with the vector-Jacobian product of eq. (4).
    """
    return _log_softmax_node(logits) if isbox(logits) else _log_softmax(logits)


def softmax_pullback(probs: Any, u: Any) -> Any:
    """Return df/dz from u = df/dpi, eq. (3). probs, u [..., S, A] -> [..., S, A]"""
    return probs * (u - sum_over_actions(probs * u))


def log_softmax_pullback(probs: Any, u: Any) -> Any:
    """Return df/dz from u = df/dlog pi, eq. (4). probs, u [..., S, A] -> [..., S, A]"""
    return u - probs * sum_over_actions(u)


def log_softmax_curvature(probs: Array, v: Array, u: Array) -> Array:
    """Return the derivative of eq. (4) if z moves along v and u is constant. [..., S, A]"""
    return -softmax_pullback(probs, v) * sum_over_actions(u)


defvjp(_softmax_node, lambda probs, z: partial(softmax_pullback, probs))
defvjp(_log_softmax_node, lambda log_probs, z: partial(log_softmax_pullback, np.exp(log_probs)))


def entropy(logits: Any) -> Any:
    """Return the entropy at each state in nats, eq. (5). [..., S, A] -> [..., S]"""
    return -sum_over_actions(softmax(logits) * log_softmax(logits))[..., 0]


def kl(logits: Any, other: Any) -> Any:
    """Return KL(pi || mu) at each state in nats, eq. (6). mu has the logits `other`. [..., S]"""
    axes, last = np.shape(logits)[-2:], np.shape(other)[-2:]
    arguments.require(last == axes, f"other must have the last axes of logits, {axes}", last)
    return sum_over_actions(softmax(logits) * (log_softmax(logits) - log_softmax(other)))[..., 0]


def greedy(probs: Array) -> Array:
    """Return the policy that chooses uniformly among the most probable actions. [..., S, A]"""
    best = (_of_actions("probs", probs) == over_actions(onp.maximum, probs)).astype(probs.dtype)
    return best / sum_over_actions(best)


def uniform(shape: tuple[int, int]) -> Array:
    """Return the policy that takes every action with probability 1 / A. (S, A) -> [S, A]"""
    return onp.full(arguments.pair("shape", shape), 1 / shape[1])


def _table_init(rng: Rng, num_states: int, num_actions: int) -> Tree:
    arguments.generator("rng", rng)
    return {"logits": onp.zeros(arguments.pair("shape", (num_states, num_actions)))}


def _table_forward(params: Tree) -> tuple[Any, None]:
    return params["logits"], None


def _table_backward(params: Tree, hidden: None, u: Any) -> Tree:
    return {"logits": u}


def _table_hessian_product(params: Tree, hidden: None, v: Tree, u: Any, curvature: Any) -> Tree:
    return {"logits": curvature(v["logits"])}


tabular = Policy(
    init=_table_init,
    forward=_table_forward,
    backward=_table_backward,
    hessian_product=_table_hessian_product,
    word="table",
)


def _network_init(rng: Rng, num_states: int, num_actions: int, hidden: int) -> Tree:
    S, A = arguments.whole("S", num_states), arguments.whole("A", num_actions)
    W1 = arguments.generator("rng", rng).standard_normal((S, hidden))
    W2 = 0.01 * rng.standard_normal((hidden, A)) / onp.sqrt(hidden)
    return {"W1": W1, "b1": onp.zeros(hidden), "W2": W2, "b2": onp.zeros(A)}


def _network_forward(params: Tree) -> tuple[Any, Any]:
    """Return the logits and the activations h of all states, eq. (7). [..., S, A], [..., S, H]"""
    h = np.tanh(params["W1"] + params["b1"][..., None, :])
    return np.matmul(h, params["W2"]) + params["b2"][..., None, :], h


def _network_backward(params: Tree, h: Any, u: Any) -> Tree:
    """Return the gradient of f in the parameters from u = df/dz, eq. (8)."""
    g = np.matmul(u, np.swapaxes(params["W2"], -1, -2)) * (1 - h * h)
    dW2 = np.matmul(np.swapaxes(h, -1, -2), u)
    return {"W1": g, "b1": np.sum(g, axis=-2), "W2": dW2, "b2": np.sum(u, axis=-2)}


def _network_hessian_product(params: Tree, h: Array, v: Tree, u: Array, curvature: Any) -> Tree:
    """Return the Hessian of f in the parameters, times v, eq. (9)."""
    W2_T, V2_T = params["W2"].swapaxes(-1, -2), v["W2"].swapaxes(-1, -2)
    slope = 1 - h * h
    delta_h = slope * (v["W1"] + v["b1"][..., None, :])
    delta_z = delta_h @ params["W2"] + h @ v["W2"] + v["b2"][..., None, :]
    delta_u = curvature(delta_z)
    # The arrays [M, S, H] are large, and a new one costs more than its arithmetic.
    delta_g, last = delta_u @ W2_T, 2 * (u @ W2_T) * h * delta_h
    delta_g += u @ V2_T
    delta_g *= slope
    delta_g -= last
    dW2 = onp.swapaxes(delta_h, -1, -2) @ u + onp.swapaxes(h, -1, -2) @ delta_u
    return {"W1": delta_g, "b1": delta_g.sum(-2), "W2": dW2, "b2": delta_u.sum(-2)}


def mlp(hidden: int = 64) -> Policy:
    """Return the network with `hidden` tanh units, eqs. (7)-(9)."""
    hidden = arguments.whole("hidden", hidden)
    return Policy(
        init=partial(_network_init, hidden=hidden),
        forward=_network_forward,
        backward=_network_backward,
        hessian_product=_network_hessian_product,
        word=f"network:{hidden}",
    )


def parse(word: str) -> Policy:
    """Return the policy of a word: `table`, `network`, or `network:16` with 16 hidden units.

    >>> parse("network").word
    'network:64'
    """
    kind, _, hidden = arguments.instance("policy", word, str).partition(":")
    rule = "policy must be table, network or network:H with H hidden units"
    digits = kind == "network" and re.fullmatch("[0-9]{1,9}", hidden) is not None
    arguments.require(word in ("table", "network") or digits, rule, repr(word))
    return tabular if kind == "table" else mlp(int(hidden)) if hidden else mlp()
