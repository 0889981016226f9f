"""Assignment 6, the parts of a meta-gradient from sampled pulls.

A bandit has A arms, and each arm always pays the same reward. The inner step uses N pulls that are
drawn with the logits theta [A]. It gives the adapted logits phi, and the outer pulls are drawn with
phi. The baseline b is a constant:

    phi = theta + alpha/N sum_i (r_i - b) g_i,  g_i = grad log pi(a_i) at theta

The estimator emaml, estimators (3) and (4), is the sum of two terms:

    v + alpha H v     the Jacobian of phi for given inner pulls, applied to an outer gradient v
    R sum_i g_i       the effect of theta on the inner pulls

A wrong program often has a wrong term. Given the inner pulls, the mean of v is grad J(phi) and the
mean of R is J(phi), because the outer pulls are drawn with phi.

In this module, b is the baseline, g_i is the score of the inner pull i, H is the derivative in
theta of the sampled inner gradient, v is a policy gradient at phi from the outer pulls, and R is
the mean reward of the outer pulls. The functions of `sampled_terms` trust their arguments.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from metarl_min.basics.trees import Array


class Pulls(NamedTuple):
    """Actions, and their rewards."""

    actions: Array  # [N]
    rewards: Array  # [N]


class Data(NamedTuple):
    """The data of one estimate, and the adapted logits."""

    theta: Array  # [A]
    phi: Array  # [A]
    inner: Pulls
    outer: Pulls
    alpha: float
    b: float
    pi: Array  # [A] at theta
    g: Array  # [N, A] scores of the inner pulls at theta
    outer_g: Array  # [n, A] scores of the n outer pulls at phi


def probabilities(logits: Array) -> Array:
    """Return the softmax of one vector of logits, with few calls of NumPy. [A]"""
    weights = np.exp(logits - logits.max())
    return np.asarray(weights / weights.sum())


def scores(logits: Array, pulls: Pulls) -> Array:
    """Return the gradient of the log-probability of each action. [N, A]"""
    return np.asarray(np.eye(len(logits))[pulls.actions] - probabilities(logits))


def policy_gradient(logits: Array, pulls: Pulls, b: float = 0.0) -> Array:
    """Return the mean over the pulls of (r - b) g, where g is the score. [A]"""
    return np.asarray((pulls.rewards - b) @ scores(logits, pulls) / len(pulls.rewards))


def adapted(theta: Array, inner: Pulls, alpha: float, b: float) -> Array:
    """Return phi. [A]"""
    return theta + alpha * policy_gradient(theta, inner, b)


def data_of(theta: Array, inner: Pulls, outer: Pulls, alpha: float, b: float) -> Data:
    """Return the data of one estimate. The scores are computed once for all terms."""
    pi = probabilities(theta)
    g = np.eye(len(pi))[inner.actions] - pi
    phi = theta + alpha * (inner.rewards - b) @ g / len(g)
    return Data(theta, phi, inner, outer, alpha, b, pi, g, scores(phi, outer))


def log_hessian(pi: Array) -> Array:
    """Return Hess log pi(a) = pi pi^T - diag(pi), which is the same for every a. [A, A]"""
    return np.asarray(pi[:, None] * pi - np.diag(pi))


def curvature(x: Data, b: float) -> Array:
    """Return H for the baseline b: the mean of r - b, times Hess log pi(a). [A, A]"""
    return (x.inner.rewards.mean() - b) * log_hessian(x.pi)


def products(x: Data) -> Array:
    """Return the mean over the inner pulls of (r - b) g g^T. [A, A]

    H plus this matrix is estimator_weights (2), an estimate of Hess J.
    """
    return np.asarray((x.g.T * (x.inner.rewards - x.b)) @ x.g / len(x.g))


def outer_gradient(x: Data) -> Array:
    """Return v. [A]"""
    return np.asarray(x.outer.rewards @ x.outer_g / len(x.outer_g))


def with_jacobian(x: Data) -> Array:
    """Return v + alpha H v. [A]"""
    v = outer_gradient(x)
    return np.asarray(v + x.alpha * curvature(x, x.b) @ v)


def reward(x: Data) -> float:
    """Return R."""
    return float(x.outer.rewards.mean())


def score_sum(x: Data) -> Array:
    """Return the sum of the g_i. [A]"""
    return np.asarray(x.g.sum(axis=0))


def score_term(x: Data) -> Array:
    """Return R sum_i g_i. [A]"""
    return reward(x) * score_sum(x)


def no_term(x: Data) -> Array:
    """Return zeros. [A]"""
    return np.zeros(len(x.theta))
