"""The two limits of time of a running program.

The first limit counts the processor time of a program. On a busy machine a program runs longer, but
its processor time stays the same. So a right program does not fail there. The second limit counts
real time, because a program that waits uses no processor time. It is `REAL` times as long as the
first limit. Systems other than Linux have the second limit only.

The functions of `time_limits` trust their arguments.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

REAL = 4.0  # seconds of real time for each second of processor time
PAUSE = 0.05  # seconds between two looks at a program


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process has taken, or NaN if it is not known."""
    if not sys.platform.startswith("linux"):
        return math.nan
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return math.nan


def passed(processor: float, real: float, seconds: float) -> str:
    """Return in words which limit was passed, or "". NaN passes no limit."""
    start = "Your program did not finish within"
    if processor > seconds:
        return f"{start} {seconds:g} seconds of processor time."
    if real > REAL * seconds:
        end = "It waits for something, or this machine is too busy."
        return f"{start} {REAL * seconds:g} seconds of real time. {end}"
    return ""


def _watch(
    pid: int, seconds: float, done: threading.Event, found: list[str], end: Callable[[], None]
) -> None:
    """Write down the first limit that the process passes, and call `end`."""
    used, start = processor_seconds(pid), time.monotonic()
    while not done.wait(PAUSE):
        text = passed(processor_seconds(pid) - used, time.monotonic() - start, seconds)
        if text:
            found.append(text)
            end()
            return


@contextlib.contextmanager
def watching(pid: int, seconds: float, end: Callable[[], None]) -> Iterator[list[str]]:
    """Watch a process. When it passes a limit, put the limit into the list and call `end`."""
    found, done = list[str](), threading.Event()
    thread = threading.Thread(target=_watch, args=(pid, seconds, done, found, end), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()
