"""The numbering of the records of arms, eqs. (1)-(4), against lists of all records."""

import itertools
import math

import numpy as np
import pytest
from problems import PRIORS_OF_ARMS

from metarl_min.ceilings import arm_records
from metarl_min.tasks import BetaArms


def prior_of(pairs):
    return BetaArms(*np.array(pairs, float).T)


def all_records(pairs, total):
    """All sequences of records of `total` pulls, sorted within the groups of equal priors."""
    sequences = set()
    for counts in itertools.product(range(total + 1), repeat=2 * len(pairs)):
        if sum(counts) == total:
            groups = {}
            for pair, wins, losses in zip(pairs, counts[0::2], counts[1::2], strict=True):
                t = wins + losses
                groups.setdefault(pair, []).append(t * (t + 1) // 2 + wins)
            sequences.add(tuple(x for p in sorted(groups) for x in sorted(groups[p])[::-1]))
    return sequences


@pytest.mark.verifies("arm_records.1")
def test_eq1_records_have_different_integers_in_the_order_of_their_pulls():
    wins, losses = np.array([(w, t - w) for t in range(6) for w in range(t + 1)]).T
    np.testing.assert_array_equal(arm_records.record_of(wins, losses), np.arange(21))


@pytest.mark.verifies("arm_records.2", "arm_records.3", "arm_records.4")
@pytest.mark.parametrize("name", PRIORS_OF_ARMS)
def test_eqs2_to_4_number_all_records_once_and_without_a_gap(name):
    pairs = PRIORS_OF_ARMS[name]
    table = arm_records.numbering(prior_of(pairs), 4)
    sizes = [len(list(group)) for _, group in itertools.groupby(sorted(pairs))]
    for total in range(4):
        expected = all_records(pairs, total)
        count = arm_records.number_of_records(sizes, 4)[total]
        assert len(expected) == count == table.count_below[0, -1, total]
        places = arm_records.unrank(table, 0, count, total)
        assert set(zip(*(x.tolist() for x in places), strict=True)) == expected
        np.testing.assert_array_equal(arm_records.rank(table, places, total), np.arange(count))
        part = arm_records.unrank(table, count // 2, count, total)
        np.testing.assert_array_equal([x[count // 2 :] for x in places], part)


@pytest.mark.verifies("arm_records.3")
@pytest.mark.parametrize("name", PRIORS_OF_ARMS)
def test_eq3_numbers_the_records_in_lexicographic_order(name):
    expected = sorted(all_records(PRIORS_OF_ARMS[name], 3))
    table = arm_records.numbering(prior_of(PRIORS_OF_ARMS[name]), 3)
    places = arm_records.unrank(table, 0, len(expected), 3)
    assert list(zip(*(x.tolist() for x in places), strict=True)) == expected


@pytest.mark.verifies("arm_records.4")
def test_eq4_with_all_arms_different_or_one_pull_each_is_a_binomial():
    for t, count in enumerate(arm_records.number_of_records([1, 1, 1], 6)):
        assert count == math.comb(t + 5, 5)
    assert arm_records.number_of_records([9], 3) == [1, 2, 6, 14]  # enough arms for any split


@pytest.mark.parametrize("name", PRIORS_OF_ARMS)
def test_places_bring_equal_priors_side_by_side(name):
    pairs = PRIORS_OF_ARMS[name]
    order, group_start = arm_records.group_places(prior_of(pairs))
    ordered = [pairs[i] for i in order]
    assert ordered == sorted(pairs)
    assert group_start.tolist() == [ordered.index(pair) for pair in ordered]
