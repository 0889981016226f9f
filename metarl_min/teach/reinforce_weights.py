"""Assignment 3, second half: REINFORCE, and wrong weights of the scores.

N episodes of T steps give an estimate of the gradient of J, the expected return. A baseline b is
subtracted from the return-to-go W, returns (1):

    (1)  g = 1/N sum_n sum_t gamma^t (W_{n,t} - b_{n,t}) grad log pi(a_{n,t}|s_{n,t})
                                                       [Sutton and Barto 2018, sec. 13.4]

The factor gamma^t belongs to the discounted J: it is in the occupancy d_t, values (3). The student
writes one estimator for each of two baselines. `critic_baseline` uses a table q [S, A], and
`others_baseline` computes advantages (2).

Most mistakes have other weights in the place of gamma^t (W - b). Each entry of WEIGHTS has three
parts: a function from a `Batch` to such weights, the text for the student, and the equation.

The functions of `reinforce_weights` trust their arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.trees import Array
from metarl_min.gradients.returns import returns_to_go

EQUATION = "reinforce_weights (1)"


class Batch(NamedTuple):
    """The arguments of an estimator, and the arrays that it computes first."""

    theta: Array  # [S, A]
    states: Array  # [N, T]
    actions: Array  # [N, T]
    rewards: Array  # [N, T]
    gamma: float
    W: Array  # [N, T] returns-to-go
    b: Array  # [N, T] baseline
    discount: Array  # [T] gamma^t


Baseline = Callable[..., Array]  # of the arguments of the student's function -> [N, T]


def policy(theta: Array) -> Array:
    """Return the probabilities of a softmax policy for logits that are not large. [S, A]

    This plain form is faster than `policies.softmax`, and it runs for every list of episodes.
    """
    weights = np.exp(theta)
    return np.asarray(weights / weights.sum(-1, keepdims=True))


def critic_baseline(
    theta: Array, states: Array, actions: Array, rewards: Array, gamma: float, q: Array
) -> Array:
    """Return b(s_t) = sum_a pi(a|s_t) q(s_t,a). [N, T]"""
    return np.asarray((policy(theta) * q).sum(-1)[states])


def others_baseline(
    theta: Array, states: Array, actions: Array, rewards: Array, gamma: float
) -> Array:
    """Return the mean return-to-go of the other episodes, advantages (2). [N, T]"""
    W = returns_to_go(rewards, gamma)
    return np.asarray((W.sum(0) - W) / (len(W) - 1))


def batch_of(baseline: Baseline, arguments: tuple[Any, ...]) -> Batch:
    """Return the batch of the arguments of the student's function."""
    theta, states, actions, rewards, gamma = arguments[:5]
    W, b = returns_to_go(rewards, gamma), baseline(*arguments)
    discount = gamma ** np.arange(rewards.shape[1])
    return Batch(theta, states, actions, rewards, gamma, W, b, discount)


def right_weights(x: Batch) -> Array:
    """Return gamma^t (W - b), the weights of eq. (1). [N, T]"""
    return np.asarray(x.discount * (x.W - x.b))


def counts(x: Batch, weights: Array) -> Array:
    """Return 1/N times the sum of the weights of each pair of state and action. [S, A]"""
    C = np.zeros_like(x.theta)
    np.add.at(C, (x.states, x.actions), weights / len(weights))
    return C


def gradient(x: Batch, weights: Array) -> Array:
    """Return 1/N sum_n sum_t weights[n, t] grad log pi(a_{n,t}|s_{n,t}), objectives (3). [S, A]"""
    C = counts(x, weights)
    return np.asarray(C - policy(x.theta) * C.sum(-1, keepdims=True))


def estimate(baseline: Baseline, *arguments: Any) -> Array:
    """Return g of eq. (1), for the arguments of the student's function. [S, A]"""
    x = batch_of(baseline, arguments)
    return gradient(x, right_weights(x))


def _step_late(x: Batch) -> Array:
    late = np.concatenate([x.W[:, 1:], 0 * x.W[:, :1]], axis=1)
    return x.discount * (late - x.b)


def _undiscounted(x: Batch) -> Array:
    return returns_to_go(x.rewards, 1.0) - x.b


def standardised(x: Array) -> Array:
    """Return the numbers, shifted and scaled to mean 0 and standard deviation 1."""
    return np.asarray((x - x.mean()) / (x.std() + 1e-8))


def _only(x: Batch, episodes: Any, steps: Any, factor: float) -> Array:
    chosen = np.zeros_like(x.W)
    chosen[episodes, steps] = factor
    return chosen * right_weights(x)


ALL = slice(None)
Weights = tuple[Callable[[Batch], Array], str, str]
WEIGHTS: dict[str, Weights] = {  # name -> weights [N, T], what the student is told, equation
    "sum for mean": (
        lambda x: len(x.W) * right_weights(x),
        "This is N times the gradient. J is a mean over the episodes.",
        EQUATION,
    ),
    "the mean over episodes and steps": (
        lambda x: right_weights(x) / x.W.shape[1],
        "This is the gradient divided by T. The return is a sum over the steps.",
        EQUATION,
    ),
    "wrong sign": (
        lambda x: -right_weights(x),
        "Your result has the opposite sign. J is maximised.",
        EQUATION,
    ),
    "gamma^t is missing": (
        lambda x: x.W - x.b,
        "The return-to-go counts rewards from step t, but J discounts them from step 0.",
        "values (3)",
    ),
    "gamma^t twice": (
        lambda x: x.discount * right_weights(x),
        "In J, the reward of step l has the factor gamma^l. In your result it has a further "
        "factor gamma^t, where t is the step of the score.",
        EQUATION,
    ),
    "gamma is ignored": (_undiscounted, "This is the gradient for gamma = 1.", "returns (1)"),
    "the reward of the step is missing": (
        lambda x: x.discount * (x.W - x.rewards - x.b),
        "The action of step t affects the reward of step t too, and your sum starts later.",
        "returns (1)",
    ),
    "the return-to-go of the next step": (
        _step_late,
        "The return-to-go is off by one: you use W_{t+1} for the action of step t.",
        "returns (1)",
    ),
    "the reward of the step only": (
        lambda x: x.discount * (x.rewards - x.b),
        "The action of step t affects later rewards too. Rewards before t have no effect on the "
        "expectation.",
        "returns (1)",
    ),
    "standardised advantages": (
        lambda x: x.discount * standardised(x.W - x.b),
        "The expectation is no multiple of the gradient: the mean and the deviation of the "
        "advantages depend on the actions.",
        "advantages (3)",
    ),
    "standardised advantages, and gamma^t is missing": (
        lambda x: standardised(x.W - x.b),
        "Two mistakes: the mean and the deviation of the advantages depend on the actions, and J "
        "discounts rewards from step 0.",
        "advantages (3)",
    ),
    "the first step only": (
        lambda x: _only(x, ALL, 0, 1.0),
        "The actions of the later steps have no effect. Look at the sum over the steps.",
        EQUATION,
    ),
    "the last step only": (
        lambda x: _only(x, ALL, -1, 1.0),
        "The actions of the earlier steps have no effect. Look at the sum over the steps.",
        EQUATION,
    ),
    "the first episode only": (
        lambda x: _only(x, 0, ALL, len(x.W)),
        "This is an estimate of the gradient in the first task. Look at the sum over the episodes.",
        EQUATION,
    ),
    "the last episode only": (
        lambda x: _only(x, -1, ALL, len(x.W)),
        "This is an estimate of the gradient in the last task. Look at the sum over the episodes.",
        EQUATION,
    ),
    "the gradient through the sampling": (
        lambda x: 0 * x.W,
        "The expectation is zero. The sampled rewards are numbers that do not depend on theta, so "
        "their derivative is zero.",
        EQUATION,
    ),
}
