"""Help for one learner or one family: every setting with its meaning and its default."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from metarl_min.basics import words
from metarl_min.basics.words import Key

WIDTH = 96


def _default(key: Key) -> str:
    if key.default is None:
        return "" if "by default" in key.meaning else "default: depends on the family"
    return (
        f"default {key.default:g}"
        if isinstance(key.default, float)
        else (f"default {key.default}" if key.default != "" else "default: none")
    )


def _entry(name: str, key: Key) -> list[str]:
    meaning = key.meaning.rstrip(".")
    form = f"{key.form}" if key.form.startswith("one of") and key.form not in meaning else ""
    text = "; ".join(part for part in (meaning, form, _default(key)) if part)
    return textwrap.wrap(f"  {name:<17} {text}", WIDTH, subsequent_indent=" " * 20)


def settings_help(function: Callable[..., Any], usage: str) -> str:
    """Return the usage, the first paragraph of the docstring, and an entry for each setting."""
    about = (inspect.getdoc(words.unwrapped(function)[0]) or "").split("\n\n")[0]
    lines = [f"usage: {usage}", "", *textwrap.wrap(about, WIDTH), ""]
    for name, key in words.keys(function).items():
        lines += _entry(name, key)
    return "\n".join(lines)
