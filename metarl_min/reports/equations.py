"""The index of equations: their modules, the functions that compute them, the tests of each.

The docstring of a module numbers its equations. Each equation has a line or a paragraph, and its
source stands at the end:

    (n)  formula, on one line or several    [Author et al. year, eq. n]

The docstring of a function cites "eq. (2)" or "eqs. (1)-(3), (5)" of its own module, and
"values (4)" of another module. A test is marked @pytest.mark.verifies("values.4"). The name of a
module is its last part, or "tasks.bandits" if two modules share the last part. The index parses
the files of the modules and imports none of them.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from metarl_min.basics.words import require_name

PACKAGE = Path(__file__).resolve().parents[1]
ENTRY = re.compile(r"^ *\((\d+)\)  +(?=\S)", re.MULTILINE)
SOURCE = re.compile(r"(?:  +|\n *)\[([^\[\]]+)\] *(?=\n|$)")
NUMBERS = r"(\(\d+\)(?:(?:, and |, | and | or |-)\(\d+\))*)"


class Equation(NamedTuple):
    """One numbered equation and where it is used."""

    name: str  # "mdp.5"
    formula: str  # as it is written, on one line
    source: str  # the paper; empty if it is missing
    functions: list[str]  # the functions that cite it
    tests: list[str]  # the tests that are marked with it


class Index(NamedTuple):
    """The equations of a package, and the errors of its citations."""

    equations: list[Equation]
    dangling: list[str]  # citations and marks of equations that do not exist


def _flow(text: str) -> str:
    return " ".join(text.split())


def formulas(docstring: str) -> dict[int, tuple[str, str]]:
    """Return formula and source of each numbered equation of a module's docstring.

    >>> formulas("Line.\\n\\n    (1)  y = 2 x\\n         for x > 0    [definition]\\n")
    {1: ('y = 2 x for x > 0', 'definition')}
    """
    starts = list(ENTRY.finditer(docstring))
    ends = [*(start.start() for start in starts[1:]), len(docstring)]
    equations = {}
    for start, end in zip(starts, ends, strict=False):
        text = docstring[start.end() : end].split("\n\n")[0]
        source = SOURCE.search(text)
        formula = text[: source.start()] if source else text
        equations[int(start[1])] = (_flow(formula), _flow(source[1]) if source else "")
    return equations


def expand(numbers: str) -> list[int]:
    """Return the numbers of a citation.

    >>> expand("(1)-(3), (5) and (7)")
    [1, 2, 3, 5, 7]
    """
    expanded: list[int] = []
    for dash, digits in re.findall(r"(-?)\((\d+)\)", numbers):
        first = expanded[-1] + 1 if dash else int(digits)
        expanded += range(first, int(digits) + 1)
    return expanded


def citations(docstring: str, module: str, modules: set[str]) -> list[str]:
    """Return the names of the equations that a function's docstring cites."""
    text = _flow(docstring)
    own = re.findall(rf"\b[Ee]qs?\. {NUMBERS}", text)
    cited = [f"{module}.{n}" for numbers in own for n in expand(numbers)]
    for name, numbers in re.findall(rf"([a-z_]+(?:\.[a-z_]+)?) {NUMBERS}", text):
        cited += [f"{name}.{n}" for n in expand(numbers) if name in modules]
    return cited


def module_names(paths: list[Path], root: Path) -> dict[str, Path]:
    """Return the modules by the last part of their names, or by two parts if some share it."""
    dotted = {path: path.relative_to(root).with_suffix("").parts for path in paths}
    parts = {p: name[:-1] if name[-1] == "__init__" else name for p, name in dotted.items()}
    shared = Counter(name[-1] for name in parts.values() if name)
    return {
        ".".join(name[-2:]) if shared[name[-1]] > 1 else name[-1]: path
        for path, name in parts.items()
        if name
    }


def _definitions(tree: Any) -> Iterator[Any]:
    """Yield the functions and classes of a module, and those inside of them."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node
            yield from _definitions(node)


def _users_of(name: str, *lists: list[tuple[str, str]]) -> list[list[str]]:
    """Return the users of the equation `name` in each list of pairs (equation, user)."""
    return [list(dict.fromkeys(u for x, u in pairs if x == name)) for pairs in lists]


def _marks(tests: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield (equation, test) for each mark of a file of tests."""
    for test in _definitions(tests):
        for mark in test.decorator_list:
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.verifies":
                yield from ((ast.literal_eval(name), test.name) for name in mark.args)


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def checkout_tests(package: Path = PACKAGE) -> Path | None:
    """Return the folder of tests beside the package in a checkout, or None outside of one."""
    beside = package.parent / "tests"
    return beside if (package.parent / "setup.cfg").exists() and beside.is_dir() else None


def index(package: Path = PACKAGE, tests: Path | None = None) -> Index:
    """Return the index of a package; `tests` is the folder of its tests, if there is one."""
    paths = module_names(sorted(package.rglob("*.py")), package)
    modules = {name: _parse(path) for name, path in paths.items()}
    users, marks = [], []
    for name, tree in modules.items():
        for node in _definitions(tree):
            cited = citations(ast.get_docstring(node) or "", name, set(modules))
            users += [(equation, f"{name}.{node.name}") for equation in cited]
    for path in sorted(tests.rglob("test_*.py")) if tests else ():
        if "verifies" in path.read_text(encoding="utf-8"):  # otherwise it has no marks
            marks += [(equation, f"{path.stem}.{test}") for equation, test in _marks(_parse(path))]
    equations = [
        Equation(f"{name}.{n}", formula, source, *_users_of(f"{name}.{n}", users, marks))
        for name, tree in modules.items()
        for n, (formula, source) in formulas(ast.get_docstring(tree) or "").items()
    ]
    known = {equation.name for equation in equations}
    return Index(equations, [f"{user}: {x}" for x, user in users + marks if x not in known])


def of_module(equations: list[Equation], module: str) -> list[Equation]:
    """Return the equations of one module. ValueError, with the nearest name, if it has none."""
    modules = list(dict.fromkeys(equation.name.rpartition(".")[0] for equation in equations))
    require_name("MODULE", module, modules)
    return [x for x in equations if x.name.rpartition(".")[0] == module]


def text(equations: list[Equation], width: int = 100) -> str:
    """Return a paragraph for each equation: name and formula, paper, functions, tests."""
    paragraphs = []
    for name, formula, source, functions, tests in equations:
        lines = {"": formula, "source": source, "in": ", ".join(functions)}
        by_file: dict[str, list[str]] = {}
        for file, _, test in (test.partition(".") for test in tests):
            by_file.setdefault(file, []).append(test)
        lines |= {file: ", ".join(names) for file, names in by_file.items()}
        for label, line in lines.items():
            head = f"{name:21s}" if not label else f"    {label}: "
            paragraphs += textwrap.wrap(head + line, width, subsequent_indent=" " * 8)
    return "\n".join(paragraphs)
