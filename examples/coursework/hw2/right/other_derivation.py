"""Other formulas: log-sum-exp by logaddexp, the Jacobian of softmax, and a baseline.

The baseline of a pull is the mean reward of the other pulls, so it does not change the expectation.
"""

import numpy as np


def log_pi(theta):
    return theta - np.logaddexp.reduce(theta)


def score(theta, action):
    return np.eye(len(theta))[action] - np.exp(log_pi(theta))


def policy_gradient(theta, rewards):
    pi = np.exp(log_pi(theta))
    jacobian = np.diag(pi) - np.outer(pi, pi)
    return jacobian @ rewards


def pulls_gradient(theta, actions, rewards):
    N = len(actions)
    others = (rewards.sum() - rewards) / (N - 1) if N > 1 else np.zeros(N)
    scores = np.stack([score(theta, a) for a in actions])
    return ((rewards - others)[:, None] * scores).mean(0)
