"""The process in which the program of a student runs.

`submissions` starts this process and calls functions of the student in it. `student_limits` holds
the rules for the program.

The functions of `student_process` trust their arguments.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
import types
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from metarl_min.teach import messages
from metarl_min.teach.messages import Channel, RemoteError, Unsendable
from metarl_min.teach.student_limits import (
    forbid_modules,
    guard,
    hide,
    refuse_programs,
    set_limits,
)
from metarl_min.teach.watched_calls import watched


class Missing(Exception):
    """The file of the student does not define a function."""


KINDS = (  # an error is reported as the first of these classes to which it belongs
    Missing, Unsendable, MemoryError, RecursionError, SystemExit, SyntaxError, ModuleNotFoundError,
    NotImplementedError, PermissionError, AssertionError,
)  # fmt: skip


def _kind_of(error: BaseException) -> str:
    """Return the name of the kind of an error. A group of AssertionErrors is an AssertionError."""
    parts = getattr(error, "exceptions", ())
    if isinstance(parts, tuple) and parts and all(isinstance(x, AssertionError) for x in parts):
        return AssertionError.__name__
    return next((kind for kind in KINDS if isinstance(error, kind)), type(error)).__name__


def described(error: BaseException, file: str) -> list[Any]:
    """Return the kind of an error, its text, and the line of the student's file, or 0."""
    frames = traceback.walk_tb(error.__traceback__)
    lines = [line for frame, line in frames if frame.f_code.co_filename == file]
    if isinstance(error, SyntaxError) and error.filename == file:
        lines.append(error.lineno or 0)
    kind = type(error).__name__
    try:
        kind = _kind_of(error)
        if isinstance(error, RemoteError):  # a function of the grader has raised it
            kind = str(error.args[0])
        text = str(error.args[1] if isinstance(error, RemoteError) else error)
    except BaseException:
        text = "an error whose text cannot be shown"
    return [kind, text[:2000], lines[-1] if lines else 0]


def make_tests_repeatable(source: bytes) -> None:
    """Let Hypothesis draw the same examples every time, if the student imports it.

    Hypothesis does not shorten counter-examples, because this takes longer than finding them. Its
    health checks are off, because some of them depend on the speed of the machine.
    """
    if b"hypothesis" not in source or importlib.util.find_spec("hypothesis") is None:
        return
    import hypothesis

    hypothesis.settings.register_profile(
        "grading",
        derandomize=True,
        database=None,
        deadline=None,
        max_examples=30,
        report_multiple_bugs=False,  # otherwise several failures raise a group
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.settings.load_profile("grading")


def find_in(module: types.ModuleType) -> Callable[[str], Callable[..., Any]]:
    """Return the function that finds a function of the student by its name.

    For the empty name, it returns a function that runs the file.
    """

    def run() -> None:
        sys.modules[module.__name__] = module
        source = Path(str(module.__file__)).read_bytes()
        make_tests_repeatable(source)
        code = compile(source, str(module.__file__), "exec", dont_inherit=True)
        exec(code, module.__dict__)

    def find(name: str) -> Callable[..., Any]:
        if not name:
            return run
        function = getattr(module, name, None)
        if not callable(function):
            raise Missing(f"the file must define a function {name}")
        return partial(watched, function)

    return find


def open_channel(file: str) -> Channel:
    """Return the channel to the grader. The program's own output goes to standard error."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    module = types.ModuleType(Path(file).stem)
    module.__file__ = file

    def describe(error: BaseException) -> list[Any]:
        traceback.clear_frames(error.__traceback__)  # they may hold much memory
        return described(error, file)

    return Channel(
        incoming=incoming,
        outgoing=outgoing,
        functions=[],
        find=find_in(module),
        describe=describe,
    )


def main(file: str, private: str, megabytes: int, seconds: int, forbidden: list[str]) -> None:
    """Answer calls of the grader until it closes the channel."""
    channel, own = open_channel(file), os.path.dirname(file)
    os.chdir(own)
    hide(private)
    refuse_programs()
    sys.dont_write_bytecode = True
    hook = guard(own, private, forbidden)
    set_limits(megabytes, seconds)
    sys.addaudithook(hook)
    forbid_modules(forbidden)
    messages.send(channel, {"value": "ready"})
    try:
        while True:
            messages.answer(channel, messages.receive(channel))
    finally:
        os._exit(0)  # without waiting for threads of the student


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
