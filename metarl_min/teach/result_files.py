"""The results of a submission in the formats of grading services.

Each format is a function from a `Grade` to a JSON object or a text. All numbers are finite, and all
texts are short. The formats are those of Gradescope (`results.json`, Autograder Specifications,
section "Output Format") and of Classroom 50 (schema classroom50/result/v1, which wants whole
numbers). The functions of `result_files` trust their arguments.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from typing import Any

from metarl_min.teach.grading import Grade, Result, total

MOST_CHARACTERS = 16_000  # of one text
WIDTH = 88  # of the lines of the plain form
HUNDREDTHS = 100  # a point of Classroom 50 is so many whole numbers


def _short(text: str) -> str:
    clean = text.encode("utf-8", "replace").decode("utf-8").replace("\\0", " ")
    return clean if len(clean) <= MOST_CHARACTERS else clean[:MOST_CHARACTERS] + " .."


def _said(result: Result) -> str:
    verdict = result.verdict
    return f"{verdict.text}" if verdict.mistake == "" else f"[{verdict.mistake}] {verdict.text}"


def plain(grade: Grade) -> str:
    """Return the results as text: one paragraph for each test, and the total."""
    lines = [f"{grade.assignment.id}: {grade.assignment.title}"]
    for result in grade.results:
        points = f"{result.points:g} of {result.test.points} points"
        lines.append(f"\n{result.test.id} {result.test.question.function}: {points}")
        lines.append(textwrap.indent(textwrap.fill(_said(result), WIDTH), "  "))
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


def classroom50(grade: Grade) -> dict[str, Any]:
    """Return the tests and the score in the form of Classroom 50, which wants whole numbers."""
    tests = [
        {
            "test-name": f"{result.test.id} {result.test.question.function}",
            "passed": result.points == result.test.points,
            "score": round(HUNDREDTHS * result.points),
            "max-score": HUNDREDTHS * result.test.points,
        }
        for result in grade.results
    ]
    _, most = total(grade.results)
    score = sum(round(HUNDREDTHS * result.points) for result in grade.results)
    return {"score": score, "max-score": HUNDREDTHS * most, "tests": tests}


def as_json(content: dict[str, Any]) -> str:
    """Return an object as JSON text. ValueError for a number that is not finite."""
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


FORMATS: dict[str, Callable[[Grade], str]] = {
    "plain": lambda grade: plain(grade) + "\n",
    "gradescope": lambda grade: as_json(gradescope(grade)),
    "classroom50": lambda grade: as_json(classroom50(grade)),
}
