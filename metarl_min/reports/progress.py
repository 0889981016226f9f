"""The progress of a run, on standard error.

Progress is a comfort. If it cannot be written, because the reader has left or the disk is full, it
is dropped, and the work goes on.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from metarl_min import checkpoints
from metarl_min.training import OnIteration

RETURNS = ("per_episode", "before", "after")  # the returns in an Info of the package


def say(line: str) -> None:
    """Print one line on standard error. If that fails, drop this line and all later lines."""
    try:
        print(line, file=sys.stderr, flush=True)
    except (OSError, ValueError):  # the reader has left, the disk is full, or the file is closed
        with contextlib.suppress(OSError, ValueError):
            # Otherwise Python would write the rest of the buffer when it exits, and fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _summary(info: Any) -> str:
    """Return the mean of every number of an Info, for one line.

    If the Info holds returns, the line shows the returns alone. `history.csv` has all numbers.
    """
    numbers = {name: leaf for name, leaf in checkpoints.flatten(info).items() if leaf.size}
    shown = [name for name in RETURNS if name in numbers] or numbers
    return " ".join(f"{name} {numbers[name].mean():.4g}" for name in shown)


def _bar(iterations: int) -> Any:
    """Return a bar of tqdm, or None without tqdm or without a terminal."""
    try:
        if not sys.stderr.isatty():
            return None
        from tqdm import tqdm

        return tqdm(total=iterations, file=sys.stderr)
    except Exception:  # tqdm is not there, or does not work here
        return None


def _advance(bar: Any, iteration: int, info: Any) -> None:
    # If a run is resumed, the bar does not count the iterations that were done earlier as new work.
    bar.initial = bar.initial or iteration - 1
    bar.set_postfix_str(_summary(info), refresh=False)
    bar.update(iteration - bar.n)


def _until_it_fails(report: Callable[[int, Any], None]) -> OnIteration:
    """Return the function that reports until the first error, and then does nothing."""
    failed: list[Exception] = []

    def reported(iteration: int, info: Any) -> None:
        if not failed:
            try:
                report(iteration, info)
            except Exception as error:  # anything that a bar or an Info may raise
                failed.append(error)

    return reported


@contextlib.contextmanager
def progress(iterations: int) -> Iterator[OnIteration]:
    """Show progress on standard error: a bar, or a line after each tenth of the iterations."""
    bar = _bar(iterations)

    def lines(iteration: int, info: Any) -> None:
        if iteration % max(1, iterations // 10) == 0 or iteration == iterations:
            say(f"iteration {iteration} of {iterations}  {_summary(info)}".rstrip())

    def advance(iteration: int, info: Any) -> None:
        _advance(bar, iteration, info)

    try:
        yield _until_it_fails(lines if bar is None else advance)
    finally:
        with contextlib.suppress(Exception):
            if bar is not None:
                bar.close()
