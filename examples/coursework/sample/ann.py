"""A submission of assignment 5 with a frequent mistake, to try the grader with."""

import numpy as np


def softmax(theta):
    weights = np.exp(theta - theta.max())
    return weights / weights.sum()


def gradient(theta, means):
    pi = softmax(theta)
    return pi * (means - pi @ means)


def hessian_product(theta, means, v):
    pi, g = softmax(theta), gradient(theta, means)
    return g * v - g * (pi @ v) - pi * (g @ v)


def meta_gradient(theta, tasks, alpha, num_steps):
    total = np.zeros(len(theta))
    for means in tasks:
        phi = theta
        for _ in range(num_steps):
            phi = phi + alpha * gradient(phi, means)
        total = total + gradient(phi, means)
    return total / len(tasks)
