"""The grader's side of a submission: a process with limits of time and memory.

`running` starts the process of a student and hands out the student's functions. A call of such a
function runs in the other process. The call ends in a `Fault` if the function raises an error, runs
too long, takes too much memory, or ends its process.

The functions of `submissions` trust their arguments.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import metarl_min
from metarl_min.teach import messages
from metarl_min.teach.faults import Fault, fault_of, printable
from metarl_min.teach.messages import Channel, Closed, RemoteError
from metarl_min.teach.time_limits import watching
from metarl_min.teach.watched_calls import Watched

PACKAGE = os.path.realpath(os.path.dirname(metarl_min.__file__))
SHOWN_OUTPUT = 4000  # characters of the student's output that are kept
START_SECONDS = 120.0  # of real time, until the process is ready for the student's file


class Limits(NamedTuple):
    """The limits of a submission."""

    seconds: float  # of processor time for one test; `time_limits` also limits the real time
    megabytes: int  # in addition to the memory of Python and NumPy
    forbidden: tuple[str, ...]  # modules, each with its submodules


class Student(NamedTuple):
    """A running submission."""

    call: Callable[..., Watched]  # takes the name of a function, and its arguments
    output: Callable[[], str]  # returns the beginning of its output up to now
    failure: Fault | None  # set if the file does not run; then each call raises it


def _environment(home: str) -> dict[str, str]:
    """Return the variables of the process: no secrets, and one thread of linear algebra."""
    kept = ("PATH", "SYSTEMROOT", "OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES")
    variables = {name: os.environ[name] for name in kept if name in os.environ}
    variables |= {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL")}
    variables |= {"MALLOC_ARENA_MAX": "1"}  # otherwise each thread reserves much memory
    variables |= {"HOME": home, "TMPDIR": home, "PYTHONPATH": os.path.dirname(PACKAGE)}
    return variables | {"PYTHONHASHSEED": "0", "PYTHONIOENCODING": "utf-8:replace"}


def _start(file: Path, limits: Limits) -> subprocess.Popen[bytes]:
    main = ["-m", "metarl_min.teach.student_process", str(file), PACKAGE]
    # The second number is in seconds. After this processor time, the system ends the process.
    numbers = [str(limits.megabytes), str(10 + 4 * math.ceil(limits.seconds))]
    return subprocess.Popen(
        [sys.executable, "-s", "-B", *main, *numbers, *limits.forbidden],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=os.path.dirname(PACKAGE),  # where no file of the student can be imported
        env=_environment(str(file.parent)),
        start_new_session=True,
    )


def _keep_beginning(stream: Any, parts: list[bytes]) -> None:
    """Read the whole stream, so that the process never waits, and keep its beginning."""
    while data := stream.read1(1 << 16):
        if sum(map(len, parts)) < SHOWN_OUTPUT:
            parts.append(data[:SHOWN_OUTPUT])


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and all processes that it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _close(process: subprocess.Popen[bytes]) -> None:
    """Close the streams. If data are left unread, a stream raises an OSError, which is ignored."""
    for stream in (process.stdin, process.stdout, process.stderr):
        with contextlib.suppress(OSError):
            stream.close()  # type: ignore[union-attr]


def _no_names(name: str) -> Callable[..., Any]:
    raise LookupError(f"the grader has no function {name}")


def _described(error: BaseException) -> list[Any]:
    """Return [kind, text, line] of an error in a function of the grader."""
    if isinstance(error, RemoteError):
        return list(error.args)
    if not isinstance(error, Exception):
        raise error  # such as the KeyboardInterrupt of an instructor
    return [type(error).__name__, str(error)[:2000], 0]


def _channel(process: subprocess.Popen[bytes]) -> Channel:
    return Channel(
        incoming=process.stdout,  # type: ignore[arg-type]
        outgoing=process.stdin,  # type: ignore[arg-type]
        functions=[],
        find=_no_names,
        describe=_described,
    )


def _await_start(process: subprocess.Popen[bytes], channel: Channel) -> None:
    """Wait until the process is ready. RuntimeError if it ends before the student's file runs."""
    timer = threading.Timer(START_SECONDS, _end, (process,))
    timer.start()
    try:
        messages.receive(channel)
    except Closed as error:
        raise RuntimeError("the process for the submission does not start") from error
    finally:
        timer.cancel()


def _caller(channel: Channel, passed: list[str], folder: Path) -> Callable[..., Any]:
    """Return the function that calls a function of the student by name, or raises a Fault.

    `passed` holds a sentence about the limit of time that the process has passed, or nothing.
    """

    def call(name: str, *arguments: Any) -> Any:
        try:
            return messages.call(channel, name, arguments)
        except RemoteError as error:
            kind, text, line = error.args
            raise fault_of(kind, _without(folder, text), line) from None
        except Closed:
            if passed:
                raise Fault("time", passed[0]) from None
            text = "Your program ended its own process, or closed or used its streams."
            raise Fault("ended", text) from None

    return call


def _without(folder: Path, text: str) -> str:
    """Return a text without the name of a folder, which differs from run to run."""
    return text.replace(f"{folder}{os.sep}", "")


def _watched(result: Any) -> Watched:
    """Return the answer of the process. Fault if it is not the answer of `watched`."""
    parts = result if isinstance(result, tuple) else ()
    if len(parts) != 3 or not all(isinstance(flag, bool) for flag in parts[1:]):
        raise Fault("ended", "Your program used the streams of its process.")
    return Watched(*parts)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Make a folder, and remove it with all files that a student's program has put there."""
    folder = os.path.realpath(tempfile.mkdtemp())
    try:
        yield Path(folder)
    finally:
        with contextlib.suppress(RecursionError):  # if a hundred folders lie inside of each other
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def running(source: bytes, name: str, limits: Limits) -> Iterator[Student]:
    """Run the file of a student in a process of its own, and hand out its functions.

    `name` is the name of the file. After the `with` block, the output of the program is complete.
    """
    with _folder() as folder:
        file = folder / name
        file.write_bytes(source)
        process, printed = _start(file, limits), list[bytes]()
        channel = _channel(process)
        reader = threading.Thread(
            target=_keep_beginning, args=(process.stderr, printed), daemon=True
        )
        try:
            reader.start()
            _await_start(process, channel)
            with watching(process.pid, limits.seconds, partial(_end, process)) as passed:
                call = _caller(channel, passed, folder)
                yield _student(call, lambda: _without(folder, printable(_text(printed))))
        finally:
            _end(process)
            process.wait()
            reader.join(timeout=10)
            _close(process)


def _text(printed: list[bytes]) -> str:
    return b"".join(printed)[:SHOWN_OUTPUT].decode("utf-8", "replace")


def _student(call: Callable[..., Any], output: Callable[[], str]) -> Student:
    """Run the file, and return the running submission."""
    try:
        call("")
        failure = None
    except Fault as fault:
        failure = fault

    def watched(name: str, *arguments: Any) -> Watched:
        if failure:
            raise failure
        return _watched(call(name, *arguments))

    return Student(call=watched, output=output, failure=failure)
