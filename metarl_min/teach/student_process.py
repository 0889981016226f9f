"""The process in which the program of a student runs.

`submissions` starts this process and calls functions of the student in it. Before the file of the
student runs, the process gives up three things: memory beyond a limit, files outside of its own
directory, and modules that the assignment forbids. The rules tell honest students what is not
allowed, and they make tricks visible. They cannot hold off an attacker. A grading service runs each
submission in a container for this reason.

The functions of `student_process` trust their arguments.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
import types
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from metarl_min.teach import messages
from metarl_min.teach.messages import Channel
from metarl_min.teach.watched_calls import watched

OTHER_PROGRAMS = {
    "ctypes.dlopen", "os.exec", "os.fork", "os.forkpty", "os.kill", "os.killpg", "os.posix_spawn",
    "os.startfile", "os.system", "pty.spawn", "signal.pthread_kill", "socket.bind",
    "socket.connect", "subprocess.Popen",
}  # fmt: skip
CHANGES = {
    "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
    "os.symlink", "os.truncate",
}  # fmt: skip
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
DEVICES = ("/dev/null", "/dev/urandom")


def limit_memory(megabytes: int) -> None:
    """Refuse memory beyond what the process has now and the given megabytes, on Linux."""
    if not sys.platform.startswith("linux"):
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**24, 2**24))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _is_in(path: str, folders: list[str]) -> bool:
    return any(path == folder or path.startswith(folder + os.sep) for folder in folders)


def refuse(name: str, forbidden: list[str]) -> None:
    """Raise an ImportError if the module, or a package that contains it, is forbidden."""
    if any(name == word or name.startswith(word + ".") for word in forbidden):
        raise ImportError(f"this assignment forbids the module {name}")


def without_checkout(path: list[str], private: str) -> list[str]:
    """Return the folders of sys.path without the checkout that holds the package `private`.

    A checkout holds solutions too. A folder in which packages are installed stays.
    """
    installed = ("site-packages", "dist-packages")
    return [
        part
        for part in path
        if os.path.basename(part) in installed or not _is_in(private, [os.path.realpath(part)])
    ]


def guard(own: str, private: str, forbidden: list[str]) -> Callable[[str, tuple[Any, ...]], None]:
    """Return the audit hook of this process.

    The program may read the installation of Python and its own directory, and write its own
    directory. It may not read the directory `private`, import a forbidden module, or start other
    programs.
    """
    parts = without_checkout(list(filter(None, sys.path)), private)
    readable = [os.path.realpath(x) for x in (own, sys.prefix, sys.base_prefix, *parts)]
    realpath = os.path.realpath

    def open_file(path: Any, mode: Any, flags: Any) -> None:
        if isinstance(path, int):
            return
        place = realpath(os.fsdecode(path))
        writes = bool((flags or 0) & WRITES) or any(x in (mode or "") for x in "wax+")
        allowed = [own] if writes else readable
        if place not in DEVICES and (not _is_in(place, allowed) or _is_in(place, [private])):
            verb = "write" if writes else "read"
            raise PermissionError(f"a submission may not {verb} files outside its directory")

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            open_file(*arguments)
        elif event == "import":
            refuse(str(arguments[0]), forbidden)
        elif event in OTHER_PROGRAMS:
            raise PermissionError(f"a submission may not start or reach other programs ({event})")
        elif event in CHANGES and not _is_in(realpath(os.fsdecode(arguments[0])), [own]):
            raise PermissionError("a submission may not change files outside its directory")

    return hook


def described(error: BaseException, file: str) -> list[Any]:
    """Return the kind of an error, its text, and the line of the student's file, or 0."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno or 0 for frame in frames if frame.filename == file]
    if isinstance(error, SyntaxError) and error.filename == file:
        lines.append(error.lineno or 0)
    try:
        text = str(error)[:2000]
    except Exception:
        text = "an error whose text cannot be shown"
    return [type(error).__name__, text, lines[-1] if lines else 0]


def make_tests_repeatable() -> None:
    """Let Hypothesis draw the same examples every time, if the student has imported it.

    Counter-examples are not shortened, because this takes longer than finding them. The checks of
    Hypothesis that depend on the speed of a machine are off.
    """
    hypothesis = sys.modules.get("hypothesis")
    if hypothesis is not None:
        hypothesis.settings.register_profile(
            "grading",
            derandomize=True,
            database=None,
            deadline=None,
            max_examples=30,
            phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        hypothesis.settings.load_profile("grading")


def find_in(module: types.ModuleType) -> Callable[[str], Callable[..., Any]]:
    """Return the function that finds a function of the student by its name.

    The empty name stands for running the file.
    """

    def run() -> None:
        sys.modules[module.__name__] = module
        source = Path(str(module.__file__)).read_bytes()
        exec(compile(source, str(module.__file__), "exec"), module.__dict__)
        make_tests_repeatable()

    def find(name: str) -> Callable[..., Any]:
        if not name:
            return run
        function = getattr(module, name, None)
        if not callable(function):
            raise LookupError(f"the file must define a function {name}")
        return partial(watched, function)

    return find


def open_channel(file: str) -> Channel:
    """Return the channel to the grader. The streams of the program lead to standard error."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    module = types.ModuleType(Path(file).stem)
    module.__file__ = file
    return Channel(
        incoming=incoming,
        outgoing=outgoing,
        functions=[],
        find=find_in(module),
        describe=partial(described, file=file),
    )


def main(file: str, private: str, megabytes: int, forbidden: list[str]) -> None:
    """Answer calls of the grader until it closes the channel."""
    channel = open_channel(file)
    for name in [name for name in sys.modules if name.partition(".")[0] == "metarl_min"]:
        del sys.modules[name]
    sys.path[:] = without_checkout(sys.path, private)
    sys.dont_write_bytecode = True
    hook = guard(os.path.dirname(file), private, forbidden)
    limit_memory(megabytes)
    sys.addaudithook(hook)
    # The event "import" covers import statements, and the finder covers importlib.
    finder = types.SimpleNamespace(find_spec=lambda name, *_: refuse(name, forbidden))
    sys.meta_path.insert(0, finder)
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            messages.answer(channel, messages.receive(channel))
    os._exit(0)  # without waiting for threads of the student


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:])
