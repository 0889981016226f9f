"""One loop for every learner, its checkpoints and its run directories."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import toy_learner

from metarl_min import checkpoints, tasks, training
from metarl_min.checkpoints import Checkpoint
from metarl_min.cli import main, runs

BANDIT = tasks.make("bandit", {"arms": "2", "pulls": "3"})
WALK = partial(training.train, family=BANDIT, seed=3)


class Nested(NamedTuple):
    table: dict[str, Any]
    pair: tuple[Any, ...]
    whole: int
    real: float
    nothing: None
    small: Any


def nested(k):
    return Nested({"w": np.full((2, 3), 0.1 * k)}, (k, [np.arange(k, k + 2)]), k, k / 3, None,
                  np.float32(k))  # fmt: skip


def arrays(directory):
    with np.load(directory / "checkpoint.npz", allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def test_a_state_of_nested_values_comes_back_with_its_types_and_bits(tmp_path):
    path = tmp_path / "checkpoint.npz"
    checkpoints.save(path, Checkpoint(7, nested(5)))
    checkpoint = checkpoints.load(path, nested(0))
    assert checkpoint.iteration == 7
    assert repr(checkpoint.state) == repr(nested(5))
    assert type(checkpoint.state.whole) is int and type(checkpoint.state.small) is np.float32


def test_the_bytes_of_a_checkpoint_depend_on_the_arrays_alone(tmp_path):
    checkpoints.save(tmp_path / "one", Checkpoint(7, nested(5)))
    time.sleep(2.1)  # zip files keep times in steps of two seconds
    checkpoints.save(tmp_path / "two", Checkpoint(7, nested(5)))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_layout_of_memory_does_not_survive_a_step_since_a_file_would_not_keep_it():
    transposed = np.ones((6, 4))[::2].T

    def step(rng, state, family):
        return transposed, None

    learner = toy_learner.toy()._replace(init=lambda rng, family: np.ones((4, 3)), step=step)
    state = WALK(learner, iterations=1)
    assert state.flags["C_CONTIGUOUS"] and (state == transposed).all()


@pytest.mark.parametrize("leaf", ["text", object(), np.array(["a"]), 2**70])
def test_a_state_holds_numbers_only(leaf):
    with pytest.raises(TypeError, match="a state must hold arrays, numbers and None"):
        checkpoints.flatten({"a": leaf})


def test_training_in_a_directory_gives_the_bits_of_training_in_memory(tmp_path):
    learner = toy_learner.toy()
    state = training.train_run(tmp_path, learner, BANDIT, iterations=45, seed=3)
    assert repr(state) == repr(WALK(learner, iterations=45))
    assert arrays(tmp_path)["iteration"] == 45
    assert os.listdir(tmp_path) == ["checkpoint.npz"]


def test_every_iteration_has_its_own_stream_so_a_longer_run_begins_with_the_shorter(tmp_path):
    learner = toy_learner.toy()
    training.train_run(tmp_path, learner, BANDIT, iterations=10, seed=3)
    longer = training.train_run(tmp_path, learner, BANDIT, iterations=30, seed=3)
    assert repr(longer) == repr(WALK(learner, iterations=30))


@pytest.mark.parametrize("seed", [0, 3])
def test_iteration_i_draws_from_the_stream_of_seed_and_i_and_the_start_from_that_of_0(seed):
    learner = toy_learner.toy()._replace(
        init=lambda rng, family: rng.random(1),
        step=lambda rng, state, family: (state, rng.random()),
    )
    drawn = []
    state = training.train(
        learner, BANDIT, iterations=4, seed=seed, report=lambda i, info: drawn.append((i, info))
    )
    streams = [np.random.default_rng([seed, i]).random() for i in range(5)]
    assert [*state] == streams[:1]
    assert drawn == list(enumerate(streams))[1:]


@pytest.mark.parametrize(
    ("iterations", "saved"),
    [(5, [1, 2, 3, 4, 5]), (40, [*range(2, 41, 2)]), (70, [*range(3, 70, 3), 70])],
)
def test_about_20_checkpoints_are_written_the_last_of_them_at_the_end(tmp_path, iterations, saved):
    seen = []

    def look(iteration, info):
        if (tmp_path / "checkpoint.npz").exists():
            seen.append(int(arrays(tmp_path)["iteration"]))

    learner = toy_learner.toy()
    training.train_run(tmp_path, learner, BANDIT, iterations=iterations, seed=3, report=look)
    assert [*dict.fromkeys(seen)] == saved


def test_no_iteration_returns_the_start():
    assert WALK(toy_learner.toy(), iterations=0).num_steps == 0


def test_nan_ends_in_one_error_and_the_last_good_checkpoint_stays(tmp_path):
    learner = toy_learner.toy(fault="nan", at=33)
    with pytest.raises(FloatingPointError, match=r"got NaN .* state.theta.logits after iteration"):
        training.train_run(tmp_path, learner, BANDIT, iterations=40, seed=3)
    assert arrays(tmp_path)["iteration"] == 32


def test_a_state_that_changes_its_shape_is_an_error_at_once():
    with pytest.raises(TypeError, match="must keep its parts and dtypes"):
        WALK(toy_learner.toy(fault="shape", at=2), iterations=3)


@pytest.mark.parametrize("done", [33, 35])  # with a checkpoint every three, and two after one
def test_ctrl_c_saves_what_is_done(tmp_path, done):
    learner = toy_learner.toy(fault="interrupt", at=done + 1)
    with pytest.raises(KeyboardInterrupt):
        training.train_run(tmp_path, learner, BANDIT, iterations=60, seed=3)
    assert arrays(tmp_path)["iteration"] == done
    state = training.train_run(tmp_path, toy_learner.toy(), BANDIT, iterations=60, seed=3)
    assert repr(state) == repr(WALK(toy_learner.toy(), iterations=60))


def checkpoint_bytes(tmp_path):
    checkpoints.save(tmp_path / "good", Checkpoint(1, nested(1)))
    return (tmp_path / "good").read_bytes()


def npy(tmp_path):
    np.save(tmp_path / "x.npy", np.ones(3))
    return (tmp_path / "x.npy").read_bytes()


def pickled(tmp_path):
    np.savez(tmp_path / "x.npz", iteration=1, state=np.array([{}], dtype=object))
    return (tmp_path / "x.npz").read_bytes()


FOREIGN = {
    "truncated": lambda tmp: checkpoint_bytes(tmp)[:-30],
    "cut in two": lambda tmp: checkpoint_bytes(tmp)[:400],
    "flipped": lambda tmp: checkpoint_bytes(tmp).replace(np.float64(0.1).tobytes(), bytes(8), 1),
    "empty": lambda tmp: b"",
    "text": lambda tmp: b"hello\n" * 100,
    "one array": npy,
    "pickle": pickled,
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_damaged_or_foreign_checkpoint_is_one_line_and_stays_as_it_is(tmp_path, kind):
    path, content = tmp_path / "checkpoint.npz", FOREIGN[kind](tmp_path)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="must be a whole checkpoint, got") as error:
        checkpoints.load(path, nested(0))
    assert "\n" not in str(error.value)
    assert path.read_bytes() == content


def test_a_checkpoint_of_another_state_is_refused(tmp_path):
    path = tmp_path / "checkpoint.npz"
    checkpoints.save(path, Checkpoint(1, nested(1)))
    for other in (
        nested(0)._replace(table={"w": np.zeros((2, 4))}),
        nested(0)._replace(table={"v": np.zeros((2, 3))}),
        nested(0)._replace(nothing=1.0),
        nested(0)._replace(small=np.float64(0)),
    ):
        with pytest.raises(ValueError, match="must be a checkpoint of this learner"):
            checkpoints.load(path, other)


def test_the_start_may_be_a_checkpoint_and_what_comes_before_it_may_not(tmp_path):
    path = tmp_path / "checkpoint.npz"
    checkpoints.save(path, Checkpoint(0, nested(2)))
    assert checkpoints.load(path, nested(0)).iteration == 0
    checkpoints.save(path, Checkpoint(-1, nested(2)))
    with pytest.raises(ValueError, match=r"must be a checkpoint of this .*, got iteration -1"):
        checkpoints.load(path, nested(0))


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "run.json"
    checkpoints.write_atomically(path, b"old")

    def fail(file):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        checkpoints.write_atomically(path, b"new")
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["run.json"]


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"learner": 1}', '{"learner": "toy", "settings": 1, "family": {"name": "x"},'
     ' "seed": 0, "iterations": 1, "versions": {}}'],
)  # fmt: skip
def test_a_run_json_that_is_none_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(ValueError, match=r"must hold the run\.json of a run, got") as error:
        runs.read_run(tmp_path)
    assert "\n" not in str(error.value)


def start(out, *options):
    """Start a process that trains the toy into `out`."""
    words = ["train", "toy", "bandit", "arms=2", "--set", "pause=0.004", "--iterations", "300"]
    return subprocess.Popen(
        [sys.executable, str(Path(toy_learner.__file__)), *words, "--out", str(out), *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def finish(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out.decode(), err.decode()


def test_a_run_killed_at_random_moments_and_resumed_has_the_bits_of_one_that_was_not(tmp_path):
    whole, killed, chance = tmp_path / "whole", tmp_path / "killed", random.Random(4)
    uninterrupted, kills = start(whole), 0
    for _ in range(4):
        process = start(killed, "--resume")
        time.sleep(chance.uniform(0.3, 1.0))
        process.send_signal(signal.SIGKILL)
        kills += finish(process)[0] == -signal.SIGKILL
    assert finish(uninterrupted)[0] == 0
    status, out, err = finish(start(killed, "--resume"))
    assert status == 0 and "300 iterations are done" in out, err
    assert kills >= 1
    for name in ("checkpoint.npz", "run.json"):
        assert (whole / name).read_bytes() == (killed / name).read_bytes()
    assert sorted(os.listdir(killed)) == ["checkpoint.npz", "run.json"]
    assert json.loads((killed / "run.json").read_text())["settings"] == {"pause": "0.004"}


def test_ctrl_c_ends_with_status_1_and_one_line_that_says_how_to_go_on(tmp_path):
    process = start(tmp_path / "run")
    while not (tmp_path / "run" / "checkpoint.npz").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    status, out, err = finish(process)
    assert status == 1 and out == ""
    last = err.splitlines()[-1]
    assert last == f"metarl_min: interrupted: add --resume --out {tmp_path / 'run'} to continue"
    assert "Traceback" not in err
    assert finish(start(tmp_path / "run", "--resume"))[0] == 0


def test_what_falls_over_a_run_falls_over_the_iterations_asked_for(tmp_path):
    given = ["train", "rl2", "bandit", "--set", "num_tasks=4", "--set", "hidden=3"]
    words = [*given, "--iterations", "5", "--out", str(tmp_path / "run")]
    assert main.main(words) == 0
    kept = json.loads((tmp_path / "run" / "run.json").read_text())
    assert kept["settings"] == {"iterations": "5", "num_tasks": "4", "hidden": "3"}
    assert main.main([*words, "--resume"]) == 0
    own = [*given, "--set", "iterations=9", "--iterations", "5", "--out", str(tmp_path / "own")]
    assert main.main(own) == 0
    kept = json.loads((tmp_path / "own" / "run.json").read_text())
    assert kept["settings"]["iterations"] == "9"
