"""A memoryless policy whose parameters are a network with one hidden layer.

In this module, W1 [S, H], b1 [H], W2 [H, A] and b2 [A] are the parameters of the network. The input
of the network is a one-hot vector of state s, and this vector times W1 is row s of W1. So (1)
evaluates all states at once: row s of h [S, H] and of z [S, A] belongs to state s. The initial
W2 is small, so the initial policy is nearly uniform. h W2 is a matrix product, and `*` is
elementwise. In (2) and (3), f is any function of the logits of all states, and j counts the hidden
units:

    (1)  h = tanh(W1 + b1),  z = h W2 + b2                    [definition; Finn et al. 2017]
    (2)  df/dW1 = g,  df/db1 = sum_s g(s),  df/dW2 = h^T u,  df/db2 = sum_s u(s),
         with u = df/dz and g = (u W2^T) * (1 - h^2)                  [Rumelhart et al. 1986]

    Steps of (2): z depends on h through W2, so df/dh = u W2^T.
    The derivative of tanh is 1 - h^2, so g is the gradient in the argument W1 + b1.
    z(s,a) contains W2(j,a) with the factor h(s,j), so df/dW2(j,a) = sum_s h(s,j) u(s,a).
    b1 and b2 are added to every state, so their gradients are sums over the states.

Skip (3) at first reading: only second-order meta-gradients need (3). The parameters move along
v = (V1, c1, V2, c2). `delta x` is the derivative of a quantity x along v:

    (3)  delta h = (1 - h^2) * (V1 + c1),  delta z = delta h W2 + h V2 + c2,
         delta u = (d2f/dz2) delta z,
         delta g = (delta u W2^T + u V2^T) * (1 - h^2) - 2 (u W2^T) * h * delta h,
         and the Hessian of f times v is, for W1, b1, W2 and b2:  delta g,  sum_s delta g(s),
         delta h^T u + h^T delta u,  sum_s delta u(s)                      [Pearlmutter 1994]

    Steps of (3): differentiate the formulas of h, z and g in (1) and (2) along v, by the chain rule
    and the product rule. The derivative of 1 - h^2 along v is - 2 h * delta h.
    u = df/dz is a function of z alone, so delta u is the second derivative of f times delta z.
    The Hessian times v is the derivative of (2) along v, by the product rule.
"""

import re
from functools import partial
from typing import Any

import autograd.numpy as np
import numpy as onp

from metarl_min.basics import arguments
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.mdps.policies import Derivatives, Policy, tabular


def _network_init(rng: Rng, num_states: int, num_actions: int, hidden: int) -> Tree:
    S, A = arguments.whole("S", num_states), arguments.whole("A", num_actions)
    W1 = arguments.generator("rng", rng).standard_normal((S, hidden))
    W2 = 0.01 * rng.standard_normal((hidden, A)) / onp.sqrt(hidden)
    return {"W1": W1, "b1": onp.zeros(hidden), "W2": W2, "b2": onp.zeros(A)}


def _network_forward(params: Tree) -> tuple[Any, Any]:
    """Return the logits and the activations h of all states, eq. (1). [..., S, A], [..., S, H]"""
    h = np.tanh(params["W1"] + params["b1"][..., None, :])
    return h @ params["W2"] + params["b2"][..., None, :], h


def _network_backward(params: Tree, h: Any, u: Any) -> Tree:
    """Return the gradient of f in the parameters from u = df/dz, eq. (2)."""
    g = (u @ params["W2"].swapaxes(-1, -2)) * (1 - h * h)
    dW2 = h.swapaxes(-1, -2) @ u
    return {"W1": g, "b1": g.sum(-2), "W2": dW2, "b2": u.sum(-2)}


def _network_hessian_product(params: Tree, h: Array, v: Tree, f: Derivatives, w: Any) -> Tree:
    """Return the Hessian of f times v, eq. (3), plus the gradient, eq. (2), with w in place of u.

    In (3), the terms with delta u are the terms of (2) with delta u in place of u. So the code adds
    w to delta u.
    """
    u = f.gradient
    W2_T, V2_T = params["W2"].swapaxes(-1, -2), v["W2"].swapaxes(-1, -2)
    slope, moved = 1 - h * h, v["W1"] + v["b1"][..., None, :]  # V1 + c1
    delta_h = slope * moved
    delta_z = delta_h @ params["W2"] + h @ v["W2"] + v["b2"][..., None, :]
    delta_u = f.hessian_product(delta_z) + w
    # The arrays [M, S, H] are large, so delta g is computed in place. With delta h inserted, it is
    # (delta u W2^T + u V2^T - 2 (u W2^T) * (V1 + c1) * h) * (1 - h^2).
    delta_g, last_term = delta_u @ W2_T, u @ W2_T
    delta_g += u @ V2_T
    last_term *= moved
    last_term *= 2 * h
    delta_g -= last_term
    delta_g *= slope
    dW2 = onp.swapaxes(delta_h, -1, -2) @ u + onp.swapaxes(h, -1, -2) @ delta_u
    return {"W1": delta_g, "b1": delta_g.sum(-2), "W2": dW2, "b2": delta_u.sum(-2)}


def mlp(hidden: int = 64) -> Policy:
    """Return the network with `hidden` tanh units, eqs. (1)-(3)."""
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
