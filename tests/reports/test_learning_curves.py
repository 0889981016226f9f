"""The picture of a training: its curves, its panels, and what is refused."""

import itertools

import numpy as np
import pytest

from metarl_min.reports import history, learning_curves, line_labels, plots

n = 40
TIME = np.arange(1.0, n + 1)
EPISODES = {f"per_episode[{i}]": i + TIME / n for i in range(3)}


def drawn(columns, references=None):
    """Return the panels of the picture: title -> (lines by label, texts, panel)."""
    pytest.importorskip("matplotlib")
    figure = learning_curves.draw({"iteration": TIME, **columns}, references)
    assert plots.png(figure).startswith(b"\x89PNG")
    panels = {}
    for axes in figure.axes:
        lines = {line.get_label(): line for line in axes.get_lines()}
        panels[axes.get_title(loc="left")] = lines, [x.get_text() for x in axes.texts], axes
    return panels


@pytest.mark.parametrize(("width", "around"), [(1, (0, 1)), (3, (1, 2)), (4, (2, 2))])
def test_a_moving_mean_is_the_mean_of_the_iterations_around(width, around):
    x = np.random.default_rng(0).normal(size=9)
    x[4] = np.nan
    before, after = around
    truth = [np.nanmean(x[max(i - before, 0) : i + after]) if width > 1 else x[i] for i in range(9)]
    np.testing.assert_allclose(learning_curves.moving_mean(x, width), truth, rtol=1e-12)


def test_returns_of_the_first_the_last_and_all_episodes_have_labels_and_grey_lines():
    lines, texts, axes = drawn(EPISODES, {"random": 0.5})["mean return of an episode"]
    assert texts == ["last episode", "whole trial", "first episode", "random"]
    for label, i in (("last episode", 2), ("whole trial", 1), ("first episode", 0)):
        np.testing.assert_array_equal(lines[label].get_xdata(), TIME)
        mean = learning_curves.moving_mean(i + TIME / n, 2)
        np.testing.assert_allclose(lines[label].get_ydata(), mean, rtol=1e-12)
    assert len({line.get_linestyle() for line in lines.values()}) >= 4  # also without colours
    assert axes.get_xlabel() == "iteration of training"
    heights = [text.xy[1] for text in axes.texts]
    assert heights == pytest.approx([3.0 - 0.5 / n, 2.0 - 0.5 / n, 1.0 - 0.5 / n, 0.5], abs=0.2)


def test_a_learner_that_adapts_is_shown_before_and_after():
    adapted = {"before": 0 * TIME, "after": 0 * TIME + 5}
    lines, texts, _ = drawn(EPISODES | adapted)["mean return of an episode"]
    assert texts == ["after adapting", "whole trial", "before adapting"]
    assert set(lines["after adapting"].get_ydata()) == {5.0}
    exact = {"per_episode[0]": TIME, "after": TIME}
    assert drawn(exact)["mean return of an episode"][1] == ["after adapting"]


def test_other_numbers_have_panels_of_their_own_in_plain_words():
    steps = {"alpha.min": TIME, "alpha.median": 2 * TIME, "alpha.max": 3 * TIME}
    kl = np.where(TIME == 5, np.inf, 0.01)
    panels = drawn(EPISODES | steps | {"kl": kl, "accepted": TIME % 2, "my_own_number": TIME})
    alpha, divergence, share = (
        panels[learning_curves.TITLES[name]] for name in ("alpha", "kl", "accepted")
    )
    assert alpha[1] == ["min", "median", "max"]
    assert divergence[2].get_lines()[-1].get_ydata() == pytest.approx(0.01)  # inf does not count
    assert share[2].get_ylim() == (-0.1, 1.1) and "my own number" in panels
    fitness = {"fitness.mean": TIME, "fitness.best": TIME + 2, "fitness.spread": 0 * TIME + 1}
    _, texts, axes = drawn(fitness)[learning_curves.TITLES["fitness"]]
    assert texts == ["mean", "best"] and len(axes.collections) == 1
    many = {f"w[{i}]": i * TIME for i in range(9)}
    assert drawn(many)["w"][1] == ["max", "median", "min"]


def test_labels_do_not_overlap():
    found = line_labels.spread_out([1.0, 1.0, 0.9, 5.0], gap=1.0, low=-9.0, top=5.2)
    mean = (1.0 + 1.0 + 0.9) / 3  # of the group, which stays the same
    assert found == pytest.approx([mean, mean + 1, mean - 1, 5.0])
    assert line_labels.spread_out([3.0, 3.0], gap=1.0, low=0.0, top=3.0) == [2.0, 3.0]
    assert line_labels.spread_out([0.0, 0.0], gap=1.0, low=0.0, top=3.0) == [0.0, 1.0]
    assert line_labels.spread_out([0.0, 0.0], gap=1.0, low=0.0, top=0.5) == [-0.5, 0.5]


def test_labels_move_no_farther_than_they_must():
    """Against a search over all places on a grid, whose squared changes are summed."""
    heights, grid = np.array([0.2, 0.5, 0.6]), np.arange(-10, 21) / 10
    pairs = np.array(list(itertools.product(grid, repeat=3)))
    apart = (np.diff(pairs, axis=1) >= 0.5 - 1e-9).all(1)
    best = ((pairs[apart] - heights) ** 2).sum(1).min()
    found = line_labels.spread_out(heights.tolist(), gap=0.5, low=-9.0, top=9.0)
    assert np.diff(found).min() >= 0.5 - 1e-12
    assert best - 0.02 < ((found - heights) ** 2).sum() <= best + 1e-12


@pytest.mark.parametrize(
    ("changes", "references", "rule"),
    [
        ({"x": TIME[:3]}, None, r"column 'x' must have the shape of the iterations, \(40,\), got"),
        ({"x": list(TIME)}, None, "column 'x' must be an array of numbers, got list"),
        ({"x": TIME.astype(str)}, None, "column 'x' must be an array of numbers, got <U"),
        ({}, {"random": np.nan}, "reference 'random' must be finite, got nan"),
        ({}, {"random": "0.5"}, "reference 'random' must be a real number, got '0.5'"),
        ({}, [0.5], "references must be of type dict, got list"),
    ],
)
def test_what_is_no_column_and_no_reference_is_refused(changes, references, rule):
    with pytest.raises((TypeError, ValueError), match=rule):
        learning_curves.draw({"iteration": TIME, **EPISODES, **changes}, references)
    with pytest.raises(TypeError, match="columns must be of type dict, got NoneType"):
        learning_curves.draw(None)


@pytest.mark.parametrize("columns", [{}, {"iteration": np.zeros(0)}, {"iteration": np.ones(1)}])
def test_a_history_without_numbers_has_no_picture(columns):
    with pytest.raises(ValueError, match="a history must have"):
        learning_curves.draw(columns)


def test_a_run_of_one_iteration_is_drawn_while_it_goes_on(tmp_path):
    pytest.importorskip("matplotlib")
    with history.record(tmp_path, 0) as on_iteration:
        on_iteration(1, {"per_episode": np.array([0.5, 0.7]), "accepted": True})
        figure = learning_curves.draw(history.read(tmp_path), {"random": 0.5})
    assert [line.get_marker() for line in figure.axes[0].get_lines()].count(".") == 3
