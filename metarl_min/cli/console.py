"""What all commands share: messages, JSON, and words that are written key=value."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from metarl_min.basics.arguments import require, shown
from metarl_min.basics.files import write_atomically
from metarl_min.cli import jobs
from metarl_min.reports import progress

Work = Callable[[], str]
LONGEST_WORD, LONGEST_LINE = 300, 2000  # of a message, in characters


class WordsAtFault(ValueError):
    """An error in the words that was found only during the work."""


def one_line(message: object) -> str:
    """Return a message as one line. Words and lines that are too long are cut.

    >>> len(one_line("x" * 100_000)), one_line(" two\\nlines ")
    (223, 'two lines')
    """
    words = [shown(word) if len(word) > LONGEST_WORD else word for word in str(message).split()]
    line = " ".join(words)
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}.."


def log(line: str) -> None:
    """Print one line on standard error. A line that cannot be written is dropped."""
    progress.say(line)


def to_json(result: Any) -> str:
    """Return a result as JSON, with all digits of its numbers."""
    return json.dumps(jobs.to_plain(result), indent=1, allow_nan=False)


def parameters(words: Sequence[str]) -> dict[str, str]:
    """Return words written key=value as a dict. ValueError if a key stands twice."""
    values: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        require(bool(key and equals), "a parameter must be written key=value", repr(word))
        require(key not in values, "a key must be given once", repr(word))
        values[key] = value
    return values


def names(words: str) -> list[str]:
    """Return the names of a comma-separated list. ValueError if one is empty or stands twice."""
    separated = words.split(",")
    require(all(separated), "names must be written name,name,..", repr(words))
    require(len(set(separated)) == len(separated), "a name must be given once", repr(words))
    return separated


def draw(path: Path, picture: Callable[[Any], bytes], result: dict[str, Any]) -> None:
    """Write the picture of a result, or say in one line why there is none."""
    try:
        write_atomically(path, picture(result))
    except ImportError as error:
        log(one_line(f"no {path.name}: matplotlib is not there ({error})"))
    except (Exception, KeyboardInterrupt) as error:  # the result is already written
        log(one_line(f"no {path.name}: {type(error).__name__} {error}"))


def write(directory: Path, result: dict[str, Any]) -> None:
    """Write `results.json`."""
    write_atomically(directory / "results.json", f"{to_json(result)}\n".encode())
