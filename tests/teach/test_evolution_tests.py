"""Assignment 8: a test of the antithetic gradient of an evolution strategy."""

import numpy as np
import pytest

from metarl_min.teach import evolution_tests
from metarl_min.teach.questions import in_this_process

QUESTION = evolution_tests.es_gradient_test()


def graded(program):
    return QUESTION.grade(in_this_process(program), np.random.default_rng(0))


def by_hand(f, theta, sigma, noise):
    """The estimate, one number after the other."""
    total = [0.0] * len(theta)
    for e in noise:
        after = f(np.array([t + sigma * x for t, x in zip(theta, e, strict=True)]))
        before = f(np.array([t - sigma * x for t, x in zip(theta, e, strict=True)]))
        for j in range(len(theta)):
            total[j] += (after - before) * e[j] / (2 * sigma * len(noise))
    return np.array(total)


def good_test(implementation):
    rng = np.random.default_rng(1)
    theta, noise = rng.normal(size=3), rng.normal(size=(4, 3))

    def f(x):
        return float(np.exp(x @ [0.3, -0.2, 0.5]))

    expected = by_hand(f, theta, 0.7, noise)
    assert np.allclose(implementation(f, theta, 0.7, noise), expected, rtol=1e-8)


def test_a_good_test_has_all_points():
    assert graded(good_test).score == 1


@pytest.mark.parametrize("name", QUESTION.mistakes)
def test_a_test_that_accepts_a_mutant_is_told_which(name):
    verdict = graded(QUESTION.mistakes[name].program)
    assert verdict.mistake == name and verdict.score == pytest.approx(9 / 10)


def test_a_test_at_sigma_one_accepts_a_program_that_forgets_sigma():
    def test(implementation):
        theta, noise = np.array([1.0, -2.0]), np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.0]])

        def f(x):
            return float(x @ x + x[0] ** 3 + 1)

        found = implementation(f, theta, 1.0, noise)
        assert np.allclose(found, by_hand(f, theta, 1.0, noise), rtol=1e-8)

    verdict = graded(test)
    assert verdict.mistake == "accepts the mutant: sigma forgotten"
    assert verdict.score == pytest.approx(8 / 10)  # points at theta + e are right there too
