"""The published tables, and what is remarked about them."""

import pytest

from metarl_min.baselines import published
from metarl_min.baselines.published import BANDITS, MDPS


def about(table, algorithm, was, value, best=None, upper=1e9, stderr=0.0):
    return published.remark(table, algorithm, was, value, stderr, best, upper)


def test_all_cells_are_there_with_all_columns():
    assert list(BANDITS.cells) == [(n, k) for n in (10, 100, 500) for k in (5, 10, 50)]
    assert list(MDPS.cells) == [(n,) for n in (10, 25, 50, 75, 100)]
    for table, width in ((BANDITS, 9), (MDPS, 9)):
        assert {len(row) for row in table.cells.values()} == {width}
        assert set(table.why) & set(table.same) == set()


@pytest.mark.parametrize("table", [BANDITS, MDPS])
def test_random_is_near_its_expectation_and_more_trials_pay_more(table):
    for cell, row in table.cells.items():
        assert row["random"] == pytest.approx(cell[0] * (0.5 if table is BANDITS else 10), rel=0.02)
    for name in ("rl2", "greedy"):
        paid = [row[name] / cell[0] for cell, row in table.cells.items() if cell[1:] in ((5,), ())]
        assert paid == sorted(paid)


def test_an_algorithm_of_another_name_is_compared_with_its_column():
    assert published.printed(BANDITS, (100, 50), "ucb_posterior_mean") == 84.3
    assert published.printed(BANDITS, (100, 50), "ucb1") == 84.3
    assert published.printed(BANDITS, (10, 5), "greedy_first_arm") == 6.6
    assert published.printed(BANDITS, (10, 5), "explore_then_commit") is None
    assert published.printed(MDPS, (25,), "psrl") == 408.8


def test_above_the_optimum_by_more_than_its_rounding():
    line = about(BANDITS, "rl2", 6.8, None, best=6.71395)
    assert line == ("published is above the Bayes-optimal player, 6.71395")
    assert about(BANDITS, "rl2", 6.7, None, best=6.65999) == ""
    assert "at most 8.33300" in about(BANDITS, "rl2", 9.0, None, upper=8.333)


def test_a_difference_beyond_the_tolerance_is_explained():
    assert about(BANDITS, "greedy", 78.0, 80.5).startswith("+3.2 % from published: ties are drawn")
    assert about(BANDITS, "greedy", 78.0, 80.2) == ""  # 2.8 %
    assert about(MDPS, "psrl", 138.1, 133.0) == "" and about(MDPS, "psrl", 138.1, 132.0) != ""
    assert about(BANDITS, "thompson", 5.7, 6.0) == "+5.3 % from published: it is not known why"


def test_neither_rounding_nor_chance_is_a_difference():
    assert about(BANDITS, "random", 1.0, 1.04) == ""
    assert about(BANDITS, "random", 5.1, 4.9, stderr=0.08) == ""
    assert about(BANDITS, "explore_then_commit", None, 5.0) == ""
