"""Loops only: each sum of the formulas is one loop."""

import math

import numpy as np


def returns_to_go(rewards, gamma):
    N, T = rewards.shape
    W = np.zeros((N, T))
    for n in range(N):
        for t in range(T):
            for later in range(t, T):
                W[n, t] += gamma ** (later - t) * rewards[n, later]
    return W


def probabilities(theta, s):
    weights = [math.exp(z) for z in theta[s]]
    return [w / sum(weights) for w in weights]


def add_score(g, theta, s, a, weight):
    for b, p in enumerate(probabilities(theta, s)):
        g[s, b] += weight * ((1.0 if b == a else 0.0) - p)


def reinforce(theta, states, actions, rewards, gamma, q):
    N, T = rewards.shape
    W, g = returns_to_go(rewards, gamma), np.zeros_like(theta)
    for n in range(N):
        for t in range(T):
            s = states[n, t]
            b = sum(p * x for p, x in zip(probabilities(theta, s), q[s], strict=True))
            add_score(g, theta, s, actions[n, t], gamma**t * (W[n, t] - b) / N)
    return g


def leave_one_out(theta, states, actions, rewards, gamma):
    N, T = rewards.shape
    W, g = returns_to_go(rewards, gamma), np.zeros_like(theta)
    for n in range(N):
        for t in range(T):
            b = sum(W[m, t] for m in range(N) if m != n) / (N - 1)
            add_score(g, theta, states[n, t], actions[n, t], gamma**t * (W[n, t] - b) / N)
    return g
