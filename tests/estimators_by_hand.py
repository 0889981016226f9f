"""The plain form of `enumeration`, `estimators` and `meta_gradients`: loops and full matrices.

A data set is a list of N episodes, in their order. An episode is a list of steps (state, action,
reward, alive) with the probability of its arrivals. All arrivals and all actions are listed, those
after an absorbing state too. The Jacobian of the inner step is a matrix, built from the gradients
(scores) and Hessians (curvatures) of log pi, so nothing is traced. Every function accepts complex
parameters, so a complex step differentiates F_N. `stages` is a list of K data sets.
"""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import adaptation_by_hand as by_hand
import numpy as np


class Episode(NamedTuple):
    steps: tuple  # of (state, action, reward, alive)
    chance: float  # c_tau of enumeration (1), the probability of its arrivals


class Rule(NamedTuple):
    """The settings of the inner step."""

    alpha: float  # or an array [D], a step size for each entry
    baseline: float  # or "mean", "leave_one_out", "standardised"
    gamma: float = 1.0


def remembered(function):
    """A function of the parameters that computes each value once, and then looks it up."""
    values = {}

    def call(params):
        leaves = [(name, np.asarray(params[name])) for name in sorted(params)]
        key = tuple((name, x.shape, x.dtype.str, x.tobytes()) for name, x in leaves)
        if key not in values:
            values[key] = function(params)
        return values[key]

    return call


def episodes(task, horizon):
    """Every episode of an MDP with the leading axis [1], enumeration (1) without short cuts."""
    initial, P = task.initial[0], task.transition[0]
    R = np.broadcast_to(task.reward[0], P.shape)
    S, A = P.shape[:2]
    absorbing = [all(P[s, a, s] == 1 and R[s, a, s] == 0 for a in range(A)) for s in range(S)]
    episodes = []
    for states in itertools.product(range(S), repeat=horizon + 1):
        for actions in itertools.product(range(A), repeat=horizon):
            chance, alive, steps = initial[states[0]], True, []
            for s, a, arrival in zip(states, actions, states[1:], strict=False):
                chance = chance * P[s, a, arrival]
                steps.append((s, a, float(R[s, a, arrival]), alive))
                alive = alive and not absorbing[arrival]
            if chance > 0:
                episodes.append(Episode(steps=tuple(steps), chance=float(chance)))
    return episodes


def flat(params):
    """The leaves of the parameters as one vector [D], in the order of their names."""
    return np.concatenate([np.ravel(params[name]) for name in sorted(params)])


def like(params, vector):
    """A vector [D] as leaves with the names and shapes of the parameters."""
    rebuilt, at = {}, 0
    for name in sorted(params):
        size = np.size(params[name])
        rebuilt[name] = vector[at : at + size].reshape(np.shape(params[name]))
        at += size
    return rebuilt


@remembered
def scores(params):
    """Gradient of log pi(a|s) for every s and a. [S, A, D]"""
    shape = by_hand.logits(params).shape
    rows = [flat(by_hand.log_prob_gradient(params, s, a)) for s, a in np.ndindex(shape)]
    return np.array(rows).reshape(*shape, -1)


@remembered
def curvatures(params):
    """Hessian of log pi(a|s) for every s and a, by complex steps of the scores. [S, A, D, D]"""
    x, h = flat(params), 1e-30
    moved = [scores(like(params, x + 1j * h * e)) for e in np.eye(len(x))]
    return np.imag(np.stack(moved, axis=-1)) / h


def probability(params, stage):
    """P(D|phi) of a list of episodes, in their order: enumeration (2) without the factorials."""
    probs, total = by_hand.softmax(by_hand.logits(params)), 1.0
    for episode in stage:
        total = total * episode.chance
        for s, a, _, _ in episode.steps:
            total = total * probs[s, a]
    return total


def returns_to_go(stage, gamma=1.0):
    """W_t of every step of every episode. [N][T]"""
    return [
        [sum(gamma**k * r for k, (_, _, r, _) in enumerate(steps[t:])) for t in range(len(steps))]
        for steps, _ in stage
    ]


def baseline(W, rule):
    """b_t of every step. [N, T]"""
    if rule.baseline == "leave_one_out":
        return np.array([np.delete(W, i, axis=0).mean(0) for i in range(len(W))])
    if rule.baseline in ("mean", "standardised"):
        return np.tile(W.mean(0), (len(W), 1))
    return np.full(W.shape, rule.baseline)


def scale(stage, W, b, rule):
    """The standard deviation of the advantages over living steps; infinite if they are zero."""
    if rule.baseline != "standardised":
        return 1.0
    living = [
        (W[i, t] - b[i, t]) ** 2
        for i, episode in enumerate(stage)
        for t, (_, _, _, alive) in enumerate(episode.steps)
        if alive
    ]
    s = np.sqrt(np.mean(living))
    return s if s > 1e-12 * np.abs(W).max() else np.inf


ADVANTAGES = {}  # of a stage, by what they depend on


def advantages(stage, rule):
    """(W_t - b_t) / s of every step, b_t / s, and s, computed once. [N, T], [N, T]"""
    key = tuple(stage), rule.baseline, rule.gamma
    if key not in ADVANTAGES:
        ADVANTAGES[key] = _advantages(stage, rule)
    return ADVANTAGES[key]


def _advantages(stage, rule):
    W = np.array(returns_to_go(stage, rule.gamma))
    b = baseline(W, rule)
    s = scale(stage, W, b, rule)
    return (W - b) / s, b / s, s


def inner_gradient(params, stage, rule):
    """1/N sum_i sum_t grad log pi (W_t - b). [D]"""
    score, (A, _, _) = scores(params), advantages(stage, rule)
    total = 0.0
    for episode, row in zip(stage, A, strict=True):
        for (s, a, _, alive), advantage in zip(episode.steps, row, strict=True):
            total = total + alive * score[s, a] * advantage / len(stage)
    return total


def step(params, stage, rule):
    """The inner step, estimators (1)."""
    return like(params, flat(params) + rule.alpha * inner_gradient(params, stage, rule))


def derivative_of_weight(kind, t, score, A, rewards, b, gamma):
    """dw_t/dphi of estimator_weights (4)-(8), by hand. score [T, D] -> [D]

    The derivative of ratio_t is the score of step t; of box_t, the sum S[t] of the scores so far.
    """
    S, T = np.cumsum(score, axis=0), len(A)
    if kind == "lvc":
        return A[t] * score[t]
    if kind == "dice":
        return sum(gamma ** (k - t) * rewards[k] * S[k] for k in range(t, T)) - b[t] * score[t]
    if kind == "loaded_dice":
        before = sum(gamma ** (k - t) * A[k] * S[k - 1] for k in range(t + 1, T))
        return sum(gamma ** (k - t) * A[k] * S[k] for k in range(t, T)) - before
    if kind == "linearised_score":
        return A[t] * S[-1]
    return 0 * S[-1]


def hessian(kind, params, stage, rule):
    """The derivative of the inner gradient, by the product rule, for an estimator. [D, D]"""
    score, curvature = scores(params).real, curvatures(params)
    advantage, b, s = advantages(stage, rule)
    total = np.zeros((score.shape[-1],) * 2)
    for episode, row, b_of_row in zip(stage, advantage, b, strict=True):
        living = [(state, a, r / s) for state, a, r, alive in episode.steps if alive]
        own, rewards = np.array([score[x, a] for x, a, _ in living]), [r for _, _, r in living]
        for t, (x, a, _) in enumerate(living):
            A = row[: len(living)]
            dw = derivative_of_weight(kind, t, own, A, rewards, b_of_row, rule.gamma)
            total += (curvature[x, a] * row[t] + own[t][:, None] * dw) / len(stage)
    return total


def sum_of_scores(params, stage):
    """The gradient of log P(D|phi). [D]"""
    score = scores(params).real
    return sum(alive * score[s, a] for episode in stage for s, a, _, alive in episode.steps)


PATHS = {}  # (theta, stages, rule) and their path, by identity; a stored object keeps its id


def path(theta, stages, rule):
    """phi_0 .. phi_K, computed once: every estimator asks for it on the same data."""
    key = id(theta), id(stages), id(rule)
    if key not in PATHS:
        iterates = [theta]
        for stage in stages:
            iterates.append(step(iterates[-1], stage, rule))
        real = [{name: np.real(leaf) for name, leaf in phi.items()} for phi in iterates]
        PATHS[key] = theta, stages, rule, real
    return PATHS[key][-1]


class Outer(NamedTuple):
    """The expected return J by a sum over trajectories; three functions of the parameters."""

    value: Callable
    gradient: Callable  # [D]
    hessian: Callable  # [D, D]


def outer(task, horizon):
    paths = list(by_hand.trajectories(type(task)(*(x[0] for x in task)), horizon))

    def gradient(theta):
        return flat(by_hand.policy_gradient(theta, paths))

    def hessian(theta, h=1e-30):
        x = flat(theta)
        moved = [gradient(like(theta, x + 1j * h * e)) for e in np.eye(len(x))]
        return np.imag(np.stack(moved, axis=-1)) / h

    return Outer(
        remembered(lambda theta: by_hand.expected_return(theta, paths)),
        remembered(lambda theta: gradient(theta).real),
        hessian,
    )


def estimate(kind, theta, stages, rule, J, c=0.0):
    """The estimate g of estimators (3) on the data sets `stages`, by products of matrices. [D]

    `from_theta` is the Jacobian d phi_k / d theta. Each inner step multiplies it by I + alpha H.
    """
    phis = path(theta, stages, rule)
    g = J.gradient(phis[-1])
    if kind == "fomaml":
        return g
    from_theta, score = np.eye(len(g)), 0.0
    for phi, stage in zip(phis, stages, strict=False):
        score = score + from_theta.T @ sum_of_scores(phi, stage)
        step_sizes = np.reshape(rule.alpha, (-1, 1))
        from_theta = (np.eye(len(g)) + step_sizes * hessian(kind, phi, stage, rule)) @ from_theta
    score_term = score * (J.value(phis[-1]) - c) if kind == "emaml" else 0.0
    return from_theta.T @ g + score_term


def every_stage(kinds, num_episodes):
    """Every ordered list of N episodes."""
    return list(itertools.product(kinds, repeat=num_episodes))


def adapted_return(theta, kinds, num_episodes, num_steps, rule, J):
    """F_N by exact_objectives (1): a sum of probability times return, by recursion over steps."""
    if num_steps == 0:
        return J.value(theta)
    total = 0.0
    for stage in every_stage(kinds, num_episodes):
        after = step(theta, stage, rule)
        later = adapted_return(after, kinds, num_episodes, num_steps - 1, rule, J)
        total = total + probability(theta, stage) * later
    return total


def all_data(theta, kinds, num_episodes, num_steps, rule):
    """Yield (stages, probability) of all ordered data sets, enumeration (3)."""
    if num_steps == 0:
        yield (), 1.0
        return
    for stage in every_stage(kinds, num_episodes):
        after, p = step(theta, stage, rule), probability(theta, stage)
        rest = all_data(after, kinds, num_episodes, num_steps - 1, rule)
        for stages, q in rest:
            yield (stage, *stages), np.real(p * q)
