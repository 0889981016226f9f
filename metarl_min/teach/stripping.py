"""The student's version of a master.

A master is a Python file with solutions between two kinds of lines:

    ### BEGIN SOLUTION 5.1
    ### END SOLUTION

The student's version has one statement in the place of each solution. It raises a
NotImplementedError with the id of the test. The marker lines are removed. nbgrader knows the same
markers.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from metarl_min.basics.arguments import instance, require, shown

BEGIN = re.compile(r"(\s*)### BEGIN SOLUTION ([\w.-]+)\s*")
END = re.compile(r"\s*### END SOLUTION\s*")
ANY = re.compile(r"#+\s*(BEGIN|END)\s+SOLUTION", re.IGNORECASE)
LONG = 12  # characters of a line; a shorter one may also stand outside the markers


def _solutions(lines: list[str]) -> Iterator[tuple[int, int, str]]:
    """Yield the numbers, from 0, of the two marker lines of each solution, and its replacement."""
    begin = -1
    indent = name = ""
    for i, line in enumerate(lines):
        if match := BEGIN.fullmatch(line):
            rule = (
                f"line {i + 1}: solution {name} of line {begin + 1} must end before the next begins"
            )
            require(begin < 0, rule, line)
            begin, indent, name = i, match[1], match[2]
        elif END.fullmatch(line):
            require(begin >= 0, f"line {i + 1}: a solution must begin before it ends", line)
            end_of_line = "\r" if line.endswith("\r") else ""
            yield begin, i, f'{indent}raise NotImplementedError("{name}"){end_of_line}'
            begin = -1
        else:
            rule = "a marker must be '### BEGIN SOLUTION ID' or '### END SOLUTION'"
            require(not ANY.search(line), f"line {i + 1}: {rule}", line)
    require(begin < 0, f"line {begin + 1}: a solution must end", lines[begin] if lines else "")


def marked(text: str) -> list[str]:
    """Return the ids of the solutions of a master. It trusts its arguments."""
    lines = text.split("\n")
    return [BEGIN.fullmatch(lines[begin])[2] for begin, _, _ in _solutions(lines)]  # type: ignore[index]


def _check_leaks(solution: dict[int, str], kept: list[str]) -> None:
    """Raise a ValueError if a line of a solution stands in the student's version too."""
    lines = {line.strip().lstrip("# ") for line in kept}
    for number, line in solution.items():
        text = line.strip().lstrip("# ")
        leaks = len(text) >= LONG and text in lines
        require(not leaks, f"line {number}: a solution must not stand outside its markers", text)


def strip(text: str) -> str:
    """Return the student's version of a master. A text without markers is returned as it is.

    ValueError, with the number of the line, for markers that are nested or not balanced. ValueError
    also if the result is not Python, or if it still holds a line of a solution.

    >>> master = "def f():\\n    ### BEGIN SOLUTION 1.1\\n    return 2\\n    ### END SOLUTION\\n"
    >>> strip(master)
    'def f():\\n    raise NotImplementedError("1.1")\\n'
    """
    lines = instance("text", text, str).split("\n")
    kept, solution, start = list[str](), dict[int, str](), 0
    for begin, end, statement in _solutions(lines):
        kept += [*lines[start:begin], statement]
        solution |= {i + 1: lines[i] for i in range(begin + 1, end)}
        start = end + 1
    kept += lines[start:]
    _check_leaks(solution, kept)
    student = "\n".join(kept)
    try:
        ast.parse(student)
    except (SyntaxError, ValueError) as error:
        number = (isinstance(error, SyntaxError) and error.lineno) or 1
        got = f"got {shown(student.split(chr(10))[number - 1])}"
        raise ValueError(f"line {number}: the student's version must be Python, {got}") from error
    return student
