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


def asked(cases, truth, mistakes, **words):
    return value_question(ValueQuestion("f", lambda rng: cases, truth, mistakes, **words))


SIZES = (1.0, 0.1, 50.0)


def scaled(size):
    """A question whose truth is [x, 2 x] for the sizes x."""
    cases = [one_call(x) for x in SIZES]
    return asked(cases, lambda case: np.array([1, 2]) * case.arguments[0][0], {})


@pytest.mark.parametrize("wrong", SIZES)
def test_an_error_is_judged_by_the_size_of_its_own_case(wrong):
    """An error of 1e-6 in the smallest case is 2e-9 of the largest truth of all cases."""

    def program(x, relative):
        return np.array([1, 2]) * x * (1 + relative * (x == wrong))

    question = scaled(wrong)
    assert graded(lambda x: program(x, 1e-8), question).score == 1
    found = graded(lambda x: program(x, 1e-6), question)
    assert found.mistake == "too few digits" and "right in 2 of 3 cases" in found.text


def test_a_truth_of_zero_allows_round_off():
    cases = [one_call(x) for x in (0.0, 1.0)]
    question = asked(cases, lambda case: case.arguments[0][0], {})
    assert graded(lambda x: x + 1e-16, question).score == 1
    assert graded(lambda x: x + 1e-9, question).mistake == "too few digits"


def test_the_border_of_the_tolerance():
    question = asked([one_call(1.0)], lambda case: np.array([1.0, -4.0]), {}, tolerance=1e-3)
    for error, score in ((3.9e-3, 1), (4.1e-3, 0)):
        for entry in (0, 1):
            for sign in (1, -1):
                answer = np.array([1.0, -4.0])
                answer[entry] += sign * error
                assert graded(lambda x, answer=answer: answer, question).score == score


def test_a_mistake_that_could_pass_as_right_is_never_drawn():
    """The mistake differs in the small case only, by less than a right result may differ."""
    cases = [one_call(1e-12), one_call(1.0)]
    mistakes = {"small": Mistake(lambda x: 0.0 if x < 0.5 else x, "")}
    question = asked(cases, lambda case: case.arguments[0][0], mistakes)
    with pytest.raises(RuntimeError, match="f: no cases tell all mistakes apart"):
        graded(lambda x: x, question)


@pytest.mark.parametrize("second", [lambda x: x, lambda x: 2 * x])
def test_mistakes_that_are_right_or_equal_are_never_drawn(second):
    mistakes = {"one": Mistake(lambda x: 2 * x, ""), "two": Mistake(second, "")}
    question = asked([one_call(1.0)], lambda case: case.arguments[0][0], mistakes)
    with pytest.raises(RuntimeError, match="no cases tell all mistakes apart"):
        graded(lambda x: x, question)


def test_cases_are_drawn_until_all_mistakes_differ():
    drawn = []

    def cases(rng):
        drawn.append(rng.integers(0, 3))
        return [one_call(int(drawn[-1]))]

    mistakes = {"the square": Mistake(lambda x: x * x, "")}
    question = value_question(
        ValueQuestion("f", cases, lambda case: case.arguments[0][0], mistakes)
    )
    for seed in range(8):
        assert graded(lambda x: x * x, question, seed).mistake == "the square"
    assert 0 in drawn and 1 in drawn


def test_a_mistake_needs_its_result_in_every_case():
    mixed = graded(lambda x: float(np.median(x)) if len(x) == 3 else float(sum(x)))
    assert mixed.mistake == "unknown" and mixed.score == 0
    named = graded(lambda x: float(np.median(x)))
    assert named.mistake == "unknown" or named.mistake == "the median"


def test_a_mistake_is_named_with_its_equation_and_its_page():
    found = graded(lambda x: float(sum(x)))
    assert (found.mistake, found.equation, found.page) == ("the sum", "", "")
    assert "Divide." in found.text


def test_a_multiple_of_the_right_result_is_named():
    assert graded(lambda x: -float(x.mean())).mistake == "-1 times the right result"
    assert graded(lambda x: float(x.mean()) / len(x)).mistake == "1/N times the right result"


@pytest.mark.parametrize("error", [1.5e-9, 1.5e-8, 3e-8, 9e-8, 2e-7, 2e-5, 9e-4])
def test_a_result_that_is_right_to_a_few_digits_has_no_mistake_and_shows_no_solution(error):
    """A factor of less than 1 + 1e-7 is 1 up to the tolerance of factors."""
    cases = [one_call(1.234567), one_call(-0.5)]
    words = {"tolerance": 1e-9, "hints": {"too few digits": "Here is a hint."}}
    question = asked(cases, lambda case: np.array([1, 2]) * case.arguments[0][0], {}, **words)
    for size, where in (((1, 1), "In each case"), ((1, 0), "In 1 of the cases")):
        program = dict(zip((1.234567, -0.5), size, strict=True))
        found = graded(lambda x, on=program: np.array([1, 2]) * x * (1 + error * on[x]), question)
        assert (found.score, found.mistake) == (0.0, "too few digits")
        assert f"{where} your results agree with the right ones to a few digits" in found.text
        assert f"agree to {int(-np.log10(error))} digits in the worst case" in found.text
        assert "The error may be at most 1e-09" in found.text and "Here is a hint." in found.text
        assert "1.234567" not in found.text and "2.469134" not in found.text


def test_a_result_that_is_wrong_in_the_third_digit_is_shown():
    question = asked([one_call(1.0)], lambda case: case.arguments[0][0], {})
    assert graded(lambda x: 1.002 * x, question).mistake == "unknown"


def test_a_mistake_times_a_factor_is_told_as_two_findings():
    found = graded(lambda x: -float(sum(x)))
    assert found.mistake == "-1 times the sum"
    assert "two mistakes. The first one is: the sum. Divide." in found.text
    assert "your result is -1 times the result of the first mistake alone" in found.text


def test_a_mistake_that_is_right_in_some_cases_is_told_so():
    question = asked(
        [one_call(1.0), one_call(3.0)],
        lambda case: case.arguments[0][0],
        {"the square": Mistake(lambda x: x * x, "Look.")},
    )
    found = graded(lambda x: x * x, question)
    assert "right in 1 of 2 cases. In every case, also in those that are right," in found.text
    assert "also in those" not in graded(lambda x: -2.0 * x, question).text


def test_what_a_look_at_a_program_finds_is_told():
    def look(call):
        return f"Your program returns {call(7.0).value:g} for 7."

    question = asked([one_call(1.0)], lambda case: case.arguments[0][0], {}, look=look)
    found = graded(lambda x: 1.5 * x, question)
    assert found.mistake == "too few digits" and "returns 10.5 for 7." in found.text
    assert "exact value is 1." in found.text


def test_zero_is_no_multiple():
    assert graded(lambda x: 0.0).mistake == "unknown"


def test_an_answer_that_changes_on_the_second_call_is_not_right():
    """Each way to be right once only: the first call, the first pass, each new argument."""

    def after(number):
        calls = []

        def program(x):
            calls.append(0)
            return float(x.mean()) + (len(calls) > number)

        return program

    assert [graded(after(n)).mistake for n in range(5)] == [
        "unknown", "not repeatable", "not repeatable", "not repeatable", ""
    ]  # fmt: skip


def test_the_first_wrong_entry_is_shown_with_its_place():
    truth = {"a": np.arange(4.0).reshape(2, 2) + 1, "b": 5.0}

    def program(x):
        return {"a": np.array([[1.0, 2.0], [3.0, 9.0]]), "b": 7.0}

    question = asked([one_call(2.5)], lambda case: truth, {})
    text = graded(program, question).text
    assert "In it your result at ['a'][1, 1] is 9, and the exact value is 4." in text
    assert "f(2.5)" in text


def test_the_arguments_of_the_program_are_copies():
    x = np.arange(3.0)

    def program(y):
        y[0] = 100.0
        return float(y.sum())

    question = asked([one_call(x)], lambda case: 3.0, {})
    assert graded(program, question).mistake == "changes its arguments"
    assert x.tolist() == [0, 1, 2]


def test_an_estimator_is_called_with_every_data_set_and_weighted():
    seen = []
    question = asked([coin(0.25)], lambda case: 1.0, {})
    verdict = graded(lambda x: seen.append(x) or 4.0 * x, question)
    assert verdict.score == 1 and seen[:2] == [0, 1]


def test_an_estimator_with_a_fault_in_one_data_set_is_not_right():
    question = asked([coin(0.25)], lambda case: 1.0, {})
    assert graded(lambda x: np.nan if x == 0 else 4.0, question).mistake == "not finite"


def test_a_draw_from_the_global_generator_is_not_right():
    state = np.random.get_state()
    try:
        verdict = graded(lambda x: float(x.mean()) + 0 * np.random.rand())
    finally:
        np.random.set_state(state)
    assert (verdict.score, verdict.mistake) == (0.0, "global generator")
