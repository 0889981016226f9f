"""The Jacobian of the softmax is a matrix, and Reptile is a sum of inner gradients."""

import numpy as np


def gradient(phi, task):
    probs = np.exp(phi - np.logaddexp.reduce(phi))
    jacobian = np.diag(probs) - np.outer(probs, probs)
    return jacobian @ task


def adapt(theta, task, alpha, num_steps):
    if num_steps == 0:
        return theta[None].copy()
    before = adapt(theta, task, alpha, num_steps - 1)
    return np.vstack([before, before[-1] + alpha * gradient(before[-1], task)])


def fomaml(theta, tasks, alpha, num_steps):
    return sum(gradient(adapt(theta, x, alpha, num_steps)[-1], x) for x in tasks) / len(tasks)


def reptile(theta, tasks, alpha, num_steps):
    slopes = [gradient(phi, x) for x in tasks for phi in adapt(theta, x, alpha, num_steps)[:-1]]
    return np.sum(slopes, axis=0) / len(tasks)
