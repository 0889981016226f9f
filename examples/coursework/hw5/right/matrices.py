"""The Hessian and the Jacobian of the inner steps are written as matrices [A, A]."""

import numpy as np


def derivatives(theta, rewards):
    pi = np.exp(theta) / np.sum(np.exp(theta))
    jacobian = np.diag(pi) - np.outer(pi, pi)  # of the probabilities
    g = jacobian @ rewards
    return g, np.diag(g) - np.outer(g, pi) - np.outer(pi, g)


def gradient(theta, rewards):
    return derivatives(theta, rewards)[0]


def hessian_product(theta, rewards, v):
    return derivatives(theta, rewards)[1] @ v


def meta_gradient(theta, tasks, alpha, num_steps):
    gradients = []
    for rewards in tasks:
        phi, jacobian = theta, np.eye(len(theta))  # of phi in theta
        for _ in range(num_steps):
            g, H = derivatives(phi, rewards)
            phi, jacobian = phi + alpha * g, (np.eye(len(theta)) + alpha * H) @ jacobian
        gradients.append(jacobian.T @ gradient(phi, rewards))
    return np.mean(gradients, axis=0)
