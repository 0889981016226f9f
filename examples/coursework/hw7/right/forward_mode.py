"""Derivatives go forwards with the trial, one direction for each parameter.

`tangent` holds the derivative of the hidden state in every parameter of the cell, and is updated in
each step. So no step of the trial is visited twice.
"""

import numpy as np


def rnn_step(params, hidden, inputs):
    y = params["b"] + params["W"].T @ inputs + params["U"].T @ hidden
    hidden = np.tanh(y)
    return hidden, params["b_out"] + params["W_out"].T @ hidden


def probabilities(logits):
    weights = np.exp(logits)
    return weights / np.sum(weights)


class Learner:
    """What a learner remembers in one trial."""

    def __init__(self, params, num_actions):
        self.params, self.num_actions = params, num_actions
        self.hidden, self.inputs = np.zeros_like(params["b"]), np.zeros(num_actions + 2)

    def act(self, uniform):
        self.hidden, logits = rnn_step(self.params, self.hidden, self.inputs)
        ends = np.cumsum(probabilities(logits))
        return int(np.searchsorted(ends, uniform, side="right")), logits

    def observe(self, action, reward, done):
        self.inputs = np.zeros(self.num_actions + 2)
        self.inputs[[action, -2, -1]] = 1, reward, done


def play_trials(params, rewards, uniforms):
    actions, logits = np.zeros_like(uniforms, dtype=int), np.zeros_like(rewards)
    for trial in range(len(rewards)):
        learner = Learner(params, rewards.shape[-1])
        for n, t in np.ndindex(uniforms.shape[1:]):
            a, logits[trial, n, t] = learner.act(uniforms[trial, n, t])
            actions[trial, n, t] = a
            learner.observe(a, rewards[trial, n, t, a], float(t + 1 == uniforms.shape[2]))
    return logits, actions


def returns_to_go(rewards):
    flat = rewards.ravel()
    later = np.triu(np.ones((len(flat), len(flat))))  # row t sums over the steps from t on
    return (later @ flat).reshape(rewards.shape)


def trial_gradient(params, inputs, actions, weights):
    names = ("W", "b", "U")
    H = len(params["b"])
    hidden, eye = np.zeros(H), np.eye(H)
    tangent = {name: np.zeros((*params[name].shape, H)) for name in names}
    gradient = {name: np.zeros_like(value) for name, value in params.items()}
    for x, a, weight in zip(inputs, actions, weights, strict=True):
        direct = {"W": np.einsum("i,jk->ijk", x, eye), "b": eye}
        direct["U"] = np.einsum("i,jk->ijk", hidden, eye)
        hidden, logits = rnn_step(params, hidden, x)
        slope = 1 - hidden * hidden
        tangent = {name: (tangent[name] @ params["U"] + direct[name]) * slope for name in names}
        e = -weight * probabilities(logits)
        e[a] += weight
        for name in names:
            gradient[name] += tangent[name] @ (params["W_out"] @ e)
        gradient["W_out"] += np.outer(hidden, e)
        gradient["b_out"] += e
    return gradient
