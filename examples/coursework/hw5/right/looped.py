"""Every sum is a loop over numbers."""

import math

import numpy as np


def policy(theta):
    weights = [math.exp(x) for x in theta]
    total = sum(weights)
    return [w / total for w in weights]


def gradient(theta, rewards):
    pi = policy(theta)
    A, g = len(pi), [0.0] * len(pi)
    for a in range(A):
        for b in range(A):  # derivative of pi(b) in logit a, times r(b)
            g[a] += pi[b] * ((a == b) - pi[a]) * rewards[b]
    return np.array(g)


def hessian_product(theta, rewards, v):
    pi = policy(theta)
    A, product = len(pi), [0.0] * len(pi)
    for a in range(A):
        for b in range(A):
            for c in range(A):  # second derivative of pi(c) in the logits a and b, times r(c)
                first = ((a == c) - pi[a]) * ((b == c) - pi[b])
                second = pi[a] * ((a == b) - pi[b])
                product[a] += pi[c] * (first - second) * rewards[c] * v[b]
    return np.array(product)


def meta_gradient(theta, tasks, alpha, num_steps):
    total = [0.0] * len(theta)
    for rewards in tasks:
        iterates = [list(theta)]
        for _ in range(num_steps):
            g = gradient(iterates[-1], rewards)
            iterates.append([x + alpha * y for x, y in zip(iterates[-1], g, strict=True)])
        v = list(gradient(iterates.pop(), rewards))
        while iterates:
            h = hessian_product(iterates.pop(), rewards, v)
            v = [x + alpha * y for x, y in zip(v, h, strict=True)]
        total = [x + y / len(tasks) for x, y in zip(total, v, strict=True)]
    return np.array(total)
