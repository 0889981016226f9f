"""Assignment 4, means over tasks of vectors from the inner loop.

A program adapts to each of M bandits, and computes one vector from the iterates of each task. The
result is the mean of these vectors. First-order MAML and Reptile are two such programs: a vector is
the gradient at the last iterate, or the displacement of the last iterate. This module holds both
right programs. It also holds the mistakes that both can have: in the loop over the tasks, in the
number of inner steps, and in the sign. The iterates are computed by `inner_loops`.

The functions of `task_means` trust their arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from metarl_min.basics.trees import Array
from metarl_min.teach.inner_loops import RIGHT, Inner, iterates
from metarl_min.teach.questions import Mistake

Direction = Callable[[Array, Array, float, Inner], Array]  # path [K+1, M, A], tasks, alpha, inner
Learner = Callable[..., Array]  # theta, tasks, alpha, num_steps -> [A]


def last_gradient(path: Array, tasks: Array, alpha: float, inner: Inner = RIGHT) -> Array:
    """Return the gradient of J at the last iterate of each task. [M, A]"""
    return inner.g(path[-1], tasks)


def displacement(path: Array, tasks: Array, alpha: float, inner: Inner = RIGHT) -> Array:
    """Return the difference of the last iterate and theta, divided by alpha. [M, A]"""
    return np.asarray((path[-1] - path[0]) / alpha)


def mean_over_tasks(
    theta: Array,
    tasks: Array,
    alpha: float,
    num_steps: int,
    direction: Direction,
    inner: Inner = RIGHT,
) -> Array:
    """Return the mean over the tasks of the vectors that `direction` computes. [A]"""
    path = iterates(theta, tasks, alpha, num_steps, inner)
    return np.asarray(direction(path, tasks, alpha, inner).mean(axis=0))


right_fomaml: Learner = partial(mean_over_tasks, direction=last_gradient)
right_reptile: Learner = partial(mean_over_tasks, direction=displacement)


def in_sequence(
    theta: Array, tasks: Array, alpha: float, num_steps: int, direction: Direction
) -> Array:
    """Return the mean of the vectors if a task starts at the last iterate of the task before."""
    ends = [theta]
    for task in tasks:
        ends.append(iterates(ends[-1], task, alpha, num_steps)[-1])
    path = np.stack([np.broadcast_to(theta, tasks.shape), np.stack(ends[1:])])
    return np.asarray(direction(path, tasks, alpha, RIGHT).mean(axis=0))


SAY_OF_TASKS = {  # what a student is told about a mistake with several tasks
    "sum for mean": "The result is the mean over the tasks, and yours is the sum.",
    "last task only": "Your result is that of the last task. Look at the loop over the tasks.",
    "first task only": "Your result is that of the first task. Look at the loop over the tasks.",
    "tasks in sequence": (
        "The inner loop of a task starts where the loop of the task before has ended. Look at the "
        "parameters from which each task is adapted."
    ),
    "inner steps along the mean of all tasks": (
        "Each task must be adapted on its own. Your inner steps use all tasks."
    ),
}


def task_mistakes(direction: Direction, equation: str) -> dict[str, Mistake]:
    """Return the mistakes that a program makes with several tasks."""
    right, sequence = (partial(f, direction=direction) for f in (mean_over_tasks, in_sequence))
    # J is linear in the rewards. So the mean of J over the tasks is J for the mean rewards.
    programs: dict[str, Learner] = {
        "sum for mean": lambda theta, tasks, *x: right(theta, tasks, *x) * len(tasks),
        "last task only": lambda theta, tasks, *x: right(theta, tasks[-1:], *x),
        "first task only": lambda theta, tasks, *x: right(theta, tasks[:1], *x),
        "tasks in sequence": sequence,
        "inner steps along the mean of all tasks": lambda theta, tasks, *x: right(
            theta, tasks.mean(0, keepdims=True), *x
        ),
    }
    return {
        name: Mistake(program, SAY_OF_TASKS[name], equation) for name, program in programs.items()
    }


def other_mistakes(right: Learner, num_steps: int, equation: str) -> dict[str, Mistake]:
    """Return the mistakes in the number of inner steps, and in the sign of the result."""
    found = {
        "one step too many": Mistake(
            lambda theta, tasks, alpha, K: right(theta, tasks, alpha, K + 1),
            "This is the right result for one inner step more than num_steps.",
            "adaptation (1)",
        ),
        "wrong sign": Mistake(
            lambda *x: -right(*x),
            "Your result has the opposite sign. Objectives are maximised in this course.",
            equation,
        ),
    }
    if num_steps > 1:
        found["one step too few"] = Mistake(
            lambda theta, tasks, alpha, K: right(theta, tasks, alpha, K - 1),
            "This is the right result for one inner step less than num_steps.",
            "adaptation (1)",
        )
    return found
