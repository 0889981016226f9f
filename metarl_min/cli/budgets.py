"""Budgets of the comparison: for each learner the length of its training and other settings.

The comparison trains every learner several times within a minute, so its budgets are shorter than
the defaults of `train`. They are ordinary settings, written as words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from metarl_min.learners import Learner, registry
from metarl_min.tasks import Family

FAMILIES = {  # parameters for which there is something to learn before a trial begins
    "bandit": {"arms": "5", "pulls": "10", "prior": "1,1/2,2/4,4/1,3/1,5"},
    "gridworld": {"goals": "4,9,14,19,24"},
}


class Budget(NamedTuple):
    """The number of iterations, and the settings that differ from the defaults."""

    iterations: int
    settings: Mapping[str, str] = {}


FEWER_TASKS = {"num_tasks": "100", "beta": "0.15"}
SMALL_BATCHES = {"num_tasks": "64", "beta": "0.15"}
SMALL_BONUS = {"num_tasks": "64", "entropy": "0.1"}
# The first budget is for families whose episodes have one step, the second for all other families.
BUDGETS: dict[str, tuple[Budget, Budget]] = {
    "maml": (Budget(60, FEWER_TASKS), Budget(60, FEWER_TASKS)),
    "fomaml": (Budget(60, FEWER_TASKS), Budget(60, FEWER_TASKS)),
    "reptile": (Budget(60, SMALL_BATCHES), Budget(60, SMALL_BATCHES)),
    "meta_sgd": (Budget(60, FEWER_TASKS), Budget(60, FEWER_TASKS)),
    "rl2": (Budget(200, SMALL_BONUS), Budget(30)),
    "mann": (Budget(100, SMALL_BONUS), Budget(10)),
    "es": (Budget(90, {"beta": "0.15"}), Budget(10, {"beta": "0.2"})),
    "ga": (Budget(50, {"num_tasks": "16"}), Budget(10, {"num_tasks": "8"})),
    "es_maml": (Budget(40, {"beta": "0.15"}), Budget(12, {"beta": "0.15"})),
    "evolved_rule": (Budget(40, {"beta": "0.2"}), Budget(6)),
}


def _make(family: Family, name: str) -> Learner:
    if name not in BUDGETS:  # a plug-in: trained for its own number of iterations
        return registry.make(name, family, {})
    budget = BUDGETS[name][family.horizon > 1]
    learner = registry.make(name, family, budget.settings, budget.iterations)
    return learner._replace(iterations=budget.iterations)


def maker(name: str) -> Callable[[Family], Learner]:
    """Return the function that makes the learner `name` with its budget, for any family."""
    registry.function(name)  # ValueError here if the name is not known
    return partial(_make, name=name)
