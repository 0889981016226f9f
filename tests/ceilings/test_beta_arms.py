"""Beta arms, eqs. (1) and (2), against recursion over histories in rational numbers."""

import pickle
from fractions import Fraction

import numpy as np
import pytest
from belief_search import arm_values
from comparing import rng
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import PRIORS_OF_ARMS

from metarl_min.ceilings import TooLarge, beta_arms
from metarl_min.tasks.bandits import bandit

quick = settings(derandomize=True, deadline=None, max_examples=15)


def solve(pairs, pulls):
    return beta_arms.solve(bandit(arms=len(pairs), pulls=pulls, prior=tuple(pairs)))


def assert_values_of_histories(pairs, pulls, seed, num_tasks=4):
    """Compare Q along random histories with the recursion in rational numbers."""
    rational = [(Fraction(a), Fraction(b)) for a, b in pairs]
    ceiling, A, draw = solve(pairs, pulls), len(pairs), rng(seed)
    belief, records = ceiling.start(num_tasks), np.zeros((num_tasks, A, 2), int)
    for pulls_left in range(pulls, 0, -1):
        rows = [tuple(map(tuple, record.tolist())) for record in records]
        expected = np.array([arm_values(rational, row, pulls_left) for row in rows], float)
        q = ceiling.action_values(belief, None)
        np.testing.assert_allclose(q, expected, atol=1e-13)
        actions, rewards = draw.integers(0, A, num_tasks), draw.integers(0, 2, num_tasks)
        belief = ceiling.observe(belief, None, actions, rewards.astype(float), None)
        records[np.arange(num_tasks), actions, 1 - rewards] += 1
        if pulls_left == pulls:
            assert ceiling.value == pytest.approx(expected[0].max(), abs=1e-13)


@pytest.mark.verifies("beta_arms.1", "beta_arms.2")
@pytest.mark.parametrize("name", PRIORS_OF_ARMS)
def test_eqs1_and_2_every_history_has_the_values_of_the_recursion(name):
    assert_values_of_histories(PRIORS_OF_ARMS[name], pulls=4, seed=1)


@pytest.mark.verifies("beta_arms.1", "beta_arms.2", "ceilings.2")
@quick
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=3),
    st.integers(1, 4),
)
def test_eqs1_and_2_hold_for_priors_of_halves(halves, pulls):
    assert_values_of_histories([(a / 2, b / 2) for a, b in halves], pulls, seed=0, num_tasks=3)


@pytest.mark.verifies("ceilings.2")
@pytest.mark.parametrize(
    ("parameters", "value", "random"),
    [
        ({}, 6041941 / 907200, 5.0),
        ({"arms": 2}, 16861 / 2800, 5.0),
        ({"prior": ((1, 1), (2, 2), (4, 4), (1, 3), (1, 5))}, 6.118855218855, 3.83333333333333),
        ({"arms": 1, "pulls": 7, "prior": ((2, 3),)}, 2.8, 2.8),
        ({"arms": 4, "pulls": 1, "prior": ((1, 1), (2, 1), (1, 2), (3, 2))}, 2 / 3, 21 / 40),
        ({"arms": 2, "pulls": 20}, 12.431264905859, 10.0),
        ({"arms": 2, "pulls": 100}, 64.918420651023, 50.0),
        ({"arms": 5, "pulls": 20}, 14.287338408441, 10.0),
    ],
)
def test_the_ceilings_of_some_bandits_are_known(parameters, value, random):
    ceiling = beta_arms.solve(bandit(**parameters))
    assert ceiling.value == pytest.approx(value, abs=1e-9)
    assert ceiling.random == pytest.approx(random, abs=1e-12)


def two_uniform_arms(pulls):
    """The value of `pulls` pulls of two uniform arms, by a recursion over all records.

    V[w1, l1, w2] is the value after w1 wins and l1 losses of arm 1 and w2 wins of arm 2. The
    other pulls so far are losses of arm 2. Entries that belong to no record are never read.
    """
    V = np.zeros((pulls + 1,) * 3)
    for n in range(pulls, 0, -1):  # n - 1 pulls are done
        w1, l1, w2 = np.ogrid[:n, :n, :n]
        l2 = np.maximum(n - 1 - w1 - l1 - w2, 0)
        p1, p2 = (w1 + 1) / (w1 + l1 + 2), (w2 + 1) / (w2 + l2 + 2)
        Q1 = p1 * (1 + V[1 : n + 1, :n, :n]) + (1 - p1) * V[:n, 1 : n + 1, :n]
        Q2 = p2 * (1 + V[:n, :n, 1 : n + 1]) + (1 - p2) * V[:n, :n, :n]
        V = np.maximum(Q1, Q2)
    return V.item()


def test_the_ceiling_of_two_arms_and_80_pulls_is_that_of_a_recursion_over_counts():
    ceiling = beta_arms.solve(bandit(arms=2, pulls=80))
    assert ceiling.value == pytest.approx(two_uniform_arms(80), rel=1e-12)
    assert ceiling.action_values(ceiling.start(1), None).tolist() == [[ceiling.value] * 2]


def test_the_known_task_of_five_uniform_arms_pays_five_sixths_a_pull():
    assert beta_arms.solve(bandit()).known_task == pytest.approx(25 / 3, abs=1e-10)


@quick
@given(
    st.lists(st.tuples(st.floats(0.1, 9), st.floats(0.1, 9)), min_size=2, max_size=3),
    st.integers(1, 6),
    st.randoms(use_true_random=False),
)
def test_ceilings_are_ordered_and_do_not_depend_on_the_order_of_the_arms(prior, pulls, shuffle):
    ceiling, longer = solve(prior, pulls), solve(prior, pulls + 1)
    best = max(a / (a + b) for a, b in prior)
    assert ceiling.known_task + 1e-9 >= ceiling.value >= pulls * best - 1e-12
    assert pulls * best + 1e-12 >= ceiling.random
    assert longer.value >= ceiling.value + best - 1e-12  # the last pull is worth at least that
    shuffled = shuffle.sample(prior, len(prior))
    assert solve(shuffled, pulls).value == pytest.approx(ceiling.value, abs=1e-12)


def test_more_arms_than_pulls_add_nothing():
    values = [solve([(1, 1)] * arms, 6).value for arms in (5, 6, 7, 300)]
    assert values[0] < values[1] == pytest.approx(values[2], abs=1e-13)
    assert values[3] == pytest.approx(values[2], abs=1e-13)


@settings(derandomize=True, deadline=None, max_examples=15)
@given(st.lists(st.sampled_from([(1, 1), (2, 1), (0.5, 3)]), min_size=2, max_size=4))
def test_equal_arms_have_the_values_of_arms_that_differ_by_a_hair(pairs):
    apart = [(a + i * 1e-13, b) for i, (a, b) in enumerate(pairs)]
    assert solve(apart, 5).value == pytest.approx(solve(pairs, 5).value, abs=1e-10)


def test_a_layer_in_many_pieces_is_the_same(monkeypatch):
    whole = solve([(1, 1)] * 3, 9).value
    monkeypatch.setattr(beta_arms, "ROWS", 7)
    assert solve([(1, 1)] * 3, 9).value == whole


@pytest.mark.parametrize(("arms", "pulls"), [(3, 50), (10, 15)])
def test_promised_sizes_are_not_refused(arms, pulls):
    assert beta_arms.size(bandit(arms=arms, pulls=pulls).prior, pulls) <= beta_arms.LIMIT


def test_the_size_is_computed_before_anything_is_built(monkeypatch):
    rule = r"at most 100,000,000 table entries, got 476,465,985 \(3.81 GB\)"
    with pytest.raises(TooLarge, match=rule):
        beta_arms.solve(bandit(pulls=40))
    family = bandit(arms=2, pulls=3)
    # records after 0..3 pulls; F: 2 arms, x from 0 to 10 records, 4 numbers of pulls
    entries = 2 * (1 + 2 + 6 + 10) + 2 * 11 * 4
    monkeypatch.setattr(beta_arms, "LIMIT", entries)
    beta_arms.solve(family)
    monkeypatch.setattr(beta_arms, "LIMIT", entries - 1)
    with pytest.raises(TooLarge, match=f"may have at most {entries - 1} .* got {entries}"):
        beta_arms.solve(family)


def test_a_ceiling_pickles():
    ceiling = solve(PRIORS_OF_ARMS["two and one"], 5)
    copy = pickle.loads(pickle.dumps(ceiling))
    assert copy.value == ceiling.value
    q = copy.action_values(copy.start(2), None)
    np.testing.assert_array_equal(q, ceiling.action_values(ceiling.start(2), None))
