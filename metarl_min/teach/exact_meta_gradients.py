"""Assignment 5, last parts: the exact meta-gradient of MAML.

The student writes `meta_gradient(theta, tasks, alpha, num_steps)` for M bandits with A arms. theta
holds the logits [A] of a softmax policy, and tasks [M, A] holds the mean reward of each arm. The
student's result is compared with `exact_mistakes.right`, and with the mistakes of that module. So a
mistake has the same name here and in `exact_checks`. `OF_BANDITS` holds further mistakes.

`bank` trusts its arguments. `problem_of` trusts its arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from metarl_min.basics.arguments import whole
from metarl_min.basics.trees import Array, Rng
from metarl_min.gradients import exact_mistakes
from metarl_min.gradients.exact_mistakes import ExactProblem
from metarl_min.mdps import policies
from metarl_min.mdps.policies import softmax, softmax_pullback
from metarl_min.tasks.bandits import bandit_mdps
from metarl_min.teach.bandit_hessians import return_hessian_product
from metarl_min.teach.questions import Mistake, Program, Question
from metarl_min.teach.value_questions import Case, ValueQuestion, one_call, value_question

CHAIN = "adaptation (3)"
PAGE = "second_derivatives.py"
SAY = {  # what a student is told about a mistake of `exact_mistakes`
    "the gradient at theta": "This is the mean of grad J_i(theta): no inner step has an effect.",
    "first order": (
        "The factor (I + alpha H_i) of each inner step is missing. Look at how the adapted "
        "parameters depend on theta."
    ),
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
    "factors transposed": "The factors are right, but their order is reversed.",
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
    """Return the meta-gradient of inner steps down the gradient."""
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


Back = Callable[[list[Array], Array, float], Array]  # iterates, rewards, alpha -> a vector


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


def _displacement(path: list[Array], rewards: Array, alpha: float) -> Array:
    return (path[-1] - path[0]) / alpha


def _mean(theta: Array, tasks: Array, alpha: float, num_steps: int, *, back: Back) -> Array:
    """Return the mean over the tasks of the vectors that `back` computes."""
    each = [back(_path(theta, rewards, alpha, num_steps), rewards, alpha) for rewards in tasks]
    return np.asarray(np.mean(each, axis=0))


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


def bank(num_steps: int) -> dict[str, Mistake]:
    """Return the mistakes that differ from the right program for so many steps, and two tasks."""
    example = problem_of(np.zeros(2), np.zeros((2, 2)), 1.0, num_steps)
    listed = exact_mistakes.named_mistakes(example)
    found = {
        name: Mistake(partial(_program, listed[name]), say, CHAIN, PAGE)
        for name, say in SAY.items()
        if name in listed
    }
    if num_steps == 1:
        del found["one step too few"]  # is the gradient at theta
    else:  # with one step, Reptile is the gradient at theta
        say = "This is the mean of (phi_K - theta) / alpha, which contains no second derivatives."
        reptile = partial(_mean, back=_displacement)
        found["Reptile"] = Mistake(reptile, say, CHAIN, "reptile_and_fomaml.py")
    return found | OF_BANDITS


def _cases(rng: Rng, num_steps: int, num_tasks: int) -> list[Case]:
    """Draw four cases with more and more arms. The last two have one task more than the others."""
    sizes = (2, num_tasks), (3, num_tasks), (4, num_tasks + 1), (5, num_tasks + 1)
    return [
        one_call(rng.normal(size=A), rng.normal(size=(M, A)), rng.uniform(0.7, 1.3), num_steps)
        for A, M in sizes
    ]


def _numbers(case: Case) -> dict[str, float]:
    _, tasks, alpha, num_steps = case.arguments[0]
    return {"alpha": alpha, "M": len(tasks), "K": num_steps}


def _truth(case: Case) -> Array:
    return _program(exact_mistakes.right, *case.arguments[0])


def meta_gradient(num_steps: int = 2, num_tasks: int = 3) -> Question:
    """Ask for meta_gradient(theta [A], tasks [M, A], alpha, num_steps) -> gradient of F_inf [A].

    TypeError or ValueError unless num_steps is from 1 to 5 and num_tasks from 2 to 10.
    """
    K, M = whole("num_steps", num_steps, 1, 5), whole("num_tasks", num_tasks, 2, 10)
    asked = ValueQuestion(
        function="meta_gradient",
        cases=partial(_cases, num_steps=K, num_tasks=M),
        truth=_truth,
        mistakes=bank(K),
        numbers=_numbers,
    )
    return value_question(asked)
