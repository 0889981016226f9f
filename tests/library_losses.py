"""Losses with the structure of the losses in published libraries, one data set at a time.

Each objective is written with means, ratios and running sums of log-probabilities, and no weights.
`meta_gradient` differentiates the inner step with nested gradients. This is the plain form of
`metarl_min.gradients.library_estimators`. An objective has the arguments log_p and held, the
log-probabilities [N, T] of the sampled actions, traced and constant, and the rewards [N, T].
"""

import autograd.numpy as np
from autograd import grad
from autograd.tracer import getval

from metarl_min.mdps.policies import log_softmax


def returns_to_go(rewards):
    return np.array([[sum(row[t:]) for t in range(len(row))] for row in rewards.tolist()])


def mean_log_likelihood(log_p, held, rewards):
    return np.mean(log_p * returns_to_go(rewards))


def mean_ratio(log_p, held, rewards):
    return np.mean(np.exp(log_p - held) * returns_to_go(rewards))


def mean_clipped_ratio(log_p, held, rewards):
    ratio, adv = np.exp(log_p - held), returns_to_go(rewards)
    return np.mean(np.minimum(ratio * adv, np.clip(ratio, 0.8, 1.2) * adv))


def box(x):
    """e^x / e^x with a constant denominator: 1, with the derivative of x."""
    return np.exp(x)


def mean_dice(log_p, held, rewards):
    return np.mean(box(np.cumsum(log_p - held, axis=1)) * rewards)


def sum_traced(log_p, held, rewards, trace):
    """Loaded DiCE: the sum over the steps, the mean over the episodes."""
    total, adv, change = 0.0, returns_to_go(rewards), log_p - held
    running = np.zeros(len(rewards))
    for t in range(rewards.shape[1]):
        before = trace * running
        running = before + change[:, t]
        total = total + np.sum((box(running) - box(before)) * adv[:, t])
    return total / len(rewards)


def mean_decayed_dice(log_p, held, rewards):
    """The steps of all episodes in one row; the running sum starts with the last entry."""
    N, T = rewards.shape
    change, adv = np.reshape(log_p - held, N * T), returns_to_go(rewards).ravel()
    running, total = change[-1], 0.0
    for i in range(N * T):
        carried = 1 / N if i == 0 or i % T else 0.0  # it starts anew with every later episode
        running = change[i] + carried * running
        total = total + box(running) * adv[i]
    return total / (N * T)


def log_probs(theta, states, actions):
    z = log_softmax(theta)
    return np.array(
        [[z[s, a] for s, a in zip(*row, strict=True)] for row in zip(states, actions, strict=True)]
    )


def adapted(objective, theta, states, actions, rewards, rate):
    """One step along the gradient of the objective; autograd may trace theta."""

    def inner(phi, held):
        return objective(log_probs(phi, states, actions), held, rewards)

    held = log_probs(getval(theta), states, actions)
    return theta + rate * grad(inner)(theta, held)


def meta_gradient(objective, theta, data, v, rate, factor=0.0):
    """The gradient of v.phi(theta) + factor times the mean log-probability of the data."""
    states, actions, rewards = data

    def outer(theta):
        phi = adapted(objective, theta, states, actions, rewards, rate)
        return np.sum(v * phi) + factor * np.mean(log_probs(theta, states, actions))

    return grad(outer)(theta)
