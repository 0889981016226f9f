"""What a bundle holds, and what its scripts do in a folder that is laid out as the service's.

The complete installation by `setup.sh` takes the wheels of NumPy, so it is not run here. Here the
script is run until it refuses a Python, and the grader of this environment stands in for the
installed one.
"""

import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import grading_services
import pytest

from metarl_min.teach import bundles, classroom50_autograder, manifests, result_files, wheels

NUMPY = "numpy-2.4.6-cp399-cp399-manylinux_2_28_x86_64.whl"
AUTOGRAD = "autograd-1.9.1-py3-none-any.whl"
PACKAGES = {NUMPY: b"numpy", AUTOGRAD: b"autograd"}
SEED = b"secret\n"
RIGHT = """
import numpy as np
def meta_gradient(theta, tasks, alpha, num_steps):
    total = 0
    for rewards in tasks:
        x, factors = theta, []
        for _ in range(num_steps + 1):
            p = np.exp(x - x.max()); p /= p.sum()
            g = p * (rewards - p @ rewards)
            H = np.diag(g) - np.outer(p, g) - np.outer(g, p)
            x = x + alpha * g
            factors.append(np.eye(len(x)) + alpha * H)
        for factor in reversed(factors[:-1]):
            g = factor @ g
        total = total + g
    return total / len(tasks)
"""
bash = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")


@pytest.fixture
def assignment(tmp_path):
    """A folder with a manifest and a master that must never be in a bundle."""
    folder = tmp_path / "hw9"
    (folder / "right").mkdir(parents=True)
    (folder / manifests.FILE).write_text(json.dumps(grading_services.MANIFEST))
    for name in ("hw9.py", "right/other.py"):
        (folder / name).write_text(f"### BEGIN SOLUTION 9.1\n{RIGHT}\n### END SOLUTION\n")
    return folder


def bundle(folder, target="gradescope", packages=PACKAGES):
    return bundles.TARGETS[target](folder, manifests.read(folder), SEED, packages)


def service(folder, root, *, python=sys.executable):
    """Unpack a bundle as Gradescope does. The grader runs in the environment of this test."""
    archive = wheels.as_zip(bundle(folder), bundles.EXECUTABLE)
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        for info in file.infolist():
            path = Path(file.extract(info, root / "source"))
            path.chmod(info.external_attr >> 16)
    (root / "submission").mkdir()
    shutil.copy(root / "source/run_autograder", root / "run_autograder")
    installed = root / "source/env/bin/python"
    installed.parent.mkdir(parents=True)
    installed.write_text(f'#!/bin/sh\nexec "{python}" "$@"\n')
    installed.chmod(0o755)
    return root


def run(root):
    """Run the script of the service. Return its exit status and the results."""
    environment = {**os.environ, "AUTOGRADER_ROOT": str(root)}
    done = subprocess.run([root / "run_autograder"], env=environment, check=False, cwd=root)
    results = json.loads((root / "results/results.json").read_text())
    assert grading_services.gradescope_faults(results) == []
    assert [(x["number"], x["max_score"]) for x in results["tests"]] == [("9.1", 2), ("9.2", 3)]
    return done.returncode, results


def scores(results):
    return [x["score"] for x in results["tests"]]


def mistakes(results):
    return {x["extra_data"]["mistake"] for x in results["tests"]}


def test_a_bundle_for_gradescope_holds_no_solution(assignment):
    files = bundle(assignment)
    assert set(files) == {
        "setup.sh", "run_autograder", "infrastructure.json", "assignment.json", "seed.txt",
        f"wheels/{NUMPY}", f"wheels/{AUTOGRAD}",
    }  # fmt: skip
    assert files["seed.txt"] == SEED
    assert not [name for name, content in files.items() if b"SOLUTION" in content]


def test_the_scripts_are_executable_and_stand_at_the_root(assignment, tmp_path):
    root = service(assignment, tmp_path / "autograder")
    for name in bundles.EXECUTABLE:
        path = root / "source" / name
        assert path.stat().st_mode & stat.S_IXUSR
        assert path.read_bytes().startswith(b"#!/usr/bin/env bash\n")


@bash
@pytest.mark.parametrize("name", bundles.EXECUTABLE)
def test_the_scripts_are_valid(assignment, tmp_path, name):
    root = service(assignment, tmp_path / "autograder")
    assert subprocess.run(["bash", "-n", root / "source" / name]).returncode == 0


@bash
def test_setup_refuses_another_python_in_one_line(assignment, tmp_path):
    root = service(assignment, tmp_path / "autograder")
    done = subprocess.run(["bash", root / "source/setup.sh"], capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    start = (
        r"setup.sh: this bundle is for Python 3\.99 on x86_64, got Python 3\.\d+ on \w+\. Choose"
    )
    assert re.match(start, line)


@bash
def test_a_submission_that_is_missing_is_no_failure_of_the_grader(assignment, tmp_path):
    root = service(assignment, tmp_path / "autograder")
    (root / "submission/homework9.py").write_text(RIGHT)
    status, results = run(root)
    assert (status, scores(results), mistakes(results)) == (0, [0, 0], {"missing"})


@bash
@pytest.mark.parametrize("python", ["/nowhere/python", "true", "false"])
def test_a_grader_that_does_not_run_leaves_every_test_with_the_reason(assignment, tmp_path, python):
    root = service(assignment, tmp_path / "autograder", python=python)
    (root / "submission/hw9.py").write_text(RIGHT)
    status, results = run(root)
    assert (scores(results), mistakes(results)) == ([0, 0], {"infrastructure"})
    assert status != 0 or python == "true"
    assert all("not your program" in x["output"] for x in results["tests"])


@bash
def test_a_bundle_without_an_installation_leaves_every_test_with_the_reason(assignment, tmp_path):
    root = service(assignment, tmp_path / "autograder")
    shutil.rmtree(root / "source/env")
    status, results = run(root)
    assert status != 0 and mistakes(results) == {"infrastructure"}


@bash
def test_a_broken_manifest_leaves_every_test_with_the_reason(assignment, tmp_path):
    root = service(assignment, tmp_path / "autograder")
    (root / "source" / manifests.FILE).write_text("{}")
    status, results = run(root)
    assert status == 2 and mistakes(results) == {"infrastructure"}


@bash
def test_a_right_submission_has_all_points_and_its_modules_do_not_replace_others(
    assignment, tmp_path
):
    root = service(assignment, tmp_path / "autograder")
    for place in (root, root / "submission"):
        (place / "numpy.py").write_text("raise SystemExit(0)")
    (root / "submission/hw9.py").write_text(RIGHT)
    status, results = run(root)
    assert (status, scores(results), mistakes(results)) == (0, [2, 3], {""})


def test_a_bundle_for_classroom_50_pins_the_wheels_that_are_too_large(assignment):
    files = bundle(assignment, "classroom50")
    assert set(files) == {
        "autograder.py", "requirements.txt", "assignment.json", "seed.txt", f"wheels/{AUTOGRAD}",
    }  # fmt: skip
    assert files["requirements.txt"] == b"numpy==2.4.6\n"
    script = Path(classroom50_autograder.__file__)
    assert files["autograder.py"] == script.read_bytes()
    assert not [name for name, content in files.items() if b"BEGIN SOLUTION" in content]


def test_a_bundle_for_classroom_50_that_is_too_large_is_refused(assignment):
    packages = {AUTOGRAD: bytes(10_000_001)}
    with pytest.raises(ValueError, match="at most 10,000,000 bytes, got 10,00"):
        bundle(assignment, "classroom50", packages)


def test_packages_that_an_assignment_requires_are_installed(assignment):
    content = {**grading_services.MANIFEST, "requires": ["hypothesis", "attrs"]}
    (assignment / manifests.FILE).write_text(json.dumps(content))
    assert manifests.read(assignment).requires == ("hypothesis", "attrs")
    lines = bundle(assignment)["setup.sh"].decode().splitlines()
    assert [line for line in lines if line.endswith("metarl_min hypothesis attrs")] != []


@pytest.mark.parametrize(
    "word", ["a; rm -rf /", "-r x", "$(id)", "a b", "", "a>=1", 1, None, ["a"]]
)
def test_a_required_package_must_be_a_name(word):
    with pytest.raises(ValueError, match="a name in requires must be a text"):
        manifests.parse({**grading_services.MANIFEST, "requires": [word]})
    with pytest.raises(ValueError, match="requires must be a list"):
        manifests.parse({**grading_services.MANIFEST, "requires": "hypothesis"})


def test_a_new_seed_is_another_one_each_time():
    assert len(bundles.new_seed()) == 65 and bundles.new_seed() != bundles.new_seed()


def test_the_words_for_a_target():
    assert bundles.for_whom(wheels.target([])) == "Python 3 on Linux, any machine"
    assert bundles.for_whom(wheels.target([NUMPY])) == "Python 3.99 on Linux, x86_64"


def test_the_fallback_is_the_result_of_no_test(assignment):
    content = json.loads(bundle(assignment)["infrastructure.json"])
    assert grading_services.gradescope_faults(content) == []
    assert scores(content) == [0, 0]
    assert result_files.as_json(content).encode() == bundle(assignment)["infrastructure.json"]
