"""Assignment 5, last parts: mistakes in the exact meta-gradient of MAML.

The student writes `meta_gradient(theta, tasks, alpha, num_steps)` for M bandits with A arms. theta
holds the logits [A] of a softmax policy, and tasks [M, A] holds the mean reward of each arm. The
mistakes of `exact_mistakes` keep their names in this module. `OF_BANDITS` and `OF_SEVERAL_STEPS`
hold further mistakes.

`problem_of` and `bank` trust their arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from metarl_min.basics.trees import Array
from metarl_min.gradients import exact_mistakes
from metarl_min.gradients.exact_mistakes import ExactProblem
from metarl_min.mdps import policies
from metarl_min.mdps.policies import softmax, softmax_pullback
from metarl_min.tasks.bandits import bandit_mdps
from metarl_min.teach.bandit_hessians import return_hessian_product
from metarl_min.teach.questions import Mistake, Program

CHAIN = "adaptation (3)"
PAGE, REPTILE_PAGE = "second_derivatives.py", "reptile_and_fomaml.py"
SAY = {  # what a student is told about a mistake of `exact_mistakes`
    "the gradient at theta": "This is the mean of grad J_i(theta): no inner step has an effect.",
    "first order": "Look at how the adapted parameters depend on theta.",
    "the outer gradient at theta, the factors right": (
        "The factors of the inner steps are right, but they are applied to grad J_i at theta. Look "
        "at the parameters at which the outer objective is evaluated."
    ),
    "alpha forgotten": "The Jacobian of an inner step depends on the step size. Look for alpha.",
    "alpha squared": "The step size alpha is applied twice in the Jacobian of an inner step.",
    "wrong sign of the Hessian": "An inner step adds alpha grad J. Look at the sign.",
    "each Hessian after its step": (
        "An inner step starts at phi_k and ends at phi_{k+1}. Your Hessian is that at the end."
    ),
    "one step too few": "This is the right gradient for one inner step less than num_steps.",
    "one step too many": "This is the right gradient for one inner step more than num_steps.",
    "factors transposed": "The factors are right, but they are in reversed order.",
    "every Hessian at theta": "Each inner step has its own Hessian. Look at where you evaluate it.",
    "only the Hessian of the first step": "Each inner step has a factor. You use the first.",
    "only the Hessian of the last step": "Each inner step has a factor. You use the last.",
    "last task only": "The result is that of the last task. Look at the loop over the tasks.",
    "first task only": "The result is that of the first task. Look at the loop over the tasks.",
    "inner steps along the mean of all tasks": (
        "Each task must be adapted on its own, from theta. Your inner steps use all tasks."
    ),
}


def problem_of(theta: Array, tasks: Array, alpha: float, num_steps: int) -> ExactProblem:
    """Return the arguments of the student's function as an `ExactProblem`."""
    return ExactProblem(
        policy=policies.tabular,
        theta={"logits": np.asarray(theta)[None]},
        alpha=alpha,
        tasks=bandit_mdps(np.asarray(tasks)),
        horizon=1,
        num_steps=num_steps,
    )


def _program(program: exact_mistakes.Program, *arguments: Any) -> Array:
    """Return the result of a program of `exact_mistakes` for the arguments of the student."""
    return np.asarray(program(problem_of(*arguments))["logits"][0])


def _descending(*arguments: Any) -> Array:
    """Return the meta-gradient if the inner steps go down the gradient."""
    problem = problem_of(*arguments)
    descending = {"logits": np.full_like(problem.theta["logits"], -problem.alpha)}
    return np.asarray(exact_mistakes.right(problem._replace(alpha=descending))["logits"][0])


# ---- mistakes that are programs for bandits ----


def _gradient(phi: Array, rewards: Array) -> Array:
    return np.asarray(softmax_pullback(softmax(phi), rewards))


def _path(theta: Array, rewards: Array, alpha: float, num_steps: int) -> list[Array]:
    """Return phi_0 .. phi_K on one task."""
    path = [theta]
    for _ in range(num_steps):
        path.append(path[-1] + alpha * _gradient(path[-1], rewards))
    return path


Back = Callable[[list[Array], Array, float], Array]  # iterates, rewards, alpha -> a wrong v_0


def _identity_forgotten(path: list[Array], rewards: Array, alpha: float) -> Array:
    v = _gradient(path[-1], rewards)
    for phi in path[-2::-1]:
        v = alpha * return_hessian_product(phi, rewards, v)
    return v


def _one_factor_too_many(path: list[Array], rewards: Array, alpha: float) -> Array:
    v = _gradient(path[-1], rewards)
    for phi in path[::-1]:
        v = v + alpha * return_hessian_product(phi, rewards, v)
    return v


def _sum_of_hessians(path: list[Array], rewards: Array, alpha: float) -> Array:
    v = _gradient(path[-1], rewards)
    products = [return_hessian_product(phi, rewards, v) for phi in path[:-1]]
    return np.asarray(v + alpha * sum(products))


def _sum_of_hessians_at_theta(path: list[Array], rewards: Array, alpha: float) -> Array:
    v, num_steps = _gradient(path[-1], rewards), len(path) - 1
    return v + num_steps * alpha * return_hessian_product(path[0], rewards, v)


def _displacement(path: list[Array], rewards: Array, alpha: float) -> Array:
    return path[-1] - path[0]


def _reptile(path: list[Array], rewards: Array, alpha: float) -> Array:
    return (path[-1] - path[0]) / alpha


def _mean(theta: Array, tasks: Array, alpha: float, num_steps: int, *, back: Back) -> Array:
    """Return the mean over the tasks of the vectors that `back` computes."""
    each = [back(_path(theta, rewards, alpha, num_steps), rewards, alpha) for rewards in tasks]
    return np.asarray(np.mean(each, axis=0))


def _along_the_first_gradient(theta: Array, tasks: Array, alpha: float, num_steps: int) -> Array:
    """Return the right product of factors for iterates that all step along grad J(theta)."""
    total = np.zeros_like(theta)
    for rewards in tasks:
        step = alpha * _gradient(theta, rewards)
        v = _gradient(theta + num_steps * step, rewards)
        for k in reversed(range(num_steps)):
            v = v + alpha * return_hessian_product(theta + k * step, rewards, v)
        total += v
    return total / len(tasks)


def _in_sequence(theta: Array, tasks: Array, alpha: float, num_steps: int) -> Array:
    """Return the mean of the gradients if a task starts at the last iterate of the task before."""
    total = np.zeros_like(theta)
    for rewards in tasks:
        total += _program(exact_mistakes.right, theta, rewards[None], alpha, num_steps)
        theta = _path(theta, rewards, alpha, num_steps)[-1]
    return total / len(tasks)


def _scaled(factor: Callable[[int], float]) -> Program:
    """Return the right program times a function of the number of tasks."""
    return lambda *x: factor(len(x[1])) * _program(exact_mistakes.right, *x)


OF_BANDITS = {
    "the identity forgotten": Mistake(
        partial(_mean, back=_identity_forgotten),
        "phi_{k+1} contains phi_k itself. So its derivative in phi_k contains the identity.",
        CHAIN,
        PAGE,
    ),
    "one factor too many": Mistake(
        partial(_mean, back=_one_factor_too_many),
        "There are K inner steps, and no step starts at phi_K. Your result has a factor for phi_K.",
        CHAIN,
        PAGE,
    ),
    "Reptile without the division by alpha": Mistake(
        partial(_mean, back=_displacement),
        "This is the mean of phi_K - theta, which contains no second derivatives.",
        CHAIN,
        REPTILE_PAGE,
    ),
    "tasks in sequence": Mistake(
        _in_sequence,
        "The inner steps on a task start where the steps on the task before have ended. Look at "
        "the parameters from which each task is adapted.",
        "adaptation (1)",
    ),
    "inner steps down the gradient": Mistake(
        _descending,
        "Each inner step must increase J, and yours decreases J. Look at the sign of the step.",
        "adaptation (1)",
    ),
    "sum for mean": Mistake(
        _scaled(lambda num_tasks: num_tasks),
        "The objective is the mean over the tasks, and your result is the sum.",
        "adaptation (5)",
    ),
    "wrong sign": Mistake(
        _scaled(lambda num_tasks: -1.0),
        "Your result has the opposite sign. The objective is maximised.",
        "adaptation (5)",
    ),
}


OF_SEVERAL_STEPS = {  # with one step they are the right program, or the gradient at theta
    "Reptile": Mistake(
        partial(_mean, back=_reptile),
        "This is the mean of (phi_K - theta) / alpha, which contains no second derivatives.",
        CHAIN,
        REPTILE_PAGE,
    ),
    "a sum of Hessians for the product of factors": Mistake(
        partial(_mean, back=_sum_of_hessians),
        "Your result contains the sum of the Hessians of all inner steps. Look at how the chain "
        "rule combines the derivatives of two steps.",
        CHAIN,
        PAGE,
    ),
    "a sum of Hessians at theta for the product of factors": Mistake(
        partial(_mean, back=_sum_of_hessians_at_theta),
        "Your result contains K times the Hessian at theta. Each inner step has its own Hessian. "
        "Look also at how the chain rule combines the derivatives of two steps.",
        CHAIN,
        PAGE,
    ),
    "every inner step along the gradient at theta": Mistake(
        _along_the_first_gradient,
        "Each inner step is along the gradient at its own starting point. Look at the parameters "
        "at which you compute the gradient of the second inner step.",
        "adaptation (1)",
    ),
}


def bank(num_steps: int) -> dict[str, Mistake]:
    """Return the mistakes that can be told apart with two tasks and this number of steps."""
    example = problem_of(np.zeros(2), np.zeros((2, 2)), 1.0, num_steps)
    listed = exact_mistakes.named_mistakes(example)
    found = {
        name: Mistake(partial(_program, listed[name]), say, CHAIN, PAGE)
        for name, say in SAY.items()
        if name in listed
    }
    if num_steps == 1:
        del found["one step too few"]  # this is the gradient at theta
    return found | OF_BANDITS | (OF_SEVERAL_STEPS if num_steps > 1 else {})
