"""The manifest of an assignment: `assignment.json`.

The manifest fixes the tests and their points before anything runs. A test that cannot run has 0 of
its points, so all submissions have the same largest total. An example:

    {"id": "hw5", "title": "The meta-gradient", "file": "hw5.py",
     "forbidden": ["autograd"], "seconds": 20, "megabytes": 400,
     "tests": [{"id": "5.1", "question": "meta_gradient", "arguments": {"num_steps": 1},
                "points": 6, "visibility": "visible", "partial": {"first order": 0.4}}]}

Each key may occur once. The file must not have the name of a module that it could import.
`forbidden` lists modules; `metarl_min` is always forbidden. `requires` lists the packages besides
NumPy and autograd that the students' programs need, such as "hypothesis". `seconds` is the
processor time for one test, and `megabytes` is the memory beyond the memory of Python and NumPy.
`partial` gives a share of the points to a named mistake. The students' manifest has no `partial`,
because the names of mistakes are hints at the solution. A test that is visible uses a public seed.
All other tests use the secret seed of the instructor.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

from metarl_min.basics.arguments import real, require, whole
from metarl_min.basics.files import as_path
from metarl_min.basics.words import require_name
from metarl_min.teach.questions import Question
from metarl_min.teach.registry import QUESTIONS
from metarl_min.teach.submissions import Limits

FILE = "assignment.json"
VISIBILITIES = ("visible", "hidden", "after_due_date", "after_published")
KEYS = {"id", "title", "file", "forbidden", "seconds", "megabytes", "requires", "tests"}
TAKEN = {*sys.stdlib_module_names, "autograd", "hypothesis", "metarl_min", "numpy"}
TEST_KEYS = {"id", "question", "arguments", "points", "visibility", "partial"}


class AssignmentTest(NamedTuple):
    """One test of an assignment."""

    id: str
    question: Question
    points: int
    visibility: str
    partial: dict[str, float]  # name of a mistake -> share of the points


class Assignment(NamedTuple):
    """The content of a manifest."""

    id: str
    title: str
    file: str  # the name of the student's file
    limits: Limits
    tests: tuple[AssignmentTest, ...]
    requires: tuple[str, ...] = ()  # packages besides NumPy and autograd


def _text(name: str, value: Any, pattern: str = r"\S.*") -> str:
    fits = isinstance(value, str) and re.fullmatch(pattern, value) is not None
    require(fits, f"{name} must be a text of the form {pattern}", repr(value))
    return str(value)


def _entries(name: str, value: Any, allowed: set[str], needed: set[str]) -> dict[str, Any]:
    """Return an object of the manifest; ValueError for unknown and for missing keys."""
    require(isinstance(value, dict), f"{name} must be an object", repr(value))
    for key in value:
        require_name(f"a key of {name}", key, allowed)
    missing = sorted(needed - set(value))
    require(not missing, f"{name} must have the keys {sorted(needed)}", f"none of {missing}")
    return dict(value)


def _question(name: str, word: Any, arguments: Any) -> Question:
    require_name(f"{name}.question", str(word), QUESTIONS)
    require(isinstance(arguments, dict), f"{name}.arguments must be an object", repr(arguments))
    try:
        return QUESTIONS[word](**arguments)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}.arguments must fit {word}, got {error}") from error


def _partial(name: str, value: Any, question: Question) -> dict[str, float]:
    require(isinstance(value, dict), f"{name} must be an object", repr(value))
    for mistake in value:
        require_name(f"a key of {name}", mistake, question.mistakes)
    return {key: real(f"{name}[{key!r}]", share, 0, 0.99) for key, share in value.items()}


def _test(number: int, value: Any) -> AssignmentTest:
    name = f"tests[{number}]"
    given = _entries(name, value, TEST_KEYS, TEST_KEYS - {"arguments", "partial"})
    question = _question(name, given["question"], given.get("arguments", {}))
    require_name(f"{name}.visibility", str(given["visibility"]), VISIBILITIES)
    return AssignmentTest(
        id=_text(f"{name}.id", given["id"], r"[\w.-]{1,40}"),
        question=question,
        points=whole(f"{name}.points", given["points"], 1, 1000),
        visibility=given["visibility"],
        partial=_partial(f"{name}.partial", given.get("partial", {}), question),
    )


def _names(name: str, value: Any, pattern: str) -> list[str]:
    require(isinstance(value, list), f"{name} must be a list", repr(value))
    return [_text(f"a name in {name}", word, pattern) for word in value]


def _limits(given: dict[str, Any]) -> Limits:
    names = _names("forbidden", given.get("forbidden", []), r"\w+(\.\w+)*")
    return Limits(
        seconds=real("seconds", given.get("seconds", 20), 0.1, 3600),
        megabytes=whole("megabytes", given.get("megabytes", 400), 16, 2**20),
        forbidden=tuple(dict.fromkeys([*names, "metarl_min"])),
    )


def parse(content: Any) -> Assignment:
    """Return the assignment from the content of a manifest.

    The content may be any value. TypeError or ValueError if it is wrong.
    """
    given = _entries("the manifest", content, KEYS, {"id", "title", "file", "tests"})
    listed = given["tests"]
    require(
        isinstance(listed, list) and listed != [], "tests must be a list of tests", repr(listed)
    )
    tests = tuple(_test(number, value) for number, value in enumerate(listed))
    ids = [test.id for test in tests]
    require(len(set(ids)) == len(ids), "each test must have an id of its own", ids)
    file = _text("file", given["file"], r"[A-Za-z_]\w*\.py")
    require(file[:-3] not in TAKEN, "file must not be named like a known module", file)
    return Assignment(
        id=_text("id", given["id"], r"[\w-]{1,40}"),
        title=_text("title", given["title"]),
        file=file,
        limits=_limits(given),
        tests=tests,
        requires=tuple(_names("requires", given.get("requires", []), r"[A-Za-z][\w.-]{0,60}")),
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of a manifest; ValueError if it has a key twice."""
    keys = [key for key, _ in pairs]
    require(len(set(keys)) == len(keys), "each key of an object must stand once", keys)
    return dict(pairs)


def read(folder: str | Path) -> Assignment:
    """Return the assignment in a folder. ValueError if it has no manifest, or a wrong one."""
    path = as_path("folder", folder) / FILE
    require(path.is_file(), f"an assignment must be a folder with {FILE}", folder)
    try:
        return parse(json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_once))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def for_students(folder: str | Path) -> str:
    """Return the manifest in a folder without the shares of named mistakes.

    It trusts its arguments, because `read` has checked them.
    """
    content = json.loads((Path(folder) / FILE).read_text(encoding="utf-8"))
    for test in content["tests"]:
        test.pop("partial", None)
    return json.dumps(content, indent=2) + "\n"
