"""Beta arms up to relabelling, eqs. (1)-(5) of beta_arms."""

import itertools
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from belief_search import arm_values
from hypothesis import given, settings
from hypothesis import strategies as st

from metarl_min.ceilings import bayes_optimal, beta_arms
from metarl_min.tasks import BetaArms, make

PRIORS = {  # for each, the places of equal priors
    "equal": [(1, 1)] * 3,
    "two and one": [(2, 1), (1, 1), (2, 1)],
    "all different": [(2, 1), (1, 1), (1, 2)],
    "one arm": [(3, 2)],
    "two pairs": [(1, 1), (2, 3), (1, 1), (2, 3)],
}


def prior_of(pairs):
    return BetaArms(*np.array(pairs, float).T)


def solve(pairs, pulls):
    text = "/".join(f"{float(a)!r},{float(b)!r}" for a, b in pairs)
    words = {"arms": str(len(pairs)), "pulls": str(pulls), "prior": text}
    return bayes_optimal.solve(make("bandit", words))


def records(pairs, total):
    """All different records of ordered arms of `total` pulls, falling within equal priors."""
    found = set()
    for counts in itertools.product(range(total + 1), repeat=2 * len(pairs)):
        if sum(counts) == total:
            groups = {}
            for pair, w, losses in zip(pairs, counts[0::2], counts[1::2], strict=True):
                t = w + losses
                groups.setdefault(pair, []).append(t * (t + 1) // 2 + w)
            found.add(tuple(x for p in sorted(groups) for x in sorted(groups[p])[::-1]))
    return found


@pytest.mark.verifies("beta_arms.2")
@pytest.mark.verifies("beta_arms.3")
@pytest.mark.verifies("beta_arms.4")
@pytest.mark.verifies("beta_arms.5")
@pytest.mark.parametrize("name", PRIORS)
def test_eqs2_to_5_number_all_records_once_and_without_a_gap(name):
    pairs = PRIORS[name]
    known = beta_arms.numbering(prior_of(pairs), 4)
    sizes = [len(list(group)) for _, group in itertools.groupby(sorted(pairs))]
    for total in range(4):
        expected = records(pairs, total)
        count = beta_arms.number_of_records(sizes, 4)[total]
        assert len(expected) == count == known.smaller[0, -1, total]
        places = beta_arms.unrank(known, 0, count, total)
        assert set(zip(*(x.tolist() for x in places), strict=True)) == expected
        np.testing.assert_array_equal(beta_arms.rank(known, places, total), np.arange(count))
        part = beta_arms.unrank(known, count // 2, count, total)
        np.testing.assert_array_equal([x[count // 2 :] for x in places], part)


@pytest.mark.verifies("beta_arms.5")
def test_eq5_with_all_arms_different_or_one_pull_each_is_a_binomial():
    for t, count in enumerate(beta_arms.number_of_records([1, 1, 1], 6)):
        assert count == math.comb(t + 5, 5)
    assert beta_arms.number_of_records([9], 3) == [1, 2, 6, 14]  # enough arms for any split


@pytest.mark.verifies("beta_arms.1")
@pytest.mark.parametrize("name", PRIORS)
def test_eq1_every_history_has_the_values_of_the_recursion(name):
    pairs, pulls = [(Fraction(a), Fraction(b)) for a, b in PRIORS[name]], 4
    ceiling, A = solve(PRIORS[name], pulls), len(PRIORS[name])
    draw = np.random.default_rng(1)
    belief, counts = ceiling.start(4), np.zeros((4, A, 2), int)
    for left in range(pulls, 0, -1):
        expected = [arm_values(pairs, tuple(map(tuple, c.tolist())), left) for c in counts]
        found = ceiling.action_values(belief, None)
        np.testing.assert_allclose(found, np.array(expected, float), atol=1e-13)
        actions, rewards = draw.integers(0, A, 4), draw.integers(0, 2, 4)
        belief = ceiling.observe(belief, None, actions, rewards.astype(float), None)
        counts[np.arange(4), actions, 1 - rewards] += 1


@pytest.mark.parametrize(
    ("arms", "pulls", "value"),
    [
        (2, 20, 12.431264905859), (2, 100, 64.918420651023), (5, 20, 14.287338408441),
        (5, 10, 6041941 / 907200),
    ],
)  # fmt: skip
def test_values_that_are_known(arms, pulls, value):
    ceiling = bayes_optimal.solve(make("bandit", {"arms": str(arms), "pulls": str(pulls)}))
    assert ceiling.value == pytest.approx(value, abs=1e-9)


def test_two_arms_200_pulls():
    ceiling = bayes_optimal.solve(make("bandit", {"arms": "2", "pulls": "200"}))
    assert ceiling.value == pytest.approx(131.094081, abs=1e-6)
    assert ceiling.action_values(ceiling.start(1), None).tolist() == [[ceiling.value] * 2]


@pytest.mark.parametrize(("arms", "pulls"), [(3, 50), (10, 15)])
def test_promised_sizes_are_not_refused(arms, pulls):
    family = make("bandit", {"arms": str(arms), "pulls": str(pulls)})
    assert beta_arms.size(family.prior, pulls) <= beta_arms.LIMIT


def test_more_arms_than_pulls_add_nothing():
    values = [solve([(1, 1)] * arms, 6).value for arms in (5, 6, 7, 300)]
    assert values[0] < values[1] == pytest.approx(values[2], abs=1e-13)
    assert values[3] == pytest.approx(values[2], abs=1e-13)


def test_a_layer_in_many_pieces_is_the_same(monkeypatch):
    whole = solve([(1, 1)] * 3, 9).value
    monkeypatch.setattr(beta_arms, "ROWS", 7)
    assert solve([(1, 1)] * 3, 9).value == whole


@settings(derandomize=True, deadline=None, max_examples=15)
@given(st.lists(st.sampled_from([(1, 1), (2, 1), (0.5, 3)]), min_size=2, max_size=4))
def test_equal_arms_have_the_values_of_arms_that_differ_by_a_hair(pairs):
    apart = [(a + i * 1e-13, b) for i, (a, b) in enumerate(pairs)]
    assert solve(apart, 5).value == pytest.approx(solve(pairs, 5).value, abs=1e-10)


def test_it_pickles():
    ceiling = solve(PRIORS["two and one"], 5)
    copy = pickle.loads(pickle.dumps(ceiling))
    assert copy.value == ceiling.value
    found = copy.action_values(copy.start(2), None)
    np.testing.assert_array_equal(found, ceiling.action_values(ceiling.start(2), None))
