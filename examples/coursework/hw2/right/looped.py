"""Plain Python: loops over the arms and the pulls, and numbers of the module math."""

import math

import numpy as np


def log_pi(theta):
    numbers = [float(x) for x in theta]
    largest = max(numbers)
    total = sum(math.exp(x - largest) for x in numbers)
    return np.array([x - largest - math.log(total) for x in numbers])


def score(theta, action):
    logs = log_pi(theta)
    result = np.zeros(len(theta))
    for b in range(len(theta)):
        result[b] = (1.0 if b == action else 0.0) - math.exp(logs[b])
    return result


def policy_gradient(theta, rewards):
    logs = log_pi(theta)
    result = np.zeros(len(theta))
    for a, r in enumerate(rewards):
        result += math.exp(logs[a]) * r * score(theta, a)
    return result


def pulls_gradient(theta, actions, rewards):
    result = np.zeros(len(theta))
    for a, r in zip(actions, rewards, strict=True):
        result += r * score(theta, int(a)) / len(actions)
    return result
