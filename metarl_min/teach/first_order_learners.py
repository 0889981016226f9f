"""Assignment 4, the second part: first-order MAML and Reptile.

The student writes two functions for M bandits with a softmax policy. The logits of the policy are
theta [A], and tasks [M, A] holds the mean rewards of the arms. On each task, phi_K follows from
theta by K inner steps, as in `inner_loops`.

    fomaml(theta, tasks, alpha, num_steps)   the mean over the tasks of grad J(phi_K)      [A]
    reptile(theta, tasks, alpha, num_steps)  the mean of (phi_K - theta) / alpha           [A]

The first one is adaptation (4) with L_k = 0 for k < K: only phi_K has an outer objective. The
second one is the direction of reptile (1). Both programs, and the mistakes that both can have, are
in `task_means`. The further mistakes are in OF_FOMAML and OF_REPTILE.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from metarl_min.basics.arguments import require, whole
from metarl_min.basics.trees import Array
from metarl_min.gradients import exact_mistakes
from metarl_min.teach.inner_loops import HINTS, Inner, draw, iterates, with_wrong_steps
from metarl_min.teach.meta_gradient_mistakes import problem_of
from metarl_min.teach.questions import Mistake, Question
from metarl_min.teach.task_means import (
    Learner,
    displacement,
    last_gradient,
    mean_over_tasks,
    other_mistakes,
    right_fomaml,
    right_reptile,
    task_mistakes,
)
from metarl_min.teach.value_questions import ValueQuestion, value_question

FIRST_ORDER, REPTILE, MEAN = "adaptation (4)", "reptile (1)", "adaptation (5)"
PAGE, SECOND_PAGE = "reptile_and_fomaml.py", "second_derivatives.py"


def _all_gradients(path: Array, tasks: Array, alpha: float, inner: Inner) -> Array:
    return np.asarray(sum(inner.g(phi, tasks) for phi in path))


def _last_tasks_gradient(path: Array, tasks: Array, alpha: float, inner: Inner) -> Array:
    return inner.g(path[-1], np.broadcast_to(tasks[-1], tasks.shape))


def _mean_tasks_gradient(path: Array, tasks: Array, alpha: float, inner: Inner) -> Array:
    return inner.g(path[-1], np.broadcast_to(tasks.mean(axis=0), tasks.shape))


def _mean_of_ends(theta: Array, tasks: Array, alpha: float, num_steps: int) -> Array:
    return right_reptile(theta, tasks, alpha, num_steps) * alpha + theta


def _serial(theta: Array, tasks: Array, alpha: float, num_steps: int) -> Array:
    """Return the displacement by inner steps on one task after the other, divided by alpha."""
    phi = theta
    for task in tasks:
        phi = iterates(phi, task, alpha, num_steps)[-1]
    return np.asarray((phi - theta) / alpha)


def _second_order(theta: Array, tasks: Array, alpha: float, num_steps: int) -> Array:
    tree = exact_mistakes.right(problem_of(theta, tasks, alpha, num_steps))
    return np.asarray(tree["logits"][0])


OF_FOMAML = {
    "the gradient at theta": Mistake(
        lambda theta, tasks, alpha, K: right_fomaml(theta, tasks, alpha, 0),
        "This is the mean of grad J_i(theta): no inner step has an effect. Look at the parameters "
        "at which you evaluate the outer gradient.",
        FIRST_ORDER,
        "before_or_after.py",
    ),
    "the second-order meta-gradient": Mistake(
        _second_order,
        "Your result contains second derivatives. First-order MAML leaves them out.",
        FIRST_ORDER,
        SECOND_PAGE,
    ),
    "the gradients at all iterates": Mistake(
        partial(mean_over_tasks, direction=_all_gradients),
        "You add up the gradients at phi_0 .. phi_K. Here only one of the iterates has an outer "
        "objective.",
        FIRST_ORDER,
    ),
    "the outer gradient on the last task": Mistake(
        partial(mean_over_tasks, direction=_last_tasks_gradient),
        "The iterates are right, but every outer gradient is that of the last task. Look at the "
        "variable that holds the task.",
        MEAN,
    ),
    "the outer gradient on the mean of all tasks": Mistake(
        partial(mean_over_tasks, direction=_mean_tasks_gradient),
        "The iterates are right, but every outer gradient is that of the mean rewards of all "
        "tasks. F contains J_i at the iterate of the same task i.",
        MEAN,
    ),
    "the mean of the adapted parameters": Mistake(
        _mean_of_ends,
        "Your result is the mean of phi_K, so it contains no outer gradient.",
        FIRST_ORDER,
    ),
}
OF_REPTILE = {
    "first-order MAML": Mistake(
        right_fomaml, "Reptile uses no gradient at the last iterate.", REPTILE, PAGE
    ),
    "not divided by alpha": Mistake(
        lambda theta, tasks, alpha, K: right_reptile(theta, tasks, alpha, K) * alpha,
        "The difference of the parameters is right. It must be divided by the step size.",
        REPTILE,
    ),
    "the last iterate": Mistake(
        _mean_of_ends,
        "Your result is the mean of phi_K. Reptile returns a direction.",
        REPTILE,
    ),
    "the new theta": Mistake(
        lambda theta, tasks, alpha, K: right_reptile(theta, tasks, alpha, K) + theta,
        "You add the direction to theta. Return the direction alone.",
        REPTILE,
    ),
    "serial Reptile": Mistake(
        _serial,
        "You adapt to one task after the other, and return the difference of the end of this way "
        "and theta. So Nichol et al. train with one task at a time. Here every task is adapted "
        "from theta.",
        REPTILE,
    ),
}


def fomaml(num_steps: int = 2, num_tasks: int = 3) -> Question:
    """Ask for fomaml(theta [A], tasks [M, A], alpha, num_steps) -> the mean of grad J(phi_K) [A].

    TypeError or ValueError unless num_steps is from 1 to 5 and num_tasks is from 2 to 10. The two
    numbers must differ.
    """
    K, M = whole("num_steps", num_steps, 1, 5), whole("num_tasks", num_tasks, 2, 10)
    mistakes = OF_FOMAML | task_mistakes(last_gradient, MEAN)
    mistakes |= other_mistakes(right_fomaml, K, FIRST_ORDER)
    if K > 1:  # with one step, Reptile is the gradient at theta
        say = "This is the direction of Reptile. First-order MAML uses one gradient of each task."
        mistakes["Reptile"] = Mistake(right_reptile, say, FIRST_ORDER, PAGE)
    return _asked("fomaml", right_fomaml, K, M, mistakes)


def reptile(num_steps: int = 2, num_tasks: int = 3) -> Question:
    """Ask for reptile(theta [A], tasks [M, A], alpha, num_steps) -> mean of (phi_K-theta)/alpha.

    TypeError or ValueError unless num_steps is from 2 to 5 and num_tasks is from 2 to 10. The two
    numbers must differ.
    """
    K, M = whole("num_steps", num_steps, 2, 5), whole("num_tasks", num_tasks, 2, 10)
    mistakes = OF_REPTILE | task_mistakes(displacement, REPTILE)
    mistakes |= other_mistakes(right_reptile, K, REPTILE)
    return _asked("reptile", right_reptile, K, M, mistakes)


def _asked(
    name: str, right: Learner, num_steps: int, num_tasks: int, mistakes: dict[str, Mistake]
) -> Question:
    """Return the question that asks for a right program.

    A factor K cannot be told from a factor M if both are equal, so they must differ.
    """
    require(num_tasks != num_steps, "num_tasks and num_steps must differ", num_tasks)
    asked = ValueQuestion(
        function=name,
        cases=partial(draw, num_steps=num_steps, num_tasks=num_tasks),
        truth=lambda case: right(*case.arguments[0]),
        mistakes=mistakes | with_wrong_steps(right, num_steps),
        numbers=lambda case: {"alpha": case.arguments[0][2], "M": num_tasks, "K": num_steps},
        hints=HINTS,
    )
    return value_question(asked)
