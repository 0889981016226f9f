"""Learners: the record by which all players are trained and compared.

    maml          MAML, and first-order MAML
    reptile       theta moves towards phi_K, the parameters after the last inner step
    meta_sgd      MAML with a learned step size for each parameter
    rl2           RL^2: a network adapts by its memory, without inner steps
    mann          RL^2 with an external memory
    es            evolution strategies
    ga            a genetic algorithm
    es_maml       evolution of the initial parameters of a learner that adapts
    evolved_rule  an evolved learning rule
    registry      the learners of the command line, by name

A learner is made by a function of a family and of keyword-only settings. The function computes the
defaults that depend on the family, checks every setting, and returns a `Learner`. To add a learner,
write such a function in a file of this folder, and add the function to `registry.LEARNERS`. A
function in a file outside the package has the name `path/to/file.py:function` on the command line.
Baselines and the Bayes-optimal player are Learners whose function `step` does nothing.

A trial is `family.num_episodes` episodes in a row on one new task. `trial(rng, state, tasks)` plays
one trial on each task, and returns the episodes of all trials. Only the sampler of episodes may
read `tasks`, because a player must not know the task. A learner that adapts has two more functions.
`without_adaptation` returns a state that does not adapt. The return of the trained state minus the
return of the state without adaptation is the gain by adaptation. `untrained_control` returns an
untrained state that adapts in the same way, with the best inner step size for this state. The
return of the trained state minus the return of the control is the gain by meta-training.

Some learners follow a schedule: for example, a step size falls to 0 during training. The length of
the schedule is a setting of the learner. `within_schedule` refuses a longer training. The training
of a learner without a schedule can always be made longer.

These functions are parts of learners, and trust their arguments: `no_op_step`, `members`,
`evaluate`, `apply_update`, `by_gradient`, `by_hill_climbing`, `adapting_player`, `logits`,
`updated`, `agent`, `rule_player`, `schedule`, `breed`, `exact_return`, `hide_settings`,
`sampled_rewards` and `expected_rewards`.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import plugins
from metarl_min.basics.arguments import function, instance, real, require, whole
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Rng
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks import Family


def _check_control(state: Any, alpha: Any) -> tuple[Any, float]:
    return state, real("alpha", alpha, 0)


@checked(_check_control)
class Control(NamedTuple):
    """An untrained state that adapts with its best inner step size."""

    state: Any
    alpha: float  # inner step size


def _check_learner(*fields: Any) -> tuple[Any, ...]:
    family, init, step, trial, iterations, settings, *optional, schedule_end, schedule = fields
    instance("family", family, Family)
    for name, value in (("init", init), ("step", step), ("trial", trial)):
        function(name, value)
    for name, value in zip(("without_adaptation", "untrained_control"), optional, strict=True):
        if value is not None:
            function(name, value)
    n, settings = whole("iterations", iterations, 0), instance("settings", settings, dict)
    end = None if schedule_end is None else whole("schedule_end", schedule_end)
    schedule = instance("schedule", schedule, str)
    return family, init, step, trial, n, settings, *optional, end, schedule


@checked(_check_learner)
class Learner(NamedTuple):
    """A learner for one family.

    Each function is a function of a module, or a `functools.partial` of such a function. TypeError
    or ValueError if a field has the wrong type. Only `check` runs the functions.
    """

    family: Family
    init: Callable[[Rng], Any]  # rng -> state
    step: Callable[[Rng, Any], tuple[Any, Any]]  # -> next state, and Info: a report for the user
    trial: Callable[..., Episodes]  # (rng, state, tasks, greedy=False) -> episodes [M, N, T]
    iterations: int = 1000  # default length of a training; 0 if the player is not trained
    settings: dict[str, Any] = {}  # noqa: RUF012  # name -> value, as on the command line
    without_adaptation: Callable[[Any], Any] | None = None  # state -> state that does not adapt
    untrained_control: Callable[[Rng], Control] | None = None  # rng -> control
    schedule_end: int | None = None  # iteration at which the schedules of `step` end, or None
    schedule: str = "a schedule runs"  # what happens up to then, such as "the step size falls to 0"


def within_schedule(learner: Learner, num_iterations: int, name: str = "num_iterations") -> int:
    """Return `num_iterations`, the length of a training; ValueError if a schedule ends earlier.

    `name` stands for the number in the error.

    A schedule has no values after its end. If its last value were used, a step size that has fallen
    to 0 would stay 0, and the learner would learn nothing.
    """
    number = whole(instance("name", name, str), num_iterations, 0)
    end = instance("learner", learner, Learner).schedule_end
    if end is not None and number > end:
        rule = f"{name} must be at most {end}, because {learner.schedule} over {end} iterations"
        longer = f"a longer run is another run, which begins with iterations={number}"
        raise ValueError(f"{rule}, got {number}; {longer}")
    return number


def no_op_step(rng: Rng, state: Any) -> tuple[Any, None]:
    """Return the state unchanged: the `step` of a player that is not trained."""
    return state, None


def check(learner: Learner) -> None:
    """Run `init`, `step` and `trial` once, and pickle the learner.

    ValueError or TypeError if a function or the pickling fails. The error says what must hold.
    """
    if not isinstance(learner, Learner):
        raise TypeError(f"a learner must be a Learner, got {type(learner).__name__}")
    try:
        pickle.dumps(learner)
    except Exception as error:
        rule = "the functions of a learner must be functions of a module or partials of them"
        raise ValueError(f"{rule}, got {error}") from error
    rng, family = np.random.default_rng(0), learner.family
    with plugins.errors_by_rule("init must run without an error"):
        state = learner.init(rng)
    with plugins.errors_by_rule("step must run without an error"):
        pair = learner.step(rng, state)
    # A NamedTuple with two fields is a state and not a pair (state, info).
    is_pair = isinstance(pair, tuple) and len(pair) == 2 and not hasattr(pair, "_fields")
    require(is_pair, "step must return a pair (state, info)", type(pair).__name__)
    with plugins.errors_by_rule("trial must run without an error"):
        episodes = learner.trial(rng, pair[0], family.sample(rng, 2), greedy=False)
    if not isinstance(episodes, Episodes):
        raise TypeError(f"trial must return Episodes, got {type(episodes).__name__}")
    axes = (2, family.num_episodes, family.horizon)
    rule = f"episodes of a trial must have the axes [M, N, T] = {axes}"
    require(episodes.rewards.shape == axes, rule, episodes.rewards.shape)
