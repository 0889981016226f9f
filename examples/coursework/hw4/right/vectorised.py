"""All tasks are adapted at once, and a task is a batch of one."""

import numpy as np


def softmax(phi):
    weights = np.exp(phi - phi.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def gradient(phi, tasks):
    probs = softmax(phi)
    return probs * (tasks - (probs * tasks).sum(axis=-1, keepdims=True))


def paths(theta, tasks, alpha, num_steps):
    result = np.empty((num_steps + 1, *tasks.shape))
    result[0] = theta
    for k in range(num_steps):
        result[k + 1] = result[k] + alpha * gradient(result[k], tasks)
    return result


def adapt(theta, task, alpha, num_steps):
    return paths(theta, task[None], alpha, num_steps)[:, 0]


def fomaml(theta, tasks, alpha, num_steps):
    return gradient(paths(theta, tasks, alpha, num_steps)[-1], tasks).mean(axis=0)


def reptile(theta, tasks, alpha, num_steps):
    return (paths(theta, tasks, alpha, num_steps)[-1] - theta).mean(axis=0) / alpha
