"""Whole arrays: the scores of all actions are the rows of one matrix."""

import numpy as np


def log_pi(theta):
    largest = np.max(theta)
    return theta - largest - np.log(np.sum(np.exp(theta - largest)))


def all_scores(theta):
    return np.eye(theta.size) - np.exp(log_pi(theta))


def score(theta, action):
    return all_scores(theta)[action]


def policy_gradient(theta, rewards):
    return (np.exp(log_pi(theta)) * rewards) @ all_scores(theta)


def pulls_gradient(theta, actions, rewards):
    return rewards @ all_scores(theta)[actions] / rewards.size
