"""The gradients come from autograd. First-order MAML is a derivative in a shift of phi_K."""

import autograd.numpy as np
from autograd import grad


def reward(phi, task):
    weights = np.exp(phi)
    return np.dot(weights, task) / np.sum(weights)


def adapt(theta, task, alpha, num_steps):
    path = [theta]
    while len(path) <= num_steps:
        path.append(path[-1] + alpha * grad(reward)(path[-1], task))
    return np.array(path)


def fomaml(theta, tasks, alpha, num_steps):
    ends = [adapt(theta, task, alpha, num_steps)[-1] for task in tasks]

    def mean_reward(shift):
        rewards = [reward(end + shift, task) for end, task in zip(ends, tasks, strict=True)]
        return sum(rewards) / len(tasks)

    return grad(mean_reward)(np.zeros(len(theta)))


def reptile(theta, tasks, alpha, num_steps):
    return sum((adapt(theta, x, alpha, num_steps)[-1] - theta) / alpha for x in tasks) / len(tasks)
