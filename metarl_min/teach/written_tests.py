"""Questions about tests that students write.

The student writes a function that receives an implementation, and raises an AssertionError if the
implementation is wrong. The function is called with right implementations, which it must accept,
and with mutants, which it should refuse. A mutant is an implementation with one frequent mistake.

The score is the share of the mutants that the test refuses. It is 0 if the test refuses a right
implementation. The implementations stay in the process of the grader, so a test cannot read their
source.

`written_test` trusts its arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from metarl_min.basics.trees import Rng
from metarl_min.teach.questions import Call, Mistake, Program, Question, Verdict
from metarl_min.teach.submissions import Fault


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


def _graded(question: WrittenTest, call: Call, rng: Rng) -> Verdict:
    name = question.function
    try:
        for implementation in question.right:
            if text := _refuses(call, implementation):
                text = f"{name} must accept every right implementation, but it refuses one. {text}"
                return Verdict(score=0.0, mistake="refuses a right implementation", text=text)
        refused = {key: _refuses(call, one.program) for key, one in question.mutants.items()}
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
