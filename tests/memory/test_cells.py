"""Recurrent cells against loops over single numbers, and their backward pass against traces."""

import math

import autograd.numpy as np
import numpy as onp
import pytest
from autograd import grad
from numpy.testing import assert_allclose
from recurrent_policies import CELLS, A, H, M, T, assert_gradient_of_a_trial, made, parts

from metarl_min.memory import cells, recurrent_policies


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
            heads = [sum(h[k] * params["V"][k, j] for k in range(H)) for j in range(A + 1)]
            assert_allclose(logits[t, m], onp.add(heads, params["d"])[:A], rtol=1e-12, atol=1e-14)
            assert_allclose(values[t, m], heads[A] + params["d"][A], rtol=1e-12, atol=1e-14)


@pytest.mark.verifies("cells.4", "cells.5", "recurrent_policies.1")
@pytest.mark.parametrize("cell", CELLS)
def test_the_gradient_by_hand_is_that_of_the_traced_form_and_of_differences(cell):
    policy, params, x, rng = made(cell)
    u, v = rng.normal(size=(T, M, A)), rng.normal(size=(T, M))
    assert_gradient_of_a_trial(policy, params, x, u, v)


def scanned():
    _, params, x, rng = made("gru")
    args = [x, *(params[name] for name in "WbUc"), rng.normal(size=(M, H))]
    return args, rng.normal(size=(T, M, H))


@pytest.mark.verifies("cells.4", "cells.5")
@pytest.mark.parametrize("argument", range(6))
def test_the_scan_as_one_node_is_the_traced_scan_to_second_order(argument):
    args, u = scanned()
    direction = onp.random.default_rng(1).normal(size=args[argument].shape)
    assert_allclose(cells.scan(*args), cells.traced_scan(*args), atol=0)

    def first(way, *args):
        return grad(lambda *a: np.sum(way(*a) ** 2 * u), argument)(*args)

    def second(way, *args):
        return grad(lambda *a: np.sum(first(way, *a) * direction), argument)(*args)

    for order in (first, second):
        found, truth = (order(way, *args) for way in (cells.scan, cells.traced_scan))
        assert abs(truth).max() > 0.01
        assert_allclose(found, truth, rtol=1e-10, atol=1e-11)


@pytest.mark.verifies("cells.4", "cells.5")
def test_back_propagation_is_that_of_a_loop_over_units():
    (x, W, b, U, c, h), u = scanned()
    after = cells.scan(x, W, b, U, c, h)
    found = cells.backward(x, W, b, U, c, h, after, u)
    in_x, in_W, in_b, in_U, in_c, in_h = truth = [onp.zeros_like(y) for y in (x, W, b, U, c, h)]
    for m in range(M):
        later = onp.zeros(H)  # df/dh_t from the steps after t
        for t in range(T - 1, -1, -1):
            before, g = after[t - 1, m] if t else h[m], u[t, m] + later
            y, w = x[t, m] @ W + b, before @ U
            later = onp.zeros(H)
            for k in range(H):
                r, z = s(y[k] + w[k]), s(y[H + k] + w[H + k])
                q = w[2 * H + k] + c[k]
                n = math.tanh(y[2 * H + k] + r * q)
                in_n, in_z = g[k] * (1 - z) * (1 - n**2), g[k] * (before[k] - n) * z * (1 - z)
                in_r = in_n * q * r * (1 - r)
                later[k] += g[k] * z
                in_c[k] += in_n * r
                pulls = {k: (in_r, in_r), H + k: (in_z, in_z), 2 * H + k: (in_n, in_n * r)}
                for j, (in_y, in_w) in pulls.items():
                    in_x[t, m] += in_y * W[:, j]
                    in_W[:, j] += in_y * x[t, m]
                    in_b[j] += in_y
                    in_U[:, j] += in_w * before
                    later += in_w * U[:, j]
        in_h[m] = later
    for one, other in zip(found, truth, strict=True):
        assert_allclose(one, other, rtol=1e-12, atol=1e-13)
