"""Right answers of the coursework, by loops over numbers."""

import numpy as np


def es_gradient(f, theta, sigma, noise):
    """The estimate, one number after the other."""
    total = [0.0] * len(theta)
    for e in noise:
        after = f(np.array([t + sigma * x for t, x in zip(theta, e, strict=True)]))
        before = f(np.array([t - sigma * x for t, x in zip(theta, e, strict=True)]))
        for j in range(len(theta)):
            total[j] += (after - before) * e[j] / (2 * sigma * len(noise))
    return np.array(total)


def trial_surrogate(params, inputs, actions, weights, detached=()):
    """The surrogate of backpropagation (1).

    The hidden state of a step in `detached` is a constant.
    """
    W, b, U, W_out, b_out = (params[name] for name in ("W", "b", "U", "W_out", "b_out"))
    H, A = W_out.shape
    h, total = [0.0] * H, 0.0
    for t in range(len(inputs)):
        if t in detached:
            h = [np.real(y) for y in h]
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


def by_complex_step(params, *recorded, detached=()):
    """The gradient of this surrogate."""
    gradient = {}
    for name, leaf in params.items():
        gradient[name] = np.zeros(leaf.shape)
        for place in np.ndindex(leaf.shape):
            moved = leaf.astype(complex)
            moved[place] += 1e-30j
            value = trial_surrogate(params | {name: moved}, *recorded, detached=detached)
            gradient[name][place] = np.imag(value) / 1e-30
    return gradient
