"""Every derivative is the imaginary part of a value at a complex point, except grad J itself.

If f is analytic, f(x + i h e) = f(x) + i h e.grad f(x) - .., so the imaginary part divided by h is
the derivative along e. With h = 1e-30 the remaining terms vanish.
"""

import numpy as np

H = 1e-30


def policy(theta):
    weights = np.exp(theta)
    return weights / weights.sum()


def gradient(theta, rewards):
    pi = policy(theta)
    return pi * rewards - pi * np.sum(pi * rewards)


def hessian_product(theta, rewards, v):
    return gradient(theta + 1j * H * v, rewards).imag / H


def adapted_return(theta, tasks, alpha, num_steps):
    total = 0.0
    for rewards in tasks:
        phi = theta
        for _ in range(num_steps):
            phi = phi + alpha * gradient(phi, rewards)
        total = total + np.sum(policy(phi) * rewards)
    return total / len(tasks)


def meta_gradient(theta, tasks, alpha, num_steps):
    result = np.zeros(len(theta))
    for a, direction in enumerate(np.eye(len(theta))):
        result[a] = adapted_return(theta + 1j * H * direction, tasks, alpha, num_steps).imag / H
    return result
