"""Returns-to-go and baselines of sampled episodes. They are data, so nothing here is traced.

The return-to-go of step t is the discounted sum of the rewards from step t on:

    (1)  W_t = sum_{l>=0} gamma^l r_{t+l}                   [Sutton and Barto 2018, eq. 3.8]

A baseline b_t is subtracted from W_t to reduce the variance of a gradient. The baseline `mean` is
the mean over the N episodes of a data set:

    (2)  b_t = 1/N sum_n W_{n,t}                                       [Greensmith et al. 2004]

The baseline `linear` is a linear function of features of state and time, fitted to the returns:

    (3)  b = F w,  w = argmin |F w - W|^2 + ridge |w|^2                [Duan et al. 2016b, sec. 5]

In this module, F is the matrix of features and w its weights. Each step is a row of F:
(1{s_t = 0}, .., 1{s_t = S - 1}, x, x^2, x^3, 1) with x = t / 100. The rows of steps that are not
alive are zero, so these steps do not affect w. Duan et al. 2016b is arXiv 1604.06778.

The discount of W_t starts with gamma^0 at step t, as in practically all code. For gamma < 1 a
gradient from (1) therefore lacks the factor gamma^t of the occupancy, values (3).

A baseline that is computed from the same episodes as W makes the gradient biased, because b_t then
depends on the action a_t. With N = 1, the baseline (2) is W itself, so the advantage W - b is zero.
"""

import numpy as np

from metarl_min.basics.arguments import floats, real, require
from metarl_min.basics.trees import Array
from metarl_min.mdps.rollouts import Episodes

BASELINE_RULE = "baseline must be mean, linear or a finite number"


def discounted_returns(rewards: Array, gamma: float) -> Array:
    """Return the return-to-go of each step, eq. (1). [..., T] -> [..., T]

    >>> discounted_returns(np.array([1.0, 0.0, 4.0]), gamma=0.5)
    array([2., 2., 4.])
    """
    return returns_to_go(floats("rewards", rewards), real("gamma", gamma, 0, 1))


def returns_to_go(rewards: Array, gamma: float) -> Array:
    """Return the return-to-go of each step, eq. (1), without checking the arguments."""
    if gamma == 1.0:
        return np.cumsum(rewards[..., ::-1], axis=-1)[..., ::-1]
    W = np.array(rewards, dtype=float)
    for t in range(rewards.shape[-1] - 2, -1, -1):
        W[..., t] += gamma * W[..., t + 1]
    return W


def batch_mean_baseline(returns: Array) -> Array:
    """Return the mean over the episodes at each step, eq. (2). [..., N, T] -> [..., N, T]

    >>> batch_mean_baseline(np.array([[1.0, 10.0], [3.0, 20.0]]))
    array([[ 2., 15.],
           [ 2., 15.]])
    """
    return np.broadcast_to(returns.mean(-2, keepdims=True), returns.shape)


def linear_baseline(
    episodes: Episodes, returns: Array, num_states: int, ridge: float = 1e-5
) -> Array:
    """Return the linear function of state and time that fits the returns, eq. (3). [..., N, T]

    Each task has its own weights w.
    """
    require(real("ridge", ridge) > 0, "ridge must be positive", ridge)
    *leading, N, T = returns.shape
    x = np.broadcast_to(np.arange(T) / 100, returns.shape)
    time = np.stack([x, x**2, x**3, np.ones_like(x)], axis=-1)
    features = np.concatenate([np.eye(num_states)[episodes.states], time], axis=-1)
    features = (features * episodes.alive[..., None]).reshape(*leading, N * T, -1)
    transposed = np.swapaxes(features, -1, -2)
    gram = transposed @ features + ridge * np.eye(features.shape[-1])
    weights = np.linalg.solve(gram, transposed @ returns.reshape(*leading, N * T, 1))
    return (features @ weights).reshape(returns.shape)


def constant_baseline(value: float, returns: Array) -> Array:
    """Return the baseline that is `value` at every step. [..., N, T] -> [..., N, T]"""
    floats("returns", returns)
    return np.full_like(returns, real("baseline", value))


def check_baseline(value: str | float) -> str | float:
    """Return `value`. TypeError or ValueError unless it is mean, linear or a finite number."""
    if value in ("mean", "linear"):
        return value
    require(not isinstance(value, str), BASELINE_RULE, repr(value))
    return real("baseline", value)


def parse_baseline(word: str) -> str | float:
    """Return the baseline that a word of the command line names.

    >>> parse_baseline("mean"), parse_baseline("0.5")
    ('mean', 0.5)
    """
    try:
        return word if word in ("mean", "linear") else real("baseline", float(word))
    except ValueError:
        raise ValueError(f"{BASELINE_RULE}, got {word!r}") from None


def baseline(value: str | float, episodes: Episodes, returns: Array, num_states: int) -> Array:
    """Return the baseline at each step. [..., N, T]

    `value` is mean, linear or a number, as `check_baseline` accepts it.
    """
    if value == "mean":
        return batch_mean_baseline(returns)
    if value == "linear":
        return linear_baseline(episodes, returns, num_states)
    if isinstance(value, str) or not np.isfinite(value):
        check_baseline(value)  # raises the error
    return np.full_like(returns, value)
