"""Run directories: what was asked for, and how far it got.

A run directory holds `run.json` (the words and the seed) and one `checkpoint.npz` (the state of
the learner), replaced as the run goes on.
"""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import metarl_min
from metarl_min import learners, tasks
from metarl_min.basics.arguments import require, whole
from metarl_min.checkpoints import write_atomically
from metarl_min.learners import Learner
from metarl_min.tasks import Family


class Run(NamedTuple):
    """What was asked for: the content of `run.json`."""

    learner: str
    settings: dict[str, str]
    family: dict[str, Any]  # {"name": .., its words}
    seed: int
    iterations: int
    versions: dict[str, str]


def versions() -> dict[str, str]:
    """Return the versions on which the bits of a result depend."""
    numeric = {name: version(name) for name in ("numpy", "autograd")}
    return {"python": platform.python_version(), **numeric, "metarl_min": metarl_min.__version__}


def family_words(family: Family) -> dict[str, Any]:
    """Return the family as one flat dict, its name first."""
    return {"name": family.name, **family.words}


def write_run(directory: Path, run: Run) -> None:
    """Write `run.json`."""
    write_atomically(directory / "run.json", json.dumps(run._asdict(), indent=1).encode())


def read_run(directory: Path) -> Run:
    """Return the run of a directory; ValueError where there is none that can be read."""
    path = directory / "run.json"
    try:
        run = Run(**json.loads(path.read_bytes()))
        words = [run.learner, run.family["name"], *run.settings, *run.settings.values()]
        whole("seed", run.seed, 0)
        whole("iterations", run.iterations)
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise ValueError(f"{directory} must hold the run.json of a run, got {error!r}") from None
    require(all(isinstance(x, str) for x in words), f"{path} must name its words as text", words)
    return run


def _directory(out: str) -> Path:
    require(out != "", "--out must name a directory", repr(out))
    directory = Path(out)
    require(not directory.exists() or directory.is_dir(), "--out must be a directory", out)
    return directory


def new_run_directory(out: str | None) -> Path:
    """Return a directory to write in: `out`, new or empty, or a fresh one under `runs`."""
    if out is None:
        taken = [int(path.name) for path in Path("runs").glob("*") if path.name.isdecimal()]
        fresh = Path("runs") / f"{max(taken, default=0) + 1:04d}"
        try:
            fresh.mkdir(parents=True)
        except FileExistsError:
            return new_run_directory(None)  # another run was faster
        return fresh
    directory = _directory(out)
    held = sorted(path.name for path in directory.iterdir()) if directory.exists() else []
    rule = "--out must be new or empty, or come with --resume"
    require("run.json" not in held, rule, f"{out} with a run")
    require(not held, "--out must be new or empty", f"{out} with {', '.join(held[:1])}")
    rule = "--out must be a directory that can be written"
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{rule}, got {out}: {error.strerror}") from None
    require(os.access(directory, os.W_OK | os.X_OK), rule, out)
    return directory


def scheduled(out: str | None) -> int | None:
    """Iterations over which what falls in the run of a directory falls; None where nothing does."""
    if out is None or not Path(out, "run.json").exists():
        return None
    found = read_run(Path(out))
    return found.iterations if "iterations" in found.settings else None


def resume(run: Run, iterations: int | None, out: str | None) -> tuple[Path, Run]:
    """Return the directory of a run to continue, and the run; new or empty: from the beginning."""
    require(out is not None, "--resume must come with --out DIR", out)
    directory = _directory(str(out))
    if not (directory / "run.json").exists():
        (directory / "run.json.tmp").unlink(missing_ok=True)
        return new_run_directory(out), run
    found = read_run(directory)
    for part in ("learner", "settings", "family", "seed"):
        ours, theirs = getattr(run, part), getattr(found, part)
        require(ours == theirs, f"--resume must come with the {part} of the run, {theirs}", ours)
    return directory, run._replace(iterations=iterations or found.iterations)


def make(run: Run) -> tuple[Learner, Family]:
    """Return the learner and the family that a run names."""
    words = {key: str(value) for key, value in run.family.items() if key != "name"}
    return learners.make(run.learner, run.settings), tasks.make(run.family["name"], words)
