"""The inner loop of assignment 4: its truth by hand and by `adaptation`, and its mistakes."""

from math import exp

import numpy as np
import pytest

from metarl_min.gradients import adaptation
from metarl_min.gradients.objectives import expected_return_objective
from metarl_min.mdps.policies import tabular
from metarl_min.tasks.bandits import bandit_mdps
from metarl_min.teach import inner_loops
from metarl_min.teach.questions import in_this_process

THETA, TASK, ALPHA = np.array([0.3, -0.2, 0.5]), np.array([0.2, 0.9, -0.4]), 1.6


def by_hand(theta, task, alpha, num_steps):
    """Loops over arms: the derivative of pi(b) in phi(a) is pi(b) (1{a = b} - pi(a))."""
    rows = [list(theta)]
    for _ in range(num_steps):
        weights = [exp(x) for x in rows[-1]]
        pi = [w / sum(weights) for w in weights]
        row = []
        for a, x in enumerate(rows[-1]):
            slope = sum(r * pi[b] * ((a == b) - pi[a]) for b, r in enumerate(task))
            row.append(x + alpha * slope)
        rows.append(row)
    return np.array(rows)


def graded(program, question, seed=0):
    return question.grade(in_this_process(program), np.random.default_rng(seed))


def test_the_truth_is_that_of_loops_and_of_adaptation():
    J = expected_return_objective(bandit_mdps(TASK[None]), horizon=1)
    theta = {"logits": THETA[None, None]}
    path = adaptation.inner_loop(tabular, theta, {"logits": np.full((1, 3), ALPHA)}, [J] * 3)
    found = inner_loops.iterates(THETA, TASK, ALPHA, 3)
    np.testing.assert_allclose(found, by_hand(THETA, TASK, ALPHA, 3), rtol=1e-12)
    np.testing.assert_allclose(found, [phi["logits"][0, 0] for phi in path], rtol=1e-12)


def test_many_tasks_are_adapted_as_one():
    tasks = np.stack([TASK, -TASK])
    found = inner_loops.iterates(THETA, tasks, ALPHA, 2)
    for i, task in enumerate(tasks):
        np.testing.assert_allclose(found[:, i], by_hand(THETA, task, ALPHA, 2), rtol=1e-12)


@pytest.mark.parametrize("num_steps", [1, 3])
def test_a_right_program_has_full_points_for_every_seed(num_steps):
    question = inner_loops.adapt(num_steps)
    assert {graded(by_hand, question, seed).score for seed in range(8)} == {1.0}


@pytest.mark.parametrize("num_steps", [1, 2, 3])
def test_every_mistake_is_named(num_steps):
    question = inner_loops.adapt(num_steps)
    assert len(question.mistakes) == (11 if num_steps == 1 else 13)
    for seed in range(3):
        for name, one in question.mistakes.items():
            verdict = graded(one.program, question, seed)
            assert (verdict.mistake, verdict.score) == (name, 0.0)


def test_mistakes_as_students_write_them_have_their_names():
    def frozen(theta, task, alpha, num_steps):
        step = by_hand(theta, task, alpha, 1)[1] - theta
        return np.array([theta + k * step for k in range(num_steps + 1)])

    def one_list(theta, task, alpha, num_steps):
        phi, path = theta.copy(), []
        for _ in range(num_steps):
            path.append(phi)
            phi += by_hand(phi, task, alpha, 1)[1] - phi
        return np.array([*path, phi])

    def late(theta, task, alpha, num_steps):
        path = [theta]
        for row in by_hand(theta, task, alpha, num_steps)[:-1]:
            path.append(row)
        return np.array(path)

    expected = {
        frozen: "the gradient frozen at theta",
        one_list: "every row is the last iterate",
        late: "every row is one step late",
    }
    for program, name in expected.items():
        assert graded(program, inner_loops.adapt(2)).mistake == name


def test_a_change_of_theta_and_a_missing_row_are_faults():
    def in_place(theta, task, alpha, num_steps):
        path = by_hand(theta, task, alpha, num_steps)
        theta += 1
        return path

    question = inner_loops.adapt(2)
    verdict = graded(in_place, question)
    assert verdict.mistake == "changes its arguments" and "phi = theta" in verdict.text
    assert graded(lambda *x: by_hand(*x)[1:], question).mistake == "shape"


def test_an_unknown_mistake_shows_the_first_wrong_row():
    def other_step(theta, task, alpha, num_steps):
        path = by_hand(theta, task, alpha, num_steps)
        path[2:] += 0.1
        path[3:] += 1
        return path

    verdict = graded(other_step, inner_loops.adapt(3))
    assert verdict.mistake == "unknown" and "your result at [2, 0] is" in verdict.text


@pytest.mark.parametrize("num_steps", [0, 6, 1.5])
def test_the_number_of_steps_is_from_1_to_5(num_steps):
    with pytest.raises((TypeError, ValueError), match="num_steps must"):
        inner_loops.adapt(num_steps)


def test_every_wrong_step_is_what_its_name_says():
    pi = np.exp(THETA) / np.exp(THETA).sum()
    J, first = sum(pi * TASK), by_hand(THETA, TASK, 1.0, 1)[1] - THETA
    end = THETA + ALPHA * first
    second = by_hand(end, TASK, 1.0, 1)[1] - end
    expected = {  # phi_1, or phi_2 of the mistakes in later steps
        "descent in the inner loop": (1, THETA - ALPHA * first),
        "alpha forgotten in the inner loop": (1, THETA + first),
        "alpha twice in the inner loop": (1, THETA + ALPHA * ALPHA * first),
        "the expected reward not subtracted": (1, THETA + ALPHA * pi * TASK),
        "the mean over the arms subtracted": (1, THETA + ALPHA * pi * (TASK - sum(TASK) / 3)),
        "the probabilities forgotten": (1, THETA + ALPHA * (TASK - J)),
        "the gradient in the probabilities": (1, THETA + ALPHA * TASK),
        "the gradient frozen at theta": (2, end + ALPHA * first),
        "every step from theta": (2, THETA + ALPHA * second),
    }
    mistakes = inner_loops.adapt(2).mistakes
    assert set(expected) == set(mistakes) - set(inner_loops.WRONG_PATHS)
    for name, (k, phi) in expected.items():
        found = mistakes[name].program(THETA, TASK, ALPHA, k)[k]
        np.testing.assert_allclose(found, phi, rtol=1e-11, err_msg=name)


def test_every_wrong_path_is_what_its_name_says():
    zero, one, two, three = by_hand(THETA, TASK, ALPHA, 3)
    expected = {
        "every row is the last iterate": [two, two, two],
        "theta is not the first row": [one, two, three],
        "every row is one step late": [zero, zero, one],
        "probabilities instead of logits": [np.exp(x) / np.exp(x).sum() for x in (zero, one, two)],
    }
    assert set(expected) == set(inner_loops.WRONG_PATHS)
    for name, rows in expected.items():
        found = inner_loops.WRONG_PATHS[name][0](THETA, TASK, ALPHA, 2)
        np.testing.assert_allclose(found, rows, rtol=1e-11, err_msg=name)
