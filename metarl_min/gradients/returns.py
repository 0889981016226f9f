"""Returns-to-go of sampled episodes. Returns-to-go are data, so autograd never traces them.

The return-to-go of step t is the discounted sum of the rewards from step t on:

    (1)  W_t = sum_{l>=0} gamma^l r_{t+l}                   [Sutton and Barto 2018, eq. 3.8]

A baseline b_t is subtracted from W_t to reduce the variance of a gradient. The simplest baselines
are a number, and the mean over the N episodes of a data set:

    (2)  b_t = 1/N sum_n W_{n,t}                                       [Greensmith et al. 2004]

As in nearly all programs, the reward r_t has the factor 1 in W_t, and not gamma^t. So if gamma < 1,
a policy gradient with W_t lacks the factor gamma^t of the occupancy, values (3).

In general a baseline makes the gradient biased if the baseline depends on the action a_t. The mean
(2) at step t of episode n depends on a_t, because W_{n,t} is one of its terms. With N = 1 the mean
is W itself, so the advantage W - b is zero. The module `advantages` has further baselines. It also
computes the bias that a baseline causes, and rejects an N that is too small for a baseline.
"""

import numpy as np

from metarl_min.basics.arguments import floats, real, require
from metarl_min.basics.trees import Array


def discounted_returns(rewards: Array, gamma: float) -> Array:
    """Return the return-to-go of each step, eq. (1). [..., T] -> [..., T]

    >>> discounted_returns(np.array([1.0, 0.0, 4.0]), gamma=0.5)
    array([2., 2., 4.])
    """
    require(floats("rewards", rewards).ndim > 0, "rewards must have an axis of steps", rewards)
    return returns_to_go(rewards, real("gamma", gamma, 0, 1))


def returns_to_go(rewards: Array, gamma: float) -> Array:
    """Return `discounted_returns`, without a check of the arguments."""
    W = np.array(rewards, dtype=float)
    for t in range(rewards.shape[-1] - 2, -1, -1):
        W[..., t] += gamma * W[..., t + 1]
    return W


def check_returns(returns: Array) -> Array:
    """Return `returns`. TypeError or ValueError unless they are finite floats [..., N, T]."""
    rule = "returns must have the axes [.., N, T]"
    require(floats("returns", returns).ndim > 1 and returns.size > 0, rule, returns.shape)
    return returns


def batch_mean_baseline(returns: Array) -> Array:
    """Return the mean over the episodes at each step, eq. (2). [..., N, T] -> [..., N, T]

    >>> batch_mean_baseline(np.array([[1.0, 10.0], [3.0, 20.0]]))
    array([[ 2., 15.],
           [ 2., 15.]])
    """
    return np.broadcast_to(check_returns(returns).mean(-2, keepdims=True), returns.shape)


def constant_baseline(value: float, returns: Array) -> Array:
    """Return a baseline that has the same `value` at every step. [..., N, T] -> [..., N, T]"""
    return np.full_like(floats("returns", returns), real("baseline", value))
