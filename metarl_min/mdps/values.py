"""The exact value of a policy: its expected return, occupancy, gradient and Hessian.

A memoryless policy pi [S, A] plays one MDP for T steps. In this module, k is a number of remaining
steps. V_k(s) is the expected discounted return of k steps that start in state s. Q_k(s,a) is the
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
    (3) over t is d - rho = gamma P_pi^T d. In (4), every Q_{T-t} is the same Q, so the d_t can be
    summed. The same steps turn (5) into delta V = (I - gamma P_pi)^-1 (gamma P_v V + r_v), and
    delta d = (I - gamma P_pi^T)^-1 gamma P_v^T d.

One matrix product X gives the sum over t in (4). If T is infinite, X(s,s') is d(s) V(s'):

    (7)  sum_{t<T} d_t(s) Q_{T-t}(s,a) = (sum_{t<T} d_t(s)) r(s,a)
         + gamma sum_s' P(s'|s,a) X(s,s'),  X(s,s') = sum_{t<T} d_t(s) V_{T-1-t}(s')   [(1) in (4)]
"""

from typing import Any

import autograd.numpy as np
import numpy as onp
from autograd import grad
from autograd.extend import defvjp, primitive
from autograd.tracer import isbox

from metarl_min.basics.arguments import floats, shaped
from metarl_min.basics.trees import Array
from metarl_min.mdps.linear_recursions import Run, previous, recursions
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.prepared_mdps import PreparedMDP, fitted, prepare_traced, prepare_with_policy


def _recursion(probs: Any, prepared: PreparedMDP) -> Any:
    """Return J by eqs. (1), (2) and (6). Autograd can trace each step. [..., S, A] -> [...]"""
    r_pi = np.sum(probs * prepared.rewards, axis=-1)
    matrix = prepared.gamma * np.sum(probs[..., None] * prepared.transition, axis=-2)
    if prepared.horizon is None:
        V = np.linalg.solve(onp.eye(matrix.shape[-1]) - matrix, r_pi[..., None])[..., 0]
    else:
        V = r_pi
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


# The fast form runs the recursions of V and of d, y_t = matrix y_{t-1} + source_t, in one loop. The
# results are Vd [T, 2, ..., S]: Vd[t, 0] is V_{t+1}, and Vd[t, 1] is d_t.
#     V_{t+1} = gamma P_pi V_t + r_pi          source_t = r_pi for every t
#     d_t = gamma P_pi^T d_{t-1}               source_0 = rho, and the other sources are 0
# If the horizon is infinite, Vd [1, 2, ..., S] holds V and d of eq. (6).
def _matrices(probs: Array, prepared: PreparedMDP) -> Array:
    """Return the matrix gamma P_pi and its transpose. probs [..., S, A] -> [2, ..., S, S]"""
    matrix = prepared.gamma * onp.matmul(probs[..., None, :], prepared.transition)[..., 0, :]
    return onp.stack([matrix, onp.swapaxes(matrix, -1, -2)])


def _sources(probs: Array, prepared: PreparedMDP) -> Array:
    """Return the sources: r_pi and 0 for every t, but r_pi and rho for t = 0. -> [T, 2, ..., S]"""
    leading = onp.broadcast_shapes(probs.shape[:-2], prepared.leading)
    sources = onp.zeros((prepared.horizon or 1, 2, *leading, probs.shape[-2]))
    sources[:, 0] = onp.sum(probs * prepared.rewards, axis=-1)
    sources[0, 1] = prepared.initial
    return sources


def _values_and_occupancy(probs: Array, prepared: PreparedMDP) -> tuple[Run, Array]:
    """Return the function that runs both recursions, and Vd [T, 2, ..., S], eqs. (1), (3), (6)."""
    run = recursions(_matrices(probs, prepared), prepared.horizon)
    return run, run(_sources(probs, prepared))


def _values_to_go(Vd: Array, horizon: int | None) -> Array:
    """Return V_{T-1-t} for each t. Vd [T, 2, ..., S] -> [T, ..., S]"""
    return previous(Vd[:, 0], horizon)[::-1]  # Vd[t-1, 0] is V_t; [::-1] replaces t by T-1-t


def _future_part(prepared: PreparedMDP, d: Array, V: Array) -> Array:
    """Return the second term of eq. (7). d_t and V_{T-1-t} [T, ..., S] -> [..., S, A]"""
    X = onp.matmul(onp.moveaxis(d, 0, -1), onp.moveaxis(V, 0, -2))  # [..., S, S], sum over t
    return prepared.gamma * onp.matmul(prepared.transition, X[..., None])[..., 0]  # sum over s'


def _gradient(prepared: PreparedMDP, d: Array, V: Array) -> Array:
    """Return the right side of eq. (7). d, V as in `_future_part` -> [..., S, A]"""
    return onp.sum(d, 0)[..., None] * prepared.rewards + _future_part(prepared, d, V)


@primitive
def prepared_return(probs: Array, prepared: PreparedMDP) -> Array:
    """Return J, eqs. (2) and (6). probs [..., S, A] -> [...]"""
    _, Vd = _values_and_occupancy(probs, prepared)
    return onp.sum(prepared.initial * Vd[-1, 0], axis=-1)


@primitive
def prepared_gradient(probs: Array, prepared: PreparedMDP) -> Array:
    """Return dJ/dpi, eqs. (4), (6), (7). [..., S, A]; `broadcast` gives probs all leading axes."""
    if prepared.horizon == 1:
        return prepared.initial[..., None] * prepared.rewards + onp.zeros(probs.shape)
    _, Vd = _values_and_occupancy(probs, prepared)
    return _gradient(prepared, Vd[:, 1], _values_to_go(Vd, prepared.horizon))


def prepared_derivatives(probs: Array, prepared: PreparedMDP) -> tuple[Array, Run]:
    """Return dJ/dpi, and the function that multiplies the Hessian of J by v: eqs. (4), (5), (7).

    The function v -> Hess J v uses V and d again, so each product runs the recursions once.
    """
    run, Vd = _values_and_occupancy(probs, prepared)
    d, V = Vd[:, 1], _values_to_go(Vd, prepared.horizon)
    # The rows of earlier[0] are V_t, and the rows of earlier[1] are d_{t-1}. [2, ..., T, S]
    earlier = onp.moveaxis(previous(Vd, prepared.horizon), 0, -2)

    def hessian_product(v: Array) -> Array:
        # Sources by (5): gamma P_v V_t + r_v for delta V_{t+1}, gamma P_v^T d_{t-1} for delta d_t.
        rows = onp.matmul(earlier, onp.swapaxes(_matrices(v, prepared), -1, -2))
        sources = onp.ascontiguousarray(onp.moveaxis(rows, -2, 0))
        sources[:, 0] += onp.sum(v * prepared.rewards, axis=-1)  # r_v
        delta_Vd = run(sources)
        delta_d, delta_V = delta_Vd[:, 1], _values_to_go(delta_Vd, prepared.horizon)
        # By (7), line 1 of (5) needs two X: of delta d and V, and of d and delta V. Each X is a sum
        # over t, so one product of the arrays, joined along t, gives the sum of both.
        together = onp.concatenate([delta_d, d]), onp.concatenate([V, delta_V])
        return delta_d.sum(0)[..., None] * prepared.rewards + _future_part(prepared, *together)

    return _gradient(prepared, d, V), hessian_product


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
    _, Vd = _values_and_occupancy(probs, prepared)
    V = onp.moveaxis(_values_to_go(Vd, prepared.horizon), 0, -2)  # [..., T, S]
    future = onp.matmul(prepared.transition[..., None, :, :, :], V[..., None, :, None])[..., 0]
    return prepared.rewards[..., None, :, :] + prepared.gamma * future


def occupancy(mdp: MDP, probs: Array, horizon: int | None, gamma: float = 1.0) -> Array:
    """Return the occupancy d_t of each state and time, eq. (3). [..., T, S]

    If the horizon is infinite, the axis [T] has length 1 and holds d of eq. (6), the sum over time.

    >>> chain = MDP(onp.eye(2)[0], onp.array([[[0., 1]], [[0, 1]]]), onp.ones((2, 1, 1)))
    >>> occupancy(chain, onp.ones((2, 1)), horizon=3, gamma=0.5)
    array([[1.  , 0.  ], [0.  , 0.5 ], [0.  , 0.25]])
    """
    _, Vd = _values_and_occupancy(*prepare_with_policy(mdp, probs, horizon, gamma))
    return onp.moveaxis(Vd[:, 1], 0, -2)


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
