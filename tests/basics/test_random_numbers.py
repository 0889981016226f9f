"""Random numbers that members share: each member gets what one member draws."""

import numpy as np

from metarl_min.basics.random_numbers import CommonRandomNumbers


def test_common_draws_repeat_what_one_member_draws():
    for axis, shape, own in ((0, (6, 1), (2, 1)), (-1, (4, 6), (4, 2)), (1, (4, 3, 2), (4, 1, 2))):
        common, alone = (np.random.default_rng(5) for _ in range(2))
        for draw in ("random", "standard_normal"):
            repeated = getattr(CommonRandomNumbers(common, 3, axis), draw)(shape)
            one = getattr(alone, draw)(own)
            assert np.array_equal(repeated, np.concatenate([one] * 3, axis=axis))
