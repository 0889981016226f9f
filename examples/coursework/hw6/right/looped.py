"""Every sum is a loop, and every number is a Python float until the end."""

import math

import numpy as np


def softmax(logits):
    weights = [math.exp(x - max(logits)) for x in logits]
    return [w / sum(weights) for w in weights]


def score(logits, action):
    return [(a == action) - p for a, p in enumerate(softmax(logits))]


def second(logits, a, c):
    """The derivative of the entry a of a score in the entry c of the logits."""
    p = softmax(logits)
    return p[a] * p[c] - (a == c) * p[a]


def inner_surrogate(phi, reference, actions, rewards, baseline):
    new, old, total = softmax(phi), softmax(reference), 0.0
    for a, r in zip(actions, rewards, strict=True):
        total += new[a] / old[a] * r  # the baseline is not needed
    return total / len(actions)


def hessian_estimate(theta, actions, rewards, baseline):
    size = len(theta)
    total = np.zeros((size, size))
    for action, r in zip(actions, rewards, strict=True):
        g = score(theta, action)
        for a in range(size):
            for c in range(size):
                total[a, c] += (r - baseline) * (second(theta, a, c) + g[a] * g[c])
    return total / len(actions)


def inner_step(theta, actions, rewards, alpha, baseline):
    phi = [float(x) for x in theta]
    for action, r in zip(actions, rewards, strict=True):
        g = score(theta, action)
        phi = [x + alpha / len(actions) * (r - baseline) * y for x, y in zip(phi, g, strict=True)]
    return np.array(phi)


def meta_pg(theta, inner_actions, inner_rewards, outer_actions, outer_rewards, alpha, baseline):
    size, N = len(theta), len(inner_actions)
    phi = inner_step(theta, inner_actions, inner_rewards, alpha, baseline)
    result = np.zeros(size)
    for outer, reward in zip(outer_actions, outer_rewards, strict=True):
        v = [reward * y for y in score(phi, outer)]
        for c in range(size):
            result[c] += v[c]
            for r in inner_rewards:
                slope = sum(v[a] * second(theta, a, c) for a in range(size))
                result[c] += alpha / N * (r - baseline) * slope
            for action in inner_actions:
                result[c] += reward * score(theta, action)[c]
    return result / len(outer_actions)
