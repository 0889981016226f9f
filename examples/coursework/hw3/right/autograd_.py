"""Autograd differentiates a surrogate, in which the advantages are numbers."""

import autograd.numpy as np
from autograd import grad


def returns_to_go(rewards, gamma):
    reversed_sums = []
    total = np.zeros(len(rewards))
    for column in rewards.T[::-1]:
        total = column + gamma * total
        reversed_sums.append(total)
    return np.stack(reversed_sums[::-1], axis=1)


def log_policy(theta):
    shifted = theta - np.max(theta, axis=1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))


def surrogate(theta, states, actions, weights):
    return np.mean(np.sum(weights * log_policy(theta)[states, actions], axis=1))


def reinforce(theta, states, actions, rewards, gamma, q):
    b = np.sum(np.exp(log_policy(theta)) * q, axis=1)[states]
    discounts = gamma ** np.arange(rewards.shape[1])
    return grad(surrogate)(theta, states, actions, discounts * (returns_to_go(rewards, gamma) - b))


def leave_one_out(theta, states, actions, rewards, gamma):
    W = returns_to_go(rewards, gamma)
    others = (np.sum(W, axis=0) - W) / (len(W) - 1)
    discounts = gamma ** np.arange(W.shape[1])
    return grad(surrogate)(theta, states, actions, discounts * (W - others))
