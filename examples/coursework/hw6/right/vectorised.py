"""No loops: the estimates are products of matrices."""

import numpy as np


def softmax(logits):
    return np.exp(logits - np.logaddexp.reduce(logits))


def scores(logits, actions):
    return np.eye(len(logits))[actions] - softmax(logits)


def inner_surrogate(phi, reference, actions, rewards, baseline):
    ratio = np.exp(np.log(softmax(phi)) - np.log(softmax(reference)))[actions]
    return np.dot(ratio, rewards) / len(actions) + baseline * np.mean(1 - ratio)


def hessian_estimate(theta, actions, rewards, baseline):
    g, pi = scores(theta, actions), softmax(theta)
    weight = (rewards - baseline) / len(actions)
    return np.einsum("i,ia,ib->ab", weight, g, g) - weight.sum() * (np.diag(pi) - np.outer(pi, pi))


def inner_step(theta, actions, rewards, alpha, baseline):
    return theta + np.mean(alpha * (rewards - baseline)[:, None] * scores(theta, actions), axis=0)


def meta_pg(theta, inner_actions, inner_rewards, outer_actions, outer_rewards, alpha, baseline):
    g, pi = scores(theta, inner_actions), softmax(theta)
    weight = alpha * (inner_rewards - baseline) / len(inner_actions)
    v = np.mean(outer_rewards[:, None] * scores(theta + weight @ g, outer_actions), axis=0)
    jacobian = np.eye(len(theta)) - weight.sum() * (np.diag(pi) - np.outer(pi, pi))
    return jacobian.T @ v + outer_rewards.mean() * g.sum(axis=0)
