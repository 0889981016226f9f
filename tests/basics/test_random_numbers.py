"""Random numbers that members share: each member gets what one member draws."""

import numpy as np
import pytest

from metarl_min.basics.random_numbers import CommonRandomNumbers


def test_common_draws_repeat_what_one_member_draws():
    for axis, shape, own in ((0, (6, 1), (2, 1)), (-1, (4, 6), (4, 2)), (1, (4, 3, 2), (4, 1, 2))):
        common, alone = (np.random.default_rng(5) for _ in range(2))
        for draw in ("random", "standard_normal"):
            repeated = getattr(CommonRandomNumbers(common, 3, axis), draw)(shape)
            one = getattr(alone, draw)(own)
            assert np.array_equal(repeated, np.concatenate([one] * 3, axis=axis))


def test_a_population_has_the_draws_of_two_methods_only():
    common = CommonRandomNumbers(np.random.default_rng(5), 3, 1)
    rule = "a population must draw random numbers by rng.random or rng.standard_normal"
    with pytest.raises(AttributeError, match=f"{rule}, got rng.normal"):
        common.normal(size=(4, 6))
    for shape in (6, (), (6,)):
        with pytest.raises(ValueError, match="must have a shape with the axis 1, got"):
            common.random(shape)
