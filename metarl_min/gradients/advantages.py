"""Baselines by name, and how much of the mean gradient is left with each of them.

The baseline `mean` is returns (2). A number is a constant baseline.
The baseline `linear` is a linear function of features of state and time, fitted to the returns of
the same episodes:

    (1)  b = F w,  w = argmin |F w - W|^2 + ridge |w|^2                [Duan et al. 2016b, sec. 5]

In this module, F is the matrix of features, and w holds the weight of each feature. Each step has a
row in F: (1{s_t = 0}, .., 1{s_t = S - 1}, x, x^2, x^3, 1) with x = t / 100. The rows of steps that
are not alive are zero, so these steps do not affect w. Duan et al. 2016b is arXiv 1604.06778.

The baseline `leave_one_out` of an episode is (2), the mean over the other episodes. The steps of a
task that are alive are called living steps. With the word `standardised`, the baseline is `mean`,
and W - b is divided by its root mean square over the living steps, as in (3). In this module, s_t
is a state, but s without an index is this root mean square:

    (2)  b_{n,t} = 1/(N - 1) sum_{n' != n} W_{n',t}                     [Kool et al. 2019, eq. 8]
    (3)  Adv_{n,t} = (W_{n,t} - b_t) / s,  s^2 = mean over living steps of (W_{n,t} - b_t)^2
                                                                                  [definition]

If at each step t all episodes have the same W_{n,t} up to round-off, then s has no meaning and the
advantages of (3) are zero.

Let g = 1/N sum_n sum_t (W - b) grad log pi(a_t|s_t) be the gradient of an inner step. A baseline
should not change E[g]. But if b_t depends on the action a_t, only a share of E[g] is left:

    (4)  E[g] = share E[g without a baseline],
         share = 1 for a number and for `leave_one_out`, 1 - 1/N for `mean`       [derivation]

    Steps of (4): the score of a_t is grad log pi(a_t|s_t), and its mean is zero. If a_t does not
    affect a quantity, the product of the quantity and the score has mean zero. A number is such a
    quantity, and W of another episode is one too.
    The baseline `mean` of episode n is W_{n,t}/N plus such quantities. So 1/N of E[g] is lost.

In this module, H is the matrix that turns the returns W into the baseline b of (1). H_nn is the
block of H for the T steps of episode n, so it says how the returns of episode n change the baseline
of episode n. |H_nn| is the largest eigenvalue of H_nn. c_n is a second baseline of episode n. It is
computed by (1) with weights w that are fitted to the other episodes only:

    (5)  b = H W,  H = F (F^T F + ridge I)^{-1} F^T,
         W_n - b_n = (I - H_nn) (W_n - c_n),
         mean over n of |H_nn| <= rank F / N,  rank F <= S + min(T - 1, 3)         [derivation]

    Steps of (5): let W' be W with c_n in the place of W_n. The fit to the other episodes is then
    also the best fit to W', because episode n adds no error. So in episode n, H W' is c_n, and H W
    is b_n. W and W' differ only in episode n, by W_n - c_n. Therefore
    b_n - c_n = H_nn (W_n - c_n).
    The eigenvalues of H are from 0 to 1, and at most rank F of them are not zero. So the trace of
    H, which is the sum of the traces of all H_nn, is at most rank F. The eigenvalues of H_nn are
    not negative, so |H_nn| is at most the trace of H_nn.
    The columns of the states have at most rank S. Their sum is the last column, so the last column
    adds nothing. x, x^2 and x^3 depend only on t, and are zero at t = 0. Functions of t that are
    zero at t = 0 have T - 1 free values. So the three columns add at most T - 1 to the rank, and at
    most 3.

The action a_t affects neither s_t nor another episode, so c_n does not change E[g]. The advantages
W_n - c_n are a vector. In (5), I - H_nn multiplies this vector, which loses at most the share
|H_nn| of its length. If N is twice the bound of rank F, at most half of the length is lost, on
average over the episodes. (5) is a bound on advantages: E[g] at a state that few episodes visit can
lose more than the average. If T = 1, H_nn is a number that depends only on the states. Given the
states, the term of episode n in E[g] is then multiplied by 1 - H_nn.

With `standardised`, the baseline is `mean`, so the share 1 - 1/N is left. Then g is divided by s.
Since s depends on the actions too, E[g] changes its length, and in general also its direction.
Because of s, the length of a step does not depend on the unit of the rewards.

With N = 1, a policy could not adapt with these baselines: `mean` is W itself, `leave_one_out` is
the mean of no episode, and, if T = 1, `linear` fits W almost exactly. `require_enough_data` refuses
a data set if the share in (4) is below one half, if the bound of |H_nn| in (5) is above one half,
or if `leave_one_out` has no other episode.
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
    """Return s of eq. (3), or infinity if s is only round-off. [..., N, T] -> [..., 1, 1]

    After a division by infinity, the advantages are zero. The weight of a step is 0 if the step is
    not alive. Otherwise the weight is the number of times that the episode of the step occurs in
    the data set. `largest` [..., 1, 1] is the largest absolute return of a task. The function
    trusts its arguments.
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
    """Raise a ValueError if a data set has too few episodes for the baseline `value`.

    The share in eq. (4) must be at least 1/2, and the bound in eq. (5) at most 1/2. `name` is
    the name of the setting that holds the number of episodes. The function trusts its arguments.
    """
    if value == "linear":
        columns = num_states + min(horizon - 1, 3)  # the bound of rank F
        least, why = 2 * columns, f", twice the number of independent columns of its fit, {columns}"
    else:
        least, why = (2 if value in NAMES else 1), ""
    rule = f"{name} must be at least {least} where baseline is {value}{why}"
    require(num_episodes >= least, rule, num_episodes)


def by_name(value: str | float, episodes: Episodes, returns: Array, num_states: int) -> Array:
    """Return the advantages: eq. (3) with `standardised`, otherwise W - b. [..., N, T]

    `value` is one of NAMES or a number. The function trusts its arguments.
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
