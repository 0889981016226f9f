"""Progress of a run: a bar where a person watches, few lines where nobody does.

Progress is a comfort: whatever fails in it costs nothing.
"""

import errno
import os
import sys
import types

import numpy as np
import pytest
import toy_learner

from metarl_min import training
from metarl_min.cli import main, run_commands
from metarl_min.reports import progress
from metarl_min.tasks.bandits import bandit

TOY = toy_learner.toy(bandit(arms=2))


def test_progress_is_few_plain_lines_where_nobody_watches(capsys):
    with progress.progress(200) as report:
        training.train(TOY, 200, seed=0, on_iteration=report)
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 10
    assert err.startswith("iteration 20 of 200  norm ")


def test_a_line_shows_the_returns_alone_where_there_are_returns(capsys):
    info = {"kl": 0.1, "before": 0.25, "after": 0.75, "per_episode": np.arange(3) / 2}
    with progress.progress(1) as report:
        report(1, info)
    line = "iteration 1 of 1  per_episode 0.5 before 0.25 after 0.75\n"
    assert capsys.readouterr().err == line


def test_progress_is_a_bar_on_a_terminal(capsys, monkeypatch):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress.progress(20) as report:
        training.train(TOY, 20, seed=0, on_iteration=report)
    assert "20/20" in capsys.readouterr().err


class Gone:
    """A standard error that cannot be written; `closed_after` lines it can."""

    def __init__(self, error, lines=0, terminal=False):
        self.error, self.left, self.terminal = error, lines, terminal

    def write(self, text):
        self.left -= text.count("\n")
        if self.left < 0:
            raise self.error

    def flush(self):
        pass

    def isatty(self):
        if self.terminal is None:
            raise ValueError("I/O operation on closed file")
        return self.terminal

    def fileno(self):
        raise OSError("no file")


LOSSES = {
    "reader": BrokenPipeError(errno.EPIPE, "Broken pipe"),
    "disk": OSError(errno.ENOSPC, "No space left on device"),
    "closed": ValueError("I/O operation on closed file"),
}


@pytest.mark.parametrize("lines", [0, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_run_whose_progress_cannot_be_written_ends_as_any_other(
    monkeypatch, tmp_path, capsys, loss, lines
):
    toy_learner.register(monkeypatch.setitem)
    monkeypatch.setattr(run_commands, "_learning_curve", lambda run: b"a picture")
    words = ["train", "toy", "bandit", "--iterations", "20", "--out", str(tmp_path / "run")]
    monkeypatch.setattr(sys, "stderr", Gone(LOSSES[loss], lines))
    assert main.main(words) == 0
    assert "20 iterations are done" in capsys.readouterr().out


def test_a_terminal_that_cannot_say_whether_it_is_one_is_none(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Gone(LOSSES["closed"], terminal=None))
    with progress.progress(5) as report:
        state = training.train(TOY, 5, seed=0, on_iteration=report)
    assert state.num_steps == 5


class Faulty:
    """A bar that fails, in a part that a test names."""

    initial = n = 0

    def __init__(self, part):
        self.part = part

    def __call__(self, **options):
        if self.part == "start":
            raise AttributeError(self.part)
        return self

    def __getattr__(self, name):
        if name == self.part:
            raise RuntimeError(name)
        return lambda *words, **options: None


@pytest.mark.parametrize("part", ["start", "set_postfix_str", "update", "close"])
def test_a_bar_that_fails_is_dropped(monkeypatch, part):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setitem(sys.modules, "tqdm", types.SimpleNamespace(tqdm=Faulty(part)))
    with progress.progress(5) as report:
        state = training.train(TOY, 5, seed=0, on_iteration=report)
    assert state.num_steps == 5


def test_an_info_of_which_no_line_can_be_written_is_dropped(capsys):
    with progress.progress(5) as report:
        report(5, {"text": "no number"})
    assert "no number" not in capsys.readouterr().err


def test_a_bar_does_not_swallow_ctrl_c(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setitem(sys.modules, "tqdm", types.SimpleNamespace(tqdm=Faulty("")))
    with pytest.raises(KeyboardInterrupt), progress.progress(5):
        raise KeyboardInterrupt


def test_a_line_that_was_lost_does_not_fail_again_at_the_end(monkeypatch):
    """What is still in the buffer goes to nowhere."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        progress.say("one")
        progress.say("two")
        monkeypatch.undo()
    assert stream.closed
