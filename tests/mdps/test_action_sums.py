"""Sums and maxima over the actions: their bits do not depend on the size of the array."""

from functools import reduce

import numpy as np
import pytest

from metarl_min.mdps.action_sums import over_actions


@pytest.mark.parametrize("ufunc", [np.add, np.maximum], ids=["sum", "max"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("A", range(1, 13))
def test_a_small_array_has_the_bits_of_the_same_rows_in_a_large_array(ufunc, dtype, A):
    x = np.random.default_rng(A).standard_normal((300, A)).astype(dtype)
    whole = over_actions(ufunc, x)
    assert whole.shape == (300, 1) and whole.dtype == dtype
    alone = np.concatenate([over_actions(ufunc, row[None]) for row in x])
    np.testing.assert_array_equal(alone, whole)
    if A <= 8:  # from left to right
        by_hand = reduce(ufunc, list(x.T))
        np.testing.assert_array_equal(whole[:, 0], by_hand)
