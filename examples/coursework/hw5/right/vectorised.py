"""All tasks at once: each array has the axes [M, A]."""

import numpy as np


def policy(theta):
    weights = np.exp(theta - theta.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def inner(x, y):
    return np.sum(x * y, axis=-1, keepdims=True)


def gradient(theta, rewards):
    pi = policy(theta)
    return pi * (rewards - inner(pi, rewards))


def hessian_product(theta, rewards, v):
    pi = policy(theta)
    change = pi * (v - inner(pi, v))  # of the probabilities along v
    return change * (rewards - inner(pi, rewards)) - pi * inner(change, rewards)


def meta_gradient(theta, tasks, alpha, num_steps):
    phi = [np.tile(theta, (len(tasks), 1))]
    for k in range(num_steps):
        phi.append(phi[k] + alpha * gradient(phi[k], tasks))
    v = gradient(phi[num_steps], tasks)
    for k in reversed(range(num_steps)):
        v = v + alpha * hessian_product(phi[k], tasks, v)
    return v.mean(axis=0)
