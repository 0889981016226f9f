"""A learner that costs nothing: each step adds noise to its logits. It can be pickled."""

from __future__ import annotations

import os
import signal
import sys
import time
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.learners import Control, Learner
from metarl_min.learners.registry import LEARNERS
from metarl_min.mdps import rollouts
from metarl_min.mdps.policies import softmax
from metarl_min.tasks import Family, shape_of


class State(NamedTuple):
    theta: dict[str, Any]
    alpha: float
    num_steps: int
    moments: tuple[Any, ...]


class Info(NamedTuple):
    norm: Any


def init(rng, family):
    return State(
        {"logits": rng.normal(size=shape_of(family))}, 0.5, 0, (None, np.zeros(2, np.float32))
    )


def step(rng, state, *, fault="", at=0, pause=0.0):
    time.sleep(pause)
    logits = state.theta["logits"] + rng.normal(size=state.theta["logits"].shape)
    num_steps = state.num_steps + 1
    if num_steps == at:
        if fault == "nan":
            logits = logits * np.nan
        if fault == "shape":
            logits = np.zeros(7)
        if fault == "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        if fault == "memory":
            raise MemoryError("no room")
    moments = (None, state.moments[1] + np.float32(0.1))
    new = State({"logits": logits}, state.alpha, num_steps, moments)
    return new, Info(np.abs(logits).mean())


def sampled(rng, family, tasks, probs):
    sampler = rollouts.sampler(tasks, family.reward_noise)
    return rollouts.sample(rng, sampler, probs, family.num_episodes, family.horizon)


def trial(rng, state, tasks, greedy=False, *, family):
    probs = softmax(state.theta["logits"] * (1e3 if greedy else 1.0))
    return sampled(rng, family, tasks, probs)


def peeking_trial(rng, state, tasks, greedy=False, *, family):
    means = tasks.reward[..., 0]  # no honest learner reads the task
    return sampled(rng, family, tasks, np.eye(means.shape[-1])[means.argmax(-1)])


def without_adaptation(state):
    return state._replace(alpha=0.0)


def untrained_control(rng, family):
    state = init(rng, family)
    return Control(state=state._replace(theta={"logits": 0 * state.theta["logits"]}), alpha=2.0)


def toy(family: Family, *, fault: str = "", at: int = 0, pause: float = 0.0) -> Learner:
    """A learner for tests.

    fault  nan, shape, interrupt or memory
    at     the step of the fault
    pause  seconds of each step
    """
    return Learner(
        family=family,
        init=partial(init, family=family),
        step=partial(step, fault=fault, at=at, pause=pause),
        trial=partial(trial, family=family),
        iterations=40,
        settings={"fault": fault, "at": at, "pause": pause},
        without_adaptation=without_adaptation,
        untrained_control=partial(untrained_control, family=family),
    )


def peek(family: Family) -> Learner:
    """A learner that reads the task."""
    return Learner(
        family=family,
        init=partial(init, family=family),
        step=step,
        trial=partial(peeking_trial, family=family),
        iterations=3,
    )


def register(setitem=dict.__setitem__):
    """Put the toys on the command line; pytest's monkeypatch.setitem takes them off again."""
    for function in (toy, peek):
        setitem(LEARNERS, function.__name__, function)


if __name__ == "__main__":  # a process to kill
    import toy_learner

    from metarl_min.cli import main, run_commands

    run_commands._learning_curve = lambda run: b"a picture"  # a picture takes a second
    toy_learner.register()
    sys.exit(main.main())
