"""The LSTM cell, and the gradient of a sequence of its steps by back-propagation through time.

The long short-term memory (LSTM) has two states, the hidden state h and the cell state c. One step
computes h' and c' from h, c and an input x. It has three gates, with values between 0 and 1. In
this module, i is the input gate, f is the forget gate, o is the output gate, and n is the proposed
input of the cell state. W, b and U are the parameters, with four blocks of columns, in the order
i, f, o, n. The function s(y) = 1 / (1 + exp(-y)) is the logistic function, and the sign * is the
product entry by entry:

    (1)  i = s(x W_i + b_i + h U_i),  f = s(x W_f + b_f + h U_f),
         o = s(x W_o + b_o + h U_o),  n = tanh(x W_n + b_n + h U_n),
         c' = f * c + i * n,  h' = o * tanh(c')
                                    [Hochreiter and Schmidhuber 1997; f by Gers et al. 2000, sec. 3]

The gates do not depend on c: this form has no peephole connections. In the form of 1997, f is
always 1. Gers et al. start near this form, with positive entries of b_f. Here each entry of b_f is
1 at the start [Jozefowicz et al. 2015], and the other biases are 0. So if x W_f and h U_f are near
0, an untrained cell keeps s(1) = 73 percent of c in a step. Without this bias it would keep 50
percent.

Let F be the number to differentiate. Let g = dF/dh', and let k be the gradient in c' that comes
from the next step. In this module, e is the whole gradient in c', and d_i, d_f, d_o and d_n are the
gradients of F in the arguments of s and tanh in the first two lines of (1):

    (2)  e = k + g * o * (1 - tanh(c')^2),
         d_i = e * n * i * (1 - i),   d_f = e * c * f * (1 - f),
         d_o = g * tanh(c') * o * (1 - o),   d_n = e * i * (1 - n^2),
         dF/dc = e * f,   dF/dh = (d_i, d_f, d_o, d_n) U^T      [Werbos 1990; derivation]

    Steps of (2): F depends on c' through the next step, which gives k, and through h'. The
    derivative of h' in c' is o (1 - tanh(c')^2), which gives e.
    dc'/di = n and dc'/df = c, and the derivative of s is s (1 - s). This gives d_i and d_f.
    o appears only in h', with the factor tanh(c'), which gives d_o.
    dc'/dn = i, and the derivative of tanh is 1 - n^2, which gives d_n.
    c appears only in c', with the factor f, which gives dF/dc.
    h appears only in h U, whose gradient is (d_i, d_f, d_o, d_n), which gives dF/dh.

In this module, T is the number of all steps of a sequence. All steps and tasks share the
parameters, so each gradient in a parameter is a sum over the steps t and over the tasks:

    (3)  dF/dW = sum_t x_t^T d_t,  dF/dU = sum_t h_t^T d_t,  dF/db = sum_t d_t,
         d_t = (d_i, d_f, d_o, d_n) of step t                   [Werbos 1990; derivation]

    Steps of (3): the arguments of s and tanh are x W + b + h U, and their gradient is d_t.
    The rows of x_t, h_t and d_t are tasks. So dF/db also is a sum over the rows of d_t.
    g of step t is the gradient from the outputs of this step, plus dF/dh of step t + 1.
    k of step t is dF/dc of step t + 1. After the last step, dF/dh and dF/dc are 0.

All arrays have the dtype of the parameters. If the parameters have a leading axis [P], the states
and the inputs have this axis too.
"""

from typing import Any, NamedTuple

import numpy as onp

from metarl_min.basics.trees import Array, Tree
from metarl_min.memory.cells import sigmoid, tanh


class LSTMStep(NamedTuple):
    """The arrays of one step of eq. (1). Each is [..., M, H]."""

    h_after: Any  # hidden state h' after the step
    c_after: Any  # cell state c' after the step
    i: Any  # input gate
    f: Any  # forget gate
    o: Any  # output gate
    n: Any  # proposed input of the cell state
    tanh_c: Any  # tanh(c')


def lstm_step(params: Tree, h: Any, c: Any, x: Any) -> LSTMStep:
    """Return the arrays of one step of eq. (1). h, c [..., M, H], x [..., M, I]

    The code computes the transpose of eq. (1), as `cells.gru_step` does for its equation.
    """
    H, W, U = h.shape[-1], params["W"], params["U"]
    W, U, h, c, x = (z.swapaxes(-1, -2) for z in (W, U, h, c, x))
    y = W @ x + params["b"][..., None] + U @ h
    gates, n = sigmoid(y[..., : 3 * H, :]), tanh(y[..., 3 * H :, :])
    i, f, o = gates[..., :H, :], gates[..., H : 2 * H, :], gates[..., 2 * H :, :]
    c_after = f * c + i * n
    tanh_c = tanh(c_after)
    fields = o * tanh_c, c_after, i, f, o, n, tanh_c
    return LSTMStep._make([z.swapaxes(-1, -2) for z in fields])


class LSTMGradient(NamedTuple):
    """The gradients of one step, eq. (2)."""

    sums: Array  # [M, 4 H] gradient (d_i, d_f, d_o, d_n) in the sums x W + b + h U
    hidden: Array  # [M, H] gradient in h, the hidden state before the step
    cell: Array  # [M, H] gradient in c, the cell state before the step


def lstm_pullback(U: Array, c: Array, step: LSTMStep, g: Array, k: Array) -> LSTMGradient:
    """Return the gradients of one step from g = dF/dh' and k, eq. (2). U [H, 4 H], c, g, k [M, H]

    c is the cell state before the step.
    """
    c, g, k, _, _, i, f, o, n, tanh_c = (z.T for z in (c, g, k, *step))  # as in `lstm_step`
    g_o = g * o
    e = k + g_o * (1 - tanh_c * tanh_c)
    e_i, e_f = e * i, e * f
    sums = onp.concatenate(  # the rows are d_i, d_f, d_o and d_n
        [e_i * n * (1 - i), e_f * c * (1 - f), g_o * tanh_c * (1 - o), e_i * (1 - n * n)]
    )
    return LSTMGradient(sums=sums.T, hidden=(U @ sums).T, cell=e_f.T)


def backpropagate_through_time(
    params: Tree, x: Array, before: list[LSTMStep], steps: list[LSTMStep], hidden_gradients: Array
) -> Tree:
    """Return the gradient in W, b and U of a sequence of steps, by eqs. (2) and (3).

    x is [T, M, I]. `steps` lists the T steps, and `before[t]` is the step before `steps[t]`. So the
    states before step t are h' and c' of `before[t]`. `hidden_gradients` [T, M, H] is the part of g
    that comes from the outputs of each step. The plain form, with loops over the units, is in
    tests/memory/test_lstm_cells.py.
    """
    gradient = {name: onp.zeros_like(params[name]) for name in ("W", "b", "U")}
    g_later, k = onp.zeros_like(before[0].h_after), onp.zeros_like(before[0].h_after)
    ones = onp.ones_like(x[0, :, 0])  # ones @ y is the sum over the tasks, faster than y.sum(0)
    for t in range(len(x) - 1, -1, -1):
        g = hidden_gradients[t] + g_later
        sums, g_later, k = lstm_pullback(params["U"], before[t].c_after, steps[t], g, k)
        gradient["W"] += x[t].T @ sums
        gradient["U"] += before[t].h_after.T @ sums
        gradient["b"] += ones @ sums
    return gradient
