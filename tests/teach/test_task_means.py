"""Means over tasks of assignment 4: the right programs, and mistakes that both programs have."""

import numpy as np
from teach.test_first_order_learners import (
    ALPHA,
    TASKS,
    THETA,
    ends_of,
    fomaml_by_hand,
    in_sequence,
    reptile_by_hand,
)

from metarl_min.gradients import adaptation
from metarl_min.gradients.objectives import expected_return_objective
from metarl_min.mdps.policies import tabular
from metarl_min.tasks.bandits import bandit_mdps
from metarl_min.teach import task_means


def test_the_truths_are_those_of_loops_and_of_adaptation():
    J = expected_return_objective(bandit_mdps(TASKS), horizon=1)
    theta = {"logits": THETA[None]}
    first = adaptation.first_order_meta_gradient(tabular, theta, ALPHA, 2, J)["logits"][0]
    found = task_means.right_fomaml(THETA, TASKS, ALPHA, 2)
    np.testing.assert_allclose(found, first, rtol=1e-12)
    np.testing.assert_allclose(found, fomaml_by_hand(THETA, TASKS, ALPHA, 2), rtol=1e-11)
    found = task_means.right_reptile(THETA, TASKS, ALPHA, 2)
    np.testing.assert_allclose(found, reptile_by_hand(THETA, TASKS, ALPHA, 2), rtol=1e-11)


def test_the_mistakes_with_several_tasks_by_hand():
    found = task_means.task_mistakes(task_means.displacement, "reptile (1)")
    ends = ends_of(2)
    for name, mean_of_ends in {
        "sum for mean": sum(ends) - 2 * THETA,
        "last task only": ends[2],
        "first task only": ends[0],
        "tasks in sequence": sum(in_sequence()) / 3,
    }.items():
        result = found[name].program(THETA, TASKS, ALPHA, 2)
        np.testing.assert_allclose(result, (mean_of_ends - THETA) / ALPHA, rtol=1e-10)


def test_with_one_inner_step_no_program_has_a_step_too_few():
    one, two = (
        task_means.other_mistakes(task_means.right_reptile, K, "reptile (1)") for K in (1, 2)
    )
    assert set(two) - set(one) == {"one step too few"}
    result = two["one step too few"].program(THETA, TASKS, ALPHA, 2)
    np.testing.assert_allclose(result, reptile_by_hand(THETA, TASKS, ALPHA, 1), rtol=1e-10)
    result = two["wrong sign"].program(THETA, TASKS, ALPHA, 2)
    np.testing.assert_allclose(result, -reptile_by_hand(THETA, TASKS, ALPHA, 2), rtol=1e-10)
