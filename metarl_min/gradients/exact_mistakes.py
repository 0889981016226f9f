"""Exact meta-gradients, and frequent mistakes in them, each with a name.

An exact meta-gradient is the gradient of F_inf, adaptation (5), for several tasks. It contains no
sampled data. Each task has its own J and its own phi_k. The meta-gradient is the mean over the
tasks of

    (1)  (I + alpha Hess J(phi_0)) .. (I + alpha Hess J(phi_{K-1})) grad J(phi_K)
                                                              [adaptation (3), one number alpha]

A wrong program often computes (1) with one change: a derivative at other parameters, another order
of the factors, another factor, or another sum over the tasks. `named_mistakes` lists the right
program and such wrong programs. `right`, `named_mistakes` and the programs trust their arguments.
`exact_checks` compares a program of your own with the listed programs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.arguments import instance, real, require, whole
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Tree
from metarl_min.gradients import adaptation
from metarl_min.gradients.forward_passes import gradient, take_steps
from metarl_min.gradients.objectives import Objective, expected_return_objective
from metarl_min.gradients.parameters import check_parameters, check_step_sizes
from metarl_min.mdps import policies
from metarl_min.mdps.mdp import MDP, take_tasks
from metarl_min.mdps.policies import Policy, forward_pass
from metarl_min.tasks.bandits import bandit_mdps


def _valid(
    policy: Policy,
    theta: Tree,
    alpha: Any,
    tasks: MDP,
    horizon: int,
    num_steps: int,
    gamma: float,
) -> tuple[Any, ...]:
    leading = instance("tasks", tasks, MDP).leading
    require(len(leading) == 1, "tasks must have one leading axis [M]", leading)
    check_parameters(policy, theta, tasks.shape)
    alpha, T = check_step_sizes(alpha, theta), whole("horizon", horizon)
    K = whole("num_steps", num_steps, 0, adaptation.MOST_STEPS)
    return policy, theta, alpha, tasks, T, K, real("gamma", gamma, 0, 1)


@checked(_valid)
class ExactProblem(NamedTuple):
    """Several tasks, and the settings of inner steps along exact gradients.

    TypeError or ValueError if the fields do not fit together.
    """

    policy: Policy
    theta: Tree  # without an axis of tasks
    alpha: Any  # a number, or a tree with a step size for each parameter
    tasks: MDP  # with the leading axis [M]
    horizon: int
    num_steps: int  # K
    gamma: float = 1.0  # discount of J

    @property
    def J(self) -> Objective:
        """The expected return on each task, and its derivatives."""
        return expected_return_objective(self.tasks, self.horizon, self.gamma)


def standard_exact_problems() -> list[ExactProblem]:
    """Return three bandits of four arms, and two MDPs. Any two named mistakes differ on them."""
    arms = np.array([[0.2, 0.9, -0.4, 0.5], [1.1, -0.3, 0.4, 0.1], [-0.2, 0.6, 0.8, -0.7]])
    bandits = ExactProblem(
        policy=policies.tabular,
        theta={"logits": np.array([[0.3, -0.2, 0.1, -0.4]])},
        alpha=0.7,
        tasks=bandit_mdps(arms),
        horizon=1,
        num_steps=2,
    )
    first = [[[0.7, 0.3], [0.1, 0.9]], [[0.4, 0.6], [0.8, 0.2]]]
    second = [[[0.2, 0.8], [0.6, 0.4]], [[0.9, 0.1], [0.3, 0.7]]]
    rewards = [[[[0.3], [1.1]], [[-0.5], [0.8]]], [[[0.9], [-0.2]], [[0.4], [0.1]]]]
    tasks = MDP(
        initial=np.array([[0.6, 0.4], [0.6, 0.4]]),
        transition=np.array([first, second]),
        reward=np.array(rewards),
    )
    theta = {"logits": np.array([[0.3, -0.2], [-0.4, 0.5]])}
    return [bandits, bandits._replace(theta=theta, alpha=1.2, tasks=tasks, horizon=3, num_steps=3)]


Program = Callable[[ExactProblem], Tree]


def _path(problem: ExactProblem) -> list[Tree]:
    """Return phi_0 .. phi_K of every task, leaves [M, ...]."""
    theta = trees.broadcast_to_tasks(problem.theta, problem.tasks.leading[0])
    inner = [problem.J] * problem.num_steps
    return take_steps(problem.policy, theta, problem.alpha, inner)


def _hessian_product(problem: ExactProblem, phi: Tree, v: Tree) -> Tree:
    """Return the Hessian of the expected return of each task at phi, times v."""
    hidden, probs, _ = forward_pass(problem.policy, phi)
    derivatives = problem.J.derivatives_at(probs)
    return problem.policy.hessian_product(phi, hidden, v, derivatives, 0.0)


def _chain(problem: ExactProblem, at: Tree, points: Sequence[Tree], scales: Sequence[Any]) -> Tree:
    """Return the mean over tasks of a product like eq. (1).

    The product starts with v = grad J(at). Then v is multiplied by I + Hess J(point) diag(scale),
    for one point after the other.
    """
    policy, J = problem.policy, problem.J
    v = gradient(policy, at, J)
    for point, scale in zip(points, scales, strict=True):
        v = trees.add_scaled(v, 1.0, _hessian_product(problem, point, trees.scale(v, scale)))
    return trees.scale(trees.sum_tasks(v, problem.theta), 1 / J.num_tasks)


def right(problem: ExactProblem) -> Tree:
    """Return the gradient of F_inf, eq. (1). The points are phi_{K-1}, .., phi_0."""
    path = _path(problem)
    return _chain(problem, path[-1], path[-2::-1], [problem.alpha] * problem.num_steps)


def _first_order(problem: ExactProblem) -> Tree:
    return _chain(problem, _path(problem)[-1], [], [])


def _gradient_at_theta(problem: ExactProblem) -> Tree:
    return _chain(problem, _path(problem)[0], [], [])


def _outer_gradient_at_theta(problem: ExactProblem) -> Tree:
    path = _path(problem)
    return _chain(problem, path[0], path[-2::-1], [problem.alpha] * problem.num_steps)


def _with_scale(problem: ExactProblem, scale_of: Callable[[Any], Any]) -> Tree:
    """Return eq. (1) with another number in the place of alpha. The iterates still use alpha."""
    path, alpha = _path(problem), problem.alpha
    scale = trees.map_leaves(scale_of, alpha) if isinstance(alpha, dict) else scale_of(alpha)
    return _chain(problem, path[-1], path[-2::-1], [scale] * problem.num_steps)


def _transposed(problem: ExactProblem) -> Tree:
    """Return eq. (1) with the factors in reverse order: the points are phi_0, .., phi_{K-1}."""
    path = _path(problem)
    return _chain(problem, path[-1], path[:-1], [problem.alpha] * problem.num_steps)


def _hessians_at_theta(problem: ExactProblem) -> Tree:
    path, K = _path(problem), problem.num_steps
    return _chain(problem, path[-1], [path[0]] * K, [problem.alpha] * K)


def _hessians_one_step_late(problem: ExactProblem) -> Tree:
    """Return eq. (1) with Hess J(phi_{k+1}) in the place of Hess J(phi_k)."""
    path = _path(problem)
    return _chain(problem, path[-1], path[:0:-1], [problem.alpha] * problem.num_steps)


def _one_hessian(problem: ExactProblem, k: int) -> Tree:
    """Return eq. (1) with only one of its factors: the first if k = 0, the last if k = -1."""
    path = _path(problem)
    return _chain(problem, path[-1], [path[:-1][k]], [problem.alpha])


def _with_steps(problem: ExactProblem, more: int) -> Tree:
    return right(problem._replace(num_steps=problem.num_steps + more))


def _one_task(problem: ExactProblem, task: int) -> Tree:
    tasks = take_tasks(problem.tasks, np.array([range(problem.tasks.leading[0])[task]]))
    return right(problem._replace(tasks=tasks))


def _shared_steps(problem: ExactProblem) -> Tree:
    """Return the gradient in theta of the mean of J(phi_K), if all tasks share the iterates phi_k.

    Each inner step is along the mean gradient of all tasks.
    """
    J, policy, alpha = problem.J, problem.policy, problem.alpha
    M, theta = J.num_tasks, problem.theta
    path = [theta]
    for _ in range(problem.num_steps):
        total = trees.sum_tasks(gradient(policy, path[-1], J), theta)
        path.append(trees.add_scaled(path[-1], alpha, trees.scale(total, 1 / M)))
    v = trees.scale(trees.sum_tasks(gradient(policy, path[-1], J), theta), 1 / M)
    for phi in path[-2::-1]:
        each = _hessian_product(problem, phi, trees.scale(v, alpha))
        v = trees.add_scaled(v, 1 / M, trees.sum_tasks(each, theta))
    return v


def _with_inner_steps() -> dict[str, Program]:
    """Return the programs that are wrong with one inner step or more."""
    return {
        "first order": _first_order,
        "the outer gradient at theta, the factors right": _outer_gradient_at_theta,
        "alpha forgotten": partial(_with_scale, scale_of=np.ones_like),
        "alpha squared": partial(_with_scale, scale_of=np.square),
        "wrong sign of the Hessian": partial(_with_scale, scale_of=np.negative),
        "each Hessian after its step": _hessians_one_step_late,
        "one step too few": partial(_with_steps, more=-1),
        "one step too many": partial(_with_steps, more=1),
    }


def _with_two_inner_steps() -> dict[str, Program]:
    """Return the programs that are wrong with two inner steps or more."""
    return {
        "factors transposed": _transposed,
        "every Hessian at theta": _hessians_at_theta,
        "only the Hessian of the first step": partial(_one_hessian, k=0),
        "only the Hessian of the last step": partial(_one_hessian, k=-1),
    }


def _with_two_tasks() -> dict[str, Program]:
    """Return the programs that are wrong with two tasks or more."""
    return {
        "last task only": partial(_one_task, task=-1),
        "first task only": partial(_one_task, task=0),
        "inner steps along the mean of all tasks": _shared_steps,
    }


def named_mistakes(problem: ExactProblem) -> dict[str, Program]:
    """Return, by name, the right program and the wrong ones that differ from it on a problem."""
    K, M = problem.num_steps, problem.tasks.leading[0]
    programs: dict[str, Program] = {"the meta-gradient": right}
    if K > 0:
        programs |= {"the gradient at theta": _gradient_at_theta} | _with_inner_steps()
    if K > 1:
        programs |= _with_two_inner_steps()
    return programs | (_with_two_tasks() if M > 1 else {})
