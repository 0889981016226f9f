"""Scores for two bounds of the ceiling."""

import pytest

from metarl_min.reports import score_intervals


@pytest.mark.parametrize(
    ("value", "lower", "upper", "text"),
    [
        (3.0, 5.0, 6.0, "0.400 .. 0.500"),
        (0.0, 5.0, 6.0, "-0.250 .. -0.200"),
        (6.0, 5.0, 6.0, "1.000 .. 1.250"),
        (3.0, 1.0, 6.0, "at least 0.400"),
        (0.0, 1.0, 6.0, "at most -0.200"),
        (1.0, 1.0, 1.0, ""),
    ],
)
def test_the_score_lies_between_its_values_for_the_two_bounds(value, lower, upper, text):
    bounds = {"lower": lower, "upper": upper}
    assert score_intervals.score_interval(value, 1.0, bounds) == text


def test_bounds_are_two_rows_and_an_exact_ceiling_has_none():
    rows = score_intervals.bound_rows({"lower": 1.0, "upper": 2.5})
    assert rows == [["bayes_optimal, at most", "2.500", "", ""], ["  at least", "1.000", "", ""]]
    assert score_intervals.bound_rows(None) == []
