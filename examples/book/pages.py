"""The pages of the book: chapters with links, and reference pages made from the docstrings.

A chapter is a file in percent format. Where its text cites an equation, `values (4)`, or names a
module, `mdps/values`, the page of the book has a link. A reference page holds one room of the
package: the docstring of every module, with an anchor at every equation and the tests that execute
the equation, and the docstring of every public function.
"""

import ast
import re
import textwrap
from itertools import zip_longest
from pathlib import Path

from metarl_min.reports import equations

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "metarl_min"
ENTRY = re.compile(r"^ +\((\d+)\)  +(?=\S)", re.MULTILINE)
CITED = re.compile(r"`?\b([a-z_]+(?:\.[a-z_]+)?)`? \((\d+)\)")
NAMED = re.compile(r"`((?:[a-z_]+/)?[a-z_]+)`")


def modules() -> dict[str, Path]:
    """Return the files of the package by their name in the room: "mdps/values"."""
    paths = [
        x for x in sorted(PACKAGE.rglob("*.py")) if x.name not in ("__init__.py", "__main__.py")
    ]
    return {str(x.relative_to(PACKAGE).with_suffix("")): x for x in paths}


def anchor(name: str) -> str:
    """Return the anchor of an equation or a module. "mdps/values" -> "mdps-values"

    >>> anchor("values.4")
    'values-4'
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def linked(text: str, known: set[str], names: dict[str, Path]) -> str:
    """Return a text of Markdown, with links at the equations and the modules that it names."""

    def equation(found: re.Match[str]) -> str:
        name = f"{found[1]}.{found[2]}"
        return f"[{found[0].replace('`', '')}](#{anchor(name)})" if name in known else found[0]

    def module(found: re.Match[str]) -> str:
        return f"[`{found[1]}`](#{anchor(found[1])})" if found[1] in names else found[0]

    code = re.compile(r"(?:# )? {4}")  # an indented line is code, and code has no links

    def line(x: str) -> str:
        return x if code.match(x) else NAMED.sub(module, CITED.sub(equation, x))

    fenced = re.split(r"(?ms)^(```.*?^```$)", text)  # every second part is a block of code
    prose = ["\n".join(map(line, part.split("\n"))) for part in fenced[::2]]
    return "".join(a + b for a, b in zip_longest(prose, fenced[1::2], fillvalue=""))


def chapter(path: Path, known: set[str], names: dict[str, Path]) -> str:
    """Return a chapter, with links in its cells of text."""
    parts = re.split(r"(?m)^(?=# %%)", path.read_text(encoding="utf-8"))
    return "".join(
        linked(part, known, names) if part.startswith("# %% [markdown]") else part for part in parts
    )


def _fence(text: str) -> str:
    return f"````{{code-block}} text\n{text}\n````\n"


def _tests(equation: equations.Equation) -> str:
    """Return the line below an equation: links to the tests that execute it."""
    links = [f"[`{test}`](#{anchor('test ' + test)})" for test in equation.tests]
    return "Tests: " + ", ".join(links) + ".\n"


def _is_literal(block: str) -> bool:
    """Return whether a block of a docstring has columns or code, and no prose."""
    lines = block.splitlines()
    columns = sum(bool(re.search(r"\S {2,}\S", line)) for line in lines)
    return block.startswith(" ") or ">>>" in block or columns > len(lines) / 2


def _text(docstring: str, module: str, known: dict[str, equations.Equation]) -> str:
    """Return a docstring: each equation has an anchor, and its tests below it."""
    parts = []
    for block in docstring.split("\n\n"):
        numbers = [f"{module}.{n}" for n in ENTRY.findall(block)]
        cited = [name for name in numbers if name in known]
        parts += [f"({anchor(name)})=" for name in cited]
        parts.append(_fence(textwrap.dedent(block)) if _is_literal(block) else _escaped(block))
        parts += [_tests(known[name]) for name in cited]
    return "\n\n".join(parts)


def _escaped(text: str) -> str:
    """Return prose whose signs mean nothing in Markdown. Names in backticks stay code."""
    pieces = re.split(r"(`[^`\n]+`)", text)
    return "".join(
        x if x.startswith("`") else re.sub(r"([\\*_\[\]<>{}$#|~^])", r"\\\1", x) for x in pieces
    )


def _signature(node: ast.FunctionDef) -> str:
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"def {node.name}({ast.unparse(node.args)}){returns}"


def _fields(node: ast.ClassDef, source: str) -> str:
    """Return the fields of a record as they are written, with their comments."""
    fields = [x for x in node.body if isinstance(x, ast.AnnAssign)]
    if not fields:
        return f"class {node.name}"
    lines = source.splitlines()[fields[0].lineno - 1 : fields[-1].end_lineno]
    return "\n".join([f"class {node.name}:", *lines])


def _member(node: ast.FunctionDef | ast.ClassDef, level: str, source: str) -> str:
    """Return the part of a page with one public function or record, below a heading."""
    text = ast.get_docstring(node) or ""
    head = _signature(node) if isinstance(node, ast.FunctionDef) else _fields(node, source)
    return f"{level} {node.name}\n\n```{{code-block}} python\n{head}\n```\n\n{_text(text, '', {})}"


def _place(order: str, stem: str) -> int:
    """Return the place of a module in the list of its room."""
    found = re.search(rf"^ *{stem} ", order, re.MULTILINE)
    return found.start() if found else len(order)


def reference(room: str, known: dict[str, equations.Equation]) -> str:
    """Return the reference page of a room, or of the modules beside the rooms (room "")."""
    init = PACKAGE / room / "__init__.py"
    title, order = room or "metarl_min", init.read_text(encoding="utf-8")
    own = {x: path for x, path in modules().items() if x.rpartition("/")[0] == room}
    own = dict(sorted(own.items(), key=lambda x: _place(order, x[1].stem)))
    parts = [f"({anchor('room ' + title)})=\n# {title}\n"]
    short = {
        path: name
        for name, path in equations.module_names(sorted(PACKAGE.rglob("*.py")), PACKAGE).items()
    }
    for name, path in [(title, init), *own.items()]:
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source)
        if name != title:
            parts.append(f"({anchor(name)})=\n## {name}\n")
        parts.append(_text(ast.get_docstring(tree) or "", short.get(path, name), known))
        public = [
            x
            for x in tree.body
            if isinstance(x, (ast.FunctionDef, ast.ClassDef)) and not x.name.startswith("_")
        ]
        level = "##" if name == title else "###"
        parts += [_member(node, level, source) for node in public]
    return "\n\n".join(parts) + "\n"


def rooms() -> list[str]:
    """Return the rooms in the order of the map, and "" for the modules beside them."""
    text = ast.get_docstring(ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))) or ""
    found = {name.rpartition("/")[0] for name in modules()}
    order = [x for x in re.findall(r"^\s+([a-z_]+)\s", text, re.MULTILINE) if x in found]
    return list(dict.fromkeys([*order, *sorted(found)]))


def tests(folder: Path) -> str:
    """Return the page with the code of every test that executes an equation."""
    parts = ["# The tests of the equations\n"]
    for path in sorted(folder.rglob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        own = [x for x in ast.parse(source).body if "verifies(" in _decorators(x)]
        if own:
            parts.append(f"## {path.relative_to(folder)}\n")
        for node in own:
            name, first = f"{path.stem}.{node.name}", node.decorator_list[0].lineno - 1
            code = "\n".join(source.splitlines()[first : node.end_lineno])
            parts.append(f"({anchor('test ' + name)})=\n````{{code-block}} python\n{code}\n````\n")
    return "\n\n".join(parts)


def _decorators(node: ast.stmt) -> str:
    return " ".join(ast.unparse(x) for x in getattr(node, "decorator_list", []))
