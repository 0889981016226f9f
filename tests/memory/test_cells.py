"""Recurrent cells against loops over single numbers, and their gradients against differences."""

import math

import autograd.numpy as np
import numpy as onp
import pytest
from numpy.testing import assert_allclose
from recurrent_policies import A, H, M, T, made, parts, trial_and_gradient

from metarl_min.basics.checks import assert_derivative, complex_step
from metarl_min.memory import cells, recurrent_policies

CELLS = ["gru", "gru_reset_before", "rnn"]


def s(y):
    return 1 / (1 + math.exp(-y))


def by_hand(cell, p, h, x):
    """One step for one task, number by number."""

    def product(v, name, j):
        return sum(v[i] * p[name][i, j] for i in range(len(v)))

    if cell == "rnn":
        return [math.tanh(product(x, "W", k) + p["b"][k] + product(h, "U", k)) for k in range(H)]
    y = [product(x, "W", j) + p["b"][j] for j in range(3 * H)]
    r = [s(y[k] + product(h, "U", k)) for k in range(H)]
    u = [s(y[H + k] + product(h, "U", H + k)) for k in range(H)]
    reset = [r[k] * h[k] for k in range(H)]
    new = []
    for k in range(H):
        if cell == "gru":
            inner = r[k] * (product(h, "U", 2 * H + k) + p["c"][k])
        else:
            inner = product(reset, "U", 2 * H + k)
        new.append(u[k] * h[k] + (1 - u[k]) * math.tanh(y[2 * H + k] + inner))
    return new


@pytest.mark.verifies("cells.1", "cells.2", "cells.3", "recurrent_policies.1")
@pytest.mark.parametrize("cell", CELLS)
def test_values_equal_a_loop_over_numbers(cell):
    policy, params, x, _ = made(cell)
    memories, logits, values = recurrent_policies.unroll(policy, params, x)
    for m in range(M):
        h = [0.0] * H
        for t in range(T):
            h = by_hand(cell, params, h, x[t, m])
            assert_allclose(parts(memories[t + 1])[0][m], h, rtol=1e-12, atol=1e-14)
            heads = [sum(h[k] * params["U_heads"][k, j] for k in range(H)) for j in range(A + 1)]
            assert_allclose(
                logits[t, m], onp.add(heads, params["c_heads"])[:A], rtol=1e-12, atol=1e-14
            )
            assert_allclose(values[t, m], heads[A] + params["c_heads"][A], rtol=1e-12, atol=1e-14)


@pytest.mark.verifies("cells.4", "cells.5", "recurrent_policies.1")
@pytest.mark.parametrize("cell", CELLS)
def test_the_gradient_by_hand_is_that_of_the_traced_form_and_of_complex_steps(cell):
    policy, params, x, rng = made(cell)
    u, v = rng.normal(size=(T, M, A)), rng.normal(size=(T, M))
    f, g = trial_and_gradient(policy, params, x, u, v)
    truth = complex_step(f, params)
    for name in params:
        assert_allclose(g[name], truth[name], rtol=1e-10, atol=1e-12)


@pytest.mark.verifies("cells.4")
def test_the_pullback_of_a_step_is_its_derivative_in_every_coordinate():
    _, params, x, rng = made("gru")
    h, direction = rng.normal(size=(M, H)), rng.normal(size=(M, H))
    step = cells.gru_step(params, h, x[0])
    found = cells.gru_pullback(params["U"], step, direction)

    def f(h=h, **shifts):  # what is added to x W + b, to the blocks r, u of h U and to q
        y, w = x[0] @ params["W"] + params["b"], h @ params["U"]
        y, w = y + shifts.get("y", 0), w + shifts.get("w", 0)
        r, u = (1 / (1 + np.exp(-y[:, part] - w[:, part])) for part in (slice(H), slice(H, 2 * H)))
        n = np.tanh(y[:, 2 * H :] + r * (w[:, 2 * H :] + params["c"]))
        return np.sum((u * h + (1 - u) * n) * direction)

    assert_derivative(f, found.hidden, h)
    for name, gradient in (("y", found.input), ("w", found.recurrent)):
        assert_derivative(lambda z, name=name: f(**{name: z}), gradient, onp.zeros((M, 3 * H)))


@pytest.mark.verifies("cells.4", "cells.5")
def test_back_propagation_is_that_of_a_loop_over_units():
    _, params, x, rng = made("gru")
    W, b, U, c = (params[name] for name in "WbUc")
    h, U_out, g_out = (rng.normal(size=shape) for shape in ((M, H), (H, A), (T, M, A)))
    hidden, steps = [h], []
    for t in range(T):
        steps.append(cells.gru_step(params, hidden[t], x[t]))
        hidden.append(steps[t].h_after)
    found, found_out = cells.backpropagate_through_time(params, U_out, x, hidden[:T], steps, g_out)
    truth = {name: onp.zeros_like(params[name]) for name in "WbUc"}
    truth_out = onp.zeros_like(U_out)
    for m in range(M):
        later = onp.zeros(H)  # df/dh_t from the steps after t
        for t in range(T - 1, -1, -1):
            before, g = hidden[t][m], [U_out[k] @ g_out[t, m] + later[k] for k in range(H)]
            truth_out += [[hidden[t + 1][m, k] * y for y in g_out[t, m]] for k in range(H)]
            y, w = x[t, m] @ W + b, before @ U
            later = onp.zeros(H)
            for k in range(H):
                r, z = s(y[k] + w[k]), s(y[H + k] + w[H + k])
                q = w[2 * H + k] + c[k]
                n = math.tanh(y[2 * H + k] + r * q)
                in_n, in_z = g[k] * (1 - z) * (1 - n**2), g[k] * (before[k] - n) * z * (1 - z)
                in_r = in_n * q * r * (1 - r)
                later[k] += g[k] * z
                truth["c"][k] += in_n * r
                pulls = {k: (in_r, in_r), H + k: (in_z, in_z), 2 * H + k: (in_n, in_n * r)}
                for j, (in_y, in_w) in pulls.items():
                    truth["W"][:, j] += in_y * x[t, m]
                    truth["b"][j] += in_y
                    truth["U"][:, j] += in_w * before
                    later += in_w * U[:, j]
    assert_allclose(found_out, truth_out, rtol=1e-12, atol=1e-13)
    assert found.keys() == truth.keys()
    for name in truth:
        assert_allclose(found[name], truth[name], rtol=1e-12, atol=1e-13)
