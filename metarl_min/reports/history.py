"""The record of a training: one line for each iteration, in `history.csv` of a run directory.

A line holds the number of the iteration and every number of its Info, such as the mean return of
each episode of a trial. For a learner that adapts, the first episodes are played before the first
inner step, and the last episodes after all inner steps. The file can be read while the run goes on.
A run that is resumed keeps the lines up to its checkpoint. It writes the later lines again, with
the same bits.
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
    """Return every number of an Info by its place, such as `per_episode[0]`."""
    numbers: dict[str, Any] = {}
    for name, leaf in checkpoints.flatten(info).items():
        for index in np.ndindex(leaf.shape):
            place = f"[{','.join(map(str, index))}]" if index else ""
            numbers[f"{name}{place}"] = leaf[index].item()
    return numbers


def _line(values: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()


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
            if not lines:
                lines.append(_line(list(values)))
                file.write(lines[0])
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
