"""The published tables, computed again."""

import numpy as np
import pytest

from metarl_min.cli import baseline_columns, published_tables
from metarl_min.cli.baseline_columns import COLUMNS, CellValue
from metarl_min.cli.published_tables import ceiling_entry, cell_entries, choose, remark


def recompute(table, cells, trials):
    lines = []
    result = published_tables.recompute(
        table, cells, trials=trials, seed=0, processes=1, report=lines.append
    )
    return result, lines


@pytest.fixture(scope="module")
def bandits():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(baseline_columns.NUM_TUNING, "bandits", 200)
        gittins = COLUMNS["bandits"]["gittins"]._replace(grid=(0.99,))
        patch.setitem(COLUMNS["bandits"], "gittins", gittins)
        yield recompute("bandits", [(10, 5), (10, 50), (100, 5)], 1000)


def at(result, n, k):
    return {row["algorithm"]: row for row in result["cells"] if (row["n"], row.get("k")) == (n, k)}


def test_the_object_has_the_fields_of_the_command_line(bandits):
    result, lines = bandits
    assert {"table", "cells", "left_out"} <= set(result) and result["table"] == "bandits"
    for row in result["cells"]:
        assert {"n", "k", "algorithm", "published", "value", "stderr", "remark"} <= set(row)
    assert set(at(result, 100, 5)) == {*COLUMNS["bandits"], "rl2", "snail"}
    assert at(result, 100, 5)["rl2"]["value"] is None
    assert lines[0] == "25 columns, each with 1000 fresh tasks" and len(lines) == 26
    assert all("seconds left" in line for line in lines[1:])


def test_the_columns_agree_within_three_percent_or_say_why_not(bandits):
    for n, k in ((10, 5), (10, 50), (100, 5)):
        rows = at(bandits[0], n, k)
        for name in ("random", "thompson", "greedy_first_arm", "ucb_posterior_mean", "gittins"):
            if (name, k) == ("gittins", 50):
                continue  # the published value at n = 10 is what greedy earns
            row = rows[name]
            near = 0.03 * row["published"] + 0.05 + 5 * row["stderr"]
            assert abs(row["value"] - row["published"]) < near and row["remark"] == "", name
        assert "UCB1 of Auer et al. 2002 does not give this number" in rows["ucb1"]["remark"]
        for name, row in rows.items():
            unlike = row["value"] and row["published"] and abs(row["value"] / row["published"] - 1)
            assert not unlike or unlike < 0.05 or row["remark"], name


def test_no_player_is_above_the_ceiling_and_none_raises_the_alarm(bandits):
    for row in bandits[0]["cells"]:
        assert "alarm" not in row["remark"]
        if row["value"] is not None:
            assert row["value"] < row["ceiling"]["upper"] + 4 * row["stderr"]
    ceiling = at(bandits[0], 10, 5)["greedy"]["ceiling"]
    assert ceiling["value"] == ceiling["upper"] == pytest.approx(6041941 / 907200)
    assert ceiling["known_task"] == pytest.approx(10 * 5 / 6)


def test_arms_beyond_the_number_of_pulls_do_not_change_the_optimum():
    assert published_tables.with_arms_that_matter((10, 50)) == (10, 10)
    assert published_tables.with_arms_that_matter((100, 5)) == (100, 5)
    two, many = (ceiling_entry("bandits", (2, k), 1.9) for k in (2, 50))
    assert two == many and two["value"] == pytest.approx(13 / 12)


def test_a_published_number_above_the_optimum_has_a_remark():
    optimum = 6.71395
    ceiling = {"value": optimum, "lower": optimum, "upper": optimum, "known_task": 9.8}
    rows = cell_entries("bandits", (10, 50), {}, ceiling)
    assert [row["algorithm"] for row in rows] == ["rl2", "snail"]
    assert rows[0]["remark"].startswith("published is above the Bayes-optimal player, 6.71395")
    assert rows[1]["remark"] == "" and rows[0]["ceiling"] == ceiling


def test_where_no_optimum_is_known_there_are_bounds():
    ceiling = ceiling_entry("bandits", (100, 50), 98.04)
    assert ceiling["value"] is None
    assert 85.5 < ceiling["lower"] < ceiling["upper"] < 86.9
    ceiling = ceiling_entry("mdps", (10,), 222.0)
    # the value of the known task is an estimate here, and bounds nothing
    assert 104 < ceiling["lower"] < 222 < ceiling["upper"]
    assert ceiling["known_task"] == 222


def test_the_alarm_is_for_every_number_above_the_ceiling():
    ceiling = {"value": 6.66, "upper": 6.66, "known_task": 8.3}
    line = remark("bandits", (10, 5), "greedy", CellValue(6.8, 0.03), ceiling)
    assert line.startswith("alarm: above the ceiling")
    line = remark("bandits", (10, 5), "greedy", CellValue(6.8, 0.04), ceiling)
    assert "alarm" not in line


def test_a_number_above_an_upper_bound_raises_the_alarm_too():
    """Where the optimum is not known: 4 standard errors above its bound."""
    ceiling = {"value": None, "lower": 85.6, "upper": 86.8, "known_task": 90.0}
    lines = [
        remark("bandits", (100, 50), "greedy", CellValue(value, 0.1), ceiling)
        for value in (87.1, 87.3)
    ]
    assert ["alarm" in line for line in lines] == [False, True]


def test_regret_rises_from_the_first_pull_to_the_last(bandits):
    result = bandits[0]
    for part, k, last in zip(result["regret"], (5, 50), (100, 10), strict=True):
        assert part["k"] == k and part["times"][0] == 1 and part["times"][-1] == last
        lost = np.array(part["curves"]["random"])
        np.testing.assert_allclose(lost, np.array(part["times"]) * (k / (k + 1) - 0.5), rtol=0.1)
        row = at(result, last, k)["thompson"]
        known_task = row["ceiling"]["known_task"]
        assert part["curves"]["thompson"][-1] == pytest.approx(known_task - row["value"])


def test_random_mdps():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(baseline_columns.NUM_TUNING, "mdps", 20)
        for name in ("opsrl", "ucrl2", "beb", "eps_greedy"):
            column = COLUMNS["mdps"][name]
            patch.setitem(COLUMNS["mdps"], name, column._replace(grid=column.grid[1:3]))
        rows = at(recompute("mdps", [(10,)], 150)[0], 10, None)
    assert set(rows) == {*COLUMNS["mdps"], "rl2", "snail"} and "k" not in rows["psrl"]
    for name in ("random", "psrl"):
        near = 0.04 * rows[name]["published"] + 5 * rows[name]["stderr"]
        assert abs(rows[name]["value"] - rows[name]["published"]) < near
        assert "not known why" not in rows[name]["remark"]
    ceiling = rows["psrl"]["ceiling"]
    assert ceiling["value"] is None and ceiling["known_task"] == pytest.approx(218.25, rel=0.02)
    assert ceiling["upper"] > ceiling["known_task"] > ceiling["lower"]
    assert rows["greedy"]["remark"].startswith("+")


def test_the_default_is_the_short_cells_and_the_rest_is_named():
    assert choose("bandits", None, False) == [(n, k) for n in (10, 100) for k in (5, 10, 50)]
    assert choose("mdps", None, False) == [(10,), (25,)]
    assert len(choose("bandits", None, True)) == 9 and len(choose("mdps", None, True)) == 5
    assert choose("bandits", ["500,5", "10,50"], False) == [(10, 50), (500, 5)]
    rest = published_tables.left_out("mdps", [(10,), (25,)])
    assert rest[0] == "cells 50 75 100: every column (--full computes them)"
    assert any(line.startswith("rl2: ") for line in rest)
    everything = published_tables.left_out("mdps", choose("mdps", None, True))
    assert not any(line.startswith("cells") for line in everything)
    with pytest.raises(ValueError, match="a cell of mdps must be one of 10 25 50 75 100, got '7'"):
        choose("mdps", ["10", "7"], False)
