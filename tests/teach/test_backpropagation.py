"""Back-propagation through a trial."""

import numpy as np
import pytest

from metarl_min.teach import backpropagation as topic
from metarl_min.teach.recurrent_steps import draw_parameters


def f(params, inputs, actions, weights):
    """Eq. (1) by loops over numbers."""
    W, b, U, W_out, b_out = (params[name] for name in ("W", "b", "U", "W_out", "b_out"))
    H, A = W_out.shape
    h, total = [0.0] * H, 0.0
    for t in range(len(inputs)):
        y = [
            sum(inputs[t][i] * W[i, j] for i in range(A + 2))
            + sum(h[i] * U[i, j] for i in range(H))
            + b[j]
            for j in range(H)
        ]
        h = [np.tanh(one) for one in y]
        z = [sum(h[j] * W_out[j, a] for j in range(H)) + b_out[a] for a in range(A)]
        total = total + weights[t] * (z[actions[t]] - np.log(sum(np.exp(one) for one in z)))
    return total


def by_complex_step(params, *recorded):
    gradient = {}
    for name, leaf in params.items():
        gradient[name] = np.zeros(leaf.shape)
        for place in np.ndindex(leaf.shape):
            moved = leaf.astype(complex)
            moved[place] += 1e-30j
            value = f(params | {name: moved}, *recorded)
            gradient[name][place] = np.imag(value) / 1e-30
    return gradient


def recorded(seed=0):
    rng = np.random.default_rng(seed)
    params = draw_parameters(rng, 2, 2)
    inputs = rng.normal(size=(4, 4))
    inputs[:, -1] = [0, 0, 1, 0]
    return params, inputs, rng.integers(2, size=4), rng.normal(size=4)


@pytest.mark.verifies("backpropagation.1")
def test_eq1_by_loops():
    assert float(topic.surrogate(*recorded())) == pytest.approx(f(*recorded()), rel=1e-12)


@pytest.mark.verifies("backpropagation.2")
@pytest.mark.verifies("backpropagation.3")
def test_eqs2_and_3_are_the_complex_step_of_eq1():
    gradient, expected = topic.backpropagate(*recorded()), by_complex_step(*recorded())
    for name, leaf in expected.items():
        assert gradient[name] == pytest.approx(leaf, rel=1e-10, abs=1e-12)
