"""Base calls of the modules outside the rooms: evaluation, checkpoints and training."""

import atexit
import shutil
import tempfile
from pathlib import Path

import numpy as np
from comparing import rng
from problems import small_bandit
from toy_learner import toy

from campaign.judging import call
from metarl_min import checkpoints, evaluation, training
from metarl_min.checkpoints import Checkpoint

FAMILY = small_bandit()
LEARNER = toy(FAMILY)
STATE = LEARNER.init(rng())
DIRECTORY = Path(tempfile.mkdtemp())
atexit.register(shutil.rmtree, DIRECTORY, ignore_errors=True)
FIRST = training.initial_checkpoint(LEARNER, 1)
FILE = DIRECTORY / "checkpoint.npz"


def save(path, checkpoint):
    checkpoints.save(path, checkpoint)
    return path.read_bytes()


def load(path, first):
    checkpoints.save(FILE, FIRST._replace(iteration=3))
    return checkpoints.load(path, first)


def restore(directory, first):
    checkpoints.save(FILE, FIRST._replace(iteration=3))
    return training.restore(directory, first)


def run(**arguments):
    """Train in an empty directory."""
    with tempfile.TemporaryDirectory(dir=DIRECTORY) as name:
        return training.train_run(Path(name), **arguments)


LONG = {"num_tasks": "huge", "num_iterations": "huge", "end": "huge"}  # work that is asked for

CALLS = {
    "evaluation.mean_and_stderr": call(
        evaluation.mean_and_stderr, {"samples": "wrong-shape"}, samples=np.array([0.5, -1.0, 2.0])
    ),
    "evaluation.play_fresh_tasks": call(
        evaluation.play_fresh_tasks, LONG,
        learner=LEARNER, state=STATE, num_tasks=3, seed=1, greedy=False,
    ),
    "evaluation.evaluate": call(
        evaluation.evaluate, LONG, learner=LEARNER, state=STATE, num_tasks=3, seed=1, greedy=False
    ),
    "checkpoints.save": call(save, path=DIRECTORY / "new.npz", checkpoint=Checkpoint(3, STATE)),
    "checkpoints.load": call(load, path=FILE, first=FIRST),
    "checkpoints.flatten": call(checkpoints.flatten, {"value": "*"}, value=STATE),
    "checkpoints.write_atomically": call(
        checkpoints.write_atomically, path=DIRECTORY / "x", content=b"abc"
    ),
    "training.initial_checkpoint": call(training.initial_checkpoint, learner=LEARNER, seed=1),
    "training.restore": call(restore, directory=DIRECTORY, first=FIRST),
    "training.iterations": call(
        training.iterations, LONG, learner=LEARNER, last=FIRST, end=2, seed=1
    ),
    "training.train": call(
        training.train, {"num_iterations": "None huge"}, learner=LEARNER, num_iterations=2, seed=1,
        on_iteration=training.no_report
    ),
    "training.train_run": call(run, LONG, learner=LEARNER, num_iterations=2, seed=1),
}  # fmt: skip
RESULTS = ("evaluation.Scores", "checkpoints.Checkpoint")
