"""The derivative of importance ratios: theta moves by complex steps, and the data stay.

The ratio of the new and the old probability of an action is 1 at theta, and its derivative is the
score. So the derivative of the mean of weight times ratio is the estimate.
"""

import numpy as np

STEP = 1e-30


def returns_to_go(rewards, gamma):
    powers = gamma ** np.arange(rewards.shape[1])
    discounted = powers * rewards
    return (discounted.sum(1, keepdims=True) - np.cumsum(discounted, 1) + discounted) / powers


def policy(theta):
    weights = np.exp(theta - np.real(theta).max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def moved(theta, states, actions, weights):
    old, g = policy(theta)[states, actions], np.empty(theta.shape)
    for entry in np.ndindex(theta.shape):
        point = theta.astype(complex)
        point[entry] += 1j * STEP
        ratio = policy(point)[states, actions] / old
        g[entry] = np.imag((weights * ratio).sum()) / STEP / len(states)
    return g


def reinforce(theta, states, actions, rewards, gamma, q):
    b = np.einsum("sa,sa->s", policy(theta), q)
    weights = gamma ** np.arange(rewards.shape[1]) * (returns_to_go(rewards, gamma) - b[states])
    return moved(theta, states, actions, weights)


def leave_one_out(theta, states, actions, rewards, gamma):
    W = returns_to_go(rewards, gamma)
    b = np.stack([np.delete(W, n, axis=0).mean(0) for n in range(len(W))])
    return moved(theta, states, actions, gamma ** np.arange(W.shape[1]) * (W - b))
