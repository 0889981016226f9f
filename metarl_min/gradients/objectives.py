"""Objectives in the logits: surrogates of sampled episodes, and the exact expected return.

A surrogate is a function whose gradient is a policy gradient. The value of a surrogate has no
meaning. In a surrogate the advantages Adv = W - b are constants. A step of an episode is
alive if no earlier step has arrived in an absorbing state. n counts the N episodes of a data set on
one task, t counts the steps of an episode that are alive, and z are the logits:

    (1)  L(z) = 1/N sum_n sum_t Adv_{n,t} log pi(a_{n,t}|s_{n,t})         [Williams 1992, th. 1]
    (2)  L(z) = sum_{s,a} C(s,a) log pi(a|s),
         C(s,a) = 1/N sum_n sum_t Adv_{n,t} 1{s_{n,t} = s, a_{n,t} = a}             [derivation]

    Steps of (2): log pi(a_t|s_t) is the sum over all s and a of 1{s_t = s, a_t = a} log pi(a|s).
    Put this sum into (1) and exchange the sums. The factor of log pi(a|s) is then C(s,a).

In this module, C contains the factor 1/N: it is rollouts (2) with c = Adv / N. C is computed before
autograd traces (2), so the cost of a gradient of (2) does not depend on N and T. In (1), autograd
traces every step.

    (3)  dL/dz(s,a) = C(s,a) - pi(a|s) sum_a' C(s,a')                 [policies (4) with u = C]

The logits move along v, and `delta x` is the derivative of a quantity x along v. So delta pi is
(dpi/dz) v. Policies (3) is (dpi/dz)^T u, and the Jacobian dpi/dz is symmetric. So policies (3) with
u = v gives delta pi(a|s) = pi(a|s) (v(s,a) - sum_a' pi(a'|s) v(s,a')).

    (4)  (Hess L v)(s,a) = - delta pi(a|s) sum_a' C(s,a')                     [derivative of (3)]

    Steps of (4): C does not depend on z, so only pi changes in (3).

Let g = dJ/dpi be the gradient of the expected return J in the probabilities, values (4):

    (5)  dJ/dz(s,a) = pi(a|s) (g(s,a) - sum_a' pi(a'|s) g(s,a'))  [Sutton et al. 2000, th. 1]
    (6)  (Hess J v)(s,a) = q(s,a) - pi(a|s) sum_a' q(s,a'),  q = delta pi y + pi delta g,
         y(s,a) = g(s,a) - sum_a' pi(a'|s) g(s,a')                            [derivative of (5)]

    Steps of (5): policies (3) with u = g.
    Steps of (6): (5) is pi y, so the derivative of (5) along v is delta pi y + pi delta y.
    The sum in y has the derivative x = sum_a' (delta pi g + pi delta g). So delta y = delta g - x,
    and the derivative of (5) is q - pi x.
    In a state, g - y is the same for all actions, and sum_a' delta pi = 0. So sum_a' delta pi g
    is equal to sum_a' delta pi y. Therefore x = sum_a' q.
    g is the gradient of J in pi, so delta g is the Hessian of J in pi times delta pi, values (5).
"""

from functools import partial
from typing import Any

import autograd.numpy as np
import numpy as onp
from autograd.extend import defvjp, primitive

from metarl_min.basics.arguments import floats, indices, instance, require, shaped
from metarl_min.basics.trees import Array
from metarl_min.gradients.objective import Objective
from metarl_min.mdps import prepared_mdps, rollouts, values
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.policies import (
    Derivatives,
    log_softmax,
    log_softmax_curvature,
    log_softmax_derivatives,
    log_softmax_pullback,
    softmax,
    softmax_pullback,
    sum_over_actions,
)
from metarl_min.mdps.prepared_mdps import PreparedMDP
from metarl_min.mdps.rollouts import Episodes


@primitive
def at_visits(table: Array, episodes: Episodes) -> Array:
    """Return the entry of a table at each step that is alive, and 0 at the other steps.

    Autograd may trace the table. ValueError if the table has other leading axes than the episodes,
    or too few states. The function checks nothing else. [..., S, A] -> [..., N, T]
    """
    leading, axes = table.shape[:-2], episodes.states.shape[:-2]
    rule = f"logits and tables must have the leading axes of the episodes, {axes}"
    require(leading == axes, rule, leading)
    S, last = table.shape[-2], episodes.states.max(initial=0)
    require(last < S, f"states of the episodes must be below {S}, the rows of the table", last)
    index = rollouts.visit_index(episodes, table.shape[-2:])
    return onp.where(episodes.alive, table.reshape(-1)[index], 0.0)


@primitive
def summed_visits(weights: Array, episodes: Episodes, shape: tuple[int, int]) -> Array:
    """Return the sum of the weights over the visits of each pair, rollouts (2).

    Autograd may trace the weights. The function trusts its arguments. As a linear map,
    `summed_visits` is the transpose of `at_visits`. [..., N, T] -> [..., S, A]
    """
    return rollouts.visit_sums(episodes, weights, shape)


defvjp(
    at_visits,
    lambda ans, table, episodes: lambda g: summed_visits(g, episodes, np.shape(table)[-2:]),
)
defvjp(summed_visits, lambda ans, weights, episodes, shape: lambda g: at_visits(g, episodes))


def check_table(name: str, table: Any, logits: Any) -> None:
    """Raise an error unless a table holds finite floats and has the axes [S, A] of the logits.

    A leading axis must have the same length in both, or have length 1 or be missing in one of them.
    """
    own, shape = np.shape(logits), floats(name, table).shape
    require(shape[-2:] == own[-2:], f"{name} must have the last axes of logits, {own[-2:]}", shape)
    try:
        onp.broadcast_shapes(shape, own)
    except ValueError:
        rule = f"leading axes of {name} must be equal to those of logits, {own[:-2]}, or 1"
        raise ValueError(f"{rule}, got {shape[:-2]}") from None


def reinforce_per_step(logits: Any, episodes: Episodes, advantages: Array) -> Any:
    """Return the surrogate as a sum over the steps, eq. (1). [..., S, A], [..., N, T] -> [...]"""
    shape = instance("episodes", episodes, Episodes).states.shape
    floats("advantages", shaped("advantages", advantages, shape, "the episodes"))
    log_probs = log_softmax(logits)
    indices("actions", episodes.actions, np.shape(log_probs)[-1])
    return np.sum(at_visits(log_probs, episodes) * advantages, axis=(-1, -2)) / shape[-2]


def advantage_table(episodes: Episodes, advantages: Array, shape: tuple[int, int]) -> Array:
    """Return the table C of eq. (2). advantages [..., N, T] -> [..., S, A]

    In the example, each of two arms is pulled once. The last line prints the surrogate twice: by
    eq. (2) from the table C, and by eq. (1).

    >>> fields = (0, 0), (0, 1), (1.0, 0.0), (True, True)
    >>> pulls = Episodes(*[onp.array([[x], [y]]) for x, y in fields])
    >>> advantages, z = onp.array([[0.5], [-0.5]]), onp.log([[0.75, 0.25]])
    >>> C = advantage_table(pulls, advantages, (1, 2))
    >>> C
    array([[ 0.25, -0.25]])
    >>> print(f"{reinforce(z, C):.6f} {reinforce_per_step(z, pulls, advantages):.6f}")
    0.274653 0.274653
    """
    axes = instance("episodes", episodes, Episodes).states.shape
    floats("advantages", shaped("advantages", advantages, axes, "the episodes"))
    return rollouts.sum_over_visits(episodes, advantages / axes[-2], shape)


def _surrogate(logits: Any, C: Array) -> Any:
    return np.sum(C * log_softmax(logits), axis=(-1, -2))


def reinforce(logits: Any, C: Array) -> Any:
    """Return the surrogate from the table C, eq. (2). [..., S, A] -> [...]"""
    check_table("C", C, logits)
    return _surrogate(logits, C)


def reinforce_gradient(logits: Any, C: Array) -> Any:
    """Return the gradient of the surrogate in the logits, eq. (3). [..., S, A]"""
    check_table("C", C, logits)
    return log_softmax_pullback(softmax(logits), C)


def reinforce_hessian_product(logits: Array, v: Array, C: Array) -> Array:
    """Return the Hessian of the surrogate in the logits, times v, eq. (4). [..., S, A]"""
    check_table("C", C, logits)
    check_table("v", v, logits)
    return log_softmax_curvature(softmax(logits), v, C)


def surrogate_objective(C: Array) -> Objective:
    """Return `reinforce_objective(C)`, without a check of C."""
    functions = (
        partial(_surrogate, C=C),
        partial(log_softmax_pullback, u=C),
        partial(log_softmax_derivatives, u=C),
    )
    return Objective._make((C.shape[-3], C.shape[-2:], *functions))


def reinforce_objective(C: Array) -> Objective:
    """Return the surrogate of each task and its derivatives, eqs. (2)-(4). C [..., M, S, A]"""
    if floats("C", C).ndim < 3 or C.size == 0:
        raise ValueError(f"C must have shape [..., M, S, A], got {C.shape}")
    return surrogate_objective(C)._replace(value=partial(reinforce, C=C))


def expected_return(logits: Any, problem: PreparedMDP) -> Any:
    """Return J of the softmax policy on a prepared MDP, values (2). [..., S, A] -> [...]"""
    return values.prepared_return(prepared_mdps.fitted(softmax(logits), problem), problem)


def _return_gradient_at(probs: Any, problem: PreparedMDP) -> Any:
    probs = prepared_mdps.broadcast(probs, problem)
    return softmax_pullback(probs, values.prepared_gradient(probs, problem))


def _return_derivatives_at(probs: Array, problem: PreparedMDP) -> Derivatives:
    """Return the derivatives of eqs. (5) and (6)."""
    g, product_in_probs = values.prepared_derivatives(probs, problem)
    y = g - sum_over_actions(probs * g)

    def hessian_product(v: Array) -> Array:
        delta_probs = softmax_pullback(probs, v)
        delta_g = product_in_probs(delta_probs)
        return log_softmax_pullback(probs, delta_probs * y + probs * delta_g)

    return Derivatives(gradient=probs * y, hessian_product=hessian_product)


def _one_step_derivatives_at(probs: Array, g: Array) -> Derivatives:
    """Return the derivatives of eqs. (5) and (6) for T = 1: g is constant, and delta g = 0."""
    y = g - sum_over_actions(probs * g)

    def hessian_product(v: Array) -> Array:
        return log_softmax_pullback(probs, softmax_pullback(probs, v) * y)

    return Derivatives(gradient=probs * y, hessian_product=hessian_product)


def expected_return_gradient(logits: Any, problem: PreparedMDP) -> Any:
    """Return the gradient of J in the logits, eq. (5). [..., S, A]"""
    return _return_gradient_at(prepared_mdps.fitted(softmax(logits), problem), problem)


def expected_return_hessian_product(logits: Array, v: Array, problem: PreparedMDP) -> Array:
    """Return the Hessian of J in the logits, times v, eq. (6). [..., S, A]"""
    probs = prepared_mdps.fitted(softmax(logits), problem)
    check_table("v", v, probs)
    full = onp.zeros(onp.broadcast_shapes(v.shape, probs.shape))
    return _return_derivatives_at(probs + full, problem).hessian_product(v + full)


def expected_return_objective(tasks: MDP, horizon: int | None, gamma: float = 1.0) -> Objective:
    """Return the expected return on each task, with the derivatives of eqs. (5) and (6)."""
    problem = prepared_mdps.prepare(tasks, horizon, gamma)
    require(len(problem.leading) == 1, "tasks must have one leading axis [M]", problem.leading)
    gradient_at = partial(_return_gradient_at, problem=problem)
    derivatives_at = partial(_return_derivatives_at, problem=problem)
    if horizon == 1:
        g = problem.initial[..., None] * problem.rewards  # values (4)
        gradient_at = partial(softmax_pullback, u=g)
        derivatives_at = partial(_one_step_derivatives_at, g=g)
    return Objective(
        num_tasks=problem.leading[0],
        shape=problem.rewards.shape[-2:],
        value=partial(expected_return, problem=problem),
        gradient_at=gradient_at,
        derivatives_at=derivatives_at,
    )
