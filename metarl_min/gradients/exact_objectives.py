"""The two objectives of a problem, and their exact gradients.

On a small problem all data sets D of the inner steps are listed with their probabilities P(D),
enumeration (3). The objective F_N is then a finite sum:

    (1)  F_N(theta) = sum_D P(D) J(phi_K(D))                                   [estimators (2)]

Autograd differentiates this sum. The code subtracts the number J(theta) from each J(phi_K), and
adds it to F_N. So a large mean reward causes less round-off.

F_inf and its gradient are computed by adaptation (5) and (3). If the update rule of the inner step
is your own, the inner steps of F_inf apply this rule to the exact gradients of J, and autograd
differentiates F_inf. tests/estimators_by_hand.py computes F_N with loops.

`F_inf_and_gradient` trusts its arguments.
"""

from typing import Any, NamedTuple

import autograd.numpy as np
import numpy as onp
from autograd import value_and_grad

from metarl_min.basics import trees
from metarl_min.basics.arguments import instance
from metarl_min.basics.trees import Tree
from metarl_min.gradients import adaptation, forward_passes, inner_steps, listed_data
from metarl_min.gradients.listed_data import AllDataSets, adapt
from metarl_min.gradients.problems import Problem


class ExactGradients(NamedTuple):
    """The two objectives of a problem, estimators (2), and their exact gradients."""

    F_N: float
    grad_F_N: Tree
    F_inf: float
    grad_F_inf: Tree


def _F_N_and_gradient(problem: Problem) -> tuple[float, Tree]:
    """Return F_N by eq. (1), and its gradient by autograd, added up over blocks of data sets."""
    J, policy = listed_data.objective(problem), problem.inner.policy
    value = float(J.value(policy.logits(trees.broadcast_to_tasks(problem.theta, 1)))[0])

    def part(theta: Tree, sets: AllDataSets) -> Any:
        path, log_p = adapt(problem, theta, sets)
        return np.sum(np.exp(log_p) * (J.value(policy.logits(path[-1])) - J_of_theta))

    J_of_theta, gradient = value, trees.map_leaves(onp.zeros_like, problem.theta)
    for sets in listed_data.blocks(listed_data.shortest(problem)):
        term, slope = value_and_grad(part)(problem.theta, sets)
        value, gradient = value + float(term), trees.add_scaled(gradient, 1.0, slope)
    return value, gradient


def F_inf_and_gradient(problem: Problem) -> tuple[float, Tree]:
    """Return F_inf by adaptation (5), and its gradient."""
    inner, theta, J = problem.inner, problem.theta, listed_data.objective(problem)
    if inner.update is inner_steps.ascend:
        rest = inner.policy, theta, inner.alpha, problem.num_steps, J
        F_inf = float(adaptation.adapted_return(*rest))
        return F_inf, adaptation.meta_gradient_by_hessian_products(*rest)

    def F(theta: Tree) -> Any:
        phis = [trees.broadcast_to_tasks(theta, 1)]
        for _ in range(problem.num_steps):
            g = forward_passes.gradient(inner.policy, phis[-1], J)
            phis.append(inner_steps.updated(inner, phis, g))
        return np.sum(J.value(inner.policy.logits(phis[-1])))

    value, gradient = value_and_grad(F)(theta)
    return float(value), gradient


def exact_gradients(problem: Problem) -> ExactGradients:
    """Return both objectives and their gradients. They do not depend on outer episodes."""
    problem = instance("problem", problem, Problem)._replace(num_outer_episodes=0)
    return ExactGradients._make([*_F_N_and_gradient(problem), *F_inf_and_gradient(problem)])
