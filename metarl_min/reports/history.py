"""The record of a training: one line for each iteration, in `history.csv` of a run directory.

A line holds the number of the iteration and every number of its Info:

- all learners: `per_episode[n]`, the mean return of each episode of a trial.
- maml, fomaml, reptile, meta_sgd: `before` and `after`, the mean return of an episode before the
  first inner step and after the last one; `alpha`, where step sizes are learned. With update=trpo
  or clipped: `improvement` of the surrogate, and `kl`, the divergence from the old policies in
  nats. With trpo: `accepted`, which is 0 if the step was rejected.
- rl2, mann: `gradient_norm` before long gradients are scaled down, `entropy` of the policy,
  `value_loss`.
- es, ga, es_maml, evolved_rule: mean, best and spread (standard deviation) of the `fitness`, which
  is the return of a trial. For es_maml also `alpha`.

A number that a step does not compute has no column. The file can be read while the run goes on. A
run that is resumed keeps the lines up to its checkpoint. It writes the later lines again, with the
same bits.
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
    """Return every number of an Info by its place, such as `per_episode[0]`. True becomes 1."""
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
    """Return the first name that only one of two titles has."""
    names, others = (next(csv.reader([title])) for title in (old, new))
    strange = [name for name in [*names, *others] if (name in names) != (name in others)]
    return " ".join(strange[:1])


def _kept(path: Path, iteration: int) -> list[str]:
    """Return the title and the lines up to an iteration. An incomplete last line is left out."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    whole = [line for line in lines if line.endswith("\n")]
    return whole[:1] + [x for x in whole[1:] if int(x.partition(",")[0]) <= iteration]


def _until_it_fails(write: OnIteration) -> OnIteration:
    """Return a function that writes until the first error. An error does not stop the training."""
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
    """Write the history of a run that continues after an iteration.

    `record` yields a function that takes the number of an iteration and its Info. ValueError if the
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
    """Return the columns of the history of a run. The run may still continue.

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
