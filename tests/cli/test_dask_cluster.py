"""A scheduler of Dask and two workers, one of which is killed: the same bytes as on one core.

This needs the extra `distributed`, and takes about a minute.
"""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRAIN = ("train", "es", "bandit", "arms=2", "pulls=5", "--set", "population=16", "num_tasks=64")
COMPARE = ("compare", "--tasks", "bandit", "--learners", "maml,es", "--seeds", "2")
TABLES = ("tables", "bandits", "--cells", "10,5", "--trials", "100")


def start(words, out):
    command = [sys.executable, "-m", "metarl_min", *words, "--out", str(out)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT)


@pytest.fixture(scope="module")
def on_one_core(tmp_path_factory):
    """Return a folder with the result of each command, done without the word --executor."""
    pytest.importorskip("distributed")
    folder = tmp_path_factory.mktemp("one")
    for words in ((*TRAIN, "--iterations", "60"), COMPARE, TABLES):
        process = start(words, folder / words[0])
        assert process.communicate(timeout=200) and process.returncode == 0
    return folder


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """Start a scheduler and two workers; return the processes, and the word of --executor."""
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    spec = importlib.util.spec_from_file_location("many", ROOT / "examples" / "many_workers.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    started, file = example.processes(tmp_path)
    yield started, f"dask:{json.loads(file.read_text())['address']}"
    for process in started:
        process.kill()
        process.wait()


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    assert condition()


def after_some_generations(process, out):
    history = out / "history.csv"
    wait_for(lambda: history.exists() and history.read_text().count("\n") > 5)


def after_the_first_job(process, out):
    line = process.stderr.readline()
    while "seconds left" not in line:
        assert line, "the command has ended"
        line = process.stderr.readline()


def content(path):
    """Return the bytes of a file, without the lines of clock times."""
    lines = path.read_bytes().splitlines()
    return [line for line in lines if path.suffix != ".json" or b'seconds"' not in line]


@pytest.mark.parametrize(
    ("words", "wait", "names"),
    [
        (
            (*TRAIN, "--iterations", "60"),
            after_some_generations,
            ("checkpoint.npz", "history.csv", "run.json"),
        ),
        (COMPARE, after_the_first_job, ("results.json",)),
        (TABLES, after_the_first_job, ("results.json",)),
    ],
    ids=["train", "compare", "tables"],
)
def test_a_worker_that_is_killed_costs_its_work_again_and_nothing_else(
    on_one_core, cluster, tmp_path, words, wait, names
):
    (_, worker, _), word = cluster
    process = start((*words, "--executor", word), tmp_path / "out")
    wait(process, tmp_path / "out")
    os.kill(worker.pid, signal.SIGKILL)
    error = process.communicate(timeout=200)[1]
    assert process.returncode == 0, error
    for name in names:
        assert content(tmp_path / "out" / name) == content(on_one_core / words[0] / name), name


def test_a_run_whose_scheduler_is_killed_ends_in_one_line_and_goes_on_elsewhere(
    on_one_core, cluster, tmp_path
):
    (scheduler, *_), word = cluster
    words, out = (*TRAIN, "--iterations", "60"), tmp_path / "out"
    process = start((*words, "--executor", word), out)
    after_some_generations(process, out)
    os.kill(scheduler.pid, signal.SIGKILL)
    lines = process.communicate(timeout=200)[1].splitlines()
    assert process.returncode == 1 and "the scheduler of Dask is lost" in lines[-1]
    assert not [line for line in lines[:-1] if not line.startswith("iteration")]
    process = start((*words, "--resume"), out)
    assert process.communicate(timeout=200) and process.returncode == 0
    assert content(out / "checkpoint.npz") == content(on_one_core / "train" / "checkpoint.npz")
