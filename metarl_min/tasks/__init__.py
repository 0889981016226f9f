"""Families of tasks: a distribution over MDPs, with the prior that its judges need.

To add one: write a function of keyword-only parameters that returns a `Family`, in a module of
this folder, and name it in `FAMILIES`. Its annotations say how `key=value` words are read. Inside
a Family stand module-level functions or functools.partials of them, so that it can be pickled.
"""

import importlib
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import probabilities, require, whole
from metarl_min.basics.trees import Array, Rng
from metarl_min.mdps.mdp import MDP, take_tasks
from metarl_min.mdps.rollouts import Noise

FAMILIES = {  # the name on the command line -> its module here, which has a function of that name
    "bandit": "bandits",
    "gaussian": "bandits",
    "correlated": "bandits",
    "contextual": "bandits",
    "gridworld": "gridworlds",
    "mdp": "random_mdps",
}

Cells = tuple[int, ...]  # written 4,9,14
Pairs = tuple[tuple[float, float], ...]  # written 1,1/2,2


class Family(NamedTuple):
    """A distribution over tasks and the protocol of a trial on one of them."""

    name: str
    words: dict[str, Any]  # every parameter, as its key=value
    prior: Any  # BetaArms, GaussianArms, MirroredArms, Hypotheses or DirichletMDP
    sample: Callable[[Rng, int], MDP]  # (rng, num_tasks) -> MDP with leading axes [M]
    horizon: int  # T, steps per episode
    num_episodes: int  # N, episodes per trial
    reward_noise: Noise


class BetaArms(NamedTuple):
    """Bernoulli arms whose means are independent Beta(a, b)."""

    a: Array  # [A]
    b: Array  # [A]


class GaussianArms(NamedTuple):
    """Arms with normal rewards, whose means are independent normals."""

    mean: Array  # [A]
    std: Array  # [A]
    noise: float  # standard deviation of a reward


class MirroredArms(NamedTuple):
    """Two Bernoulli arms with means p and 1 - p, p ~ Beta(a, b)."""

    a: float
    b: float


class Hypotheses(NamedTuple):
    """A finite set of candidate tasks and their prior probabilities."""

    mdps: MDP  # leading axis [G]
    weights: Array  # [G]


class DirichletMDP(NamedTuple):
    """Rows of `transition` Dirichlet, mean rewards of each pair normal."""

    concentration: Array  # [S, A, S]
    mean: float
    std: float
    noise: float  # standard deviation of a reward


def sample_hypotheses(rng: Rng, num_tasks: int, prior: Hypotheses) -> MDP:
    """Draw candidates by their prior probability."""
    size = whole("num_tasks", num_tasks)
    return take_tasks(prior.mdps, rng.choice(len(prior.weights), size, p=prior.weights))


def family_of_candidates(
    name: str, words: dict[str, Any], mdps: MDP, weights: Array, horizon: int, num_episodes: int,
    noise: Noise,
) -> Family:  # fmt: skip
    """Return the family of a finite set of candidate tasks `mdps` [G] with `weights` [G]."""
    probabilities("weights", weights)
    require(mdps.leading == weights.shape, "one weight per candidate task", weights.shape)
    prior = Hypotheses(mdps, weights)
    sampler = partial(sample_hypotheses, prior=prior)
    protocol = whole("horizon", horizon), whole("num_episodes", num_episodes)
    return Family(name, words, prior, sampler, *protocol, noise)


def _pairs(text: str) -> Pairs:
    pairs = tuple(tuple(float(x) for x in pair.split(",")) for pair in text.split("/"))
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError
    return pairs  # type: ignore[return-value]


PARSERS: dict[str, Callable[[str], Any]] = {
    "int": int, "int | None": int, "float": float, "float | None": float, "str": str,
    "str | Network": str,
    "Cells": lambda word: tuple(int(cell) for cell in word.split(",") if word), "Pairs": _pairs,
}  # fmt: skip

EXPECTED = {
    "int": "a whole number", "int | None": "a whole number", "Pairs": "a,b/a,b/..",
    "Cells": "c,c,..",
}  # fmt: skip


def format_word(value: Any) -> Any:
    """Write a parameter's value as the word that reads back to it; numbers stay numbers.

    >>> text(((1.0, 2.0), (3.0, 4.0))), text((4, 9)), text(5)
    ('1,2/3,4', '4,9', 5)
    """
    if not isinstance(value, tuple):
        return value
    if value and isinstance(value[0], tuple):
        return "/".join(format_word(pair) for pair in value)
    return ",".join(f"{x:.17g}" for x in value)


def parse_words(name: str, function: Callable[..., Any], words: dict[str, str]) -> dict[str, Any]:
    """Read `words` by the annotations of the keyword-only parameters of what is called `name`.

    A parameter that no word can give, like an executor, is not one of its keys, nor is one that
    makes a variant what it is: what a functools.partial has fixed.
    """
    given, values = inspect.signature(function).parameters, {}
    fixed = getattr(function, "keywords", {})
    known = {
        key: given[key] for key in given if given[key].annotation in PARSERS and key not in fixed
    }
    for key, word in words.items():
        require(key in known, f"{name} knows the keys {', '.join(known)}", repr(key))
        kind = known[key].annotation
        try:
            values[key] = PARSERS[kind](word)
        except ValueError:
            form = EXPECTED.get(kind, "a number")
            raise ValueError(f"{key} must be written as {form}, got {word!r}") from None
    return values


def make(name: str, words: dict[str, str]) -> Family:
    """Return the family `name` with parameters written as words, as on the command line.

    >>> make("bandit", {"arms": "2"}).words
    {'arms': 2, 'pulls': 10, 'prior': '1,1'}
    """
    require(name in FAMILIES, f"family must be one of {', '.join(FAMILIES)}", repr(name))
    module = importlib.import_module(f"metarl_min.tasks.{FAMILIES[name]}")
    function: Callable[..., Family] = getattr(module, name)
    return function(**parse_words(name, function, words))


def expected_under_prior(values: Array, prior: Hypotheses) -> float:
    """Average a value per candidate task [G] over the prior."""
    return float(np.sum(prior.weights * values))
