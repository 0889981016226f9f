"""First-order MAML and Reptile of assignment 4: the truth by hand, and the mistakes."""

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from teach.test_inner_loops import by_hand, graded

from metarl_min.teach import inner_loops
from metarl_min.teach.first_order_learners import fomaml, reptile

THETA, ALPHA = np.array([0.3, -0.2, 0.5]), 1.6
SEEDS = {2: range(4), 3: range(10, 14)}
TASKS = np.array([[0.2, 0.9, -0.4], [1.1, -0.3, 0.4], [-0.2, 0.6, 0.8]])


def fomaml_by_hand(theta, tasks, alpha, num_steps):
    """The gradient at phi_K is the difference of the iterates K + 1 and K, divided by alpha."""
    total = np.zeros(len(theta))
    for task in tasks:
        path = by_hand(theta, task, alpha, num_steps + 1)
        total += (path[num_steps + 1] - path[num_steps]) / alpha
    return total / len(tasks)


def reptile_by_hand(theta, tasks, alpha, num_steps):
    total = np.zeros(len(theta))
    for task in tasks:
        total += (by_hand(theta, task, alpha, num_steps)[num_steps] - theta) / alpha
    return total / len(tasks)


@pytest.mark.parametrize(
    ("maker", "program"), [(fomaml, fomaml_by_hand), (reptile, reptile_by_hand)]
)
@pytest.mark.parametrize("num_steps", [2, 3])
def test_a_right_program_has_full_points_for_every_seed(maker, program, num_steps):
    question = maker(num_steps, 4)
    assert {graded(program, question, seed).score for seed in SEEDS[num_steps]} == {1.0}


@pytest.mark.parametrize(
    ("question", "number", "seed"),
    [
        (fomaml(1), 20, 0), (fomaml(2), 24, 1), (fomaml(3, 2), 24, 2),
        (reptile(2), 22, 0), (reptile(3, 2), 22, 1), (reptile(2, 4), 22, 2),
    ],
)  # fmt: skip
def test_every_mistake_is_named(question, number, seed):
    assert len(question.mistakes) == number
    for name, one in question.mistakes.items():
        verdict = graded(one.program, question, seed)
        assert (verdict.mistake, verdict.score) == (name, 0.0)


def test_mistakes_as_students_write_them_have_their_names():
    def shared_variable(theta, tasks, alpha, num_steps):
        phi, total = theta, 0
        for task in tasks:
            phi = by_hand(phi, task, alpha, num_steps)[-1]
            total = total + (by_hand(phi, task, alpha, 1)[1] - phi) / alpha
        return total / len(tasks)

    def no_adaptation(theta, tasks, alpha, num_steps):
        return np.mean([(by_hand(theta, x, alpha, 1)[1] - theta) / alpha for x in tasks], axis=0)

    def serial(theta, tasks, alpha, num_steps):
        phi = theta
        for task in tasks:
            phi = by_hand(phi, task, alpha, num_steps)[-1]
        return (phi - theta) / alpha / len(tasks)

    assert graded(serial, reptile(3, 4)).mistake == "1/M times serial Reptile"
    assert graded(shared_variable, fomaml()).mistake == "tasks in sequence"
    assert graded(no_adaptation, fomaml()).mistake == "the gradient at theta"
    assert graded(no_adaptation, reptile()).mistake == "one step too few"
    assert graded(fomaml_by_hand, reptile()).mistake == "first-order MAML"
    assert graded(reptile_by_hand, fomaml()).mistake == "Reptile"
    thrice = graded(lambda *x: reptile_by_hand(*x) / x[3], reptile(3, 4))
    assert thrice.mistake == "1/K times the right result"


def test_the_arguments_have_a_range():
    for maker, wrong in ((fomaml, {"num_steps": 0}), (reptile, {"num_steps": 1})):
        with pytest.raises(ValueError, match="num_steps must"):
            maker(**wrong)
        with pytest.raises(ValueError, match="num_tasks must"):
            maker(num_tasks=1)
        with pytest.raises(ValueError, match="num_tasks and num_steps must differ"):
            maker(num_steps=3, num_tasks=3)


def ends_of(num_steps):
    return [by_hand(THETA, task, ALPHA, num_steps)[-1] for task in TASKS]


def slope(phi, task):
    return by_hand(phi, task, 1.0, 1)[1] - phi


def in_sequence():
    """phi_2 of each task, where a task starts at the end of the task before."""
    phi, ends = THETA, []
    for task in TASKS:
        phi = by_hand(phi, task, ALPHA, 2)[-1]
        ends.append(phi)
    return ends


def mean_slope(ends, tasks=TASKS):
    return np.mean([slope(phi, task) for phi, task in zip(ends, tasks, strict=True)], axis=0)


def test_every_own_mistake_of_fomaml_is_what_its_name_says():
    all_slopes = [sum(slope(phi, x) for phi in by_hand(THETA, x, ALPHA, 2)) for x in TASKS]
    average = TASKS.mean(axis=0)
    second_order = grad(
        lambda theta: sum(adapted_reward(theta, task) for task in TASKS) / len(TASKS)
    )(THETA)
    expected = {
        "the gradient at theta": mean_slope([THETA] * 3),
        "the second-order meta-gradient": second_order,
        "the gradients at all iterates": np.mean(all_slopes, axis=0),
        "the outer gradient on the last task": mean_slope(ends_of(2), [TASKS[-1]] * 3),
        "the outer gradient on the mean of all tasks": mean_slope(ends_of(2), [average] * 3),
        "the mean of the adapted parameters": np.mean(ends_of(2), axis=0),
        "Reptile": (np.mean(ends_of(2), axis=0) - THETA) / ALPHA,
        "sum for mean": 3 * mean_slope(ends_of(2)),
        "last task only": slope(ends_of(2)[-1], TASKS[-1]),
        "first task only": slope(ends_of(2)[0], TASKS[0]),
        "tasks in sequence": mean_slope(in_sequence()),
        "inner steps along the mean of all tasks": slope(
            by_hand(THETA, average, ALPHA, 2)[-1], average
        ),
        "one step too many": mean_slope(ends_of(3)),
        "one step too few": mean_slope(ends_of(1)),
        "wrong sign": -mean_slope(ends_of(2)),
    }
    assert_programs_compute(fomaml(2, 3).mistakes, expected)


def test_every_own_mistake_of_reptile_is_what_its_name_says():
    move = np.mean(ends_of(2), axis=0) - THETA
    together = by_hand(THETA, TASKS.mean(axis=0), ALPHA, 2)[-1]
    expected = {
        "first-order MAML": mean_slope(ends_of(2)),
        "not divided by alpha": move,
        "the last iterate": THETA + move,
        "the new theta": THETA + move / ALPHA,
        "serial Reptile": (in_sequence()[-1] - THETA) / ALPHA,
        "sum for mean": 3 * move / ALPHA,
        "last task only": (ends_of(2)[-1] - THETA) / ALPHA,
        "first task only": (ends_of(2)[0] - THETA) / ALPHA,
        "tasks in sequence": (np.mean(in_sequence(), axis=0) - THETA) / ALPHA,
        "inner steps along the mean of all tasks": (together - THETA) / ALPHA,
        "one step too many": (np.mean(ends_of(3), axis=0) - THETA) / ALPHA,
        "one step too few": (np.mean(ends_of(1), axis=0) - THETA) / ALPHA,
        "wrong sign": -move / ALPHA,
    }
    assert_programs_compute(reptile(2, 3).mistakes, expected)


def adapted_reward(theta, task):
    for _ in range(2):
        pi = anp.exp(theta) / anp.sum(anp.exp(theta))
        theta = theta + ALPHA * pi * (task - anp.sum(pi * task))
    return anp.sum(anp.exp(theta) * task) / anp.sum(anp.exp(theta))


def assert_programs_compute(mistakes, expected):
    loops = inner_loops.WRONG_GRADIENTS | inner_loops.WRONG_STEPS | inner_loops.WRONG_LATER_STEPS
    assert set(mistakes) == set(expected) | set(loops)
    for name, vector in expected.items():
        found = mistakes[name].program(THETA, TASKS, ALPHA, 2)
        np.testing.assert_allclose(found, vector, rtol=1e-10, atol=1e-13, err_msg=name)
