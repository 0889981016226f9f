"""No setting without an effect, found mechanically for every learner of the registry.

Each setting of a learner is changed in turn. The change is refused, or it changes a bit of the
state after two steps of training, or of a trial on fresh tasks. This holds beside the defaults, and
beside every choice of every other setting. A learner that is new in the registry takes part too.
"""

from itertools import tee

import numpy as np
import pytest
from comparing import rng

from metarl_min.basics import words
from metarl_min.learners import registry
from metarl_min.tasks.bandits import bandit
from metarl_min.tasks.random_mdps import mdp

FAMILY = mdp(states=2, actions=2, horizon=2, episodes=7)  # noise, and more than one step
SHORT = FAMILY._replace(num_episodes=3)  # for learners without inner episodes
CHEAP = {"num_tasks": "8", "population": "6", "hidden": "2", "pressure": "2", "elites": "1"}
WORDS = {  # settings that are neither numbers nor names, with words to try
    "policy": ("table", "network:2", "network:3"),
    "baseline": ("0.7", "mean", "leave_one_out", "standardised", "linear"),
    "adapt": ("W2,b2", "logits"),
}
ALIKE = "lvc", "loaded_dice", "linearised_score"  # one code with dice, so tried by themselves only
CONTEXTS = {  # beside these numbers too, other settings may lose their effect
    "inner_steps": ("0", "1"),
    "inner_episodes": ("6",),  # so many that every baseline may be chosen
    "policy": ("network:2",),
    "baseline": ("0.7",),
    "elites": ("0",),
    "decay": ("0.1",),
    "entropy": ("0",),
    "epochs": ("1",),
}
NATURE = {  # what changes nothing by its nature, and is accepted
    "adapt=logits": "a table has one parameter, so to name it is to name all",
    "max_norm": "gradients that are shorter are not scaled",
    "clip": "ratios that are nearer to 1 are not clipped",
    "max_kl": "a step that is not accepted at any length changes nothing",
}


def remembering(read):
    """The function `read` of a function, with its results kept by identity."""
    seen = {}

    def remembered(function):
        if id(function) not in seen:
            seen[id(function)] = function, read(function)
        return seen[id(function)][1]

    return remembered


@pytest.fixture(autouse=True)
def _hints_are_read_once(monkeypatch):
    """Most of the time of a learner that is made from words is spent on the hints of its words."""
    for name in ("_parameters", "keys", "_is_maker"):
        monkeypatch.setattr(words, name, remembering(getattr(words, name)))
    monkeypatch.setattr(words, "suggestion", lambda word, names: "")


def alternatives(name, key, default):
    """Words for a setting that differ from its default."""
    if key.choices or name in WORDS:
        return [word for word in WORDS.get(name, key.choices) if word != str(default)]
    if isinstance(default, int):
        return [str(x) for x in (default + 1, default - 1, 2 * default, 1) if x != default]
    start = 0.3 if default is None else float(default)
    return [str(x) for x in (start * 0.5 + 0.01, start * 1.5 + 0.01, 2.0) if x != default]


def made(name, family, given):
    """The learner of these words, or None if they are refused in one line."""
    has = words.keys(registry.function(name))
    cheap = {x: word for x, word in CHEAP.items() if x in has}
    try:
        return registry.make(name, family, {**cheap, **given}, iterations=4)
    except ValueError:
        return None


def flat(value):
    """All arrays and numbers of a state, in order."""
    if isinstance(value, dict):
        return [y for x in sorted(value) for y in flat(value[x])]
    if isinstance(value, (tuple, list)):
        return [y for x in value for y in flat(x)]
    return [] if value is None else [np.asarray(value).tobytes()]


def outcomes(learner):
    """The bits of the state after one step, after two, and of trials on fresh tasks."""
    state = learner.init(rng(0))
    for i in (1, 2):
        state, _ = learner.step(rng(i), state)
        yield flat(state)
    yield flat(learner.trial(rng(4), state, learner.family.sample(rng(3), 20)))


def once(seen, given, learner):
    """The outcomes of the learner of these words. Each is computed once, and when it is needed."""
    key = frozenset(given.items())
    seen[key], found = tee(seen.get(key) or outcomes(learner))
    return found


def same(found, truth):
    """Whether a learner has these outcomes; the first that differs is enough to tell."""
    return all(x == y for x, y in zip(found, truth, strict=True))


def contexts(name):
    """Words beside which all other settings are changed: none, and each choice by itself."""
    yield {}
    for setting, key in words.keys(registry.function(name)).items():
        for word in CONTEXTS.get(setting, WORDS.get(setting, key.choices)):
            if word not in ALIKE:
                yield {setting: word}


def without_effect(name, family, given, seen):
    """The settings, written as words, that are accepted beside `given` and change nothing.

    `seen` holds the outcomes by words: one choice beside another is a pair in both orders.
    """
    base = made(name, family, given)
    if base is None:
        return []
    silent = []
    for setting, key in words.keys(registry.function(name)).items():
        default, tried = base.settings.get(setting, key.default), []
        for word in alternatives(setting, key, default) if setting not in given else ():
            alike = given and word in ALIKE
            both = {**given, setting: word}
            learner = None if alike else made(name, family, both)
            if learner is None:
                continue
            truth, found = once(seen, given, base), once(seen, both, learner)
            tried.append((f"{setting}={word}", same(found, truth)))
            if not (key.choices or setting in WORDS) and not tried[-1][1]:
                break  # one number with an effect is enough
        each = tried if key.choices or setting in WORDS else tried[-1:]
        silent += [word for word, no_effect in each if no_effect]
    return [x for x in silent if x not in NATURE and x.partition("=")[0] not in NATURE]


@pytest.mark.parametrize("name", registry.LEARNERS)
def test_a_setting_has_an_effect_or_is_refused(name):
    found, seen = {}, {}
    family = FAMILY if "inner_episodes" in words.keys(registry.function(name)) else SHORT
    for given in contexts(name):
        silent = without_effect(name, family, given, seen)
        if silent:
            found[" ".join(f"{x}={y}" for x, y in given.items())] = silent
    assert found == {}


@pytest.mark.parametrize("name", registry.LEARNERS)
def test_at_horizon_one_only_the_discount_has_no_effect(name):
    silent = without_effect(name, bandit(arms=2, pulls=4), {}, {})
    assert {word.partition("=")[0] for word in silent} <= {"gamma"}
