"""Grading by values, on a question that is known by heart: the mean of an array."""

import numpy as np
import pytest

from metarl_min.teach.questions import Mistake, in_this_process
from metarl_min.teach.value_questions import Case, ValueQuestion, one_call, value_question


def draw(rng):
    return [one_call(rng.normal(size=n)) for n in (2, 3)]


MEAN = value_question(
    ValueQuestion(
        function="mean",
        cases=draw,
        truth=lambda case: float(sum(case.arguments[0][0]) / len(case.arguments[0][0])),
        mistakes={
            "the median": Mistake(lambda x: float(np.median(x)), "Add.", "returns (1)", "page.py"),
            "the sum": Mistake(lambda x: float(sum(x)), "Divide."),
        },
        numbers=lambda case: {"N": len(case.arguments[0][0])},
    )
)


def graded(program, question=MEAN, seed=0):
    return question.grade(in_this_process(program), np.random.default_rng(seed))


def coin(p):
    """The mean of f over a coin, eq. (1): the truth is p f(1) + (1-p) f(0)."""
    return Case(arguments=[(0,), (1,)], probability=np.array([1 - p, p]))


@pytest.mark.verifies("value_questions.1")
def test_eq1_an_estimator_is_graded_by_its_exact_mean():
    question = value_question(
        ValueQuestion(
            function="estimate",
            cases=lambda rng: [coin(0.25), coin(0.5)],
            truth=lambda case: float(2 * case.probability[1] + 1),
            mistakes={},
        )
    )
    assert graded(lambda x: 2.0 * x + 1, question).score == 1
    other = graded(lambda x: 2.0 * x, question)
    assert other.mistake == "unknown" and "your results is 0.5" in other.text
    assert "exact value is 1.5" in other.text


def test_the_cases_of_a_seed_are_drawn_once():
    drawn = []

    def counted(rng):
        drawn.append(1)
        return draw(rng)

    question = value_question(ValueQuestion("total", counted, lambda case: 1.0, {}))
    for seed in (0, 1, 0, 1):
        graded(lambda x: 1.0, question, seed)
    assert len(drawn) == 2


def test_a_number_that_is_one_in_the_first_case_still_names_a_factor():
    question = value_question(
        ValueQuestion(
            function="double",
            cases=lambda rng: [one_call(np.ones(n) * rng.normal()) for n in (1, 2, 3)],
            truth=lambda case: 2 * case.arguments[0][0],
            mistakes={},
            numbers=lambda case: {"N": len(case.arguments[0][0])},
        )
    )
    assert graded(lambda x: 2 * len(x) * x, question).mistake == "N times the right result"
    assert graded(lambda x: 2 * x / len(x), question).mistake == "1/N times the right result"
