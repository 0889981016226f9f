"""The eight assignments are sound, and the page for instructors does what it says."""

import doctest
import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from submissions_here import grade_here

from metarl_min.gradients import libraries
from metarl_min.teach import commands, manifests, verification
from metarl_min.teach.stripping import strip

ROOT = Path(__file__).parent.parent
COURSE = ROOT / "examples" / "coursework"
PAGE = (COURSE / "README.md").read_text(encoding="utf-8")
ASSIGNMENTS = sorted(path.parent for path in COURSE.glob("*/assignment.json"))
POINTS = {"hw1": 8, "hw2": 8, "hw3": 14, "hw4": 12, "hw5": 18, "hw6": 16, "hw7": 14, "hw8": 10}


each = pytest.mark.parametrize("folder", ASSIGNMENTS, ids=lambda folder: folder.name)


@cache
def assignment_in(folder):
    """An assignment, read once: its questions remember their cases."""
    return manifests.read(folder)


@each
def test_the_solution_has_all_points(folder):
    """In a process of its own, with all limits of a submission."""
    assignment = assignment_in(folder)
    assert list(verification.of_right(assignment, [folder / assignment.file])) == []


@each
def test_other_right_solutions_have_all_points_and_the_students_version_has_none(
    folder, monkeypatch
):
    """The tests with Hypothesis are slow, so only two files of these assignments are graded here.

    `verify` grades them all.
    """
    grade_here(monkeypatch)
    assignment, files = assignment_in(folder), sorted(folder.glob("right/*.py"))
    assert len(files) >= 4
    assert list(verification.of_right(assignment, files[: 2 if assignment.requires else 4])) == []
    master = (folder / assignment.file).read_text(encoding="utf-8")
    assert list(verification.of_stub(assignment, master)) == []


@each
def test_the_students_version_holds_no_line_of_a_solution(folder):
    """Except for lines that are too short to tell anything, such as `return total`."""
    master = (folder / assignment_in(folder).file).read_text(encoding="utf-8")
    solutions = re.findall(r"### BEGIN SOLUTION.*?\n(.*?)### END SOLUTION", master, re.S)
    lines = {line.strip() for text in solutions for line in text.splitlines()}
    kept = {line.strip() for line in strip(master).splitlines()}
    assert {line for line in lines & kept if len(line) > 12} == set()


def test_the_page_lists_the_assignments():
    rows = re.findall(r"^\| (hw\d) (.*?) \| (\d+) \|", PAGE, re.M)
    found = {folder.name: assignment_in(folder) for folder in ASSIGNMENTS}
    totals = {name: sum(test.points for test in one.tests) for name, one in found.items()}
    assert totals == POINTS == {name: int(points) for name, _, points in rows}
    assert {name: title for name, title, _ in rows} == {n: one.title for n, one in found.items()}


def test_the_page_shows_what_a_loose_tolerance_accepts(capsys):
    block = re.search(r"<!-- tolerances -->\n```\n(.*?)```", PAGE, re.S).group(1)
    spec = importlib.util.spec_from_file_location("tolerances", COURSE / "tolerances.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main()
    assert capsys.readouterr().out == block
    assert any("HW11 answer sheet" in one.name for one in libraries.all_libraries())


def words_of(command, tmp_path):
    """The words of a command. A bundle takes its wheels from a folder."""
    words = shlex.split(command)
    if "bundle" in words:
        wheels = tmp_path / "wheels"
        wheels.mkdir(exist_ok=True)
        for name in ("numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64", "autograd-1.9.1-py3-none-any",
                     "metarl_min-0.1.0-py3-none-any"):  # fmt: skip
            (wheels / f"{name}.whl").write_bytes(b"a wheel")
        words += ["--wheels", str(wheels)]
    return words


def test_ten_minutes_of_an_instructor(tmp_path, monkeypatch, capsys):
    """Every command of the page, in the order of the page; `verify` of one assignment too.

    The commands run in this process, and the submissions in processes of their own. One of the
    other right solutions is enough for `verify`, because the test above grades them all.
    """
    shutil.copytree(COURSE, tmp_path / "examples" / "coursework")
    for file in sorted(tmp_path.glob("examples/coursework/hw5/right/*.py"))[1:]:
        file.unlink()
    monkeypatch.chdir(tmp_path)
    printed = []
    for command in re.findall(r"^\$ (.*)$", PAGE, re.M)[1:]:  # the first installs the library
        python, option, name, *words = words_of(command, tmp_path)
        assert python == ".venv/bin/python"
        if option == "-c":
            subprocess.run([sys.executable, "-c", name], check=True)
        else:
            assert (option, name) == ("-m", "metarl_min.teach")
            assert commands.main(words) == (1 if "check" in words else 0), words
        printed.append(capsys.readouterr().out)
    assert "right" in printed[1] and printed[3].strip().endswith("Total: 5 of 18 points")
    mistakes = (tmp_path / "dist" / "mistakes.csv").read_text().splitlines()
    assert mistakes[0] == "test,mistake,submissions" and any("first order" in x for x in mistakes)
    result = json.loads((tmp_path / "dist" / "ann.json").read_text())
    assert sum(test["score"] for test in result["tests"]) == pytest.approx(10.2, abs=1e-9)


def test_the_cell_of_the_page_runs():
    test = doctest.DocTestParser().get_doctest(PAGE, {}, "README.md", "README.md", 0)
    assert doctest.DocTestRunner().run(test).failed == 0
