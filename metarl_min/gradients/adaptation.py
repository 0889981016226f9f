"""Adaptation: the inner loop of MAML, and the exact gradient through it.

With J_k the objective of inner step k (the expected return, or the surrogate of sampled episodes)
and L_k the outer objective at phi_k, both summed over the tasks, and K inner steps:

    (1)  phi_0 = theta,  phi_{k+1} = phi_k + alpha grad J_k(phi_k)     [Finn et al. 2017, sec. 2.2]
    (2)  F(theta) = sum_k L_k(phi_k)                                                 [definition]
    (3)  v_K = grad L_K(phi_K),  v_k = (I + alpha Hess J_k(phi_k)) v_{k+1} + grad L_k(phi_k),
         grad F = v_0                                       [chain rule; Finn et al. 2017, sec. 2.2]
    (4)  first order: v_k = v_{k+1} + grad L_k(phi_k), so grad F ~ sum_k grad L_k(phi_k)
                                                                      [Finn et al. 2017, sec. 5.2]
    (5)  F_inf(theta) = mean over tasks of J(phi_K), inner gradients exact
                                  [Finn et al. 2017, sec. 2.2; Rothfuss et al. 2019, formulation I]
    (6)  dF/dalpha = sum_k v_{k+1} grad J_k(phi_k), entry by entry where each parameter has an
         alpha of its own: then (3) reads v_k = v_{k+1} + Hess J_k(phi_k) (alpha v_{k+1}) + ..
                                                                    [chain rule; Li et al. 2017]

The gradient of (5) comes in three ways that agree: autograd through autograd's inner gradient
(reverse over reverse), autograd through the formula of the inner gradient (one sweep), and the
chain (3) of Hessian-vector products, which needs no trace and a memory that is flat in K.
"""

from collections.abc import Sequence
from typing import Any

import autograd.numpy as np
import numpy as onp
from autograd import grad

from metarl_min.basics import arguments, trees
from metarl_min.basics.trees import Tree, sum_tasks
from metarl_min.gradients.objectives import Objective
from metarl_min.mdps.policies import Policy

Iterates = Sequence[Tree]  # phi_0 .. phi_K, or one vector at each of them
Objectives = Sequence[Any]  # one at each phi, or None where there is none


def gradient(policy: Policy, phi: Tree, objective: Objective) -> Tree:
    """Gradient of an objective in the parameters: that in the logits, pulled back."""
    return policy.pullback(phi, objective.gradient(policy.logits(phi)))


def inner_step(policy: Policy, phi: Tree, alpha: Any, objective: Objective) -> Tree:
    """One inner step of every task, eq. (1), meta_sgd (1). leaves [...] or [M, ...] -> [M, ...]"""
    return trees.add_scaled(phi, alpha, gradient(policy, phi, objective))


def inner_loop(policy: Policy, theta: Tree, alpha: Any, inner: Objectives) -> list[Tree]:
    """All iterates phi_0 .. phi_K, eq. (1); phi_0 = theta has no axis of tasks."""
    path = [theta]
    for objective in inner:
        path.append(inner_step(policy, path[-1], alpha, objective))
    return path


def adjoints(
    policy: Policy, path: Iterates, alpha: Any, inner: Objectives, outer: Objectives
) -> Iterates:
    """v_0 .. v_K of F, eq. (2), by eq. (3), per task; None in `inner` drops its Hessian."""
    v, found = trees.map_leaves(onp.zeros_like, path[-1]), []
    for phi, J, L in zip(path[::-1], [None, *inner[::-1]], outer[::-1], strict=True):
        if J is not None:
            along = phi, trees.scale(v, alpha), J.gradient, J.hessian_product
            v = trees.add_scaled(v, 1.0, policy.hessian_product(*along))
        if L is not None:
            v = trees.add_scaled(v, 1.0, gradient(policy, phi, L))
        found.append(v)
    return found[::-1]


def first_order_adjoints(policy: Policy, path: Iterates, outer: Objectives) -> Iterates:
    """v_0 .. v_K with every Hessian dropped, eq. (4), of each task."""
    return adjoints(policy, path, 0.0, [None] * (len(path) - 1), outer)


def alpha_gradient(policy: Policy, path: Iterates, inner: Objectives, v: Iterates) -> Tree:
    """Gradient of F in every step size, eq. (6), meta_sgd (2), from the adjoints; summed."""
    total = trees.map_leaves(onp.zeros_like, path[0])
    for phi, J, after in zip(path[:-1], inner, v[1:], strict=True):
        product = trees.map_leaves(onp.multiply, after, gradient(policy, phi, J))
        total = trees.add_scaled(total, 1.0, sum_tasks(product, path[0]))
    return total


def _edge(theta: Tree, alpha: Any, num_steps: int) -> None:
    trees.check(theta)
    if isinstance(alpha, dict):
        trees.check(alpha)
    else:
        arguments.real("alpha", alpha)
    arguments.whole("num_steps", num_steps, low=0)


def adapted_return(policy: Policy, theta: Tree, alpha: Any, num_steps: int, J: Objective) -> Any:
    """F_inf, eq. (5): the mean over tasks after inner steps on J itself. Traceable."""
    return np.mean(J.value(policy.logits(inner_loop(policy, theta, alpha, [J] * num_steps)[-1])))


def meta_gradient(policy: Policy, theta: Tree, alpha: Any, num_steps: int, J: Objective) -> Tree:
    """Gradient of F_inf by one reverse sweep through the formula of the inner gradient."""
    _edge(theta, alpha, num_steps)
    return grad(lambda theta: adapted_return(policy, theta, alpha, num_steps, J))(theta)


def meta_gradient_reverse_over_reverse(
    policy: Policy, theta: Tree, alpha: Any, num_steps: int, J: Objective
) -> Tree:
    """Gradient of F_inf with autograd inside autograd: (1) and (5) as one writes them down."""
    _edge(theta, alpha, num_steps)

    def adapted(theta: Tree) -> Any:
        phi = trees.broadcast_to_tasks(theta, J.num_tasks)
        for _ in range(num_steps):
            g = grad(lambda phi: np.sum(J.value(policy.logits(phi))))(phi)
            phi = trees.add_scaled(phi, alpha, g)
        return np.mean(J.value(policy.logits(phi)))

    return grad(adapted)(theta)


def meta_gradient_by_hessian_products(
    policy: Policy, theta: Tree, alpha: Any, num_steps: int, J: Objective
) -> Tree:
    """Gradient of F_inf by Hessian-vector products, eq. (3). The fastest of the three."""
    _edge(theta, alpha, num_steps)
    inner = [J] * num_steps
    path = inner_loop(policy, theta, alpha, inner)
    v = adjoints(policy, path, alpha, inner, [None] * num_steps + [J])
    return trees.scale(sum_tasks(v[0], theta), 1 / J.num_tasks)


def first_order_meta_gradient(
    policy: Policy, theta: Tree, alpha: Any, num_steps: int, J: Objective
) -> Tree:
    """FOMAML: the mean over tasks of grad J at phi_K, eq. (4)."""
    _edge(theta, alpha, num_steps)
    adapted = inner_loop(policy, theta, alpha, [J] * num_steps)[-1]
    return trees.scale(sum_tasks(gradient(policy, adapted, J), theta), 1 / J.num_tasks)
