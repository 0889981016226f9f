"""Help for one learner or one family, on the command line."""

from pathlib import Path

import pytest

from metarl_min.basics import words
from metarl_min.learners.registry import LEARNERS
from metarl_min.tasks.registry import FAMILIES

MAKERS = {**LEARNERS, **FAMILIES}


@pytest.mark.parametrize("name", MAKERS)
def test_every_setting_has_a_meaning(name):
    assert [key for key, x in words.keys(MAKERS[name]).items() if not x.meaning] == []


@pytest.mark.parametrize("name", LEARNERS)
def test_train_help_lists_every_setting_of_a_learner(run, name):
    status, out, err = run("train", name, "--help")
    assert (status, err) == (0, "") and out.startswith(f"usage: metarl_min train {name} FAMILY")
    entries = [line.split()[0] for line in out.splitlines() if line[:2] == "  " and line[2] != " "]
    assert entries == ["name", *words.keys(LEARNERS[name])]
    assert max(map(len, out.splitlines())) <= 96


@pytest.mark.parametrize("name", FAMILIES)
def test_ceiling_help_lists_every_parameter_of_a_family(run, name):
    status, out, err = run("ceiling", name, "--help")
    assert (status, err) == (0, "") and f"ceiling {name} [key=value ...]" in out
    for key in words.keys(FAMILIES[name]):
        assert f"\n  {key} " in out


def test_help_is_a_table_of_names_defaults_and_meanings(run):
    assert run("train", "toy", "--help")[1].splitlines() == [
        "usage: metarl_min train toy FAMILY [key=value ...] [--set name=value ...]",
        "",
        "A learner for tests.",
        "",
        "  name   default  meaning",
        "  fault  none     nan, shape, interrupt or memory",
        "  at     0        the step of the fault",
        "  pause  0        seconds of each step",
        "",
        "`train toy FAMILY --help` shows the defaults that depend on the family.",
    ]


CHOICES = """
from typing import Annotated

KINDS = {"first": 1, "second": 2}


def mine(*, kind: Annotated[int, KINDS] = 1, way: Annotated[int, KINDS] = 2):
    \"\"\"Return a family, eqs. (1)-(3) and (5), by values (4).

    kind  the kind of its tasks
    way   first: one way; second: another one
    \"\"\"
"""


def test_choices_are_listed_where_the_meaning_does_not_name_them(run):
    Path("mine.py").write_text(CHOICES)
    assert run("ceiling", "mine.py:mine", "--help")[1].splitlines()[2:] == [
        "A family, by values (4).",
        "",
        "  name  default  meaning",
        "  kind  first    the kind of its tasks",
        "                 one of first, second",
        "  way   second   first: one way; second: another one",
    ]


def line_of(text, name):
    return next(line for line in text.splitlines() if line.startswith(f"  {name} "))


def test_help_for_a_family_shows_the_defaults_that_depend_on_it(run):
    assert line_of(run("train", "rl2", "--help")[1], "hidden").split()[1] == "depends"
    status, out, err = run("train", "rl2", "bandit", "--help")
    assert (status, err) == (0, "") and line_of(out, "hidden").split()[1] == "64"
    assert out.startswith("usage: metarl_min train rl2 bandit [key=value ...]")
    assert line_of(out, "pulls").split()[1] == "10"
    for given in ((), ("bandit",)):
        beta = line_of(run("train", "maml", *given, "--help")[1], "beta")
        assert beta.split()[1] == "0.05" and "by default" not in beta
    assert line_of(run("train", "maml", "gridworld", "--help")[1], "start").split()[1] == "12"


def test_help_of_what_does_not_exist_offers_the_nearest_name(run):
    status, out, err = run("train", "maml", "bandti", "--help")
    assert (status, out) == (2, "") and err.endswith("did you mean bandit?\n")
