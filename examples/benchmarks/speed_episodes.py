"""The cost of a sampled meta-gradient with more and more episodes: a step of W3, in three parts.

    rollouts   the episodes of both stages are played
    reading    the returns-to-go, the advantages and the table C of each stage are computed,
               rollouts (2): every step of every episode is read
    gradient   the inner step, the adjoints and the step of theta are computed from the tables

The parts compute what `step` of the learner computes. The tables have S A entries for each task, so
the gradient costs the same with any number of episodes. The other parts read or write every step
that was played, so a step that was played has a constant cost. Memory is the largest number of
bytes that Python and NumPy hold at once during a part, apart from those held before.

`python speed_episodes.py '{"tasks": 20, "horizon": 30, "steps": 1}' '[20, 200]'` serves these
numbers of episodes of a stage: any question is answered with the CPU milliseconds of all parts.
"""

import json
import sys
import tracemalloc
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import speed_library
import speed_problems as problems
import speed_programs as programs
from timing import cpu_ms

SIZE = {key: x for key, x in problems.SIZES["W3"].items() if key != "episodes"}
EPISODES = 20, 200, 2000  # of a stage


class Played(NamedTuple):
    """A step of W3 whose episodes are played."""

    settings: Any  # of the learner
    state: Any
    sampler: Any
    trial: Any


def played(size):
    """Play the episodes of a step of W3."""
    from metarl_min.gradients import trials
    from metarl_min.mdps import rollouts

    lib, _ = speed_library.find_names()
    learner, _ = speed_library.make(lib, False, *speed_library.sampled_maml(size))
    settings, rng = learner.step.keywords["settings"], np.random.default_rng(1)
    state = learner.init(np.random.default_rng(0))._replace(theta=problems.network())
    tasks = learner.family.sample(rng, settings.num_tasks)
    sampler = rollouts.sampler(tasks, learner.family.reward_noise)
    trial = trials.play(rng, settings.adaptation, sampler, state.theta, state.alpha)
    return Played(settings=settings, state=state, sampler=sampler, trial=trial)


def play(step):
    """Return the episodes of all stages, played with the known probabilities of the actions."""
    from metarl_min.mdps import rollouts

    rng, adaptation = np.random.default_rng(1), step.settings.adaptation
    horizon = adaptation.family.horizon
    return [
        rollouts.sampled_episodes(rng, step.sampler, forward.probs, num_episodes, horizon, None)
        for forward, num_episodes in zip(step.trial.passes, adaptation.sizes, strict=True)
    ]


def read(step):
    """Return the tables of the inner steps, and the surrogates of the outer objective."""
    from metarl_min.gradients import trials

    settings, shape, stages = step.settings, step.sampler.shape, step.trial.stages
    tables = [trials.inner_table(settings.adaptation, stage, shape) for stage in stages[:-1]]
    advantages = settings.estimator.advantages(stages, [1.0] * len(stages))
    return tables, settings.outer.terms(stages, advantages, shape)


def ascend(step, tables, outer):
    """Return the change of theta, computed from the tables."""
    from metarl_min.gradients import objectives
    from metarl_min.gradients.forward_passes import forward_passes

    settings, (theta, alpha, *_) = step.settings, step.state
    inner = [objectives.surrogate_objective(C) for C in tables]
    path, passes = forward_passes(settings.adaptation.policy, theta, alpha, inner)
    trial = step.trial._replace(path=path, inner=inner, passes=passes)
    new = settings.outer.update(settings, step.state, trial, outer)[0]
    return speed_library.flat(new.theta) - speed_library.flat(theta)


def parts(size):
    """Return the number of steps that are played, and the three parts as functions."""
    step = played(size)
    functions = {
        "gradient": partial(ascend, step, *read(step)),
        "reading": partial(read, step),
        "rollouts": partial(play, step),
    }
    return sum(stage.states.size for stage in step.trial.stages), functions


def peak_bytes(function):
    """Return the most bytes that a call holds at once, apart from those held before the call."""
    function()
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def serve(size, episodes):
    """Answer every question with the CPU milliseconds of all parts, in the order of `episodes`."""
    made = [parts(size | {"episodes": number}) for number in episodes]
    first = {
        "steps": [num_steps for num_steps, _ in made],
        "bytes": {name: [peak_bytes(functions[name]) for _, functions in made]
                  for name in made[0][1]},
    }  # fmt: skip
    problems.answer_questions(first, lambda _: {
        name: [cpu_ms(functions[name], repeats=3, seconds=0.05) for _, functions in made]
        for name in made[0][1]
    })  # fmt: skip


def measure(rounds, size=SIZE, episodes=EPISODES):
    """Return the episodes, the steps that are played, and the bytes and CPU ms of each part."""
    words = json.dumps(size), json.dumps(episodes)
    asked = programs.with_arguments(programs.builds("speed_episodes.py", None), *words)
    first, answers = programs.ask_in_turn(asked, range(rounds))["library"]
    return {
        "episodes": list(episodes),
        **first,
        "ms": {name: [found[name] for found in answers] for name in first["bytes"]},
    }


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]), json.loads(sys.argv[2]))
