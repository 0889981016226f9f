"""The progress of a run, on standard error."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from metarl_min import checkpoints
from metarl_min.training import OnIteration


def _summary(info: Any) -> str:
    """Return the mean of every number of an Info, for one line."""
    numbers = {name: leaf for name, leaf in checkpoints.flatten(info).items() if leaf.size}
    return " ".join(f"{name} {leaf.mean():.4g}" for name, leaf in numbers.items())


def _bar(iterations: int) -> Any:
    """Return a bar of tqdm, or None without tqdm or without a terminal."""
    if not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm(total=iterations, file=sys.stderr)


@contextlib.contextmanager
def progress(iterations: int) -> Iterator[OnIteration]:
    """Show progress on standard error: a bar, or a line after each tenth of the iterations."""
    bar = _bar(iterations)

    def advance(iteration: int, info: Any) -> None:
        bar.initial = (
            bar.initial or iteration - 1
        )  # the iterations before a resumed run took no time
        bar.set_postfix_str(_summary(info), refresh=False)
        bar.update(iteration - bar.n)

    def lines(iteration: int, info: Any) -> None:
        if iteration % max(1, iterations // 10) == 0 or iteration == iterations:
            line = f"iteration {iteration} of {iterations}  {_summary(info)}".rstrip()
            print(line, file=sys.stderr)

    with bar if bar is not None else contextlib.nullcontext():
        yield lines if bar is None else advance
