"""The exact meta-gradient as a question: the truth, and how exact a result must be."""

from functools import cache

import numpy as np
import pytest

from metarl_min.gradients import exact_mistakes
from metarl_min.teach import exact_meta_gradients as topic
from metarl_min.teach import meta_gradient_mistakes
from metarl_min.teach.questions import in_this_process

QUESTION = cache(topic.meta_gradient)  # asked by all tests, because it remembers its cases


def graded(program, num_steps, seed):
    return QUESTION(num_steps=num_steps).grade(
        in_this_process(program), np.random.default_rng(seed)
    )


def policy(theta):
    weights = [np.exp(x) for x in theta]
    return [w / sum(weights) for w in weights]


def by_hand(theta, tasks, alpha, num_steps, *, chain=1.0, divisor=None):
    """The meta-gradient with full matrices and loops over numbers; `chain` multiplies H."""
    total, A = np.zeros(len(theta)), range(len(theta))
    for r in tasks:
        phi, jacobian = list(theta), np.eye(len(theta))
        for step in range(num_steps + 1):
            pi = policy(phi)
            J = sum(pi[a] * r[a] for a in A)
            g = [pi[a] * (r[a] - J) for a in A]
            if step < num_steps:
                H = [[(a == b) * g[a] - g[a] * pi[b] - pi[a] * g[b] for b in A] for a in A]
                jacobian = (np.eye(len(theta)) + chain * alpha * np.array(H)) @ jacobian
                phi = [phi[a] + alpha * g[a] for a in A]
        total += np.array([sum(jacobian[b, a] * g[b] for b in A) for a in A])
    return total / (divisor or len(tasks))


def adapted_return(theta, tasks, alpha, num_steps):
    total = 0.0
    for r in tasks:
        phi = theta
        for _ in range(num_steps):
            pi = np.array(policy(phi))
            phi = phi + alpha * pi * (r - sum(pi * r))
        total += sum(np.array(policy(phi)) * r) / len(tasks)
    return total


def test_the_truth_is_the_complex_step_of_the_objective():
    rng = np.random.default_rng(3)
    theta, tasks = rng.normal(size=4), rng.normal(size=(3, 4))
    for K in (1, 2, 5):
        problem = meta_gradient_mistakes.problem_of(theta, tasks, 0.9, K)
        truth = exact_mistakes.right(problem)["logits"][0]
        for a, e in enumerate(np.eye(4)):
            slope = adapted_return(theta + 1e-30j * e, tasks, 0.9, K).imag / 1e-30
            assert truth[a] == pytest.approx(slope, rel=1e-11, abs=1e-13)


def test_a_right_program_has_all_points_for_every_seed():
    for seed in range(4):
        assert graded(by_hand, 1 + seed % 2, seed).score == 1


def test_a_right_program_that_is_less_exact_has_all_points_and_a_slightly_wrong_one_has_none():
    for error, score in ((1e-13, 1), (1e-10, 0)):
        verdict = graded(lambda *x, e=error: by_hand(*x, chain=1 + e), 2, seed=0)
        assert verdict.score == score


@pytest.mark.parametrize("step", [3e-5, 1e-5, 5e-6, 1e-6])
def test_a_central_difference_is_not_exact_enough(step):
    def differences(theta, *rest):
        moved = step * np.eye(len(theta))
        twice = [adapted_return(theta + d, *rest) - adapted_return(theta - d, *rest) for d in moved]
        return np.array(twice) / (2 * step)

    for seed in range(4):
        assert graded(differences, 1 + seed % 2, seed).score == 0


def test_a_wrong_number_for_the_number_of_tasks_is_seen():
    assert graded(lambda *x: by_hand(*x, divisor=3), 2, 0).text.startswith(
        "meta_gradient is right in 2 of 4 cases."
    )


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"num_steps": 0}, ValueError),
        ({"num_steps": 6}, ValueError),
        ({"num_tasks": 1}, ValueError),
        ({"num_tasks": 2.0}, TypeError),
    ],
)
def test_a_question_has_bounds(settings, error):
    with pytest.raises(error, match=next(iter(settings))):
        topic.meta_gradient(**settings)
