"""Adaptation: the inner loop of MAML, and the exact gradient through the inner loop.

A learner begins every task with the same meta-parameters theta. On each task, the learner takes K
inner steps along the gradients of inner objectives J_k. An inner objective is the expected return
on the task, or a surrogate of episodes of the task:

    (1)  phi_0 = theta,  phi_{k+1} = phi_k + alpha grad J_k(phi_k)   [Finn et al. 2017, sec. 2.2]

The step size alpha is a number, or a vector with an entry for each parameter. A vector multiplies
elementwise. phi_0, .., phi_K are called iterates. The objective F of theta is a sum of outer
objectives L_k, one for each iterate:

    (2)  F(theta) = sum_k L_k(phi_k)                                                [definition]

In MAML as published, L_k = 0 for k < K. In a trial, the learner plays some episodes with each
iterate, and the rewards of all episodes count. So each L_k of a trial is nonzero. In this module,
L_k is any outer objective and J_k is any inner objective.

Keep phi_0, .., phi_{k-1} fixed, let phi_k vary, and compute the later iterates from phi_k by (1).
Then F is a function of phi_k. Its gradient v_k = dF/dphi_k is called an adjoint. Adjoints are
computed backwards:

    iterates    theta = phi_0  -->  phi_1  -->  ..  -->  phi_K
                          |           |                    |
    objectives           L_0         L_1                  L_K
    adjoints    grad F = v_0   <--   v_1   <--  ..  <--   v_K

    (3)  v_K = grad L_K(phi_K),
         v_k = v_{k+1} + Hess J_k(phi_k) (alpha v_{k+1}) + grad L_k(phi_k),
         grad F = v_0                                    [chain rule; Finn et al. 2017, sec. 2.2]

    Steps of (3): F depends on phi_k through L_k(phi_k) and through phi_{k+1}.
    The Jacobian of step (1) is dphi_{k+1}/dphi_k = I + diag(alpha) Hess J_k(phi_k).
    The chain rule multiplies v_{k+1} by the transpose of this Jacobian.
    A Hessian is symmetric, so the transpose is I + Hess J_k(phi_k) diag(alpha).

First-order MAML leaves out the term with the Hessian:

    (4)  v_K = grad L_K(phi_K),  v_k = v_{k+1} + grad L_k(phi_k)      [Finn et al. 2017, sec. 5.2]

In MAML with exact inner gradients, each J_k is the expected return J of the task. L_K is J too, and
L_k = 0 for k < K. The objective is the mean over the M tasks:

    (5)  F_inf(theta) = 1/M sum_tasks J(phi_K)
                                  [Finn et al. 2017, sec. 2.2; Rothfuss et al. 2019, formulation I]

F also has a gradient in the step size. If alpha is a vector, the product in (6) is elementwise. If
alpha is a number, the product in (6) is the inner product:

    (6)  dF/dalpha = sum_k v_{k+1} grad J_k(phi_k)                 [chain rule; Li et al. 2017]

    Steps of (6): alpha appears once in each of the K steps (1). Let alpha change in step k only.
    Then phi_k is fixed, and the derivative of phi_{k+1} in alpha is grad J_k(phi_k).
    v_{k+1} is the gradient of F in phi_{k+1}, so the derivative of F is v_{k+1} grad J_k(phi_k).
    By the chain rule, dF/dalpha is the sum of this derivative over all k.

(3), (4) and (6) hold for one task. All tasks share theta and alpha, so the gradients in theta and
alpha are sums over the tasks, and for (5) this sum is divided by M.

`sum_tasks(tree, like)` sums each leaf of `tree` over the tasks, if the leaves of `like` have no
axis M. `adjoints`, `first_order_adjoints` and `alpha_gradient` trust their arguments.

Three functions compute the gradient of (5). In `meta_gradient_reverse_over_reverse`, autograd
computes the inner gradient, and then differentiates this computation. In `meta_gradient`, the inner
gradient is a formula of `objectives`, and autograd differentiates the formula.
`meta_gradient_by_hessian_products` computes (3), without autograd. A plain form of (5), with loops
over trajectories, is in tests/adaptation_by_hand.py. In the example, two arms pay 0.2 and 0.9, the
logits are (0.3, -0.2), and one inner step has alpha = 0.7.

>>> from metarl_min.gradients.objectives import expected_return_objective
>>> from metarl_min.mdps.mdp import MDP
>>> from metarl_min.mdps.policies import tabular
>>> arms = onp.array([0.2, 0.9]).reshape(1, 1, 2, 1)
>>> task = MDP(initial=onp.ones((1, 1)), transition=onp.ones((1, 1, 2, 1)), reward=arms)
>>> J, theta = expected_return_objective(task, horizon=1), {"logits": onp.array([[0.3, -0.2]])}
>>> print(f"{adapted_return(tabular, theta, 0.7, 1, J):.6f}")
0.503087
>>> ways = meta_gradient_reverse_over_reverse, meta_gradient, meta_gradient_by_hessian_products
>>> [way(tabular, theta, 0.7, 1, J)["logits"].round(6).tolist() for way in ways]
[[[-0.18155, 0.18155]], [[-0.18155, 0.18155]], [[-0.18155, 0.18155]]]
"""

from collections.abc import Sequence
from typing import Any

import autograd.numpy as np
import numpy as onp
from autograd import grad

from metarl_min.basics import arguments, trees
from metarl_min.basics.trees import Tree, sum_tasks
from metarl_min.gradients.forward_passes import (
    Objectives,
    Passes,
    forward_passes,
    passes_of_path,
    take_steps,
)
from metarl_min.gradients.objectives import Objective
from metarl_min.gradients.parameters import check_parameters, check_step_sizes
from metarl_min.mdps.policies import Policy

MOST_STEPS = 100_000  # limit of K, because the parameters of all steps are stored
Iterates = Sequence[Tree]  # phi_0 .. phi_K, or the adjoints v_0 .. v_K


def inner_loop(policy: Policy, theta: Tree, alpha: Any, inner: Objectives) -> list[Tree]:
    """Return the list of all iterates of eq. (1). The first iterate is theta.

    Leaves of theta are [M, ..], or have no axis M if the tasks share theta.

    >>> from metarl_min.gradients.objectives import reinforce_objective
    >>> from metarl_min.mdps.policies import tabular
    >>> inner = [reinforce_objective(onp.array([[[0.5, 0.0]], [[0.0, 0.5]]]))]  # C of two tasks
    >>> inner_loop(tabular, {"logits": onp.zeros((1, 2))}, 2.0, inner)[1]["logits"].tolist()
    [[[0.5, -0.5]], [[-0.5, 0.5]]]
    """
    num_tasks = None
    for objective in arguments.sequence("inner", inner):
        J = arguments.instance("objective", objective, Objective)
        check_parameters(policy, theta, J.shape, J.num_tasks)
        num_tasks = J.num_tasks
    return take_steps(policy, theta, check_step_sizes(alpha, theta, num_tasks), inner)


def adjoints(
    policy: Policy,
    path: Iterates,
    alpha: Any,
    inner: Objectives,
    outer: Objectives,
    passes: Passes = (),
) -> Iterates:
    """Return the adjoints v_0 .. v_K of every task for F of eq. (2), by eq. (3).

    `path` holds phi_0 .. phi_K, `inner` holds J_0 .. J_{K-1}, and `outer` holds L_0 .. L_K. If
    inner[k] is None, the Hessian of step k is left out. If outer[k] is None, L_k is zero. If the
    tasks share theta, v_0 is summed over the tasks, and has the axes of theta.
    """
    passes = passes or passes_of_path(policy, path, inner)
    result: list[Tree] = []
    for k in reversed(range(len(path))):
        # `parts` are the terms of v_k. If k < K, the first term is v_{k+1} = result[-1].
        phi, (hidden, pi, derivatives), parts = path[k], passes[k], result[-1:]
        has_hessian = k < len(inner) and inner[k] is not None
        w = 0.0 if outer[k] is None else outer[k].gradient_at(pi)  # grad L_k in the logits
        if has_hessian:  # the last two terms of (3) are computed together
            direction = trees.scale(result[-1], alpha)
            parts = [*parts, policy.hessian_product(phi, hidden, direction, derivatives, w)]
        elif outer[k] is not None:
            parts = [*parts, policy.backward(phi, hidden, w)]
        v = trees.total(parts) if parts else trees.map_leaves(onp.zeros_like, phi)
        result.append(sum_tasks(v, phi) if k == 0 else v)
    return result[::-1]


def first_order_adjoints(
    policy: Policy, path: Iterates, outer: Objectives, passes: Passes = ()
) -> Iterates:
    """Return the adjoints v_0 .. v_K of every task without Hessians, eq. (4)."""
    return adjoints(policy, path, 0.0, [None] * (len(path) - 1), outer, passes)


def alpha_gradient(
    policy: Policy, path: Iterates, inner: Objectives, v: Iterates, passes: Passes = ()
) -> Tree:
    """Return the gradient of F in the step size of each parameter, eq. (6), from the adjoints v.

    The gradient is a sum over the tasks. If alpha is one number, dF/dalpha is the sum of all
    entries of the returned Tree.
    """
    passes = passes or passes_of_path(policy, path, inner)
    total = trees.map_leaves(onp.zeros_like, path[0])
    for k in range(len(inner)):
        g = policy.backward(path[k], passes[k].hidden, passes[k].derivatives.gradient)
        total = trees.add_scaled(total, 1.0, sum_tasks(trees.scale(v[k + 1], g), path[0]))
    return total


def _checked(
    policy: Policy, theta: Tree, alpha: Any, num_steps: int, J: Objective
) -> tuple[Any, int]:
    """Return alpha and the number of steps; an error unless the arguments fit together."""
    arguments.instance("J", J, Objective)
    check_parameters(policy, theta, J.shape, J.num_tasks)
    K = arguments.whole("num_steps", num_steps, low=0, high=MOST_STEPS)
    return check_step_sizes(alpha, theta), K


def adapted_return(policy: Policy, theta: Tree, alpha: Any, num_steps: int, J: Objective) -> Any:
    """Return F_inf, eq. (5): the mean over tasks of J(phi_K). Autograd may trace theta."""
    alpha, num_steps = _checked(policy, theta, alpha, num_steps, J)
    path = take_steps(policy, theta, alpha, [J] * num_steps)
    return np.mean(J.value(policy.logits(path[-1])))


def meta_gradient_reverse_over_reverse(
    policy: Policy, theta: Tree, alpha: Any, num_steps: int, J: Objective
) -> Tree:
    """Return the gradient of F_inf, eq. (5), by autograd.

    Autograd also computes the inner gradients of eq. (1).
    """
    alpha, num_steps = _checked(policy, theta, alpha, num_steps, J)

    def F_inf(theta: Tree) -> Any:
        phi = trees.broadcast_to_tasks(theta, J.num_tasks)
        for _ in range(num_steps):
            # Each task has its own phi, so the gradient of the sum holds the gradient of each task.
            g = grad(lambda phi: np.sum(J.value(policy.logits(phi))))(phi)
            phi = trees.add_scaled(phi, alpha, g)
        return np.mean(J.value(policy.logits(phi)))

    return grad(F_inf)(theta)


def meta_gradient(policy: Policy, theta: Tree, alpha: Any, num_steps: int, J: Objective) -> Tree:
    """Return the gradient of F_inf by autograd, through the formula of the inner gradient."""
    alpha, num_steps = _checked(policy, theta, alpha, num_steps, J)
    return grad(lambda theta: adapted_return(policy, theta, alpha, num_steps, J))(theta)


def meta_gradient_by_hessian_products(
    policy: Policy, theta: Tree, alpha: Any, num_steps: int, J: Objective
) -> Tree:
    """Return the gradient of F_inf by Hessian-vector products, eq. (3). It is the fastest way."""
    alpha, num_steps = _checked(policy, theta, alpha, num_steps, J)
    inner, outer = [J] * num_steps, [None] * num_steps + [J]
    path, passes = forward_passes(policy, theta, alpha, inner)
    v = adjoints(policy, path, alpha, inner, outer, passes)
    return trees.scale(v[0], 1 / J.num_tasks)


def first_order_meta_gradient(
    policy: Policy, theta: Tree, alpha: Any, num_steps: int, J: Objective
) -> Tree:
    """Return the gradient of first-order MAML, eq. (4), which is the mean of grad J(phi_K)."""
    alpha, num_steps = _checked(policy, theta, alpha, num_steps, J)
    path, passes = forward_passes(policy, theta, alpha, [J] * num_steps)
    v = first_order_adjoints(policy, path, [None] * num_steps + [J], passes)
    return trees.scale(v[0], 1 / J.num_tasks)
