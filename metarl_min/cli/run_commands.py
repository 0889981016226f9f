"""The commands that concern one run: `train` and `evaluate`."""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

from metarl_min import learners, training
from metarl_min.basics import words
from metarl_min.basics.arguments import require
from metarl_min.ceilings import bayes_optimal
from metarl_min.checkpoints import Checkpoint
from metarl_min.cli import comparison, runs
from metarl_min.cli.console import Work, log, parameters, to_json
from metarl_min.learners import Learner
from metarl_min.learners import registry as learner_registry
from metarl_min.reports import progress, tables
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


def _previous(args: argparse.Namespace) -> runs.Run | None:
    """Return the run that is to be resumed, if there is one."""
    return runs.previous_run(args.out) if args.resume else None


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


def _new_run(args: argparse.Namespace, previous: runs.Run | None) -> tuple[Learner, runs.Run]:
    """Return the learner that the words name, and its run."""
    _require_places(args)
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
    first = training.initial_checkpoint(learner, run.seed)
    if args.resume:
        directory, run = runs.resume(run, previous, args.iterations, args.out)
    else:
        directory = runs.new_run_directory(args.out)
    last = training.restore(directory, first)
    rule = f"--iterations must be at least the {last.iteration} that are done"
    require(last.iteration <= run.iterations, rule, run.iterations)
    if last.iteration == run.iterations:
        return lambda: f"{directory}: all {last.iteration} iterations are done"
    runs.write_run(directory, run)
    return lambda: _train(directory, learner, run, last)


def _train(directory: Path, learner: Learner, run: runs.Run, last: Checkpoint) -> str:
    """Train to the end of the run, and return the last line that is printed."""
    started = time.perf_counter()
    try:
        with progress.progress(run.iterations) as on_iteration:
            training.train_run(
                directory,
                learner,
                run.iterations,
                seed=run.seed,
                start=last,
                on_iteration=on_iteration,
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
    require_affordable(args.num_tasks, learner)
    require((directory / "checkpoint.npz").exists(), "a run must have a checkpoint", directory)
    last = training.restore(directory, training.initial_checkpoint(learner, run.seed))

    def work() -> str:
        if last.iteration < run.iterations:
            log(f"{directory} has done {last.iteration} of {run.iterations} iterations")
        ceiling = comparison.ceiling_of(learner.family)
        row = comparison.score_row(
            learner, last.state, ceiling, num_tasks=args.num_tasks,
            num_control_tasks=args.num_tasks, seed=args.seed, control_seed=run.seed,
            greedy=args.greedy,
        )  # fmt: skip
        exact = {
            "random": bayes_optimal.expected_random(learner.family),
            "bayes_optimal": ceiling.value if ceiling else None,
        }
        result = {"learner": run.learner, "family": run.family, **row, **exact}
        return to_json(result) if args.json else tables.evaluation(result)

    return work
