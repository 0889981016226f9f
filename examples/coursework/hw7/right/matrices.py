"""The gradient as a few matrix products over all steps, after the backward pass."""

import numpy as np


def rnn_step(params, hidden, inputs):
    new = np.tanh(np.concatenate([inputs, hidden, [1.0]]) @ stacked(params))
    return new, new @ params["W_out"] + params["b_out"]


def stacked(params):
    return np.vstack([params["W"], params["U"], params["b"]])


def softmax(z):
    w = np.exp(z - z.max(axis=-1, keepdims=True))
    return w / w.sum(axis=-1, keepdims=True)


def play_trials(params, rewards, uniforms):
    """All trials at once: the loop runs over the steps, and arrays have the axis [M]."""
    M, N, T, A = rewards.shape
    table, u = rewards.reshape(M, N * T, A), uniforms.reshape(M, N * T)
    h, x = np.zeros((M, len(params["U"]))), np.zeros((M, A + 2))
    actions, logits = np.zeros((M, N * T), dtype=np.int64), np.zeros((M, N * T, A))
    for t in range(N * T):
        h = np.tanh(x @ params["W"] + h @ params["U"] + params["b"])
        logits[:, t] = h @ params["W_out"] + params["b_out"]
        below = softmax(logits[:, t]).cumsum(axis=1) <= u[:, t, None]
        actions[:, t] = below.sum(axis=1)
        earned = table[np.arange(M), t, actions[:, t]]
        done = np.full(M, (t + 1) % T == 0)
        x = np.column_stack([np.eye(A)[actions[:, t]], earned, done])
    return logits.reshape(M, N, T, A), actions.reshape(M, N, T)


def returns_to_go(rewards):
    total = rewards.sum()
    before = rewards.ravel().cumsum().reshape(rewards.shape) - rewards
    return total - before


def trial_gradient(params, inputs, actions, weights):
    steps, U = len(inputs), params["U"]
    h = np.zeros((steps + 1, len(U)))
    for t in range(steps):
        h[t + 1] = np.tanh(inputs[t] @ params["W"] + params["b"] + h[t] @ U)
    pi = softmax(h[1:] @ params["W_out"] + params["b_out"])
    e = weights[:, None] * (np.eye(pi.shape[1])[actions] - pi)
    d = np.zeros((steps + 1, len(U)))
    for t in range(steps - 1, -1, -1):
        d[t] = (e[t] @ params["W_out"].T + U @ d[t + 1]) * (1 - h[t + 1] ** 2)
    d = d[:-1]
    return {
        "W": inputs.T @ d,
        "b": d.sum(axis=0),
        "U": h[:-1].T @ d,
        "W_out": h[1:].T @ e,
        "b_out": e.sum(axis=0),
    }
