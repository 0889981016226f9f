"""The files of results for each outcome, against what the services document."""

import json
import math
import os
from functools import cache

import grading_services
import pytest
from command_line import strict
from submissions_here import grade_here

from metarl_min.teach import grading, manifests, result_files
from metarl_min.teach.faults import Fault
from metarl_min.teach.grading import Grade, Result
from metarl_min.teach.questions import Verdict

DEFINE = "def meta_gradient(theta, tasks, alpha, num_steps):\n    "
OUTCOMES = {  # a submission -> the mistake that its visible test reports
    f"{DEFINE}return theta * 0": "unknown",
    f"{DEFINE}return theta * float('nan')": "not finite",
    f"{DEFINE}return 'x'": "",
    f"{DEFINE}while True: pass": "time",
    f"import os\n{DEFINE}os._exit(0)": "ended",
    f"{DEFINE}raise NotImplementedError('9.1')": "not started",
    f"{DEFINE}raise ValueError('\\ud800 \\0 \\x1b[31m' * 5000)": "error",
    f"{DEFINE}return meta_gradient(theta, tasks, alpha, num_steps)": "recursion",
    f"{DEFINE}return bytearray(10**11)": "memory",
    f"{DEFINE}print('x' * 10**7)": "",
    "print('a\\0b')": "missing",
    "raise SystemExit(0)": "ended",
    "def meta_gradient(:": "syntax",
    "import metarl_min": "forbidden module",
    "": "missing",
    "while True: pass": "time",
    "x = '" + "y" * 1_000_001 + "'": "too long",
}
ALONE = "while True", "os._exit", "bytearray(10**11)"  # what needs a process of its own
SERVICE = result_files.submission_of(grading_services.CLASSROOM50)


@cache
def assignment(seconds=20.0):
    """The same questions for all tests, because they remember their cases."""
    listed = [("9.1", "visible", 3), ("9.2", "hidden", 4)]
    tests = [
        {"id": name, "question": "meta_gradient", "points": points, "visibility": visibility}
        for name, visibility, points in listed
    ]
    content = {"id": "hw9", "title": "Results", "file": "hw9.py", "tests": tests}
    return manifests.parse({**content, "seconds": seconds})


def made(*scores, text="Text.", mistake="", output=""):
    """A grade with given shares of the points."""
    tests = assignment().tests
    results = [
        Result(test, Verdict(score, mistake, text), float(score * test.points))
        for test, score in zip(tests, scores, strict=True)
    ]
    return Grade(assignment(), tuple(results), output, 1.23456)


def check_both(grade):
    """Check the results in both formats, and return them."""
    one = strict(result_files.as_json(result_files.gradescope(grade)))
    other = strict(result_files.as_json(result_files.classroom50(grade, SERVICE)))
    assert grading_services.gradescope_faults(one) == []
    assert grading_services.classroom50_faults(other) == []
    assert [(x["number"], x["max_score"]) for x in one["tests"]] == [("9.1", 3), ("9.2", 4)]
    assert other["max-score"] == 700
    assert len(json.dumps(one)) < 100_000
    return one, other


@pytest.mark.parametrize("source", OUTCOMES, ids=lambda source: repr(source[:60]))
def test_each_outcome_is_a_valid_result(source, monkeypatch):
    seconds = 0.1 if "while True" in source else 60
    if not any(text in source for text in ALONE):
        grade_here(monkeypatch)
    grade = grading.grade(assignment(seconds), source.encode("utf-8", "surrogatepass"), 1)
    one, other = check_both(grade)
    assert [x["score"] for x in one["tests"]] == [0, 0] and other["score"] == 0
    assert not any(x["passed"] for x in other["tests"])
    assert {x["status"] for x in one["tests"]} == {"failed"}
    if OUTCOMES[source]:
        assert one["tests"][0]["extra_data"]["mistake"] == OUTCOMES[source]
    assert result_files.plain(grade).startswith("hw9: Results\n")


def test_a_grader_that_fails_gives_every_test_no_points():
    grade = grading.not_graded(assignment(), Fault("infrastructure", "The grader failed."))
    one, other = check_both(grade)
    assert [x["output"] for x in one["tests"]] == ["[infrastructure] The grader failed."] * 2
    assert other["score"] == 0


def test_points_are_whole_numbers_for_classroom_50():
    _, other = check_both(made(1, 0.4))
    assert [(x["score"], x["max-score"], x["passed"]) for x in other["tests"]] == [
        (300, 300, True), (160, 400, False),
    ]  # fmt: skip
    _, other = check_both(made(1 / 3, 2 / 3))
    assert other["score"] == 100 + 267 and isinstance(other["score"], int)


def with_verdicts(*verdicts):
    """A grade of no points with these verdicts."""
    results = [Result(t, v, 0.0) for t, v in zip(assignment().tests, verdicts, strict=True)]
    return Grade(assignment(), tuple(results), "", 1.0)


def test_the_plain_form_tells_once_where_to_read():
    text = " ".join(result_files.plain(with_verdicts(
        Verdict(0.0, "first order", "Read.", "adaptation (3)", "second_derivatives.py"),
        Verdict(0.0, "unknown", "Read.", "policies (4)", ""),
    )).split())  # fmt: skip
    assert text.count("python -m metarl_min equations MODULE") == 1
    assert "here of adaptation and policies." in text
    assert text.count("The pages are files in the repository of metarl_min.") == 1
    assert "may give a part of the points for a mistake that has a name" in text
    plain = result_files.plain(with_verdicts(*2 * [Verdict(0.0, "unknown", "Look.")]))
    assert "equations" not in plain and "pages" not in plain and "instructor" not in plain


def test_the_plain_form_tells_an_equal_text_once():
    text = "Look at the loop over the tasks."
    plain = result_files.plain(with_verdicts(*2 * [Verdict(0.0, "last task only", text)]))
    assert plain.count(text) == 1
    assert "[last task only] This is the same mistake as in 9.1." in plain
    both = result_files.plain(made(1, 1, text="All is right."))
    assert both.count("All is right.") == 2
    other = with_verdicts(Verdict(0.0, "one", text), Verdict(0.0, "two", text))
    assert result_files.plain(other).count(text) == 2


def test_partial_points_are_floats_for_gradescope():
    one, _ = check_both(made(1, 0.4))
    assert [x["score"] for x in one["tests"]] == [3.0, 1.6]
    assert [x["status"] for x in one["tests"]] == ["passed", "failed"]
    assert one["execution_time"] == 1.235


def test_texts_of_hidden_tests_stay_out_of_the_results_that_every_student_reads():
    _, other = check_both(made(0, 0, text="A number of the hidden case."))
    assert "output" in other["tests"][0] and "output" not in other["tests"][1]


def test_long_texts_and_strange_characters():
    one, other = check_both(made(0, 0, text="\0\ud800" * 20_000, mistake="x", output="\0" * 10))
    text = one["tests"][0]["output"]
    assert len(text) == result_files.MOST_CHARACTERS + 3 and text.startswith("[x]  ?")
    assert text == other["tests"][0]["output"] and one["output"] == " " * 10


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_number_that_is_not_finite_is_no_result(number):
    grade = made(1, 1)._replace(seconds=number)
    with pytest.raises(ValueError, match="JSON"):
        result_files.as_json(result_files.gradescope(grade))


def test_the_submission_comes_from_the_variables_of_classroom_50():
    assert SERVICE["owner"] == "ann" and SERVICE["review"] == "https://example.org/review"
    without = {**grading_services.CLASSROOM50, "REVIEW_URL": "", "OWNER": ""}
    found = result_files.submission_of(without)
    assert found["review"] == "https://example.org/commit" and found["owner"] == "ann"


@pytest.mark.parametrize("name", ["CLASSROOM", "ASSIGNMENT", "SUBMISSION_TAG", "COMMIT_URL"])
def test_a_missing_variable_is_named(name):
    variables = {x: y for x, y in grading_services.CLASSROOM50.items() if x != name}
    with pytest.raises(ValueError, match=f"classroom50 needs the variables .*, got no {name}"):
        result_files.submission_of(variables)


def test_the_formats_are_texts_that_end_with_a_line(monkeypatch):
    for name, value in grading_services.CLASSROOM50.items():
        monkeypatch.setitem(os.environ, name, value)
    grade = made(1, 0.5, output="printed")
    texts = {name: write(grade) for name, write in result_files.FORMATS.items()}
    assert all(text.endswith("\n") for text in texts.values())
    assert "Total: 5 of 7 points" in texts["plain"] and "printed" in texts["plain"]
    assert json.loads(texts["gradescope"])["tests"][1]["score"] == 2.0
    assert json.loads(texts["classroom50"])["classroom"] == "meta"
    assert json.loads(texts["classroom50"])["assignment"] == "hw9"


GOOD = {"tests": [{"score": 1.0, "max_score": 2.0, "status": "failed"}]}


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {},
        {"tests": [{}]},
        {"tests": [{"score": 3.0, "max_score": 2.0}]},
        {"tests": [{"score": math.nan, "max_score": 2.0}]},
        {**GOOD, "max_score": 3},
        {**GOOD, "stdout_visibility": "never"},
        {**GOOD, "output": "\0"},
        {"tests": [{"score": 1, "max_score": 2, "output_format": "latex"}]},
    ],
)
def test_the_rules_of_gradescope_find_faults(wrong):
    assert grading_services.gradescope_faults(GOOD) == []
    assert grading_services.gradescope_faults(wrong) != []


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "classroom50/result/v2"},
        {"owner": ""},
        {"assignment_type": "bogus"},
        {"submission": "main"},
        {"score": -1},
        {"score": 701},
        {"score": 1.5},
        {"datetime": "2026-06-01 14:33:11"},
        {"extra": 1},
        {"tests": [{"test-name": "", "passed": 1, "score": True, "max-score": 1}]},
    ],
)
def test_the_rules_of_classroom_50_find_faults(change):
    good = result_files.classroom50(made(1, 1), SERVICE)
    assert grading_services.classroom50_faults(good) == []
    assert grading_services.classroom50_faults({**good, **change}) != []
