"""Surrogates: functions of the logits whose gradient is a policy gradient. All are maximised.

    (1)  L(z) = 1/N sum_n sum_t log pi(a_t|s_t) A_t                  [Williams 1992, th. 1]
    (2)       = sum_{s,a} C(s,a) log pi(a|s),
         C(s,a) = 1/N sum_{n,t} A_t 1{s_t = s, a_t = a}              [derivation: collect terms]
    (3)  dL/dz(s,a) = C(s,a) - pi(a|s) sum_b C(s,b)                      [policies (4) on (2)]
    (4)  its derivative along v:  - (dpi/dz v)(s,a) sum_b C(s,b)             [derivative of (3)]
    (5)  dJ/dz(s,a) = pi(a|s) (g(s,a) - sum_b pi(b|s) g(s,b)),
         g = dJ/dpi of values (4)                                      [Sutton et al. 2000, th. 1]
    (6)  its derivative along v, with u = (dpi/dz) v and g' = values (5) along u:
         u (g - sum pi g) + pi (g' - sum u g - sum pi g')                    [derivative of (5)]

In (1) episodes and steps are traced; in (2) they were summed into a table before the trace, so
the cost of a gradient does not depend on N or T. The value of a surrogate means nothing, only its
gradient does: the advantages A are data.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import autograd.numpy as np
import numpy as onp
from autograd.extend import defvjp, primitive

from metarl_min.basics.arguments import require
from metarl_min.basics.trees import Array
from metarl_min.mdps import rollouts, values
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.policies import (
    log_softmax,
    log_softmax_pullback,
    softmax,
    softmax_pullback,
    sum_over_actions,
)
from metarl_min.mdps.rollouts import Episodes


@primitive
def at_visits(table: Array, episodes: Episodes) -> Array:
    """Entry of a table at each living step, 0 at the others; [..., S, A] -> [..., N, T]"""
    leading, axes = table.shape[:-2], episodes.states.shape[:-2]
    rule = f"logits and tables must have the leading axes of the episodes, {axes}"
    require(leading == axes, rule, leading)
    S = table.shape[-2]
    require(episodes.states.max(initial=0) < S, "the table must have all states", f"{S} of them")
    index = rollouts.visit_index(episodes, table.shape[-2:])
    return onp.where(episodes.alive, table.reshape(-1)[index], 0.0)


@primitive
def summed_visits(weights: Array, episodes: Episodes, shape: tuple[int, int]) -> Array:
    """Transpose of `at_visits`: rollouts (2), traced. [..., N, T] -> [..., S, A]"""
    return rollouts.sum_over_visits(episodes, weights, shape)


defvjp(at_visits, lambda ans, C, episodes: lambda g: summed_visits(g, episodes, np.shape(C)[-2:]))
defvjp(summed_visits, lambda ans, C, episodes, shape: lambda g: at_visits(g, episodes))


def reinforce_per_step(logits: Any, episodes: Episodes, advantages: Array) -> Any:
    """Surrogate summed step by step, eq. (1). [..., S, A], [..., N, T] -> [...]"""
    log_probs = at_visits(log_softmax(logits), episodes)
    return np.sum(log_probs * advantages, axis=(-1, -2)) / advantages.shape[-2]


def advantage_table(episodes: Episodes, advantages: Array, shape: tuple[int, int]) -> Array:
    """The statistic C of eq. (2). advantages [..., N, T] -> [..., S, A]"""
    return rollouts.sum_over_visits(episodes, advantages / advantages.shape[-2], shape)


def reinforce(logits: Any, C: Array) -> Any:
    """Surrogate from its sufficient statistic, eq. (2). [..., S, A] -> [...]"""
    return np.sum(C * log_softmax(logits), axis=(-1, -2))


def reinforce_gradient(logits: Any, C: Array) -> Any:
    """Gradient of the surrogate in the logits, eq. (3). [..., S, A]"""
    return log_softmax_pullback(softmax(logits), C)


def reinforce_hessian_product(logits: Array, v: Array, C: Array) -> Array:
    """Hessian of the surrogate in the logits, times v, eq. (4). [..., S, A]"""
    return -softmax_pullback(softmax(logits), v) * sum_over_actions(C)


def expected_return(logits: Any, problem: values.PreparedMDP) -> Any:
    """Expected return of the softmax policy, values (2). [..., S, A] -> [...]"""
    return values.value(values.broadcast(softmax(logits), problem), problem)


def expected_return_gradient(logits: Any, problem: values.PreparedMDP) -> Any:
    """Policy gradient in the logits, eq. (5). [..., S, A]"""
    probs = values.broadcast(softmax(logits), problem)
    return softmax_pullback(probs, values.gradient(probs, problem))


def expected_return_hessian_product(logits: Array, v: Array, problem: values.PreparedMDP) -> Array:
    """Hessian of the expected return in the logits, times v, eq. (6). [..., S, A]"""
    probs = values.broadcast(softmax(logits), problem)
    u = softmax_pullback(probs, v)
    g, dg = values.gradient_and_derivative(probs, u, problem)
    return u * (g - sum_over_actions(probs * g)) + probs * (
        dg - sum_over_actions(u * g + probs * dg)
    )


class Objective(NamedTuple):
    """A function of the logits [..., M, S, A], one value per task, with its derivatives."""

    num_tasks: int
    value: Callable[[Any], Any]  # logits -> [M]
    gradient: Callable[[Any], Any]  # logits -> [M, S, A]
    hessian_product: Callable[[Array, Array], Array]  # logits, v -> [M, S, A]


def expected_return_objective(tasks: MDP, horizon: int | None, gamma: float = 1.0) -> Objective:
    """The expected return on each task and its derivatives, eqs. (5) and (6)."""
    problem = values.prepare(tasks, horizon, gamma)
    require(len(problem.leading) == 1, "tasks must have one leading axis [M]", problem.leading)
    functions = expected_return, expected_return_gradient, expected_return_hessian_product
    return Objective(problem.leading[0], *(partial(f, problem=problem) for f in functions))


def reinforce_objective(C: Array) -> Objective:
    """The REINFORCE surrogate of each task and its derivatives, eqs. (2)-(4). C [..., M, S, A]"""
    require(C.ndim >= 3, "C must have shape [..., M, S, A]", C.shape)
    functions = reinforce, reinforce_gradient, reinforce_hessian_product
    return Objective(C.shape[-3], *(partial(f, C=C) for f in functions))
