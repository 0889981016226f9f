"""The record of a training: one line for each iteration, in `history.csv` of a run directory.

The first line, the title, holds the names of the columns. Each other line holds the number of the
iteration and all numbers of its Info. A number that a step does not compute has no column. The
columns depend on the learner:

all learners
    per_episode[n]   mean return of each episode of a trial; for ga, of the best member
maml, fomaml, reptile, meta_sgd
    before, after    mean return of an episode before the first inner step, and after the last one
    alpha            inner step size, if it is learned; meta_sgd has many step sizes, and the
                     columns alpha.min, alpha.median and alpha.max
maml with update=trpo or update=clipped
    improvement      increase of the surrogate
    kl               divergence between the old and the new policies, in nats
    accepted         1 if trpo has accepted the step, otherwise 0; only with update=trpo
rl2, mann
    gradient_norm    length of the gradient, before a long gradient is scaled down
    entropy          entropy of the policy in nats
    value_loss       loss of the values
es, ga, es_maml, evolved_rule
    fitness.mean, fitness.best, fitness.spread
                     mean, maximum and standard deviation of the return of a trial, over the members
    alpha            inner step size, for es_maml

With objective=exact, there is no column `before`, and the columns `per_episode[0]` and `after` are
equal: both are the mean return of an episode after the last inner step.

The file can be read during the run. A run that is resumed keeps the lines up to its checkpoint. It
writes the later lines again, with the same bits.
"""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from metarl_min import checkpoints
from metarl_min.basics.arguments import require
from metarl_min.basics.files import as_path, write_atomically
from metarl_min.reports.progress import say
from metarl_min.training import OnIteration

FILE = "history.csv"


def _numbers(info: Any) -> dict[str, Any]:
    """Return the numbers of an Info by the names of their columns, such as `per_episode[0]`.

    True becomes 1, and False becomes 0. TypeError if a number is complex.
    """
    numbers: dict[str, Any] = {}
    for name, leaf in checkpoints.flatten(info).items():
        if leaf.dtype.kind == "c":
            raise TypeError(f"a number of a history must be real, got {leaf} in {name}")
        leaf = leaf.astype(int) if leaf.dtype.kind == "b" else leaf
        for index in np.ndindex(leaf.shape):
            place = f"[{','.join(map(str, index))}]" if index else ""
            numbers[f"{name}{place}"] = leaf[index].item()
    return numbers


def _line(values: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()


def _difference(old: str, new: str) -> str:
    """Return the first name that only one of two titles has, or an empty text."""
    names, others = (next(csv.reader([title])) for title in (old, new))
    unshared = [name for name in [*names, *others] if (name in names) != (name in others)]
    return " ".join(unshared[:1])


def _kept(path: Path, iteration: int) -> list[str]:
    """Return the title and the lines up to an iteration, without an incomplete last line."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    complete = [line for line in lines if line.endswith("\n")]
    return complete[:1] + [x for x in complete[1:] if int(x.partition(",")[0]) <= iteration]


def _until_it_fails(write: OnIteration) -> OnIteration:
    """Return a function that calls `write` until `write` raises an error.

    The error is printed on standard error, and the training goes on.
    """
    failed: list[Exception] = []

    def written(number: int, info: Any) -> None:
        if not failed:
            try:
                write(number, info)
            except (OSError, TypeError, ValueError) as error:  # a full disk, or an unusual Info
                failed.append(error)
                say(f"{FILE} ends before iteration {number}: {error}")

    return written


@contextlib.contextmanager
def record(directory: Path, iteration: int) -> Iterator[OnIteration]:
    """Yield a function that writes one line of the history. (number of the iteration, Info) -> None

    The lines up to `iteration` stay in the file, and later lines are removed. ValueError if the
    file was edited.
    """
    path = as_path("directory", directory) / FILE
    try:
        lines = _kept(path, iteration)
    except ValueError as error:
        raise ValueError(f"{path} must be as a run has written it, got {error}") from None
    if lines or path.exists():
        write_atomically(path, "".join(lines).encode())
    with open(path, "a", encoding="utf-8", newline="") as file:

        def write(number: int, info: Any) -> None:
            values = {"iteration": number, **_numbers(info)}
            title = _line(list(values))
            if not lines:
                lines.append(title)
                file.write(title)
            require(
                lines[0] == title,
                "the numbers of an Info must have the same names in every iteration",
                _difference(lines[0], title),
            )
            file.write(_line(list(values.values())))
            file.flush()

        yield _until_it_fails(write)


def read(directory: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Return the columns of the history of a run, by name. The run may still be going on.

    ValueError if the run has no history, or if the file was edited.
    """
    path = as_path("directory", directory) / FILE
    require(path.is_file(), "a run with a history must hold history.csv", directory)
    text = path.read_text(encoding="utf-8")
    rows = list(csv.reader(text[: text.rfind("\n") + 1].splitlines()))
    try:
        columns = np.array([[float(x) for x in row] for row in rows[1:]]).reshape(-1, len(rows[0]))
    except (ValueError, IndexError) as error:
        raise ValueError(f"{path} must be as a run has written it, got {error}") from None
    return dict(zip(rows[0], columns.T, strict=True))
