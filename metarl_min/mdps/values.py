"""The exact value of a policy: its expected return, occupancy, gradient and Hessian.

A memoryless policy pi [S, A] plays one MDP for T steps. In this module, k is the number of steps to
go. V_k(s) is the expected discounted return of k steps that start in state s. Q_k(s,a) is the
same return if the first action is a:

    (1)  Q_k(s,a) = r(s,a) + gamma sum_s' P(s'|s,a) V_{k-1}(s'),
         V_k(s) = sum_a pi(a|s) Q_k(s,a),  V_0 = 0            [Sutton and Barto 2018, eq. 4.5]
    (2)  J = sum_s rho(s) V_T(s)                                                [definition]

The occupancy d_t(s) is gamma^t times the probability of state s at time t:

    (3)  d_{t+1}(s') = gamma sum_s d_t(s) P_pi(s'|s),  d_0 = rho,
         P_pi(s'|s) = sum_a pi(a|s) P(s'|s,a)     [Sutton et al. 2000, sec. 1, start-state]

The policy-gradient theorem takes the entries of the table pi as independent variables:

    (4)  dJ/dpi(a|s) = sum_{t<T} d_t(s) Q_{T-t}(s,a)            [Sutton et al. 2000, th. 1]

    Steps of (4): let pi(a|s) change at time t only. Then J = c + sum_s d_t(s) V_{T-t}(s), where c
    is the expected return of the steps before t. c, d_t and V_{T-t-1} do not change. So by (1) the
    derivative of J is d_t(s) Q_{T-t}(s,a). The chain rule adds these derivatives over all t.

Skip (5) at first reading: only second derivatives need (5). The policy moves along v [S, A], and
`delta x` is the derivative of a quantity x along v. Let r_pi(s) = sum_a pi(a|s) r(s,a). P_v and r_v
are P_pi and r_pi with v in place of pi. The matrix P_pi has P_pi(s'|s) in row s and column s':

    (5)  (Hess J v)(s,a) = sum_{t<T} (delta d_t(s) Q_{T-t}(s,a) + d_t(s) delta Q_{T-t}(s,a)),
         delta Q_k(s,a) = gamma sum_s' P(s'|s,a) delta V_{k-1}(s'),
         delta V_k = gamma P_pi delta V_{k-1} + gamma P_v V_{k-1} + r_v,
         delta d_{t+1} = gamma P_pi^T delta d_t + gamma P_v^T d_t     [derivative of (1), (3), (4)]

    Steps of (5): r_pi and P_pi are linear in pi, so their derivatives along v are r_v and P_v.
    Line 1 is the product rule in (4). In Q_k of (1), only V_{k-1} depends on pi, so line 2 holds.
    By (1), V_k = r_pi + gamma P_pi V_{k-1}. Line 3 is the product rule in this equation. Line 4 is
    the product rule in (3). V_0 and d_0 do not depend on pi, so delta V_0 = 0 and delta d_0 = 0.

If the horizon T is infinite and gamma < 1, then V and d = sum_t d_t solve linear equations:

    (6)  V = (I - gamma P_pi)^-1 r_pi,  d = (I - gamma P_pi^T)^-1 rho,
         dJ/dpi(a|s) = d(s) Q(s,a)                       [Sutton and Barto 2018, eq. 4.4]

    Steps of (6): V_k and V_{k-1} in (1) are the same V, so V = r_pi + gamma P_pi V. The sum of
    (3) over t is d - rho = gamma P_pi^T d. In (4), every Q_{T-t} is the same Q, and the d_t add
    up to d. The same steps turn (5) into delta V = (I - gamma P_pi)^-1 (gamma P_v V + r_v),
    delta d = (I - gamma P_pi^T)^-1 gamma P_v^T d, and Hess J v = delta d Q + d delta Q.

If T is finite, one matrix product X gives the sum over t in (4):

    (7)  sum_{t<T} d_t(s) Q_{T-t}(s,a) = (sum_{t<T} d_t(s)) r(s,a)
         + gamma sum_s' P(s'|s,a) X(s,s'),  X(s,s') = sum_{t<T} d_t(s) V_{T-1-t}(s')   [(1) in (4)]
"""

from collections.abc import Callable
from typing import Any

import autograd.numpy as np
import numpy as onp
from autograd import grad
from autograd.extend import defvjp, primitive
from autograd.tracer import isbox

from metarl_min.basics.arguments import floats, shaped
from metarl_min.basics.trees import Array
from metarl_min.mdps import linear_recursions
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.prepared_mdps import (
    PreparedMDP,
    fitted,
    matrix_and_rewards,
    next_values,
    prepare_traced,
    prepare_with_policy,
)

HessianProduct = Callable[[Array], Array]  # v -> Hess J v [..., S, A]


def _recursion(probs: Any, prepared: PreparedMDP) -> Any:
    """Return J by eqs. (1), (2) and (6). Autograd can trace each step. [..., S, A] -> [...]"""
    r_pi = np.sum(probs * prepared.rewards, axis=-1)
    matrix = prepared.gamma * np.sum(probs[..., None] * prepared.transition, axis=-2)
    if prepared.horizon is None:
        V = np.linalg.solve(onp.eye(matrix.shape[-1]) - matrix, r_pi[..., None])[..., 0]
    else:
        V = r_pi  # V_1
        for _ in range(prepared.horizon - 1):
            V = r_pi + np.matmul(matrix, V[..., None])[..., 0]
    return np.sum(prepared.initial * V, axis=-1)


def expected_return_by_recursion(
    mdp: MDP, probs: Any, horizon: int | None, gamma: float = 1.0
) -> Any:
    """Return J by the plain recursion, eqs. (1), (2) and (6). probs [..., S, A] -> [...]

    Autograd can differentiate J any number of times, in the policy and in the arrays of the MDP.
    """
    prepared = prepare_traced(mdp, horizon, gamma)
    return _recursion(fitted(probs, prepared), prepared)


# The fast form stores V and d of all times t = 0, .., T, in two arrays [T + 1, ..., S]:
#     V[t] = V_{T-t}        V[t] = gamma P_pi V[t+1] + r_pi,  V[T] = 0
#     d[t] = d_t            d[t+1] = gamma P_pi^T d[t],       d[0] = rho
def _values_and_occupancy(probs: Array, prepared: PreparedMDP) -> tuple[Array, Array, Array]:
    """Return gamma P_pi [..., S, S], V and d by eqs. (1) and (3).

    If the horizon is infinite, return (I - gamma P_pi)^-1, and V and d [..., S] by eq. (6).
    """
    matrix, r_pi = matrix_and_rewards(probs, prepared)
    if prepared.horizon is None:
        return linear_recursions.solutions(matrix, r_pi, prepared.initial)
    return matrix, *linear_recursions.paths(matrix, r_pi, prepared.initial, prepared.horizon)


def _X(d: Array, V: Array) -> Array:
    """Return X of eq. (7), in which V_{T-1-t} is V[t+1]. d, V [T + 1, ..., S] -> [..., S, S]"""
    return onp.matmul(onp.moveaxis(d[:-1], 0, -1), onp.moveaxis(V[1:], 0, -2))


def _gradient(prepared: PreparedMDP, d: Array, X: Array) -> Array:
    """Return the right side of eq. (7). d [T + 1, ..., S], X [..., S, S] -> [..., S, A]"""
    future = prepared.gamma * onp.matmul(prepared.transition, X[..., None])[..., 0]  # sum over s'
    return onp.sum(d[:-1], 0)[..., None] * prepared.rewards + future


def _finite_derivatives(probs: Array, prepared: PreparedMDP) -> tuple[Array, HessianProduct]:
    matrix, V, d = _values_and_occupancy(probs, prepared)

    def hessian_product(v: Array) -> Array:
        changes = matrix_and_rewards(v, prepared)  # gamma P_v and r_v
        delta_V, delta_d = linear_recursions.path_derivatives(matrix, V, d, *changes)
        # In line 1 of (5), the terms with delta d add up to (7) with delta d in place of d. The
        # terms with delta Q add up to the last term of (7) with delta V in place of V.
        return _gradient(prepared, delta_d, _X(delta_d, V) + _X(d, delta_V))

    return _gradient(prepared, d, _X(d, V)), hessian_product


def _infinite_derivatives(probs: Array, prepared: PreparedMDP) -> tuple[Array, HessianProduct]:
    inverse, V, d = _values_and_occupancy(probs, prepared)
    Q = prepared.rewards + next_values(V, prepared)

    def hessian_product(v: Array) -> Array:
        changes = matrix_and_rewards(v, prepared)  # gamma P_v and r_v
        delta_V, delta_d = linear_recursions.solution_derivatives(inverse, V, d, *changes)
        return delta_d[..., None] * Q + d[..., None] * next_values(delta_V, prepared)

    return d[..., None] * Q, hessian_product


@primitive
def prepared_return(probs: Array, prepared: PreparedMDP) -> Array:
    """Return J, eqs. (2) and (6). probs [..., S, A] -> [...]"""
    _, V, _ = _values_and_occupancy(probs, prepared)
    return onp.sum(prepared.initial * (V if prepared.horizon is None else V[0]), axis=-1)


@primitive
def prepared_gradient(probs: Array, prepared: PreparedMDP) -> Array:
    """Return dJ/dpi, eqs. (4), (6), (7). `probs` must come from `broadcast`. [..., S, A]"""
    if prepared.horizon == 1:
        return prepared.initial[..., None] * prepared.rewards + onp.zeros(probs.shape)
    return prepared_derivatives(probs, prepared)[0]


def prepared_derivatives(probs: Array, prepared: PreparedMDP) -> tuple[Array, HessianProduct]:
    """Return dJ/dpi, and the function that multiplies the Hessian of J by v: eqs. (4) to (7).

    The function v -> Hess J v uses V and d again, and computes only delta V and delta d.
    """
    function = _infinite_derivatives if prepared.horizon is None else _finite_derivatives
    return function(probs, prepared)


def _gradient_vjp(ans: Any, probs: Any, prepared: PreparedMDP) -> Any:
    """Return the function v -> Hess J v, eq. (5). It is the vjp, because Hess J is symmetric."""

    def vjp(v: Any) -> Any:
        if prepared.horizon == 1:  # J is linear in pi
            return onp.zeros(np.shape(probs))
        if isbox(v) or isbox(probs):  # autograd needs a third derivative
            slope = grad(lambda p: np.sum(_recursion(p, prepared)))
            return grad(lambda p: np.sum(slope(p) * v))(probs)
        return prepared_derivatives(probs, prepared)[1](v)

    return vjp


defvjp(prepared_gradient, _gradient_vjp)
defvjp(
    prepared_return,
    lambda J, probs, prepared: lambda g: g[..., None, None] * prepared_gradient(probs, prepared),
)


def expected_return(mdp: MDP, probs: Any, horizon: int | None, gamma: float = 1.0) -> Any:
    """Return J of a policy, eqs. (2) and (6). probs [..., S, A] -> [...]

    The horizon None is infinite. In a trace, J is one node with the derivative of eq. (4).

    >>> bandit = MDP(onp.ones(1), onp.ones((1, 2, 1)), onp.array([[[0.2], [0.9]]]))
    >>> float(round(expected_return(bandit, onp.array([[0.5, 0.5]]), horizon=1), 12))
    0.55
    """
    return prepared_return(*prepare_with_policy(mdp, probs, horizon, gamma))


def action_values(mdp: MDP, probs: Array, horizon: int | None, gamma: float = 1.0) -> Array:
    """Return Q_T, Q_{T-1}, .., Q_1 of a policy, eq. (1). probs [..., S, A] -> [..., T, S, A]

    If the horizon is infinite, the axis [T] has length 1.

    >>> chain = MDP(onp.eye(2)[0], onp.array([[[0., 1]], [[0, 1]]]), onp.ones((2, 1, 1)))
    >>> action_values(chain, onp.ones((2, 1)), horizon=3, gamma=0.5)[:, :, 0]
    array([[1.75, 1.75], [1.5 , 1.5 ], [1.  , 1.  ]])
    """
    probs, prepared = prepare_with_policy(mdp, probs, horizon, gamma)
    _, V, _ = _values_and_occupancy(probs, prepared)
    V = V[None] if horizon is None else V[1:]  # V_{T-1}, .., V_0
    return prepared.rewards[..., None, :, :] + onp.moveaxis(next_values(V, prepared), 0, -3)


def occupancy(mdp: MDP, probs: Array, horizon: int | None, gamma: float = 1.0) -> Array:
    """Return the occupancy d_t of each state and time, eq. (3). [..., T, S]

    If the horizon is infinite, the axis [T] has length 1 and holds d of eq. (6), the sum over time.

    >>> chain = MDP(onp.eye(2)[0], onp.array([[[0., 1]], [[0, 1]]]), onp.ones((2, 1, 1)))
    >>> occupancy(chain, onp.ones((2, 1)), horizon=3, gamma=0.5)
    array([[1.  , 0.  ], [0.  , 0.5 ], [0.  , 0.25]])
    """
    probs, prepared = prepare_with_policy(mdp, probs, horizon, gamma)
    _, _, d = _values_and_occupancy(probs, prepared)
    return onp.moveaxis(d[None] if horizon is None else d[:-1], 0, -2)


def policy_gradient(mdp: MDP, probs: Any, horizon: int | None, gamma: float = 1.0) -> Any:
    """Return dJ/dpi, eq. (4), or eq. (6) if T is infinite. probs [..., S, A] -> [..., S, A]"""
    return prepared_gradient(*prepare_with_policy(mdp, probs, horizon, gamma))


def hessian_product(
    mdp: MDP, probs: Array, v: Array, horizon: int | None, gamma: float = 1.0
) -> Array:
    """Return the Hessian of J in the probabilities, times v, eq. (5). each [..., S, A]"""
    probs, prepared = prepare_with_policy(mdp, probs, horizon, gamma)
    v = shaped("v", floats("v", v), probs.shape, "probs")
    return prepared_derivatives(probs, prepared)[1](v)
