"""Memoryless policies: the softmax, and a table of logits as parameters.

A policy takes action a in state s with probability pi(a|s). The parameters of the policy determine
a logit z(s,a) for each state and action. The softmax turns the logits of a state into
probabilities:

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

The module `networks` has a policy whose parameters are a network. A function that trusts its
arguments does not check them. `over_actions`, `sum_over_actions`, `softmax_pullback` and
`log_softmax_pullback` trust their arguments.
"""

import math
from collections.abc import Callable
from functools import partial, reduce
from typing import Any, NamedTuple

import autograd.numpy as np
import numpy as onp
from autograd.extend import defvjp, primitive
from autograd.tracer import isbox

from metarl_min.basics import arguments
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Array, Rng, Tree

SMALL = 400  # NumPy reduces an array of at most SMALL entries faster than a loop does


def over_actions(ufunc: Any, x: Array) -> Array:
    """Reduce the last axis with a ufunc, and keep this axis with length 1. [..., A] -> [..., 1]

    There are two methods: `ufunc.reduce` of NumPy, and a loop over the actions. The loop combines
    x[..., 0], x[..., 1], .. one after the other. If A < 8, the function uses NumPy for a small
    array, and the loop for a large array. For a large array, the loop is 2 to 40 times faster. Both
    methods add fewer than 8 numbers in the same order, so the bits of a result do not depend on
    the size of the array. NumPy adds 8 numbers in another order, so if A = 8, the function uses the
    loop for every array. If A > 8, the function uses NumPy for every array. Then the order also
    depends on the layout of the array in memory, so the array is first copied to the layout of C.
    """
    A = x.shape[-1]
    if A > 8 or (A < 8 and x.size <= SMALL):
        x = onp.ascontiguousarray(x) if A > 8 else x  # no copy if x has the layout of C
        return onp.asarray(ufunc.reduce(x, axis=-1, keepdims=True))
    return onp.asarray(reduce(ufunc, [x[..., a] for a in range(A)]))[..., None]


_sum_node = primitive(partial(over_actions, onp.add))
defvjp(_sum_node, lambda ans, x: lambda g: np.broadcast_to(g, np.shape(x)))


def sum_over_actions(x: Any) -> Any:
    """Return the sum over the actions, as one node of a trace. [..., A] -> [..., 1]"""
    return _sum_node(x) if isbox(x) else over_actions(onp.add, x)


def _of_actions(name: str, x: Array) -> Array:
    """Return x; TypeError or ValueError unless x has an axis of actions and finite floats."""
    plain = type(x) is onp.ndarray and x.dtype.kind == "f" and x.ndim and x.shape[-1]
    if not (plain and math.isfinite(onp.vdot(x, x))):  # a finite sum of squares has finite terms
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


class Derivatives(NamedTuple):
    """The derivatives of a function f in the logits z at one point.

    `hessian_product` uses intermediate results of the gradient again.
    """

    gradient: Array  # [..., S, A]
    hessian_product: Callable[[Array], Array]  # v -> Hess f v [..., S, A]


def log_softmax_curvature(probs: Array, v: Array, u: Array) -> Array:
    """Return the derivative of eq. (4) if z moves along v and u is constant. [..., S, A]"""
    # In (4), only pi changes. dpi/dz is symmetric, so its product with v is (3) with u = v.
    return -softmax_pullback(probs, v) * sum_over_actions(u)


def log_softmax_derivatives(probs: Array, u: Array) -> Derivatives:
    """Return the derivatives of f if u = df/dlog pi is constant. probs, u [..., S, A]"""
    curvature = partial(log_softmax_curvature, probs, u=u)
    return Derivatives(gradient=log_softmax_pullback(probs, u), hessian_product=curvature)


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


def _check(*fields: Any) -> tuple[Any, ...]:
    """Return the fields of a policy; TypeError unless they are four functions and a word."""
    for name, value in zip(Policy._fields, fields[:-1], strict=False):
        arguments.function(name, value)
    arguments.instance("word", fields[-1], str)
    return fields


@checked(_check)
class Policy(NamedTuple):
    """A policy: a function that makes parameters, and three functions of these parameters.

    If the parameters have leading axes, the logits z have these leading axes too. `forward` returns
    z and the values `hidden`, which the derivatives use again. f is any function of z, and
    u = df/dz. `hessian_product` returns a sum of two terms. The first term is the Hessian of f in
    the parameters, times v. The second term is the gradient in the parameters of another function
    of z. The gradient of this other function in z is w. Only `init` checks its arguments.
    """

    init: Callable[[Rng, int, int], Tree]  # (rng, S, A) -> parameters
    forward: Callable[[Tree], tuple[Any, Any]]  # parameters -> (z [..., S, A], hidden)
    backward: Callable[[Tree, Any, Any], Tree]  # (parameters, hidden, u) -> df/dparameters
    hessian_product: Callable[[Tree, Any, Tree, Derivatives, Any], Tree]
    # (parameters, hidden, v, derivatives of f, w) -> Hess f v + backward(parameters, hidden, w)
    word: str  # `networks.parse` turns this word into the policy

    def logits(self, params: Tree) -> Any:
        """Return the logits z. [..., S, A]"""
        return self.forward(params)[0]

    def pullback(self, params: Tree, u: Any) -> Tree:
        """Return the gradient of f in the parameters from u = df/dz [..., S, A]."""
        return self.backward(params, self.forward(params)[1], u)


class ForwardPass(NamedTuple):
    """The results of a forward pass at the parameters phi."""

    hidden: Any  # the values that the derivatives of the policy use again
    probs: Array  # pi [M, S, A]; without the axis M if the tasks share phi
    derivatives: Any = None  # the `Derivatives` of a function of the logits, or None


def forward_pass(policy: Policy, phi: Tree) -> ForwardPass:
    """Return the forward pass at phi."""
    z, hidden = policy.forward(phi)
    return ForwardPass(hidden=hidden, probs=softmax(z))


def _table_init(rng: Rng, num_states: int, num_actions: int) -> Tree:
    arguments.generator("rng", rng)
    return {"logits": onp.zeros(arguments.pair("shape", (num_states, num_actions)))}


def _table_forward(params: Tree) -> tuple[Any, None]:
    return params["logits"], None


def _table_backward(params: Tree, hidden: None, u: Any) -> Tree:
    return {"logits": u}


def _table_hessian_product(params: Tree, hidden: None, v: Tree, f: Derivatives, w: Any) -> Tree:
    return {"logits": f.hessian_product(v["logits"]) + w}


tabular = Policy(
    init=_table_init,
    forward=_table_forward,
    backward=_table_backward,
    hessian_product=_table_hessian_product,
    word="table",
)
