"""Plug-ins: functions in files outside the package, named `path/to/file.py:function`.

The word `package.module:function` names a function of a module that can be imported.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from metarl_min.basics import words
from metarl_min.basics.arguments import require


def _from_file(path: Path) -> ModuleType:
    """Return the module of a file; it is run once, under a name that its full path determines."""
    require(path.is_file(), "a plug-in must be a file path/to/file.py:function", str(path))
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    name = f"metarl_min_plugin_{path.stem}_{digest}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # before it runs, so that its functions can be pickled
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def load(word: str) -> Callable[..., Any]:
    """Return the function that `file.py:function` or `package.module:function` names.

    ValueError where the file, the module or the function does not exist, or fails as it runs.
    """
    place, _, name = word.rpartition(":")
    rule = "a plug-in must be written path/to/file.py:function or package.module:function"
    require(bool(place) and name.isidentifier(), rule, repr(word))
    try:
        module = (
            _from_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
        )
    except Exception as error:
        kind = type(error).__name__
        raise ValueError(f"{place} must run without an error, got {kind}: {error}") from error
    names = [key for key, x in vars(module).items() if callable(x) and not key.startswith("_")]
    words.require_name(f"the function of {place}", name, names)
    function: Callable[..., Any] = getattr(module, name)
    return function


def find(kind: str, name: str, registry: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
    """Return the function `name` of a registry, or of a plug-in where the name has a colon."""
    if ":" in name:
        return load(name)
    words.require_name(kind, name, registry)
    return registry[name]
