"""The results of a submission in the formats of grading services.

Each format is a function from a `Grade` to a JSON object or a text. All numbers are finite. Long
texts are cut. The formats are those of Gradescope (`results.json`, Autograder Specifications,
section "Output Format") and of Classroom 50 (`result.json`, Advanced Autograding, section "The
result.json contract"). Classroom 50 accepts only whole numbers, so one point is written as 100. It
shows every student the points of all tests, so `result.json` contains texts for the visible tests
only.

The functions of `result_files` trust their arguments.
"""

from __future__ import annotations

import datetime
import json
import os
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from metarl_min.basics.arguments import require
from metarl_min.teach.grading import Grade, Result, total
from metarl_min.teach.written_tests import SURVIVOR

MOST_CHARACTERS = 16_000  # of one text
WIDTH = 88  # of the lines of the plain form
HUNDREDTHS = 100  # in one point; Classroom 50 counts in hundredths
SERVICE = {  # field of Classroom 50 -> the variables that hold it, best first
    "classroom": ("CLASSROOM",),
    "assignment": ("ASSIGNMENT",),
    "assignment_type": ("ASSIGNMENT_TYPE",),
    "owner": ("OWNER", "USERNAME"),
    "submission": ("SUBMISSION_TAG",),
    "commit": ("COMMIT_URL",),
    "release": ("RELEASE_URL",),
    "review": ("REVIEW_URL", "COMMIT_URL"),
}


def _short(text: str) -> str:
    clean = text.encode("utf-8", "replace").decode("utf-8").replace("\0", " ")
    return clean if len(clean) <= MOST_CHARACTERS else clean[:MOST_CHARACTERS] + " .."


def _said(result: Result) -> str:
    verdict = result.verdict
    return f"{verdict.text}" if verdict.mistake == "" else f"[{verdict.mistake}] {verdict.text}"


def _notes(grade: Grade) -> list[str]:
    """Return notes about further reading, and about points that the instructor may add."""
    verdicts, notes = [result.verdict for result in grade.results], list[str]()
    modules = sorted({one.equation.split()[0] for one in verdicts if one.equation})
    if modules:
        command = "`python -m metarl_min equations MODULE` shows the equations of a module"
        notes.append(f"{command}, here of {' and '.join(modules)}.")
    if any(one.page for one in verdicts):
        notes.append("The pages are files in the repository of metarl_min.")
    wrong = [x for x in grade.results if x.points == 0]
    named = [x.verdict.mistake for x in wrong if x.verdict.mistake in x.test.question.mistakes]
    if any(not name.startswith(SURVIVOR) for name in named):  # a weak test earns its share anyway
        text = "Your instructor may give a part of the points for a mistake that has a name."
        notes.append(text)
    return notes


def plain(grade: Grade) -> str:
    """Return the results as text: one paragraph for each test, and the total."""
    lines, said = [f"{grade.assignment.id}: {grade.assignment.title}"], dict[str, str]()
    for result in grade.results:
        points = f"{result.points:g} of {result.test.points} points"
        lines.append(f"\n{result.test.id} {result.test.question.function}: {points}")
        text, verdict = _said(result), result.verdict
        if verdict.mistake and text in said:
            text = f"[{verdict.mistake}] This is the same mistake as in {said[text]}."
        said.setdefault(text, result.test.id)
        lines.append(textwrap.indent(textwrap.fill(text, WIDTH), "  "))
    lines += [f"\n{textwrap.fill(note, WIDTH)}" for note in _notes(grade)]
    total_points, most = total(grade.results)
    lines.append(f"\nTotal: {total_points:g} of {most} points")
    if grade.output:
        lines.append(f"\nYour program printed:\n{_short(grade.output)}")
    return "\n".join(map(_short, lines))


def gradescope(grade: Grade) -> dict[str, Any]:
    """Return the results in the form of Gradescope's results.json."""
    tests = [
        {
            "number": result.test.id,
            "name": f"{result.test.id} {result.test.question.function}",
            "score": float(result.points),
            "max_score": float(result.test.points),
            "status": "passed" if result.points == result.test.points else "failed",
            "output": _short(_said(result)),
            "output_format": "text",
            "visibility": result.test.visibility,
            "extra_data": {"mistake": result.verdict.mistake},
        }
        for result in grade.results
    ]
    return {
        "execution_time": round(grade.seconds, 3),
        "output": _short(grade.output),
        "output_format": "text",
        "stdout_visibility": "hidden",
        "tests": tests,
        "extra_data": {"assignment": grade.assignment.id},
    }


def submission_of(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the fields that identify a submission, from the variables that Classroom 50 sets.

    ValueError if one is missing.
    """
    found = {field: [variables[x] for x in names if variables.get(x)] for field, names in
             SERVICE.items()}  # fmt: skip
    missing = [SERVICE[field][0] for field, values in found.items() if not values]
    rule = f"classroom50 needs the variables {', '.join(names[0] for names in SERVICE.values())}"
    require(not missing, rule, f"no {', '.join(missing)}")
    return {field: values[0] for field, values in found.items()}


def _classroom50_test(result: Result) -> dict[str, Any]:
    test = {
        "test-name": f"{result.test.id} {result.test.question.function}",
        "passed": result.points == result.test.points,
        "score": round(HUNDREDTHS * result.points),
        "max-score": HUNDREDTHS * result.test.points,
    }
    shown = result.test.visibility == "visible"
    return {**test, "output": _short(_said(result))} if shown else test


def classroom50(grade: Grade, submission: Mapping[str, str]) -> dict[str, Any]:
    """Return the results in the form of Classroom 50's result.json."""
    tests = [_classroom50_test(result) for result in grade.results]
    now = datetime.datetime.now(datetime.timezone.utc)
    return {
        "schema": "classroom50/result/v1",
        **submission,
        "datetime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "score": sum(test["score"] for test in tests),
        "max-score": sum(test["max-score"] for test in tests),
        "tests": tests,
    }


def as_json(content: dict[str, Any]) -> str:
    """Return an object as JSON text. ValueError for a number that is not finite."""
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


FORMATS: dict[str, Callable[[Grade], str]] = {
    "plain": lambda grade: plain(grade) + "\n",
    "gradescope": lambda grade: as_json(gradescope(grade)),
    "classroom50": lambda grade: as_json(classroom50(grade, submission_of(os.environ))),
}
