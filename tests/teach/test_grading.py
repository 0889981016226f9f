"""Grading of whole submissions: the roster is fixed, whatever a submission does."""

import json

import grading_services
import pytest
from submissions_here import grade_here

from metarl_min.teach import grading, result_files
from metarl_min.teach.faults import Fault
from metarl_min.teach.grading import Grade, not_graded, read_seed, total
from metarl_min.teach.manifests import Assignment, AssignmentTest
from metarl_min.teach.questions import Mistake
from metarl_min.teach.submissions import Limits
from metarl_min.teach.value_questions import ValueQuestion, one_call, value_question


def question(name, mistakes):
    return value_question(
        ValueQuestion(
            function=name,
            cases=lambda rng: [one_call(float(x)) for x in rng.uniform(1, 2, size=2)],
            truth=lambda case: 2 * case.arguments[0][0],
            mistakes=mistakes,
        )
    )


FORGOTTEN = {"not doubled": Mistake(lambda x: x, "Double it.")}
TESTS = (
    AssignmentTest("1.1", question("double", FORGOTTEN), 3, "visible", {"not doubled": 0.5}),
    AssignmentTest("1.2", question("double", FORGOTTEN), 4, "hidden", {}),
    AssignmentTest("1.3", question("twice", {}), 5, "visible", {}),
)
HOMEWORK = Assignment("hw0", "Doubling", "hw0.py", Limits(60, 400, ("metarl_min",)), TESTS, ())
RIGHT = "def double(x):\n    print('double', x)\n    return 2 * x\ntwice = double"


@pytest.fixture(autouse=True)
def service(monkeypatch):
    """Set the variables that Classroom 50 sets."""
    for name, value in grading_services.CLASSROOM50.items():
        monkeypatch.setenv(name, value)


def graded(source, seed=1, assignment=HOMEWORK):
    return grading.grade(assignment, source.encode(), seed)


def checked(grade):
    """Return the points and the mistakes of a grade, after checks of all formats of results."""
    assert [x.test.id for x in grade.results] == ["1.1", "1.2", "1.3"]
    assert total(grade.results)[1] == 12
    for result in grade.results:
        assert type(result.points) is float and 0 <= result.points <= result.test.points
    rules = {
        "gradescope": grading_services.gradescope_faults,
        "classroom50": grading_services.classroom50_faults,
    }
    for name, faults in rules.items():
        text = result_files.FORMATS[name](grade)
        content = json.loads(text, parse_constant=lambda x: pytest.fail(x))
        assert text.isascii() and len(content["tests"]) == 3 and list(faults(content)) == []
    assert "of 12 points" in result_files.FORMATS["plain"](grade)
    return [x.points for x in grade.results], [x.verdict.mistake for x in grade.results]


def test_a_right_submission_has_all_points():
    grade = graded(RIGHT)
    assert checked(grade) == ([3.0, 4.0, 5.0], ["", "", ""])
    assert grade.seconds > 0


def test_a_mistake_in_the_manifest_has_its_share_of_the_points(monkeypatch):
    grade_here(monkeypatch)
    points, mistakes = checked(graded("def double(x): return x\ndef twice(x): return 2 * x"))
    assert points == [1.5, 0.0, 5.0] and mistakes == ["not doubled", "not doubled", ""]


@pytest.mark.parametrize(
    ("source", "mistake"),
    [
        ("def double(x) return x", "syntax"),
        ("import torch", "missing module"),
        ("import os; os._exit(0)", "ended"),
        ("raise SystemExit('\\ud800\\x00')", "ended"),
        ("1 / 0", "error"),
        ("#" * 10**7, "too long"),
        ("import metarl_min", "forbidden module"),
        ("def f(): f()\nf()", "recursion"),
        ("x = 1\x00", "syntax"),
    ],
)
def test_a_submission_that_does_not_run_has_the_whole_roster(source, mistake):
    points, mistakes = checked(graded(source))
    assert points == [0.0] * 3 and mistakes == [mistake] * 3


def test_a_submission_that_does_not_run_is_started_once(monkeypatch):
    started, running = [], grading.running
    monkeypatch.setattr(grading, "running", lambda *x: started.append(1) or running(*x))
    assert checked(graded("1 / 0"))[1] == ["error"] * 3
    assert len(started) == 1


def test_a_part_that_fails_costs_its_own_points_only():
    source = (
        "import os\ndef double(x): return 2 * x\n"
        "def twice(x):\n    print('\\ud800 \\x1b' + 'y' * 10**5)\n    os._exit(0)"
    )
    assert checked(graded(source)) == ([3.0, 4.0, 0.0], ["", "", "ended"])


def test_an_endless_part_costs_its_own_points_only():
    limits = HOMEWORK.limits._replace(seconds=0.15)
    source = "def double(x): return 2 * x\ndef twice(x):\n    while True: pass"
    grade = graded(source, assignment=HOMEWORK._replace(limits=limits))
    assert checked(grade)[1][2] == "time"


def test_tests_do_not_share_a_process():
    source = "seen = []\ndef double(x):\n    seen.append(x)\n    return 2 * x + (len(seen) > 4)\n"
    assert checked(graded(source + "twice = double")) == ([3.0, 4.0, 5.0], ["", "", ""])


def test_visible_tests_have_the_public_seed_and_hidden_tests_have_the_secret_one():
    two = HOMEWORK._replace(tests=TESTS[:2])
    wrong = RIGHT.replace("2 * x", "2.5 * x")
    one, other = (graded(wrong, seed, two) for seed in (grading.PUBLIC_SEED, 2))
    texts = [[x.verdict.text for x in grade.results] for grade in (one, other)]
    assert texts[0][0] == texts[1][0] and texts[0][1] != texts[1][1]
    assert texts[0][0] != texts[0][1]  # each test has cases of its own
    assert one.output == other.output != ""  # of the visible test alone


def test_the_output_of_hidden_tests_stays_secret_and_the_same_seed_has_the_same_verdict():
    hidden = HOMEWORK._replace(tests=(TESTS[1],))
    wrong = RIGHT.replace("2 * x", "2.5 * x")
    one, other = (graded(wrong, 1, hidden) for _ in range(2))
    assert one.output == "" and one.results[0].verdict == other.results[0].verdict


def test_the_grade_of_a_fault_has_no_points():
    grade = not_graded(HOMEWORK, Fault("infrastructure", "The grader failed."))
    assert checked(grade) == ([0.0] * 3, ["infrastructure"] * 3)
    assert isinstance(grade, Grade) and grade.output == ""


def test_the_seed_is_any_text_in_a_file(tmp_path):
    file = tmp_path / "seed"
    seeds = []
    for content in (b"a", b" a\n", b"b", b"\x00\xff", b"7" * 1000):
        file.write_bytes(content)
        seeds.append(read_seed(file))
    assert seeds[0] == seeds[1] and len(set(seeds)) == 4 and min(seeds) > 2**100
    file.write_bytes(b" \n")
    with pytest.raises(ValueError, match="the seed file must not be empty"):
        read_seed(file)
    with pytest.raises(FileNotFoundError):
        read_seed(tmp_path / "none")
