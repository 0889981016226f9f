"""One finite MDP, as a record of three arrays, and the optimum of a known task.

rho(s) is the probability that an episode starts in state s. Action a in state s leads to the next
state s' with probability P(s'|s,a). The mean reward of this step is r(s,a,s'). The average of
r(s,a,s') over the next state is r(s,a):

    (1)  r(s,a) = sum_s' P(s'|s,a) r(s,a,s')                                    [definition]

In this module, k is the number of steps to go. Q*_k(s,a) is the largest expected discounted return
of k steps that start with action a in state s:

    (2)  Q*_k(s,a) = r(s,a) + gamma sum_s' P(s'|s,a) max_a' Q*_{k-1}(s',a'),  Q*_0 = 0
                                                           [Sutton and Barto 2018, eq. 4.10]

A bandit is an MDP with one state and episodes of one step. A batch of M tasks is one MDP record
whose arrays have a leading axis [M].

Many modules use the functions that follow. `isbox(x)` is true if autograd traces x.
`require(condition, rule, got)` raises ValueError(f"{rule}, got {got}") unless the condition holds.
Other functions of `basics.arguments`, such as `whole` and `floats`, check one argument and return
it. `@checked(check)` calls `check` with the fields of each new record, and the record holds the
fields that `check` returns. Only the method `_make` of a record does not call `check`.
"""

from typing import Any, NamedTuple

import autograd.numpy as np
import numpy as onp
from autograd.tracer import isbox

from metarl_min.basics.arguments import (
    floats,
    indices,
    instance,
    probabilities,
    real,
    require,
    whole,
)
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Array

MAX_REWARD = 1e100  # limit of rewards, so that sums and squares of returns stay finite
MAX_COUNT = 10_000_000  # limit of the number of steps, episodes or tasks


def _leading(initial: Array, transition: Array, reward: Array) -> tuple[int, ...]:
    shapes = {initial.shape[:-1], transition.shape[:-3], reward.shape[:-3]}
    return shapes.pop() if len(shapes) == 1 else onp.broadcast_shapes(*shapes)


def _fit(initial: Any, transition: Any, reward: Any) -> bool:
    """Return whether the last axes of the three arrays fit together."""
    if min(initial.ndim - 1, transition.ndim - 3, reward.ndim - 3) < 0 or not transition.size:
        return False
    S, A, num_next = transition.shape[-3:]
    s, a, arrival = reward.shape[-3:]
    fits = initial.shape[-1] == S == num_next and initial.size and reward.size
    return bool(fits and s in (1, S) and a in (1, A) and arrival in (1, S))


def _check_shapes(*arrays: Any) -> None:
    """Raise a ValueError unless the shapes of the three arrays are those of an MDP."""
    names, rule = "initial, transition and reward", ""
    if not _fit(*arrays):
        rule = f"{names} must have shapes [..., S], [..., S, A, S], [..., S, A, S]"
    else:
        try:
            _leading(*arrays)
        except ValueError:
            rule = f"leading axes of {names} must be equal, 1 or missing"
    if rule:
        raise ValueError("{}, got {}, {} and {}".format(rule, *(x.shape for x in arrays)))


def _check(initial: Any, transition: Any, reward: Any) -> tuple[Any, Any, Any]:
    """Return the three arrays; TypeError or ValueError unless they are an MDP."""
    for name, array in (("initial", initial), ("transition", transition)):
        if not isbox(array):
            probabilities(name, array)
    if not isbox(reward):
        floats("reward", reward, -MAX_REWARD, MAX_REWARD)
    _check_shapes(initial, transition, reward)
    return initial, transition, reward


@checked(_check)
class MDP(NamedTuple):
    """One finite MDP, or a batch of them along leading axes.

    Each array has the leading axes of the batch. An exception is an array that all tasks share: its
    leading axes may have length 1 or be missing. TypeError if an array does not hold floats.
    ValueError if shapes do not fit, if probabilities are negative or do not sum to one, if a value
    is not finite, or if the size of a reward is above MAX_REWARD. If autograd traces an array, only
    the shape of this array is checked.

    >>> arms = onp.array([[[0.2], [0.9]]])  # one state, two actions, any next state
    >>> MDP(initial=onp.ones(1), transition=onp.ones((1, 2, 1)), reward=arms).shape
    (1, 2)
    """

    initial: Array  # [..., S] probability of the first state
    transition: Array  # [..., S, A, S] probability of the next state
    reward: Array  # [..., S, A, S] r(s,a,s'); an axis may have length 1 if r is constant along it

    @property
    def leading(self) -> tuple[int, ...]:
        """Shape of the leading axes: () for one MDP, (M,) for a batch of tasks."""
        return _leading(*self)

    @property
    def shape(self) -> tuple[int, int]:
        """(S, A)."""
        return self.transition.shape[-3:-1]


def plain(name: str, mdp: Any) -> MDP:
    """Return `mdp`; TypeError if it is not an MDP, or if autograd traces one of its arrays."""
    if not isinstance(mdp, MDP):
        raise TypeError(f"{name} must be an MDP of plain arrays, got {type(mdp).__name__}")
    if any(isbox(array) for array in mdp):
        raise TypeError(f"{name} must be an MDP of plain arrays, got one under a trace")
    return mdp


def _take(array: Array, index: Any) -> Array:
    """Return array[index] for an array [M, S, A, S]. An array that all tasks share is unchanged."""
    return array if array.ndim == 3 or len(array) == 1 else array[index]


def take_tasks(mdp: MDP, index: Any) -> MDP:
    """Return the tasks of a batch [M] at the positions `index` [n]. -> a batch [n]

    If all tasks of `mdp` share the transitions or the rewards, the new batch shares them too.
    `initial` always gets the axis [n], because one array must show the number of tasks.
    """
    leading = plain("mdp", mdp).leading
    require(len(leading) == 1, "mdp must have one axis of tasks", leading)
    index = onp.asanyarray(index)
    require(index.ndim == 1 and index.size > 0, "index must have one axis", index.shape)
    indices("index", index, leading[0])
    initial = onp.broadcast_to(mdp.initial, leading + mdp.initial.shape[-1:])[index]
    # A part of a valid batch is valid, so no check is needed.
    return MDP._make([initial, _take(mdp.transition, index), _take(mdp.reward, index)])


def absorbing(mdp: MDP) -> Array:
    """Return whether each state is absorbing: all actions stay there and pay 0. [..., S]"""
    if plain("mdp", mdp).reward.all():  # no reward is 0, so no state is absorbing
        leading = onp.broadcast_shapes(mdp.transition.shape[:-3], mdp.reward.shape[:-3])
        return onp.zeros((*leading, mdp.shape[0]), bool)
    stays = mdp.transition == onp.eye(mdp.shape[0])[:, None]
    # The reward of a transition with probability 0 is never paid, so the reward need not be 0.
    return (stays & ((mdp.reward == 0) | (mdp.transition == 0))).all((-1, -2))


def largest_reward(mdp: MDP) -> float:
    """Return the largest absolute mean reward of all transitions with a positive probability."""
    reward, possible = plain("mdp", mdp).reward, mdp.transition > 0
    axes = max(reward.ndim, possible.ndim)
    reward = reward.reshape((1,) * (axes - reward.ndim) + reward.shape)
    possible = possible.reshape((1,) * (axes - possible.ndim) + possible.shape)
    # Both arrays now have the same number of axes. If an axis of `reward` has length 1, one reward
    # belongs to several transitions. It can be paid if one of these transitions is possible.
    shared = tuple(axis for axis in range(axes) if reward.shape[axis] == 1)
    return float(onp.abs(onp.where(possible.any(shared, keepdims=True), reward, 0.0)).max())


def expected_rewards(mdp: MDP) -> Any:
    """Return the mean reward of each state and action, eq. (1). [..., S, A]"""
    _, P, r = instance("mdp", mdp, MDP)
    # The letters s, a and p name the axes of state, action and next state. Those axes of r that
    # have length 1 are removed. einsum forms no array [..., S, A, S] of products.
    kept = [axis for axis in (-3, -2, -1) if r.shape[axis] > 1]
    r = np.reshape(r, r.shape[:-3] + tuple(r.shape[axis] for axis in kept))
    return np.einsum(f"...sap,...{''.join('sap'[axis] for axis in kept)}->...sa", P, r)


def optimal_action_values(mdp: MDP, horizon: int, gamma: float = 1.0) -> Array:
    """Return Q* with T, T-1, .., 1 steps to go, eq. (2). [..., T, S, A]"""
    gamma = real("gamma", gamma, 0, 1)
    rewards = expected_rewards(plain("mdp", mdp))
    tables = [rewards]  # Q*_1, Q*_2, ..
    for _ in range(whole("horizon", horizon, high=MAX_COUNT) - 1):
        best = tables[-1].max(-1)[..., None, :, None]  # [..., 1, S, 1]
        tables.append(rewards + gamma * onp.matmul(mdp.transition, best)[..., 0])
    return onp.stack(tables[::-1], axis=-3)


def optimal_return(mdp: MDP, horizon: int, gamma: float = 1.0) -> Array:
    """Return J of the best policy. This policy may depend on the task and on the time. [...]

    >>> arms = onp.array([[[0.25], [0.75]]])
    >>> float(optimal_return(MDP(onp.ones(1), onp.ones((1, 2, 1)), arms), horizon=10))
    7.5
    """
    best = optimal_action_values(mdp, horizon, gamma)[..., 0, :, :].max(-1)
    return onp.sum(mdp.initial * best, axis=-1)
