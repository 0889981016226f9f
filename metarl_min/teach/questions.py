"""Questions of an assignment.

A question asks for one function, and grades it. It draws its cases with a seed, so the hidden part
of a course is a secret seed and not secret code. `value_questions` grades the values of a function,
and `written_tests` grades tests that students write.

A question calls the student's function through a `Call`, which returns a `Watched`. In a notebook,
the function runs in the same process. In a submitted file, it runs in another process.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import function, instance, real, whole
from metarl_min.basics.trees import Rng
from metarl_min.basics.words import require_name
from metarl_min.teach.faults import Fault, fault_of
from metarl_min.teach.messages import decode, encode
from metarl_min.teach.student_process import described
from metarl_min.teach.watched_calls import Watched, watched

Program = Callable[..., Any]
Call = Callable[..., Watched]


class Mistake(NamedTuple):
    """A frequent wrong program, and its explanation for the student."""

    program: Program  # takes the arguments of the student's function
    say: str  # sentences that explain the mistake, without the solution
    equation: str = ""  # the equation that the program breaks, such as "adaptation (3)"
    page: str = ""  # the case file that explains the mistake, such as "second_derivatives.py"


class Verdict(NamedTuple):
    """The result of grading an answer."""

    score: float  # from 0 to 1
    mistake: str  # name of a mistake, kind of a fault, "unknown", or "" for a right answer
    text: str  # the explanation for the student
    equation: str = ""
    page: str = ""


class Question(NamedTuple):
    """A function that the student writes, and the way to grade it."""

    function: str  # the name of the student's function
    grade: Callable[[Call, Rng], Verdict]
    mistakes: dict[str, Mistake]  # by name; a verdict contains such a name


class CheckFailed(AssertionError):
    """A wrong answer in a notebook. The text explains it."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.text)
        self.verdict, self.score = verdict, verdict.score


def in_this_process(program: Program) -> Call:
    """Return a `Call` of a function of this process. It raises a Fault if the function fails.

    A result is encoded and decoded, as if it came from another process. `in_this_process` trusts
    its arguments.
    """

    def call(*arguments: Any) -> Watched:
        functions = list[Program]()
        try:
            result = watched(program, *arguments)
            value = decode(encode(result.value, functions), functions.__getitem__)
            return result._replace(value=value)
        except Fault:
            raise
        except (Exception, SystemExit) as error:
            raise _fault(program, error) from error

    return call


def unwatched(program: Program) -> Call:
    """Return a fast `Call` of a function of this process, which looks for no side effects.

    The function receives the arguments themselves, and no copies. `unwatched` trusts its arguments.
    """

    def call(*arguments: Any) -> Watched:
        try:
            return Watched(value=program(*arguments), changed=False, used_global=False)
        except Fault:
            raise
        except (Exception, SystemExit) as error:
            raise _fault(program, error) from error

    return call


def _fault(program: Program, error: BaseException) -> Fault:
    code = getattr(program, "__code__", None)
    kind, text, line = described(error, code.co_filename if code else "")
    return fault_of(kind, text, line)


def _verdict(question: Question, program: Program, seed: int) -> Verdict:
    """Grade a function of this process. Its standard error goes to standard output."""
    instance("question", question, Question)
    call = in_this_process(function("program", program))
    rng = np.random.default_rng(whole("seed", seed, 0, np.inf))
    with contextlib.redirect_stderr(sys.stdout):
        return question.grade(call, rng)


def check(question: Question, program: Program, *, seed: int = 0, points: float = 1.0) -> float:
    """Grade a function in a notebook: return the points as a Python float, or raise CheckFailed.

    `check` works in the cells and tests of nbgrader and otter-grader, because CheckFailed is an
    AssertionError and the result is not a number of NumPy. The standard error of the student's
    function, such as a warning, goes to standard output. The reason is that nbgrader gives no
    points to a cell that writes on standard error. TypeError or ValueError for wrong arguments.

    >>> from metarl_min.teach.exact_meta_gradients import meta_gradient
    >>> check(meta_gradient(num_steps=1), lambda *arguments: arguments[0])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    metarl_min.teach.questions.CheckFailed: meta_gradient is right in 0 of 4 cases. ...
    """
    points, verdict = real("points", points, 0), _verdict(question, program, seed)
    if verdict.score < 1:
        raise CheckFailed(verdict)
    return points


def earned(
    question: Question,
    program: Program,
    *,
    seed: int = 0,
    points: float = 1.0,
    partial: Mapping[str, float] | None = None,
) -> float:
    """Grade a function in a cell of nbgrader: print the verdict, and return the points.

    A wrong answer can earn a part of the points: a share that the question itself gives, or a share
    that `partial` gives to a named mistake. Other graders accept every cell that raises no error,
    so they need `check`. TypeError or ValueError for wrong arguments.

    >>> from metarl_min.teach.exact_meta_gradients import meta_gradient
    >>> question = meta_gradient(num_steps=1)
    >>> earned(question, lambda *arguments: arguments[0] * 0)  # doctest: +ELLIPSIS
    meta_gradient is right in 0 of 4 cases. ...
    0.0
    """
    points, verdict = real("points", points, 0), _verdict(question, program, seed)
    shares = dict(instance("partial", partial or {}, Mapping))
    for name, share in shares.items():
        require_name("a key of partial", name, question.mistakes)
        real(f"partial[{name!r}]", share, 0, 0.99)
    print(verdict.text)
    return float(points * max(verdict.score, shares.get(verdict.mistake, 0.0)))
