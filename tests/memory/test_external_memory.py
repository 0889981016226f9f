"""A network beside a memory, against a loop over rows, and back-propagation against traces."""

import math

import autograd.numpy as np
import numpy as onp
import pytest
from numpy.testing import assert_allclose
from recurrent_policies import moved, trial_and_gradient

from metarl_min.basics import trees
from metarl_min.basics.checks import assert_derivative
from metarl_min.memory import external_memory as memory
from metarl_min.memory import recurrent_policies

T, M, INPUTS, A, H, R, W = 5, 2, 3, 2, 3, 3, 2


def made(seed=0):
    rng = onp.random.default_rng(seed)
    policy = memory.policy(H, R, W, "float64")
    params = moved(policy.init(rng, INPUTS, A), 0.4, rng)
    return policy, params, rng.normal(size=(T, M, INPUTS)), rng


def by_hand(p, state, x):
    """One step for one task, row by row."""
    h, last, keys, rows, usage, reading, read = state
    inputs = onp.concatenate([x, read])
    y, w = inputs @ p["W"] + p["b"], h @ p["U"]
    new = []
    for k in range(H):
        r, u = (1 / (1 + math.exp(-y[i] - w[i])) for i in (k, H + k))
        n = math.tanh(y[2 * H + k] + r * (w[2 * H + k] + p["c"][k]))
        new.append(u * h[k] + (1 - u) * n)
    h = onp.array(new)
    out = h @ p["interface_weights"] + p["interface_bias"]
    key, vector = onp.tanh(out[:W]), onp.tanh(out[W : 2 * W])
    gate, strength = 1 / (1 + math.exp(-out[2 * W])), 1 + math.log1p(math.exp(out[2 * W + 1]))
    oldest = min(range(R), key=lambda i: usage[i])
    written = [gate * reading[i] + (1 - gate) * (i == oldest) for i in range(R)]
    rows = [(i != oldest) * rows[i] + written[i] * vector for i in range(R)]
    keys = [(i != oldest) * keys[i] + written[i] * last for i in range(R)]
    like = [key @ row / math.sqrt(key @ key) / math.sqrt(max(row @ row, 1e-6)) for row in keys]
    scores = [math.exp(strength * x) for x in like]
    reading = [score / sum(scores) for score in scores]
    read = sum(reading[i] * rows[i] for i in range(R))
    usage = [0.95 * usage[i] + reading[i] + written[i] for i in range(R)]
    heads = onp.concatenate([h, read]) @ p["U_heads"] + p["c_heads"]
    return (h, key, keys, rows, usage, reading, read), heads


@pytest.mark.verifies("external_memory.1", "addressing.10", "addressing.12")
def test_a_trial_is_that_of_a_loop_over_rows():
    policy, params, x, _ = made()
    memories, logits, value = recurrent_policies.unroll(policy, params, x)
    for m in range(M):
        state = (*(part[m] for part in memories[0][:-1]),)
        assert not any(onp.any(part) for part in state)
        for t in range(T):
            state, heads = by_hand(params, state, x[t, m])
            for found, truth in zip(memories[t + 1][:-1], state, strict=True):
                assert_allclose(found[m], onp.array(truth), rtol=1e-12, atol=1e-13)
            assert_allclose([*logits[t, m], value[t, m]], heads, rtol=1e-12, atol=1e-13)


def with_gradient(policy, params, x, rng):
    u, v = rng.normal(size=(*x.shape[:2], A)), rng.normal(size=x.shape[:2])
    return params, *trial_and_gradient(policy, params, x, u, v)


@pytest.mark.verifies("external_memory.2")
@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_by_hand_is_that_of_the_traced_form(seed):
    params, _, g = with_gradient(*made(seed))
    assert all(g[name].any() for name in params)


@pytest.mark.verifies("external_memory.2")
def test_the_gradient_by_hand_is_that_of_differences_in_every_coordinate():
    """Of two units and two rows: the third write of a trial erases a row that was written."""
    rng = onp.random.default_rng(0)
    policy = memory.policy(2, 2, W, "float64")
    params = moved(policy.init(rng, INPUTS, A), 0.4, rng)
    params, f, g = with_gradient(policy, params, rng.normal(size=(4, M, INPUTS)), rng)
    assert_derivative(f, g, params)


@pytest.mark.verifies("external_memory.2")
def test_the_pullback_of_the_interface_is_its_derivative():
    rng = onp.random.default_rng(0)
    y, weights = rng.normal(size=(M, 2 * W + 2)), rng.normal(size=(M, 2 * W + 2))

    def interface(y):
        strength = 1 + np.log(1 + np.exp(y[:, -1]))
        return np.tanh(y[:, :W]), np.tanh(y[:, W:-2]), 1 / (1 + np.exp(-y[:, -2])), strength

    def f(y):
        key, vector, gate, strength = interface(y)
        columns = [key, vector, gate[:, None], strength[:, None]]
        return np.sum(weights * np.concatenate(columns, axis=1))

    g = memory.Interface(weights[:, :W], weights[:, W:-2], weights[:, -2], weights[:, -1])
    found = memory.interface_pullback(memory.Interface(*interface(y)), g)
    assert_derivative(f, found, y)


def test_a_population_is_a_leading_axis():
    policy, one, x, _ = made()
    other = made(seed=1)[1]
    both = trees.map_leaves(lambda a, b: onp.stack([a, b]), one, other)
    steps = [policy.step(both, policy.initial_memory(both, M), onp.stack([x[0], x[1]]))]
    steps.append(policy.step(both, steps[0][0], onp.stack([x[2], x[3]])))
    for p, params in enumerate((one, other)):
        alone = policy.step(params, policy.initial_memory(params, M), x[p])
        alone = policy.step(params, alone[0], x[2 + p])
        for found, truth in zip(steps[1][0][:-1], alone[0][:-1], strict=True):
            assert_allclose(found[p], truth, rtol=1e-12, atol=1e-14)
        for found, truth in zip(steps[1][1:], alone[1:], strict=True):
            assert_allclose(found[p], truth, rtol=1e-12, atol=1e-14)


def test_training_is_in_single_precision_throughout():
    policy = memory.policy(H, R, W)
    params = policy.init(onp.random.default_rng(0), INPUTS, A)
    x = onp.ones((T, M, INPUTS), onp.float32)
    memories, logits, value = recurrent_policies.unroll(policy, params, x)
    g = recurrent_policies.gradient(policy, params, x, memories, logits, value)
    leaves = [
        *params.values(),
        *(part for m in memories for part in m[:-1]),
        logits,
        value,
        *g.values(),
    ]
    assert {leaf.dtype for leaf in leaves} == {onp.dtype("float32")}


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="rows must be at least 1, got 0"):
        memory.policy(4, 0)
    with pytest.raises(ValueError, match="dtype must be float32 or float64, got 'int8'"):
        memory.policy(dtype="int8")
