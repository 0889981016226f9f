"""Files that are replaced in one step, and directories in which one process writes.

`_LOCKS` holds the open lock files of this process. A child of `os.fork` gets copies of these files
and closes its copies. Otherwise a worker that outlives its parent would keep the lock.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import secrets
import warnings
from collections.abc import Iterator
from pathlib import Path

from metarl_min.basics.arguments import instance

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"  # a file that exists while a process writes; a SIGKILL leaves it behind
_TEMPORARY = re.compile(r".+\.\d+\.[0-9a-f]{16}\.tmp")
_LOCKS: set[int] = set()


def as_path(name: str, value: str | os.PathLike[str]) -> Path:
    """Return the value as a Path; TypeError unless it is a path or a text."""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name} must be a path, got {type(value).__name__}")
    return Path(value)


def write_atomically(path: Path, content: bytes) -> None:
    """Replace the file `path` in one step: a reader sees the old content or the new content.

    The content is first written into a file whose name no other writer has. If `path` is a link,
    then the file to which it points is replaced.
    """
    target = Path(os.path.realpath(as_path("path", path)))
    instance("content", content, bytes)
    name = f"{target.name}.{os.getpid()}.{secrets.token_hex(8)}.tmp"
    temporary = target.with_name(name)
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def is_leftover(name: str) -> bool:
    """Return whether a file is left over from a process that was killed: it holds no result."""
    return name == LOCK or _TEMPORARY.fullmatch(name) is not None


def _refuse(directory: Path, holder: str) -> None:
    got = f"{directory}, in which {holder or 'another process'} writes"
    raise ValueError(f"only one process may write in a directory, got {got}")


def _is_file(number: int, path: Path) -> bool:
    """Return whether the open file is the file at `path`."""
    try:
        return os.path.samestat(os.fstat(number), os.stat(path))
    except FileNotFoundError:
        return False


def _lock(directory: Path) -> int | None:
    """Open and lock the lock file of a directory. ValueError if somebody else holds the lock.

    The operating system ends the lock when the process ends, also by SIGKILL. None if the file
    system has no locks.
    """
    while True:
        number = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_file(number, directory / LOCK):
                return number
            os.close(number)  # the last holder of the lock has just removed this file
        except OSError as error:
            holder = os.read(number, 200).decode(errors="replace")
            os.close(number)
            if isinstance(error, BlockingIOError):
                _refuse(directory, holder)
            warnings.warn(f"{directory} cannot be locked: {error.strerror}", stacklevel=4)
            return None


def _lock_on_windows(directory: Path) -> int:
    """Make the lock file, which the operating system removes when this process ends."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_TEMPORARY", 0)
    try:
        return os.open(directory / LOCK, flags)
    except FileExistsError:
        _refuse(directory, "")
        raise


def _close_inherited() -> None:
    for number in _LOCKS:
        os.close(number)
    _LOCKS.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_inherited)


@contextlib.contextmanager
def one_writer(directory: Path) -> Iterator[None]:
    """Lock a directory inside the block, and remove what killed processes have left there.

    ValueError if another process or another thread holds the lock.
    """
    directory = Path(directory)
    number = _lock(directory) if fcntl else _lock_on_windows(directory)
    if number is None:
        yield
        return
    _LOCKS.add(number)
    try:
        for path in directory.iterdir():
            if path.name != LOCK and is_leftover(path.name):
                path.unlink(missing_ok=True)
        os.ftruncate(number, 0)
        os.write(number, f"process {os.getpid()} of {platform.node()}".encode())
        yield
    finally:
        if number in _LOCKS:  # a child of os.fork has no lock
            _LOCKS.discard(number)
            if fcntl:
                (directory / LOCK).unlink(missing_ok=True)
            os.close(number)
