"""Questions about tests that students write.

The student writes a function that receives an implementation, and raises an AssertionError if the
implementation is wrong. The function is called with right implementations, which it must accept,
and with mutants, which it should refuse, in random order. A mutant is an implementation with one
frequent mistake.

The score is the share of the mutants that the test refuses. It is 0 if the test refuses a right
implementation. The implementations stay in the process of the grader, so a test cannot read their
source. They refuse large arguments, because no limit of time can end a call in this process.

`written_test` trusts its arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import require
from metarl_min.basics.trees import Rng
from metarl_min.teach.faults import Fault
from metarl_min.teach.questions import Call, Mistake, Program, Question, Verdict

MOST = 1000  # of the entries of arrays, and of a whole number, in an argument


class WrittenTest(NamedTuple):
    """A question about a test that the student writes."""

    function: str  # the name of the student's test
    right: list[Program]  # implementations that the test must accept
    mutants: dict[str, Mistake]  # implementations that the test should refuse
    equal: Callable[[Program, Program], bool]  # whether two implementations give equal results


def _refuses(call: Call, implementation: Program) -> str:
    """Return the text of the error with which a test refuses an implementation, or "".

    A Fault that is no verdict of the test, such as an endless loop, is raised.
    """
    try:
        call(implementation)
    except Fault as fault:
        if fault.kind != "error":
            raise
        return str(fault)
    return ""


def _size(value: Any) -> int:
    """Return a measure of the work that an argument can cause."""
    if isinstance(value, list | tuple | dict):
        return sum(map(_size, value.values() if isinstance(value, dict) else value))
    if isinstance(value, np.ndarray) and value.ndim > 0:
        return value.size
    return abs(int(value)) if isinstance(value, int | np.integer) else 0


def _limited(implementation: Program) -> Program:
    """Return an implementation that refuses large arguments with a ValueError."""

    def limited(*arguments: Any) -> Any:
        size = max(map(_size, arguments), default=0)
        require(size <= MOST, f"arrays and whole numbers in a test must be at most {MOST}", size)
        return implementation(*arguments)

    return limited


def _refusals(question: WrittenTest, call: Call, rng: Rng) -> dict[str, str]:
    """Return the text with which the test refuses each mutant, or "".

    The order is random, and right implementations come twice, so a test that counts its calls is of
    no use. Fault if the test refuses a
    right implementation.
    """
    name, refused = question.function, {}
    called = [("", one) for one in 2 * question.right]
    called += [(key, one.program) for key, one in question.mutants.items()]
    for i in rng.permutation(len(called)):
        key, implementation = called[i]
        refused[key] = _refuses(call, _limited(implementation))
        if refused[key] and not key:
            text = f"{name} must accept every right implementation, but it refuses one."
            raise Fault("refuses a right implementation", f"{text} {refused[key]}")
    return {key: refused[key] for key in question.mutants}


def _graded(question: WrittenTest, call: Call, rng: Rng) -> Verdict:
    name = question.function
    try:
        refused = _refusals(question, call, rng)
    except Fault as fault:
        return Verdict(score=0.0, mistake=fault.kind, text=str(fault))
    survivors = [key for key, text in refused.items() if not text]
    total = len(refused)
    text = f"{name} refuses {total - len(survivors)} of {total} wrong implementations."
    if not survivors:
        return Verdict(score=1.0, mistake="", text=text)
    first = question.mutants[survivors[0]]
    text += f" It accepts this one: {survivors[0]}. {first.say}"
    score = 1 - len(survivors) / total
    mistake = f"accepts the mutant: {survivors[0]}"
    return Verdict(score, mistake, text.strip(), first.equation, first.page)


def _weak_test(question: WrittenTest, mutant: Program, implementation: Program) -> None:
    """Refuse an implementation unless it is right or equal to one mutant."""
    if not any(question.equal(implementation, one) for one in (question.right[0], mutant)):
        raise AssertionError("the implementation is wrong")


def written_test(question: WrittenTest) -> Question:
    """Return the question in the form that the grader and notebooks use.

    Its mistakes are tests that accept one mutant.
    """
    mistakes = {
        f"accepts the mutant: {key}": one._replace(
            program=partial(_weak_test, question, one.program)
        )
        for key, one in question.mutants.items()
    }
    return Question(question.function, partial(_graded, question), mistakes)
