"""The rules for the program of a student in its process.

Before the file of the student runs, the process gives up four things: memory beyond a limit, files
outside of its own directory, modules that the assignment forbids, and other programs. It can still
read the installation of Python. The rules tell honest students what is not allowed, and they make
tricks visible. They cannot stop an attacker. For this reason, a grading service runs each
submission in a container.

The functions of `student_limits` trust their arguments.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

OTHER_PROGRAMS = {
    "ctypes.dlopen", "os.exec", "os.fork", "os.forkpty", "os.kill", "os.killpg", "os.posix_spawn",
    "os.spawn", "os.startfile", "os.system", "pty.spawn", "signal.pthread_kill", "socket.bind",
    "socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen",
}  # fmt: skip
CHANGES = {
    "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
    "os.symlink", "os.truncate",
}  # fmt: skip
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
DEVICES = ("/dev/null", "/dev/urandom")


def set_limits(megabytes: int, seconds: int) -> None:
    """Limit the memory of this process to its present memory plus the megabytes, on Linux.

    The process must end even if its grader is killed. So it is killed when the grader ends, and it
    never takes more than the given seconds of processor time. A file that it writes has at most
    16 MB.
    """
    if not sys.platform.startswith("linux"):
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**24, 2**24))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _is_in(path: str, folders: list[str]) -> bool:
    return any(path == folder or path.startswith(folder + os.sep) for folder in folders)


def refuse(name: str, forbidden: list[str]) -> None:
    """Raise an ImportError if the module, or a package that contains it, is forbidden."""
    if any(name == word or name.startswith(word + ".") for word in forbidden):
        raise ImportError(f"this assignment forbids the module {name}")


def guard(own: str, private: str, forbidden: list[str]) -> Callable[[str, tuple[Any, ...]], None]:
    """Return the audit hook of this process. Python calls it before an operation such as `open`.

    The hook raises an error for an operation that is not allowed. The program may read files of the
    installation of Python, and it may read and write files in its own directory `own`. It may not
    read the directory `private`, which is this library. It may not import a forbidden module, and
    may not start or reach other programs.
    """
    realpath = os.path.realpath
    readable = [realpath(x) for x in (own, sys.prefix, sys.base_prefix, *sys.path) if x]

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
        elif event in CHANGES:
            paths = [x for x in arguments if isinstance(x, str | bytes | os.PathLike)]
            if not all(_is_in(realpath(os.fsdecode(path)), [own]) for path in paths):
                raise PermissionError("a submission may not change files outside its directory")

    return hook


def hide(private: str) -> None:
    """Unload the modules of this library, and remove its checkout from the search path.

    The checkout contains solutions. A folder of installed packages, such as the folder in which
    NumPy lies, is not a checkout and stays in the search path.
    """
    for name in [name for name in sys.modules if name.partition(".")[0] == "metarl_min"]:
        del sys.modules[name]
    checkout, of_numpy = os.path.dirname(private), os.path.dirname(os.path.dirname(np.__file__))
    installed = ("site-packages", "dist-packages")
    if checkout != os.path.realpath(of_numpy) and os.path.basename(checkout) not in installed:
        sys.path[:] = [x for x in sys.path if not _is_in(checkout, [os.path.realpath(x)])]


def refuse_programs() -> None:
    """Replace `fork_exec`, which starts programs and does not call the audit hook."""
    try:
        import _posixsubprocess
    except ImportError:  # on Windows
        return

    def fork_exec(*arguments: Any) -> None:
        raise PermissionError("a submission may not start or reach other programs")

    vars(_posixsubprocess)["fork_exec"] = fork_exec


def forbid_modules(forbidden: list[str]) -> None:
    """Refuse modules that are imported with `importlib`, which does not call the audit hook."""
    finder = types.SimpleNamespace(find_spec=lambda name, *_: refuse(name, forbidden))
    sys.meta_path.insert(0, finder)
