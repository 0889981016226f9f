"""Every public function is tried with mutated arguments, and refuses them or means the same."""

import ast
import importlib
import pkgutil
import re
import signal
import zlib

import pytest

from campaign import LATER, ROOMS, judging

LEFT_OUT = ("cli", "reports")  # they read the words of the command line, and what it computed
EVERY = 4  # one mutation in so many is tried in the suite


def table(room):
    return importlib.import_module(f"campaign.{room}_calls")


def modules(room):
    """The modules of a room, by their name inside it."""
    package = importlib.import_module(ROOMS[room])
    if room == "top":
        names = [x.name for x in pkgutil.iter_modules(package.__path__) if not x.ispkg]
    else:
        names = ["", *(x.name for x in pkgutil.iter_modules(package.__path__))]
    found = {name: f"{ROOMS[room]}.{name}".rstrip(".") for name in names if name != "__main__"}
    return {name: importlib.import_module(full) for name, full in found.items()}


def offered(module):
    """The public functions and NamedTuples that a module defines."""
    with open(module.__file__, encoding="utf-8") as file:
        body = ast.parse(file.read()).body
    classes = [x.name for x in body if isinstance(x, ast.ClassDef)]
    names = [x.name for x in body if isinstance(x, ast.FunctionDef)]
    names += [name for name in classes if hasattr(getattr(module, name), "_fields")]
    return [name for name in names if not name.startswith("_")]


def trusts(room, module, name):
    """Whether the docstring of the function, or a paragraph that names it, says it checks nothing.

    The paragraph stands in the docstring of the module or of the room.
    """
    trust = r"trusts?\s+(its|their)\s+(other\s+)?arguments"
    rule = re.compile(
        trust + r"|checks\s+nothing\s+else|without\s+a\s+check\s+of\s+the\s+arguments"
    )
    texts = [x.__doc__ or "" for x in (importlib.import_module(ROOMS[room]), module)]
    said = [part for text in texts for part in text.split("\n\n") if rule.search(part)]
    whole = f"functions of `{module.__name__.rpartition('.')[2]}`"
    named = any(f"`{name}`" in part or whole in " ".join(part.split()) for part in said)
    return named or bool(rule.search(getattr(module, name).__doc__ or ""))


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_function_has_a_base_call_or_trusts_its_arguments(room):
    calls, results, missing = table(room).CALLS, table(room).RESULTS, []
    for part, module in modules(room).items():
        for name in offered(module):
            full = f"{part}.{name}".lstrip(".")
            called = any(x == full or x.startswith((f"{full}.", f"{full}:")) for x in calls)
            if not (called or full in results or trusts(room, module, name)):
                missing.append(full)
    assert missing == []


def test_every_room_of_the_package_has_a_table():
    package = importlib.import_module("metarl_min")
    rooms = {x.name for x in pkgutil.iter_modules(package.__path__) if x.ispkg}
    assert rooms - set(LEFT_OUT) == set(ROOMS) - {"top"}


@pytest.mark.parametrize("room", ROOMS)
def test_a_result_is_a_record_that_the_package_makes(room):
    parts = modules(room)
    for full in table(room).RESULTS:
        part, _, name = full.rpartition(".")
        assert hasattr(getattr(parts[part], name), "_fields")


def selection(function, tasks):
    """One mutation in `EVERY`, from a place that depends on the name of the function."""
    return tasks[zlib.crc32(function.encode()) % EVERY :: EVERY]


def late(*_):
    raise TimeoutError("the call took more than 5 seconds")


@pytest.mark.parametrize("room", ROOMS)
def test_a_mutated_argument_is_refused_by_a_rule_or_means_the_same(room):
    faults, previous = [], signal.signal(signal.SIGALRM, late)
    try:
        for function, base in table(room).CALLS.items():
            expected = judging.run(base, judging.copy.deepcopy(base.arguments))
            tasks = [] if function in LATER else judging.tasks_of(base)
            for name, m in selection(function, tasks):
                signal.alarm(5)
                verdict = judging.judge(base, name, m, expected)
                signal.alarm(0)
                if verdict.fault:
                    faults.append(f"{function}({name}) {m.kind} {m.note}: {verdict}")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
    assert faults == []
