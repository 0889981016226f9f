"""Checks of fitness values, directions and members: what is refused, and what is converted."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from metarl_min.evolution import fitness

NAN, INF = float("nan"), float("inf")
MASKED = np.ma.masked_array([1.0, 2.0], [False, True])


@pytest.mark.parametrize("F", [[1, 2], (1.0, 2), np.array([1, 2], np.int8), np.array([1.0, 2.0])])
def test_fitness_is_converted_to_floats(F):
    found = fitness.require_finite(F)
    assert found.dtype == float and found.tolist() == [1.0, 2.0]


def test_fitness_that_is_right_is_not_copied():
    F = np.array([1.0, 2.0])
    assert fitness.require_finite(F) is F


@pytest.mark.parametrize(
    ("F", "error", "rule"),
    [
        ([0.0, 1.0, INF], FloatingPointError, "fitness must be finite, got inf of member 2"),
        ([0.0, NAN, -INF], FloatingPointError, "fitness must be finite, got nan of member 1"),
        (np.zeros((2, 1)), ValueError, r"fitness must be \[P\], got \(2, 1\)"),
        (3.0, ValueError, r"fitness must be \[P\], got \(\)"),
        (None, TypeError, "fitness must hold real numbers, got object"),
        (["1", "2"], TypeError, "fitness must hold real numbers, got <U1"),
        ([True, False], TypeError, "fitness must hold real numbers, got bool"),
        ([1j, 2.0], TypeError, "fitness must hold real numbers, got complex128"),
        (MASKED, TypeError, "fitness must hold real numbers, got a masked array"),
    ],
)
def test_fitness_that_is_none_is_refused(F, error, rule):
    with pytest.raises(error, match=rule):
        fitness.require_finite(F)


@pytest.mark.parametrize(
    ("value", "error", "rule"),
    [
        ([0, 1], TypeError, "indices must be an array of whole numbers, got list"),
        (np.array([0.0, 1.0]), TypeError, "indices must be .* whole numbers, got float64"),
        (np.array([True]), TypeError, "indices must be .* whole numbers, got bool"),
        (np.array([[0, 1]]), ValueError, r"indices must be \[k\], got \(1, 2\)"),
        (np.array([2, -1]), ValueError, r"indices must be from 0 to .*, got -1 at \[1\]"),
    ],
)
def test_indices_are_whole_and_not_negative(value, error, rule):
    with pytest.raises(error, match=rule):
        fitness.indices("indices", value)


def test_indices_of_few_bits_are_converted():
    found = fitness.indices("indices", np.array([1, 200], np.uint8))
    assert_array_equal(found - 2, [-1, 198])
    assert fitness.indices("indices", np.arange(0)).shape == (0,)


@pytest.mark.parametrize(
    ("value", "error", "rule"),
    [
        ([[1.0]], TypeError, "x must be an array of floats, got list"),
        (np.ones((2, 2), int), TypeError, "x must be an array of floats, got int64"),
        (np.ones(2), ValueError, r"x must be \[n, D\], got \(2,\)"),
        (np.array([[1.0, NAN]]), ValueError, r"x must be finite, got nan at \[0, 1\]"),
    ],
)
def test_members_are_rows_of_finite_floats(value, error, rule):
    with pytest.raises(error, match=rule):
        fitness.members("x", value)
