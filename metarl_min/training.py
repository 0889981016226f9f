"""One loop for every learner, with checkpoints and resume.

Iteration i = 1, 2, .. of a run draws from default_rng([seed, i]), its start from
default_rng([seed, 0]). So a checkpoint holds the state and the number of iterations done, no
generator, and a resumed run repeats the bits of one that was never stopped.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from metarl_min import checkpoints
from metarl_min.basics.arguments import whole
from metarl_min.checkpoints import Checkpoint
from metarl_min.learners import Learner
from metarl_min.tasks import Family

Report = Callable[[int, Any], None]  # (iteration, info); an Info is nested like a state


def initial_checkpoint(learner: Learner, family: Family, seed: int) -> Checkpoint:
    """Return the learner before its first iteration."""
    whole("seed", seed, 0)
    return Checkpoint(0, learner.init(np.random.default_rng([seed, 0]), family))


def restore(directory: Path, learner: Learner, family: Family, seed: int) -> Checkpoint:
    """Return the last checkpoint of a run directory, or the start where there is none yet."""
    first, path = initial_checkpoint(learner, family, seed), directory / "checkpoint.npz"
    return checkpoints.load(path, first.state) if path.exists() else first


def _next(last: Checkpoint, state: Any) -> Checkpoint:
    """Return the checkpoint after `last`, in the form in which it would come back from its file."""
    checkpoint = Checkpoint(last.iteration + 1, state)
    leaves, place = checkpoints.flatten(checkpoint), f"after iteration {checkpoint.iteration}"
    for path, leaf in leaves.items():
        if not np.isfinite(leaf).all():
            got = f"NaN or infinity in {path} {place}"
            raise FloatingPointError(f"a state must stay finite, got {got}")
    strange = checkpoints.shapes(leaves) ^ checkpoints.shapes(checkpoints.flatten(last))
    if strange:
        raise TypeError(f"a state must keep its parts and dtypes, got other {strange} {place}")
    return checkpoints.rebuild(last, leaves)


def iterate(
    learner: Learner, family: Family, last: Checkpoint, iterations: int, seed: int
) -> Iterator[tuple[Checkpoint, Any]]:
    """Yield each checkpoint after `last`, up to `iterations`, with its Info."""
    while last.iteration < iterations:
        rng = np.random.default_rng([seed, last.iteration + 1])
        state, info = learner.step(rng, last.state, family)
        last = _next(last, state)
        yield last, info


def ignore(iteration: int, info: Any) -> None:
    """Report nothing."""


def train(
    learner: Learner, family: Family, *, iterations: int, seed: int, report: Report = ignore
) -> Any:
    """Return the state after `iterations`, trained in memory."""
    last = first = initial_checkpoint(learner, family, seed)
    for last, info in iterate(learner, family, first, whole("iterations", iterations, 0), seed):
        report(last.iteration, info)
    return last.state


def train_run(
    directory: Path, learner: Learner, family: Family, *, iterations: int, seed: int,
    report: Report = ignore,
) -> Any:  # fmt: skip
    """Return the state after `iterations`, from the last checkpoint of `directory` on.

    About 20 checkpoints are written, and one where Ctrl-C stops the run.
    """
    path, every = directory / "checkpoint.npz", max(1, whole("iterations", iterations) // 20)
    last = saved = restore(directory, learner, family, seed)
    try:
        for last, info in iterate(learner, family, saved, iterations, seed):
            if last.iteration % every == 0 or last.iteration == iterations:
                checkpoints.save(path, last)
                saved = last
            report(last.iteration, info)
    except KeyboardInterrupt:
        if saved is not last:
            checkpoints.save(path, last)
        raise
    return last.state
