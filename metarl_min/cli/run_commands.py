"""The commands that concern one run: `train` and `evaluate`."""

from __future__ import annotations

import argparse
import math
import time
from functools import partial
from pathlib import Path
from typing import Any

from metarl_min import checkpoints, learners, training
from metarl_min.basics import words
from metarl_min.basics.arguments import require
from metarl_min.ceilings import bayes_optimal
from metarl_min.checkpoints import Checkpoint
from metarl_min.cli import best_returns, engines, environment, runs, score_rows
from metarl_min.cli.console import Work, draw, log, parameters, to_json
from metarl_min.evolution import executors
from metarl_min.learners import Learner
from metarl_min.learners import registry as learner_registry
from metarl_min.reports import history, learning_curves, plots, progress, tables
from metarl_min.tasks import Family
from metarl_min.tasks import registry as family_registry

MAX_STEPS = 100_000_000  # of about 40 bytes each


def require_affordable(num_tasks: int, learner: Learner) -> None:
    """Refuse to play more steps at once than fit into a few GB of memory."""
    steps = learner.family.num_episodes * learner.family.horizon
    rule = f"the trials of all tasks may take at most {MAX_STEPS:,} steps"
    require(num_tasks * steps <= MAX_STEPS, rule, f"{num_tasks:,} of {steps:,}")


def _tasks_at_once(learner: Learner) -> int:
    """Return how many trials one training step of a learner plays."""
    counts = [learner.settings.get(key, 1) for key in ("num_tasks", "population")]
    return math.prod(count for count in counts if isinstance(count, int))


def _require_places(args: argparse.Namespace) -> None:
    """Raise a ValueError if a setting stands among the parameters, or the other way round."""
    if not args.words and not args.set:
        return
    settings = words.keys(learner_registry.function(args.learner))
    of_family = words.keys(family_registry.function(args.family))
    for key in parameters(args.words):
        rule = f"a setting of {args.learner} must be written after --set"
        require(key in of_family or key not in settings, rule, key)
    for key in parameters(args.set):
        rule = f"a parameter of {args.family} must be written before --set"
        require(key in settings or key not in of_family, rule, key)


def _schedule(args: argparse.Namespace, previous: runs.Run | None) -> Any:
    """Return the length of the schedules: the schedules of a run that is resumed stay the same."""
    if previous is None:
        return args.iterations
    return previous.settings.get("iterations", previous.iterations)


def _require_search(args: argparse.Namespace) -> None:
    """Raise a ValueError if an executor would have no effect."""
    rule = "--executor must come with a learner that searches, such as es"
    require(not args.executor or learner_registry.searches(args.learner), rule, args.learner)
    rule = "--time-limit must come with --executor"
    require(args.executor or args.time_limit is None, rule, args.time_limit)


def _on_workers(args: argparse.Namespace, family: Family, schedule: Any) -> Learner:
    """Return the learner that the words name, whose population is evaluated on workers."""
    seconds = executors.SECONDS if args.time_limit is None else args.time_limit
    engine = engines.for_search(args.executor, seconds, args.stack)
    slices = {"num_slices": str(max(executors.SLICES, engine.num_workers))}
    settings = slices | parameters(args.set)
    return learner_registry.make(args.learner, family, settings, schedule, engine.executor)


def _new_run(args: argparse.Namespace, previous: runs.Run | None) -> tuple[Learner, runs.Run]:
    """Return the learner that the words name, without an executor, and its run."""
    _require_places(args)
    _require_search(args)
    schedule = _schedule(args, previous)
    family = family_registry.make(args.family, parameters(args.words))
    settings = parameters(args.set)
    if args.executor:
        settings.pop("num_slices", "")  # it does not change the result, so it is not in the run
    learner = learner_registry.make(args.learner, family, settings, schedule)
    run = runs.Run(
        format=runs.FORMAT,
        learner=args.learner,
        settings=learner.settings,
        family=runs.family_words(family),
        seed=args.seed,
        iterations=args.iterations or learner.iterations,
        **environment.here()._asdict(),
        resumed=[],
    )
    return learner, run


def _first_checkpoint(args: argparse.Namespace, learner: Learner) -> Checkpoint:
    """Return the learner before its first iteration; an error if it cannot be trained."""
    require_affordable(_tasks_at_once(learner), learner)
    if ":" in args.learner:
        learners.check(learner)
    return training.initial_checkpoint(learner, args.seed)


def _require_within_schedule(learner: Learner, run: runs.Run, previous: runs.Run | None) -> None:
    """Raise a ValueError if the run is longer than the schedule of its learner.

    A learner from a file may have a setting `iterations` and no `schedule_end`. Then a run that is
    resumed cannot be made longer than this setting.
    """
    length = learner.settings.get("iterations")
    if previous and learner.schedule_end is None and isinstance(length, int):
        learner = learner._replace(schedule_end=max(length, previous.iterations))
    learners.within_schedule(learner, run.iterations, "--iterations")


def train(args: argparse.Namespace) -> Work:
    """Train a learner in a run directory."""
    directory = runs.open_run_directory(args.out, args.stack) if args.resume else None
    previous = runs.previous_run(directory) if directory else None
    learner, run = _new_run(args, previous)
    first = _first_checkpoint(args, learner)
    run = runs.continued(run, previous, args.iterations) if previous else run
    _require_within_schedule(learner, run, previous)
    if directory is None:
        directory = runs.new_run_directory(args.out, args.stack)
    elif previous is None:
        runs.require_empty(directory, args.out)
    last = training.restore(directory, first)
    rule = f"--iterations must be at least the {last.iteration} that are done"
    require(last.iteration <= run.iterations, rule, run.iterations)
    if last.iteration == run.iterations:
        text = f"{directory}: all {last.iteration} iterations are done"
        return lambda: text
    if args.executor:
        learner = _on_workers(args, learner.family, _schedule(args, previous))
    if previous:
        run, change = runs.in_this_environment(run, last.iteration)
        if change:
            log(f"{directory}: {change}; the bits may differ from those of an uninterrupted run")
    runs.write_run(directory, run)
    return partial(_train, directory, learner, run, last)


def _learning_curve(run: dict[str, Any]) -> bytes:
    """Return the picture of a run, with the ceiling of its family where it is known."""
    family, ceiling = run["family"], best_returns.ceiling_of(run["family"])
    trials = {"random": bayes_optimal.expected_random(family)}
    if ceiling is not None:
        trials["Bayes-optimal trial"] = ceiling.value
    references = {name: value / family.num_episodes for name, value in trials.items()}
    return plots.png(learning_curves.draw(history.read(run["directory"]), references))


def _train(directory: Path, learner: Learner, run: runs.Run, last: Checkpoint) -> str:
    """Train to the end of the run, and return the last line that is printed."""
    started = time.perf_counter()
    try:
        with (
            history.record(directory, last.iteration) as write,
            progress.progress(run.iterations) as show,
        ):

            def on_iteration(number: int, info: Any) -> None:
                write(number, info)
                show(number, info)

            training.continue_run(directory, learner, run.iterations, last, on_iteration)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"add --resume --out {directory} to continue") from None
    seconds = time.perf_counter() - started
    learned = {"directory": directory, "family": learner.family}
    draw(directory / "history.png", _learning_curve, learned)
    return f"{directory}: {run.iterations} iterations are done, {seconds:.1f} seconds"


def _on_other_tasks(args: argparse.Namespace, run: runs.Run, first: Checkpoint) -> Learner:
    """Return the learner of a run for the family that the words name.

    ValueError unless the states of this learner have the shapes of the states of the run.
    """
    family = family_registry.make(args.family, parameters(args.words))
    learner = runs.make(run, family)
    other = training.initial_checkpoint(learner, run.seed)
    shapes = [checkpoints.shapes(checkpoints.leaves_of(one)) for one in (first, other)]
    rule = f"a family to judge on must fit the parameters of {run.learner} in {args.directory}"
    require(shapes[0] == shapes[1], rule, f"other shapes for {args.family}")
    difference = runs.family_difference(run, family)
    log(f"{args.directory} was trained on other tasks: {difference}" if difference else
        f"{args.directory} was trained on these tasks")  # fmt: skip
    return learner


def evaluate(args: argparse.Namespace) -> Work:
    """Score the learner of a run directory on fresh tasks of its family, or of another one."""
    directory = Path(args.directory)
    run = runs.read_run(directory)
    learner = runs.make(run)
    first = training.initial_checkpoint(learner, run.seed)
    last = training.restore(directory, first)
    require(last.iteration > 0, "a run must have a checkpoint", directory)
    if args.family is not None:
        learner = _on_other_tasks(args, run, first)
    require_affordable(args.num_tasks, learner)
    return partial(_evaluate, args, run, learner, last)


def _evaluate(args: argparse.Namespace, run: runs.Run, learner: Learner, last: Checkpoint) -> str:
    """Return the scores of a learner, as a table or as JSON."""
    if last.iteration < run.iterations:
        log(f"{args.directory} has done {last.iteration} of {run.iterations} iterations")
    known = best_returns.best_return(learner.family, log)
    row = score_rows.score_row(
        learner, last.state, known.ceiling, num_tasks=args.num_tasks,
        num_control_tasks=args.num_tasks, seed=args.seed, control_seed=run.seed,
        greedy=args.greedy,
    )  # fmt: skip
    exact = {
        "random": bayes_optimal.expected_random(learner.family),
        "bayes_optimal": known.ceiling.value if known.ceiling else None,
        "bounds": best_returns.interval(known),
        "notes": best_returns.notes(known, [row]),
    }
    family = runs.family_words(learner.family)
    result = {"learner": run.learner, "family": family, **row, **exact}
    return to_json(result) if args.json else tables.evaluation(result)
