"""Assignment 7, last part: back-propagation through a trial.

Time t runs over all N T steps of a trial. In this module, W is a matrix of the cell, and 1{a} is
the one-hot vector of an arm. The surrogate f of a trial is the sum of the log-probabilities of its
actions, each with a given weight Adv_t:

    (1)  f = sum_t Adv_t log pi_t(a_t), pi_t = softmax(z_t)                 [Williams 1992, th. 1]

The hidden state h_t and the logits z_t are those of `recurrent_steps` (1), with h_0 = 0. The inputs
and the actions of a recorded trial are fixed. So f depends on the parameters through the logits. In
this module, e_t is the gradient of f in z_t, g_t is the gradient of f in h_{t+1}, and d_t is the
gradient of f in the argument of tanh in step t:

    (2)  e_t = Adv_t (1{a_t} - pi_t),  g_t = e_t W_out^T + d_{t+1} U^T,
         d_t = g_t * (1 - h_{t+1}^2),  d_{N T} = 0                      [Werbos 1990; derivation]
    (3)  df/dW = sum_t x_t^T d_t,  df/db = sum_t d_t,  df/dU = sum_t h_t^T d_t,
         df/dW_out = sum_t h_{t+1}^T e_t,  df/db_out = sum_t e_t        [Werbos 1990; derivation]

    log pi_t(a_t) has the gradient 1{a_t} - pi_t in the logits:            e_t
    h_{t+1} stands in the logits of step t, and in the cell of step t+1:   two terms of g_t
    tanh has the derivative 1 - tanh^2 = 1 - h_{t+1}^2:                    d_t
    all steps share the parameters, so a gradient is a sum over the steps: (3)

The program of (2) and (3) consists of parts, and a mistake replaces one of them.

`surrogate` and `backpropagate` trust their arguments.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import autograd.numpy as np
import numpy as onp

from metarl_min.basics.trees import Array, Tree
from metarl_min.mdps.policies import log_softmax, softmax
from metarl_min.memory import cells


def surrogate(params: Tree, inputs: Array, actions: Array, weights: Array) -> Any:
    """Return f of eq. (1). inputs [steps, I], actions [steps], weights [steps]"""
    h, f = np.zeros((1, len(params["U"]))), 0.0
    for x, a, weight in zip(inputs, actions, weights, strict=True):
        h = cells.rnn(params, h, x[None])
        z = h @ params["W_out"] + params["b_out"]
        f = f + weight * log_softmax(z)[0, a]
    return f


class Parts(NamedTuple):
    """The parts of `backpropagate` that a mistake replaces. Each array belongs to one step."""

    score: Callable[[float, Array, Array], Array]  # Adv_t, 1{a_t}, pi_t -> e_t
    own: Callable[[Array, bool], Array]  # e_t W_out^T, last step or not -> the first term of g_t
    slope: Callable[[Array, Array], Array]  # h_t, h_{t+1} -> derivative of tanh
    # The second term of g_{t-1}, which is computed in step t. The first argument is the first term
    # of g_t times the derivative of tanh. The other arguments are g_t, d_t and U.
    carry: Callable[[Array, Array, Array, Array], Array]
    recurrent: Callable[[Array, Array, Array], Array]  # h_t, h_{t+1}, d_t -> the term of df/dU
    outgoing: Callable[[Array, Array, Array], Array]  # h_t, h_{t+1}, e_t -> the term of df/dW_out
    # Each function of the next three returns a factor. Its argument is done_{t-1}, the flag in x_t.
    kept: Callable[[float], float]  # the factor of h_t, in the cell and on the way back
    passed: Callable[[float], float]  # the factor of the second term of g_{t-1}
    received: Callable[[float], float]  # the factor of the second term of g_t


RIGHT = Parts(
    score=lambda weight, chosen, pi: weight * (chosen - pi),
    own=lambda term, last: term,
    slope=lambda before, after: 1 - after**2,
    carry=lambda first, g, d, U: d @ U.T,
    recurrent=lambda before, after, d: onp.outer(before, d),
    outgoing=lambda before, after, e: onp.outer(after, e),
    kept=lambda flag: 1.0,
    passed=lambda flag: 1.0,
    received=lambda flag: 1.0,
)


def backpropagate(
    params: Tree, inputs: Array, actions: Array, weights: Array, *, parts: Parts = RIGHT
) -> Tree:
    """Return the gradient of f in the parameters, eqs. (2) and (3)."""
    U, W_out = params["U"], params["W_out"]
    before, after = [], [onp.zeros(len(U))]
    for x in inputs:
        before.append(parts.kept(x[-1]) * after[-1])
        after.append(cells.rnn(params, before[-1][None], x[None])[0])
    gradient = {name: onp.zeros_like(leaf) for name, leaf in params.items()}
    from_later = onp.zeros(len(U))
    for t in reversed(range(len(inputs))):
        x, h, new = inputs[t], before[t], after[t + 1]
        pi = softmax(new @ W_out + params["b_out"])
        e = parts.score(weights[t], onp.eye(len(pi))[actions[t]], pi)
        first, slope = parts.own(e @ W_out.T, t == len(inputs) - 1), parts.slope(h, new)
        g = first + parts.received(x[-1]) * from_later
        d = g * slope
        terms = {
            "W": onp.outer(x, d), "b": d, "U": parts.recurrent(h, new, d),
            "W_out": parts.outgoing(h, new, e), "b_out": e,
        }  # fmt: skip
        gradient = {name: gradient[name] + terms[name] for name in gradient}
        share = parts.passed(x[-1]) * parts.kept(x[-1])
        from_later = share * parts.carry(first * slope, g, d, U)
    return gradient
