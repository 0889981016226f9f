"""Returns, baselines and advantages of sampled episodes: data, never traced.

    (1)  W_t = sum_{l>=0} gamma^l r_{t+l}                   [Sutton and Barto 2018, eq. 3.8]
    (2)  batch mean: b_t = 1/N sum_n W_{n,t}                           [Greensmith et al. 2004]
    (3)  time-dependent linear: b = F w, w = argmin |F w - W|^2 + ridge |w|^2, with rows
         F = (1{s}, t, t^2, t^3, 1), t in hundreds of steps      [Duan et al. 2016b, sec. 5]
    (4)  A_t = sum_{l>=0} (gamma lambda)^l delta_{t+l},
         delta_t = r_t + gamma v(s_{t+1}) - v(s_t)         [Schulman et al. 2016, eqs. 11, 16]

W is the reward-to-go without gamma^t, as in practically all code: for gamma < 1 the resulting
gradient drops the factor gamma^t of values (3). Whatever of the data enters a baseline makes the
gradient biased; (2) with N = 1 leaves nothing. Duan et al. 2016b is arXiv 1604.06778.
"""

import numpy as np

from metarl_min.basics.arguments import floats, real, require
from metarl_min.basics.trees import Array
from metarl_min.mdps.rollouts import Episodes

BASELINE = "baseline must be mean, linear or a finite number"


def _discounted_sums(x: Array, factor: float) -> Array:
    """sum_{l>=0} factor^l x_{t+l} along the last axis."""
    if factor == 1.0:
        return np.cumsum(x[..., ::-1], axis=-1)[..., ::-1]
    sums = np.array(x, dtype=float)
    for t in range(x.shape[-1] - 2, -1, -1):
        sums[..., t] += factor * sums[..., t + 1]
    return sums


def discounted_returns(rewards: Array, gamma: float) -> Array:
    """Return from each step on, eq. (1). [..., T] -> [..., T]

    >>> discounted_returns(np.array([1.0, 0.0, 4.0]), gamma=0.5)
    array([2., 2., 4.])
    """
    floats("rewards", rewards)
    return _discounted_sums(rewards, real("gamma", gamma, 0, 1))


def constant_baseline(value: float, returns: Array) -> Array:
    """The same number at every step; 0 is no baseline. [..., N, T] -> [..., N, T]"""
    floats("returns", returns)
    return np.full_like(returns, real("baseline", value))


def batch_mean_baseline(returns: Array) -> Array:
    """Mean over the episodes at each step, eq. (2). [..., N, T] -> [..., N, T]"""
    return np.broadcast_to(returns.mean(-2, keepdims=True), returns.shape)


def linear_baseline(
    episodes: Episodes, returns: Array, num_states: int, ridge: float = 1e-5
) -> Array:
    """Regression of the returns on state and time, one per task, eq. (3). [..., N, T]"""
    require(real("ridge", ridge) > 0, "ridge must be positive", ridge)
    *leading, N, T = returns.shape
    t = np.broadcast_to(np.arange(T) / 100, returns.shape)
    time = np.stack([t, t**2, t**3, np.ones_like(t)], axis=-1)
    features = np.concatenate([np.eye(num_states)[episodes.states], time], axis=-1)
    features = (features * episodes.alive[..., None]).reshape(*leading, N * T, -1)
    transposed = np.swapaxes(features, -1, -2)
    gram = transposed @ features + ridge * np.eye(features.shape[-1])
    weights = np.linalg.solve(gram, transposed @ returns.reshape(*leading, N * T, 1))
    return (features @ weights).reshape(returns.shape)


def gae(rewards: Array, values: Array, gamma: float, gae_lambda: float) -> Array:
    """Advantages by eq. (4). rewards [..., T], values [..., T + 1] -> [..., T]

    The last value stands for what follows the last step: 0 where the episode has ended there.
    """
    floats("rewards", rewards)
    floats("values", values)
    rule = f"values must have one step more than rewards {rewards.shape}"
    require(values.shape == (*rewards.shape[:-1], rewards.shape[-1] + 1), rule, values.shape)
    real("gae_lambda", gae_lambda, 0, 1)
    delta = rewards + real("gamma", gamma, 0, 1) * values[..., 1:] - values[..., :-1]
    return _discounted_sums(delta, gamma * gae_lambda)


def baseline_name(text: str) -> str | float | None:
    """Read `mean`, `linear` or a number; empty is None: left to the family."""
    if text in ("mean", "linear"):
        return text
    try:
        return real("baseline", float(text)) if text else None
    except ValueError:
        raise ValueError(f"{BASELINE}, got {text!r}") from None


def baseline(name: str | float, episodes: Episodes, returns: Array, num_states: int) -> Array:
    """Return the baseline called `mean` or `linear`, or a constant. [..., N, T]"""
    if name == "mean":
        return batch_mean_baseline(returns)
    if name == "linear":
        return linear_baseline(episodes, returns, num_states)
    require(not isinstance(name, str), BASELINE, repr(name))
    return constant_baseline(float(name), returns)
