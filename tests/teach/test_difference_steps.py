"""Assignment 1: the step with which a derivative is measured."""

import numpy as np
import pytest

from metarl_min.teach import difference_steps
from metarl_min.teach.questions import in_this_process

EPS = float(np.finfo(float).eps)
STEP, GRADIENT = difference_steps.best_step(), difference_steps.numerical_gradient()


def graded(program, question, seed=0):
    return question.grade(in_this_process(program), np.random.default_rng(seed))


def scaled(step):
    """A program with central differences whose step in coordinate i is step(x_i)."""

    def gradient(f, x):
        found = []
        for i in range(len(x)):
            after, before = x.copy(), x.copy()
            after[i] += step(abs(x[i]))
            before[i] -= step(abs(x[i]))
            found.append((f(after) - f(before)) / (2 * step(abs(x[i]))))
        return np.array(found)

    return gradient


def forward(f, x):
    found = []
    for i in range(len(x)):
        h, moved = EPS**0.5 * max(1, abs(x[i])), x.copy()
        moved[i] += h
        found.append((f(moved) - f(x)) / h)
    return np.array(found)


@pytest.mark.verifies("difference_steps.1")
def test_eq1_bounds_the_error_for_rounded_values():
    noise, third, slope = 0.5e-6, 8.0, 2 * np.cos(1.4)  # f(x) = sin(2 x), rounded to 6 digits
    for h in np.geomspace(1e-4, 0.5, 200):
        difference = (round(np.sin(1.4 + 2 * h), 6) - round(np.sin(1.4 - 2 * h), 6)) / (2 * h)
        assert abs(difference - slope) <= noise / h + third * h**2 / 6 + 1e-10


@pytest.mark.verifies("difference_steps.1")
def test_the_bound_of_eq1_is_reached_by_a_cubic_and_the_worst_noise():
    noise, h = 1e-3, 0.25  # f(x) = x^3 at 0 has the third derivative 6
    difference = ((h**3 + noise) - (-(h**3) - noise)) / (2 * h)
    assert difference == pytest.approx(noise / h + 6 * h**2 / 6, rel=1e-12)


@pytest.mark.verifies("difference_steps.2")
def test_eq2_is_the_minimum_of_the_bound_on_a_grid():
    for noise, third in [(1e-6, 2.0), (1e-3, 0.1)]:
        h = difference_steps.least_bound(noise, third)
        grid = h * np.linspace(0.5, 2, 151)
        bound = noise / grid + third * grid**2 / 6
        assert grid[np.argmin(bound)] == pytest.approx(h, rel=1e-12)


def test_right_steps_have_all_points():
    for seed in range(20):
        assert graded(lambda n, t: (3 * n / t) ** (1 / 3), STEP, seed).score == 1
        assert graded(scaled(lambda x: EPS ** (1 / 3) * max(1, x)), GRADIENT, seed).score == 1


@pytest.mark.parametrize("question", [STEP, GRADIENT])
def test_each_mistake_is_named(question):
    for name, mistake in question.mistakes.items():
        for seed in range(5):
            verdict = graded(mistake.program, question, seed)
            assert verdict.score == 0 and verdict.mistake == name


def test_no_step_that_is_the_same_for_all_x_reaches_nine_digits():
    for h in 10.0 ** np.arange(-12, 11):
        assert graded(scaled(lambda x, h=h: h), GRADIENT).score == 0


def test_a_forward_difference_and_a_step_of_the_root_of_eps_do_not_reach_nine_digits():
    for seed in range(5):
        assert graded(forward, GRADIENT, seed).score == 0
        assert graded(scaled(lambda x: EPS**0.5 * max(1, x)), GRADIENT, seed).score == 0


def test_a_step_that_is_zero_at_zero_has_no_result():
    with np.errstate(invalid="ignore"):
        verdict = graded(scaled(lambda x: EPS ** (1 / 3) * x), GRADIENT)
    assert verdict.mistake == "not finite" and "is zero" in verdict.text
