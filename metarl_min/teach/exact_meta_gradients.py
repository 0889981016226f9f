"""Assignment 5, last parts: the exact meta-gradient of MAML.

The student writes `meta_gradient(theta, tasks, alpha, num_steps)`. The exact result is
`exact_mistakes.right`, and the mistakes are those of `meta_gradient_mistakes`.

Difference quotients shall not pass. The right programs in `examples/coursework` err by at most
4e-15, relative to the truth. The central difference of F with the best step errs by more than 1e-11
in one of the cases. The tolerance lies between them. Extrapolations of central differences reach
1e-12 and less, so no safe tolerance refuses them, and the text of the assignment forbids them.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from metarl_min.basics.arguments import whole
from metarl_min.basics.trees import Array, Rng
from metarl_min.gradients import exact_mistakes
from metarl_min.teach.bandit_hessians import EXACT, SMALLEST
from metarl_min.teach.meta_gradient_mistakes import bank, problem_of
from metarl_min.teach.questions import Question
from metarl_min.teach.value_questions import Case, ValueQuestion, one_call, value_question

SIZES = ((2, 0), (3, 0), (4, 1), (5, 1))  # arms; tasks in addition to `num_tasks`


def _truth(case: Case) -> Array:
    problem = problem_of(*case.arguments[0])
    return np.asarray(exact_mistakes.right(problem)["logits"][0])


def _case(rng: Rng, num_arms: int, num_tasks: int, num_steps: int) -> Case:
    """Draw a case whose meta-gradient is not small, so that round-off is relatively small."""
    A, M = num_arms, num_tasks
    theta, tasks, alpha = rng.normal(size=A), rng.normal(size=(M, A)), rng.uniform(0.7, 1.3)
    case = one_call(theta, tasks, alpha, num_steps)
    large = abs(_truth(case)).max() >= SMALLEST
    return case if large else _case(rng, num_arms, num_tasks, num_steps)


def _cases(rng: Rng, num_steps: int, num_tasks: int) -> list[Case]:
    return [_case(rng, A, num_tasks + more, num_steps) for A, more in SIZES]


def _numbers(case: Case) -> dict[str, float]:
    _, tasks, alpha, num_steps = case.arguments[0]
    return {"alpha": alpha, "M": len(tasks), "K": num_steps}


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
        tolerance=EXACT,
    )
    return value_question(asked)
