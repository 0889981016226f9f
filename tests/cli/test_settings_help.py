"""Help for one learner or one family, on the command line."""

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
    assert entries == list(words.keys(LEARNERS[name]))
    assert max(map(len, out.splitlines())) <= 96


@pytest.mark.parametrize("name", FAMILIES)
def test_ceiling_help_lists_every_parameter_of_a_family(run, name):
    status, out, err = run("ceiling", name, "--help")
    assert (status, err) == (0, "") and f"ceiling {name} [key=value ...]" in out
    for key in words.keys(FAMILIES[name]):
        assert f"\n  {key} " in out


def test_help_of_a_setting_shows_its_meaning_and_default(run):
    out = run("train", "toy", "--help")[1]
    assert "  pause             seconds of each step; default 0" in out
    assert "  fault             nan, shape, interrupt or memory; default: none" in out
    grid = run("train", "toy", "gridworld", "--help")[1]
    assert "usage: metarl_min train toy gridworld [key=value ...]" in grid and "  walls " in grid
