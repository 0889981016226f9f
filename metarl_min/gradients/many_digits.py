"""Meta-gradients of small problems in 40 digits, by loops and full matrices.

The last digits of a float64 result depend on the processor, because programs for different
processors add in different orders and compute exp in different ways. Test vectors must have the
same digits everywhere. So this module computes with the numbers of Python's `decimal`: their +, -,
*, / and exp are correctly rounded on every machine. The arrays have the dtype object, and NumPy
calls the operations of their entries.

All problems have rewards r(s,a) without noise, tabular logits, gamma = 1 and a constant baseline b.
In this module, g_t is the score grad log pi(a_t|s_t; phi), W_0 is the return of an episode, R is
the return J(phi_K) after adaptation, and c is a factor of the score term, not the control variate
of estimators (3). The probability P(tau|phi) is enumeration (1).

    (1)  J = sum_tau P(tau|phi) W_0,  grad J = sum_tau P(tau|phi) W_0 sum_t g_t,
         Hess J = sum_tau P(tau|phi) W_0 (sum_t Hess log pi_t + (sum_t g_t) (sum_t g_t)^T)
                                                                                  [derivation]
    (2)  lvc               dw_t/dphi = Adv_t g_t
         dice              dw_t/dphi = sum_{l>=t} r_l (g_0 + .. + g_l) - b g_t
         loaded_dice       dw_t/dphi = Adv_t (g_0 + .. + g_t) + sum_{l>t} Adv_l g_l
         linearised_score  dw_t/dphi = Adv_t (g_0 + .. + g_{T-1})                 [derivation]
    (3)  dphi_{k+1}/dphi_k = I + alpha/N sum_i sum_t (Adv_t Hess log pi_t + g_t (dw_t/dphi)^T)
                                                                                  [derivation]
    (4)  v_K = grad J(phi_K),
         v_k = (dphi_{k+1}/dphi_k)^T v_{k+1} + c R sum_i sum_t g_t                [derivation]

    Steps of (1): the first formula is the definition of J. The derivative of P(tau|phi) is
    P(tau|phi) sum_t g_t, because log P(tau|phi) is a constant plus sum_t log pi_t.
    The product rule, applied to P(tau|phi) sum_t g_t, gives the third formula.

    Steps of (2): the weights w_t are estimator_weights (5)-(8) with gamma = 1. They contain the
    factors ratio_l and box_l = ratio_0 .. ratio_l of that module, which have the value 1. The
    derivative of ratio_l and of log ratio_l is g_l, and the derivative of box_l is g_0 + .. + g_l.
    So the derivative of box_l - box_{l-1} is g_l.

    Steps of (3): the inner step is estimators (1). The derivative of w_t g_t is
    estimator_weights (3), and w_t has the value Adv_t.

    Steps of (4): v_k is the derivative in phi_k of
    v_K.phi_K + c R sum_{m>=k} sum_i log P(tau_i|phi_m), with v_K and R held fixed.
    phi_k appears in phi_{k+1} and in the log P(tau_i|phi_k) of step k.

The estimate is v_0. The plain estimator has dw_t/dphi = 0 and c = 0, and emaml has dw_t/dphi = 0
and c = 1. In averaged_score_term, c is 1/(N T): this is the mistake of a program that takes a mean
where estimators (3) has a sum. The functions of `many_digits` trust their arguments.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.trees import Array

CONTEXT = Context(prec=40, rounding=ROUND_HALF_EVEN)  # callers compute in this context


def decimals(numbers: Any) -> Array:
    """Return an array of exact decimal numbers: the float 0.3 becomes 3/10."""
    return np.vectorize(lambda number: Decimal(str(number)), otypes=[object])(numbers)


class SmallProblem(NamedTuple):
    """One task, the parameters theta and the settings of the inner steps, as exact decimals."""

    initial: Array  # [S]
    transition: Array  # [S, A, S]
    reward: Array  # [S, A]
    theta: Array  # [S, A]
    alpha: Decimal
    baseline: Decimal
    horizon: int  # T
    num_episodes: int  # N, per inner step
    num_steps: int  # K


class Trajectory(NamedTuple):
    """An episode of T steps. The arrival of its last step is left out."""

    states: tuple[int, ...]
    actions: tuple[int, ...]
    rewards: tuple[Decimal, ...]
    chance: Decimal  # c_tau of enumeration (1)


DataSet = tuple[Trajectory, ...]  # N episodes, in their order


def trajectories(problem: SmallProblem) -> Iterator[Trajectory]:
    """Yield every trajectory that has a positive probability, enumeration (1)."""
    (S, A), T = problem.theta.shape, problem.horizon
    for states in itertools.product(range(S), repeat=T):
        for actions in itertools.product(range(A), repeat=T):
            chance = problem.initial[states[0]]
            for t in range(T - 1):
                chance = chance * problem.transition[states[t], actions[t], states[t + 1]]
            if chance > 0:
                rewards = tuple(problem.reward[states, actions])
                yield Trajectory(states, actions, rewards, chance)


class Softmax(NamedTuple):
    """The probabilities pi(a|s) at some logits, and the derivatives of log pi(a|s)."""

    probs: Array  # [S, A]
    scores: Array  # [S, A, D]
    hessians: Array  # [S, D, D], the same for all actions of a state


def softmax(logits: Array) -> Softmax:
    """Return the softmax policy of logits [S, A]. D = S A."""
    S, A = logits.shape
    weights = np.exp(logits)  # calls the method exp of each number
    probs = weights / weights.sum(1, keepdims=True)
    own = np.eye(S * A, dtype=int).reshape(S, A, S * A)  # the derivative of each logit
    scores = own - probs[:, None] @ own
    # The Hessian of log pi(a|s) is minus the covariance of the scores, if a is drawn from pi(.|s).
    hessians = -(np.swapaxes(scores, 1, 2) @ (probs[..., None] * scores))
    return Softmax(probs=probs, scores=scores, hessians=hessians)


def probability(at: Softmax, tau: Trajectory) -> Decimal:
    """Return P(tau|phi), enumeration (1)."""
    return Decimal(tau.chance * at.probs[tau.states, tau.actions].prod())


class Return(NamedTuple):
    """The expected return J and its derivatives."""

    value: Decimal
    gradient: Array  # [D]
    hessian: Array  # [D, D]


def expected_return(problem: SmallProblem, phi: Array) -> Return:
    """Return J(phi) and its derivatives, eq. (1)."""
    at, value, gradient, hessian = softmax(phi), Decimal(0), 0, 0
    for tau in trajectories(problem):
        weight = probability(at, tau) * sum(tau.rewards)
        score = at.scores[tau.states, tau.actions].sum(0)
        curvature = at.hessians[list(tau.states)].sum(0)
        value += weight
        gradient = gradient + weight * score
        hessian = hessian + weight * (curvature + np.outer(score, score))
    return Return(value=value, gradient=np.array(gradient), hessian=np.array(hessian))


def weight_derivatives(rewards: Array, b: Decimal, scores: Array) -> dict[str, Array]:
    """Return dw_t/dphi for every t by eq. (2), from rewards [T] and scores [T, D]. {name: [T, D]}

    The order of the names is that of estimator_weights (4)-(8).
    """
    T = len(rewards)
    from_t, until_t = np.triu(np.ones((T, T), int)), np.tril(np.ones((T, T), int))
    advantage = (from_t @ rewards - b)[:, None]
    box = until_t @ scores  # g_0 + .. + g_t
    return {
        "plain": 0 * scores,
        "lvc": advantage * scores,
        "dice": from_t @ (rewards[:, None] * box) - b * scores,
        "loaded_dice": advantage * box + np.triu(from_t, 1) @ (advantage * scores),
        "linearised_score": advantage * box[-1],
    }


class DifferentiatedStep(NamedTuple):
    """The result phi_{k+1} of an inner step, and its derivatives in phi_k."""

    after: Array  # [S, A] phi_{k+1}
    jacobians: dict[str, Array]  # dphi_{k+1}/dphi_k [D, D] by the name of the weights
    score: Array  # [D] sum_i sum_t g_t
    probability: Decimal  # of the data set


def inner_step(problem: SmallProblem, phi: Array, data: DataSet) -> DifferentiatedStep:
    """Take an inner step, estimators (1), and differentiate it by eq. (3)."""
    at, rate, chance = softmax(phi), problem.alpha / problem.num_episodes, Decimal(1)
    ascent = total = np.zeros(phi.size, int)
    sums: dict[str, Array] = {}
    for tau in data:
        rewards, scores = np.array(tau.rewards), at.scores[tau.states, tau.actions]
        advantage = np.cumsum(rewards[::-1])[::-1] - problem.baseline
        ascent = ascent + advantage @ scores
        curvature = np.tensordot(advantage, at.hessians[list(tau.states)], 1)
        for name, dw in weight_derivatives(rewards, problem.baseline, scores).items():
            sums[name] = sums.get(name, 0) + curvature + scores.T @ dw
        total = total + scores.sum(0)
        chance *= probability(at, tau)
    jacobians = {name: np.eye(phi.size, dtype=int) + rate * x for name, x in sums.items()}
    after = phi + rate * ascent.reshape(phi.shape)
    return DifferentiatedStep(after=after, jacobians=jacobians, score=total, probability=chance)


def estimate(name: str, steps: list[DifferentiatedStep], v: Array, factor: Decimal) -> Array:
    """Return v_0 of eq. (4) for the weights with this name. v is v_K, and `factor` is c R."""
    for step in reversed(steps):
        v = step.jacobians[name].T @ v + factor * step.score
    return v


class Answers(NamedTuple):
    """Data sets D_0 .. D_{K-1}, and what the estimators answer on them."""

    data: list[DataSet]  # [K][N]
    probability: Decimal  # of D_0 .. D_{K-1}, if the order of the episodes counts
    path: list[Array]  # phi_0 .. phi_K
    R: Decimal
    v: Array  # [D] grad J(phi_K)
    estimates: dict[str, Array]  # [D] by the name of the estimator


def answers(problem: SmallProblem, data: list[DataSet]) -> Answers:
    """Return the answers of all known estimators on the data sets of K inner steps."""
    path, steps, chance = [problem.theta], [], Decimal(1)
    for D in data:
        steps.append(inner_step(problem, path[-1], D))
        path.append(steps[-1].after)
        chance *= steps[-1].probability
    (R, v, _), N, T = expected_return(problem, path[-1]), problem.num_episodes, problem.horizon
    estimates = {name: estimate(name, steps, v, Decimal(0)) for name in steps[0].jacobians}
    estimates["emaml"] = estimate("plain", steps, v, R)
    estimates["averaged_score_term"] = estimate("plain", steps, v, R / (N * T))
    estimates["fomaml"] = v
    return Answers(data=data, probability=chance, path=path, R=R, v=v, estimates=estimates)


def all_answers(problem: SmallProblem) -> list[Answers]:
    """Return the answers on all ordered data sets of K inner steps."""
    sets = list(itertools.product(trajectories(problem), repeat=problem.num_episodes))
    return [answers(problem, list(D)) for D in itertools.product(sets, repeat=problem.num_steps)]


def exact_objective(problem: SmallProblem) -> tuple[Decimal, Array]:
    """Return F_inf and its gradient [D], adaptation (5) and (3), by products of matrices."""
    phi, jacobians = problem.theta, []
    for _ in range(problem.num_steps):
        J = expected_return(problem, phi)
        jacobians.append(np.eye(phi.size, dtype=int) + problem.alpha * J.hessian)
        phi = phi + problem.alpha * J.gradient.reshape(phi.shape)
    value, v, _ = expected_return(problem, phi)
    for jacobian in reversed(jacobians):
        v = jacobian @ v
    return value, v
