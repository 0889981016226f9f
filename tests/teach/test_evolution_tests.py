"""Assignment 8: a test of the antithetic gradient of an evolution strategy."""

import numpy as np
import pytest
from coursework_by_hand import es_gradient

from metarl_min.teach import evolution_tests
from metarl_min.teach.questions import in_this_process

QUESTION = evolution_tests.es_gradient_test()


def graded(program):
    return QUESTION.grade(in_this_process(program), np.random.default_rng(0))


def good_test(implementation):
    rng = np.random.default_rng(1)
    theta, noise = rng.normal(size=3), rng.normal(size=(4, 3))

    def f(x):
        return float(np.exp(x @ [0.3, -0.2, 0.5]))

    expected = es_gradient(f, theta, 0.7, noise)
    assert np.allclose(implementation(f, theta, 0.7, noise), expected, rtol=1e-8)


def test_a_good_test_has_all_points():
    assert graded(good_test).score == 1


@pytest.mark.parametrize("name", QUESTION.mistakes)
def test_a_test_that_accepts_a_mutant_is_told_which(name):
    verdict = graded(QUESTION.mistakes[name].program)
    assert verdict.mistake == name and verdict.score == pytest.approx(14 / 15)


def test_a_test_at_sigma_one_accepts_a_program_that_forgets_sigma():
    def test(implementation):
        theta, noise = np.array([1.0, -2.0]), np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.0]])

        def f(x):
            return float(x @ x + x[0] ** 3 + 1)

        found = implementation(f, theta, 1.0, noise)
        assert np.allclose(found, es_gradient(f, theta, 1.0, noise), rtol=1e-8)

    verdict = graded(test)
    assert verdict.mistake == "accepts the mutant: sigma forgotten"
    assert verdict.score == pytest.approx(12 / 15)  # two more mutants take sigma as 1


NOISE = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.0]])
ORTHOGONAL = np.array([[1.0, 1.0], [-1.0, 1.0]])
LINEAR, QUADRATIC, CUBIC = (
    lambda x: float(3 * x[0] - x[1] + 2),
    lambda x: float(x @ x + x[0] * x[1] + 1),
    lambda x: float(x @ x + x[0] ** 3 + (x[0] - x[1]) ** 3 + 1),
)
SPECIAL = [  # the call of a test -> mutants that are right for this call
    (LINEAR, [1.0, -2.0], 0.3, NOISE, {"a forward difference", "sigma is 1", "theta is 0"}),
    (QUADRATIC, [1.0, -2.0], 0.3, NOISE, {"sigma is 1", "sigma is 0.001"}),
    (CUBIC, [0.0, 0.0], 0.3, NOISE, {"theta is 0"}),
    (CUBIC, [1.0, -2.0], 1.0, NOISE, {"sigma forgotten", "points at theta + e", "sigma is 1"}),
    (CUBIC, [1.0, -2.0], 0.3, NOISE[:2], {"divided by D"}),
    (CUBIC, [1.0, -2.0], 0.3, NOISE[:1], {"sum for mean"}),
    (CUBIC, [1.0, -2.0], 0.3, ORTHOGONAL, {"least squares", "directions of equal length"}),
    (CUBIC, [1.0, -2.0], 0.3, NOISE, set()),
]


@pytest.mark.parametrize(("f", "theta", "sigma", "noise", "right"), SPECIAL)
def test_each_special_call_accepts_its_mutants(f, theta, sigma, noise, right):
    theta = np.array(theta)
    expected = es_gradient(f, theta, sigma, noise)
    accepted = {
        name
        for name, mutant in evolution_tests.MUTANTS.items()
        if np.allclose(mutant.program(f, theta, sigma, noise), expected, rtol=1e-7, atol=1e-9)
    }
    assert right <= accepted
    assert len(accepted) <= 6 and (right or not accepted)


def test_one_linear_function_is_not_enough():
    def test(implementation):
        found = implementation(LINEAR, np.array([0.5, -1.0]), 0.1, np.sqrt(2) * np.eye(2))
        assert np.allclose(found, [3, -1])

    assert graded(test).score <= 10 / 15
