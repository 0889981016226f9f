"""The command line: words in, one table or one JSON object out.

Words at fault end with status 2, a failure of the work with 1; each is told in one line on
standard error, and leaves standard output empty.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any, NoReturn

import numpy as np

from metarl_min import learners, tasks
from metarl_min.baselines import published
from metarl_min.basics import arguments
from metarl_min.basics.arguments import require
from metarl_min.cli import commands, comparison, published_tables
from metarl_min.cli.commands import Work, log


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and to which -1,2 is a value."""

    def __init__(self, *words: Any, **options: Any) -> None:
        super().__init__(*words, **options)
        self._negative_number_matcher = re.compile(r"-\.?\d")  # as newer Pythons have it

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"metarl_min: {' '.join(message.split())}\n")


def number(low: int) -> Callable[[str], int]:
    """Return the reader of a whole number of at least `low`."""

    def read(word: str) -> int:
        if not word.isdecimal() or int(word) < low:
            raise argparse.ArgumentTypeError(f"must be a whole number >= {low}, got {word!r}")
        return int(word)

    return read


def real(*words: str) -> Callable[[str], float | str]:
    """Return the reader of a finite number, or of one of some words."""

    def read(word: str) -> float | str:
        try:
            return word if word in words else arguments.real("it", float(word))
        except ValueError:
            rule = " or ".join([*words, "a finite number"])
            raise argparse.ArgumentTypeError(f"must be {rule}, got {word!r}") from None

    return read


def several(read: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """Return the reader of a comma-separated list."""
    return lambda words: [read(word) for word in words.split(",")]


def _add_common(added: Parser, *options: str) -> None:
    """Add options that several commands share."""
    known: dict[str, dict[str, Any]] = {
        "--seed": {"type": number(0), "default": 0, "metavar": "S", "help": "default 0"},
        "--out": {"metavar": "DIR", "help": "new or empty; default a numbered one under runs/"},
        "--json": {"action": "store_true", "help": "print one JSON object"},
    }
    for option in options:
        added.add_argument(option, **known[option])


def _add_family(added: Parser) -> None:
    added.add_argument("family", metavar="FAMILY", help=", ".join(tasks.FAMILIES))
    added.add_argument(
        "words", metavar="key=value", nargs="*", default=[], help="a parameter of the family"
    )


def _add_compare(added: Parser) -> None:
    for option, known in (("tasks", comparison.FAMILIES), ("learners", learners.LEARNERS)):
        names = ",".join(known)
        added.add_argument(f"--{option}", default=names, metavar="NAME,..", help=f"default {names}")
    _add_common(added, "--seed", "--out", "--json")


def _add_train(added: Parser) -> None:
    added.add_argument("learner", metavar="LEARNER", help=", ".join(learners.LEARNERS))
    _add_family(added)
    add = added.add_argument
    add("--set", action="extend", nargs="+", default=[], metavar="name=value", help="a setting")
    add("--iterations", type=number(1), metavar="N", help="default: the learner's")
    _add_common(added, "--seed", "--out")
    add("--resume", action="store_true", help="continue the run in --out")


def _add_evaluate(added: Parser) -> None:
    added.add_argument("directory", metavar="RUN_DIR", help="where train has written")
    added.add_argument("--num-tasks", type=number(2), default=20_000, metavar="N")
    added.add_argument("--greedy", action="store_true", help="play the most probable action")
    _add_common(added, "--seed", "--json")


def _add_ceiling(added: Parser) -> None:
    _add_family(added)
    _add_common(added, "--json")


def _add_estimators(added: Parser) -> None:
    options: list[tuple[str, Callable[[str], Any], str, str]] = [
        ("--arms", several(real()), "0.2,0.9", "M,M,..: the reward of each arm"),
        ("--theta", several(real()), "0.3,-0.2", "T,T,..: the logits from which one adapts"),
        ("--alpha", real(), "0.7", "A: the inner step size"),
        ("--inner-steps", number(0), "1", "K"),
        ("--num-episodes", several(number(1)), "1,2,8,64", "N,N,..: episodes per inner step"),
        ("--baseline", real("mean"), "0", "B: a number, or mean"),
        ("--control-variate", real("none", "J"), "none", "C: of emaml, a number, none or J"),
    ]
    for option, read, default, about in options:
        metavar, _, about = about.partition(": ")
        about = f"{about or 'steps'}; default {default}"
        added.add_argument(option, type=read, default=default, metavar=metavar, help=about)
    _add_common(added, "--out", "--json")


def _add_tables(added: Parser) -> None:
    names, add = list(published.TABLES), added.add_argument
    add("table", choices=names, metavar="TABLE", help=", ".join(names))
    add("--cells", nargs="+", metavar="n,k", help="cells to compute; of mdps n alone")
    default = ", ".join(f"{trials} of {name}" for name, trials in published_tables.TRIALS.items())
    add("--trials", type=number(2), metavar="N", help=f"fresh tasks of a cell; default {default}")
    add("--full", action="store_true", help="compute every cell, which takes longer")
    _add_common(added, "--seed", "--out", "--json")


def _add_equations(added: Parser) -> None:
    _add_common(added, "--json")


COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], Work], Callable[[Parser], None]]] = {
    "compare": (commands.compare, _add_compare),
    "train": (commands.train, _add_train),
    "evaluate": (commands.evaluate, _add_evaluate),
    "ceiling": (commands.ceiling, _add_ceiling),
    "estimators": (commands.estimators, _add_estimators),
    "tables": (commands.show_tables, _add_tables),
    "equations": (commands.show_equations, _add_equations),
}


def parser() -> Parser:
    """Return the parser of all commands."""
    about = "Meta-reinforcement learning on finite MDPs. Without arguments: compare."
    top = Parser(prog="metarl_min", description=about, allow_abbrev=False)
    added = top.add_subparsers(required=True, metavar="COMMAND")
    for name, (read, add_arguments) in COMMANDS.items():
        about = str(read.__doc__)
        command = added.add_parser(name, help=about, description=about, allow_abbrev=False)
        command.set_defaults(read=read)
        add_arguments(command)
    return top


def prepare(words: Sequence[str]) -> Work:
    """Read the words; those of a family may also come after the options."""
    top, first = parser(), "".join(words[:1])
    require(not first.startswith("-") or first in ("-h", "--help"), "COMMAND comes first", first)
    args, rest = top.parse_known_args(words)
    strange = [word for word in rest if word.startswith("-") or "words" not in args]
    if strange:
        top.error(f"unknown argument, got {' '.join(strange)}")
    if rest:
        args.words += rest
    work: Work = args.read(args)
    return work


def exit_with(message: object, status: int) -> int:
    """Say in one line what is wrong."""
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
        with np.errstate(all="ignore"):  # what is not finite ends in one line, below
            print(work(), flush=True)
    except KeyboardInterrupt as interrupt:
        return exit_with(f"interrupted: {str(interrupt) or 'start it again'}", 1)
    except BrokenPipeError:  # whoever read standard output has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ArithmeticError, ValueError, MemoryError, OSError, BrokenProcessPool) as error:
        return exit_with(f"{type(error).__name__}: {error}", 1)
    return 0
