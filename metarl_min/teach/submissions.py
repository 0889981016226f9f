"""The grader's side of a submission: a process with limits of time and memory.

`running` starts the process of a student and hands out the student's functions. A call of such a
function runs in the other process. The call ends in a `Fault` if the function raises an error, runs
too long, takes too much memory, or ends its process.

The functions of `submissions` trust their arguments.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import metarl_min
from metarl_min.teach import messages
from metarl_min.teach.messages import Channel, RemoteError
from metarl_min.teach.watched_calls import Watched

PACKAGE = os.path.realpath(os.path.dirname(metarl_min.__file__))
SHOWN_OUTPUT = 4000  # characters of the student's output that are kept


class Fault(Exception):
    """Why there is no answer: a kind, such as "time", and a sentence for the student."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Limits(NamedTuple):
    """What a submission may use."""

    seconds: float  # of real time, for one test
    megabytes: int  # beyond what Python and NumPy take
    forbidden: tuple[str, ...]  # modules, each with its submodules


class Student(NamedTuple):
    """A running submission."""

    call: Callable[..., Watched]  # the name of a function, and its arguments
    output: Callable[[], str]  # what it has printed so far, cut
    failure: Fault | None  # why the file does not run; then each call raises this Fault


KINDS = {  # errors of a submission that have a kind of their own
    "NotImplementedError": "not started",
    "MemoryError": "memory",
    "RecursionError": "recursion",
    "LookupError": "missing",
    "SyntaxError": "syntax",
    "IndentationError": "syntax",
    "SystemExit": "ended",
    "PermissionError": "not allowed",
}


def fault_of(kind: str, text: str, line: int) -> Fault:
    """Return the Fault of an error that a submission raised, in a line of its file or in line 0."""
    place = f" in line {line}" if line else ""
    if kind == "NotImplementedError":
        return Fault("not started", f"This part is not started{place}.")
    if kind == "ImportError" and "this assignment forbids" in text:
        return Fault("forbidden module", f"Your program imports a module{place}, but {text}.")
    if kind == "LookupError":
        return Fault("missing", f"{text[:1].upper()}{text[1:]}.")
    return Fault(KINDS.get(kind, "error"), f"Your program raised {kind}{place}: {text}")


def _environment(home: str) -> dict[str, str]:
    """Return the variables of the process: no secrets, and one thread of linear algebra."""
    kept = ("PATH", "SYSTEMROOT", "OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES")
    variables = {name: os.environ[name] for name in kept if name in os.environ}
    variables |= {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL")}
    variables |= {"HOME": home, "TMPDIR": home, "PYTHONPATH": os.path.dirname(PACKAGE)}
    return variables | {"PYTHONHASHSEED": "0", "PYTHONIOENCODING": "utf-8:replace"}


def _start(file: Path, limits: Limits) -> subprocess.Popen[bytes]:
    main = ["-m", "metarl_min.teach.student_process", str(file), PACKAGE, str(limits.megabytes)]
    return subprocess.Popen(
        [sys.executable, "-s", "-B", *main, *limits.forbidden],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=file.parent,
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


def _no_names(name: str) -> Callable[..., Any]:
    raise LookupError(f"the grader has no function {name}")


def _caller(
    process: subprocess.Popen[bytes], limits: Limits, expired: threading.Event
) -> Callable[..., Any]:
    """Return the function that calls a function of the student by name, or raises a Fault."""
    assert process.stdin is not None and process.stdout is not None
    channel = Channel(
        incoming=process.stdout,  # type: ignore[arg-type]
        outgoing=process.stdin,  # type: ignore[arg-type]
        functions=[],
        find=_no_names,
        describe=lambda error: [type(error).__name__, str(error), 0],
    )

    def call(name: str, *arguments: Any) -> Any:
        try:
            return messages.call(channel, name, arguments)
        except RemoteError as error:
            raise fault_of(*error.args) from None
        except (EOFError, OSError, ValueError, KeyError, TypeError, IndexError) as error:
            if expired.is_set():
                text = f"Your program did not finish within {limits.seconds:g} seconds."
                raise Fault("time", text) from None
            text = f"Your program ended its own process, or closed its streams ({error})."
            raise Fault("ended", text) from None

    return call


@contextlib.contextmanager
def running(source: bytes, name: str, limits: Limits) -> Iterator[Student]:
    """Run the file of a student in a process of its own, and hand out its functions.

    `name` is the name of the file.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(os.path.realpath(folder), name)
        file.write_bytes(source)
        process, expired, printed = _start(file, limits), threading.Event(), list[bytes]()
        reader = threading.Thread(target=_keep_beginning, args=(process.stderr, printed))
        reader.start()

        def stop() -> None:
            expired.set()
            _end(process)

        timer = threading.Timer(limits.seconds, stop)
        timer.start()
        try:
            yield _student(_caller(process, limits, expired), printed)
        finally:
            timer.cancel()
            _end(process)
            process.wait()
            reader.join()
            for stream in (process.stdin, process.stdout, process.stderr):
                with contextlib.suppress(OSError):
                    stream.close()  # type: ignore[union-attr]


def _student(call: Callable[..., Any], printed: list[bytes]) -> Student:
    """Run the file, and return the student."""
    try:
        call("")
        failure = None
    except Fault as fault:
        failure = fault

    def watched(name: str, *arguments: Any) -> Watched:
        if failure:
            raise failure
        return Watched(*call(name, *arguments))

    def output() -> str:
        return b"".join(printed)[:SHOWN_OUTPUT].decode("utf-8", "replace")

    return Student(call=watched, output=output, failure=failure)
