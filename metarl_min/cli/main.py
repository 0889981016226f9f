"""The command line: it reads words, and prints one table or one JSON object.

If the words are wrong, the exit status is 2; if the work fails, it is 1. In both cases one line on
standard error says why, and standard output stays empty.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import numpy as np

from metarl_min.basics import plugins
from metarl_min.basics.arguments import require
from metarl_min.cli import parser, settings_help
from metarl_min.cli.console import Work, log

HELP = ("-h", "--help")


def _help(argv: Sequence[str]) -> str | None:
    """Return the settings of the learner or family that is named before --help, if one is."""
    command, *given = [word for word in argv if not word.startswith("-")] or [""]
    if not given or not set(argv) & set(HELP):
        return None
    if command == "ceiling":
        return settings_help.family_help(given[0])
    if command == "train" and len(given) == 1:
        return settings_help.learner_help(given[0])
    return settings_help.run_help(given[0], given[1]) if command == "train" else None


def prepare(argv: Sequence[str]) -> Work:
    """Return the work that the words name; an error if they are wrong."""
    words = [*argv[1:], "--help"] if argv[0] == "help" else list(argv)
    text = _help(words)
    if text is not None:
        return lambda: text
    args = parser.parse(words)
    work: Work = args.read(args)
    return work


def exit_with(message: object, status: int) -> int:
    """Print in one line what is wrong, and return the status."""
    log(f"metarl_min: {' '.join(str(message).split())}")
    return status


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    try:
        try:
            work = prepare(list(sys.argv[1:] if argv is None else argv) or ["compare"])
        except (ValueError, TypeError, OSError) as error:
            return exit_with(error, 2)
        except (MemoryError, OverflowError) as error:
            return exit_with(f"the request must fit into memory, got {str(error) or 'too much'}", 2)
        require(sys.stdout is not None, "standard output must be open", "none")
        with np.errstate(all="ignore"):  # a number that is not finite ends in one line, below
            print(work(), flush=True)
    except KeyboardInterrupt as interrupt:
        return exit_with(f"interrupted: {str(interrupt) or 'start it again'}", 1)
    except BrokenPipeError:  # the reader of standard output has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # a plug-in may raise any error
        return exit_with(f"{type(error).__name__}: {error}{plugins.place(error)}", 1)
    return 0
