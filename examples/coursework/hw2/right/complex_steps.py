"""Derivatives by complex steps: the imaginary part of f(x + i h) / h is f'(x) up to h^2."""

import numpy as np

STEP = 1e-30


def log_pi(theta):
    shifted = theta - np.max(np.real(theta))
    return shifted - np.log(np.sum(np.exp(shifted)))


def gradient(f, theta):
    lines = np.eye(len(theta)) * 1j * STEP
    return np.array([np.imag(f(theta + line)) / STEP for line in lines])


def score(theta, action):
    return gradient(lambda z: log_pi(z)[action], theta)


def policy_gradient(theta, rewards):
    return gradient(lambda z: np.sum(np.exp(log_pi(z)) * rewards), theta)


def pulls_gradient(theta, actions, rewards):
    return gradient(lambda z: np.mean(log_pi(z)[actions] * rewards), theta)
