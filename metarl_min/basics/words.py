"""Words: settings that are written as name=value, on the command line and in files.

A function that makes a family or a learner has keyword-only parameters. Their annotations say how
a word is read; `typing.get_type_hints` resolves them. There are four kinds:

- `int`, `float`, `str`, `Cells`, `Pairs`: the word is the value. `| None` after the type means that
  the default depends on the family.
- `Annotated[T, names]` with a dict: the word is a name, the value is the object of that name.
- `Annotated[T, maker]`: the keyword-only parameters of the function `maker` are words in place of
  this parameter, and `maker` makes the value from them. A `**parameter` passes them on as they are.
  `maker` may also be a NamedTuple: its fields are the words, its values the defaults.
- `Annotated[T, parse]` with a function of one word: `parse(word)` is the value.

A parameter of another kind, such as an executor, has no word. A value that was made by `maker` or
`parse` has an attribute `words` (a dict) or `word`, from which it can be made again.
"""

from __future__ import annotations

import difflib
import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from metarl_min.basics.arguments import require

Cells = tuple[int, ...]  # written 4,9,14
Pairs = tuple[tuple[float, float], ...]  # written 1,1/2,2


class Key(NamedTuple):
    """One word of a function: how it is read, its default and its meaning."""

    read: Callable[[str], Any]
    form: str  # what the word must be, for an error
    default: Any  # the word of the default; None if the default depends on the family
    meaning: str


def _cells(word: str) -> Cells:
    return tuple(int(cell) for cell in word.split(",") if word)


def _pairs(word: str) -> Pairs:
    pairs = [tuple(float(x) for x in pair.split(",")) for pair in word.split("/")]
    return tuple((a, b) for a, b in pairs)  # ValueError unless each pair has two numbers


PARSERS: dict[Any, tuple[Callable[[str], Any], str]] = {
    int: (int, "a whole number"),
    float: (float, "a number"),
    str: (str, "a word"),
    Cells: (_cells, "c,c,.."),
    Pairs: (_pairs, "a,b/a,b/.."),
}


def suggestion(word: str, names: typing.Iterable[str]) -> str:
    """Return a question that offers the name nearest to `word`, or nothing.

    >>> suggestion("mamml", ["maml", "rl2"])
    ', did you mean maml?'
    """
    close = difflib.get_close_matches(word, list(names), n=1)
    return f", did you mean {close[0]}?" if close else ""


def require_name(what: str, word: str, names: typing.Iterable[str]) -> None:
    """Raise a ValueError unless `word` is one of `names`; it offers the nearest name."""
    names = list(names)
    if word not in names:
        got = f"{word!r}{suggestion(word, names)}"
        raise ValueError(f"{what} must be one of {', '.join(names)}, got {got}")


def meanings(function: Any) -> dict[str, str]:
    """Return the meaning of each setting that the docstring of `function` lists.

    A line of the list holds the name, two or more spaces and the meaning. Lines that are indented
    deeper continue it.
    """
    lines = re.findall(
        r"^(?: {4})?(\w+) {2,}(\S.*(?:\n {5,}\S.*)*)", inspect.getdoc(function) or "", re.M
    )
    return {name: " ".join(text.split()) for name, text in lines}


def unwrapped(function: Any) -> tuple[Any, dict[str, Any]]:
    """Return the function below a partial, and the keywords that the partial has fixed."""
    if isinstance(function, partial):
        inner, fixed = unwrapped(function.func)
        return inner, {**fixed, **function.keywords}
    return function, {}


def _without_none(hint: Any) -> Any:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
        return kinds[0] if len(kinds) == 1 else hint
    return hint


def _split(hint: Any) -> tuple[Any, Any]:
    """Return the type of an annotation, and its metadata: a dict, a maker, a parser or None."""
    hint = _without_none(hint)
    if typing.get_origin(hint) is typing.Annotated:
        kind, metadata = typing.get_args(hint)[:2]
        return _without_none(kind), metadata
    return hint, None


def _parameters(function: Any) -> dict[str, tuple[Any, Any]]:
    """Return (annotation, default) of each keyword-only parameter, or of each field."""
    if isinstance(function, tuple):
        hints = typing.get_type_hints(type(function), include_extras=True)
        return {name: (hints[name], x) for name, x in function._asdict().items()}  # type: ignore[attr-defined]
    function, fixed = unwrapped(function)
    hints = typing.get_type_hints(function, include_extras=True)
    kinds = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD
    given = inspect.signature(function).parameters.values()
    return {
        x.name: (hints.get(x.name, Any), x.default)
        for x in given
        if x.kind in kinds and x.name not in fixed
    }


def _is_maker(metadata: Any) -> bool:
    return isinstance(metadata, tuple) or (
        callable(metadata) and not _positional(metadata) and bool(_parameters(metadata))
    )


def _positional(function: Any) -> bool:
    kinds = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    given = [x for x in inspect.signature(function).parameters.values() if x.kind in kinds]
    return bool(given) and given[0].name != "family"


def _choice(names: Mapping[str, Any], word: str) -> Any:
    if word not in names:
        raise ValueError(f"one of {', '.join(names)}")
    return names[word]


def _word_of(value: Any, metadata: Any) -> Any:
    """Return the word of a value: its name where it is one of several, else as it is written."""
    if value is inspect.Parameter.empty:
        return None
    if isinstance(metadata, Mapping):
        return next((name for name, x in metadata.items() if x is value), None)
    return format_word(value)


def keys(function: Any) -> dict[str, Key]:
    """Return every word of `function`, the words of its makers included."""
    result: dict[str, Key] = {}
    about = meanings(unwrapped(function)[0])
    for name, (hint, default) in _parameters(function).items():
        kind, metadata = _split(hint)
        if isinstance(metadata, Mapping):
            read, form = partial(_choice, metadata), f"one of {', '.join(metadata)}"
        elif _is_maker(metadata):
            result |= keys(metadata)
            continue
        elif callable(metadata):
            read, form = metadata, "a word"
        elif kind in PARSERS:
            read, form = PARSERS[kind]
        else:
            continue
        word = _word_of(default, metadata)
        result[name] = Key(read=read, form=form, default=word, meaning=about.get(name, ""))
    return result


def _read_one(name: str, key: Key, word: str) -> Any:
    try:
        return key.read(word)
    except ValueError as error:
        if not isinstance(key.read, partial) and key.read not in [x for x, _ in PARSERS.values()]:
            raise  # a parser of its own states its rule
        got = f"{word!r}"
        if isinstance(key.read, partial):
            got += suggestion(word, key.read.args[0])
        verb = "be" if isinstance(key.read, partial) else "be written as"
        raise ValueError(f"{name} must {verb} {key.form}, got {got}") from error


def parse_words(name: str, function: Any, words: Mapping[str, str]) -> dict[str, Any]:
    """Return the keyword arguments for `function`, the maker called `name`, from `words`.

    ValueError for a word that the function does not have, or that cannot be read.
    """
    known = keys(function)
    for key in words:
        rule = f"{name} knows the keys {', '.join(known)}"
        require(key in known, rule, f"{key!r}{suggestion(key, known)}")
    return _parse(function, {key: _read_one(key, known[key], word) for key, word in words.items()})


def _parse(function: Any, values: dict[str, Any]) -> dict[str, Any]:
    """Gather the values of a maker into the parameter that it makes."""
    arguments: dict[str, Any] = {}
    variadic = {
        x.name
        for x in inspect.signature(unwrapped(function)[0]).parameters.values()
        if x.kind is inspect.Parameter.VAR_KEYWORD
    }
    for name, (hint, _) in _parameters(function).items():
        _, metadata = _split(hint)
        if not isinstance(metadata, Mapping) and _is_maker(metadata):
            part = {key: values[key] for key in keys(metadata) if key in values}
            if name in variadic:
                arguments |= part if isinstance(metadata, tuple) else _parse(metadata, part)
            elif part:
                arguments[name] = metadata(**_parse(metadata, part))
        elif name in values:
            arguments[name] = values[name]
    return arguments


def format_word(value: Any) -> Any:
    """Return a value as the word that reads back to it; numbers stay numbers.

    >>> format_word(((1.0, 2.0), (3.0, 4.0))), format_word((4, 9)), format_word(5)
    ('1,2/3,4', '4,9', 5)
    """
    if hasattr(value, "word"):
        return value.word
    if not isinstance(value, tuple):
        return value
    if value and isinstance(value[0], tuple):
        return "/".join(format_word(pair) for pair in value)
    if any(isinstance(x, str) for x in value):
        return ",".join(value)
    return ",".join(f"{x:.17g}" for x in value)


def describe(function: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the words that make `values` again: the resolved settings of `function`.

    `values` maps each parameter of `function` (for a `**parameter`, its keywords) to its value.
    """
    result: dict[str, Any] = {}
    for name, (hint, _) in _parameters(function).items():
        _, metadata = _split(hint)
        if isinstance(metadata, Mapping):
            names = [key for key, x in metadata.items() if x is values[name]]
            result |= {name: names[0]} if names else {}
        elif _is_maker(metadata):
            made = values.get(name)
            result |= made.words if hasattr(made, "words") else describe(metadata, values)
        elif name in keys(function) and name in values:
            result[name] = format_word(values[name])
    return result
