"""Learners: one protocol for all that is trained, and for all that it is compared with.

    maml          MAML, and MAML of first order
    reptile       a step towards where adaptation ends
    meta_sgd      a step size for each parameter
    rl2           RL^2: the memory of a network is the learning algorithm
    mann          the same with an external memory
    es            evolution strategies
    ga            a genetic algorithm
    es_maml       an evolved start that adapts
    evolved_rule  an evolved learning rule

To add one: write a function of keyword-only settings that returns a `Learner`, in a module of
this folder, and name it in `LEARNERS`. Baselines and the ceiling are Learners with a no-op step.

`trial` is where all are compared: a fresh task, `family.num_episodes` episodes in a row, and
everything that happened. `tasks` goes to the sampler only. A learner that adapts adds `before`,
its state with adaptation switched off, and `control`, the same adaptation from an untrained start
with the step size that is best for it: what remains between the two is what was learned.
"""

import importlib
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from metarl_min.basics.arguments import require
from metarl_min.basics.trees import Rng
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks import Family, parse_words

LEARNERS = {  # the name on the command line -> its module here, which has a function of that name
    "maml": "maml",
    "fomaml": "maml",
    "reptile": "reptile",
    "meta_sgd": "meta_sgd",
    "rl2": "rl2",
    "mann": "mann",
    "es": "es",
    "ga": "ga",
    "es_maml": "es_maml",
    "evolved_rule": "evolved_rule",
}


class Learner(NamedTuple):
    """Functions of module level or partials of them, so that a learner can be pickled."""

    init: Callable[[Rng, Family], Any]  # -> State: what the next step needs
    step: Callable[[Rng, Any, Family], tuple[Any, Any]]  # -> State, Info: what a person wants
    trial: Callable[..., Episodes]  # (rng, state, family, tasks, greedy=False) -> [M, N, T]
    before: Callable[[Any], Any] | None = None  # state -> state that does not adapt
    control: Callable[[Rng, Any, Family], Any] | None = None  # -> untrained state, best alpha
    iterations: Callable[[Family], tuple[int, int]] | None = None  # in `compare`, in `train`
    short: Any = None  # the same Learner with schedules as long as the budget of `compare`


def no_op_step(rng: Rng, state: Any, family: Family) -> tuple[Any, None]:
    """The `step` of a Learner that does not learn across tasks."""
    return state, None


def _function(name: str) -> Callable[..., Learner]:
    require(name in LEARNERS, f"learner must be one of {', '.join(LEARNERS)}", repr(name))
    module = importlib.import_module(f"metarl_min.learners.{LEARNERS[name]}")
    function: Callable[..., Learner] = getattr(module, name)
    return function


def make(name: str, settings: dict[str, str]) -> Learner:
    """Return the learner `name` with settings written as words, as `--set` gives them."""
    function = _function(name)
    return function(**parse_words(name, function, settings))


def scheduled(name: str, settings: dict[str, str], iterations: int | None) -> dict[str, str]:
    """Return the settings with which what falls over a run falls over these iterations."""
    falls = "iterations" in inspect.signature(_function(name)).parameters
    return {"iterations": str(iterations)} | settings if falls and iterations else settings
