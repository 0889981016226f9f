"""Baselines by name, and the share of an advantage that each of them takes away.

The baseline `mean` is returns (2), and a number is the same at every step. The baseline `linear` is
a linear function of features of state and time, fitted to the returns of the same episodes:

    (1)  b = F w,  w = argmin |F w - W|^2 + ridge |w|^2                [Duan et al. 2016b, sec. 5]

In this module, F is the matrix of features and w its weights. Each step is a row of F:
(1{s_t = 0}, .., 1{s_t = S - 1}, x, x^2, x^3, 1) with x = t / 100. The rows of steps that are not
alive are zero, so these steps do not affect w. Duan et al. 2016b is arXiv 1604.06778.

The baseline `leave_one_out` of an episode is the mean over the other episodes. `standardised`
advantages have the baseline returns (2), and are divided by their standard deviation s over the
living steps of a task:

    (2)  b_{n,t} = 1/(N - 1) sum_{n' != n} W_{n',t}                     [Kool et al. 2019, eq. 8]
    (3)  Adv_{n,t} = (W_{n,t} - b_t) / s,  s^2 = mean over living steps of (W_{n,t} - b_t)^2
                                                                                  [definition]

Where all W_{n,t} are equal up to round-off, s has no meaning and the advantages of (3) are zero.

g is the gradient of the surrogate, objectives (1). A baseline that depends on the action a_t takes
away a share of the mean of g, which a baseline should not change:

    (4)  E[g] = share E[g without a baseline],
         share = 1 for a number and for (2), 1 - 1/N for returns (2)              [derivation]
    (5)  mean share of (1) >= 1 - rank F / (N T),  rank F <= S + min(T - 1, 3)    [derivation]

    Steps of (4): a quantity that is not affected by a_t has a product of mean zero with the score
    of a_t. A number is such a quantity, and so is W of another episode.
    returns (2) is W/N of the own episode plus such quantities, so it takes away the share 1/N.
    Steps of (5): the fit is b = H W with H = F (F^T F + ridge I)^{-1} F^T. For given states,
    the part of b that is the own W has the weight H_ii, so step i keeps the share 1 - H_ii.
    The sum of the H_ii is the trace of H. Each eigenvalue of H is at most 1, and at most rank F of
    them are not zero. So the trace is at most rank F.
    The columns of the states sum to the last column, and x takes T values, one of them zero.

(3) takes away the same share as returns (2). Then it divides by s, which depends on the actions
too. So the mean has neither the length of E[g] nor exactly its direction. In return the length of a
step depends on the unit of the rewards no longer.

With N = 1, returns (2) is W itself, (2) has no other episode, and (1) fits nearly every W. Nothing
would adapt. `require_enough_data` refuses a baseline that may take more than half of E[g].
"""

from __future__ import annotations

import numpy as np

from metarl_min.basics.arguments import instance, real, require, shaped, truths, whole
from metarl_min.basics.trees import Array
from metarl_min.gradients.returns import batch_mean_baseline, check_returns
from metarl_min.mdps.mdp import MAX_COUNT
from metarl_min.mdps.rollouts import Episodes

NAMES = ("mean", "leave_one_out", "standardised", "linear")
RULE = f"baseline must be {', '.join(NAMES)} or a finite number"
ROUND_OFF = 1e-12  # returns that differ by less, relative to the largest, count as equal


def linear_baseline(
    episodes: Episodes, returns: Array, num_states: int, ridge: float = 1e-5
) -> Array:
    """Return the linear function of state and time that fits the returns, eq. (1). [..., N, T]

    Each task has its own weights w.
    """
    ridge = real("ridge", ridge)
    require(ridge > 0, "ridge must be positive", ridge)
    s = instance("episodes", episodes, Episodes).states
    *leading, N, T = check_returns(returns).shape
    num_states = whole("num_states", num_states, high=MAX_COUNT)
    shaped("returns", returns, s.shape, "the episodes")
    require(s.max() < num_states, f"states must be below num_states = {num_states}", s.max())
    x = np.broadcast_to(np.arange(T) / 100, returns.shape)
    time = np.stack([x, x**2, x**3, np.ones_like(x)], axis=-1)
    features = np.concatenate([np.eye(num_states)[s], time], axis=-1)
    features = (features * episodes.alive[..., None]).reshape(*leading, N * T, -1)
    transposed = np.swapaxes(features, -1, -2)
    gram = transposed @ features + ridge * np.eye(features.shape[-1])
    weights = np.linalg.solve(gram, transposed @ returns.reshape(*leading, N * T, 1))
    return (features @ weights).reshape(returns.shape)


def leave_one_out_baseline(returns: Array) -> Array:
    """Return the mean over the other episodes at each step, eq. (2). [..., N, T] -> [..., N, T]

    >>> leave_one_out_baseline(np.array([[1.0], [2.0], [6.0]])).ravel().tolist()
    [4.0, 3.5, 1.5]
    """
    N = check_returns(returns).shape[-2]
    require(N > 1, "leave_one_out must have at least 2 episodes", N)
    return (returns.sum(-2, keepdims=True) - returns) / (N - 1)


def standard_deviation(differences: Array, weights: Array, largest: Array) -> Array:
    """Return s of eq. (3), and infinity where it is round-off. [..., N, T] -> [..., 1, 1]

    `weights` are 1 for living steps and 0 for others; an episode that occurs several times counts
    as often. `largest` is the largest absolute return [..., 1, 1]. It trusts its arguments.
    """
    relative = differences / np.where(largest > 0, largest, 1.0)  # its squares do not overflow
    squares = (weights * relative**2).sum((-1, -2), keepdims=True)
    s = np.sqrt(squares / weights.sum((-1, -2), keepdims=True))
    return np.where(s > ROUND_OFF, s * largest, np.inf)


def standardised_advantages(returns: Array, alive: Array) -> Array:
    """Return the advantages of eq. (3). [..., N, T] -> [..., N, T]

    >>> W = np.array([[1.0], [2.0], [3.0]])
    >>> standardised_advantages(W, alive=np.full((3, 1), True)).ravel().round(4).tolist()
    [-1.2247, 0.0, 1.2247]
    """
    N = check_returns(returns).shape[-2]
    require(N > 1, "standardised must have at least 2 episodes", N)
    shaped("alive", truths("alive", alive), returns.shape, "the returns")
    require(bool(alive.any((-1, -2)).all()), "each task must have a living step", "none")
    differences = returns - batch_mean_baseline(returns)
    largest = np.abs(returns).max((-1, -2), keepdims=True)
    return differences / standard_deviation(differences, alive, largest)


def check(value: str | float) -> str | float:
    """Return `value`. TypeError or ValueError unless it is one of NAMES or a finite number."""
    if isinstance(value, str):
        require(value in NAMES, RULE, repr(value))
        return value
    return real("baseline", value)


def parse(word: str) -> str | float:
    """Return the baseline that a word of the command line names.

    >>> parse("mean"), parse("0.5")
    ('mean', 0.5)
    """
    try:
        return word if instance("baseline", word, str) in NAMES else real("baseline", float(word))
    except ValueError:
        raise ValueError(f"{RULE}, got {word!r}") from None


def require_enough_data(
    value: str | float, name: str, num_episodes: int, horizon: int, num_states: int
) -> None:
    """Raise a ValueError if the baseline may take more than half of E[g], eqs. (4) and (5).

    `name` is the name of the setting that holds the number of episodes. It trusts its arguments.
    """
    if value == "linear":
        columns = num_states + min(horizon - 1, 3)
        least = -(-2 * columns // horizon)  # rounded up
        why = f" (columns of the fit: {columns}, steps of an episode: {horizon})"
    else:
        least, why = (2 if value in NAMES else 1), ""
    rule = f"{name} must be at least {least} where baseline is {value}{why}"
    require(num_episodes >= least, rule, num_episodes)


def by_name(value: str | float, episodes: Episodes, returns: Array, num_states: int) -> Array:
    """Return W - b of each step, or eq. (3). [..., N, T]

    `value` is one of NAMES or a number, as `check` accepts it. It trusts its arguments.
    """
    if not isinstance(value, str):
        return returns - value
    if value == "mean":
        return returns - batch_mean_baseline(returns)
    if value == "leave_one_out":
        return returns - leave_one_out_baseline(returns)
    if value == "standardised":
        return standardised_advantages(returns, episodes.alive)
    check(value)
    return returns - linear_baseline(episodes, returns, num_states)
