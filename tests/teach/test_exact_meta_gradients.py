"""The exact meta-gradient as a question: the truth, and the names of the mistakes."""

import itertools

import numpy as np
import pytest

from metarl_min.gradients import exact_mistakes
from metarl_min.teach import exact_meta_gradients as topic
from metarl_min.teach.questions import in_this_process

BANK = topic.bank(2)


def graded(program, num_steps, seed, num_tasks=3):
    question = topic.meta_gradient(num_steps=num_steps, num_tasks=num_tasks)
    return question.grade(in_this_process(program), np.random.default_rng(seed))


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
        problem = topic.problem_of(theta, tasks, 0.9, K)
        truth = exact_mistakes.right(problem)["logits"][0]
        for a, e in enumerate(np.eye(4)):
            slope = adapted_return(theta + 1e-30j * e, tasks, 0.9, K).imag / 1e-30
            assert truth[a] == pytest.approx(slope, rel=1e-11, abs=1e-13)


def test_a_right_program_has_all_points_for_every_seed():
    for seed in range(8):
        assert graded(by_hand, 1 + seed % 2, seed).score == 1


def test_a_right_program_that_is_less_exact_has_all_points_and_a_slightly_wrong_one_has_none():
    for error, score in ((1e-9, 1), (1e-5, 0)):
        verdict = graded(lambda *x, e=error: by_hand(*x, chain=1 + e), 2, seed=0)
        assert verdict.score == score


@pytest.mark.parametrize(("seed", "name"), list(enumerate(BANK)))
def test_every_mistake_is_refused_by_its_own_name(seed, name):
    verdict = graded(BANK[name].program, 2, seed)
    assert (verdict.score, verdict.mistake) == (0, name)
    assert BANK[name].say in verdict.text and BANK[name].equation in verdict.text


def test_a_wrong_number_for_the_number_of_tasks_is_seen():
    assert graded(lambda *x: by_hand(*x, divisor=3), 2, 0).text.startswith(
        "meta_gradient is right in 2 of 4 cases."
    )


def test_mistakes_that_are_made_by_hand_have_the_same_names():
    def forgotten(theta, tasks, alpha, num_steps):
        return by_hand(theta, tasks, alpha, num_steps, chain=1 / alpha)

    assert graded(lambda *x: by_hand(*x, chain=0), 2, 1).mistake == "first order"
    assert graded(lambda *x: by_hand(*x, chain=-1), 1, 1).mistake == "wrong sign of the Hessian"
    assert graded(forgotten, 2, 1).mistake == "alpha forgotten"
    assert graded(lambda *x: by_hand(*x, divisor=1), 2, 1).mistake == "sum for mean"
    summed = graded(lambda *x: by_hand(*x, chain=0, divisor=1), 2, 1)
    assert summed.mistake == "M times first order"
    down = graded(lambda theta, tasks, alpha, K: by_hand(theta, tasks, -alpha, K), 2, 1)
    assert down.mistake == "inner steps down the gradient"


def test_reptile_is_known():
    def reptile(theta, tasks, alpha, num_steps):
        total = np.zeros(len(theta))
        for r in tasks:
            phi = theta
            for _ in range(num_steps):
                pi = np.array(policy(phi))
                g = pi * (r - sum(pi * r))
                phi, total = phi + alpha * g, total + g
        return total / len(tasks)

    assert graded(reptile, 2, 3).mistake == "Reptile"
    assert graded(reptile, 1, 3).mistake == "the gradient at theta"


def test_fewer_steps_have_fewer_mistakes():
    sizes = [len(topic.bank(K)) for K in (1, 2, 3)]
    assert sizes[0] < sizes[1] == sizes[2]
    for one, other in itertools.combinations(BANK.values(), 2):
        assert one.say != other.say


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
