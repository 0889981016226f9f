"""The pictures of `estimators` and of `tables`."""

import pytest

from metarl_min.reports import plots


def recorded(monkeypatch):
    """Return the list of the figures that will be drawn."""
    figures = pytest.importorskip("matplotlib.figure")
    drawn = []

    class Figure(figures.Figure):
        def __init__(self, *words, **how):
            super().__init__(*words, **how)
            drawn.append(self)

    monkeypatch.setattr(figures, "Figure", Figure)
    return drawn


@pytest.fixture
def drawn(monkeypatch):
    """The figures that this test draws."""
    return recorded(monkeypatch)


def test_a_figure_shows_itself_in_a_notebook():
    pytest.importorskip("matplotlib")
    figure = plots.empty_figure(1.0, 1.0)
    assert figure._repr_png_() == plots.png(figure) and plots.png(figure).startswith(b"\x89PNG")


def measured(**points):
    """A result of `estimators` from (bias, variance) at N = 1 and 8."""
    rows = {
        name: {N: {"bias_F_N": x, "variance": y} for N, x, y in (("1", *one), ("8", *two))}
        for name, (one, two) in points.items()
    }
    return {"objectives": {"1": None, "8": None}, "estimators": rows}


def test_estimators_are_curves_of_bias_and_deviation_with_N_along_them(drawn):
    dice = [(0.02, 0.04), (0.01, 0.01)]
    same = [(0.02 * (1 + 1e-9), 0.04), dice[1]]
    found = measured(plain=[(0.1, 0.01), (0.1, 0.0001)], emaml=[(1e-17, 1.0), (0, 4.0)],
                     dice=dice, lvc=same)  # fmt: skip
    assert plots.bias_variance(found).startswith(b"\x89PNG")
    (axes,) = drawn[0].axes
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert list(lines) == ["plain", "emaml", "dice = lvc"]
    names = {text.get_text(): text for text in axes.texts}
    assert axes.get_legend() is None and names["plain"].xy == pytest.approx((0.1, 0.1))
    assert names["emaml"].xy == pytest.approx((0.001, 2.0))  # its highest point
    assert names["emaml"].get_ha() == "left" and names["plain"].get_ha() == "right"
    assert axes.get_title("left").endswith("is the number of episodes of an inner step")
    assert lines["plain"].get_xydata().tolist() == [[0.1, 0.1], [0.1, 0.01]]
    assert lines["emaml"].get_xdata() == pytest.approx([0.001, 0.001])  # left of all others
    assert set(names) == {"no bias", "1", "8", *lines}
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert axes.get_xlabel() == "bias for F_N" and axes.get_ylabel() == "standard deviation"
    assert len({(x.get_color(), x.get_marker()) for x in lines.values()}) == len(lines)


@pytest.mark.parametrize("variance", [0.0, 1.0])
def test_where_nothing_is_biased_the_picture_says_so(drawn, variance):
    assert plots.bias_variance(measured(plain=[(0.0, variance)] * 2)).startswith(b"\x89PNG")
    (axes,) = drawn[0].axes
    assert "no bias" in {text.get_text() for text in axes.texts}
    assert ("lowest: 0" in axes.get_ylabel()) is (variance == 0)


def ceiling(n, k, value):
    return {"n": n, "k": k, "ceiling": {"value": value, "known_task": 0.75 * n}}


def test_regret_is_a_panel_for_each_number_of_arms_and_no_two_lines_look_alike(drawn):
    curves = {f"player {i}": [0.5, 1.5 + i, 2.0 + i] for i in range(14)}
    parts = [{"k": k, "times": [1, 10, 100], "curves": curves} for k in (5, 50)]
    cells = [ceiling(10, 5, 6.5), ceiling(10, 5, 6.5), ceiling(4, 5, 2.75), ceiling(100, 5, None)]
    assert plots.regret({"regret": parts, "cells": cells}).startswith(b"\x89PNG")
    titles = [axes.get_title("left") for axes in drawn[0].axes]
    assert [title.split(":")[0] for title in titles] == ["5 arms", "50 arms"]
    axes = drawn[0].axes[1]
    assert axes.get_xlabel() == "pulls so far" and "lost" in axes.get_ylabel()
    assert list(axes.get_lines()[2].get_xdata()) == [1, 10, 100]
    assert list(axes.get_lines()[2].get_ydata()) == curves["player 2"]
    assert len({(x.get_color(), x.get_linestyle()) for x in axes.get_lines()[:14]}) == 14
    assert axes.get_legend() is None and [x.get_text() for x in axes.texts] == list(curves)
    psrl = {"times": [1], "curves": {"psrl": [0.5]}}
    assert plots.regret({"regret": [psrl], "cells": [{"n": 1, "ceiling": {"value": None}}]})
    assert drawn[1].axes[0].get_title("left").startswith("random MDPs: total reward that is lost")
    assert drawn[1].axes[0].get_xlabel() == "episodes so far"


def test_the_bayes_optimal_loss_is_drawn_where_it_is_known(drawn):
    part = {"times": [1, 10], "curves": {"greedy": [0.5, 2.0]}}
    cells = [ceiling(10, 5, 6.5), ceiling(4, 5, 2.75), ceiling(10, 9, 6.0), ceiling(100, 5, None)]
    plots.regret({"regret": [{"k": 5, **part}, {"k": 7, **part}], "cells": cells})
    known, unknown = drawn[0].axes
    assert known.get_lines()[-1].get_xydata().tolist() == [[4.0, 0.25], [10.0, 1.0]]
    labels = [(x.get_text(), x.xy) for x in known.texts]
    assert labels == [("greedy", (1, 2.0)), ("Bayes-optimal", (1, 1.0))]  # at the right border
    assert unknown.get_lines()[-1].get_xydata().size == 0
    assert [x.get_text() for x in unknown.texts] == ["greedy"]
    plots.regret({"regret": [{"k": 5, **part}], "cells": cells[1:]})
    inside = drawn[1].axes[0].texts[0]
    assert (inside.get_text(), inside.xy) == ("Bayes-optimal", (4.0, 0.25))
