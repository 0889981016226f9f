"""Assignment 8: the antithetic gradient of an evolution strategy."""

import numpy as np
import pytest
from coursework_by_hand import es_gradient

from metarl_min.teach import evolution_strategies
from metarl_min.teach.questions import in_this_process

QUESTION = evolution_strategies.es_gradient()


def graded(program, seed=0):
    return QUESTION.grade(in_this_process(program), np.random.default_rng(seed))


def test_a_right_program_has_all_points():
    assert all(graded(es_gradient, seed).score == 1 for seed in range(8))


@pytest.mark.parametrize("name", QUESTION.mistakes)
def test_a_mistake_is_named(name):
    for seed in range(4):
        verdict = graded(QUESTION.mistakes[name].program, seed)
        assert verdict.score == 0 and verdict.mistake == name


@pytest.mark.parametrize("factor", [("n", len), ("1/n", lambda noise: 1 / len(noise))])
def test_a_factor_that_is_too_much_is_named(factor):
    name, value = factor
    verdict = graded(lambda *x: es_gradient(*x) * value(x[3]))
    named = {"n": "sum for mean", "1/n": "1/n times the right result"}
    assert verdict.mistake == named[name]


def test_the_polynomial_is_what_its_docstring_says():
    C = np.array([[2.0, 1.0], [1.0, -4.0]])
    x, c = np.array([3.0, 2.0]), np.array([1.0, 1.0])
    value = evolution_strategies.cubic(1.0, np.array([1.0, -1.0]), C, c, x)
    assert value == 1 + (3 - 2) + (2 * 9 + 2 * 3 * 2 - 4 * 4) / 2 + 5**3


def test_fresh_noise_is_no_estimate_and_global_noise_is_named():
    def fresh(f, theta, sigma, noise):
        other = np.random.default_rng(0).normal(size=noise.shape)
        return es_gradient(f, theta, sigma, other)

    def from_the_global_generator(f, theta, sigma, noise):
        return es_gradient(f, theta, sigma, np.random.normal(size=noise.shape))

    assert graded(fresh).mistake == "unknown"
    assert graded(from_the_global_generator).mistake == "global generator"
