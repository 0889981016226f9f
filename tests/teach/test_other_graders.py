"""The same submission has the same points in nbgrader, otter-grader and gradescope-utils.

The other graders call `questions.check`. A test is skipped where its grader is not installed; the
extra `grading` of setup.cfg names the versions.
"""

import json
import textwrap
import unittest
from functools import cache

import pytest
from submissions_here import grade_here

from metarl_min.teach import grading, manifests
from metarl_min.teach.exact_meta_gradients import meta_gradient
from metarl_min.teach.questions import check, earned

pytestmark = pytest.mark.filterwarnings("ignore")  # warnings of the other graders are theirs
POINTS = 5
RIGHT = """
import sys, warnings
import numpy as np
def meta_gradient(theta, tasks, alpha, num_steps):
    total = 0
    for rewards in tasks:
        x, factors = theta, []
        for _ in range(num_steps):
            g, H = derivatives(x, rewards)
            factors.append(np.eye(len(x)) + alpha * H)
            x = x + alpha * g
        g, _ = derivatives(x, rewards)
        for factor in reversed(factors):
            g = factor @ g
        total = total + g
    return total / len(tasks)
def derivatives(x, rewards):
    p = np.exp(x - x.max()); p /= p.sum()
    g = p * (rewards - p @ rewards)
    return g, np.diag(g) - np.outer(p, g) - np.outer(g, p)
"""
DEFINE = "def meta_gradient(theta, tasks, alpha, num_steps):\n    "
SUBMISSIONS = {  # name -> source and expected points
    "right": (RIGHT, POINTS),
    "right, with a warning": (RIGHT.replace("total = 0", "total = 0; warnings.warn('w')"), POINTS),
    "right, with output": (
        RIGHT.replace("total = 0", "total = 0; print('a'); print('b', file=sys.stderr)"), POINTS
    ),
    "wrong": (RIGHT.replace("+ alpha * H", "- alpha * H"), 0),
    "not started": (f'{DEFINE}raise NotImplementedError("5.1")', 0),
    "an error": (f"{DEFINE}return theta / 0 @ 1", 0),
    "not a number": (f"{DEFINE}return theta * float('nan')", 0),
    "ends": (f"{DEFINE}raise SystemExit(0)", 0),
    "returns nothing": (f"{DEFINE}print(1)", 0),
}  # fmt: skip
NAMES = list(SUBMISSIONS)
CHECK = textwrap.dedent("""\
    from metarl_min.teach import exact_meta_gradients, questions
    questions.check(exact_meta_gradients.meta_gradient(), meta_gradient, points=5)
""")
EARNED = CHECK.replace("check(", "earned(").replace("=5)", "=5, partial={'first order': 0.4})")


@cache
def assignment(share):
    """The assignment, read once: its questions remember their cases."""
    test = {"id": "5.1", "question": "meta_gradient", "points": POINTS, "visibility": "visible"}
    test = {**test, "partial": {"first order": share} if share else {}}
    return manifests.parse({"id": "hw5", "title": "t", "file": "hw5.py", "tests": [test]})


def own_points(source, share=0.0):
    """Return the points that the grader of this package gives. First order has a share of them."""
    grade = grading.grade(assignment(share), source.encode(), 0)
    return grading.total(grade.results)[0]


def function_of(source):
    names = {}
    exec(source, names)
    return names["meta_gradient"]


@pytest.mark.parametrize("name", NAMES)
def test_this_package(name, monkeypatch):
    grade_here(monkeypatch)
    source, points = SUBMISSIONS[name]
    assert own_points(source) == points


def test_check_returns_a_float_of_python_and_keeps_standard_error_empty(capsys):
    source, _ = SUBMISSIONS["right, with output"]
    points = check(meta_gradient(), function_of(source), points=5)
    assert type(points) is float and repr(points) == "5.0"
    printed = capsys.readouterr()
    assert printed.err == "" and "b\n" in printed.out


FIRST_ORDER = RIGHT.replace("+ alpha * H", "+ 0 * H")
PARTIAL = {"first order": 0.4}


def test_earned_gives_a_part_of_the_points(capsys):
    points = earned(meta_gradient(), function_of(FIRST_ORDER), points=5, partial=PARTIAL)
    assert type(points) is float and points == own_points(FIRST_ORDER, PARTIAL["first order"]) == 2
    assert "first order" in capsys.readouterr().out
    assert earned(meta_gradient(), function_of(FIRST_ORDER), points=5) == 0
    assert earned(meta_gradient(), function_of(RIGHT), points=5, partial=PARTIAL) == 5


@pytest.mark.parametrize(
    "words",
    [
        {"partial": {"the first order": 0.4}},
        {"partial": {"first order": 1.1}},
        {"partial": {"first order": float("nan")}},
        {"partial": [0.4]},
        {"points": -1},
        {"seed": -1},
    ],
)
def test_earned_refuses(words):
    with pytest.raises((ValueError, TypeError)):
        earned(meta_gradient(), function_of(RIGHT), **words)


def nbgrader_cell(source, number=0):
    about = {"grade": True, "solution": False, "locked": True, "task": False, "points": POINTS}
    about |= {"grade_id": f"cell{number}", "schema_version": 3, "cell_type": "code"}
    nbformat = pytest.importorskip("nbformat")
    return nbformat.v4.new_code_cell(source, metadata={"nbgrader": about})


def nbgrader_points(cells):
    """Run a notebook as nbgrader does, and return the points of its graded cells."""
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("nbgrader")
    from nbgrader.preprocessors import Execute
    from nbgrader.utils import determine_grade

    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook, _ = Execute().preprocess(notebook, {})
    return [determine_grade(x)[0] for x in notebook.cells if "nbgrader" in x.metadata]


def test_nbgrader_gives_the_same_points():
    nbformat = pytest.importorskip("nbformat")
    cells = []
    for number, (source, _) in enumerate(SUBMISSIONS.values()):
        cells += [nbformat.v4.new_code_cell(source), nbgrader_cell(CHECK, number)]
    for number, source in enumerate([FIRST_ORDER, RIGHT, SUBMISSIONS["wrong"][0]], len(cells)):
        cells += [nbformat.v4.new_code_cell(source), nbgrader_cell(EARNED, number)]
    assert nbgrader_points(cells) == [*(points for _, points in SUBMISSIONS.values()), 2, 5, 0]


def test_nbgrader_gives_full_points_for_a_number_of_numpy():
    """This is why `check` returns a float of Python, and why standard error stays empty."""
    sources = {
        "2.5": 2.5,
        "import numpy as np; np.float64(2.5)": 5,
        "import sys; print(1, file=sys.stderr)": 0,
    }
    cells = [nbgrader_cell(source, number) for number, source in enumerate(sources)]
    assert nbgrader_points(cells) == list(sources.values())


OTTER = f"""
from otter.test_files import test_case

OK_FORMAT = False
name = "q5"
points = {POINTS}

@test_case(points={POINTS})
def test_meta_gradient(meta_gradient):
{textwrap.indent(CHECK, "    ")}
"""


@pytest.mark.parametrize("name", NAMES)
def test_otter_gives_the_same_points(name, tmp_path):
    test_files = pytest.importorskip("otter.test_files")
    (tmp_path / "q5.py").write_text(OTTER)
    source, points = SUBMISSIONS[name]
    test = test_files.ExceptionTestFile.from_file(str(tmp_path / "q5.py"))
    test.run({"meta_gradient": function_of(source)})
    assert (test.score, test.possible) == (points, POINTS)


@pytest.mark.parametrize("name", ["right, with a warning", "wrong"])
def test_otter_gives_the_same_points_to_a_notebook(name, tmp_path):
    execute = pytest.importorskip("otter.execute")
    nbformat = pytest.importorskip("nbformat")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/q5.py").write_text(OTTER)
    source, points = SUBMISSIONS[name]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    nbformat.write(notebook, tmp_path / "hw5.ipynb")
    results = execute.grade_notebook(
        str(tmp_path / "hw5.ipynb"),
        tests_glob=[str(tmp_path / "tests/q5.py")],
        cwd=str(tmp_path),
        test_dir=str(tmp_path / "tests"),
    )
    assert (results.total, results.possible) == (points, POINTS)


@pytest.mark.parametrize("name", NAMES)
def test_gradescope_utils_gives_the_same_points(name, tmp_path):
    decorators = pytest.importorskip("gradescope_utils.autograder_utils.decorators")
    from gradescope_utils.autograder_utils.json_test_runner import JSONTestRunner

    source, points = SUBMISSIONS[name]

    class Test(unittest.TestCase):
        @decorators.weight(POINTS)
        def test_meta_gradient(self):
            check(meta_gradient(), function_of(source))

    with open(tmp_path / "results.json", "w") as stream:
        suite = unittest.defaultTestLoader.loadTestsFromTestCase(Test)
        JSONTestRunner(visibility="visible", stream=stream).run(suite)
    (test,) = json.loads((tmp_path / "results.json").read_text())["tests"]
    assert (test["score"], test["max_score"]) == (points, POINTS)
