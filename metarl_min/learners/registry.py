"""The learners of the command line, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from metarl_min.basics import plugins, words
from metarl_min.basics.arguments import function as require_function
from metarl_min.basics.arguments import instance, require
from metarl_min.learners import Learner
from metarl_min.learners.es import es
from metarl_min.learners.es_maml import es_maml
from metarl_min.learners.evolved_rule import evolved_rule
from metarl_min.learners.ga import ga
from metarl_min.learners.maml import fomaml, maml
from metarl_min.learners.mann import mann
from metarl_min.learners.meta_sgd import meta_sgd
from metarl_min.learners.reptile import reptile
from metarl_min.learners.rl2 import rl2
from metarl_min.tasks import Family, Unsupported

LEARNERS: dict[str, Callable[..., Learner]] = {
    "maml": maml,
    "fomaml": fomaml,
    "reptile": reptile,
    "meta_sgd": meta_sgd,
    "rl2": rl2,
    "mann": mann,
    "es": es,
    "ga": ga,
    "es_maml": es_maml,
    "evolved_rule": evolved_rule,
}


def function(name: str) -> Callable[..., Learner]:
    """Return the function that makes the learner `name`, or the function `file.py:name`."""
    return plugins.find(name, LEARNERS, kind="learner", num_positional=1)


def searches(name: str) -> bool:
    """Return whether a learner searches with a population, which an executor can evaluate.

    The settings of such a learner are `es.Search` or `ga.Breeding`: they have `num_slices`.
    """
    return "num_slices" in words.keys(function(name))


def make(
    name: str,
    family: Family,
    settings: Mapping[str, str],
    iterations: int | None = None,
    executor: Any = None,
) -> Learner:
    """Return the learner `name` for `family`, with settings written as words.

    `iterations` is the length of the run. A learner whose schedules depend on it receives it as
    the setting `iterations`, unless `settings` has that word already. An `executor` evaluates the
    population of a learner that searches; ValueError for another learner.
    """
    maker = function(name)
    if iterations is not None and "iterations" in words.keys(maker):
        settings = {"iterations": str(iterations)} | dict(settings)
    arguments = words.parse_words(name, maker, settings)
    if executor is not None:
        rule = "an executor must come with a learner that searches, such as es"
        require(searches(name), rule, name)
        arguments["executor"] = executor
    if name in LEARNERS:
        return maker(family, **arguments)
    with plugins.errors_by_rule(f"{name} must return a Learner", ValueError, MemoryError):
        learner = maker(family, **arguments)
    if not isinstance(learner, Learner):
        raise TypeError(f"{name} must return a Learner, got {type(learner).__name__}")
    return learner._replace(settings=plugins.resolved_words(maker, arguments, learner.settings))


def learners_for(
    family: Family, makers: Mapping[str, Callable[[Family], Learner]]
) -> tuple[dict[str, Learner], dict[str, str]]:
    """Return the learners that support `family`, and the reasons why the others do not, by name.

    `makers` maps names to functions of a family. A function raises `tasks.Unsupported` if its
    learner does not support the family.
    """
    made, reasons = {}, {}
    for name, maker in instance("makers", makers, Mapping).items():
        instance("a name of makers", name, str)
        try:
            learner = require_function(f"learner {name!r}", maker)(family)
        except Unsupported as error:
            reasons[name] = str(error)
        else:
            made[name] = instance(f"learner {name!r}", learner, Learner)
    return made, reasons
