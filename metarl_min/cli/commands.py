"""The commands: each one reads its words, and then does its work.

A command raises a ValueError or a TypeError at once if its words are wrong. Otherwise it returns
its work: a function without arguments that returns the text for standard output. The functions in
`args.stack` run at the end, also after an error. One of them ends the lock of the run directory.
After a success, another one draws the pictures. So the text is printed before that.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from metarl_min import learners, training
from metarl_min.cli import (
    best_returns,
    budgets,
    comparison,
    engines,
    estimation,
    published_tables,
    runs,
)
from metarl_min.cli.console import Work, draw, log, names, parameters, to_json, write
from metarl_min.gradients import vector_files
from metarl_min.learners import Learner
from metarl_min.learners import registry as learner_registry
from metarl_min.reports import comparison_pictures, equations, plots, tables
from metarl_min.tasks import Family, Unsupported
from metarl_min.tasks import registry as family_registry

Makers = Mapping[str, Callable[[Family], Learner]]  # name of a learner -> function of a family


def _families(names: list[str]) -> dict[str, Family]:
    """Return the families of the comparison by their names."""
    return {name: family_registry.make(name, budgets.FAMILIES.get(name, {})) for name in names}


def _makers(words: str | None) -> Makers:
    """Return the makers of the learners that `--learners` names, or those of all learners."""
    chosen = learner_registry.LEARNERS if words is None else names(words)
    return comparison.learner_makers(chosen)


def _start_once(makers: Makers, families: Mapping[str, Family], seed: int) -> None:
    """Start every learner on every family, so that an error comes before the work."""
    for family in families.values():
        for name, learner in learner_registry.learners_for(family, makers)[0].items():
            if ":" in name:
                learners.check(learner)
            training.initial_checkpoint(learner, seed)


def _require_all(makers: Makers, families: Mapping[str, Family]) -> None:
    """Raise a ValueError if a learner does not support a family."""
    for task, family in families.items():
        for name, reason in learner_registry.learners_for(family, makers)[1].items():
            rule = f"--learners must name learners that support {task}"
            raise ValueError(f"{rule}, got {name}: {reason}")


def _draw_all(
    directory: Path, pictures: dict[str, Callable[[Any], bytes]], result: Any, seconds: str
) -> None:
    """Draw the pictures of a result, and say where the result is."""
    for name, picture in pictures.items():
        draw(directory / name, picture, result)
    log(f"{seconds}written to {directory}")


def compare(args: argparse.Namespace) -> Work:
    """Train, score and show every learner on every family."""
    makers, families = _makers(args.learners), _families(names(args.tasks))
    if args.learners is not None:  # without --learners, learners are left out instead
        _require_all(makers, families)
    _start_once(makers, families, args.seed)
    engine = engines.for_jobs(args.executor, args.stack)
    directory = runs.new_run_directory(args.out, args.stack)

    def work() -> str:
        result = comparison.compare(
            families, makers, seed=args.seed, num_seeds=args.seeds,
            num_tasks=comparison.NUM_TASKS, processes=engine.num_workers, report=log,
            time_limit=args.time_limit, executor=engine.executor,
        )  # fmt: skip
        write(directory, result)
        entries = result["tasks"].values()
        for alarm in (line for entry in entries for line in tables.alarms(entry)):
            log(alarm)
        seconds = f"{result['seconds']:.0f} seconds; "
        args.stack.callback(_draw_all, directory, comparison_pictures.pictures(), result, seconds)
        return to_json(result) if args.json else "\n\n".join(map(tables.comparison, entries))

    return work


def ceiling(args: argparse.Namespace) -> Work:
    """Compute the exact Bayes-optimal value of a family, or bounds where it is out of reach."""
    family, started = family_registry.make(args.family, parameters(args.words)), time.perf_counter()
    solution: Any
    solution, interval, reason = best_returns.best_return(family, log)
    if solution is not None:
        value, lower, upper = (solution.value,) * 3
    elif interval is not None:
        solution, value, lower, upper = interval, None, interval.lower, interval.upper
        log(f"bounds only: {reason}")
    else:
        raise Unsupported(reason)
    result = {
        "family": runs.family_words(family), "exact": value is not None, "value": value,
        "lower": lower, "upper": upper, "random": solution.random,
        "known_task": solution.known_task, "seconds": time.perf_counter() - started,
    }  # fmt: skip
    return lambda: to_json(result) if args.json else tables.ceiling(result)


def estimators(args: argparse.Namespace) -> Work:
    """Compute exactly what each estimator of the meta-gradient estimates, on a bandit."""
    problem = estimation.problem(args)
    directory = runs.new_run_directory(args.out, args.stack)

    def work() -> str:
        result = estimation.measure(args, problem)
        write(directory, result)
        args.stack.callback(
            _draw_all, directory, {"bias_variance.png": plots.bias_variance}, result, ""
        )
        return to_json(result) if args.json else tables.estimators(result)

    return work


def show_tables(args: argparse.Namespace) -> Work:
    """Recompute a published table of baselines."""
    cells = published_tables.choose(args.table, args.cells, args.full)
    trials = args.trials or published_tables.TRIALS[args.table]
    engine = engines.for_jobs(args.executor, args.stack)
    directory = runs.new_run_directory(args.out, args.stack)

    def work() -> str:
        result = published_tables.recompute(
            args.table, cells, trials=trials, seed=args.seed, processes=engine.num_workers,
            report=log, time_limit=args.time_limit, executor=engine.executor,
        )  # fmt: skip
        write(directory, result)
        for line in result["left_out"]:
            log(f"left out: {line}")
        seconds = f"{result['seconds']:.0f} seconds; "
        pictures = {"regret.png": plots.regret}
        args.stack.callback(_draw_all, directory, pictures, result, seconds)
        return to_json(result) if args.json else tables.published(result)

    return work


def show_equations(args: argparse.Namespace) -> Work:
    """Show the index of equations, of one module or of all modules."""
    rows = equations.index(tests=equations.checkout_tests()).equations
    if args.module:
        rows = equations.of_module(rows, args.module)

    def work() -> str:
        if args.json:
            return to_json({"equations": [equation._asdict() for equation in rows]})
        return equations.text(rows)

    return work


def vectors(args: argparse.Namespace) -> Work:
    """Write test vectors of meta-gradients, for libraries that cannot import this one."""
    directory = runs.new_run_directory(args.out, args.stack)

    def work() -> str:
        digests = vector_files.write_vectors(directory)
        args.stack.callback(log, f"written to {directory}")
        return "\n".join(f"{digest}  {directory / name}" for name, digest in digests.items())

    return work
