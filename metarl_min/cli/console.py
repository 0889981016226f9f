"""What all commands share: messages, JSON, and words that are written key=value."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from metarl_min import checkpoints
from metarl_min.basics.arguments import require
from metarl_min.cli import jobs

Work = Callable[[], str]


def log(line: str) -> None:
    """Print one line on standard error."""
    print(line, file=sys.stderr, flush=True)


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
    """Write the picture of a result, or say why there is none."""
    try:
        checkpoints.write_atomically(path, picture(result))
    except ImportError as error:
        log(f"no {path.name}: matplotlib is not there ({error})")


def write(directory: Path, result: dict[str, Any]) -> None:
    """Write `results.json`."""
    checkpoints.write_atomically(directory / "results.json", f"{to_json(result)}\n".encode())
