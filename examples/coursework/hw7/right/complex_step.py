"""Each partial derivative of f is the imaginary part of f at a complex point, over the step."""

import numpy as np

STEP = 1e-30


def rnn_step(params, hidden, inputs):
    hidden = np.tanh(inputs @ params["W"] + hidden @ params["U"] + params["b"])
    return hidden, hidden @ params["W_out"] + params["b_out"]


def log_policy(logits):
    return logits - np.log(np.sum(np.exp(logits)))


def play_trials(params, rewards, uniforms):
    M, N, T, A = rewards.shape
    played = [trial(params, rewards[m].reshape(-1, A), uniforms[m].ravel(), T) for m in range(M)]
    actions = np.array([actions for actions, _ in played])
    logits = np.array([logits for _, logits in played])
    return logits.reshape(M, N, T, A), actions.reshape(M, N, T)


def trial(params, rewards, uniforms, steps_of_episode):
    """Play one trial with rows of rewards. Each row follows from the lists of earlier rows."""
    hidden, actions, logits = np.zeros(len(params["b"])), [], []
    for t, uniform in enumerate(uniforms):
        x = np.zeros(rewards.shape[1] + 2)
        if t > 0:
            x[actions[-1]] = 1.0
            x[-2] = rewards[t - 1][actions[-1]]
            x[-1] = 1.0 if t % steps_of_episode == 0 else 0.0
        hidden, z = rnn_step(params, hidden, x)
        reached = [a for a in range(len(z)) if np.exp(log_policy(z))[: a + 1].sum() > uniform]
        actions.append(reached[0])
        logits.append(z)
    return actions, logits


def returns_to_go(rewards):
    flat = list(rewards.ravel())
    return np.array([sum(flat[t:]) for t in range(len(flat))]).reshape(rewards.shape)


def surrogate(params, inputs, actions, weights):
    hidden, f = np.zeros(len(params["b"])), 0.0
    for x, a, weight in zip(inputs, actions, weights, strict=True):
        hidden, z = rnn_step(params, hidden, x)
        f = f + weight * log_policy(z)[a]
    return f


def trial_gradient(params, inputs, actions, weights):
    gradient = {}
    for name, value in params.items():
        gradient[name] = np.zeros(value.shape)
        for place in np.ndindex(value.shape):
            moved = value.astype(complex)
            moved[place] += 1j * STEP
            f = surrogate(params | {name: moved}, inputs, actions, weights)
            gradient[name][place] = f.imag / STEP
    return gradient
