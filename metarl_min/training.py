"""Training: one loop for every learner, with checkpoints, so that a stopped run can be resumed.

Iteration i = 1, 2, .. of a run draws its random numbers from `default_rng([seed, i])`, and `init`
draws from `default_rng([seed, 0])`. A checkpoint therefore holds no generator. It holds the state,
the number of iterations, and the origin of the state: the learner, its settings, its family and the
seed. A run that is resumed computes the same bits as a run that was never stopped, under one
condition: the processor, the versions of the libraries and the number of threads of linear algebra
(BLAS) are the same. Sums of rl2 and mann, for example, have other bits with another number of
threads. The command line uses one thread unless an environment variable says otherwise. In Python,
set `OPENBLAS_NUM_THREADS=1` before NumPy is imported.

`made_by`, `continue_run` and `no_report` trust their arguments.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from metarl_min import checkpoints
from metarl_min.basics import files, words
from metarl_min.basics.arguments import function, instance, require, whole
from metarl_min.checkpoints import Checkpoint
from metarl_min.learners import Learner, within_schedule

Shapes = set[tuple[str, Any, Any]]  # (path, shape, dtype) of each leaf
OnIteration = Callable[[int, Any], None]  # number of the iteration, its Info


def _name(called: Any) -> str:
    """Return the file of a function, without its folder, and the name of the function."""
    module = sys.modules.get(getattr(called, "__module__", ""))
    file = Path(getattr(module, "__file__", None) or "").stem
    return f"{file}.{getattr(called, '__qualname__', type(called).__name__)}"


def _with_values(name: str, values: Mapping[str, Any]) -> str:
    return " ".join([name, *(f"{key}={value}" for key, value in values.items())])


def _to_json(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)


def made_by(learner: Learner, seed: int) -> dict[str, Any]:
    """Return the learner, the settings, the family and the seed of a run, in types of JSON.

    They determine all states of the run.

    >>> from metarl_min.learners.reptile import reptile
    >>> from metarl_min.tasks.bandits import bandit
    >>> made = made_by(reptile(bandit(arms=2)), seed=3)
    >>> made["family"], made["seed"], made["num_tasks"]
    ('bandit arms=2 pulls=10 prior=1,1', 3, 200)
    """
    family = learner.family
    (step, _), (noise, values) = words.unwrapped(learner.step), words.unwrapped(family.reward_noise)
    made = {
        "learner": _name(step),
        **learner.settings,
        "family": _with_values(family.name, family.parameters),
        "horizon": family.horizon,
        "episodes": family.num_episodes,
        "noise": _with_values(_name(noise), values),
        "seed": whole("seed", seed, 0, np.inf),
    }
    return dict(json.loads(json.dumps(made, default=_to_json)))


def initial_checkpoint(learner: Learner, seed: int) -> Checkpoint:
    """Return the checkpoint before the first iteration. FloatingPointError if it is not finite."""
    instance("learner", learner, Learner)
    state = learner.init(np.random.default_rng([whole("seed", seed, 0, np.inf), 0]))
    first = Checkpoint(iteration=0, state=state, made_by=made_by(learner, seed))
    checkpoints.require_finite(checkpoints.leaves_of(first), 0)
    return first


def restore(directory: Path, first: Checkpoint) -> Checkpoint:
    """Return the last checkpoint of a run directory, or `first` if it has no checkpoint yet.

    `first` is the initial checkpoint of the learner. ValueError if the file is damaged, or was made
    by another learner, family, seed or other settings.
    """
    path = files.as_path("directory", directory) / "checkpoint.npz"
    instance("first", first, Checkpoint)
    return checkpoints.load(path, first) if path.exists() or path.is_symlink() else first


def _next(last: Checkpoint, state: Any, shapes: Shapes) -> Checkpoint:
    """Return the checkpoint that follows `last`; its leaves must have the given shapes.

    The new state has the types that it would have if it were read back from a file. A run that is
    resumed therefore continues from the very same state.
    """
    checkpoint = last._replace(iteration=last.iteration + 1, state=state)
    leaves = checkpoints.leaves_of(checkpoint)
    checkpoints.require_finite(leaves, checkpoint.iteration)
    strange = checkpoints.shapes(leaves) ^ shapes
    if strange:
        place = f"after iteration {checkpoint.iteration}"
        raise TypeError(f"a state must keep its parts and dtypes, got other {strange} {place}")
    return checkpoints.with_leaves(last, leaves)


def iterations(
    learner: Learner, last: Checkpoint, end: int, seed: int
) -> Iterator[tuple[Checkpoint, Any]]:
    """Yield the checkpoint and the Info of each iteration after `last`, up to iteration `end`.

    FloatingPointError if a state holds NaN or infinity. TypeError if a state changes its shapes
    or dtypes.
    """
    instance("learner", learner, Learner)
    instance("last", last, Checkpoint)
    end, seed = whole("end", end, 0), whole("seed", seed, 0, np.inf)
    shapes = checkpoints.shapes(checkpoints.leaves_of(last))
    while last.iteration < end:
        rng = np.random.default_rng([seed, last.iteration + 1])
        try:
            state, info = learner.step(rng, last.state)
        except FloatingPointError as error:  # such as a gradient that is not finite
            raise FloatingPointError(f"{error}, after iteration {last.iteration}") from error
        last = _next(last, state, shapes)
        yield last, info


def no_report(iteration: int, info: Any) -> None:
    """Do nothing. This is the default of `on_iteration`."""


def train(
    learner: Learner,
    num_iterations: int | None = None,
    *,
    seed: int,
    on_iteration: OnIteration = no_report,
) -> Any:
    """Train in memory and return the last state.

    The default of `num_iterations` is `learner.iterations`. ValueError if a schedule of the learner
    ends before this iteration.

    >>> from metarl_min.learners.maml import maml
    >>> from metarl_min.tasks.bandits import bandit
    >>> state = train(maml(bandit(arms=2, pulls=3), num_tasks=10), 2, seed=0)
    >>> state.theta["logits"].shape
    (1, 2)
    """
    instance("learner", learner, Learner)
    function("on_iteration", on_iteration)
    length = learner.iterations if num_iterations is None else num_iterations
    end = within_schedule(learner, length)
    last = first = initial_checkpoint(learner, seed)
    for last, info in iterations(learner, first, end, seed):
        on_iteration(last.iteration, info)
    return last.state


def train_run(
    directory: Path,
    learner: Learner,
    num_iterations: int,
    *,
    seed: int,
    on_iteration: OnIteration = no_report,
) -> Any:
    """Train in a run directory, from its last checkpoint on, and return the last state.

    The directory receives about 20 checkpoints in all; each replaces the one before. Ctrl-C writes
    one more, of the last iteration that was completed.

    ValueError if another process writes in the directory, or if its checkpoint was made by another
    learner, family, seed or other settings. ValueError if the last checkpoint is after iteration
    `num_iterations`, or if a schedule of the learner ends before this iteration.
    """
    instance("learner", learner, Learner)
    function("on_iteration", on_iteration)
    within_schedule(learner, whole("num_iterations", num_iterations))
    first = initial_checkpoint(learner, seed)
    with files.one_writer(files.as_path("directory", directory)):
        last = restore(directory, first)
        rule = f"num_iterations must be at least the {last.iteration} that are done"
        require(last.iteration <= num_iterations, rule, num_iterations)
        return continue_run(directory, learner, num_iterations, last, on_iteration)


def continue_run(
    directory: Path,
    learner: Learner,
    num_iterations: int,
    start: Checkpoint,
    on_iteration: OnIteration = no_report,
) -> Any:
    """Do the work of `train_run` after the checkpoint `start`, in a directory that is locked."""
    every = max(1, num_iterations // 20)
    path, seed = Path(directory) / "checkpoint.npz", start.made_by["seed"]
    last = saved = start
    try:
        for last, info in iterations(learner, start, num_iterations, seed):
            if last.iteration % every == 0 or last.iteration == num_iterations:
                checkpoints.save(path, last)
                saved = last
            on_iteration(last.iteration, info)
    except KeyboardInterrupt:
        if saved is not last:
            checkpoints.save(path, last)
        raise
    return last.state
