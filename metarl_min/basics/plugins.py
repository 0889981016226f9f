"""Plug-ins: functions outside the package, named by a word `path/to/file.py:function`.

The word `package.module:function` names a function of a module that can be imported.

`dumps` and `loads` are `pickle.dumps` and `pickle.loads` for values that use plug-ins. The bytes
also contain the source code of these plug-ins, so they can be read on a machine that does not have
the files.

`_SOURCES` belongs to this process: it holds the source code of each plug-in that has been run.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import inspect
import pickle
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from metarl_min.basics import words
from metarl_min.basics.arguments import instance, require

PREFIX = "metarl_min_plugin_"
Source = tuple[str, bytes]  # the path of a plug-in, and the content of this file
_SOURCES: dict[str, Source] = {}  # name of the module -> its source


def _run(name: str, source: Source) -> None:
    """Make a module of a source, and put it into `sys.modules`."""
    path, content = source
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before the file runs, as for any module
    try:
        exec(compile(content, path, "exec"), vars(module))
    except BaseException:
        del sys.modules[name]
        raise
    _SOURCES[name] = source


def load_file(path: Path) -> ModuleType:
    """Return the module of a file. The file runs once in a process.

    The full path determines the name of the module, so objects of the module can be pickled here
    and read in another process that has loaded the same file.
    """
    path = path.resolve()
    require(path.is_file(), "a plug-in must be a file that exists", path)
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:12]
    name = f"{PREFIX}{digest}"
    if name not in sys.modules:
        _run(name, (str(path), path.read_bytes()))
    return sys.modules[name]


def loaded_files() -> dict[str, str]:
    """Return the path of each file that `load_file` has loaded, by the name of its module."""
    return {name: path for name, (path, _) in _SOURCES.items() if name in sys.modules}


def loaded_sources() -> dict[str, Source]:
    """Return the source of each plug-in that this process has loaded, by the name of its module."""
    return {name: _SOURCES[name] for name in loaded_files()}


def load_sources(sources: Mapping[str, Source]) -> None:
    """Run the plug-ins of another process, unless this process has loaded the same sources."""
    for name, source in sources.items():
        if name not in sys.modules or _SOURCES.get(name) != source:
            _run(name, source)


def dumps(value: Any) -> bytes:
    """Return the pickle of a value, with the source code of the plug-ins that the value uses."""
    pickled = pickle.dumps(value)
    used = {name: x for name, x in loaded_sources().items() if name.encode() in pickled}
    return pickle.dumps((used, pickled))


def loads(content: bytes) -> Any:
    """Return the value whose bytes `dumps` has returned, here or in another process.

    A plug-in runs again if this process has run another version of its file.
    """
    used, pickled = pickle.loads(content)
    load_sources(used)
    return pickle.loads(pickled)


def place(error: BaseException) -> str:
    """Return the line of a plug-in at which an error was raised, or an empty text.

    In an error from a worker process, `__cause__` holds the traceback of the worker as text.
    """
    frames = traceback.extract_tb(error.__traceback__)
    lines = [(x.filename, str(x.lineno)) for x in frames]
    if error.__cause__ is not None:
        lines += re.findall(r'File "(.+)", line ([0-9]+)', str(error.__cause__))
    own = [line for line in lines if line[0] in loaded_files().values()]
    if own:
        return f" ({Path(own[-1][0]).name}, line {own[-1][1]})"
    return "" if error.__cause__ is None else place(error.__cause__)


@contextlib.contextmanager
def errors_by_rule(rule: str, *passing: type[Exception]) -> Iterator[None]:
    """Turn each error inside the block into a ValueError: the rule, then the error and its line.

    Errors of the types `passing` stay as they are.
    """
    try:
        yield
    except passing:
        raise
    except Exception as error:
        got = f"{type(error).__name__}: {error}{place(error)}"
        raise ValueError(f"{rule}, got {got}") from error


def load(word: str) -> Callable[..., Any]:
    """Return the function that a word `file.py:function` or `package.module:function` names.

    ValueError if the file, the module or the function does not exist, or if the file raises an
    error while it runs.
    """
    module_word, _, name = instance("a plug-in", word, str).rpartition(":")
    rule = "a plug-in must be written path/to/file.py:function or package.module:function"
    require(bool(module_word) and name.isidentifier(), rule, repr(word))
    path = Path(module_word).resolve() if module_word.endswith(".py") else None
    require(path is None or path.is_file(), "a plug-in must be a file that exists", path)
    with errors_by_rule(f"the plug-in {module_word} must load without an error"):
        module = load_file(path) if path else importlib.import_module(module_word)
    own = [x for x, f in vars(module).items() if getattr(f, "__module__", "") == module.__name__]
    names = [name] if name in vars(module) else own
    words.require_name(f"the function of {module_word}", name, names)
    function: Callable[..., Any] = getattr(module, name)
    require(callable(function), f"{word} must be a function", repr(function))
    return function


def _require_form(function: Callable[..., Any], num_positional: int, rule: str) -> None:
    kinds = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.signature(function)
    positional = [x for x in signature.parameters.values() if x.kind in kinds]
    required = [x for x in positional if x.default is inspect.Parameter.empty]
    fits = len(required) <= num_positional <= len(positional)
    require(fits, rule, f"{getattr(function, '__name__', function)}{signature}")


def find(
    name: str, registry: Mapping[str, Callable[..., Any]], kind: str, num_positional: int
) -> Callable[..., Any]:
    """Return the function called `name` in a registry; a name with a colon is a plug-in's word.

    A plug-in must take `num_positional` positional arguments. ValueError, which names the `kind`
    of the function, if there is no such function.
    """
    if ":" not in instance(f"the name of a {kind}", name, str) and not name.endswith(".py"):
        words.require_name(kind, name, registry)
        return registry[name]
    function = load(name)
    takes = "a family and keyword-only settings" if num_positional else "keyword-only parameters"
    _require_form(function, num_positional, f"a {kind} must be a function of {takes}")
    with errors_by_rule(f"the annotations of {name} must be types that exist"):
        words.keys(function)
    return function


def resolved_words(
    function: Callable[..., Any], arguments: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the words that make the value of a plug-in again.

    `function` has made the value from `arguments`, and `given` holds the settings that are stored
    in the value. The result has the words of `function` with their defaults. The words of
    `arguments` replace the defaults, and then the words in `given` replace both.
    """
    keys = words.keys(function)
    defaults = {name: key.default for name, key in keys.items() if key.default is not None}
    own = {name: word for name, word in given.items() if name in keys}
    return {**defaults, **words.describe(function, arguments), **own}
