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
    for seed in range(8):
        assert graded(lambda n, t: (3 * n / t) ** (1 / 3), STEP, seed).score == 1
        assert graded(scaled(lambda x: EPS ** (1 / 3) * max(1, x)), GRADIENT, seed).score == 1


@pytest.mark.parametrize("question", [STEP, GRADIENT])
def test_each_mistake_is_named(question):
    for name, mistake in question.mistakes.items():
        for seed in range(4):
            verdict = graded(mistake.program, question, seed)
            assert verdict.score == 0 and verdict.mistake == name


def test_no_step_that_is_the_same_for_all_x_reaches_nine_digits():
    for h in 10.0 ** np.arange(-12, 11):
        assert graded(scaled(lambda x, h=h: h), GRADIENT).score == 0


def test_a_forward_difference_and_a_step_of_the_root_of_eps_do_not_reach_nine_digits():
    for seed in range(4):
        assert graded(forward, GRADIENT, seed).score == 0
        assert graded(scaled(lambda x: EPS**0.5 * max(1, x)), GRADIENT, seed).score == 0


def test_a_step_that_is_zero_at_zero_has_no_result():
    with np.errstate(invalid="ignore"):
        verdict = graded(scaled(lambda x: EPS ** (1 / 3) * x), GRADIENT)
    assert verdict.mistake == "not finite" and "is zero" in verdict.text


def test_a_search_over_steps_is_told_that_a_formula_is_asked_for():
    def search(noise, third):
        h = np.geomspace(1e-4, 1, 100_001)
        return float(h[np.argmin(noise / h + third * h**2 / 6)])

    verdict = graded(search, STEP)
    assert verdict.mistake == "too few digits" and "A formula is asked for" in verdict.text


LOOKS = [  # a program, and what the student is told about it at the three sizes of x
    (scaled(lambda x: 1e-7 * max(1, x)), ["too short", "too short", "too short"], False),
    (scaled(lambda x: 1e-4 * max(1, x)), ["too long", "too long", "too long"], False),
    (scaled(lambda x: 3e-5), ["a good length", "too short", "too short"], True),
    (scaled(lambda x: 1e-2), ["too long", "too short", "too short"], True),
    (scaled(lambda x: 10.0), ["too long", "too long", "too short"], True),
    (scaled(lambda x: 1e-9), ["too short", "too short", "no effect"], True),
    (forward, ["one side", "one side", "one side"], False),
]


@pytest.mark.parametrize(("program", "told", "same"), LOOKS)
def test_a_step_is_measured_at_each_size_of_x(program, told, same):
    text = difference_steps.looked_at(in_this_process(program))
    sentences = text.split("At x of the size ")[1:]
    assert [one.split(",")[0] for one in sentences] == ["1", "100000", "1e+10"]
    assert all(part in one for part, one in zip(told, sentences, strict=True))
    assert told[0] in text.split("In a coordinate that is 0, ")[1]
    assert ("does not grow with x" in text) == same


def test_a_step_with_another_length_has_too_few_digits():
    """1e-4 is not in the bank, and its result at the largest x has no right digit."""
    verdict = graded(scaled(lambda x: 1e-4), GRADIENT)
    assert verdict.mistake == "too few digits" and "does not grow with x" in verdict.text
    close = graded(scaled(lambda x: 1.5e-8 * max(1, x)), GRADIENT)
    assert close.mistake == "too few digits" and "is too short" in close.text


def test_a_step_that_is_short_at_zero_is_told():
    verdict = graded(scaled(lambda x: 8e-6 * x + 1e-12), GRADIENT)
    assert verdict.mistake == "too few digits"
    assert "In a coordinate that is 0, your step 1e-12 is too short" in verdict.text
    assert verdict.text.count("has a good length") == 3


def test_a_program_without_steps_is_not_looked_at():
    for program in (lambda f, x: 0 * x, lambda f, x: f(x + 1) * x):
        assert difference_steps.looked_at(in_this_process(program)) == ""
        assert graded(program, GRADIENT).mistake == "unknown"
