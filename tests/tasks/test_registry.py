"""The families by name: the words of the command line make a family, and it writes them again."""

import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from metarl_min.basics import words
from metarl_min.basics.words import format_word
from metarl_min.tasks import registry

WORDS = {
    "bandit": {"arms": "2", "pulls": "3", "prior": "1,2/0.5,4"},
    "gaussian": {"arms": "2", "pulls": "4", "mean": "0.25", "std": "1.5", "noise": "0.1"},
    "correlated": {"kind": "medium", "pulls": "7"},
    "gridworld": {
        "size": "3", "start": "0", "horizon": "6", "episodes": "2", "stay": "0",
        "goal_reward": "2.5", "step_reward": "-0.3", "terminate": "1", "goals": "2,8",
        "walls": "4", "slip": "0.1",
    },
    "navigation": {
        "size": "3", "start": "0", "horizon": "6", "episodes": "2", "goals": "2,8",
    },
    "restless": {"pulls": "3", "swap": "0.25", "high": "0.75"},
    "two_step": {"episodes": "3", "common": "0.75", "high": "0.875", "structure": "hidden"},
    "contextual": {"cues": "3", "arms": "4", "pulls": "5"},
    "mdp": {"states": "3", "actions": "2", "horizon": "4", "episodes": "5"},
}  # fmt: skip
every_family = pytest.mark.parametrize("name", registry.FAMILIES)


def same(family, other):
    draws = [f.sample(np.random.default_rng(0), 3) for f in (family, other)]
    return family.parameters == other.parameters and all(map(np.array_equal, *draws))


@every_family
def test_words_read_and_written_come_back_to_the_same_family(name):
    for given in ({}, WORDS[name]):
        family = registry.make(name, given)
        assert family.name == name
        written = {key: str(value) for key, value in family.parameters.items()}
        assert same(registry.make(name, written), family)
        assert same(pickle.loads(pickle.dumps(family)), family)
    for key, word in WORDS[name].items():
        assert written[key] == word


@every_family
def test_every_parameter_has_a_word_and_a_meaning(name):
    function = registry.function(name)
    keys = words.keys(function)
    assert set(keys) == set(WORDS[name]) == set(registry.make(name, {}).parameters)
    assert [key for key, x in keys.items() if not x.meaning] == []
    assert set(words.meanings(function)) == set(keys)


@every_family
def test_an_unknown_key_is_an_error_that_lists_the_known_ones(name):
    known = ", ".join(registry.make(name, {}).parameters)
    with pytest.raises(ValueError, match=f"{name} knows the keys {known}, got 'colour'"):
        registry.make(name, {"colour": "red"})


def test_an_unknown_family_is_an_error_that_lists_the_known_ones():
    rule = f"family must be one of {', '.join(registry.FAMILIES)}, got 'casino'"
    with pytest.raises(ValueError, match=rule):
        registry.make("casino", {})


@pytest.mark.parametrize(
    ("name", "key", "word", "kind"),
    [
        ("bandit", "arms", "five", "int"),
        ("bandit", "arms", "2.5", "int"),
        ("bandit", "arms", "", "int"),
        ("bandit", "prior", "1", "Pairs"),
        ("bandit", "prior", "1,2,3", "Pairs"),
        ("bandit", "prior", "1,1/", "Pairs"),
        ("bandit", "prior", "a,b", "Pairs"),
        ("gaussian", "std", "wide", "float"),
        ("gridworld", "goals", "1;2", "Cells"),
        ("gridworld", "goals", "1,,2", "Cells"),
        ("gridworld", "slip", "0,1", "float"),
        ("gridworld", "start", "centre", "int"),
    ],
)
def test_a_word_that_cannot_be_read_is_an_error_that_quotes_it(name, key, word, kind):
    forms = {"int": "a whole number", "float": "a number", "Pairs": "a,b/a,b/..", "Cells": "c,c,.."}
    rule = re.escape(f"{key} must be written as {forms[kind]}, got '{word}'")
    with pytest.raises(ValueError, match=rule):
        registry.make(name, {key: word})


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("bandit", {"arms": "3", "prior": "1,1/2,2"}, r"one per arm \(3\)"),
        ("gaussian", {"std": "nan"}, "std must be finite"),
        ("gridworld", {"goals": "99"}, "goals must be different cells"),
        ("mdp", {"states": "0"}, "states must be at least 1, got 0"),
        ("correlated", {"kind": "esay"}, "medium, hard, got 'esay', did you mean easy"),
    ],
)
def test_a_word_that_is_read_but_makes_no_sense_is_refused(name, given, message):
    with pytest.raises(ValueError, match=message):
        registry.make(name, given)


def test_a_prior_loses_no_digit():
    pairs = ((0.1, 1 / 3), (1e-9, 12345.678))
    again = registry.make("bandit", {"arms": "2", "prior": format_word(pairs)})
    assert tuple(zip(again.prior.a.tolist(), again.prior.b.tolist(), strict=True)) == pairs


@every_family
def test_every_family_of_the_table_is_made_without_words(name):
    family = registry.make(name, {})
    assert callable(family.sample) and callable(family.reward_noise)
    assert family.horizon >= 1 and family.num_episodes >= 1


def test_the_readme_lists_every_family():
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    *names, last = registry.FAMILIES
    listed = f"The families are {', '.join(f'`{name}`' for name in names)} and `{last}`."
    assert listed in " ".join(readme.split())


# ---- functions in files ----

OWN = """
from metarl_min.mdps import rollouts
from metarl_min.tasks.bandits import bandit


def short(*, arms: int = 2):
    return bandit(arms=arms, pulls=1)


def number():
    return 3
"""


def test_a_function_in_a_file_makes_a_family_that_is_called_by_its_word(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(OWN)
    family = registry.make(f"{path}:short", {"arms": "3"})
    assert family.name == f"{path}:short"
    assert family.parameters["arms"] == 3 and family.num_episodes == 1


def test_a_function_that_makes_no_family_is_refused(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(OWN)
    with pytest.raises(TypeError, match=r"own\.py:number must return a Family, got int"):
        registry.make(f"{path}:number", {})


@pytest.mark.parametrize("word", ["\u0663", "+5", " 5", "1_0"])
def test_only_digits_that_everybody_reads_alike_are_numbers(word):
    for name, key in (("bandit", "arms"), ("gaussian", "std"), ("gridworld", "goals")):
        with pytest.raises(ValueError, match=re.escape(f"got {word!r}")):
            registry.make(name, {key: word})


def test_names_and_parameters_of_another_kind_are_refused():
    for name in (None, 3, ["bandit"]):
        with pytest.raises(TypeError, match="name must be of type str, got"):
            registry.make(name, {})
    for parameters in (None, ["arms=2"], "arms=2"):
        with pytest.raises(TypeError, match="words must be of type Mapping, got"):
            registry.make("bandit", parameters)
    with pytest.raises(TypeError, match="arms must be of type str, got int"):
        registry.make("bandit", {"arms": 2})


@pytest.mark.parametrize("name", [None, 3, ["bandit"], b"bandit"])
def test_the_name_of_a_family_is_a_text(name):
    with pytest.raises(TypeError, match="the name of a family must be of type str, got"):
        registry.function(name)


def test_the_names_of_parameters_are_texts():
    with pytest.raises(TypeError, match="a key must be of type str, got int"):
        registry.make("bandit", {3: "2"})
