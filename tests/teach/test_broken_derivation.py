"""Assignment 8: which equation of a derivation is wrong?"""

import numpy as np
import pytest

from metarl_min.teach import broken_derivation
from metarl_min.teach.es_derivation import BROKEN
from metarl_min.teach.questions import in_this_process

QUESTION = broken_derivation.wrong_equation()


def graded(program, seed=0):
    return QUESTION.grade(in_this_process(program), np.random.default_rng(seed))


def right(equations):
    points = [(0.9, 0.7, 0.6), (-0.7, 1.3, -0.4)]
    for number, (left, side) in enumerate(equations, 1):
        if not np.allclose([left(*x) for x in points], [side(*x) for x in points]):
            return number
    return 0


def test_a_right_program_has_all_points():
    assert all(graded(right, seed).score == 1 for seed in range(10))


@pytest.mark.parametrize("name", QUESTION.mistakes)
def test_a_mistake_is_named(name):
    for seed in range(4):
        verdict = graded(QUESTION.mistakes[name].program, seed)
        assert verdict.score == 0 and verdict.mistake == name


def answers(seed):
    found = []

    def program(equations):
        found.append(right(equations))
        return found[-1]

    assert graded(program, seed).score == 1
    return found[: len(BROKEN) + 1]


def test_each_wrong_side_is_a_case_and_the_order_depends_on_the_seed():
    expected = sorted([0, *(number for number, _, _ in BROKEN)])
    assert sorted(answers(0)) == sorted(answers(1)) == expected
    assert answers(0) != answers(1)


def test_a_wrong_answer_is_told_what_was_wrong():
    verdict = graded(lambda equations: 7)
    assert verdict.mistake == "unknown" and "twelve" in verdict.text


def test_an_answer_that_is_no_number_is_told_so():
    assert graded(lambda equations: None).mistake == "shape"
