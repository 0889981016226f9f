"""A learner that costs nothing: each step adds noise to its logits. It can be pickled."""

from __future__ import annotations

import os
import signal
import sys
import time
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min import learners
from metarl_min.learners import Learner
from metarl_min.mdps import rollouts
from metarl_min.mdps.policies import softmax


class State(NamedTuple):
    theta: dict[str, Any]
    alpha: float
    num_steps: int
    moments: tuple[Any, ...]


class Info(NamedTuple):
    norm: Any


def init(rng, family):
    shape = family.sample(rng, 1).shape
    return State({"logits": rng.normal(size=shape)}, 0.5, 0, (None, np.zeros(2, np.float32)))


def step(rng, state, family, *, fault="", at=0, pause=0.0):
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


def trial(rng, state, family, tasks, greedy=False):
    probs = softmax(state.theta["logits"] * (1e3 if greedy else 1.0))
    tables = rollouts.sampler(tasks, family.reward_noise)
    return rollouts.sample(rng, tables, probs, family.num_episodes, family.horizon)


def peeking_trial(rng, state, family, tasks, greedy=False):
    means = tasks.reward[..., 0]  # what no honest learner sees
    probs = np.eye(means.shape[-1])[means.argmax(-1)]
    tables = rollouts.sampler(tasks, family.reward_noise)
    return rollouts.sample(rng, tables, probs, family.num_episodes, family.horizon)


def before(state):
    return state._replace(alpha=0.0)


def control(rng, state, family):
    return state._replace(theta={"logits": 0 * state.theta["logits"]}, alpha=2.0)


def iterations(family):
    return 3, 40


def toy(*, fault: str = "", at: int = 0, pause: float = 0.0) -> Learner:
    faulty = partial(step, fault=fault, at=at, pause=pause)
    return Learner(init, faulty, trial, before, control, iterations)


def peek() -> Learner:
    return Learner(init, step, peeking_trial, iterations=iterations)


def register(setitem=dict.__setitem__):
    """Put the toys on the command line; pytest's monkeypatch.setitem takes them off again."""
    for name in ("toy", "peek"):
        setitem(learners.LEARNERS, name, "toy_learner")
    setitem(sys.modules, "metarl_min.learners.toy_learner", sys.modules[__name__])


if __name__ == "__main__":  # a process to kill
    import toy_learner

    from metarl_min.cli import main

    toy_learner.register()
    sys.exit(main.main())
