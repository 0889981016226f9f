"""The command line: it reads words, and prints one table or one JSON object.

If the words are wrong, the exit status is 2; if the work fails, it is 1. In both cases one line on
standard error says why, and standard output stays empty. The text that plug-ins print goes to
standard error.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import numpy as np

from metarl_min.basics import plugins
from metarl_min.basics.arguments import require
from metarl_min.cli import parser, settings_help
from metarl_min.cli.console import WordsAtFault, Work, log, one_line

HELP = ("-h", "--help")


def _help(argv: Sequence[str]) -> str | None:
    """Return the help for the learner or the family that stands before --help, or None."""
    command, *given = [word for word in argv if not word.startswith("-")] or [""]
    if not given or not set(argv) & set(HELP):
        return None
    if command == "ceiling":
        return settings_help.family_help(given[0])
    if command == "train" and len(given) == 1:
        return settings_help.learner_help(given[0])
    return settings_help.run_help(given[0], given[1]) if command == "train" else None


@contextlib.contextmanager
def _guarded() -> Iterator[None]:
    """Let plug-ins print to standard error. ValueError if a plug-in would end the command."""
    with contextlib.redirect_stdout(sys.stderr):
        try:
            yield
        except SystemExit as end:
            rule = "a plug-in must not end the command"
            raise ValueError(f"{rule}, got SystemExit {end.code}") from end


def prepare(argv: Sequence[str], stack: ExitStack) -> Work:
    """Return the work that the words name; an error if they are wrong.

    The command adds functions to `stack`, which run at its end.
    """
    words = [*argv[1:], "--help"] if argv[0] == "help" else list(argv)
    with _guarded():
        text = _help(words)
    if text is not None:
        return lambda: text
    args = parser.parse(words)
    args.stack = stack
    with _guarded():
        work: Work = args.read(args)
    return work


def exit_with(message: object, status: int) -> int:
    """Print in one line what is wrong, and return the status."""
    log(f"metarl_min: {one_line(message)}")
    return status


def _show(text: str) -> None:
    """Print the text on standard output. A reader that has left does not want it."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(argv: Sequence[str], stack: ExitStack) -> int:
    """Do what the words say, and return the exit status."""
    try:
        work = prepare(argv, stack)
    except (ValueError, TypeError, OSError, FloatingPointError) as error:
        return exit_with(error, 2)
    except (MemoryError, OverflowError) as error:
        return exit_with(f"the request must fit into memory, got {str(error) or 'too much'}", 2)
    require(sys.stdout is not None, "standard output must be open", "none")
    # NumPy gives no warnings: an error of one line reports a number that is not finite.
    with np.errstate(all="ignore"), _guarded():
        try:
            text = work()
        except WordsAtFault as error:
            return exit_with(error, 2)
    _show(text)
    return 0


@contextlib.contextmanager
def _signals_as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block as Ctrl-C does, unless somebody has chosen otherwise."""
    names = ("SIGTERM", "SIGHUP") if threading.current_thread() is threading.main_thread() else ()
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    default = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]
    for number in default:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in default:
            signal.signal(number, signal.SIG_DFL)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv) or ["compare"]
    try:
        with _signals_as_ctrl_c(), ExitStack() as stack:
            return _run(words, stack)
    except KeyboardInterrupt as interrupt:
        return exit_with(f"interrupted: {str(interrupt) or 'start it again'}", 1)
    except Exception as error:  # a plug-in may raise any error
        return exit_with(f"{type(error).__name__}: {error}{plugins.place(error)}", 1)
