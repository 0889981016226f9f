"""Settings that are written as words: read, refused, and written again."""

import re
from functools import partial
from typing import Annotated, Any, NamedTuple

import pytest

from metarl_min.basics import words
from metarl_min.basics.words import Cells, Pairs


class Search(NamedTuple):
    """A search.

    population  the number of members
    decay       the decay of the weights
    """

    population: int = 10
    decay: float = 0.5
    executor: Any = None


class Outer(NamedTuple):
    words: dict[str, Any]
    size: float


def outer_of_words(*, update: str = "ascent", beta: float = 0.1) -> Outer:
    """Make the outer update.

    update  ascent or another one
    beta    the step size
    """
    return Outer({"update": update, "beta": beta}, beta)


class Policy(NamedTuple):
    word: str


def policy_of_word(word: str) -> Policy:
    if not word.startswith("table"):
        raise ValueError(f"policy must start with table, got {word!r}")
    return Policy(word)


SUMS = {"sum": sum, "largest": max}
SEARCH = Search(population=32)


def maker(
    family: str,
    *,
    estimator: Annotated[Any, SUMS] = sum,
    outer: Annotated[Outer, outer_of_words] = outer_of_words(),  # noqa: B008
    policy: Annotated[Policy, policy_of_word] = Policy("table"),  # noqa: B008
    alpha: float | None = None,
    goals: Cells = (),
    prior: Pairs = ((1.0, 1.0),),
    executor: Any = None,
    **search: Annotated[Any, SEARCH],
) -> dict[str, Any]:
    """Make a learner.

    estimator  how gradients are combined
    policy     the policy, in a text
               of two lines
    alpha      the step size
    """
    return {
        "estimator": estimator, "outer": outer, "policy": policy, "alpha": alpha, "goals": goals,
        "prior": prior, **SEARCH._replace(**search)._asdict(),
    }  # fmt: skip


ALL = ["estimator", "update", "beta", "policy", "alpha", "goals", "prior", "population", "decay"]


def made(**given):
    return maker("family", **words.parse_words("maker", maker, given))


def test_the_words_of_makers_stand_in_place_of_what_they_make():
    assert list(words.keys(maker)) == ALL


def test_each_kind_of_word_is_read():
    result = made(
        estimator="largest", beta="0.5", policy="table:3", alpha="2", goals="4,9",
        prior="1,2/3,4", population="7",
    )  # fmt: skip
    assert result["estimator"] is max and result["policy"] == Policy("table:3")
    assert result["outer"] == Outer({"update": "ascent", "beta": 0.5}, 0.5)
    assert result["alpha"] == 2.0 and result["goals"] == (4, 9)
    assert result["prior"] == ((1.0, 2.0), (3.0, 4.0))
    assert (result["population"], result["decay"]) == (7, 0.5)


def test_without_words_the_defaults_stay():
    assert made() == maker("family")


def test_described_values_are_the_words_that_make_them_again():
    result = made(estimator="largest", beta="0.5", alpha="2", goals="4,9", population="7")
    described = words.describe(maker, result)
    assert list(described) == ALL
    assert described["estimator"] == "largest" and described["goals"] == "4,9"
    assert made(**{key: str(word) for key, word in described.items()}) == result


def test_defaults_and_meanings_are_shown_as_words():
    keys = words.keys(maker)
    assert keys["estimator"].default == "sum" and keys["policy"].default == "table"
    assert keys["alpha"].default is None and keys["population"].default == 32
    assert keys["policy"].meaning == "the policy, in a text of two lines"
    assert keys["decay"].meaning == "the decay of the weights"
    assert keys["beta"].meaning == "the step size"


def variant(family: str, **settings: Annotated[Any, partial(maker, estimator=max)]) -> Any:
    return maker(family, estimator=max, **settings)


def test_a_function_may_pass_all_words_on_to_another_maker():
    assert list(words.keys(variant)) == ALL[1:]
    given = words.parse_words("variant", variant, {"beta": "0.5", "population": "7"})
    assert given == {"outer": Outer({"update": "ascent", "beta": 0.5}, 0.5), "population": 7}
    assert variant("family", **given) == made(estimator="largest", beta="0.5", population="7")


def test_a_partial_fixes_words_and_makers():
    fixed = partial(maker, estimator=max)
    assert list(words.keys(fixed)) == ALL[1:]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"colour": "red"}, f"maker knows the keys {', '.join(ALL)}, got 'colour'"),
        ({"alhpa": "1"}, "got 'alhpa', did you mean alpha?"),
        ({"estimator": "larges"}, "estimator must be one of sum, largest, got 'larges', did you"),
        ({"population": "2.5"}, "population must be written as a whole number, got '2.5'"),
        ({"beta": "much"}, "beta must be written as a number, got 'much'"),
        ({"goals": "1,,2"}, "goals must be written as c,c,.., got '1,,2'"),
        ({"prior": "1,2,3"}, "prior must be written as a,b/a,b/.., got '1,2,3'"),
        ({"prior": "1"}, "prior must be written as a,b/a,b/.., got '1'"),
        ({"policy": "net"}, "policy must start with table, got 'net'"),
        ({"executor": "dask"}, "got 'executor'"),
    ],
)
def test_a_word_at_fault_is_refused_by_its_rule(given, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        made(**given)


@pytest.mark.parametrize(
    ("value", "word"),
    [(5, 5), (0.1, 0.1), ("easy", "easy"), ((), ""), ((4, 9), "4,9"), (((1.0, 2.5),), "1,2.5"),
     (Policy("table:2"), "table:2"), (("W1", "b1"), "W1,b1")],
)  # fmt: skip
def test_values_are_written_as_words(value, word):
    assert words.format_word(value) == word


def test_a_name_far_from_all_others_gets_no_suggestion():
    assert words.suggestion("xyz", ["maml", "rl2"]) == ""


def test_annotations_are_read_without_the_future_import_and_with_it():
    namespace = {}
    exec("def f(*, arms: int = 2): return arms", namespace)
    assert words.parse_words("f", namespace["f"], {"arms": "3"}) == {"arms": 3}
    exec("from __future__ import annotations\ndef g(*, arms: int = 2): return arms", namespace)
    assert words.parse_words("g", namespace["g"], {"arms": "3"}) == {"arms": 3}


@pytest.mark.parametrize("word", ["\u0665", "+5", " 5", "1_0", "5\n"])
def test_digits_of_other_scripts_signs_spaces_and_underscores_are_no_numbers(word):
    rules = {
        "population": "population must be written as a whole number",
        "beta": "beta must be written as a number",
        "goals": "goals must be written as c,c,..",
        "prior": "prior must be written as a,b/a,b/..",
    }
    for name, rule in rules.items():
        given = f"1,{word}" if name in ("goals", "prior") else word
        with pytest.raises(ValueError, match=f"^{re.escape(f'{rule}, got {given!r}')}$"):
            made(**{name: given})


@pytest.mark.parametrize("name", ["population", "beta", "goals", "prior", "estimator", "x" * 10**5])
def test_a_long_word_is_cut_in_the_error(name):
    with pytest.raises(ValueError, match=r"\.\. \(100,00\d characters\)") as error:
        made(**{name: "x" * 10**5})
    assert len(str(error.value)) < 500


def test_words_must_be_texts():
    for words_ in (None, ["alpha"], "alpha"):
        with pytest.raises(TypeError, match=r"words must be of type Mapping, got"):
            words.parse_words("maker", maker, words_)
    with pytest.raises(TypeError, match="population must be of type str, got int"):
        made(population=7)
