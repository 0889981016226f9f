"""The import order is the architecture: a module imports only what stands above it in the map."""

import ast
import re
import sys
from functools import cache
from pathlib import Path

import metarl_min

PACKAGE = Path(metarl_min.__file__).parent
EXTRAS = {
    "matplotlib": {
        "reports.plots",
        "reports.comparison_pictures",
        "reports.line_labels",
        "reports.learning_curves",
        "reports.trial_stages",
        "reports.simplex_pictures",
        "reports.grid_policies",
        "reports.memory_pictures",
    },
    "tqdm": {"reports.progress"},
    "hypothesis": {"teach.student_process"},
    "gymnasium": {"memory.gymnasium_environments"},
    "distributed": {"cli.engines"},
    "mpi4py": {"cli.engines"},
}
ALWAYS = {"numpy", "autograd", "metarl_min"}


def dotted(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = {dotted(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in PATHS.items()}
MODULES = set(PATHS) - {"", "__main__"}
ROOMS = {name for name in MODULES if PATHS[name].name == "__init__.py"}


ENTRY = r"^(?: {4})?([a-z_0-9]+) {2,}\S.*$(?:\n {8,}\S.*$)*"


def read_list(docstring):
    """Return the names of the first list: lines of a name, two spaces and a description."""
    for paragraph in docstring.split("\n\n"):
        if re.fullmatch(rf"(?:{ENTRY}\n?)+", paragraph, re.MULTILINE):
            return re.findall(ENTRY, paragraph, re.MULTILINE)
    return []


def listed(name):
    """Return the names that the docstring of a package lists, in its order."""
    return [f"{name}.{x}".strip(".") for x in read_list(ast.get_docstring(TREES[name]))]


MAP = [file for room in listed("") for file in [room, *(listed(room) if room in ROOMS else [])]]


@cache
def imports(name):
    """Return every module that the module `name` imports, at the top or inside a function."""
    found = []
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            for alias in node.names:
                inside = f"{node.module}.{alias.name}".removeprefix("metarl_min.")
                found.append(f"metarl_min.{inside}" if inside in MODULES else node.module)
    return found


def imported_here(name):
    """Return the modules of this package that the module `name` imports."""
    return {module.removeprefix("metarl_min.") for module in imports(name)} & MODULES


def room(name):
    return name.partition(".")[0]


def test_a_list_is_read_by_its_lines():
    text = "Title.\n\n    mdp      one MDP\n             in two lines\n    rl2  a learner\n\nprose"
    assert read_list(text) == ["mdp", "rl2"]


def test_the_map_lists_every_module_once_and_nothing_else():
    assert len(MAP) == len(set(MAP)) and set(MAP) == MODULES


def test_a_module_imports_only_what_stands_above_it():
    wrong = [
        f"{name} imports {other}"
        for name in sorted(MODULES)
        for other in sorted(imported_here(name))
        if MAP.index(other) >= MAP.index(name)
    ]
    assert wrong == []


def test_the_listing_is_short_and_few_arrows_connect_the_rooms():
    entries = {path.name for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert len(entries - {"__pycache__"}) <= 17
    arrows = {(room(name), room(other)) for name in MODULES for other in imported_here(name)}
    assert len({(a, b) for a, b in arrows if a != b}) <= 60


def test_the_package_itself_imports_nothing():
    assert set(imports("")) == set()


def test_no_module_is_imported_by_a_string():
    for name in MODULES - {"basics.plugins"}:
        calls = [ast.unparse(x.func) for x in ast.walk(TREES[name]) if isinstance(x, ast.Call)]
        assert not [call for call in calls if call.endswith("import_module")], name


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
        tops = [x for x in TREES[name].body if isinstance(x, (ast.Import, ast.ImportFrom))]
        assert not any(extra in ast.unparse(x) for x in tops for extra in EXTRAS), name
