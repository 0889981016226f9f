"""Questions about the values of a function.

A question is graded on several cases, which are drawn with a seed. A case has one or more lists of
arguments x_i with probabilities p_i. The student's function f is called with each list, and the
mean of its results is compared with the exact value:

    (1)  sum_i p_i f(x_i) = truth                                               [definition]

A function that computes an exact number is called with one list, and p_1 = 1. An estimator is
called with every data set, and p_i is the probability of the data set. So its exact expectation is
graded, and no sample is drawn.

A wrong answer is compared with the mistakes of the question. A mistake is a program that computes a
wrong result exactly. The answer gets the name of a mistake if both results are equal in every case.
Results that agree with the truth to only a few digits have a name too. Otherwise the first case
with a wrong result is shown. It is the smallest one, because the cases are in the order of their
size. The cases are drawn again until all mistakes differ from the truth and from each other. At the
end, the function is called again with the first list of each case, in reverse order. Its results
must not change. In this module, x is a list of arguments, or a result.

`one_call` and `value_question` trust their arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.trees import Array, Rng
from metarl_min.teach.faults import Fault
from metarl_min.teach.questions import Call, Mistake, Question, Verdict
from metarl_min.teach.result_vectors import checked_vector, first_place, vector
from metarl_min.teach.wrong_results import (
    NEARLY,
    RIGHT,
    TOO_FEW,
    digits,
    equal_in_all,
    equal_mistake,
    explained,
    few_digits,
    multiple_of_mistake,
)

TOLERANCE = 1e-7  # of an answer, relative to the largest entry of the truth in this case
SMALL = 1e-3  # a truth counts as at least this large, relative to the largest of all truths
APART = 1e-3  # two programs differ by more than this, relative to the larger of the two
CLEAR = 10.0  # two programs differ by more than this, relative to the allowed error of an answer
MOST_DRAWS = 200
MOST_KEPT = 4  # seeds whose cases a question remembers
SHOWN_CASE = 1500  # characters of a counter-example


class Case(NamedTuple):
    """Lists of arguments x_i, and their probabilities p_i, of eq. (1)."""

    arguments: list[tuple[Any, ...]]
    probability: Array
    text: str = ""  # describes a counter-example; if it is empty, the arguments are shown
    exact: Any = None  # the exact value, where it does not follow from the arguments


def one_call(*arguments: Any) -> Case:
    """Return the case of a single call."""
    return Case(arguments=[arguments], probability=np.ones(1))


class ValueQuestion(NamedTuple):
    """A question about the values of a function."""

    function: str  # the name of the student's function
    cases: Callable[[Rng], list[Case]]  # in the order of their size
    truth: Callable[[Case], Any]
    mistakes: dict[str, Mistake]
    numbers: Callable[[Case], dict[str, float]] = lambda case: {}  # factors that may be forgotten
    tolerance: float = TOLERANCE
    first_wrong: Callable[[Any, Array], tuple[int, str]] = first_place  # the entry to show
    hints: dict[str, str] = {}  # noqa: RUF012  kind of fault -> sentences to add to its text
    look: Callable[[Call], str] = lambda call: ""  # calls a program, and says why it is not exact


class _Drawn(NamedTuple):
    """The cases of one seed, the exact results, and the results of the mistakes."""

    cases: list[Case]
    values: list[Any]  # the exact results
    truths: list[Array]  # the exact results as vectors
    known: dict[str, list[Array]]  # name of a mistake -> one vector for each case
    most: list[float]  # largest allowed difference from the truth, in each case


def _mean(case: Case, results: Sequence[Array]) -> Array:
    """Return the left side of eq. (1)."""
    return np.asarray(case.probability @ np.stack(list(results)))


def _allowed(truths: list[Array], tolerance: float) -> list[float]:
    """Return the largest allowed difference from the truth in each case."""
    sizes = [abs(truth).max() for truth in truths]
    return [tolerance * max(size, SMALL * max(sizes)) for size in sizes]


def _apart(programs: list[list[Array]], most: list[float]) -> bool:
    """Return whether every two programs differ clearly in at least one case."""
    for i, x in enumerate(programs):
        for y in programs[:i]:
            smallest = [
                max(APART * max(abs(a).max(), abs(b).max()), CLEAR * difference)
                for a, b, difference in zip(x, y, most, strict=True)
            ]
            if equal_in_all(x, y, smallest):
                return False
    return True


def _draw(question: ValueQuestion, seed: int) -> _Drawn:
    """Draw cases until all programs differ."""
    rng = np.random.default_rng(seed)
    for _ in range(MOST_DRAWS):
        cases = question.cases(rng)
        values = [question.truth(case) for case in cases]
        truths = [vector(value) for value in values]
        known = {
            name: [_mean(case, [vector(one.program(*x)) for x in case.arguments]) for case in cases]
            for name, one in question.mistakes.items()
        }
        most = _allowed(truths, question.tolerance)
        if _apart([truths, *known.values()], most):
            return _Drawn(cases=cases, values=values, truths=truths, known=known, most=most)
    raise RuntimeError(f"{question.function}: no cases tell all mistakes apart")


def _answer(name: str, call: Call, arguments: tuple[Any, ...], value: Any) -> Array:
    """Return one result of the student as a vector; Fault if it cannot be graded."""
    result = call(*arguments)
    if result.changed:
        text = f"{name} must not change its arguments, but it writes into an array of its caller."
        raise Fault("changes its arguments", text)
    if result.used_global:
        text = f"{name} must not use or seed the global random generator."
        raise Fault("global generator", text)
    return checked_vector(name, result.value, value)


def _answers(question: ValueQuestion, call: Call, drawn: _Drawn) -> list[Array]:
    """Return the result of the student in each case; Fault for one that cannot be graded."""
    name, results, firsts = question.function, list[Array](), list[Array]()
    for case, value in zip(drawn.cases, drawn.values, strict=True):
        answers = [_answer(name, call, x, value) for x in case.arguments]
        results.append(_mean(case, answers))
        firsts.append(answers[0])
    pairs = list(zip(drawn.cases, drawn.values, strict=True))
    again = [_answer(name, call, case.arguments[0], value) for case, value in reversed(pairs)]
    if not equal_in_all(firsts, again[::-1], drawn.most):
        text = f"{name} must return equal results for equal arguments, but it does not."
        raise Fault("not repeatable", text)
    return results


def _shown(case: Case) -> str:
    """Return a case in words: its text, or its arguments."""
    shown = [
        "a function" if callable(x) else np.array_repr(x, precision=6)
        if isinstance(x, np.ndarray) else repr(x)
        for x in case.arguments[0]
    ]  # fmt: skip
    text = " ".join((case.text or ", ".join(shown)).split())
    return text if len(text) <= SHOWN_CASE else text[:SHOWN_CASE] + " .."


def _wrong(drawn: _Drawn, results: list[Array]) -> list[int]:
    """Return the numbers of the cases with a wrong result."""
    triples = enumerate(zip(results, drawn.truths, drawn.most, strict=True))
    return [i for i, (x, y, difference) in triples if not equal_in_all([x], [y], [difference])]


def _counter_example(question: ValueQuestion, drawn: _Drawn, results: list[Array]) -> str:
    """Return the first case with a wrong result in words, and its first wrong entry."""
    wrong = _wrong(drawn, results)[0]
    case, value = drawn.cases[wrong], drawn.values[wrong]
    truth, x = drawn.truths[wrong], results[wrong]
    first, place = question.first_wrong(value, abs(x - truth) > drawn.most[wrong])
    result = "the mean of your results" if len(case.arguments) > 1 else "your result"
    where = f"{result} at {place}" if place else result
    start = f"The smallest wrong case is {question.function}({_shown(case)})."
    return f"{start} In it {where} is {x[first]:.10g}, and the exact value is {truth[first]:.10g}."


def _seen(question: ValueQuestion, call: Call) -> str:
    """Return the reason why a program is not exact, or "" if it is not known."""
    try:
        return question.look(call)
    except Fault:
        return ""


def _explanation(
    question: ValueQuestion, drawn: _Drawn, results: list[Array], call: Call
) -> Verdict:
    """Return the verdict on results of which at least one is wrong."""
    wrong, tolerance = _wrong(drawn, results), question.tolerance
    triples = zip(results, drawn.truths, drawn.most, strict=True)
    # most / tolerance is the size of the truth.
    agreeing = [digits(x, truth, most / tolerance) for x, truth, most in triples]
    few = few_digits(agreeing, wrong, tolerance)
    found = equal_mistake(results, drawn.known, drawn.most)
    if not found and not few:
        numbers = [question.numbers(case) for case in drawn.cases]
        known = {RIGHT: drawn.truths} | drawn.known
        found = multiple_of_mistake(results, known, numbers, tolerance)
    if found:
        one = question.mistakes.get(found.mistake, Mistake(program=question.truth, say=""))
        text = explained(found, one, len(results) - len(wrong))
        return Verdict(0.0, f"{found.factor}{found.mistake}", text, one.equation, one.page)
    seen = _seen(question, call)
    kind = TOO_FEW if few or seen else "unknown"
    text = few or _counter_example(question, drawn, results)
    hint = f"{seen} {question.hints.get(kind, NEARLY if few and not seen else '')}"
    return Verdict(0.0, kind, f"{text} {hint}")


def _graded(
    question: ValueQuestion, draw: Callable[[int], _Drawn], call: Call, rng: Rng
) -> Verdict:
    drawn = draw(int(rng.integers(2**63)))
    try:
        results = _answers(question, call, drawn)
    except Fault as fault:
        text = f"{fault} {question.hints.get(fault.kind, '')}".strip()
        return Verdict(score=0.0, mistake=fault.kind, text=text)
    total = len(results)
    right = total - len(_wrong(drawn, results))
    start = f"{question.function} is right in {right} of {total} cases."
    if right == total:
        return Verdict(score=1.0, mistake="", text=start)
    verdict = _explanation(question, drawn, results, call)
    return verdict._replace(text=" ".join(f"{start} {verdict.text}".split()))


def value_question(question: ValueQuestion) -> Question:
    """Return the question in the form that the grader and notebooks use.

    The question remembers the cases of its last seeds, because one seed grades many submissions.
    """
    draw = lru_cache(MOST_KEPT)(partial(_draw, question))
    return Question(question.function, partial(_graded, question, draw), question.mistakes)
