"""The words of the command line: which commands there are, and which options each command has."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any, NoReturn

import metarl_min
from metarl_min.baselines import published
from metarl_min.basics import words
from metarl_min.cli import (
    budgets,
    commands,
    comparison,
    engines,
    jobs,
    published_tables,
    run_commands,
)
from metarl_min.cli.console import Work, log, one_line
from metarl_min.cli.option_values import (
    count,
    count_from_0,
    count_from_2,
    executor,
    real,
    seconds,
    seed,
    several,
)
from metarl_min.evolution import executors
from metarl_min.learners.registry import LEARNERS
from metarl_min.tasks.registry import FAMILIES

PLUG_IN = "or path/to/file.py:function"
SEED = "seed of all random numbers; default 0"
LIMIT = "seconds after which the work of a worker is given to another one; default 86400"
WORKERS = f"who does the work: {engines.FORMS}; default all cores of this machine"
SEARCHERS = f"who evaluates the population of a search: {engines.FORMS}; default this process"
BASELINES = "mean", "leave_one_out", "standardised"  # those of an inner step of `estimators`


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line. It reads -1,2 as a value, not as an option."""

    def __init__(self, *words: Any, **options: Any) -> None:
        super().__init__(*words, **options)
        self._negative_number_matcher = re.compile(r"-\.?\d")  # as in newer versions of Python

    def error(self, message: str) -> NoReturn:
        log(f"metarl_min: {one_line(message)}")
        raise SystemExit(2)


COMMON: dict[str, dict[str, Any]] = {
    "--seed": {"type": seed, "default": 0, "metavar": "S", "help": SEED},
    "--time-limit": {"type": seconds, "default": jobs.SECONDS, "metavar": "S", "help": LIMIT},
    "--executor": {"type": executor, "metavar": "WORD", "help": WORKERS},
    "--out": {"metavar": "DIR", "help": "new or empty; default a numbered one under runs/"},
    "--json": {"action": "store_true", "help": "print one JSON object"},
}


def _add_common(added: Parser, *options: str) -> None:
    """Add options that several commands share."""
    for option in options:
        added.add_argument(option, **COMMON[option])


def _add_family(added: Parser) -> None:
    names = f"{', '.join(FAMILIES)}, {PLUG_IN}"
    added.add_argument("family", metavar="FAMILY", help=names)
    added.add_argument(
        "words", metavar="key=value", nargs="*", default=[], help="a parameter of the family"
    )


def _add_compare(added: Parser) -> None:
    tasks = f"names, {PLUG_IN}; default {', '.join(budgets.FAMILIES)}"
    added.add_argument("--tasks", default=",".join(budgets.FAMILIES), metavar="NAME,..", help=tasks)
    learners = f"names, {PLUG_IN}; default, where they support a task, {', '.join(LEARNERS)}"
    added.add_argument("--learners", metavar="NAME,..", help=learners)
    seeds = f"number of times that each learner is trained; default {comparison.NUM_SEEDS}"
    added.add_argument("--seeds", type=count, default=comparison.NUM_SEEDS, metavar="S", help=seeds)
    _add_common(added, "--seed", "--executor", "--time-limit", "--out", "--json")


def _add_train(added: Parser) -> None:
    names = f"{', '.join(LEARNERS)}, {PLUG_IN}"
    added.add_argument("learner", metavar="LEARNER", help=names)
    _add_family(added)
    about = "settings of the learner; `train LEARNER --help` lists them all"
    added.add_argument(
        "--set", action="extend", nargs="+", default=[], metavar="name=value", help=about
    )
    iterations = "length of the training; default: the learner has its own"
    added.add_argument("--iterations", type=count, metavar="N", help=iterations)
    _add_common(added, "--seed", "--out")
    added.add_argument("--executor", type=executor, metavar="WORD", help=SEARCHERS)
    limit = f"{LIMIT.partition(';')[0]}; default {executors.SECONDS:.0f}; for --executor only"
    added.add_argument("--time-limit", type=seconds, metavar="S", help=limit)
    added.add_argument("--resume", action="store_true", help="continue the run in --out")


def _add_evaluate(added: Parser) -> None:
    added.add_argument("directory", metavar="RUN_DIR", help="where train has written")
    other = "judge on these tasks instead of those of the run"
    added.add_argument("family", metavar="FAMILY", nargs="?", help=other)
    parameter = "a parameter of this family"
    added.add_argument("words", metavar="key=value", nargs="*", default=[], help=parameter)
    about = "fresh tasks; default 20000"
    added.add_argument("--num-tasks", type=count_from_2, default=20_000, metavar="N", help=about)
    added.add_argument("--greedy", action="store_true", help="play the most probable action")
    _add_common(added, "--seed", "--json")


def _add_ceiling(added: Parser) -> None:
    _add_family(added)
    _add_common(added, "--json")


ESTIMATORS: list[tuple[str, Callable[[str], Any], str, str]] = [
    ("--arms", several(real()), "0.2,0.9", "M,M,..: the reward of each arm"),
    ("--theta", several(real()), "0.3,-0.2", "T,T,..: the logits before adapting"),
    ("--alpha", real(), "0.7", "A: the inner step size"),
    ("--inner-steps", count_from_0, "1", "K: the number of inner steps"),
    ("--num-episodes", several(count), "1,2,8,64", "N,N,..: episodes per inner step"),
    ("--baseline", real(*BASELINES), "0", f"B: a number, {' or '.join(BASELINES)}"),
    ("--control-variate", real("none", "J"), "none", "C: of emaml, a number, none or J"),
]


def _add_estimators(added: Parser) -> None:
    for option, read, default, about in ESTIMATORS:
        metavar, _, meaning = about.partition(": ")
        text = f"{meaning}; default {default}"
        added.add_argument(option, type=read, default=default, metavar=metavar, help=text)
    _add_common(added, "--out", "--json")


def _add_tables(added: Parser) -> None:
    names, add = list(published.TABLES), added.add_argument
    add("table", choices=names, metavar="TABLE", help=", ".join(names))
    add("--cells", nargs="+", metavar="n,k", help="cells to compute; of mdps n alone")
    default = ", ".join(f"{trials} of {name}" for name, trials in published_tables.TRIALS.items())
    add(
        "--trials", type=count_from_2, metavar="N", help=f"fresh tasks of a cell; default {default}"
    )
    add("--full", action="store_true", help="compute every cell, which takes longer")
    _add_common(added, "--seed", "--executor", "--time-limit", "--out", "--json")


def _add_equations(added: Parser) -> None:
    added.add_argument("module", nargs="?", metavar="MODULE", help="such as values; default all")
    _add_common(added, "--json")


def _add_vectors(added: Parser) -> None:
    _add_common(added, "--out")


COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], Work], Callable[[Parser], None]]] = {
    "compare": (commands.compare, _add_compare),
    "train": (run_commands.train, _add_train),
    "evaluate": (run_commands.evaluate, _add_evaluate),
    "ceiling": (commands.ceiling, _add_ceiling),
    "estimators": (commands.estimators, _add_estimators),
    "tables": (commands.show_tables, _add_tables),
    "equations": (commands.show_equations, _add_equations),
    "vectors": (commands.vectors, _add_vectors),
}


def parser() -> Parser:
    """Return the parser of all commands."""
    about = "Meta-reinforcement learning on finite MDPs. Without arguments: compare."
    top = Parser(prog="metarl_min", description=about, allow_abbrev=False)
    version = f"metarl_min {metarl_min.__version__}"
    top.add_argument("-v", "--version", action="version", version=version)
    added = top.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, (read, add_arguments) in COMMANDS.items():
        text = str(read.__doc__)
        command = added.add_parser(name, help=text, description=text, allow_abbrev=False)
        command.set_defaults(read=read)
        add_arguments(command)
    return top


def _options(command: str) -> list[str]:
    alone = Parser(prog=command, add_help=False)
    COMMANDS[command][1](alone)
    return [option for action in alone._actions for option in action.option_strings]


def parse(argv: list[str]) -> argparse.Namespace:
    """Read the words of the command line. The words of a family may also follow the options.

    SystemExit with status 2 for words that are not known; the nearest known word is offered.
    """
    top = parser()
    if argv[0] not in COMMANDS and not argv[0].startswith("-"):
        words.require_name("COMMAND", argv[0], COMMANDS)
    args, rest = top.parse_known_args(argv)
    strange = [word for word in rest if word.startswith("-") or "words" not in args]
    if strange:
        near = words.suggestion(strange[0].partition("=")[0], _options(args.command))
        top.error(f"unknown argument, got {' '.join(strange)}{near}")
    if rest:
        args.words += rest
    return args
