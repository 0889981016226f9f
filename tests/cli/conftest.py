"""The command line in this process, with toy learners, small families and empty pictures."""

import equation_index
import pytest
import toy_learner
from command_line import SMALL

from metarl_min.cli import budgets, comparison, jobs, main, run_commands
from metarl_min.reports import comparison_pictures, equations, plots

PICTURES = {name: getattr(plots, name) for name in ("bias_variance", "regret")}
COMPARED = comparison_pictures.pictures
LEARNING_CURVE = run_commands._learning_curve


@pytest.fixture(autouse=True)
def toys(monkeypatch, tmp_path):
    toy_learner.register(monkeypatch.setitem)
    small = {"bandit": {"arms": "2", "pulls": "4"}, "gridworld": {"size": "3", "start": "4"}}
    small["gridworld"] |= {"horizon": "4", "episodes": "2"}
    monkeypatch.setattr(budgets, "FAMILIES", small)
    for toy, iterations in (("toy", 3), ("peek", 3)):
        monkeypatch.setitem(budgets.BUDGETS, toy, (budgets.Budget(iterations),) * 2)
    monkeypatch.setattr(equations, "index", equation_index.index)
    monkeypatch.setattr(jobs, "num_cores", lambda: 1)
    for name in PICTURES:  # a picture takes longer than its numbers
        monkeypatch.setattr(plots, name, lambda result: b"a picture")
    empty = dict.fromkeys(COMPARED(), lambda result: b"a picture")
    monkeypatch.setattr(comparison_pictures, "pictures", lambda: empty)
    monkeypatch.setattr(run_commands, "_learning_curve", lambda run: b"a picture")
    monkeypatch.setattr(comparison, "NUM_TASKS", 50)
    monkeypatch.setattr(comparison, "NUM_SEED_TASKS", 20)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def pictures(toys, monkeypatch):
    """Draw the pictures of this test."""
    for name, picture in PICTURES.items():
        monkeypatch.setattr(plots, name, picture)
    monkeypatch.setattr(comparison_pictures, "pictures", COMPARED)
    monkeypatch.setattr(run_commands, "_learning_curve", LEARNING_CURVE)


@pytest.fixture
def run(capsys):
    """Call the command line in this process: (status, standard output, standard error)."""

    def run(*words):
        try:
            status = main.main(words)
        except SystemExit as end:
            status = end.code
        return (status, *capsys.readouterr())

    return run


@pytest.fixture
def trained(run):
    assert run("train", "toy", *SMALL, "--iterations", "5", "--out", "run")[0] == 0
    return "run"
