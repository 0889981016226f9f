"""The commands of coursework: what they print and write, and what they refuse."""

import json
import os
import subprocess
import sys
import zipfile
from functools import cache

import grading_services
import pytest
from submissions_here import grade_here

from metarl_min.teach import commands, grading, manifests
from metarl_min.teach.registry import QUESTIONS

MANIFEST = {
    "id": "hw9",
    "title": "The commands",
    "file": "hw9.py",
    "tests": [
        {"id": "9.1", "question": "meta_gradient", "arguments": {"num_steps": 1}, "points": 2,
         "visibility": "visible", "partial": {"first order": 0.5}},
        {"id": "9.2", "question": "meta_gradient", "points": 3, "visibility": "hidden"},
    ],
}  # fmt: skip
SOLUTION = """
import numpy as np
def meta_gradient(theta, tasks, alpha, num_steps):
    ### BEGIN SOLUTION 9
    total = 0
    for rewards in tasks:
        x, factors = theta, []
        for _ in range(num_steps + 1):
            p = np.exp(x - x.max()) / np.exp(x - x.max()).sum()
            g = p * (rewards - p @ rewards)
            factors.append(np.eye(len(x)) + alpha * (np.diag(g) - np.outer(p, g) - np.outer(g, p)))
            x = x + alpha * g
        for factor in reversed(factors[:-1]):
            g = factor @ g
        total = total + g
    return total / len(tasks)
    ### END SOLUTION
"""
STUB = """
import numpy as np
def meta_gradient(theta, tasks, alpha, num_steps):
    raise NotImplementedError("9")
"""
REMEMBERED = cache(QUESTIONS["meta_gradient"])
WHEELS = ("numpy-2.4.6-cp312-cp312-manylinux_2_28_x86_64.whl", "autograd-1.9.1-py3-none-any.whl")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working directory with an assignment, submissions, wheels, and what is wrong.

    All tests ask the same questions, which remember their cases. Submissions are graded in this
    process: `test_submissions.py` tests the processes.
    """
    monkeypatch.chdir(tmp_path)
    grade_here(monkeypatch)
    monkeypatch.setattr(manifests, "QUESTIONS", QUESTIONS | {"meta_gradient": REMEMBERED})
    for name in ("course/hw9", "submissions", "wheels", "empty", "broken", "unbalanced"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("course/hw9", "unbalanced"):
        (tmp_path / name / manifests.FILE).write_text(json.dumps(MANIFEST))
    (tmp_path / "course/hw9/hw9.py").write_text(SOLUTION)
    (tmp_path / "unbalanced/hw9.py").write_text(SOLUTION.replace("### END SOLUTION", ""))
    (tmp_path / "broken" / manifests.FILE).write_text('{"id": 1}')
    (tmp_path / "right.py").write_text(SOLUTION)
    (tmp_path / "stub.py").write_text(STUB)
    (tmp_path / "seed.txt").write_text("secret")
    (tmp_path / "blank.txt").write_text(" \n")
    (tmp_path / "noise.json").write_text('{"tests": 1}')
    for name in WHEELS:
        (tmp_path / "wheels" / name).write_bytes(b"wheel")
    return tmp_path


def run(capsys, *words):
    """Return the exit status and what was printed."""
    status = commands.main(list(words))
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def refused(capsys, *words):
    """Return the one line with which words are refused."""
    status, out, err = run(capsys, *words)
    assert (status, out) == (2, ""), (status, out, err)
    (line,) = err.splitlines()
    assert line.startswith("metarl_min")
    return line


GRADE = ("grade", "right.py", "--assignment", "course/hw9")
BUNDLE = ("bundle", "course/hw9", "--wheels", "wheels")
GRADESCOPE = (*BUNDLE, "--target", "gradescope", "-o", "a.zip")
WRONG = [
    (),
    ("",),
    ("grades",),
    ("--json",),
    ("list", "nowhere"),
    ("list", "empty"),
    ("list", "right.py"),
    ("list", ""),
    ("list", "course", "more"),
    ("list", "course/hw9"),
    ("list", "--out", "x"),
    ("list", "broken/.."),
    ("list", "course", "-o", "x"),
    ("list", "."),
    ("verify",),
    ("verify", "nowhere"),
    ("verify", "empty"),
    ("verify", "broken"),
    ("verify", "right.py"),
    ("verify", "unbalanced"),
    ("verify", ""),
    ("verify", "course"),
    ("verify", "--seed", "1", "course/hw9"),
    ("verify", "-o", "x"),
    ("strip",),
    ("strip", "course/hw9"),
    ("strip", "nowhere", "-o", "x"),
    ("strip", "empty", "-o", "x"),
    ("strip", "broken", "-o", "x"),
    ("strip", "unbalanced", "-o", "x"),
    ("strip", "course/hw9", "-o", "course/hw9"),
    ("strip", "course/hw9", "-o", "course/../course/hw9"),
    ("strip", "course/hw9", "-o", "right.py"),
    ("strip", "course/hw9", "-o"),
    ("strip", "-o", "x"),
    ("check",),
    ("check", "nowhere.py"),
    ("check", "right.py"),
    ("check", "course/hw9"),
    ("check", "right.py", "--assignment", "nowhere"),
    ("check", "right.py", "--assignment", "broken"),
    ("check", "right.py", "--assignment"),
    ("check", "nowhere.py", "--assignment", "course/hw9"),
    ("check", "right.py", "--seed-file", "seed.txt"),
    ("check", "right.py", "stub.py"),
    ("grade",),
    ("grade", "right.py"),
    ("grade", "nowhere.py", "--assignment", "course/hw9"),
    ("grade", "/dev/null/x", "--assignment", "course/hw9"),
    ("grade", "right.py", "--assignment", "empty"),
    ("grade", "right.py", "--assignment", "broken"),
    (*GRADE, "--seed-file", "nowhere.txt"),
    (*GRADE, "--seed-file", "blank.txt"),
    (*GRADE, "--seed-file", "empty"),
    (*GRADE, "--format", "xml"),
    (*GRADE, "--format"),
    (*GRADE, "--out", "nowhere/results.json"),
    (*GRADE, "--out", "empty"),
    (*GRADE, "--seed", "1"),
    (*GRADE, "more"),
    ("bundle",),
    ("bundle", "course/hw9"),
    ("bundle", "course/hw9", "--target", "gradescope"),
    ("bundle", "course/hw9", "-o", "a.zip"),
    ("bundle", "nowhere", "--target", "gradescope", "-o", "a.zip"),
    ("bundle", "broken", "--target", "gradescope", "-o", "a.zip"),
    (*BUNDLE, "--target", "moodle", "-o", "a.zip"),
    (*BUNDLE, "--target", "gradescope", "-o", "right.py"),
    (*BUNDLE, "--target", "classroom50", "-o", "empty"),
    (*BUNDLE, "--target", "gradescope", "-o", "nowhere/a.zip"),
    (*GRADESCOPE, "--seed-file", "nowhere.txt"),
    (*GRADESCOPE, "--seed-file", "blank.txt"),
    (*GRADESCOPE, "--wheels", "empty"),
    (*GRADESCOPE, "--wheels", "nowhere"),
    (*GRADESCOPE, "--wheels", "right.py"),
    ("report",),
    ("report", "nowhere.json"),
    ("report", "noise.json"),
    ("report", "seed.txt"),
    ("report", "empty"),
    ("report", "right.py"),
    ("report", ""),
    ("report", "course/hw9/assignment.json"),
    ("report", "noise.json", "--format", "csv"),
    ("report", "-o", "x.csv"),
    ("report", "noise.json", "-o", "x.csv"),
]


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_wrong_words_end_with_one_line_and_change_nothing(place, capsys, words):
    before = sorted(place.rglob("*"))
    refused(capsys, *words)
    assert sorted(place.rglob("*")) == before


def test_each_command_has_ten_wrong_inputs():
    for name in ("list", "verify", "strip", "check", "grade", "bundle", "report"):
        assert sum(words[:1] == (name,) for words in WRONG) >= 10, name


@pytest.mark.parametrize("words", [("--help",), ("grade", "--help"), ("bundle", "-h")])
def test_help(capsys, words):
    status, out, err = run(capsys, *words)
    assert status == 0 and out.startswith("usage: metarl_min.teach") and err == ""


def test_list(place, capsys):
    status, out, _ = run(capsys, "list", "course")
    assert status == 0 and out == "hw9    5 points  2 tests  The commands\n"


def test_verify_finds_faults(place, capsys):
    status, out, err = run(capsys, "verify", "course/hw9")
    assert (status, err) == (1, "")
    first, *faults = out.splitlines()
    assert first == "course/hw9: wrong"
    assert faults == ["right/ must hold another right solution, got none"]


def test_verify_accepts(place, capsys):
    (place / "course/hw9/right").mkdir()
    for number in range(4):
        (place / f"course/hw9/right/r{number}.py").write_text(SOLUTION)
    assert run(capsys, "verify", "course/hw9") == (0, "course/hw9: right\n", "")


def test_strip_writes_the_stub_and_the_manifest(place, capsys):
    status, out, err = run(capsys, "strip", "course/hw9", "-o", "student/hw9")
    assert (status, err) == (0, "") and "student/hw9/hw9.py" in out
    assert (place / "student/hw9/hw9.py").read_text() == STUB
    manifest = (place / "student/hw9" / manifests.FILE).read_text()
    tests = [{k: v for k, v in test.items() if k != "partial"} for test in MANIFEST["tests"]]
    assert tests[0] != MANIFEST["tests"][0] and json.loads(manifest) == MANIFEST | {"tests": tests}
    assert len(list((place / "student/hw9").iterdir())) == 2


@pytest.mark.parametrize("name", ["hw9.py", manifests.FILE])
def test_strip_refuses_to_overwrite(place, capsys, name):
    (place / "student").mkdir()
    (place / "student" / name).write_text("mine")
    line = refused(capsys, "strip", "course/hw9", "-o", "student")
    assert "-o must not hold an older version" in line and name in line
    assert [x.read_text() for x in (place / "student").iterdir()] == ["mine"]


def test_check_of_a_right_file(place, capsys):
    status, out, err = run(capsys, "check", "right.py", "--assignment", "course/hw9")
    assert (status, err) == (0, "") and "Total: 5 of 5 points" in out


def test_check_of_the_stub_beside_the_manifest(place, capsys):
    run(capsys, "strip", "course/hw9", "-o", "student")
    status, out, err = run(capsys, "check", "student/hw9.py")
    assert (status, err) == (1, "") and "Total: 0 of 5 points" in out and "not started" in out


@pytest.mark.parametrize("name", ["right.py", "submissions"])
def test_grade_takes_a_file_or_a_folder(place, capsys, name):
    (place / "submissions/hw9.py").write_text(SOLUTION)
    status, out, err = run(
        capsys, "grade", name, "--assignment", "course/hw9", "--seed-file", "seed.txt",
        "--format", "gradescope",
    )  # fmt: skip
    assert (status, err) == (0, "")
    results = json.loads(out)
    assert grading_services.gradescope_faults(results) == []
    assert [x["score"] for x in results["tests"]] == [2, 3]


def test_a_wrong_submission_is_no_failure_of_grade(place, capsys):
    status, out, err = run(capsys, "grade", "stub.py", "--assignment", "course/hw9")
    assert status == 0 and "Total: 0 of 5 points" in out
    assert err.startswith("graded with the PUBLIC seed")


def test_a_folder_without_the_file_names_what_it_holds(place, capsys):
    (place / "submissions/answer.py").write_text(SOLUTION)
    (place / "submissions/hw9.py").mkdir()
    status, out, _ = run(capsys, "grade", "submissions", "--assignment", "course/hw9")
    assert status == 0 and "You must submit a file hw9.py." in out
    assert "holds answer.py, hw9.py." in out and "Total: 0 of 5 points" in out


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_in_a_folder_is_not_followed(place, capsys):
    (place / "submissions/hw9.py").symlink_to(place / "right.py")
    status, out, _ = run(capsys, "grade", "submissions", "--assignment", "course/hw9")
    assert status == 0 and "You must submit a file hw9.py." in out


def test_a_huge_submission_is_read_in_part(place, capsys):
    with open(place / "submissions/hw9.py", "wb") as file:
        file.truncate(10**10)  # a file with holes
    status, out, _ = run(capsys, "grade", "submissions", "--assignment", "course/hw9")
    assert status == 0 and "must have at most 200,000 bytes" in " ".join(out.split())


def test_grade_writes_a_file(place, capsys):
    (place / "r.json").write_text("old")
    status, out, _ = run(capsys, *GRADE, "--format", "gradescope", "--out", "r.json")
    assert (status, out) == (0, "")
    assert len(json.loads((place / "r.json").read_text())["tests"]) == 2


def test_grade_for_classroom_50(place, capsys, monkeypatch):
    for name, value in grading_services.CLASSROOM50.items():
        monkeypatch.setitem(os.environ, name, value)
    status, out, _ = run(capsys, *GRADE, "--format", "classroom50")
    result = json.loads(out)
    assert status == 0 and grading_services.classroom50_faults(result) == []
    assert (result["score"], result["max-score"], result["owner"]) == (500, 500, "ann")


def test_results_for_classroom_50_need_its_variables(place, capsys, monkeypatch):
    monkeypatch.delenv("SUBMISSION_TAG", raising=False)
    line = refused(capsys, *GRADE, "--format", "classroom50", "--out", "result.json")
    assert "classroom50 needs the variables CLASSROOM" in line and "SUBMISSION_TAG" in line
    assert not (place / "result.json").exists()


def test_a_failure_of_the_grader_is_told_apart(place, capsys, monkeypatch):
    def fails(*arguments):
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr(grading, "grade", fails)
    status, _, err = run(capsys, *GRADE, "--format", "gradescope", "--out", "r.json")
    assert status == 1
    failure, points, seed = err.splitlines()
    assert failure == "The grader failed, not your program: ZeroDivisionError: two lines"
    assert points == "right.py: 0 of 5 points" and "PUBLIC seed" in seed
    results = json.loads((place / "r.json").read_text())
    assert grading_services.gradescope_faults(results) == []
    assert [x["score"] for x in results["tests"]] == [0, 0]
    assert {x["extra_data"]["mistake"] for x in results["tests"]} == {"infrastructure"}


def test_a_failure_of_another_command_has_status_1(place, capsys, monkeypatch):
    def fails(*arguments):
        raise ZeroDivisionError("text")

    monkeypatch.setattr(commands, "verify", fails)
    status, out, err = run(capsys, "verify", "course/hw9")
    assert (status, out) == (1, "") and err == "metarl_min.teach: ZeroDivisionError: text\n"


def test_ctrl_c_has_status_1(place, capsys, monkeypatch):
    def fails(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "verify", fails)
    status, out, err = run(capsys, "verify", "course/hw9")
    assert (status, out) == (1, "") and "interrupted" in err


def test_bundle_for_gradescope(place, capsys):
    status, out, err = run(capsys, *GRADESCOPE, "--seed-file", "seed.txt")
    assert (status, err) == (0, "")
    assert out == "wrote a.zip for Python 3.12 on Linux, x86_64\n"
    with zipfile.ZipFile(place / "a.zip") as archive:
        assert {"setup.sh", "run_autograder", "assignment.json"} <= set(archive.namelist())
        assert archive.read("seed.txt") == b"secret"
        assert archive.getinfo("run_autograder").external_attr >> 16 & 0o777 == 0o755
    before = (place / "a.zip").read_bytes()
    assert "-o must not exist yet" in refused(capsys, *GRADESCOPE)
    assert (place / "a.zip").read_bytes() == before


def test_bundle_for_classroom_50_with_a_new_seed(place, capsys):
    status, out, err = run(capsys, *BUNDLE, "--target", "classroom50", "-o", "hw9")
    assert (status, err) == (0, "") and "seed.txt in it is a new secret" in out
    assert "name this Python in the runtime of the assignment" in out
    files = {str(x.relative_to(place / "hw9")) for x in (place / "hw9").rglob("*") if x.is_file()}
    own = {x for x in files if "metarl_min" in x}
    assert files - own == {
        "autograder.py", "requirements.txt", "assignment.json", "seed.txt", f"wheels/{WHEELS[1]}",
    }  # fmt: skip
    assert len(own) == 1 and len((place / "hw9/seed.txt").read_text().strip()) == 64


def test_report_counts_mistakes(place, capsys):
    words = ("--assignment", "course/hw9", "--format", "gradescope", "--out")
    for name in ("right", "stub"):
        run(capsys, "grade", f"{name}.py", *words, f"{name}.json")
    status, out, err = run(capsys, "report", "right.json", "stub.json", "-o", "m.csv")
    assert (status, err) == (0, "")
    assert out.splitlines()[0] == "9.1" and out.count("not started") == 2
    assert (place / "m.csv").read_text().splitlines() == [
        "test,mistake,submissions",
        "9.1,not started,1", "9.1,right,1", "9.2,not started,1", "9.2,right,1",
    ]  # fmt: skip


def test_the_module_runs_as_a_program(place):
    words = [sys.executable, "-m", "metarl_min.teach", "list", "course"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("hw9 ")
