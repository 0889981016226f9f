"""Beliefs as rows of logarithms."""

import numpy as np
from comparing import rng

from metarl_min.ceilings import belief_layers


def test_rows_are_merged_by_their_entries_also_where_candidates_are_excluded():
    draw = rng(0)
    rows = np.where(draw.random((400, 6)) < 0.5, -np.inf, draw.integers(-3, 0, (400, 6)) / 7)
    kept, numbers = belief_layers.merged(rows)
    assert np.array_equal(kept[numbers], rows)
    assert len(kept) == len({row.tobytes() for row in rows})
