"""Words: what the command line writes is what the families read, and back."""

import pickle
import re

import numpy as np
import pytest
from enumerate_trajectories import random_batch

from metarl_min import learners, tasks
from metarl_min.mdps import rollouts

WORDS = {
    "bandit": {"arms": "2", "pulls": "3", "prior": "1,2/0.5,4"},
    "gaussian": {"arms": "2", "mean": "0.25", "std": "1.5", "noise": "0.1"},
    "correlated": {"kind": "medium", "pulls": "7"},
    "gridworld": {
        "size": "3", "start": "0", "horizon": "6", "episodes": "2", "stay": "0",
        "goal_reward": "2.5", "step_reward": "-0.3", "terminate": "1", "goals": "2,8",
        "walls": "4", "slip": "0.1",
    },
    "contextual": {"cues": "3", "arms": "4", "pulls": "5"},
    "mdp": {"states": "3", "actions": "2", "horizon": "4", "episodes": "5"},
}  # fmt: skip


def same(family, other):
    draws = [f.sample(np.random.default_rng(0), 3) for f in (family, other)]
    return family.words == other.words and all(map(np.array_equal, *draws))


@pytest.mark.parametrize("name", tasks.FAMILIES)
def test_words_read_and_written_come_back_to_the_same_family(name):
    for words in ({}, WORDS[name]):
        family = tasks.make(name, words)
        assert family.name == name
        written = {key: str(value) for key, value in family.words.items()}
        assert same(tasks.make(name, written), family)
        assert same(pickle.loads(pickle.dumps(family)), family)
    for key, word in WORDS[name].items():
        assert written[key] == word


@pytest.mark.parametrize("name", tasks.FAMILIES)
def test_an_unknown_key_is_an_error_that_lists_the_known_ones(name):
    known = ", ".join(tasks.make(name, {}).words)
    with pytest.raises(ValueError, match=f"{name} knows the keys {known}, got 'colour'"):
        tasks.make(name, {"colour": "red"})


def test_an_unknown_family_is_an_error_that_lists_the_known_ones():
    rule = f"family must be one of {', '.join(tasks.FAMILIES)}, got 'casino'"
    with pytest.raises(ValueError, match=rule):
        tasks.make("casino", {})


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
    ],
)
def test_a_word_that_cannot_be_read_is_an_error_that_quotes_it(name, key, word, kind):
    forms = {"int": "a whole number", "float": "a number", "Pairs": "a,b/a,b/..", "Cells": "c,c,.."}
    rule = re.escape(f"{key} must be written as {forms[kind]}, got '{word}'")
    with pytest.raises(ValueError, match=rule):
        tasks.make(name, {key: word})


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("bandit", {"arms": "3", "prior": "1,1/2,2"}, r"one per arm \(3\)"),
        ("gaussian", {"std": "nan"}, "std must be finite"),
        ("gridworld", {"goals": "99"}, "goals must be different cells"),
        ("mdp", {"states": "0"}, "states must be at least 1, got 0"),
    ],
)
def test_a_word_that_is_read_but_makes_no_sense_is_refused(name, words, message):
    with pytest.raises(ValueError, match=message):
        tasks.make(name, words)


@pytest.mark.parametrize(
    ("value", "word"),
    [(5, 5), (0.1, 0.1), ("easy", "easy"), ((), ""), ((4, 9), "4,9"), (((1.0, 2.5),), "1,2.5")],
)
def test_text_writes_tuples_with_commas_and_slashes(value, word):
    assert tasks.format_word(value) == word


def test_text_loses_no_digit():
    values = ((0.1, 1 / 3), (1e-9, 12345.678))
    assert tasks.parse_words("nothing", lambda *, prior: None, {}) == {}
    again = tasks.make("bandit", {"arms": "2", "prior": tasks.format_word(values)})
    assert tuple(zip(again.prior.a.tolist(), again.prior.b.tolist(), strict=True)) == values


def test_every_family_of_the_table_has_a_function_of_its_name():
    for name in tasks.FAMILIES:
        family = tasks.make(name, {})
        assert callable(family.sample) and callable(family.reward_noise)
        assert family.horizon >= 1 and family.num_episodes >= 1


def finite(weights, num_tasks=3):
    mdps, _, _ = random_batch(0, num_tasks)
    return tasks.family_of_candidates("some", {}, mdps, weights, 2, 4, rollouts.deterministic)


def test_a_finite_family_draws_its_candidates_by_their_weight():
    family = finite(np.array([0.5, 0.0, 0.5]))
    drawn = family.sample(np.random.default_rng(0), 10_000)
    which = (drawn.reward[:, None] == family.prior.mdps.reward).all((2, 3, 4))
    assert (which.sum(1) == 1).all()
    counts = which.sum(0)
    assert counts[1] == 0 and abs(counts[0] - 5000) < 5 * 50
    assert (drawn.transition == family.prior.mdps.transition[which.argmax(1)]).all()
    assert (drawn.initial == family.prior.mdps.initial[which.argmax(1)]).all()


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (np.array([0.5, 0.5]), ValueError, r"one weight per candidate task, got \(2,\)"),
        (np.array([0.5, 0.4, 0.0]), ValueError, "rows of weights must sum to one"),
        (np.array([1.5, -0.5, 0.0]), ValueError, "weights must not be negative"),
        (np.array([1, 0, 0]), TypeError, "weights must be an array of floats"),
    ],
)
def test_weights_that_are_no_probabilities_of_the_candidates_are_refused(weights, error, message):
    with pytest.raises(error, match=message):
        finite(weights)


def test_expected_under_prior_is_the_weighted_mean():
    prior = finite(np.array([0.5, 0.25, 0.25])).prior
    assert tasks.expected_under_prior(np.array([1.0, 2.0, 4.0]), prior) == 2.0


@pytest.mark.parametrize(
    ("horizon", "episodes", "message"),
    [(0, 1, "horizon must be at least 1, got 0"), (1, 0, "num_episodes must be at least 1, got 0")],
)
def test_a_finite_family_needs_a_step_and_an_episode(horizon, episodes, message):
    prior = tasks.make("gridworld", {"size": "2", "start": "0"}).prior
    with pytest.raises(ValueError, match=message):
        tasks.family_of_candidates("mine", {}, *prior, horizon, episodes, rollouts.deterministic)


def test_a_finite_family_refuses_to_draw_no_task():
    family = tasks.make("gridworld", {"size": "2", "start": "0"})
    with pytest.raises(ValueError, match="num_tasks must be at least 1, got 0"):
        family.sample(np.random.default_rng(0), 0)


def test_what_makes_a_variant_is_not_one_of_its_keys():
    for name, key in (("mann", "cell"), ("fomaml", "estimator"), ("meta_sgd", "learn_alpha")):
        with pytest.raises(ValueError, match=f"{name} knows the keys .*, got '{key}'"):
            learners.make(name, {key: "gru"})
    assert learners.make("meta_sgd", {"estimator": "fomaml"})
