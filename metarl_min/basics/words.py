"""Words: settings that are written as name=value, on the command line and in files.

A function that makes a family or a learner has keyword-only parameters. In `arms=5`, the key `arms`
names a parameter, and `5` is its word. The annotation says how it is read. There are four kinds:

- `int`, `float`, `str`, `Cells`, `Pairs`: the word is the value. `| None` after the type means that
  the default depends on the family.
- `Annotated[T, names]` with a dict: the word is a name, the value is the object of that name.
- `Annotated[T, maker]`: the function `maker` makes the value from the words of its own keys. But in
  `f(**parameter)`, `maker` is not called, and f gets the value of each word as a keyword argument.
  Then a NamedTuple with the default of each word may replace `maker`.
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
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from typing import Any, NamedTuple

from metarl_min.basics.arguments import instance, require, shown
from metarl_min.basics.numerals import number, whole_number

Cells = tuple[int, ...]  # written 4,9,14
Pairs = tuple[tuple[float, float], ...]  # written 1,1/2,2
_hints = lru_cache(256)(partial(typing.get_type_hints, include_extras=True))


class Key(NamedTuple):
    """A key of a function: how its word is read, its default and its meaning."""

    read: Callable[[str], Any]  # word -> value; ValueError if the word cannot be read
    choices: tuple[str, ...]  # the word must be one of these names, if there are any
    default: Any  # the word of the default; None if the default depends on the family
    meaning: str


def suggestion(word: str, names: Iterable[str]) -> str:
    """Return a question that offers the name nearest to `word`, or an empty text.

    >>> suggestion("mamml", ["maml", "rl2"])
    ', did you mean maml?'
    """
    close = difflib.get_close_matches(word, list(names), n=1)
    return f", did you mean {close[0]}?" if close else ""


def require_name(what: str, word: str, names: Iterable[str]) -> None:
    """Raise a ValueError unless `word` is one of `names`; it offers the nearest name."""
    names = list(names)
    if word not in names:
        rule = f"{what} must be one of {', '.join(names)}"
        raise ValueError(f"{rule}, got {shown(repr(word))}{suggestion(word, names)}")


def _cells(word: str) -> Cells:
    return tuple(whole_number(cell) for cell in word.split(",") if word)


def _pairs(word: str) -> Pairs:
    pairs = [tuple(number(x) for x in pair.split(",")) for pair in word.split("/")]
    return tuple((a, b) for a, b in pairs)  # ValueError unless each pair has two numbers


PARSERS: dict[Any, tuple[Callable[[str], Any], str]] = {
    int: (whole_number, "a whole number"),
    float: (number, "a number"),
    str: (str, "a word"),
    Cells: (_cells, "c,c,.."),
    Pairs: (_pairs, "a,b/a,b/.."),
}


def _read(word: str, *, name: str, parse: Callable[[str], Any], form: str) -> Any:
    try:
        return parse(word)
    except ValueError:
        raise ValueError(f"{name} must be written as {form}, got {shown(repr(word))}") from None


def _choose(word: str, *, name: str, names: Mapping[str, Any]) -> Any:
    require_name(name, word, names)
    return names[word]


def format_word(value: Any) -> Any:
    """Return the word from which a value can be read again. A number stays a number.

    >>> format_word(((1.0, 2.0), (3.0, 4.0))), format_word((4, 9)), format_word(5)
    ('1,2/3,4', '4,9', 5)
    """
    if hasattr(value, "word"):
        return value.word
    if not isinstance(value, tuple):
        return value
    if value and isinstance(value[0], tuple):
        return "/".join(format_word(pair) for pair in value)
    return ",".join(x if isinstance(x, str) else f"{x:.17g}" for x in value)


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


class _Parameter(NamedTuple):
    """A keyword-only parameter of a function, or a field of a NamedTuple."""

    kind: Any  # its type
    metadata: Any  # a dict, a maker, a parser or None
    default: Any
    variadic: bool  # whether it is a **parameter


def _parameter(hint: Any, default: Any, variadic: bool = False) -> _Parameter:
    hint, metadata = _without_none(hint), None
    if typing.get_origin(hint) is typing.Annotated:
        hint, metadata = typing.get_args(hint)[:2]
    return _Parameter(_without_none(hint), metadata, default, variadic)


def _without_none(hint: Any) -> Any:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
        return kinds[0] if len(kinds) == 1 else hint
    return hint


def _parameters(function: Any) -> dict[str, _Parameter]:
    """Return each keyword-only parameter that no partial has fixed, or each field."""
    if isinstance(function, tuple):
        hints, fields = _hints(type(function)), function._asdict()  # type: ignore[attr-defined]
        return {name: _parameter(hints[name], value) for name, value in fields.items()}
    function, fixed = unwrapped(function)
    hints = _hints(function)
    result = {}
    for name, x in inspect.signature(function).parameters.items():
        variadic = x.kind is inspect.Parameter.VAR_KEYWORD
        if name not in fixed and (variadic or x.kind is inspect.Parameter.KEYWORD_ONLY):
            result[name] = _parameter(hints.get(name, Any), x.default, variadic)
    return result


def _is_maker(metadata: Any) -> bool:
    """Return whether metadata is a maker: no parameter of it is positional, except `family`."""
    if isinstance(metadata, tuple) or not callable(metadata):
        return isinstance(metadata, tuple)
    kinds = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    by_name = inspect.signature(metadata).parameters
    positional = [name for name, x in by_name.items() if x.kind in kinds]
    return positional in ([], ["family"]) and bool(_parameters(metadata))


def _word_of(value: Any, metadata: Any) -> Any:
    """Return the word of a value, or None if it has none."""
    if isinstance(metadata, Mapping):
        return next((name for name, x in metadata.items() if x is value), None)
    return None if value is inspect.Parameter.empty else format_word(value)


def keys(function: Any) -> dict[str, Key]:
    """Return every key of `function`, the keys of its makers included."""
    result: dict[str, Key] = {}
    about = meanings(unwrapped(function)[0])
    for name, x in _parameters(function).items():
        if _is_maker(x.metadata):
            result |= keys(x.metadata)
            continue
        choices = tuple(x.metadata) if isinstance(x.metadata, Mapping) else ()
        if isinstance(x.metadata, Mapping):
            read: Callable[[str], Any] = partial(_choose, name=name, names=x.metadata)
        elif callable(x.metadata):
            read = x.metadata
        elif x.kind in PARSERS:
            parse, form = PARSERS[x.kind]
            read = partial(_read, name=name, parse=parse, form=form)
        else:
            continue
        default = _word_of(x.default, x.metadata)
        result[name] = Key(read, choices, default, meaning=about.get(name, ""))
    return result


def parse_words(name: str, function: Any, words: Mapping[str, str]) -> dict[str, Any]:
    """Return the keyword arguments that `words` give. `name` stands for `function` in errors.

    ValueError for a key that the function does not have, or for a word that cannot be read.
    """
    by_name = keys(function)
    for key, word in instance("words", words, Mapping).items():
        instance(str(key), word, str)
        instance("a key", key, str)
        rule = f"{name} knows the keys {', '.join(by_name)}" if by_name else f"{name} has no keys"
        require(key in by_name, rule, f"{key!r}{suggestion(key, by_name)}")
    return _gather(function, {key: by_name[key].read(word) for key, word in words.items()})


def _gather(function: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments of `function`. `values` maps keys to values."""
    arguments: dict[str, Any] = {}
    for name, x in _parameters(function).items():
        if not _is_maker(x.metadata):
            arguments |= {name: values[name]} if name in values else {}
            continue
        given = {key: values[key] for key in keys(x.metadata) if key in values}
        made = _gather(x.metadata, given)
        if made:
            arguments |= made if x.variadic else {name: x.metadata(**made)}
    return arguments


def describe(function: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the words that make `values` again: the resolved settings of `function`.

    `values` maps each parameter of `function` and each keyword of its `**parameter` to the value.
    A value that no word can make is left out.
    """
    result: dict[str, Any] = {}
    by_name = keys(function)
    for name, x in _parameters(function).items():
        value: Any = values.get(name)
        if _is_maker(x.metadata):
            result |= value.words if hasattr(value, "words") else describe(x.metadata, values)
        elif name in by_name and name in values:
            word = _word_of(value, x.metadata)
            result |= {} if word is None else {name: word}
    return result
