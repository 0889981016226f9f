"""The script of a bundle for Classroom 50, which runs in the checkout of a student."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import grading_services
import pytest

from metarl_min.teach import classroom50_autograder as autograder
from metarl_min.teach import manifests

AT_THETA = """
import numpy as np
def meta_gradient(theta, tasks, alpha, num_steps):
    p = np.exp(theta - theta.max()); p /= p.sum()
    return np.mean([p * (rewards - p @ rewards) for rewards in tasks], axis=0)
"""


@pytest.fixture
def places(tmp_path, monkeypatch):
    """The folder of the bundle and the checkout. The grader of this environment is used."""
    bundle, checkout = tmp_path / "bundle", tmp_path / "checkout"
    bundle.mkdir()
    checkout.mkdir()
    (bundle / manifests.FILE).write_text(json.dumps(grading_services.MANIFEST))
    (bundle / "seed.txt").write_text("secret")
    monkeypatch.setattr(autograder, "HERE", bundle)
    monkeypatch.setattr(autograder, "install", lambda: sys.executable)
    monkeypatch.chdir(checkout)
    for name, value in grading_services.CLASSROOM50.items():
        monkeypatch.setenv(name, value)
    return bundle, checkout


def test_the_script_imports_the_standard_library_alone():
    tree = ast.parse(Path(autograder.__file__).read_text(encoding="utf-8"))
    tops = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            tops |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            tops.add(node.module.partition(".")[0])
    assert tops <= set(sys.stdlib_module_names)


def test_a_wrong_submission_is_graded_and_explained(places):
    _, checkout = places
    (checkout / "hw9.py").write_text(AT_THETA)
    (checkout / "numpy.py").write_text("raise SystemExit(0)")
    assert autograder.main() == 0
    result = json.loads((checkout / "result.json").read_text())
    assert grading_services.classroom50_faults(result) == []
    assert (result["score"], result["max-score"]) == (0, 500)
    first, second = result["tests"]
    assert first["test-name"] == "9.1 meta_gradient" and "output" not in second
    body = (checkout / "release-body.md").read_text()
    assert body.startswith("### hw9: 0 of 5 points\n")
    assert f"\n    {first['output']}\n" in body and "the gradient at theta" in body


def test_a_grader_that_fails_ends_with_another_status_and_without_a_body(places):
    bundle, checkout = places
    (bundle / manifests.FILE).write_text("{}")
    assert autograder.main() == 2
    assert list(checkout.iterdir()) == []


def test_an_installation_that_fails_ends_the_script(places, monkeypatch):
    def fails():
        raise subprocess.CalledProcessError(1, "pip")

    monkeypatch.setattr(autograder, "install", fails)
    with pytest.raises(subprocess.CalledProcessError):
        autograder.main()


def test_the_installation_reads_the_wheels_and_the_pins(tmp_path, monkeypatch):
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels/one-1-py3-none-any.whl").write_bytes(b"")
    monkeypatch.setattr(autograder, "HERE", tmp_path)
    asked = []
    monkeypatch.setattr(subprocess, "run", lambda words, **options: asked.append((words, options)))
    python = autograder.install()
    (venv, first), (pip, second) = asked
    assert venv == [sys.executable, "-m", "venv", "env"] and python.startswith(str(tmp_path))
    assert pip[:4] == [python, "-I", "-m", "pip"]
    assert pip[-3:] == ["-r", "requirements.txt", str(tmp_path / "wheels/one-1-py3-none-any.whl")]
    assert first == second == {"cwd": tmp_path, "check": True}


def test_texts_of_a_student_are_no_markdown():
    test = {"test-name": "9.1 f", "score": 50, "max-score": 200, "output": "# a\n```\n<b>"}
    result = {"assignment": "hw9", "score": 50, "max-score": 200, "tests": [test]}
    lines = autograder.release_body(result).splitlines()
    assert lines[0] == "### hw9: 0.5 of 2 points"
    assert lines[-3:] == ["    # a", "    ```", "    <b>"]
