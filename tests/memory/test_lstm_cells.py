"""The LSTM against loops over single numbers, and its gradients against differences."""

import math

import autograd.numpy as np
import numpy as onp
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from recurrent_policies import INPUTS, A, H, M, T, made, trial_and_gradient

from metarl_min.basics.checks import assert_derivative, complex_step
from metarl_min.memory import lstm_cells, recurrent_policies

BLOCKS = {gate: slice(j * H, (j + 1) * H) for j, gate in enumerate("ifon")}


def s(y):
    return 1 / (1 + math.exp(-y))


def unit_by_hand(p, h, c, x, k):
    """The gates i, f, o, the number n, and c' and h' of unit k, for one task."""
    y = []
    for block in BLOCKS.values():
        j = block.start + k
        from_x = sum(x[q] * p["W"][q, j] for q in range(len(x)))
        y.append(from_x + p["b"][j] + sum(h[q] * p["U"][q, j] for q in range(H)))
    i, f, o, n = s(y[0]), s(y[1]), s(y[2]), math.tanh(y[3])
    after = f * c[k] + i * n
    return i, f, o, n, after, o * math.tanh(after)


def states(params, x):
    """h and c before each step and after the last, number by number. [T + 1, M, H] each"""
    h, c = onp.zeros((2, T + 1, M, H))
    for t in range(T):
        for m in range(M):
            for k in range(H):
                unit = unit_by_hand(params, h[t, m], c[t, m], x[t, m], k)
                c[t + 1, m, k], h[t + 1, m, k] = unit[4:]
    return h, c


@pytest.mark.verifies("lstm_cells.1", "recurrent_policies.1")
def test_values_equal_a_loop_over_numbers():
    policy, params, x, _ = made("lstm")
    memories, logits, values = recurrent_policies.unroll(policy, params, x)
    h, c = states(params, x)
    assert_allclose([memory.h_after for memory in memories], h, rtol=1e-12, atol=1e-14)
    assert_allclose([memory.c_after for memory in memories], c, rtol=1e-12, atol=1e-14)
    for t, m in onp.ndindex(T, M):
        z = [h[t + 1, m] @ params["U_heads"][:, j] + params["c_heads"][j] for j in range(A + 1)]
        assert_allclose(logits[t, m], z[:A], rtol=1e-12, atol=1e-14)
        assert_allclose(values[t, m], z[A], rtol=1e-12, atol=1e-14)


@pytest.mark.verifies("lstm_cells.1")
def test_open_and_closed_gates_keep_write_and_show_the_cell_state():
    """A gate at 1 or 0 makes eq. (1) a copy, a sum or silence."""
    h, c, x = onp.array([[0.3, -0.7]]), onp.array([[0.5, -2.0]]), onp.array([[1.0]])
    for i, f, o in onp.ndindex(2, 2, 2):
        b = onp.repeat([800.0 * i - 400, 800.0 * f - 400, 800.0 * o - 400, 0.4], 2)
        params = {"W": onp.zeros((1, 8)), "b": b, "U": onp.zeros((2, 8))}
        step = lstm_cells.lstm_step(params, h, c, x)
        assert_allclose(step.c_after, f * c + i * math.tanh(0.4), rtol=1e-14, atol=1e-14)
        assert_allclose(step.h_after, o * onp.tanh(step.c_after), rtol=1e-14, atol=1e-14)


@pytest.mark.verifies("lstm_cells.2", "lstm_cells.3", "recurrent_policies.1")
def test_the_gradient_by_hand_is_that_of_the_traced_form_and_of_complex_steps():
    policy, params, x, rng = made("lstm")
    u, v = rng.normal(size=(T, M, A)), rng.normal(size=(T, M))
    f, g = trial_and_gradient(policy, params, x, u, v)
    truth = complex_step(f, params)
    for name in params:
        assert_allclose(g[name], truth[name], rtol=1e-10, atol=1e-12)


@pytest.mark.verifies("lstm_cells.2", "lstm_cells.3")
def test_the_gradient_by_hand_takes_a_trial_of_one_step_and_one_input():
    policy, params, x, rng = made("lstm")
    params = params | {"W": params["W"][:1]}
    u, v = rng.normal(size=(1, M, A)), rng.normal(size=(1, M))
    f, g = trial_and_gradient(policy, params, x[:1, :, :1], u, v)
    truth = complex_step(f, params)
    for name in params:
        assert_allclose(g[name], truth[name], rtol=1e-10, atol=1e-12)


@pytest.mark.verifies("lstm_cells.2")
def test_the_pullback_of_a_step_is_its_derivative_in_every_coordinate():
    _, params, x, rng = made("lstm")
    h, c, g, k = rng.normal(size=(4, M, H))
    step = lstm_cells.lstm_step(params, h, c, x[0])
    found = lstm_cells.lstm_pullback(params["U"], c, step, g, k)

    def F(h=h, c=c, y=0.0):
        y = y + x[0] @ params["W"] + params["b"] + h @ params["U"]
        i, f, o = (1 / (1 + np.exp(-y[:, BLOCKS[gate]])) for gate in "ifo")
        after = f * c + i * np.tanh(y[:, BLOCKS["n"]])
        return np.sum(o * np.tanh(after) * g) + np.sum(after * k)

    assert_derivative(F, found.hidden, h)
    assert_derivative(lambda c: F(c=c), found.cell, c)
    assert_derivative(lambda y: F(y=y), found.sums, onp.zeros((M, 4 * H)))


@pytest.mark.verifies("lstm_cells.2", "lstm_cells.3")
def test_back_propagation_is_that_of_a_loop_over_units():
    policy, params, x, rng = made("lstm")
    outside = rng.normal(size=(T, M, H))
    memories = recurrent_policies.unroll(policy, params, x)[0]
    found = lstm_cells.backpropagate_through_time(params, x, memories[:T], memories[1:], outside)
    h, c = states(params, x)
    truth = {name: onp.zeros_like(params[name]) for name in "WbU"}
    for m in range(M):
        in_h, in_c = onp.zeros((2, H))  # the gradients in h_t and c_t from the steps after t
        for t in range(T - 1, -1, -1):
            g, k_t, in_h, in_c = outside[t, m] + in_h, in_c, onp.zeros(H), onp.zeros(H)
            for k in range(H):
                i, f, o, n, after, _ = unit_by_hand(params, h[t, m], c[t, m], x[t, m], k)
                e = k_t[k] + g[k] * o * (1 - math.tanh(after) ** 2)
                in_c[k] = e * f
                slopes = {
                    "i": e * n * i * (1 - i),
                    "f": e * c[t, m, k] * f * (1 - f),
                    "o": g[k] * math.tanh(after) * o * (1 - o),
                    "n": e * i * (1 - n**2),
                }
                for gate, d in slopes.items():
                    j = BLOCKS[gate].start + k
                    truth["W"][:, j] += d * x[t, m]
                    truth["b"][j] += d
                    truth["U"][:, j] += d * h[t, m]
                    in_h += d * params["U"][:, j]
    assert found.keys() == truth.keys()
    for name in truth:
        assert_allclose(found[name], truth[name], rtol=1e-12, atol=1e-13)


def test_an_untrained_cell_forgets_slowly():
    """The bias of the forget gate is 1, all other biases are 0, and each block of U is a turn."""
    for dtype in ("float32", "float64"):
        params = recurrent_policies.lstm(H, dtype).init(onp.random.default_rng(0), INPUTS, A)
        assert_array_equal(params["b"], onp.repeat([0, 1, 0, 0], H))
        assert params["W"].shape == (INPUTS, 4 * H) and params["b"].dtype == dtype
        for block in BLOCKS.values():
            U = params["U"][:, block].astype(float)
            assert_allclose(U.T @ U, onp.eye(H), atol=1e-5)
    silent = {name: onp.zeros_like(leaf) for name, leaf in params.items()} | {"b": params["b"]}
    c = onp.ones((1, H))
    step = lstm_cells.lstm_step(silent, onp.zeros((1, H)), c, onp.zeros((1, INPUTS)))
    assert_allclose(step.c_after, 1 / (1 + math.exp(-1)), rtol=1e-14)  # keeps 73 percent
