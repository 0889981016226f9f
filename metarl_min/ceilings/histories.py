"""Histories of a trial, and the checks of each of their steps.

A solver knows the values of ceilings (2) for the histories that its family allows. A user may pass
arrays that are no such history. So each ceiling checks a step before its solver reads the step. The
solver itself refuses a step whose probability is 0 under the prior.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import floats, indices, instance, require, shaped, whole
from metarl_min.basics.trees import Array
from metarl_min.ceilings import Ceiling, expected_random
from metarl_min.tasks import CorrelatedArms, Family, Hypotheses

IMPOSSIBLE = "history must be possible under the prior"


class TrialShape(NamedTuple):
    """The sizes of all histories of a family, and the states in which an episode may start."""

    num_states: int
    num_actions: int
    horizon: int  # T
    num_steps: int  # N T
    may_start: Array  # [S] whether an episode may start in a state


class History(NamedTuple):
    """The belief of M tasks, the time, and the present states."""

    belief: Any  # the belief of the solver
    num_tasks: int  # M
    time: int  # number of steps since the start of the trial
    states: Array | None  # [M] the states before the next step; None where they are not known


def trial_shape(family: Family) -> TrialShape:
    """Return the `TrialShape` of a family, from its prior."""
    prior: Any = family.prior
    may_start: Any = np.ones(1, bool)
    if isinstance(prior, Hypotheses):
        S, A = prior.mdps.shape
        may_start = (np.reshape(prior.mdps.initial, (-1, S)) > 0).any(0)
    else:
        S, A = 1, 2 if isinstance(prior, CorrelatedArms) else len(prior.a)
    return TrialShape(S, A, family.horizon, family.horizon * family.num_episodes, may_start)


def _whole_numbers(name: str, value: Any, num_tasks: int, size: int) -> Array:
    """Return an array [M] of whole numbers from 0 to size - 1; an error for anything else."""
    checked = shaped(name, indices(name, value, size), (num_tasks,), "the tasks")
    return np.asarray(checked, np.intp)


def require_possible(possible: Array, time: int) -> None:
    """Raise a ValueError, with the time, unless the step is possible in each task."""
    require(bool(np.all(possible)), IMPOSSIBLE, f"an impossible step {time}")


def _start(num_tasks: int, start: Callable[[int], Any]) -> History:
    size = whole("num_tasks", num_tasks)
    return History(belief=start(size), num_tasks=size, time=0, states=None)


def _present_states(history: Any, states: Any, shape: TrialShape) -> Array:
    """Return the states before the next step. `states` may be None if a task has one state.

    ValueError if the trial is over, if an episode cannot start in these states, or if the last step
    did not arrive in them.
    """
    instance("belief", history, History)
    M, t = history.num_tasks, history.time
    require(t < shape.num_steps, f"the trial must not be over, it has {shape.num_steps} steps", t)
    if states is None and shape.num_states == 1:
        return np.zeros(M, int)
    states = _whole_numbers("states", states, M, shape.num_states)
    if t % shape.horizon == 0:
        require_possible(shape.may_start[states], t)
    if history.states is not None:
        rule = f"states before step {t} must be the arrivals of the step before"
        other = history.states != states
        require(not other.any(), rule, states[other][:1])
    return states


def _observe(
    history: Any,
    states: Array,
    actions: Array,
    rewards: Array,
    arrivals: Array | None,
    shape: TrialShape,
    observe: Callable[..., Any],
) -> History:
    """Check one more step, and return the history with this step."""
    states = _present_states(history, states, shape)
    M, t = history.num_tasks, history.time
    actions = _whole_numbers("actions", actions, M, shape.num_actions)
    rewards = shaped("rewards", floats("rewards", rewards), (M,), "the tasks")
    if arrivals is not None:
        arrivals = _whole_numbers("arrivals", arrivals, M, shape.num_states)
    belief = observe(history.belief, states, actions, rewards, arrivals)
    ends = (t + 1) % shape.horizon == 0
    return History(belief, M, t + 1, None if ends else arrivals)


def _action_values(
    history: Any, states: Array, shape: TrialShape, action_values: Callable[[Any, Array], Array]
) -> Array:
    states = _present_states(history, states, shape)
    return action_values(history.belief, states)


def checked_ceiling(
    family: Family,
    *,
    value: float,
    known_task: float,
    needs_arrivals: bool,
    start: Callable[[int], Any],
    observe: Callable[..., Any],
    action_values: Callable[[Any, Array], Array],
    every_history: bool = True,
) -> Ceiling:
    """Return the ceiling of a family from the functions of its solver, with the checks above.

    The solver's `observe` must refuse a step of probability 0 by `require_possible`.
    """
    shape = trial_shape(family)
    return Ceiling(
        family=family,
        value=value,
        known_task=known_task,
        random=expected_random(family),
        every_history=every_history,
        needs_arrivals=needs_arrivals,
        start=partial(_start, start=start),
        observe=partial(_observe, shape=shape, observe=observe),
        action_values=partial(_action_values, shape=shape, action_values=action_values),
    )
