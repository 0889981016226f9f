"""The eight assignments are sound, and the page for instructors does what it says."""

import doctest
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from metarl_min.gradients import libraries
from metarl_min.teach import grading, manifests, verification
from metarl_min.teach.stripping import strip

ROOT = Path(__file__).parent.parent
COURSE = ROOT / "examples" / "coursework"
PAGE = (COURSE / "README.md").read_text(encoding="utf-8")
ASSIGNMENTS = sorted(path.parent for path in COURSE.glob("*/assignment.json"))
POINTS = {"hw1": 8, "hw2": 8, "hw3": 14, "hw4": 12, "hw5": 18, "hw6": 16, "hw7": 14, "hw8": 10}


each = pytest.mark.parametrize("folder", ASSIGNMENTS, ids=lambda folder: folder.name)


@each
def test_other_right_solutions_have_all_points(folder):
    """The tests with Hypothesis are slow, so only two files of these assignments are graded here.

    `verify` grades them all.
    """
    assignment, files = manifests.read(folder), sorted(folder.glob("right/*.py"))
    assert len(files) >= 4
    assert list(verification.of_right(assignment, files[: 2 if assignment.requires else 4])) == []


@each
def test_the_solution_has_all_points_and_the_students_version_has_none(folder):
    assignment = manifests.read(folder)
    master = (folder / assignment.file).read_text(encoding="utf-8")
    grade = grading.grade(assignment, master.encode(), verification.SEED)
    assert [(x.test.id, x.verdict.text) for x in grade.results if x.points < x.test.points] == []
    assert list(verification.of_stub(assignment, master)) == []


@each
def test_the_students_version_holds_no_line_of_a_solution(folder):
    """Except for lines that are too short to tell anything, such as `return total`."""
    master = (folder / manifests.read(folder).file).read_text(encoding="utf-8")
    solutions = re.findall(r"### BEGIN SOLUTION.*?\n(.*?)### END SOLUTION", master, re.S)
    lines = {line.strip() for text in solutions for line in text.splitlines()}
    kept = {line.strip() for line in strip(master).splitlines()}
    assert {line for line in lines & kept if len(line) > 12} == set()


def test_the_page_lists_the_assignments():
    rows = re.findall(r"^\| (hw\d) (.*?) \| (\d+) \|", PAGE, re.M)
    found = {folder.name: manifests.read(folder) for folder in ASSIGNMENTS}
    totals = {name: sum(test.points for test in one.tests) for name, one in found.items()}
    assert totals == POINTS == {name: int(points) for name, _, points in rows}
    assert {name: title for name, title, _ in rows} == {n: one.title for n, one in found.items()}


def test_the_page_shows_what_a_loose_tolerance_accepts():
    block = re.search(r"<!-- tolerances -->\n```\n(.*?)```", PAGE, re.S).group(1)
    done = subprocess.run(
        [sys.executable, COURSE / "tolerances.py"], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout == block
    assert any("HW11 answer sheet" in one.name for one in libraries.all_libraries())


def commands():
    """The commands of the page, without the first one, which installs the library."""
    return re.findall(r"^\$ (.*)$", PAGE, re.M)[1:]


def words_of(command, tmp_path):
    """The words of a command in this environment. A bundle takes its wheels from a folder."""
    words = shlex.split(command.replace(".venv/bin/python", sys.executable))
    if "bundle" in words:
        wheels = tmp_path / "wheels"
        wheels.mkdir(exist_ok=True)
        for name in ("numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64", "autograd-1.9.1-py3-none-any",
                     "metarl_min-0.1.0-py3-none-any"):  # fmt: skip
            (wheels / f"{name}.whl").write_bytes(b"a wheel")
        words += ["--wheels", str(wheels)]
    return words


def test_ten_minutes_of_an_instructor(tmp_path):
    """Every command of the page, in the order of the page; `verify` of one assignment too."""
    shutil.copytree(COURSE, tmp_path / "examples" / "coursework")
    printed = []
    for command in commands():
        words = words_of(command, tmp_path)
        done = subprocess.run(
            words, cwd=tmp_path, capture_output=True, text=True, timeout=300,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode == (1 if "check" in words else 0), (words, done.stderr)
        printed.append(done.stdout)
    assert "right" in printed[1] and printed[3].strip().endswith("Total: 5 of 18 points")
    mistakes = (tmp_path / "dist" / "mistakes.csv").read_text().splitlines()
    assert mistakes[0] == "test,mistake,submissions" and any("first order" in x for x in mistakes)
    result = json.loads((tmp_path / "dist" / "ann.json").read_text())
    assert sum(test["score"] for test in result["tests"]) == pytest.approx(10.2, abs=1e-9)


def test_the_cell_of_the_page_runs():
    test = doctest.DocTestParser().get_doctest(PAGE, {}, "README.md", "README.md", 0)
    assert doctest.DocTestRunner().run(test).failed == 0
