"""Progress of a run: a bar where a person watches, few lines where nobody does."""

import sys

import pytest
import toy_learner

from metarl_min import training
from metarl_min.reports import progress
from metarl_min.tasks.bandits import bandit

TOY = toy_learner.toy(bandit(arms=2))


def test_progress_is_few_plain_lines_where_nobody_watches(capsys):
    with progress.progress(200) as report:
        training.train(TOY, 200, seed=0, on_iteration=report)
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 10
    assert err.startswith("iteration 20 of 200  norm ")


def test_progress_is_a_bar_on_a_terminal(capsys, monkeypatch):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress.progress(20) as report:
        training.train(TOY, 20, seed=0, on_iteration=report)
    assert "20/20" in capsys.readouterr().err
