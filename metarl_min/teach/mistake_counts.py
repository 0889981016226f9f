"""Counts of the mistakes of a class.

The results are files in the format of Gradescope, one for each submission, as `grade` writes them.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from metarl_min.basics.arguments import require, sequence
from metarl_min.basics.files import as_path

RIGHT = "right"
Counts = Counter[tuple[str, str]]  # (test, mistake) -> number of submissions


def _tests(path: Path) -> list[tuple[str, str]]:
    """Return the tests of one file of results, and the mistake in each."""
    rule = f"{path} must hold results in the format of Gradescope"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        tests = [(str(x["number"]), str(x["extra_data"]["mistake"])) for x in content["tests"]]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{rule}, got {type(error).__name__}: {error}") from error
    require(tests != [], rule, "no test")
    return tests


def count(paths: Sequence[str | Path]) -> Counts:
    """Return how many submissions have each verdict in each test.

    ValueError if there is no file, if a file is given twice, or if one holds no results; OSError if
    a file cannot be read.
    """
    files = [as_path("a path", path) for path in sequence("paths", paths)]
    require(files != [], "there must be at least one file of results", "none")
    twice = sorted(str(path) for path, n in Counter(map(Path.resolve, files)).items() if n > 1)
    require(not twice, "each file of results must be given once", twice)
    return Counter((test, mistake or RIGHT) for file in files for test, mistake in _tests(file))


def _rows(counts: Counts) -> list[tuple[str, str, int]]:
    """Return the verdicts by test, the most frequent ones first."""
    return [(test, mistake, n) for (test, mistake), n in sorted(
        counts.items(), key=lambda item: (item[0][0], -item[1], item[0][1])
    )]  # fmt: skip


def as_csv(counts: Counts) -> str:
    """Return the counts as a table with the columns test, mistake and submissions.

    It trusts its arguments.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [("test", "mistake", "submissions"), *_rows(counts)]
    )
    return text.getvalue()


def as_histogram(counts: Counts) -> str:
    """Return the counts as text, with a bar for each mistake. It trusts its arguments."""
    lines, last = list[str](), ""
    width = max(len(mistake) for _, mistake in counts)
    most = max(counts.values())
    for test, mistake, number in _rows(counts):
        if test != last:
            lines.append(f"{test}")
        bar = "#" * max(1, round(30 * number / most))
        lines.append(f"  {mistake:<{width}}  {number:>4}  {bar}")
        last = test
    return "\n".join(lines) + "\n"
