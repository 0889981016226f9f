"""The rules of the house: sizes, symbols, and the ways through the package."""

import ast
import io
import re
import tokenize
from functools import cache
from pathlib import Path

import pytest

import metarl_min

PACKAGE = Path(metarl_min.__file__).parent
FILES = {str(p.relative_to(PACKAGE).with_suffix("")): p for p in sorted(PACKAGE.rglob("*.py"))}
SOURCES = {name: path.read_text(encoding="utf-8") for name, path in FILES.items()}
TREES = {name: ast.parse(source) for name, source in SOURCES.items()}
README = (PACKAGE.parent / "README.md").read_text(encoding="utf-8")


@cache
def nodes(name):
    """All nodes of the syntax tree of a module."""
    return list(ast.walk(TREES[name]))


@cache
def docstrings(name):
    """The docstrings of a module, and those of its functions and classes."""
    kinds = (ast.Module, ast.FunctionDef, ast.ClassDef)
    return [ast.get_docstring(node) or "" for node in nodes(name) if isinstance(node, kinds)]


def functions(name):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in nodes(name) if isinstance(node, kinds)]


def code_lines(source, node):
    """Return the number of lines of a function that hold code: no docstring, comment or blank."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    if not body:
        return 0
    text = "\n".join(source.splitlines()[body[0].lineno - 1 : node.end_lineno])
    text = "if 1:\n" + text if text[:1] == " " else text
    skip = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    lines = {n for t in tokens if t.type not in skip for n in range(t.start[0], t.end[0] + 1)}
    return len(lines) - 1 - text.startswith("if 1:")


def test_lines_of_code_are_counted_without_docstring_comments_and_blanks():
    source = 'def f(x):\n    """Text.\n\n    More.\n    """\n    # one\n    y = (x +\n'
    source += "         1)\n\n    return y\n"
    assert code_lines(source, ast.parse(source).body[0]) == 3


@pytest.mark.parametrize("name", FILES)
def test_a_file_has_at_most_250_lines(name):
    assert SOURCES[name].count("\n") <= 250


def test_a_function_has_at_most_25_lines_of_code():
    long = [
        f"{name}: {node.name} has {code_lines(SOURCES[name], node)}"
        for name in FILES
        for node in functions(name)
        if node.end_lineno - node.lineno >= 25 and code_lines(SOURCES[name], node) > 25
    ]
    assert long == []


def test_a_function_has_at_most_9_parameters_but_for_the_words_of_a_family():
    many = [
        f"{name}: {node.name}"
        for name in FILES
        for node in functions(name)
        if len(node.args.posonlyargs + node.args.args + node.args.kwonlyargs) > 9
        and not name.startswith("tasks/")
    ]
    assert many == []


AXES = set(re.findall(r"^    ([A-Z])  \S", metarl_min.__doc__, re.MULTILINE))


def shape_letters(name):
    """Return the capital letters of the shapes [.., ..] in docstrings and comments."""
    text = "\n".join(re.findall(r"#.*", SOURCES[name]) + docstrings(name))
    shapes = re.findall(r"(?<![A-Za-z])\[([^\[\]\n]{1,40})\]", text)
    parts = [part.strip() for shape in shapes for part in shape.split(",")]
    return {part for part in parts if re.fullmatch("[A-Z]", part)}


def departures(name):
    """Return the letters to which a module gives another meaning, in a sentence of its own."""
    text = " ".join((ast.get_docstring(TREES[name]) or "").split())
    sentences = re.findall(r"In this module, ([^.]*)\.", text)
    return set(re.findall(r"\b([A-Za-z])\b", " ".join(sentences)))


def test_the_table_of_axes_is_read():
    assert {"P", "M", "N", "T", "S", "A", "H", "K", "D"} <= AXES


@pytest.mark.parametrize("name", FILES)
def test_shapes_use_the_axes_of_the_table_or_say_so(name):
    assert shape_letters(name) <= AXES | departures(name)


WAYS = {
    title: re.findall(r"`([\w/]+)`", names)
    for title, names in re.findall(r"^- \*([^*]+)\*:((?:\s+`[\w/]+`[,;.])+)", README, re.MULTILINE)
}
TRUSTED = {  # what a reader takes on trust: tools, and variants of MAML
    "basics", "gradients/adaptation_settings", "gradients/advantages", "gradients/combinations",
    "gradients/controls", "gradients/outer_updates", "gradients/outer_words",
    "gradients/parameters", "gradients/step_sizes", "gradients/traced_trials",
    "evolution/fitness", "evolution/workers",
}  # fmt: skip


def file_of(word):
    return word if word in FILES else f"{word}/__init__"


def imported(name):
    """Return the modules of the package that a module imports, as words of the README."""
    words = set()
    for node in nodes(name):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("metarl_min"):
            for alias in node.names:
                path = f"{node.module}.{alias.name}".replace(".", "/").removeprefix("metarl_min/")
                parent = path.rpartition("/")[0]
                words.add(path if file_of(path) in FILES else parent)
    return {word for word in words if word}


def cited(name):
    """Return the modules whose equations the docstrings of a module cite, by their last name."""
    names = {x.rpartition("/")[2]: x for x in FILES if not x.endswith("__init__")}
    found = re.findall(r"\b([a-z_0-9]+) \(\d+\)", " ".join(" ".join(docstrings(name)).split()))
    return {names[word] for word in found if word in names}


def test_the_ways_name_modules_that_exist_each_once():
    words = [word for way in WAYS.values() for word in way]
    assert len(WAYS) == 13 and len(words) == len(set(words)) > 30
    assert all(file_of(word) in FILES for word in words)


@pytest.mark.parametrize("title", WAYS)
def test_a_way_has_at_most_1200_lines(title):
    assert sum(SOURCES[file_of(word)].count("\n") for word in WAYS[title]) <= 1200


def test_a_module_of_a_way_uses_only_what_stands_earlier_in_the_list():
    wrong, earlier = [], set()
    for word in (word for way in WAYS.values() for word in way):
        used = imported(file_of(word)) | cited(file_of(word))
        used -= {word} | TRUSTED | {x for x in used if x.partition("/")[0] in TRUSTED}
        wrong += [f"{word} uses {x}" for x in sorted(used - earlier)]
        earlier.add(word)
    assert wrong == []
