"""The check of an assignment by its instructor.

`verify` grades the solution, the student's version, every file in the folder `right`, and every
mistake of the questions. It returns one sentence for each fault of the assignment. It is slow work.
An instructor does it once, before the assignment goes to the students.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from metarl_min.teach import grading, manifests
from metarl_min.teach.faults import Fault
from metarl_min.teach.grading import Grade, total
from metarl_min.teach.manifests import Assignment, AssignmentTest
from metarl_min.teach.questions import in_this_process, unwatched
from metarl_min.teach.source_checks import check_source
from metarl_min.teach.stripping import marked, strip
from metarl_min.teach.submissions import running

SECONDS = 20.0  # of processor time that grading a submission may take
SEED = 20_261_201  # stands for the secret seed
FEWEST_RIGHT = 1  # other right solutions; they show that the grader is not too strict


def _points(grade: Grade) -> str:
    points, most = total(grade.results)
    lost = [f"{x.test.id}: {x.verdict.text}" for x in grade.results if x.points < x.test.points]
    return "; ".join([f"{points:g} of {most} points", *lost])


def _is_full(grade: Grade) -> bool:
    points, most = total(grade.results)
    return points == most


def _same(one: Grade, other: Grade) -> bool:
    pairs = zip(one.results, other.results, strict=True)
    return all(a.points == b.points and a.verdict == b.verdict for a, b in pairs)


def _processor_seconds() -> float:
    """Return the processor time of this process and of the processes that it has waited for."""
    return sum(os.times()[:4])


def _of_solution(assignment: Assignment, master: str) -> Iterator[str]:
    source = master.encode()
    start = _processor_seconds()
    one, other = (grading.grade(assignment, source, SEED) for _ in range(2))
    seconds = (_processor_seconds() - start) / 2
    if not _is_full(one):
        yield f"the solution must have all points, got {_points(one)}"
    if not _same(one, other):
        yield "the solution must have the same verdicts twice"
    if seconds > SECONDS:
        yield f"grading must take at most {SECONDS:g} s of processor time, got {seconds:.1f}"


def _grade_in_one_process(assignment: Assignment, source: bytes) -> Grade:
    """Grade a program in one process, because a new process takes longer than most tests."""
    limits = assignment.limits
    limits = limits._replace(seconds=limits.seconds * len(assignment.tests))
    try:
        check_source(source, assignment.file, limits.forbidden)
    except Fault as fault:
        return grading.not_graded(assignment, fault)
    with running(source, assignment.file, limits) as student:
        results = tuple(grading.result_of(test, student, SEED) for test in assignment.tests)
        return Grade(assignment=assignment, results=results, output="", seconds=0.0)


def of_stub(assignment: Assignment, master: str) -> Iterator[str]:
    """Yield one sentence for each fault of the student's version, which is called a stub.

    It trusts its arguments. ValueError for wrong markers.
    """
    ids = [test.id for test in assignment.tests]
    for name in marked(master):
        if not any(one == name or one.startswith((f"{name}.", f"{name}-")) for one in ids):
            yield f"the id of a marker must begin the id of a test, got {name}"
    grade = _grade_in_one_process(assignment, strip(master).encode())
    for result in grade.results:
        test, mistake = result.test, result.verdict.mistake
        if mistake == "":
            start = f"{test.id}: the student's version contains the solution of"
            yield f"{start} {test.question.function}: are its markers missing?"
        elif mistake != "not started":
            got = f"{result.points:g} points, {mistake}"
            yield f"{test.id}: the student's version must be 'not started', got {got}"


def of_right(assignment: Assignment, files: list[Path]) -> Iterator[str]:
    """Yield one sentence for each right solution that does not have all points.

    It trusts its arguments.
    """
    if len(files) < FEWEST_RIGHT:
        yield "right/ must hold another right solution, got none"
    for file in files:
        grade = _grade_in_one_process(assignment, file.read_bytes())
        if not _is_full(grade):
            yield f"right/{file.name} must have all points, got {_points(grade)}"


def _of_mistakes(test: AssignmentTest) -> Iterator[str]:
    """Grade each mistake with two seeds. Calls with the first one also look for side effects."""
    for name, mistake in test.question.mistakes.items():
        for seed, called in ((grading.PUBLIC_SEED, in_this_process), (SEED, unwatched)):
            verdict = test.question.grade(called(mistake.program), grading.rng_of(test, seed))
            if verdict.score >= 1 or verdict.mistake != name:
                got = f"score {verdict.score:g} and {verdict.mistake!r}: {verdict.text}"
                yield f"{test.id}: the mistake {name!r} must be found, got {got}"


def verify(folder: str | Path) -> list[str]:
    """Return one sentence for each fault of the assignment in a folder.

    It trusts its arguments. ValueError for a wrong manifest and for wrong markers. OSError if a
    file is missing.
    """
    assignment, folder = manifests.read(folder), Path(folder)
    master = (folder / assignment.file).read_text(encoding="utf-8")
    faults = [
        *_of_solution(assignment, master),
        *of_stub(assignment, master),
        *of_right(assignment, sorted(folder.glob("right/*.py"))),
    ]
    for test in assignment.tests:
        faults += _of_mistakes(test)
    return faults
