"""Run directories: what a run is, and how far it has come.

A run directory holds `run.json` and one checkpoint. The checkpoint, `checkpoint.npz`, is the state
of the learner, and each new checkpoint replaces the file. `run.json` holds the learner and its
resolved settings, the family with all its parameters, the seed, the number of iterations, and the
environment in which the run began. If the run was resumed in another environment, `run.json` also
holds that environment. Only one process may write in a run directory.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from metarl_min.basics import files
from metarl_min.basics.arguments import instance, require, whole
from metarl_min.basics.files import write_atomically
from metarl_min.cli import environment
from metarl_min.cli.environment import Environment
from metarl_min.learners import Learner
from metarl_min.learners import registry as learners
from metarl_min.tasks import Family
from metarl_min.tasks import registry as families

WRITABLE = "--out must be a directory that can be written"
FORMAT = 3  # of run.json; format 2 had no machine, and format 1 had no resolved settings


class Run(NamedTuple):
    """The content of `run.json`."""

    format: int
    learner: str
    settings: dict[str, Any]  # every setting, resolved, as a word
    family: dict[str, Any]  # {"name": .., every parameter as a word}
    seed: int
    iterations: int
    versions: dict[str, str]  # the environment at the beginning
    machine: dict[str, str]
    resumed: list[dict[str, Any]]  # other environments: {"iteration": .., versions and machine}


def family_words(family: Family) -> dict[str, Any]:
    """Return a family as one flat dict, its name first."""
    return {"name": family.name, **family.parameters}


def write_run(directory: Path, run: Run) -> None:
    """Write `run.json`."""
    write_atomically(directory / "run.json", json.dumps(run._asdict(), indent=1).encode())


def _check(run: Run) -> None:
    names = [run.learner, run.family["name"], *run.settings, *run.family]
    values = [*run.settings.values(), *run.family.values()]
    whole("seed", run.seed, 0, math.inf)
    whole("iterations", run.iterations)
    require(all(isinstance(x, str) for x in names), "names must be text", names)
    plain = all(isinstance(x, (str, int, float)) for x in values)
    require(plain, "settings must be text or numbers", values)
    instance("resumed", run.resumed, list)
    parts = [(part["versions"], part["machine"]) for part in [run._asdict(), *run.resumed]]
    texts = [x for pair in parts for part in pair for x in [*part, *part.values()]]
    require(all(isinstance(x, str) for x in texts), "versions must be text", texts)
    for part in run.resumed:
        whole("iteration", part["iteration"])


def read_run(directory: Path) -> Run:
    """Return the run of a directory. ValueError if it holds no run that this version can read."""
    path = directory / "run.json"
    got = f"{directory}, which does not exist"
    require(directory.exists(), "a run must be a directory", got)
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
    try:
        Path("runs").mkdir(exist_ok=True)
        while True:
            names = [path.name for path in Path("runs").iterdir()]
            numbers = [int(name) for name in names if name.isascii() and name.isdecimal()]
            fresh = Path("runs") / f"{max(numbers, default=0) + 1:04d}"
            try:
                fresh.mkdir()
                return fresh
            except FileExistsError:  # another run has just taken this number
                continue
    except OSError as error:
        rule = "runs must be a directory that can be written"
        raise ValueError(f"{rule}, or --out must be given, got: {error.strerror}") from None


def require_empty(directory: Path, out: str | None) -> None:
    """Raise a ValueError if a directory holds files, except files that killed writers have left."""
    found = directory.iterdir() if directory.exists() else ()
    names = sorted(path.name for path in found if not files.is_leftover(path.name))
    rule = "--out must be new or empty, or come with --resume"
    require("run.json" not in names, rule, f"{out} with a run")
    require(not names, "--out must be new or empty", f"{out} with {', '.join(names[:1])}")


def _remove_if_empty(directories: list[Path]) -> None:
    for directory in directories:
        with contextlib.suppress(OSError):
            directory.rmdir()


def _make_directory(directory: Path, out: str, stack: ExitStack) -> None:
    """Make a directory, unless it exists; ValueError if it cannot be written.

    The directories that are made here are removed when `stack` ends, if they are empty then.
    """
    new = [path for path in (directory, *directory.parents) if not path.exists()]
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{WRITABLE}, got {out}: {error.strerror}") from None
    stack.callback(_remove_if_empty, new)
    require(os.access(directory, os.W_OK | os.X_OK), WRITABLE, out)


def new_run_directory(out: str | None, stack: ExitStack) -> Path:
    """Return the directory `out`, which must be new or empty, or a fresh one under `runs`.

    The directory is locked until `stack` ends. If it is new and still empty then, it is removed.
    """
    if out is None:
        directory = _fresh_directory()
        stack.callback(_remove_if_empty, [directory])
    else:
        directory = _directory(out)
        require_empty(directory, out)
        _make_directory(directory, out, stack)
    stack.enter_context(files.one_writer(directory))
    require_empty(directory, out)  # again: another process may have written before the lock
    return directory


def open_run_directory(out: str | None, stack: ExitStack) -> Path:
    """Return the directory that `--out` names, with or without a run.

    It is made if it does not exist. If it can be written, it is locked until `stack` ends.
    """
    require(out is not None, "--resume must come with --out DIR", "no --out")
    directory = _directory(str(out))
    if not directory.exists():
        _make_directory(directory, str(out), stack)
    if os.access(directory, os.W_OK | os.X_OK):
        stack.enter_context(files.one_writer(directory))
    return directory


def previous_run(directory: Path) -> Run | None:
    """Return the run of a directory, or None if it holds no run yet."""
    path = directory / "run.json"
    return read_run(directory) if path.exists() or path.is_symlink() else None


def _words(family: dict[str, Any]) -> str:
    """Return a family with all its parameters and all their digits."""
    return " ".join(value if key == "name" else f"{key}={value}" for key, value in family.items())


def _same(x: Any, y: Any) -> bool:
    """Return whether two values of run.json are equal. In Python, True is equal to 1."""
    return bool(x == y) and isinstance(x, bool) == isinstance(y, bool)


def _require_setting(run: Run, previous: Run, key: str) -> None:
    new, old = run.settings.get(key), previous.settings.get(key)
    require(_same(new, old), f"--resume must come with the setting {key}={old}", f"{key}={new}")


def continued(run: Run, previous: Run, iterations: int | None) -> Run:
    """Return `previous` with the number of iterations that was typed, if there is one.

    `run` is the run that the words name. ValueError if its learner, its family, its seed or a
    setting differs from `previous`.
    """
    rule = "--resume must come with the"
    require(run.learner == previous.learner, f"{rule} learner {previous.learner}", run.learner)
    family = _words(previous.family)
    same = run.family.keys() == previous.family.keys()
    same = same and all(_same(run.family[key], x) for key, x in previous.family.items())
    require(same, f"{rule} family {family}", _words(run.family))
    require(run.seed == previous.seed, f"{rule} seed {previous.seed}", run.seed)
    for key in [*previous.settings, *run.settings]:
        _require_setting(run, previous, key)
    return previous._replace(iterations=iterations or previous.iterations)


def in_this_environment(run: Run, iteration: int) -> tuple[Run, str]:
    """Return the run as it continues in this environment, and a text of the changes.

    `iteration` is the number of iterations that are done. The text compares this environment with
    the last environment of the run. It is empty if they are equal, or if no iteration is done.
    """
    here = environment.here()
    if iteration == 0:  # nothing was computed elsewhere
        return run._replace(**here._asdict(), resumed=[]), ""
    last = {key: [run._asdict(), *run.resumed][-1][key] for key in Environment._fields}
    text = environment.difference(Environment(**last), here)
    entry = {"iteration": iteration, **here._asdict()}
    return (run._replace(resumed=[*run.resumed, entry]) if text else run), text


def make(run: Run, family: Family | None = None) -> Learner:
    """Return the learner of a run, for the family of the run or for another one."""
    if family is None:
        parameters = {key: str(value) for key, value in run.family.items() if key != "name"}
        family = families.make(run.family["name"], parameters)
    settings = {key: str(value) for key, value in run.settings.items()}
    return learners.make(run.learner, family, settings)


def family_difference(run: Run, family: Family) -> str:
    """Return in words where another family differs from the family of a run; "" if it does not."""
    old, new = run.family, family_words(family)
    keys = [key for key in dict.fromkeys([*old, *new]) if not _same(old.get(key), new.get(key))]
    return ", ".join(f"{key}={new.get(key, 'none')} and not {old.get(key, 'none')}" for key in keys)
