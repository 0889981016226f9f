"""The gradient and the Hessian of one bandit as questions."""

import numpy as np
import pytest

from metarl_min.teach import bandit_derivatives as topic
from metarl_min.teach.questions import in_this_process

QUESTIONS = {"gradient": topic.gradient(), "hessian_product": topic.hessian_product()}
NAMES = [(name, mistake) for name, question in QUESTIONS.items() for mistake in question.mistakes]


def graded(name, program, seed=0):
    return QUESTIONS[name].grade(in_this_process(program), np.random.default_rng(seed))


def by_hand(theta, rewards):
    """The gradient by loops, and the Hessian by loops, from the derivatives of each probability."""
    weights = [np.exp(x) for x in theta]
    pi, A = [w / sum(weights) for w in weights], range(len(theta))
    d = [[pi[c] * ((a == c) - pi[a]) for a in A] for c in A]  # dpi(c)/dtheta_a
    g = [sum(d[c][a] * rewards[c] for c in A) for a in A]
    second = [
        [sum((d[c][b] * ((a == c) - pi[a]) - pi[c] * d[a][b]) * rewards[c] for c in A) for b in A]
        for a in A
    ]
    return np.array(g), np.array(second)


RIGHT = {
    "gradient": lambda theta, rewards: by_hand(theta, rewards)[0],
    "hessian_product": lambda theta, rewards, v: by_hand(theta, rewards)[1] @ v,
}


def test_the_exact_results_by_loops():
    rng = np.random.default_rng(0)
    theta, rewards, v = rng.normal(size=(3, 4))
    g, H = by_hand(theta, rewards)
    assert topic.return_gradient(theta, rewards) == pytest.approx(g, rel=1e-12, abs=1e-14)
    product = topic.return_hessian_product(theta, rewards, v)
    assert product == pytest.approx(H @ v, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_has_all_points_for_every_seed(name):
    for seed in range(20):
        assert graded(name, RIGHT[name], seed).score == 1
    assert graded(name, lambda *x: RIGHT[name](*x) + 1e-5).score == 0


@pytest.mark.parametrize(("name", "mistake"), NAMES)
def test_every_mistake_is_refused_by_its_own_name(name, mistake):
    one = QUESTIONS[name].mistakes[mistake]
    for seed in range(3):
        verdict = graded(name, one.program, seed)
        assert (verdict.score, verdict.mistake, verdict.equation) == (0, mistake, one.equation)
        assert one.say in verdict.text


def test_mistakes_that_are_made_by_hand_have_the_same_names():
    def half(theta, rewards, v):
        pi, g = np.exp(theta) / sum(np.exp(theta)), by_hand(theta, rewards)[0]
        return v * g - g * sum(pi * v)

    assert graded("hessian_product", half).mistake == "J held fixed in grad J"
    added = graded("hessian_product", lambda *x: x[2] + RIGHT["hessian_product"](*x))
    assert added.mistake == "v added"
    down = graded("gradient", lambda *x: -RIGHT["gradient"](*x))
    assert down.mistake == "wrong sign"
