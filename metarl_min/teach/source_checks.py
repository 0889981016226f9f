"""The checks of a submission before it runs.

The checks read the source text. They refuse a file that is too long or is not Python, imports of
forbidden modules, and functions that are copies of functions of this library. Two functions are
copies of each other if their syntax trees are equal without the docstrings, the annotations of the
arguments, and the names of the functions. A short function is never a copy, because two people may
write the same one.

`check_source` trusts its arguments, but the source may be anything.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from metarl_min.teach.faults import Fault
from metarl_min.teach.submissions import PACKAGE

MOST_BYTES = 200_000  # of a submission
FROM_NOTEBOOK = "`jupytext --to py:percent hw.ipynb` makes a Python file of a notebook hw.ipynb."
FEWEST_NODES = 60  # of the syntax tree of a function that can be a copy


def _forbidden(name: str, forbidden: tuple[str, ...]) -> bool:
    return any(name == word or name.startswith(word + ".") for word in forbidden)


def _imported(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield the modules that a file imports with fixed names, and the lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("import_module", "__import__")
        ):
            names = [x.value for x in node.args[:1] if isinstance(x, ast.Constant)]
            yield from ((str(name), node.lineno) for name in names)


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def _shape(node: ast.FunctionDef) -> str:
    """Return the text of a syntax tree, without the parts that a copy may change.

    It is "" for a short function.
    """
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    for part in ast.walk(node.args):
        if isinstance(part, ast.arg):
            part.annotation = None
    if sum(1 for statement in body for _ in ast.walk(statement)) < FEWEST_NODES:
        return ""
    return ast.dump(node.args) + "".join(map(ast.dump, body))


def _names(node: ast.FunctionDef) -> set[str]:
    """Return the names that a function uses."""
    inside = [x for statement in node.body for x in ast.walk(statement)]
    return {x.id for x in inside if isinstance(x, ast.Name)} | {
        x.attr for x in inside if isinstance(x, ast.Attribute)
    }


@cache
def _library() -> dict[str, str]:
    """Return the source texts of this library by the names of the modules, such as `mdps.mdp`."""
    files = sorted(Path(PACKAGE).rglob("*.py"))
    names = [".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in files]
    return {n: path.read_text(encoding="utf-8") for n, path in zip(names, files, strict=True)}


@cache
def _shapes(module: str) -> dict[str, str]:
    """Return the names of the functions of a module of this library by their shapes."""
    functions = list(_functions(ast.parse(_library()[module])))
    return {_shape(node): node.name for node in reversed(functions)}  # the first of equal shapes


def _original(node: ast.FunctionDef) -> str:
    """Return the name of the library function that a function copies, or "" if it is no copy."""
    names, shape = _names(node), _shape(node)
    for module, text in _library().items() if shape else ():
        # A module in which one of these names is missing does not hold the function.
        if all(name in text for name in names) and shape in _shapes(module):
            return f"{module}.{_shapes(module)[shape]}"
    return ""


def check_source(source: bytes, file: str, forbidden: tuple[str, ...]) -> None:
    """Raise a Fault if a submission must not run."""
    if len(source) > MOST_BYTES:
        got = f"got {len(source):,} bytes"
        raise Fault("too long", f"{file} must have at most {MOST_BYTES:,} bytes, {got}.")
    if source.lstrip()[:1] == b"{" and b'"cells"' in source:
        raise Fault("notebook", f"{file} is a notebook. {FROM_NOTEBOOK}")
    try:
        tree = _parsed(source, file)
        _check_imports(tree, forbidden)
        _check_copies(tree)
    except RecursionError as error:
        raise Fault("syntax", f"{file} holds an expression that is nested too deeply.") from error


def _parsed(source: bytes, file: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as the warning about a backslash
            return ast.parse(source, file)
    except (SyntaxError, ValueError, MemoryError) as error:
        line = f" in line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        text = error.msg if isinstance(error, SyntaxError) else str(error) or "it is too complex"
        raise Fault("syntax", f"{file} is not valid Python{line}: {text}.") from error


def _check_imports(tree: ast.Module, forbidden: tuple[str, ...]) -> None:
    for name, line_number in _imported(tree):
        if _forbidden(name, forbidden):
            text = f"this assignment forbids the module {name}"
            if _forbidden(name, ("metarl_min",)):
                text += ". If this is the cell that checks your answers, remove it"
            raise Fault(
                "forbidden module",
                f"Your program imports a module in line {line_number}, but {text}.",
            )


def _check_copies(tree: ast.Module) -> None:
    for node in _functions(tree):
        if name := _original(node):
            text = f"{node.name} in line {node.lineno} is a copy of {name} of metarl_min."
            raise Fault("copy", text)
