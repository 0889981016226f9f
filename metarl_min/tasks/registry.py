"""The families of the command line, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from metarl_min.basics import plugins, words
from metarl_min.basics.arguments import instance
from metarl_min.tasks import Family
from metarl_min.tasks.bandits import bandit, contextual, correlated, gaussian
from metarl_min.tasks.gridworlds import gridworld, navigation
from metarl_min.tasks.random_mdps import mdp
from metarl_min.tasks.restless_arms import restless
from metarl_min.tasks.two_step import two_step

FAMILIES: dict[str, Callable[..., Family]] = {
    "bandit": bandit,
    "gaussian": gaussian,
    "correlated": correlated,
    "contextual": contextual,
    "restless": restless,
    "gridworld": gridworld,
    "navigation": navigation,
    "two_step": two_step,
    "mdp": mdp,
}


def function(name: str) -> Callable[..., Family]:
    """Return the function that makes the family `name`, or the function `file.py:name`."""
    return plugins.find(name, FAMILIES, kind="family", num_positional=0)


def make(name: str, parameters: Mapping[str, str]) -> Family:
    """Return the family `name` with parameters written as words, as on the command line.

    >>> make("bandit", {"arms": "2"}).parameters
    {'arms': 2, 'pulls': 10, 'prior': '1,1'}
    """
    maker = function(instance("name", name, str))
    arguments = words.parse_words(name, maker, parameters)
    if name in FAMILIES:
        return maker(**arguments)
    with plugins.errors_by_rule(f"{name} must return a Family", ValueError, MemoryError):
        family = maker(**arguments)
    if not isinstance(family, Family):
        raise TypeError(f"{name} must return a Family, got {type(family).__name__}")
    parameters = plugins.resolved_words(maker, arguments, family.parameters)
    return family._replace(name=name, parameters=parameters)
