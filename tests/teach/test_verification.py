"""The check of an assignment by its instructor, on a small assignment and broken versions of it."""

import json

import pytest
from submissions_here import grade_here

from metarl_min.teach import manifests, verification
from metarl_min.teach.questions import Mistake
from metarl_min.teach.value_questions import ValueQuestion, one_call, value_question
from metarl_min.teach.verification import verify

MASTER = """
def double(x):
    ### BEGIN SOLUTION 0.1
    return 2 * x
    ### END SOLUTION
"""
RIGHT = ["x + x", "x * 2", "3 * x - x", "x / 0.5"]


def double(mistake=None, truth=2.0):
    mistakes = {"not doubled": Mistake(lambda x: x, "")} | (mistake or {})
    return value_question(
        ValueQuestion(
            function="double",
            cases=lambda rng: [one_call(float(x)) for x in rng.uniform(1, 2, size=2)],
            truth=lambda case: truth * case.arguments[0][0],
            mistakes=mistakes,
        )
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(manifests, "QUESTIONS", {"double": double})
    test = {"id": "0.1", "question": "double", "points": 2, "visibility": "visible"}
    manifest = {"id": "hw0", "title": "Doubling", "file": "hw0.py", "tests": [test]}
    (tmp_path / manifests.FILE).write_text(json.dumps(manifest))
    (tmp_path / "hw0.py").write_text(MASTER)
    (tmp_path / "right").mkdir()
    for number, line in enumerate(RIGHT):
        (tmp_path / f"right/{number}.py").write_text(f"def double(x):\n    return {line}\n")
    return tmp_path


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_good_assignment_has_no_fault(folder, monkeypatch):
    """`tests/test_coursework.py` verifies an assignment in processes of their own."""
    grade_here(monkeypatch)
    assert verify(folder) == []


def test_a_wrong_solution_and_too_few_right_programs_are_found(folder, monkeypatch):
    grade_here(monkeypatch)
    change(folder / "hw0.py", "2 * x", "2.5 * x")
    for file in (folder / "right").iterdir():
        file.unlink()
    wrong, few = verify(folder)
    assert "the solution must have all points, got 0 of 2 points; 0.1: double is right in" in wrong
    assert few == "right/ must hold another right solution, got none"


def test_a_marker_names_a_test(folder, monkeypatch):
    """As after a test has got another id."""
    grade_here(monkeypatch)
    change(folder / "hw0.py", "### BEGIN SOLUTION 0.1", "### BEGIN SOLUTION 0.7")
    assert verify(folder) == ["the id of a marker must begin the id of a test, got 0.7"]


def test_every_other_fault_is_found(folder, monkeypatch):
    """A solution in the stub, a right program that is refused, a mistake without its name."""
    grade_here(monkeypatch)
    change(folder / "hw0.py", "    ### BEGIN", "    if x == x: return x + x\n    ### BEGIN")
    change(folder / "right/2.py", "3 * x - x", "round(2 * x, 3)")
    question = double()
    other = {"three": Mistake(lambda x: 3 * x if x < 1.5 else float("nan"), "")}
    named = question._replace(mistakes=question.mistakes | other)
    monkeypatch.setattr(manifests, "QUESTIONS", {"double": lambda: named})
    monkeypatch.setattr(verification, "SECONDS", -1.0)
    slow, stub, right, *mistakes = verify(folder)
    assert slow.startswith("grading must take at most -1 s of processor time, got ")
    assert stub.startswith("0.1: the student's version contains the solution of double")
    assert right.startswith("right/2.py must have all points, got 0 of 2 points; 0.1: ")
    assert len(mistakes) == 2
    assert all(x.startswith("0.1: the mistake 'three' must be found, got") for x in mistakes)


def test_wrong_markers_and_a_missing_master_are_errors(folder, monkeypatch):
    grade_here(monkeypatch)
    change(folder / "hw0.py", "    ### END SOLUTION\n", "")
    with pytest.raises(ValueError, match="line 3: a solution must end"):
        verify(folder)
    (folder / "hw0.py").unlink()
    with pytest.raises(FileNotFoundError):
        verify(folder)
