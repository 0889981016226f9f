"""The environment of a run, and what a resume elsewhere says."""

import json
import os
from pathlib import Path

import pytest
from command_line import SMALL

from metarl_min.cli import environment, runs

FIRST = ("train", "toy", *SMALL, "--iterations", "3", "--out", "run")
LONGER = ("train", "toy", *SMALL, "--iterations", "5", "--out", "run", "--resume")


def content():
    return json.loads(Path("run/run.json").read_text())


def elsewhere(monkeypatch, **machine):
    here = environment.here()
    other = here._replace(machine={**here.machine, **machine})
    monkeypatch.setattr(environment, "here", lambda: other)


def test_a_run_holds_its_versions_its_processor_and_its_threads(run):
    assert run(*FIRST)[0] == 0
    assert set(content()["versions"]) == {"python", "numpy", "autograd", "metarl_min"}
    assert set(content()["machine"]) == {"processor", "blas_threads"}
    assert content()["machine"]["processor"] and content()["resumed"] == []


def test_a_resume_in_the_same_environment_says_nothing(run):
    run(*FIRST)
    err = run(*LONGER)[2]
    assert len(err.splitlines()) == 2 and content()["resumed"] == []


def test_a_resume_in_another_environment_says_so_in_one_line_and_keeps_both(run, monkeypatch):
    run(*FIRST)
    before = content()
    monkeypatch.setattr(environment, "version", lambda name: "9.9")
    elsewhere(monkeypatch, blas_threads="64")
    status, _, err = run(*LONGER)
    lines = [line for line in err.splitlines() if "is now" in line]
    assert status == 0 and len(lines) == 1
    assert lines[0].startswith("run: numpy ") and "is now 9.9" in lines[0]
    assert f"blas_threads {before['machine']['blas_threads']} is now 64" in lines[0]
    assert lines[0].endswith("the bits may differ from those of an uninterrupted run")
    after = content()
    assert after["versions"] == before["versions"] and after["machine"] == before["machine"]
    (entry,) = after["resumed"]
    assert entry["iteration"] == 3 and entry["versions"]["numpy"] == "9.9"
    assert entry["machine"]["blas_threads"] == "64"


def test_a_third_environment_is_compared_with_the_second(run, monkeypatch):
    run(*FIRST)
    elsewhere(monkeypatch, blas_threads="64")
    run(*LONGER)
    last = [*LONGER[:-5], "--iterations", "7", *LONGER[-3:]]
    assert "is now" not in run(*last)[2]
    elsewhere(monkeypatch, blas_threads="65")
    err = run(*[*LONGER[:-5], "--iterations", "9", *LONGER[-3:]])[2]
    assert "blas_threads 64 is now 65;" in err and len(content()["resumed"]) == 2


def test_a_run_that_has_not_begun_belongs_to_the_environment_that_begins_it(run, monkeypatch):
    run(*FIRST)
    os.unlink("run/checkpoint.npz")
    elsewhere(monkeypatch, blas_threads="64")
    status, _, err = run(*LONGER)
    assert status == 0 and "is now" not in err
    assert content()["machine"]["blas_threads"] == "64" and content()["resumed"] == []


@pytest.mark.parametrize(
    ("variables", "threads"),
    [({}, "4"), ({"OPENBLAS_NUM_THREADS": "1"}, "1"), ({"OMP_NUM_THREADS": "2"}, "2"),
     ({"OPENBLAS_NUM_THREADS": "9"}, "4"), ({"OPENBLAS_NUM_THREADS": "x"}, "4"),
     ({"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "3"}, "1")],
)  # fmt: skip
def test_the_threads_are_those_that_the_variables_allow(monkeypatch, variables, threads):
    for name in environment.THREADS:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(environment.jobs, "num_cores", lambda: 4)
    assert environment.here().machine["blas_threads"] == threads


def test_other_kernels_are_another_processor(monkeypatch):
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    before = environment.here()
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    assert environment.difference(before, environment.here()).endswith("Haswell")


@pytest.mark.parametrize(
    "change",
    [{"versions": None}, {"versions": -1}, {"versions": "x"}, {"versions": {"numpy": 2}},
     {"machine": []}, {"machine": {"processor": None}}, {"resumed": None}, {"resumed": [3]},
     {"resumed": [{"iteration": 0, "versions": {}, "machine": {}}]}, {"resumed": [{}]}],
)  # fmt: skip
def test_an_environment_that_is_none_is_refused_in_one_line(run, change):
    run(*FIRST)
    Path("run/run.json").write_text(json.dumps({**content(), **change}))
    for words in (["evaluate", "run"], LONGER):
        status, out, err = run(*words)
        assert (status, out) == (2, "") and len(err.splitlines()) == 1
        assert "must hold the run.json of a run" in err
    with pytest.raises(ValueError, match=r"run\.json of a run"):
        runs.read_run(Path("run"))
