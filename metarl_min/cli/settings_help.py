"""Help for one learner or one family: every setting with its default and its meaning."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from metarl_min.basics import words
from metarl_min.basics.words import Key
from metarl_min.learners import registry as learners
from metarl_min.tasks import registry as families

WIDTH = 96
EQUATIONS = r",? eqs?\. \(\d+\)(?:(?:-|, | and )\(\d+\))*"


class Row(NamedTuple):
    """One line of the table of settings."""

    name: str
    default: str
    meaning: str
    choices: tuple[str, ...] = ()


def _row(name: str, key: Key, resolved: Mapping[str, Any]) -> Row:
    """Return the row of a setting; "by default 0.05" moves from its meaning to its default."""
    default, meaning = resolved.get(name, key.default), key.meaning
    text = f"{default:g}" if isinstance(default, float) else str(default)
    last = re.fullmatch(r"(.*)[;,] by default (\S+)", meaning)
    if last and (default is None or text == last[2]):
        default, text, meaning = last[2], last[2], last[1]
    unlisted = any(not re.search(rf"\b{choice}\b", meaning) for choice in key.choices)
    return Row(
        name=name,
        default="depends" if default is None else text or "none",
        meaning=meaning,
        choices=key.choices if unlisted else (),
    )


def _table(function: Callable[..., Any], resolved: Mapping[str, Any]) -> list[str]:
    """Return the lines of the table of all settings of a function."""
    rows = [_row(name, key, resolved) for name, key in words.keys(function).items()]
    rows.insert(0, Row(name="name", default="default", meaning="meaning"))
    width, second = (max(len(row[i]) for row in rows) for i in (0, 1))
    lines = []
    for row in rows:
        first = f"  {row.name:<{width}}  {row.default:<{second}}  "
        text = textwrap.wrap(row.meaning, WIDTH - len(first)) or [""]
        if row.choices:
            text += textwrap.wrap(f"one of {', '.join(row.choices)}", WIDTH - len(first))
        lines += [(first + text[0]).rstrip(), *(" " * len(first) + line for line in text[1:])]
    return lines


def _about(function: Callable[..., Any]) -> list[str]:
    """Return the first paragraph of the docstring, as a description and not as an order."""
    text = (inspect.getdoc(words.unwrapped(function)[0]) or "").split("\n\n")[0]
    text = re.sub(EQUATIONS, "", " ".join(text.split())).removeprefix("Return ")
    return [*textwrap.wrap(text[:1].upper() + text[1:], WIDTH), ""]


def family_help(name: str) -> str:
    """Return the help of `ceiling NAME`: every parameter of a family."""
    function = families.function(name)
    usage = f"usage: metarl_min ceiling {name} [key=value ...] [--json]"
    return "\n".join([usage, "", *_about(function), *_table(function, {})])


def learner_help(name: str) -> str:
    """Return the help of `train NAME`: every setting of a learner."""
    function = learners.function(name)
    usage = f"usage: metarl_min train {name} FAMILY [key=value ...] [--set name=value ...]"
    more = f"`train {name} FAMILY --help` shows the defaults that depend on the family."
    return "\n".join([usage, "", *_about(function), *_table(function, {}), "", more])


def run_help(name: str, family: str) -> str:
    """Return the help of `train NAME FAMILY`: the settings and parameters with their defaults."""
    function, family_function = learners.function(name), families.function(family)
    made = families.make(family, {})
    settings = learners.make(name, made, {}).settings
    usage = f"usage: metarl_min train {name} {family} [key=value ...] [--set name=value ...]"
    lines = [usage, "", *_about(function), *_table(function, settings), ""]
    return "\n".join([*lines, *_about(family_function), *_table(family_function, made.parameters)])
