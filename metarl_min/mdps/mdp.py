"""The finite MDP: a value of three arrays, valid from the moment it exists.

    (1)  r(s,a) = sum_s' P(s'|s,a) R(s,a,s')                                    [definition]
    (2)  Q*_k(s,a) = r(s,a) + gamma sum_s' P(s'|s,a) max_a' Q*_{k-1}(s',a'), with k steps to go
                                                           [Sutton and Barto 2018, eq. 4.10]

A bandit has one state; a batch of M tasks is the same arrays with a leading axis [M].
"""

from typing import Any, NamedTuple

import autograd.numpy as np
import numpy as onp
from autograd.tracer import isbox

from metarl_min.basics.arguments import floats, probabilities, real, require, whole
from metarl_min.basics.trees import Array


class _Arrays(NamedTuple):
    initial: Array  # [..., S] probability of the first state
    transition: Array  # [..., S, A, S] probability of the arrival
    reward: Array  # [..., S, A, S] mean reward; an axis of length 1 where it does not matter


class MDP(_Arrays):
    """One finite MDP, or a batch of them along leading axes; valid from the moment it exists.

    Leading axes are equal or 1 (shared by all tasks). ValueError on shapes that do not fit, rows
    that are not probabilities, values that are not finite. Arrays under a trace are taken as is.
    """

    __slots__ = ()

    def __new__(cls, initial: Array, transition: Array, reward: Array) -> "MDP":
        if not any(isbox(array) for array in (initial, transition, reward)):
            _check(initial, transition, reward)
        return super().__new__(cls, initial, transition, reward)

    def _replace(self, **new: Array) -> "MDP":  # that of a NamedTuple would not check
        return MDP(**{**self._asdict(), **new})

    @property
    def leading(self) -> tuple[int, ...]:
        """Shape of the leading axes: () for one MDP, (M,) for a batch of tasks."""
        return _leading(*self)

    @property
    def shape(self) -> tuple[int, int]:
        """(S, A)."""
        return self.transition.shape[-3:-1]


def _leading(initial: Array, transition: Array, reward: Array) -> tuple[int, ...]:
    return onp.broadcast_shapes(initial.shape[:-1], transition.shape[:-3], reward.shape[:-3])


def _check(initial: Array, transition: Array, reward: Array) -> None:
    probabilities("initial", initial)
    probabilities("transition", transition)
    floats("reward", reward)
    shapes = f"{initial.shape}, {transition.shape} and {reward.shape}"
    names, axes = "initial, transition and reward", "[..., S], [..., S, A, S], [..., S, A, S]"
    rule = f"{names} must have shapes {axes}"
    fits = min(initial.ndim - 1, transition.ndim - 3, reward.ndim - 3) >= 0
    require(fits and min(initial.size, transition.size, reward.size) > 0, rule, shapes)
    S, A, arrivals = transition.shape[-3:]
    trailing = all(r in (1, n) for r, n in zip(reward.shape[-3:], (S, A, S), strict=True))
    require(initial.shape[-1] == S == arrivals and trailing, rule, shapes)
    try:
        _leading(initial, transition, reward)
    except ValueError:
        raise ValueError(f"leading axes of {names} must be equal or 1, got {shapes}") from None


def take_tasks(mdp: MDP, index: Any) -> MDP:
    """Return the tasks `index` [n] of a batch [M]; arrays of length 1 stay shared by all tasks."""
    require(len(mdp.leading) == 1, "mdp must have one axis of tasks", mdp.leading)
    require(onp.ndim(index) == 1, "index must have one axis", onp.shape(index))
    initial = onp.broadcast_to(mdp.initial, mdp.leading + mdp.initial.shape[-1:])[index]
    return MDP._make([initial, *(x if len(x) == 1 else x[index] for x in mdp[1:])])


def absorbing(mdp: MDP) -> Array:
    """Whether every action stays and pays 0. [..., S]"""
    stays = mdp.transition == onp.eye(mdp.shape[0])[:, None]
    return (stays & ((mdp.reward == 0) | (mdp.transition == 0))).all((-1, -2))


def expected_rewards(mdp: MDP) -> Any:
    """Mean reward of each state and action, eq. (1). [..., S, A]"""
    return np.sum(mdp.transition * mdp.reward, axis=-1)


def optimal_action_values(mdp: MDP, horizon: int, gamma: float = 1.0) -> Array:
    """Q* with H, H-1, .., 1 steps to go, eq. (2). [..., H, S, A]"""
    real("gamma", gamma, 0, 1)
    rewards = expected_rewards(mdp)
    layers = [rewards]
    for _ in range(whole("horizon", horizon) - 1):
        arrivals = onp.matmul(mdp.transition, layers[-1].max(-1)[..., None, :, None])[..., 0]
        layers.append(rewards + gamma * arrivals)
    return onp.stack(layers[::-1], axis=-3)


def optimal_return(mdp: MDP, horizon: int, gamma: float = 1.0) -> Array:
    """Expected return of the best policy for the known task, time-dependent. [...]"""
    best = optimal_action_values(mdp, horizon, gamma)[..., 0, :, :].max(-1)
    return onp.sum(mdp.initial * best, axis=-1)
