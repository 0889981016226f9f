"""The published tables, and the remarks about them."""

import pytest

from metarl_min.baselines import published
from metarl_min.baselines.published import BANDITS, MDPS, difference, out_of_reach


def test_all_cells_are_there_with_all_columns():
    assert list(BANDITS.cells) == [(n, k) for n in (10, 100, 500) for k in (5, 10, 50)]
    assert list(MDPS.cells) == [(n,) for n in (10, 25, 50, 75, 100)]
    for table in (BANDITS, MDPS):
        assert {len(row) for row in table.cells.values()} == {9}
        assert set(table.explanations) & set(table.aliases) == set()


@pytest.mark.parametrize("table", [BANDITS, MDPS])
def test_random_is_near_its_expectation_and_more_trials_pay_more(table):
    for cell, row in table.cells.items():
        assert row["random"] == pytest.approx(cell[0] * (0.5 if table is BANDITS else 10), rel=0.02)
    for name in ("rl2", "greedy"):
        paid = [row[name] / cell[0] for cell, row in table.cells.items() if cell[1:] in ((5,), ())]
        assert paid == sorted(paid)


def test_an_algorithm_of_another_name_is_compared_with_its_column():
    assert published.published_value(BANDITS, (100, 50), "ucb_posterior_mean") == 84.3
    assert published.published_value(BANDITS, (100, 50), "ucb1") == 84.3
    assert published.published_value(BANDITS, (10, 5), "greedy_first_arm") == 6.6
    assert published.published_value(BANDITS, (10, 5), "explore_then_commit") is None
    assert published.published_value(MDPS, (25,), "psrl") == 408.8


def test_a_number_above_the_optimum_by_more_than_its_rounding_is_out_of_reach():
    line = out_of_reach(6.8, 6.71395, 1e9)
    assert line == "published is above the Bayes-optimal player, 6.71395"
    assert out_of_reach(6.7, 6.65999, 1e9) == ""
    assert "at most 8.33300" in out_of_reach(9.0, None, 8.333)
    assert out_of_reach(8.3, None, 8.333) == ""


def test_a_difference_beyond_the_tolerance_is_explained():
    line = difference(BANDITS, "greedy", 78.0, 80.5, 0.0)
    assert line.startswith("+3.2 % from published: ties are drawn")
    assert difference(BANDITS, "greedy", 78.0, 80.2, 0.0) == ""  # 2.8 %
    assert difference(MDPS, "psrl", 138.1, 133.0, 0.0) == ""
    assert difference(MDPS, "psrl", 138.1, 132.0, 0.0) != ""
    line = difference(BANDITS, "thompson", 5.7, 6.0, 0.0)
    assert line == "+5.3 % from published: it is not known why"


def test_neither_rounding_nor_chance_is_a_difference():
    assert difference(BANDITS, "random", 1.0, 1.04, 0.0) == ""
    assert difference(BANDITS, "random", 5.1, 4.9, 0.08) == ""
    assert difference(BANDITS, "random", 5.1, 4.9, 0.0) != ""


def test_a_number_is_looked_up_in_a_table_that_has_its_cell():
    for cell in ((7, 7), (10,)):
        with pytest.raises(ValueError, match=r"cell must be one of \(10, 5\), .*, got"):
            published.published_value(published.BANDITS, cell, "thompson")
    for cell in (None, (None, 5), "10,5"):
        with pytest.raises(TypeError, match="cell must be a"):
            published.published_value(published.BANDITS, cell, "thompson")
    with pytest.raises(TypeError, match="table must be of type Table, got dict"):
        published.published_value({}, (10, 5), "thompson")
