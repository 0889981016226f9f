"""The import order is the architecture: a room imports only rooms above it in the map."""

import ast
import re
import sys
from pathlib import Path

import metarl_min

PACKAGE = Path(metarl_min.__file__).parent
EXTRAS = {"matplotlib": {"reports.plots"}, "tqdm": {"reports.progress"}}
ALWAYS = {"numpy", "autograd", "metarl_min"}


def dotted(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = {dotted(path): path for path in sorted(PACKAGE.rglob("*.py"))}
ROOMS = {name for name in PATHS if name}


def read_map(text):
    """Return the rooms in the order of the map: a line per room, "    name  what it holds".

    Words of a package's line that name its modules put these in order too: then a later one may
    import an earlier one.
    """
    rooms = []
    for name, line in re.findall(r"^ {4}([a-z_]+)\b(.*(?:\n {5,}.*)*)", text, re.MULTILINE):
        words = [f"{name}.{word}" for word in re.findall(r"[a-z_]+", line)]
        rooms += [name, *dict.fromkeys(word for word in words if word in ROOMS)]
    return rooms


MAP = read_map(metarl_min.__doc__)


def place(name):
    """The place of a module in the map: its own, or that of its package."""
    return MAP.index(name if name in MAP else name.partition(".")[0])


def imports(name):
    """Yield every module that the module `name` imports, at the top or inside a function."""
    for node in ast.walk(ast.parse(PATHS[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            for alias in node.names:
                inside = f"{node.module}.{alias.name}".removeprefix("metarl_min.")
                yield f"metarl_min.{inside}" if inside in ROOMS else node.module


def test_the_map_names_every_room_once_and_nothing_else():
    assert sorted(MAP) == sorted(set(MAP)) and set(MAP) <= ROOMS
    assert {name.partition(".")[0] for name in ROOMS} - {"__main__"} == {
        name.partition(".")[0] for name in MAP
    } - {"__main__"}


def test_the_map_is_read_by_lines_and_words():
    text = (
        "Title.\n\n    mdp      one\n    tasks    bandits, then\n             gridworlds\n\nprose"
    )
    assert read_map(text) == ["mdp", "tasks", "tasks.bandits", "tasks.gridworlds"]


def test_a_room_imports_only_rooms_above_it():
    wrong = []
    for name in sorted(ROOMS - {"__main__"}):
        for other in {x.removeprefix("metarl_min.") for x in imports(name)} & ROOMS:
            package = other == name.partition(".")[0]  # its own __init__
            if not package and place(other) >= place(name):
                wrong.append(f"{name} imports {other}")
    assert wrong == []


def test_the_package_itself_imports_nothing():
    assert set(imports("")) == set()


def test_only_numpy_and_autograd_are_needed_outside_the_extras():
    wrong = []
    for name in sorted(PATHS):
        for top in {module.partition(".")[0] for module in imports(name)}:
            allowed = top in ALWAYS | set(sys.stdlib_module_names) or name in EXTRAS.get(top, ())
            if not allowed:
                wrong.append(f"{name} imports {top}")
    assert wrong == []


def test_extras_are_imported_inside_functions():
    for name in sorted(PATHS):
        body = ast.parse(PATHS[name].read_text(encoding="utf-8")).body
        tops = [x for x in body if isinstance(x, (ast.Import, ast.ImportFrom))]
        assert not any(extra in ast.unparse(x) for x in tops for extra in EXTRAS), name
