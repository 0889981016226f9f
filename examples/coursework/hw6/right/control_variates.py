"""Other estimates with the same mean: joint ratios, products of sums, control variates."""

import numpy as np


def softmax(logits):
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def scores(logits, actions):
    return np.eye(len(logits))[actions] - softmax(logits)


def inner_surrogate(phi, reference, actions, rewards, baseline):
    joint = np.prod(softmax(phi)[actions] / softmax(reference)[actions])
    return joint * (rewards.mean() - baseline) + baseline


def hessian_estimate(theta, actions, rewards, baseline):
    """The derivative of mean((r - b) g) for fixed pulls, plus its product with the score of all."""
    g = scores(theta, actions)
    slope = (rewards - baseline) @ g / len(actions)
    pi = softmax(theta)
    fixed = (rewards - baseline).mean() * (np.outer(pi, pi) - np.diag(pi))
    return fixed + np.outer(slope, g.sum(axis=0))


def inner_step(theta, actions, rewards, alpha, baseline):
    """A pull moves the logit of its arm up, and all logits down by their probability."""
    phi = theta - alpha * np.mean(rewards - baseline) * softmax(theta)
    np.add.at(phi, actions, alpha * (rewards - baseline) / len(actions))
    return phi


def meta_pg(theta, inner_actions, inner_rewards, outer_actions, outer_rewards, alpha, baseline):
    g = scores(theta, inner_actions)
    advantages = inner_rewards - baseline
    phi = inner_step(theta, inner_actions, inner_rewards, alpha, baseline)
    others = (outer_rewards.sum() - outer_rewards) / (len(outer_rewards) - 1)
    v = np.mean((outer_rewards - others)[:, None] * scores(phi, outer_actions), axis=0)
    pi = softmax(theta)
    through = v - alpha * advantages.mean() * pi * (v - pi @ v)
    return through + (outer_rewards.mean() - baseline) * g.sum(axis=0)
