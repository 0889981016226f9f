"""Outer updates by words, and their defaults in another unit of the rewards."""

import pickle

import pytest

from metarl_min.basics import optimizers, words
from metarl_min.basics.optimizers import adam, sgd
from metarl_min.gradients import outer_words
from metarl_min.gradients.outer_updates import ascent, clipped, trpo

OUTERS = {
    "": ascent(adam(0.05)),
    "optimizer=sgd beta=0.3": ascent(sgd(0.3)),
    "update=trpo": trpo(),
    "update=trpo max_kl=0.5": trpo(0.5),
    "update=clipped": clipped(0.3, adam(0.05)),
    "update=clipped clip=0.2 optimizer=momentum": clipped(0.2, optimizers.momentum(0.05)),
}


def outer_of(text):
    pairs = dict(pair.split("=") for pair in text.split())
    return outer_words.outer_of_words(
        **words.parse_words("maml", outer_words.outer_of_words, pairs)
    )


@pytest.mark.parametrize("text", OUTERS)
def test_an_update_is_made_by_words_and_its_words_make_it_again(text):
    made, truth = outer_of(text), OUTERS[text]
    assert made.words == truth.words
    again = outer_of(" ".join(f"{name}={word}" for name, word in made.words.items()))
    assert again.words == made.words
    assert pickle.loads(pickle.dumps(made)).words == made.words


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_kl=0.1", "max_kl must come with update=trpo, got update=ascent"),
        ("clip=0.1", "clip must come with update=clipped, got update=ascent"),
        ("update=trpo clip=0.1", "clip must come with update=clipped, got update=trpo"),
        ("update=trpo beta=0.1", "beta must come with update=ascent or clipped, got update=trpo"),
        ("update=trpo optimizer=sgd", "optimizer must come with update=ascent or clipped, got"),
        ("update=clipped max_kl=0.1", "max_kl must come with update=trpo, got update=clipped"),
        ("update=trpo max_kl=0", "max_kl must be positive, got 0.0"),
        ("update=clipped clip=1", "clip must be above 0 and below 1, got 1.0"),
        ("update=ppo", "update must be one of ascent, trpo, clipped, got 'ppo'"),
        ("optimizer=lbfgs", "optimizer must be one of sgd, momentum, adam, got 'lbfgs'"),
        ("beta=-1", "beta must be finite, from 0"),
    ],
)
def test_settings_without_effect_or_out_of_range_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        outer_of(text)


@pytest.mark.parametrize("unit", [2.0**-30, 100.0])
@pytest.mark.parametrize("name", ["sgd", "momentum"])
def test_the_default_step_size_is_divided_by_the_unit_unless_it_is_given(name, unit):
    default, given = outer_of(f"optimizer={name}"), outer_of(f"optimizer={name} beta=0.3")
    assert default.in_unit(unit).words["beta"] == 0.05 / unit
    assert given.in_unit(unit).words["beta"] == 0.3
    assert default.in_unit(1.0).words == default.words


@pytest.mark.parametrize("unit", [2.0**-30, 100.0])
def test_of_adam_only_eps_has_a_unit(unit):
    for text in ("", "beta=0.05", "update=clipped"):
        made = outer_of(text).in_unit(unit)
        optimizer = made.update.keywords["optimizer"].update.keywords
        assert (optimizer["beta"], optimizer["eps"]) == (0.05, 1e-8 * unit)
        assert made.words == outer_of(text).words and made.in_unit is None


def test_the_unit_does_not_change_what_has_no_unit():
    assert outer_of("update=trpo").in_unit(0.01).words == {"update": "trpo", "max_kl": 0.01}
    assert outer_of("update=clipped").in_unit(0.01).words["clip"] == 0.3
    assert ascent(adam(0.05)).in_unit is None  # an update that is given has no open default


def test_ascent_of_words_is_the_ascent_of_these_words():
    for given in ({}, {"optimizer": sgd}, {"beta": 0.1}):
        made = outer_words.ascent_of_words(**given)
        assert made.words == outer_words.outer_of_words(**given).words
        assert made.words["update"] == "ascent"
    assert set(words.keys(outer_words.ascent_of_words)) == {"optimizer", "beta"}
