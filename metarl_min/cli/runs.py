"""Run directories: what a run is, and how far it has come.

A run directory holds `run.json` and one `checkpoint.npz`, the state of the learner, which is
replaced during the run. `run.json` holds the learner and its resolved settings, the family with
all its parameters, the seed, the number of iterations and the versions of the libraries.
"""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import metarl_min
from metarl_min.basics.arguments import require, whole
from metarl_min.checkpoints import write_atomically
from metarl_min.learners import Learner
from metarl_min.learners import registry as learners
from metarl_min.reports import tables
from metarl_min.tasks import Family
from metarl_min.tasks import registry as families

FORMAT = 2  # of run.json; format 1 held only those settings that were typed


class Run(NamedTuple):
    """The content of `run.json`."""

    format: int
    learner: str
    settings: dict[str, Any]  # every setting, resolved, as a word
    family: dict[str, Any]  # {"name": .., every parameter as a word}
    seed: int
    iterations: int
    versions: dict[str, str]


def versions() -> dict[str, str]:
    """Return the versions on which the bits of a result depend."""
    numeric = {name: version(name) for name in ("numpy", "autograd")}
    return {"python": platform.python_version(), **numeric, "metarl_min": metarl_min.__version__}


def family_words(family: Family) -> dict[str, Any]:
    """Return a family as one flat dict, its name first."""
    return {"name": family.name, **family.parameters}


def write_run(directory: Path, run: Run) -> None:
    """Write `run.json`."""
    write_atomically(directory / "run.json", json.dumps(run._asdict(), indent=1).encode())


def _check(run: Run) -> None:
    names = [run.learner, run.family["name"], *run.settings, *run.family]
    values = [*run.settings.values(), *run.family.values()]
    whole("seed", run.seed, 0)
    whole("iterations", run.iterations)
    require(all(isinstance(x, str) for x in names), "names must be text", names)
    plain = all(isinstance(x, (str, int, float)) for x in values)
    require(plain, "settings must be text or numbers", values)


def read_run(directory: Path) -> Run:
    """Return the run of a directory. ValueError if it holds no run that this version can read."""
    path = directory / "run.json"
    rule = f"{directory} must hold the run.json of a run"
    try:
        content = json.loads(path.read_bytes())
        number = content.get("format", 1)
    except OSError as error:
        raise ValueError(f"{rule}, got: {error.strerror}") from None
    except (ValueError, AttributeError, RecursionError) as error:
        raise ValueError(f"{rule}, got {error!r}") from None
    if number != FORMAT:
        older = f"{rule} of format {FORMAT}, whose settings are resolved"
        raise ValueError(f"{older}, got format {number}: train it again with this version")
    try:
        run = Run(**content)
        _check(run)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise ValueError(f"{rule}, got {error!r}") from None
    return run


def _directory(out: str) -> Path:
    require(out != "", "--out must name a directory", repr(out))
    directory = Path(out)
    require(not directory.exists() or directory.is_dir(), "--out must be a directory", out)
    return directory


def _fresh_directory() -> Path:
    """Return a new directory under `runs`, named by the next number."""
    while True:
        numbers = [int(path.name) for path in Path("runs").glob("*") if path.name.isdecimal()]
        fresh = Path("runs") / f"{max(numbers, default=0) + 1:04d}"
        try:
            fresh.mkdir(parents=True)
            return fresh
        except FileExistsError:  # another run has just taken this number
            continue


def new_run_directory(out: str | None) -> Path:
    """Return the directory `out`, which must be new or empty, or a fresh one under `runs`."""
    if out is None:
        return _fresh_directory()
    directory = _directory(out)
    names = sorted(path.name for path in directory.iterdir()) if directory.exists() else []
    rule = "--out must be new or empty, or come with --resume"
    require("run.json" not in names, rule, f"{out} with a run")
    require(not names, "--out must be new or empty", f"{out} with {', '.join(names[:1])}")
    rule = "--out must be a directory that can be written"
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{rule}, got {out}: {error.strerror}") from None
    require(os.access(directory, os.W_OK | os.X_OK), rule, out)
    return directory


def previous_run(out: str | None) -> Run | None:
    """Return the run that `--out` holds, or None if it holds no run yet."""
    require(out is not None, "--resume must come with --out DIR", out)
    directory = _directory(str(out))
    return read_run(directory) if (directory / "run.json").exists() else None


def resume(run: Run, previous: Run | None, iterations: int | None, out: str) -> tuple[Path, Run]:
    """Return the directory of a run to continue, and the run.

    Where there is no previous run, the run starts from the beginning. ValueError if the previous
    run has another learner, family, seed or settings.
    """
    directory = _directory(out)
    if previous is None:
        (directory / "run.json.tmp").unlink(missing_ok=True)
        return new_run_directory(out), run
    rule = "--resume must come with the"
    require(run.learner == previous.learner, f"{rule} learner {previous.learner}", run.learner)
    family = tables.words(previous.family)
    require(run.family == previous.family, f"{rule} family {family}", tables.words(run.family))
    require(run.seed == previous.seed, f"{rule} seed {previous.seed}", run.seed)
    for key in [*previous.settings, *run.settings]:
        new, old = run.settings.get(key), previous.settings.get(key)
        why = ", over which its schedules run" if key == "iterations" else ""
        require(new == old, f"{rule} setting {key}={old}{why}", f"{key}={new}")
    return directory, run._replace(iterations=iterations or previous.iterations)


def make(run: Run) -> Learner:
    """Return the learner of a run, for the family of the run."""
    parameters = {key: str(value) for key, value in run.family.items() if key != "name"}
    family = families.make(run.family["name"], parameters)
    settings = {key: str(value) for key, value in run.settings.items()}
    return learners.make(run.learner, family, settings)
