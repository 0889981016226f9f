"""The values of options, which readers read from the words of the command line.

A reader is a function that returns the value of one word. It raises an
`argparse.ArgumentTypeError` if the word has no such value.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from metarl_min.cli import engines
from metarl_min.evolution import workers

COUNT_DIGITS, SEED_DIGITS = 18, 100  # largest number of digits of a count and of a seed
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def number(low: int, most_digits: int = COUNT_DIGITS) -> Callable[[str], int]:
    """Return the reader of a whole number of at least `low`."""

    def read(word: str) -> int:
        rule, digits = f"must be a whole number >= {low}", word.isascii() and word.isdecimal()
        if digits and len(word) > most_digits:
            rule = f"{rule} with at most {most_digits} digits"
        elif digits and int(word) >= low:
            return int(word)
        raise argparse.ArgumentTypeError(f"{rule}, got {word!r}")

    return read


seed = number(0, SEED_DIGITS)
count, count_from_0, count_from_2 = number(1), number(0), number(2)


def real(*names: str) -> Callable[[str], float | str]:
    """Return the reader of a finite number. The reader also accepts the `names`."""

    def read(word: str) -> float | str:
        if word in names:
            return word
        value = float(word) if NUMBER.fullmatch(word) else math.nan
        if not math.isfinite(value):
            rule = " or ".join([*names, "a finite number"])
            raise argparse.ArgumentTypeError(f"must be {rule}, got {word!r}")
        return value

    return read


def _by_rule(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a reader that turns a ValueError "it must .." of `read` into an error of an option."""

    def read_by_rule(word: Any) -> Any:
        try:
            return read(word)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error).removeprefix("it ")) from None

    return read_by_rule


def seconds(word: str) -> float:
    """Return the time limit of a word, in seconds."""
    return float(_by_rule(partial(workers.time_limit, "it"))(real()(word)))


def executor(word: str) -> engines.Word:
    """Return the engine that a word names."""
    named: engines.Word = _by_rule(engines.read)(word)
    return named


def several(read: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """Return the reader of a comma-separated list, whose parts `read` reads."""
    return lambda words: [read(word) for word in words.split(",")]
