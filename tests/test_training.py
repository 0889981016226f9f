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

import numpy as np
import pytest
import toy_learner
from problems import small_bandit

from metarl_min import training
from metarl_min.basics import files
from metarl_min.basics.optimizers import adam
from metarl_min.cli import main, run_commands
from metarl_min.gradients.outer_updates import ascent
from metarl_min.gradients.traced_trials import META_GRADIENTS
from metarl_min.learners.maml import maml
from metarl_min.learners.reptile import reptile
from metarl_min.learners.rl2 import rl2
from metarl_min.mdps import rollouts
from metarl_min.tasks.bandits import bandit

BANDIT = small_bandit()
WALK = partial(training.train, seed=3)


def arrays(directory):
    with np.load(directory / "checkpoint.npz", allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def test_a_layout_of_memory_does_not_survive_a_step_since_a_file_would_not_keep_it():
    transposed = np.ones((6, 4))[::2].T

    def step(rng, state):
        return transposed, None

    learner = toy_learner.toy(BANDIT)._replace(init=lambda rng: np.ones((4, 3)), step=step)
    state = WALK(learner, 1)
    assert state.flags["C_CONTIGUOUS"] and (state == transposed).all()


def test_training_in_a_directory_gives_the_bits_of_training_in_memory(tmp_path):
    learner = toy_learner.toy(BANDIT)
    state = training.train_run(tmp_path, learner, 45, seed=3)
    assert repr(state) == repr(WALK(learner, 45))
    assert arrays(tmp_path)["iteration"] == 45
    assert os.listdir(tmp_path) == ["checkpoint.npz"]


def test_every_iteration_has_its_own_stream_so_a_longer_run_begins_with_the_shorter(tmp_path):
    learner = toy_learner.toy(BANDIT)
    training.train_run(tmp_path, learner, 10, seed=3)
    longer = training.train_run(tmp_path, learner, 30, seed=3)
    assert repr(longer) == repr(WALK(learner, 30))


@pytest.mark.parametrize("seed", [0, 3])
def test_iteration_i_draws_from_the_stream_of_seed_and_i_and_the_start_from_that_of_0(seed):
    learner = toy_learner.toy(BANDIT)._replace(
        init=lambda rng: rng.random(1),
        step=lambda rng, state: (state, rng.random()),
    )
    drawn = []
    state = training.train(
        learner, 4, seed=seed, on_iteration=lambda i, info: drawn.append((i, info))
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

    learner = toy_learner.toy(BANDIT)
    training.train_run(tmp_path, learner, iterations, seed=3, on_iteration=look)
    assert [*dict.fromkeys(seen)] == saved


def test_no_iteration_returns_the_start():
    assert WALK(toy_learner.toy(BANDIT), 0).num_steps == 0


def test_nan_ends_in_one_error_and_the_last_good_checkpoint_stays(tmp_path):
    learner = toy_learner.toy(BANDIT, fault="nan", at=33)
    with pytest.raises(FloatingPointError, match=r"got NaN .* state.theta.logits after iteration"):
        training.train_run(tmp_path, learner, 40, seed=3)
    assert arrays(tmp_path)["iteration"] == 32


def test_a_state_that_changes_its_shape_is_an_error_at_once():
    with pytest.raises(TypeError, match="must keep its parts and dtypes"):
        WALK(toy_learner.toy(BANDIT, fault="shape", at=2), 3)


@pytest.mark.parametrize("done", [33, 35])  # with a checkpoint every three, and two after one
def test_ctrl_c_saves_what_is_done(tmp_path, done):
    learner = toy_learner.toy(BANDIT, fault="interrupt", at=done + 1)
    with pytest.raises(KeyboardInterrupt):
        training.train_run(tmp_path, learner, 60, seed=3)
    assert arrays(tmp_path)["iteration"] == done
    other = toy_learner.toy(BANDIT)._replace(settings=learner.settings)
    state = training.train_run(tmp_path, other, 60, seed=3)
    assert repr(state) == repr(WALK(toy_learner.toy(BANDIT), 60))


def test_a_training_past_the_schedule_of_its_learner_is_refused(tmp_path):
    learner = rl2(BANDIT, iterations=3, num_tasks=2, hidden=2)
    rule = "at most 3, because the step size falls to 0 over 3 iterations, got 4; a longer run is"
    for train in (WALK, partial(training.train_run, tmp_path, seed=3)):
        with pytest.raises(ValueError, match=rule):
            train(learner, num_iterations=4)
    assert os.listdir(tmp_path) == []


def test_a_run_with_another_schedule_does_not_continue_a_run(tmp_path):
    training.train_run(tmp_path, rl2(BANDIT, iterations=2, num_tasks=2, hidden=2), 2, seed=3)
    longer = rl2(BANDIT, iterations=4, num_tasks=2, hidden=2)
    with pytest.raises(ValueError, match=r"iterations 2 \(a run of another .* run\), got 4"):
        training.train_run(tmp_path, longer, 4, seed=3)


@pytest.mark.parametrize("learner", [None, rl2, "rl2"])
def test_what_is_no_learner_is_not_trained(tmp_path, learner):
    for train in (WALK, partial(training.train_run, tmp_path, seed=3)):
        with pytest.raises(TypeError, match="learner must be of type Learner, got"):
            train(learner, num_iterations=4)


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"num_iterations": 2.0}, TypeError, "num_iterations must be a whole number"),
        ({"num_iterations": True}, TypeError, "num_iterations must be a whole number"),
        ({"num_iterations": -1}, ValueError, "num_iterations must be at least"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"seed": None}, TypeError, "seed must be a whole number"),
        ({"on_iteration": 3}, TypeError, "on_iteration must be a function"),
    ],
)
def test_a_training_checks_what_it_is_given(tmp_path, words, error, message):
    words = {"num_iterations": 2, "seed": 0, **words}
    for train in (training.train, partial(training.train_run, tmp_path)):
        with pytest.raises(error, match=message):
            train(toy_learner.toy(BANDIT), **words)
    assert os.listdir(tmp_path) == []


def test_a_run_directory_may_be_text(tmp_path):
    state = training.train_run(str(tmp_path), toy_learner.toy(BANDIT), 4, seed=3)
    assert repr(state) == repr(WALK(toy_learner.toy(BANDIT), 4))
    first = training.initial_checkpoint(toy_learner.toy(BANDIT), 3)
    assert training.restore(str(tmp_path), first).iteration == 4


def test_a_longer_run_is_not_cut_to_what_is_asked_for(tmp_path):
    learner = toy_learner.toy(BANDIT)
    training.train_run(tmp_path, learner, 10, seed=3)
    with pytest.raises(ValueError, match="must be at least the 10 that are done, got 5"):
        training.train_run(tmp_path, learner, 5, seed=3)


OTHERS = {
    "learner": (partial(reptile, num_tasks=4), 3, "bandit", "estimator"),
    "beta": (
        partial(maml, num_tasks=4, outer=ascent(adam(0.2))),
        3,
        "bandit",
        "beta 0.05, got 0.2",
    ),
    "alpha": (partial(maml, num_tasks=4, alpha=1.5), 3, "bandit", "alpha 4.0, got 1.5"),
    "estimator": (
        partial(maml, num_tasks=4, estimator=META_GRADIENTS["plain"]),
        3,
        "bandit",
        "got plain",
    ),
    "gamma": (partial(maml, num_tasks=4, gamma=0.9), 3, "bandit", "gamma 1.0, got 0.9"),
    "prior": (partial(maml, num_tasks=4), 3, "poor", "prior=1,9"),
    "noise": (partial(maml, num_tasks=4), 3, "sure", "bernoulli, got noises.deterministic"),
    "seed": (partial(maml, num_tasks=4), 4, "bandit", "seed 3, got 4"),
}
FAMILIES = {
    "bandit": BANDIT,
    "poor": bandit(arms=2, pulls=3, prior=((1.0, 9.0),)),
    "sure": BANDIT._replace(reward_noise=rollouts.deterministic),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_checkpoint_is_continued_only_by_what_made_it(tmp_path, kind):
    training.train_run(tmp_path, maml(BANDIT, num_tasks=4), 2, seed=3)
    content = (tmp_path / "checkpoint.npz").read_bytes()
    make, seed, family, word = OTHERS[kind]
    learner = make(FAMILIES[family])
    with pytest.raises(ValueError, match="must be continued by what made it: ") as error:
        training.train_run(tmp_path, learner, 4, seed=seed)
    assert word in str(error.value)
    with pytest.raises(ValueError, match="must be continued by what made it: "):
        training.restore(tmp_path, training.initial_checkpoint(learner, seed))
    assert (tmp_path / "checkpoint.npz").read_bytes() == content
    assert training.train_run(tmp_path, maml(BANDIT, num_tasks=4), 4, seed=3) is not None


def test_what_made_a_run_does_not_depend_on_the_kind_of_its_numbers():
    made = training.made_by(toy_learner.toy(BANDIT, at=3), 3)
    assert made == training.made_by(toy_learner.toy(BANDIT, at=np.int64(3)), np.uint8(3))
    assert made["learner"] == "toy_learner.step"


def test_a_second_process_is_refused_before_it_trains(tmp_path):
    steps = []
    learner = toy_learner.toy(BANDIT)
    with files.one_writer(tmp_path), pytest.raises(ValueError, match="only one process may write"):
        training.train_run(tmp_path, learner, 3, seed=3, on_iteration=steps.append)
    assert steps == [] and os.listdir(tmp_path) == []


def test_a_checkpoint_that_is_a_link_to_nothing_is_no_new_beginning(tmp_path):
    learner, path = toy_learner.toy(BANDIT), tmp_path / "checkpoint.npz"
    path.symlink_to(tmp_path / "unmounted" / "checkpoint.npz")
    with pytest.raises(ValueError, match=r"whole checkpoint, got a link to .*unmounted"):
        training.train_run(tmp_path, learner, 3, seed=3)
    assert path.is_symlink()


def test_a_learner_that_begins_with_nan_is_an_error_at_once():
    learner = toy_learner.toy(BANDIT)._replace(init=lambda rng: np.array([np.nan]))
    with pytest.raises(FloatingPointError, match="NaN or infinity in state after iteration 0"):
        WALK(learner, 3)


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
    """One process and three at once are killed; those that come second are refused."""
    whole, killed, chance = tmp_path / "whole", tmp_path / "killed", random.Random(4)
    uninterrupted, kills = start(whole), 0
    for num_processes in (1, 3):
        processes = [start(killed, "--resume") for _ in range(num_processes)]
        time.sleep(chance.uniform(0.3, 1.0) * num_processes)
        for process in processes:
            process.send_signal(signal.SIGKILL)
        for process in processes:
            status, _, err = finish(process)
            kills += status == -signal.SIGKILL
            assert status in (0, -signal.SIGKILL) or (status == 2 and "only one process" in err)
        if (killed / "checkpoint.npz").exists():
            assert arrays(killed)["iteration"] <= 300
    assert finish(uninterrupted)[0] == 0
    status, out, err = finish(start(killed, "--resume"))
    assert status == 0 and "300 iterations are done" in out, err
    assert kills >= 1
    for name in ("checkpoint.npz", "history.csv", "run.json"):
        assert (whole / name).read_bytes() == (killed / name).read_bytes()
    names = ["checkpoint.npz", "history.csv", "history.png", "run.json"]
    assert sorted(os.listdir(killed)) == names
    assert json.loads((killed / "run.json").read_text())["settings"] == {
        "fault": "", "at": 0, "pause": 0.004,
    }  # fmt: skip


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


def test_schedules_run_over_the_iterations_of_the_command_line(tmp_path, monkeypatch):
    monkeypatch.setattr(run_commands, "_learning_curve", lambda run: b"a picture")
    given = ["train", "rl2", "bandit", "--set", "num_tasks=4", "--set", "hidden=3"]
    words = [*given, "--iterations", "5", "--out", str(tmp_path / "run")]
    assert main.main(words) == 0
    settings = json.loads((tmp_path / "run" / "run.json").read_text())["settings"]
    assert (settings["iterations"], settings["num_tasks"], settings["hidden"]) == (5, 4, 3)
    assert main.main([*words, "--resume"]) == 0
    own = [*given, "--set", "iterations=9", "--iterations", "5", "--out", str(tmp_path / "own")]
    assert main.main(own) == 0
    settings = json.loads((tmp_path / "own" / "run.json").read_text())["settings"]
    assert settings["iterations"] == 9


@pytest.mark.parametrize("wrong", [None, "maml", [1], (1, 2)])
def test_what_is_no_learner_no_checkpoint_and_no_function_is_refused(tmp_path, wrong):
    learner = toy_learner.toy(BANDIT)
    first = training.initial_checkpoint(learner, 0)
    with pytest.raises(TypeError, match="learner must be of type Learner, got"):
        training.train(wrong, 2, seed=0)
    with pytest.raises(TypeError, match="learner must be of type Learner, got"):
        training.initial_checkpoint(wrong, 0)
    for call in (lambda: training.restore(tmp_path, wrong),
                 lambda: next(training.iterations(learner, wrong, 2, 0))):  # fmt: skip
        with pytest.raises(TypeError, match="must be of type Checkpoint, got"):
            call()
    with pytest.raises(TypeError, match="on_iteration must be a function, got"):
        training.train(learner, 2, seed=0, on_iteration=wrong)
    for end, seed in ((wrong, 0), (2, wrong)):
        with pytest.raises(TypeError, match="must be a whole number, got"):
            next(training.iterations(learner, first, end, seed))


@pytest.mark.parametrize("wrong", [None, 3, ["runs"], b"runs"])
def test_a_directory_is_a_path_or_a_text(tmp_path, wrong):
    learner = toy_learner.toy(BANDIT)
    with pytest.raises(TypeError, match="directory must be a path, got"):
        training.train_run(wrong, learner, 2, seed=0)
    with pytest.raises(TypeError, match="directory must be a path, got"):
        training.restore(wrong, training.initial_checkpoint(learner, 0))
    assert training.train_run(str(tmp_path), learner, 2, seed=0).num_steps == 2
