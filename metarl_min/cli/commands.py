"""What each command does: it reads its words, then it works.

A command raises a ValueError or a TypeError at once if its words are wrong. Otherwise it returns
its work: a function without arguments that returns the text for standard output.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from metarl_min import checkpoints, learners, training
from metarl_min.basics.arguments import require
from metarl_min.ceilings import TooLarge, bayes_optimal, bounds
from metarl_min.cli import budgets, comparison, estimation, jobs, published_tables, runs
from metarl_min.learners import Learner
from metarl_min.learners import registry as learner_registry
from metarl_min.reports import equations, plots, progress, tables
from metarl_min.tasks import Unsupported
from metarl_min.tasks import registry as family_registry

Work = Callable[[], str]
MAX_STEPS = 100_000_000  # of about 40 bytes each


def log(line: str) -> None:
    """Print one line on standard error."""
    print(line, file=sys.stderr, flush=True)


def to_json(result: Any) -> str:
    """Return a result as JSON, with all digits of its numbers."""
    return json.dumps(jobs.to_plain(result), indent=1, allow_nan=False)


def parameters(words: Sequence[str]) -> dict[str, str]:
    """Return words written key=value as a dict. ValueError if a key stands twice."""
    values: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        require(bool(key and equals), "a parameter must be written key=value", repr(word))
        require(key not in values, "a key must be given once", repr(word))
        values[key] = value
    return values


def names(words: str) -> list[str]:
    """Return the names of a comma-separated list. ValueError if a name stands twice."""
    separated = words.split(",")
    require(len(set(separated)) == len(separated), "a name must be given once", repr(words))
    return separated


def require_affordable(num_tasks: int, learner: Learner) -> None:
    """Refuse to play more steps at once than fit into a few GB of memory."""
    steps = learner.family.num_episodes * learner.family.horizon
    rule = f"the trials of all tasks may take at most {MAX_STEPS:,} steps"
    require(num_tasks * steps <= MAX_STEPS, rule, f"{num_tasks:,} of {steps:,}")


def _tasks_at_once(learner: Learner) -> int:
    """Return how many trials one training step of a learner plays."""
    counts = [learner.settings.get(key, 1) for key in ("num_tasks", "population")]
    return int(counts[0]) * int(counts[1])


def compare(args: argparse.Namespace) -> Work:
    """Train, score and show every learner on every family."""
    makers = comparison.learner_makers(names(args.learners))
    families = {
        name: family_registry.make(name, budgets.FAMILIES.get(name, {})) for name in names(args.tasks)
    }
    for maker in makers.values():
        for family in families.values():
            training.initial_checkpoint(maker(family), args.seed)
    directory = runs.new_run_directory(args.out)

    def work() -> str:
        result = comparison.compare(
            families,
            makers,
            seed=args.seed,
            num_seeds=args.seeds,
            num_tasks=comparison.NUM_TASKS,
            processes=jobs.num_cores(),
            report=log,
        )
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


def _previous(args: argparse.Namespace) -> runs.Run | None:
    """Return the run that is to be resumed, if there is one."""
    return runs.previous_run(args.out) if args.resume else None


def _new_run(args: argparse.Namespace, previous: runs.Run | None) -> tuple[Learner, runs.Run]:
    """Return the learner that the words name, and its run."""
    schedule = args.iterations or (previous.iterations if previous else None)
    family = family_registry.make(args.family, parameters(args.words))
    settings = parameters(args.set)
    learner = learner_registry.make(args.learner, family, settings, schedule)
    run = runs.Run(
        format=runs.FORMAT,
        learner=args.learner,
        settings=learner.settings,
        family=runs.family_words(family),
        seed=args.seed,
        iterations=schedule or learner.iterations,
        versions=runs.versions(),
    )
    return learner, run


def train(args: argparse.Namespace) -> Work:
    """Train a learner in a run directory."""
    previous = _previous(args)
    learner, run = _new_run(args, previous)
    require_affordable(_tasks_at_once(learner), learner)
    if ":" in args.learner:
        learners.check(learner)
    training.initial_checkpoint(learner, run.seed)
    if args.resume:
        directory, run = runs.resume(run, previous, args.iterations, args.out)
    else:
        directory = runs.new_run_directory(args.out)
    done = training.restore(directory, learner, run.seed).iteration
    rule = f"--iterations must be at least the {done} that are done"
    require(done <= run.iterations, rule, run.iterations)
    if done >= run.iterations:
        return lambda: f"{directory}: all {done} iterations are done"
    runs.write_run(directory, run)
    return lambda: _train(directory, learner, run)


def _train(directory: Path, learner: Learner, run: runs.Run) -> str:
    """Train to the end of the run, and return the last line that is printed."""
    started = time.perf_counter()
    try:
        with progress.progress(run.iterations) as on_iteration:
            training.train_run(
                directory, learner, run.iterations, seed=run.seed, on_iteration=on_iteration
            )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"add --resume --out {directory} to continue") from None
    seconds = time.perf_counter() - started
    return f"{directory}: {run.iterations} iterations are done, {seconds:.1f} seconds"


def evaluate(args: argparse.Namespace) -> Work:
    """Score the learner of a run directory on fresh tasks."""
    directory = Path(args.directory)
    run = runs.read_run(directory)
    learner = runs.make(run)
    require_affordable(min(args.num_tasks, 1000), learner)
    require((directory / "checkpoint.npz").exists(), "a run must have a checkpoint", directory)
    last = training.restore(directory, learner, run.seed)

    def work() -> str:
        if last.iteration < run.iterations:
            log(f"{directory} has done {last.iteration} of {run.iterations} iterations")
        ceiling = comparison.ceiling_of(learner.family)
        row = comparison.score_row(
            learner, last.state, ceiling, num_tasks=args.num_tasks, seed=args.seed,
            control_seed=run.seed, greedy=args.greedy,
        )  # fmt: skip
        exact = {
            "random": bayes_optimal.expected_random(learner.family),
            "bayes_optimal": ceiling.value if ceiling else None,
        }
        result = {"learner": run.learner, "family": run.family, **row, **exact}
        return to_json(result) if args.json else tables.evaluation(result)

    return work


def ceiling(args: argparse.Namespace) -> Work:
    """Compute the exact Bayes-optimal value of a family, or bounds where it is out of reach."""
    family, started = family_registry.make(args.family, parameters(args.words)), time.perf_counter()
    try:
        found: Any = bayes_optimal.solve(family)
        value, lower, upper = (found.value,) * 3
    except (Unsupported, TooLarge) as refused:
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
            processes=jobs.num_cores(), report=log,
        )  # fmt: skip
        write(directory, result)
        draw(directory / "regret.png", plots.regret, result)
        for line in result["left_out"]:
            log(f"left out: {line}")
        log(f"{result['seconds']:.0f} seconds; written to {directory}")
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
