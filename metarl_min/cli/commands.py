"""What each command does: read its words, then work.

An error in the words is raised at once. What is returned is the work: a function without
arguments that returns the text for standard output.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from metarl_min import checkpoints, learners, tasks, training
from metarl_min.basics.arguments import require
from metarl_min.ceilings import bayes_optimal, bounds
from metarl_min.cli import comparison, estimation, published_tables, runs
from metarl_min.reports import equations, plots, progress, tables

Work = Callable[[], str]
STEPS = 100_000_000  # of some 40 bytes


def log(line: str) -> None:
    """Tell something to whoever waits."""
    print(line, file=sys.stderr, flush=True)


def to_json(result: Any) -> str:
    """Return a result as JSON, numbers in full."""
    return json.dumps(comparison.to_plain(result), indent=1, allow_nan=False)


def pairs(words: Sequence[str]) -> dict[str, str]:
    """Return words written key=value as a dict; each key once."""
    found: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        require(bool(key and equals), "a parameter must be written key=value", repr(word))
        require(key not in found, "a key must be given once", repr(word))
        found[key] = value
    return found


def names(words: str) -> list[str]:
    """Return the names of a comma-separated list; each once."""
    found = words.split(",")
    require(len(set(found)) == len(found), "a name must be given once", repr(words))
    return found


def require_affordable(num_tasks: int, family: tasks.Family) -> None:
    """Refuse to play more steps at once than fit into a few GB."""
    steps = family.num_episodes * family.horizon
    rule = f"the trials of all tasks may take at most {STEPS:,} steps"
    require(num_tasks * steps <= STEPS, rule, f"{num_tasks:,} of {steps:,}")


def compare(args: argparse.Namespace) -> Work:
    """Train, judge and show every learner on every family."""
    players = {name: learners.make(name, {}) for name in names(args.learners)}
    families = {
        name: tasks.make(name, comparison.FAMILIES.get(name, {})) for name in names(args.tasks)
    }
    for learner in players.values():
        for family in families.values():
            training.initial_checkpoint(learner, family, args.seed)
    directory = runs.new_run_directory(args.out)

    def work() -> str:
        result = comparison.compare(
            families, players, seed=args.seed, num_tasks=comparison.NUM_TASKS,
            processes=comparison.cores(), report=log,
        )  # fmt: skip
        write(directory, result)
        draw(directory / "curves.png", plots.curves, result)
        entries = result["tasks"].values()
        for alarm in (line for entry in entries for line in tables.alarms(entry)):
            log(alarm)
        log(f"{result['seconds']:.0f} seconds; written to {directory}")
        return to_json(result) if args.json else "\n\n".join(map(tables.comparison, entries))

    return work


def draw(path: Path, picture: Callable[[Any], bytes], result: dict[str, Any]) -> None:
    """Write the picture of a result, or say why there is none."""
    try:
        checkpoints.write_atomically(path, picture(result))
    except ImportError as error:
        log(f"no {path.name}: matplotlib is not there ({error})")


def write(directory: Path, result: dict[str, Any]) -> None:
    """Write `results.json`."""
    checkpoints.write_atomically(directory / "results.json", f"{to_json(result)}\n".encode())


def train(args: argparse.Namespace) -> Work:
    """Train a learner in a run directory."""
    iterations = args.iterations or (runs.scheduled(args.out) if args.resume else None)
    settings, seed = learners.scheduled(args.learner, pairs(args.set), iterations), args.seed
    learner = learners.make(args.learner, settings)
    family = tasks.make(args.family, pairs(args.words))
    require_affordable(int(settings.get("num_tasks", 1)), family)
    training.initial_checkpoint(learner, family, seed)
    words, budget = runs.family_words(family), comparison.budget(learner, family)[1]
    run = runs.Run(args.learner, settings, words, seed, iterations or budget, runs.versions())
    if args.resume:
        directory, run = runs.resume(run, args.iterations, args.out)
    else:
        directory = runs.new_run_directory(args.out)
    done = training.restore(directory, learner, family, seed).iteration
    rule = f"--iterations must be at least the {done} that are done"
    require(done <= run.iterations, rule, run.iterations)
    if done >= run.iterations:
        return lambda: f"{directory}: all {done} iterations are done"
    runs.write_run(directory, run)

    def work() -> str:
        started = time.perf_counter()
        try:
            with progress.progress(run.iterations) as report:
                training.train_run(
                    directory, learner, family, iterations=run.iterations, seed=seed, report=report
                )
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"add --resume --out {directory} to continue") from None
        seconds = time.perf_counter() - started
        return f"{directory}: {run.iterations} iterations are done, {seconds:.1f} seconds"

    return work


def evaluate(args: argparse.Namespace) -> Work:
    """Judge the learner of a run directory on fresh tasks."""
    directory = Path(args.directory)
    run = runs.read_run(directory)
    learner, family = runs.make(run)
    require_affordable(args.num_tasks, family)
    require((directory / "checkpoint.npz").exists(), "a run must have a checkpoint", directory)
    last = training.restore(directory, learner, family, run.seed)

    def work() -> str:
        if last.iteration < run.iterations:
            log(f"{directory} has done {last.iteration} of {run.iterations} iterations")
        ceiling = comparison.ceiling_of(family)
        row = comparison.score_row(
            learner, last.state, family, ceiling, num_tasks=args.num_tasks,
            seed=args.seed, control_seed=run.seed, greedy=args.greedy,
        )  # fmt: skip
        exact = {
            "random": bayes_optimal.expected_random(family),
            "bayes_optimal": ceiling.value if ceiling else None,
        }
        result = {"learner": run.learner, "family": run.family, **row, **exact}
        return to_json(result) if args.json else tables.evaluation(result)

    return work


def ceiling(args: argparse.Namespace) -> Work:
    """Compute the exact Bayes-optimal value of a family, or bounds where it is out of reach."""
    family, started = tasks.make(args.family, pairs(args.words)), time.perf_counter()
    try:
        found: Any = bayes_optimal.solve(family)
        value, lower, upper = (found.value,) * 3
    except ValueError as refused:
        if not bounds.applies_to(family):
            raise
        found = bounds.bounds(family)
        value, lower, upper = None, found.lower, found.upper
        log(f"bounds only: {refused}")
    result = {
        "family": runs.family_words(family), "exact": value is not None, "value": value,
        "lower": lower, "upper": upper, "random": found.random,
        "known_task": found.known_task, "seconds": time.perf_counter() - started,
    }  # fmt: skip
    return lambda: to_json(result) if args.json else tables.ceiling(result)


def estimators(args: argparse.Namespace) -> Work:
    """Compute exactly what each estimator of the meta-gradient estimates, on a bandit."""
    problem = estimation.problem(args)
    directory = runs.new_run_directory(args.out)

    def work() -> str:
        result = estimation.measure(args, problem)
        write(directory, result)
        draw(directory / "bias_variance.png", plots.bias_variance, result)
        log(f"written to {directory}")
        return to_json(result) if args.json else tables.estimators(result)

    return work


def show_tables(args: argparse.Namespace) -> Work:
    """Recompute a published table of baselines."""
    cells = published_tables.choose(args.table, args.cells, args.full)
    trials = args.trials or published_tables.TRIALS[args.table]
    directory = runs.new_run_directory(args.out)

    def work() -> str:
        result = published_tables.recompute(
            args.table, cells, trials=trials, seed=args.seed,
            processes=comparison.cores(), report=log,
        )  # fmt: skip
        write(directory, result)
        draw(directory / "regret.png", plots.regret, result)
        for line in result["left_out"]:
            log(f"left out: {line}")
        log(f"{result['seconds']:.0f} seconds; written to {directory}")
        return to_json(result) if args.json else tables.published(result)

    return work


def show_equations(args: argparse.Namespace) -> Work:
    """Show the index of equations."""

    def work() -> str:
        found = equations.index(tests=equations.checkout_tests()).equations
        if args.json:
            return to_json({"equations": [equation._asdict() for equation in found]})
        return equations.text(found)

    return work
