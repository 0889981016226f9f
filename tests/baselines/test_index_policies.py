"""index_policies (1)-(5): Gittins indices from a table, and their players."""

import pickle
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from comparing import episodes_equal, rng
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import small_bandit, trials_of

from metarl_min.baselines import bayesian_bandits, gittins, index_policies
from metarl_min.ceilings import bayes_optimal
from metarl_min.evaluation import evaluate
from metarl_min.tasks import BetaArms, Unsupported
from metarl_min.tasks.bandits import bandit, gaussian

SPACING = 1 / (index_policies.NUM_LEVELS - 1)
TWO = bandit(arms=2, pulls=6, prior=((1, 1), (2, 1)))


def exact_finite_index(a, b, remaining):
    """The index of eq. (5), by bisection over the recursion in rational numbers."""

    def worth(a, b, k, level):
        return Fraction(0) if k == 0 else max(level * k, pulled(a, b, k, level))

    def pulled(a, b, k, level):
        p = Fraction(a, a + b)
        won, lost = (worth(a + w, b + 1 - w, k - 1, level) for w in (1, 0))
        return p + p * won + (1 - p) * lost

    low, high = Fraction(0), Fraction(1)
    for _ in range(30):
        level = (low + high) / 2
        ahead = pulled(a, b, remaining, level) > level * remaining
        low, high = (level, high) if ahead else (low, level)
    return float(low)


@pytest.mark.verifies("index_policies.1")
def test_eq1_one_pull_by_hand():
    next_values = np.array([[0.2, 0.5, 0.9], [0.6, 0.7, 0.8]])[:, None]  # of 0, 1, 2 wins
    q = index_policies.pull_values(2.0, 1.0, np.array([[1]]), next_values, 0.9, 0.1)
    for level, (none, one, two) in enumerate(next_values[:, 0]):
        no_win, win = 2 / 4, 3 / 4  # p after one pull without, and with a win
        expected = [
            0.1 * no_win + 0.9 * (no_win * one + (1 - no_win) * none),
            0.1 * win + 0.9 * (win * two + (1 - win) * one),
        ]
        np.testing.assert_allclose(q[level, 0], expected, rtol=1e-14)


@pytest.mark.verifies("index_policies.1")
def test_eq1_entries_with_more_wins_than_pulls_stay_finite():
    """Such entries never occur; their values are read by entries of their kind only."""
    next_values = np.full((3, 1, 401), 1.0)
    q = index_policies.pull_values(1.0, 1.0, np.array([[0]]), next_values, 1.0, 1.0)
    assert q.max() == 2.0 and q[0, 0, 0] == 1.5


@pytest.mark.verifies("index_policies.2", "index_policies.3")
@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.1, 3))
def test_eq3_the_root_of_a_straight_line_is_exact_and_of_a_convex_one_not_below(root, kink, slope):
    levels = index_policies.LEVELS
    assert index_policies.crossing(slope * (root - levels)) == pytest.approx(root, abs=1e-9)
    convex = np.maximum(slope * (root - levels), 2 * slope * (root - kink * SPACING - levels))
    index = index_policies.crossing(convex)
    assert root - 1e-9 <= index <= root + SPACING


@pytest.mark.verifies("index_policies.4", "index_policies.2")
@pytest.mark.parametrize("gamma", [0.0, 0.6, 0.9])
def test_eq4_agrees_with_the_bounds_of_the_index(gamma):
    (table,) = index_policies.discounted(2.0, 1.5, 3, gamma)
    for n in range(3):
        for x in range(n + 1):
            low, high = gittins.index(2 + x, 1.5 + n - x, gamma, error=1e-6)
            assert low - 1e-6 <= table[n, x] <= high + SPACING / 20


@pytest.mark.verifies("index_policies.4")
@pytest.mark.parametrize(("gamma", "published"), [(0.9, 0.7029), (0.99, 0.8699)])
def test_eq4_published_indices(gamma, published):
    (table,) = index_policies.discounted(1.0, 1.0, 1, gamma)
    assert table[0, 0] == pytest.approx(published, abs=1e-4)


@pytest.mark.verifies("index_policies.5")
def test_eq5_is_the_recursion_in_rational_numbers():
    tables = index_policies.finite_horizon(1.0, 2.0, 5)
    assert [table.shape for table in tables] == [(6 - k, 6 - k) for k in range(1, 6)]
    for k, table in enumerate(tables, start=1):
        for n in range(6 - k):
            for x in range(n + 1):
                exact = exact_finite_index(1 + x, 2 + n - x, k)
                assert exact - 1e-6 <= table[n, x] <= exact + SPACING / 10
    fair = index_policies.finite_horizon(1.0, 1.0, 2)
    assert fair[1][0, 0] == pytest.approx(5 / 9, abs=1e-6)  # 1/2 + 1/3 + l/2 = 2 l


@pytest.mark.verifies("bayesian_bandits.6")
def test_every_arm_is_looked_up_under_its_own_prior_and_by_the_remaining_pulls():
    prior = BetaArms(np.array([1.0, 2.0, 1.0]), np.array([1.0, 1.0, 1.0]))
    tables = [[np.array([[10.0, 0], [11, 12]]) + 100 * k + g for k in range(2)] for g in (0, 0.5)]
    a, b = np.array([[1.0, 3.0, 2.0]]), np.array([[2.0, 1.0, 1.0]])
    look_up = index_policies.look_up
    group = np.array([0, 1, 0])
    assert look_up(a, b, 1, prior, group, tables).tolist() == [[11.0, 12.5, 12.0]]
    assert look_up(a, b, 2, prior, group, tables).tolist() == [[111.0, 112.5, 112.0]]
    assert look_up(a, b, 7, prior, group, tables).tolist() == [[111.0, 112.5, 112.0]]


@pytest.mark.parametrize(
    "maker",
    [partial(index_policies.gittins, gamma=0.9), index_policies.finite_horizon_gittins],
)
def test_the_players_lose_little_to_the_ceiling_and_never_gain(maker):
    ceiling, player = bayes_optimal.solve(TWO), pickle.loads(pickle.dumps(maker(TWO)))
    scores = evaluate(player, player.init(rng()), num_tasks=4000, seed=0, ceiling=ceiling)
    assert 0.95 < scores.score_pdl <= 1 and scores.value < ceiling.value + 4 * scores.stderr
    with pytest.raises(Unsupported, match="gittins plays Bernoulli arms"):
        maker(gaussian())


@pytest.mark.verifies("index_policies.4")
def test_eq4_at_a_discount_of_zero_the_player_is_greedy():
    greedy = trials_of(bayesian_bandits.greedy(TWO), 200)
    assert episodes_equal(trials_of(index_policies.gittins(TWO, 0.0), 200), greedy)


def test_an_argument_out_of_range_is_refused():
    for gamma in (-0.1, 1.0, 2.0):
        with pytest.raises(ValueError, match=r"gamma must be in \[0, 0.999\], got"):
            index_policies.gittins(TWO, gamma)
    with pytest.raises(ValueError, match="at most 600 pulls, got 601"):
        index_policies.finite_horizon_gittins(small_bandit(arms=2, pulls=601))


@pytest.mark.parametrize("name", ["a", "b", "pulls", "gamma"])
@pytest.mark.parametrize("wrong", [None, "1", [1.0], np.array([1.0]), True])
def test_a_table_of_indices_has_numbers(name, wrong):
    with pytest.raises(TypeError, match=f"{name} must be a (real|whole) number, got"):
        index_policies.discounted(**{"a": 1.0, "b": 1.0, "pulls": 3, "gamma": 0.9, name: wrong})
    if name != "gamma":
        with pytest.raises(TypeError, match=f"{name} must be a (real|whole) number, got"):
            index_policies.finite_horizon(**{"a": 1.0, "b": 1.0, "pulls": 3, name: wrong})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a": np.nan}, "a must be finite, from 1e-09 to 1000000.0, got nan"),
        ({"b": -1.0}, "b must be finite, from 1e-09"),
        ({"pulls": 0}, "pulls must be at least 1, got 0"),
        (
            {"pulls": 20_000},
            "discounted Gittins indices may take at most 10,000,",
        ),
        ({"gamma": -0.5}, r"gamma must be in \[0, 0.999\], got -0.5"),
    ],
)
def test_a_table_of_indices_has_numbers_in_range(change, message):
    with pytest.raises(ValueError, match=message):
        index_policies.discounted(**{"a": 1.0, "b": 1.0, "pulls": 3, "gamma": 0.9, **change})


TABLES = {
    "discounted": lambda a, b, pulls: index_policies.discounted(a, b, pulls, 0.5),
    "finite horizon": index_policies.finite_horizon,
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize(
    ("a", "b", "pulls"),
    [
        (0.0, 1.0, 3), (1.0, -1.0, 3), (np.nan, 1.0, 3), (1.0, np.inf, 3), (1.0, 1e300, 3),
        (1.0, 1.0, 0), (1.0, 1.0, 2.5), ("1", 1.0, 3), (None, 1.0, 3), (1.0, 1.0, 10**12),
    ],
)  # fmt: skip
def test_tables_refuse_what_is_no_prior_and_no_number_of_pulls(name, a, b, pulls):
    with pytest.raises((TypeError, ValueError), match=r"must be|at most"):
        TABLES[name](a, b, pulls)


@pytest.mark.parametrize("name", TABLES)
def test_tables_convert_their_numbers_and_are_not_changed_by_a_user(name):
    expected = TABLES[name](1.0, 2.0, 20)
    again = TABLES[name](np.int8(1), np.float32(2), np.int8(20))
    assert all((x == y)[np.isfinite(x)].all() for x, y in zip(expected, again, strict=True))
    with pytest.raises(ValueError, match="read-only"):
        expected[-1][0, 0] = 7.0


def test_nan_is_no_index():
    with pytest.raises(FloatingPointError, match="must be numbers, got nan"):
        index_policies.crossing(np.full((index_policies.NUM_LEVELS, 2), np.nan))
