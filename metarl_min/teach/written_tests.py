"""Questions about tests that students write.

The student writes a function that receives an implementation, and raises an AssertionError if the
implementation is wrong. A mutant is an implementation with one frequent mistake. The function is
called with right implementations and with mutants, in random order. It must accept every right
implementation, and it should refuse every mutant.

The score is the share of the mutants that the test refuses. It is 0 if the test refuses a right
implementation. Only an AssertionError refuses an implementation. If a test raises another error,
the test itself is wrong. The implementations stay in the process of the grader, so a test
cannot read their source. They raise `TooLarge` for large arguments, because no limit of time can
end a call in this process.

`written_test` trusts its arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.trees import Rng
from metarl_min.teach.faults import Fault
from metarl_min.teach.questions import Call, Mistake, Program, Question, Verdict

MOST = 1000  # entries of the arrays in an argument, and the largest whole number in it
SURVIVOR = "accepts the mutant: "  # begins the name of a test that does not refuse a mutant
ONLY = "A test refuses an implementation with an AssertionError, and with no other error."
HINTS = {  # kind of fault -> text to add
    "error": ONLY,
    "time": "Hypothesis draws fewer examples with @settings(max_examples=10).",
}


class TooLarge(ValueError):
    """A test calls an implementation with a large argument."""


class WrittenTest(NamedTuple):
    """A question about a test that the student writes."""

    function: str  # the name of the student's test
    right: list[Program]  # implementations that the test must accept
    mutants: dict[str, Mistake]  # implementations that the test should refuse
    equal: Callable[[Program, Program], bool]  # whether two implementations give equal results


class _Outcome(NamedTuple):
    """The outcome of a test of one implementation."""

    refuses: bool
    text: str  # the text of the error that the test raises, or ""


def _outcome(call: Call, implementation: Program) -> _Outcome:
    """Call a test. A Fault of any other kind than "assertion" and "error" is raised again."""
    try:
        call(implementation)
    except Fault as fault:
        if fault.kind not in ("assertion", "error"):
            raise
        return _Outcome(fault.kind == "assertion", str(fault))
    return _Outcome(False, "")


def _size(value: Any) -> int:
    """Return a measure of the work that an argument can cause."""
    if isinstance(value, list | tuple | dict):
        return sum(map(_size, value.values() if isinstance(value, dict) else value))
    if isinstance(value, np.ndarray) and value.ndim > 0:
        return value.size
    return abs(int(value)) if isinstance(value, int | np.integer) else 0


def _limited(implementation: Program) -> Program:
    """Return an implementation that raises TooLarge for large arguments."""

    def limited(*arguments: Any) -> Any:
        size = max(map(_size, arguments), default=0)
        if size > MOST:
            rule = f"an array may have {MOST} entries, and a whole number may be {MOST}, at most"
            raise TooLarge(f"{rule}, got {size}")
        return implementation(*arguments)

    return limited


def _outcomes(question: WrittenTest, call: Call, rng: Rng) -> dict[str, _Outcome]:
    """Return the outcome of the test for each mutant.

    The order is random and each right implementation comes twice, so a test cannot find the mutants
    by counting its calls. Fault if the test raises any error for a right implementation.
    """
    name, outcomes = question.function, {}
    called = [("", one) for one in 2 * question.right]
    called += [(key, one.program) for key, one in question.mutants.items()]
    for i in rng.permutation(len(called)):
        key, implementation = called[i]
        refuses, text = outcomes[key] = _outcome(call, _limited(implementation))
        if refuses and not key:
            rule = f"{name} must accept every right implementation, but it refuses one."
            hint = "Right results differ in round-off, so a test compares with a tolerance."
            raise Fault("refuses a right implementation", f"{rule} {hint} {text}")
        if text and not key:
            raise Fault("error", text)
    return {key: outcomes[key] for key in question.mutants}


def _graded(question: WrittenTest, call: Call, rng: Rng) -> Verdict:
    name = question.function
    try:
        outcomes = _outcomes(question, call, rng)
    except Fault as fault:
        text = f"{fault} {HINTS.get(fault.kind, '')}".strip()
        return Verdict(score=0.0, mistake=fault.kind, text=text)
    survivors = [key for key, outcome in outcomes.items() if not outcome.refuses]
    total = len(outcomes)
    text = f"{name} refuses {total - len(survivors)} of {total} wrong implementations."
    if not survivors:
        return Verdict(score=1.0, mistake="", text=text)
    first = question.mutants[survivors[0]]
    text += f" It does not refuse this one: {survivors[0]}. {first.say}"
    error = outcomes[survivors[0]].text
    text += f" {error.rstrip('.')}. {ONLY}" if error else ""
    score = 1 - len(survivors) / total
    mistake = "error" if error else f"{SURVIVOR}{survivors[0]}"
    return Verdict(score, mistake, text.strip(), first.equation, first.page)


def _weak_test(question: WrittenTest, mutant: Program, implementation: Program) -> None:
    """Refuse an implementation unless it is right or equal to one mutant."""
    if not any(question.equal(implementation, one) for one in (question.right[0], mutant)):
        raise AssertionError("the implementation is wrong")


def written_test(question: WrittenTest) -> Question:
    """Return the question in the form that the grader and notebooks use.

    Each of its mistakes is a test that accepts one mutant.
    """
    mistakes = {
        f"{SURVIVOR}{key}": one._replace(program=partial(_weak_test, question, one.program))
        for key, one in question.mutants.items()
    }
    return Question(question.function, partial(_graded, question), mistakes)
