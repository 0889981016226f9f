"""Every sum is a loop, and every array is a list."""

import math

import numpy as np


def gradient(phi, task):
    largest = max(phi)
    weights = [math.exp(x - largest) for x in phi]
    probs = [w / sum(weights) for w in weights]
    reward = sum(p * r for p, r in zip(probs, task, strict=True))
    return [p * (r - reward) for p, r in zip(probs, task, strict=True)]


def adapt(theta, task, alpha, num_steps):
    path = [list(theta)]
    for _ in range(num_steps):
        slope = gradient(path[-1], task)
        path.append([x + alpha * g for x, g in zip(path[-1], slope, strict=True)])
    return np.array(path)


def fomaml(theta, tasks, alpha, num_steps):
    total = [0.0] * len(theta)
    for task in tasks:
        slope = gradient(adapt(theta, task, alpha, num_steps)[-1], task)
        for a, g in enumerate(slope):
            total[a] += g / len(tasks)
    return np.array(total)


def reptile(theta, tasks, alpha, num_steps):
    total = [0.0] * len(theta)
    for task in tasks:
        last = adapt(theta, task, alpha, num_steps)[-1]
        for a, (x, start) in enumerate(zip(last, theta, strict=True)):
            total[a] += (x - start) / (alpha * len(tasks))
    return np.array(total)
