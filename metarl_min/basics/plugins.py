"""Plug-ins: functions of files outside the package, by the word `path/to/file.py:function`.

The word `package.module:function` names a function of a module that can be imported.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from metarl_min.basics import words
from metarl_min.basics.arguments import require

PREFIX = "metarl_min_plugin_"


def load_file(path: Path) -> ModuleType:
    """Return the module of a file. The file runs once in a process.

    The full path determines the name of the module, so objects of the module can be pickled here
    and read in another process that has loaded the same file.
    """
    require(path.is_file(), "a plug-in must be a file that exists", str(path))
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    name = f"{PREFIX}{digest}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path.resolve())
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # before the file runs, as for any module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def loaded_files() -> list[str]:
    """Return the paths of all files that `load_file` has loaded in this process."""
    modules = [module for name, module in sys.modules.items() if name.startswith(PREFIX)]
    return [str(module.__file__) for module in modules]


def load(word: str) -> Callable[..., Any]:
    """Return the function that a word `file.py:function` or `package.module:function` names.

    ValueError if the file, the module or the function does not exist, or if the file raises an
    error while it runs.
    """
    place, _, name = word.rpartition(":")
    rule = "a plug-in must be written path/to/file.py:function or package.module:function"
    require(bool(place) and name.isidentifier(), rule, repr(word))
    is_file = place.endswith(".py")
    try:
        module = load_file(Path(place)) if is_file else importlib.import_module(place)
    except Exception as error:
        got = f"{type(error).__name__}: {error}"
        raise ValueError(f"the plug-in {place} must load without an error, got {got}") from error
    functions = [key for key, x in vars(module).items() if inspect.isroutine(x) or key == name]
    words.require_name(f"the function of {place}", name, functions)
    function: Callable[..., Any] = getattr(module, name)
    require(callable(function), f"{word} must be a function", function)
    return function


def find(kind: str, name: str, registry: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
    """Return the function called `name` in a registry; a name with a colon is a plug-in's word."""
    if ":" in name:
        return load(name)
    words.require_name(kind, name, registry)
    return registry[name]
