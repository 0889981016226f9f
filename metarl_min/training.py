"""Training: one loop for every learner, with checkpoints, so that a stopped run can be resumed.

Iteration i = 1, 2, .. of a run draws its random numbers from `default_rng([seed, i])`, and `init`
draws from `default_rng([seed, 0])`. A checkpoint therefore holds no generator: it holds the state
and the number of iterations. A run that is resumed computes the same bits as a run that was never
stopped.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from metarl_min import checkpoints
from metarl_min.basics.arguments import whole
from metarl_min.checkpoints import Checkpoint
from metarl_min.learners import Learner

OnIteration = Callable[[int, Any], None]  # number of the iteration, its Info


def initial_checkpoint(learner: Learner, seed: int) -> Checkpoint:
    """Return the learner before its first iteration."""
    whole("seed", seed, 0)
    return Checkpoint(iteration=0, state=learner.init(np.random.default_rng([seed, 0])))


def restore(directory: Path, first: Checkpoint) -> Checkpoint:
    """Return the last checkpoint of a run directory, or `first` if it has no checkpoint yet.

    `first` is the initial checkpoint of the learner. ValueError if the file is damaged, or belongs
    to a learner whose state has other parts.
    """
    path = directory / "checkpoint.npz"
    return checkpoints.load(path, first.state) if path.exists() else first


def _require_finite(leaves: dict[str, Any], iteration: int) -> None:
    for path, leaf in leaves.items():
        if not np.isfinite(leaf).all():
            got = f"NaN or infinity in {path} after iteration {iteration}"
            raise FloatingPointError(f"a state must stay finite, got {got}")


def _next(last: Checkpoint, state: Any) -> Checkpoint:
    """Return the checkpoint that follows `last`.

    The new state has the types that it would have if it were read back from a file. A run that is
    resumed therefore continues from the very same state.
    """
    checkpoint = Checkpoint(iteration=last.iteration + 1, state=state)
    leaves = checkpoints.flatten(checkpoint)
    _require_finite(leaves, checkpoint.iteration)
    strange = checkpoints.shapes(leaves) ^ checkpoints.shapes(checkpoints.flatten(last))
    if strange:
        place = f"after iteration {checkpoint.iteration}"
        raise TypeError(f"a state must keep its parts and dtypes, got other {strange} {place}")
    return checkpoints.rebuild(last, leaves)


def iterations(
    learner: Learner, last: Checkpoint, end: int, seed: int
) -> Iterator[tuple[Checkpoint, Any]]:
    """Yield the checkpoint and the Info of each iteration after `last`, up to iteration `end`.

    FloatingPointError if a state holds NaN or infinity. TypeError if a state changes its shapes
    or dtypes.
    """
    while last.iteration < end:
        rng = np.random.default_rng([seed, last.iteration + 1])
        try:
            state, info = learner.step(rng, last.state)
        except FloatingPointError as error:  # such as a gradient that is not finite
            raise FloatingPointError(f"{error}, after iteration {last.iteration}") from error
        last = _next(last, state)
        yield last, info


def no_report(iteration: int, info: Any) -> None:
    """Do nothing: the `on_iteration` of a run that nobody watches."""


def train(
    learner: Learner,
    num_iterations: int | None = None,
    *,
    seed: int,
    on_iteration: OnIteration = no_report,
) -> Any:
    """Train in memory and return the last state. By default a run has `learner.iterations`.

    >>> from metarl_min.learners.maml import maml
    >>> from metarl_min.tasks.bandits import bandit
    >>> state = train(maml(bandit(arms=2, pulls=3), num_tasks=10), 2, seed=0)
    >>> state.theta["logits"].shape
    (1, 2)
    """
    end = (
        learner.iterations if num_iterations is None else whole("num_iterations", num_iterations, 0)
    )
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
    start: Checkpoint | None = None,
    on_iteration: OnIteration = no_report,
) -> Any:
    """Train in a run directory, from its last checkpoint on, and return the last state.

    The directory receives about 20 checkpoints in all; each replaces the one before. Ctrl-C writes
    one more, of the last iteration that was completed. A caller that has already restored the last
    checkpoint passes it as `start`.
    """
    every = max(1, whole("num_iterations", num_iterations) // 20)
    path = directory / "checkpoint.npz"
    last = saved = start or restore(directory, initial_checkpoint(learner, seed))
    try:
        for last, info in iterations(learner, saved, num_iterations, seed):
            if last.iteration % every == 0 or last.iteration == num_iterations:
                checkpoints.save(path, last)
                saved = last
            on_iteration(last.iteration, info)
    except KeyboardInterrupt:
        if saved is not last:
            checkpoints.save(path, last)
        raise
    return last.state
