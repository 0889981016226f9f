"""The exact value of a policy: expected return, occupancy, gradient and Hessian in closed form.

For a memoryless policy, a table pi(a|s) of shape [..., S, A], horizon H and discount gamma, and
the mean rewards r of mdp (1):

    (1)  Q_k(s,a) = r(s,a) + gamma sum_s' P(s'|s,a) V_{k-1}(s'),
         V_k(s) = sum_a pi(a|s) Q_k(s,a), V_0 = 0          [Sutton and Barto 2018, eq. 4.4]
    (2)  J(pi) = sum_s rho(s) V_H(s)                                            [definition]
    (3)  d_{t+1}(s') = gamma sum_{s,a} d_t(s) pi(a|s) P(s'|s,a), d_0 = rho
                                                      [Sutton et al. 2000, sec. 1, start-state]
    (4)  dJ/dpi(a|s) = sum_{t<H} d_t(s) Q_{H-t}(s,a)            [Sutton et al. 2000, th. 1]
    (5)  its derivative along v:  sum_t d'_t Q_{H-t} + d_t Q'_{H-t}, with M = gamma sum_a pi P,
         M' = gamma sum_a v P, r' = sum_a v r, V'_k = M V'_{k-1} + (M' V_{k-1} + r'),
         d'_{t+1} = M^T d'_t + M^T' d_t                               [derivative of (1), (3)]
    (6)  H = infinity, gamma < 1:  V = (I - M)^-1 sum_a pi r, d = (I - M^T)^-1 rho, and (4), (5)
         with one term in place of the sum over t          [Sutton and Barto 2018, eq. 4.4]

d_t counts time from the start with gamma^t inside, so (4) is the gradient of J itself, not the
variant without gamma^t. (4) and (5) are the vector-Jacobian products of J and of its gradient:
autograd meets each as one node, and third order falls back to `expected_return_by_recursion`: the
same J traced step by step, differentiable in the model too. A `horizon` of None is infinite.
"""

from typing import Any, NamedTuple

import autograd.numpy as np
import numpy as onp
from autograd import grad
from autograd.extend import defvjp, primitive
from autograd.tracer import isbox

from metarl_min.basics.arguments import probabilities, real, require, whole
from metarl_min.basics.trees import Array
from metarl_min.mdps.mdp import MDP, expected_rewards


class PreparedMDP(NamedTuple):
    """An MDP with horizon and discount, mean rewards worked out: what the recursions need."""

    initial: Array  # [..., S]
    transition: Array  # [..., S, A, S]
    rewards: Array  # [..., S, A], mdp (1)
    horizon: int | None  # None: infinite
    gamma: float
    leading: tuple[int, ...]


def prepare(mdp: MDP, horizon: int | None, gamma: float = 1.0, traced: bool = False) -> PreparedMDP:
    """Return `mdp` prepared for the functions of a Problem, which trust what they are given."""
    if not isinstance(mdp, MDP) or (any(isbox(array) for array in mdp) and not traced):
        raise TypeError(f"mdp must be an MDP of plain arrays, got {type(mdp).__name__}")
    real("gamma", gamma, 0, 1)
    if horizon is None:
        require(gamma < 1, "gamma must be below 1 where the horizon is infinite", gamma)
    else:
        whole("horizon", horizon)
    rewards = expected_rewards(mdp)
    return PreparedMDP(mdp.initial, mdp.transition, rewards, horizon, gamma, mdp.leading)


# V_{k+1} and d_k obey one recursion, y_k = [M, M^T] y_{k-1} + source_k, and so do V' and d': they
# run together, stacked on axis 1 of an array [K, 2, ..., S], with K = 1 where H is infinite.
def _matrices(probs: Array, problem: PreparedMDP) -> Array:
    """M(s,s') = gamma sum_a pi(a|s) P(s'|s,a), and its transpose. [2, ..., S, S]"""
    matrix = problem.gamma * onp.matmul(probs[..., None, :], problem.transition)[..., 0, :]
    return onp.stack([matrix, onp.swapaxes(matrix, -1, -2)])


def _propagate(matrices: Array, sources: Array, horizon: int | None) -> Array:
    """Solve the recursion, or its fixed point y = [M, M^T] y + source where `horizon` is None."""
    if horizon is None:
        system = onp.eye(matrices.shape[-1]) - matrices
        return onp.linalg.solve(system, sources[0][..., None])[None, ..., 0]
    for k in range(1, horizon):
        sources[k] += onp.matmul(matrices, sources[k - 1][..., None])[..., 0]
    return sources


def _previous(paths: Array, horizon: int | None) -> Array:
    """y_{k-1} in the place of y_k; a fixed point is its own predecessor."""
    if horizon is None:
        return paths
    return onp.concatenate([onp.zeros_like(paths[:1]), paths[:-1]])


def _values_and_occupancy(probs: Array, problem: PreparedMDP) -> tuple[Array, Array]:
    """[M, M^T] and the stacked V_{k+1}, d_k of eqs. (1), (3), (6). [K, 2, ..., S]"""
    matrices = _matrices(probs, problem)
    sources = onp.zeros((problem.horizon or 1, 2, *matrices.shape[1:-1]))
    sources[:, 0] = onp.sum(probs * problem.rewards, axis=-1)
    sources[0, 1] = problem.initial
    return matrices, _propagate(matrices, sources, problem.horizon)


def _pair(problem: PreparedMDP, d: Array, values: Array) -> Array:
    """gamma sum_t d_t(s) sum_s' P(s'|s,a) V_{H-1-t}(s'); the sum over t is one matrix product."""
    X = onp.matmul(onp.moveaxis(d, 0, -1), onp.moveaxis(values, 0, -2))  # [..., S, S']
    return problem.gamma * onp.matmul(problem.transition, X[..., None])[..., 0]


@primitive
def gradient(probs: Array, problem: PreparedMDP) -> Array:
    """dJ/dpi, eq. (4). probs [..., S, A], all leading axes present -> [..., S, A]"""
    if problem.horizon == 1:
        return problem.initial[..., None] * problem.rewards + onp.zeros(probs.shape)
    _, paths = _values_and_occupancy(probs, problem)
    d, to_go = paths[:, 1], _previous(paths[:, 0], problem.horizon)[::-1]
    return d.sum(0)[..., None] * problem.rewards + _pair(problem, d, to_go)


def gradient_and_derivative(probs: Array, v: Array, problem: PreparedMDP) -> tuple[Array, Array]:
    """dJ/dpi, eq. (4), and its derivative along v, eq. (5). each [..., S, A]"""
    if problem.horizon == 1:
        return gradient(probs, problem), onp.zeros(probs.shape)
    matrices, paths = _values_and_occupancy(probs, problem)
    before = _previous(paths, problem.horizon)
    sources = onp.matmul(_matrices(v, problem), before[..., None])[..., 0]
    sources[:, 0] += onp.sum(v * problem.rewards, axis=-1)
    changes = _propagate(matrices, sources, problem.horizon)
    d, dd = paths[:, 1], changes[:, 1]
    V, dV = before[::-1, 0], _previous(changes[:, 0], problem.horizon)[::-1]
    both = _pair(problem, onp.concatenate([dd, d]), onp.concatenate([V, dV]))
    found = d.sum(0)[..., None] * problem.rewards + _pair(problem, d, V)
    return found, dd.sum(0)[..., None] * problem.rewards + both


@primitive
def value(probs: Array, problem: PreparedMDP) -> Array:
    """J, eqs. (2), (6). probs [..., S, A], all leading axes present -> [...]"""
    _, paths = _values_and_occupancy(probs, problem)
    return onp.sum(problem.initial * paths[-1, 0], axis=-1)


def _recursion(probs: Any, problem: PreparedMDP) -> Any:
    """J by eqs. (1), (2), (6), traced step by step. probs [..., S, A] -> [...]"""
    rewards = np.sum(probs * problem.rewards, axis=-1)
    matrix = problem.gamma * np.sum(probs[..., None] * problem.transition, axis=-2)
    if problem.horizon is None:
        values = np.linalg.solve(onp.eye(matrix.shape[-1]) - matrix, rewards[..., None])[..., 0]
    else:
        values = rewards
        for _ in range(problem.horizon - 1):
            values = rewards + np.matmul(matrix, values[..., None])[..., 0]
    return np.sum(problem.initial * values, axis=-1)


def _gradient_vjp(ans: Any, probs: Any, problem: PreparedMDP) -> Any:
    def vjp(v: Any) -> Any:  # the Hessian is symmetric
        if problem.horizon == 1:  # J is linear
            return onp.zeros(np.shape(probs))
        if isbox(v) or isbox(probs):
            slope = grad(lambda p: np.sum(_recursion(p, problem)))
            return grad(lambda p: np.sum(slope(p) * v))(probs)
        return gradient_and_derivative(probs, v, problem)[1]

    return vjp


defvjp(gradient, _gradient_vjp)
defvjp(value, lambda ans, probs, prepare: lambda g: g[..., None, None] * gradient(probs, prepare))


def broadcast(probs: Any, problem: PreparedMDP) -> Any:
    """Return `probs` [..., S, A] with all leading axes, which the primitives demand. Traceable."""
    shape = problem.rewards.shape[-2:]
    rule = f"logits and probs must have shape [..., {shape[0]}, {shape[1]}]"
    require(np.shape(probs)[-2:] == shape, rule, np.shape(probs))
    leading = onp.broadcast_shapes(problem.leading, np.shape(probs)[:-2])
    return probs if np.shape(probs)[:-2] == leading else probs + onp.zeros((*leading, 1, 1))


def _edge(mdp: MDP, probs: Any, horizon: int | None, gamma: float) -> tuple[Any, PreparedMDP]:
    """Check what the public functions below are given."""
    prepared, shape = prepare(mdp, horizon, gamma), np.shape(probs)
    rule = f"probs must have shape [..., S, A] = [..., {mdp.shape[0]}, {mdp.shape[1]}]"
    require(shape[-2:] == mdp.shape, rule, shape)
    if not isbox(probs):
        probabilities("probs", probs)
    try:
        return broadcast(probs, prepared), prepared
    except ValueError:
        rule = f"leading axes of probs must be equal to those of the MDP, {mdp.leading}, or 1"
        raise ValueError(f"{rule}, got {shape[:-2]}") from None


def expected_return(mdp: MDP, probs: Any, horizon: int | None, gamma: float = 1.0) -> Any:
    """Expected return J of a policy, eqs. (2), (6). probs [..., S, A] -> [...]

    >>> bandit = MDP(onp.ones(1), onp.ones((1, 2, 1)), onp.array([[[0.2], [0.9]]]))
    >>> float(round(expected_return(bandit, onp.array([[0.5, 0.5]]), horizon=1), 12))
    0.55
    """
    return value(*_edge(mdp, probs, horizon, gamma))


def expected_return_by_recursion(
    mdp: MDP, probs: Any, horizon: int | None, gamma: float = 1.0
) -> Any:
    """The same J, plainly traced: differentiable in the model too. probs [..., S, A] -> [...]"""
    return _recursion(probs, prepare(mdp, horizon, gamma, traced=True))


def policy_gradient(mdp: MDP, probs: Any, horizon: int | None, gamma: float = 1.0) -> Any:
    """Gradient of J in the table of probabilities, eq. (4). probs [..., S, A] -> [..., S, A]"""
    return gradient(*_edge(mdp, probs, horizon, gamma))


def hessian_product(
    mdp: MDP, probs: Array, v: Array, horizon: int | None, gamma: float = 1.0
) -> Array:
    """Hessian of J in the probabilities, times v, eq. (5). probs, v [..., S, A] -> [..., S, A]"""
    probs, prepared = _edge(mdp, probs, horizon, gamma)
    require(v.shape == probs.shape, f"v must have the shape of probs, {probs.shape}", v.shape)
    return gradient_and_derivative(probs, v, prepared)[1]


def occupancy(mdp: MDP, probs: Array, horizon: int | None, gamma: float = 1.0) -> Array:
    """Discounted probability of each state at each time, eq. (3). [..., H, S]; H = 1 if infinite"""
    _, paths = _values_and_occupancy(*_edge(mdp, probs, horizon, gamma))
    return onp.moveaxis(paths[:, 1], 0, -2)


def action_values(mdp: MDP, probs: Array, horizon: int | None, gamma: float = 1.0) -> Array:
    """Q of a policy with H, H-1, .., 1 steps to go, eq. (1). [..., H, S, A]"""
    probs, prepared = _edge(mdp, probs, horizon, gamma)
    _, paths = _values_and_occupancy(probs, prepared)
    to_go = onp.moveaxis(_previous(paths[:, 0], horizon)[::-1], 0, -2)  # [..., H, S]
    arrivals = onp.matmul(mdp.transition[..., None, :, :, :], to_go[..., None, :, None])
    return prepared.rewards[..., None, :, :] + gamma * arrivals[..., 0]
