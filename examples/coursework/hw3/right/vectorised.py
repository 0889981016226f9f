"""Whole arrays: the weights of each pair of state and action are summed before the gradient."""

import numpy as np


def returns_to_go(rewards, gamma):
    T = rewards.shape[1]
    powers = np.arange(T)[:, None] - np.arange(T)  # powers[l, t] = l - t
    discounts = np.where(powers >= 0, gamma ** np.maximum(powers, 0), 0.0)
    return rewards @ discounts


def softmax(theta):
    weights = np.exp(theta - theta.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def gradient(theta, states, actions, weights):
    pairs = np.zeros(theta.shape)
    np.add.at(pairs, (states, actions), weights / len(weights))
    return pairs - softmax(theta) * pairs.sum(axis=1, keepdims=True)


def reinforce(theta, states, actions, rewards, gamma, q):
    b = np.sum(softmax(theta) * q, axis=1)
    discounts = gamma ** np.arange(rewards.shape[1])
    weights = discounts * (returns_to_go(rewards, gamma) - b[states])
    return gradient(theta, states, actions, weights)


def leave_one_out(theta, states, actions, rewards, gamma):
    W = returns_to_go(rewards, gamma)
    N = len(W)
    advantages = N / (N - 1) * (W - W.mean(axis=0))
    return gradient(theta, states, actions, gamma ** np.arange(W.shape[1]) * advantages)
