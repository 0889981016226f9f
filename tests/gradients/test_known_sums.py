"""known_sums (1): sums of known vectors with named factors, and no others."""

import numpy as np
import pytest

from metarl_min.gradients import known_sums
from metarl_min.gradients.known_sums import Comparison
from metarl_min.gradients.mistakes import multiples

RNG = np.random.default_rng(0)
NAMES = "a", "b", "c", "d"
KNOWN = {name: [RNG.normal(size=40), RNG.normal(size=30)] for name in NAMES}
TABLES = [multiples({"N": 4, "2": 2, "K": 3}), multiples({"N": 5, "2": 2, "K": 2})]


def texts(x, known=KNOWN, tables=TABLES):
    return [s.text for s in known_sums.equal_sums(Comparison(x, known, tables, 1e-9))]


def combined(**factors):
    """The sum of known vectors on both problems. A factor is a number or one for each problem."""
    pairs = {name: np.broadcast_to(c, 2) for name, c in factors.items()}
    return [sum(c[i] * KNOWN[name][i] for name, c in pairs.items()) for i in (0, 1)]


@pytest.mark.parametrize(
    ("factors", "text"),
    [
        ({"a": 1}, "a"),
        ({"b": -1}, "-1 times b"),
        ({"b": (1 / 4, 1 / 5)}, "1/N times b"),
        ({"c": (3, 2)}, "K times c"),
        ({"a": 1, "b": 1}, "a + b"),
        ({"a": 1, "d": (1 / 3, 1 / 2)}, "a + 1/K times d"),
        ({"a": 0.5, "b": 0.5}, "1/2 times a + 1/2 times b"),
        ({"b": 0.3, "c": -0.7}, "3/10 times b + -7/10 times c"),
        ({"c": (4, 5), "d": 2}, "N times c + 2 times d"),
    ],
)
@pytest.mark.verifies("known_sums.1")
def test_eq1_a_sum_with_named_factors_is_found(factors, text):
    assert texts(combined(**factors)) == [text]


@pytest.mark.parametrize(
    "factors",
    [
        {"a": 0.3},  # the factor of a single vector is reported as a number
        {"a": 1, "b": 1e-6},
        {"a": 1, "b": np.pi},
        {"a": 1, "b": (0.3, 0.4)},  # a fraction must be the same on all problems
        {"a": 1, "b": 1, "c": 1},  # three terms
        {"a": (1, 2)},
    ],
)
@pytest.mark.verifies("known_sums.1")
def test_eq1_other_sums_have_no_name(factors):
    assert texts(combined(**factors)) == []


@pytest.mark.verifies("known_sums.1")
def test_eq1_a_difference_in_one_entry_is_noticed():
    x = combined(a=1, b=0.5)
    assert texts(x) == ["a + 1/2 times b"]
    x[1][7] += 1e-8
    assert texts(x) == []
    assert texts(combined(a=0, b=0)) == []


def test_equal_known_vectors_are_all_named():
    known = KNOWN | {"again": KNOWN["a"]}
    assert texts(combined(a=1), known) == ["a", "again"]
    assert texts(combined(a=1, b=1), known) == ["a + b"]


def test_where_known_vectors_are_multiples_on_one_problem_the_other_problem_tells_the_factors():
    known = KNOWN | {"b": [2 * KNOWN["a"][0], KNOWN["b"][1]]}
    x = [0.5 * known["a"][i] + 0.25 * known["b"][i] for i in (0, 1)]
    assert texts(x, known) == ["1/2 times a + 1/4 times b"]


def test_sums_with_fewer_factors_come_first():
    known = {"ab": combined(a=1, b=1), **KNOWN}
    assert texts(combined(a=1, b=2), known)[0] == "ab + b"
    assert "a + 2 times b" in texts(combined(a=1, b=2), known)


def test_numbers_that_are_one_have_no_second_name():
    assert list(multiples({"N": 1, "K": 0, "2": 2.0})) == [
        "",
        "-1 times ",
        "2 times ",
        "1/2 times ",
    ]


def test_parts_that_are_multiples_of_each_other_everywhere_are_not_added():
    known = {"a": KNOWN["a"], "b": [2 * x for x in KNOWN["a"]]}
    x = [0.3 * y for y in KNOWN["a"]]
    assert texts(x, known) == []
