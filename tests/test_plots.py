"""The picture of `compare`."""

import subprocess
import sys

import pytest

from metarl_min.reports import plots


def result():
    row = {"per_episode": [1.0, 2.0, 3.0]}
    entry = {
        "num_episodes": 3, "random": {"return": 3.0}, "bayes_optimal": {"return": 9.0},
        "learners": {"maml": row, "fomaml": row}, "baselines": {"thompson": row, "random": row},
    }  # fmt: skip
    played = {**entry, "baselines": {"bayes_optimal": row}}
    return {
        "tasks": {"bandit": entry, "gridworld": played, "mdp": {**entry, "bayes_optimal": None}}
    }


@pytest.fixture
def figure(monkeypatch):
    """Return the figure that was drawn."""
    figures = pytest.importorskip("matplotlib.figure")
    drawn = []

    class Figure(figures.Figure):
        def __init__(self, *words, **how):
            super().__init__(*words, **how)
            drawn.append(self)

    monkeypatch.setattr(figures, "Figure", Figure)
    assert plots.curves(result()).startswith(b"\x89PNG")
    return drawn[0]


def test_there_is_one_panel_per_family_with_a_line_per_player(figure):
    assert [axes.get_title() for axes in figure.axes] == ["bandit", "gridworld", "mdp"]
    labels = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in figure.axes]
    players = ["maml", "fomaml", "thompson"]
    assert labels[0] == ["random", "Bayes-optimal, mean of a trial", *players]
    assert labels[1] == ["random", "Bayes-optimal", *players[:2]]
    assert labels[2] == ["random", *players]


def test_reference_lines_are_per_episode(figure):
    chance, best = figure.axes[0].get_lines()[:2]
    assert set(chance.get_ydata()) == {1.0} and set(best.get_ydata()) == {3.0}
    assert list(figure.axes[1].get_lines()[1].get_ydata()) == [1.0, 2.0, 3.0]


def test_axes_are_labelled_and_no_two_lines_look_alike(figure):
    for axes in figure.axes:
        assert axes.get_xlabel() == "episode of experience"
        assert axes.get_ylabel() == "return per episode"
        looks = [(x.get_color(), x.get_linestyle(), x.get_marker()) for x in axes.get_lines()]
        assert len(set(looks)) == len(looks)


def test_drawing_leaves_the_matplotlib_of_the_caller_as_it_is():
    pytest.importorskip("matplotlib")
    code = (
        "import sys, test_plots; from metarl_min.reports import plots;"
        "plots.curves(test_plots.result());"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=__file__.rpartition("test_")[0])
