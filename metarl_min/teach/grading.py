"""Grading of a submission: one verdict for each test of the manifest.

Every test runs in a process of its own. So an endless loop in one part costs the points of this
part alone. A submission that cannot run at all has the same verdict in every test.
"""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from metarl_min.basics.arguments import require
from metarl_min.basics.files import as_path
from metarl_min.basics.trees import Rng
from metarl_min.teach.faults import Fault
from metarl_min.teach.manifests import Assignment, AssignmentTest
from metarl_min.teach.questions import Verdict
from metarl_min.teach.source_checks import check_source
from metarl_min.teach.submissions import Student, running

PUBLIC_SEED = 0


class Result(NamedTuple):
    """The verdict of one test, and its points."""

    test: AssignmentTest
    verdict: Verdict
    points: float  # from 0 to test.points


class Grade(NamedTuple):
    """The results of all tests of a submission."""

    assignment: Assignment
    results: tuple[Result, ...]
    output: str  # the beginning of the output of the first visible test that prints
    seconds: float


def read_seed(path: str | Path) -> int:
    """Return the seed that is computed from the content of a file. The content may be any text.

    TypeError unless `path` is a path, OSError if the file cannot be read, ValueError if it is
    empty.
    """
    content = as_path("path", path).read_bytes().strip()
    require(content != b"", "the seed file must not be empty", path)
    return int.from_bytes(hashlib.sha256(content).digest(), "big")


def rng_of(test: AssignmentTest, seed: int) -> Rng:
    """Return the generator with which the cases of a test are drawn. It trusts its arguments."""
    return np.random.default_rng([seed, zlib.crc32(test.id.encode())])


def _verdict(test: AssignmentTest, student: Student, seed: int) -> Verdict:
    rng = rng_of(test, PUBLIC_SEED if test.visibility == "visible" else seed)
    try:
        return test.question.grade(partial(student.call, test.question.function), rng)
    except Fault as fault:
        return verdict_of(fault)


def verdict_of(fault: Fault) -> Verdict:
    """Return the verdict on a submission that cannot be graded. It trusts its arguments."""
    return Verdict(score=0.0, mistake=fault.kind, text=str(fault))


def result_of(test: AssignmentTest, student: Student, seed: int) -> Result:
    """Return the result of one test. `seed` is used if the test is not visible.

    It trusts its arguments.
    """
    return _result(test, _verdict(test, student, seed))


def _result(test: AssignmentTest, verdict: Verdict) -> Result:
    share = max(verdict.score, test.partial.get(verdict.mistake, 0.0))
    return Result(test=test, verdict=verdict, points=float(share * test.points))


def not_graded(assignment: Assignment, fault: Fault) -> Grade:
    """Return the grade of a submission that does not run: 0 points for every test.

    It trusts its arguments.
    """
    results = tuple(_result(test, verdict_of(fault)) for test in assignment.tests)
    return Grade(assignment=assignment, results=results, output="", seconds=0.0)


def grade(assignment: Assignment, source: bytes, seed: int) -> Grade:
    """Grade the source of a submission. `seed` is for the tests that are not visible.

    It trusts its arguments.
    """
    start, limits, results, output = time.perf_counter(), assignment.limits, list[Result](), ""
    try:
        check_source(source, assignment.file, limits.forbidden)
    except Fault as fault:
        return not_graded(assignment, fault)
    for test in assignment.tests:
        with running(source, assignment.file, limits) as student:
            results.append(result_of(test, student, seed))
        if test.visibility == "visible":  # other outputs could show inputs of hidden tests
            output = output or student.output()
        if student.failure:
            return not_graded(assignment, student.failure)._replace(output=output)
    return Grade(assignment, tuple(results), output, time.perf_counter() - start)


def total(results: Sequence[Result]) -> tuple[float, int]:
    """Return the sum of the points, and the largest possible sum. It trusts its arguments."""
    return sum(result.points for result in results), sum(result.test.points for result in results)
