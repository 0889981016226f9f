"""Run directories: what was asked for, and how far it got.

A run directory holds `run.json` (the words and the seed) and one `checkpoint.npz` (the state of
the learner, flattened by path), replaced as the run goes on. Each is written under another name
and renamed, so neither is ever half written. A checkpoint is read without pickle, and only by a
run whose state has the same parts, shapes and dtypes.
"""

from __future__ import annotations

import io
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import metarl_min
from metarl_min import learners, tasks
from metarl_min.arguments import require, whole
from metarl_min.learners import Learner
from metarl_min.tasks import Family
from metarl_min.trees import Array


class Checkpoint(NamedTuple):
    """A learner between two iterations."""

    iteration: int
    state: Any  # nested NamedTuples, tuples, lists, dicts; arrays, numbers and None inside


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


def write(path: Path, content: bytes) -> None:
    """Replace the file `path` at once: whoever reads it sees the old content or the new."""
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_run(directory: Path, run: Run) -> None:
    """Write `run.json`."""
    write(directory / "run.json", json.dumps(run._asdict(), indent=1).encode())


def read_run(directory: Path) -> Run:
    """Return the run of a directory; ValueError where there is none that can be read."""
    path = directory / "run.json"
    try:
        run = Run(**json.loads(path.read_bytes()))
        words = [run.learner, run.family["name"], *run.settings, *run.settings.values()]
        whole("seed", run.seed, 0)
        whole("iterations", run.iterations)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{directory} must hold the run.json of a run, got {error!r}") from None
    require(all(isinstance(x, str) for x in words), f"{path} must name its words as text", words)
    return run


def claim(out: str | None) -> Path:
    """Return a directory to write in: `out`, new or empty, or a fresh one under `runs`."""
    if out is None:
        taken = [int(path.name) for path in Path("runs").glob("*") if path.name.isdecimal()]
        out = str(Path("runs") / f"{max(taken, default=0) + 1:04d}")
    directory = Path(out)
    require(not directory.exists() or directory.is_dir(), "--out must be a directory", out)
    held = sorted(path.name for path in directory.iterdir()) if directory.exists() else []
    rule = "--out must be new or empty, or come with --resume"
    require("run.json" not in held, rule, f"{out} with a run")
    require(not held, "--out must be new or empty", f"{out} with {', '.join(held[:1])}")
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def resume(run: Run, iterations: int | None, out: str | None) -> tuple[Path, Run]:
    """Return the directory of a run to continue, and the run; new or empty: from the beginning."""
    require(out is not None, "--resume must come with --out DIR", out)
    directory = Path(str(out))
    if not (directory / "run.json").exists():
        (directory / "run.json.tmp").unlink(missing_ok=True)
        return claim(out), run
    found = read_run(directory)
    for part in ("learner", "settings", "family", "seed"):
        ours, theirs = getattr(run, part), getattr(found, part)
        require(ours == theirs, f"--resume must come with the {part} of the run, {theirs}", ours)
    return directory, run._replace(iterations=iterations or found.iterations)


def make(run: Run) -> tuple[Learner, Family]:
    """Return the learner and the family that a run names."""
    words = {key: str(value) for key, value in run.family.items() if key != "name"}
    return learners.make(run.learner, run.settings), tasks.make(run.family["name"], words)


def _parts(value: Any) -> dict[str, Any] | None:
    """Return the named parts of a nested value, or None for a leaf."""
    if isinstance(value, dict):
        return value
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        parts: dict[str, Any] = value._asdict()
        return parts
    if isinstance(value, (tuple, list)):
        return {str(i): part for i, part in enumerate(value)}
    return None


def flatten(value: Any, path: str = "") -> dict[str, Array]:
    """Return the leaves of a nested value by their paths; None is not a leaf.

    >>> flatten(Checkpoint(3, {"w": (np.ones(2), None)}))
    {'iteration': array(3), 'state.w.0': array([1., 1.])}
    """
    parts = _parts(value)
    if parts is None:
        leaf = np.asarray([] if value is None else value, order="C")
        if leaf.dtype.kind not in "biufc":
            raise TypeError(f"a state must hold arrays, numbers and None, got {value!r} at {path}")
        return {} if value is None else {path: leaf}
    flat: dict[str, Array] = {}
    for name, part in parts.items():
        flat |= flatten(part, f"{path}.{name}" if path else str(name))
    return flat


def rebuild(template: Any, leaves: dict[str, Array], path: str = "") -> Any:
    """Return the nested value of the structure of `template` that flattens to `leaves`."""
    parts = _parts(template)
    if parts is None:
        if template is None or isinstance(template, np.ndarray):
            return None if template is None else leaves[path]
        return type(template)(leaves[path])
    names = {name: f"{path}.{name}" if path else str(name) for name in parts}
    values = {name: rebuild(part, leaves, names[name]) for name, part in parts.items()}
    if isinstance(template, dict):
        return values
    return getattr(template, "_make", type(template))(values.values())


def shapes(leaves: dict[str, Array]) -> set[tuple[str, Any, Any]]:
    """Return the path, shape and dtype of every leaf."""
    return {(path, leaf.shape, leaf.dtype) for path, leaf in leaves.items()}


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; its bytes depend on the arrays alone."""
    buffer = io.BytesIO()
    np.savez(buffer, **flatten(checkpoint))  # type: ignore[arg-type]
    write(path, buffer.getvalue())


def load(path: Path, template: Any) -> Checkpoint:
    """Read a checkpoint of states built like `template`; ValueError on any other file."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            leaves = {name: archive[name] for name in archive.files}
    except Exception as error:  # what a damaged archive raises is anybody's guess
        cause = " ".join(str(error).split())
        raise ValueError(f"{path} must be a whole checkpoint, got a file with {cause}") from None
    start = Checkpoint(0, template)
    strange = shapes(leaves) ^ shapes(flatten(start))
    rule = f"{path} must be a checkpoint of this learner with these settings"
    require(not strange, rule, f"another {min(strange, key=str)[0] if strange else ''}")
    checkpoint: Checkpoint = rebuild(start, leaves)
    require(checkpoint.iteration >= 0, rule, f"iteration {checkpoint.iteration}")
    return checkpoint
