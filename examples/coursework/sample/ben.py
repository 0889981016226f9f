"""A submission of assignment 5 with another mistake."""

import numpy as np


def hessian_product(theta, means, v):
    pi = np.exp(theta) / np.exp(theta).sum()
    g = pi * (means - pi @ means)
    return (np.diag(g) - np.outer(g, pi) - np.outer(pi, g)) @ v


def meta_gradient(theta, tasks, alpha, num_steps):
    total = 0.0
    for means in tasks:
        phi, tangent = theta, np.eye(len(theta))
        for step in range(num_steps + 1):
            pi = np.exp(phi) / np.exp(phi).sum()
            g = pi * (means - pi @ means)
            if step < num_steps:
                hessian = np.diag(g) - np.outer(g, pi) - np.outer(pi, g)
                phi, tangent = phi + alpha * g, tangent + alpha * hessian @ tangent
        total = total + tangent.T @ g
    return total
