"""Every sum is a loop over numbers."""

import math

import numpy as np


def rnn_step(params, hidden, inputs):
    W, b, U = params["W"], params["b"], params["U"]
    new = []
    for j in range(len(b)):
        y = b[j]
        y += sum(inputs[i] * W[i][j] for i in range(len(inputs)))
        y += sum(hidden[i] * U[i][j] for i in range(len(hidden)))
        new.append(math.tanh(y))
    W_out, b_out = params["W_out"], params["b_out"]
    logits = []
    for a in range(len(b_out)):
        logits.append(b_out[a] + sum(new[j] * W_out[j][a] for j in range(len(new))))
    return np.array(new), np.array(logits)


def policy(logits):
    weights = [math.exp(z) for z in logits]
    return [w / sum(weights) for w in weights]


def one_trial(params, rewards, uniforms, actions, logits):
    """Play one trial, and write what happens into two arrays."""
    N, T, A = rewards.shape
    hidden, inputs = [0.0] * len(params["b"]), [0.0] * (A + 2)
    for n in range(N):
        for t in range(T):
            hidden, z = rnn_step(params, hidden, inputs)
            a, below = 0, policy(z)[0]
            while below <= uniforms[n, t]:
                a += 1
                below += policy(z)[a]
            actions[n, t], logits[n, t] = a, z
            inputs = [0.0] * (A + 2)
            inputs[a] = 1.0
            inputs[A] = rewards[n, t, a]
            inputs[A + 1] = 1.0 if t == T - 1 else 0.0


def play_trials(params, rewards, uniforms):
    actions, logits = np.zeros(uniforms.shape, dtype=int), np.zeros(rewards.shape)
    for m in range(len(rewards)):
        one_trial(params, rewards[m], uniforms[m], actions[m], logits[m])
    return logits, actions


def returns_to_go(rewards):
    N, T = rewards.shape
    result, later = np.zeros((N, T)), 0.0
    for n in range(N - 1, -1, -1):
        for t in range(T - 1, -1, -1):
            later += rewards[n, t]
            result[n, t] = later
    return result


def trial_gradient(params, inputs, actions, weights):
    H, A = params["W_out"].shape
    hidden, logits = [np.zeros(H)], []
    for x in inputs:
        new, z = rnn_step(params, hidden[-1], x)
        hidden.append(new)
        logits.append(z)
    gradient = {name: np.zeros(np.shape(value)) for name, value in params.items()}
    d = [0.0] * H
    for t in range(len(inputs) - 1, -1, -1):
        pi = policy(logits[t])
        e = [weights[t] * ((a == actions[t]) - pi[a]) for a in range(A)]
        g = [0.0] * H
        for j in range(H):
            g[j] += sum(e[a] * params["W_out"][j][a] for a in range(A))
            g[j] += sum(d[k] * params["U"][j][k] for k in range(H))
        d = [g[j] * (1 - hidden[t + 1][j] ** 2) for j in range(H)]
        for j in range(H):
            for i in range(A + 2):
                gradient["W"][i, j] += inputs[t][i] * d[j]
            for i in range(H):
                gradient["U"][i, j] += hidden[t][i] * d[j]
            for a in range(A):
                gradient["W_out"][j, a] += hidden[t + 1][j] * e[a]
            gradient["b"][j] += d[j]
        for a in range(A):
            gradient["b_out"][a] += e[a]
    return gradient
