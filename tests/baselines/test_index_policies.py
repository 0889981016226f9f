"""Gittins indices from a table, eqs. (1)-(3) of index_policies, and their players."""

import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metarl_min.baselines import gittins, index_policies
from metarl_min.ceilings import bayes_optimal
from metarl_min.evaluation import evaluate
from metarl_min.tasks import BetaArms, make

SPACING = 1 / (index_policies.NUM_LEVELS - 1)
TWO = make("bandit", {"arms": "2", "pulls": "6", "prior": "1,1/2,1"})


def finite_index(a, b, remaining):
    """Solve eq. (2) in rational numbers by bisection."""

    def worth(a, b, r, level):
        return Fraction(0) if r == 0 else max(level * r, pulled(a, b, r, level))

    def pulled(a, b, r, level):
        p = Fraction(a, a + b)
        won, lost = (worth(a + w, b + 1 - w, r - 1, level) for w in (1, 0))
        return p + p * won + (1 - p) * lost

    low, high = Fraction(0), Fraction(1)
    for _ in range(30):
        level = (low + high) / 2
        ahead = pulled(a, b, remaining, level) > level * remaining
        low, high = (level, high) if ahead else (low, level)
    return float(low)


@pytest.mark.verifies("index_policies.1")
@pytest.mark.parametrize("gamma", [0.0, 0.6, 0.9])
def test_eq1_agrees_with_the_bounds_of_the_index(gamma):
    (table,) = index_policies.discounted(2.0, 1.5, 4, gamma)
    for s in range(4):
        for x in range(s + 1):
            low, high = gittins.index(2 + x, 1.5 + s - x, gamma, error=1e-6)
            assert low - 1e-6 <= table[s, x] <= high + SPACING / 20


@pytest.mark.verifies("index_policies.1")
@pytest.mark.parametrize(("gamma", "published"), [(0.9, 0.7029), (0.99, 0.8699)])
def test_eq1_published_indices(gamma, published):
    (table,) = index_policies.discounted(1.0, 1.0, 1, gamma)
    assert table[0, 0] == pytest.approx(published, abs=1e-4)


@pytest.mark.verifies("index_policies.2")
def test_eq2_is_the_recursion_in_rational_numbers():
    tables = index_policies.finite_horizon(1.0, 2.0, 5)
    assert [table.shape for table in tables] == [(6 - r, 6 - r) for r in range(1, 6)]
    for r, table in enumerate(tables, start=1):
        for s in range(6 - r):
            for x in range(s + 1):
                exact = finite_index(1 + x, 2 + s - x, r)
                assert exact - 1e-6 <= table[s, x] <= exact + SPACING / 10
    fair = index_policies.finite_horizon(1.0, 1.0, 2)
    assert fair[1][0, 0] == pytest.approx(5 / 9, abs=1e-6)  # 1/2 + 1/3 + l/2 = 2 l


@pytest.mark.verifies("index_policies.3")
@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.1, 3))
def test_eq3_the_root_of_a_straight_line_is_exact_and_of_a_convex_one_not_below(root, kink, slope):
    levels = index_policies.LEVELS
    assert index_policies.crossing(slope * (root - levels)) == pytest.approx(root, abs=1e-9)
    convex = np.maximum(slope * (root - levels), 2 * slope * (root - kink * SPACING - levels))
    found = index_policies.crossing(convex)
    assert root - 1e-9 <= found <= root + SPACING


@pytest.mark.verifies("bayesian_bandits.7")
def test_eq7_every_arm_is_looked_up_under_its_own_prior_and_what_remains():
    prior = BetaArms(np.array([1.0, 2.0, 1.0]), np.array([1.0, 1.0, 1.0]))
    tables = [[np.array([[10.0, 0], [11, 12]]) + 100 * r + g for r in range(2)] for g in (0, 0.5)]
    a, b = np.array([[1.0, 3.0, 2.0]]), np.array([[2.0, 1.0, 1.0]])
    look_up = index_policies.look_up
    group = np.array([0, 1, 0])
    assert look_up(a, b, 1, prior, group, tables).tolist() == [[11.0, 12.5, 12.0]]
    assert look_up(a, b, 2, prior, group, tables).tolist() == [[111.0, 112.5, 112.0]]
    assert look_up(a, b, 7, prior, group, tables).tolist() == [[111.0, 112.5, 112.0]]


@pytest.mark.parametrize(
    "learner", [index_policies.gittins(0.9), index_policies.finite_horizon_gittins()]
)
def test_the_players_lose_little_to_the_ceiling_and_never_gain(learner):
    ceiling = bayes_optimal.solve(TWO)
    state = pickle.loads(pickle.dumps(learner.init(np.random.default_rng(0), TWO)))
    scores = evaluate(learner, state, TWO, num_tasks=4000, seed=0, ceiling=ceiling)
    assert 0.95 < scores.score_pdl <= 1 and scores.value < ceiling.value + 4 * scores.stderr
    with pytest.raises(ValueError, match="gittins plays Bernoulli arms"):
        learner.init(np.random.default_rng(0), make("gaussian", {}))


def test_what_is_out_of_range_is_refused():
    for gamma in (-0.1, 1.0, 2.0):
        with pytest.raises(ValueError, match=r"gamma must be in \[0, 0.999\], got"):
            index_policies.gittins(gamma)
    long = make("bandit", {"arms": "2", "pulls": "601"})
    with pytest.raises(ValueError, match="at most 600 pulls, got 601"):
        index_policies.finite_horizon_gittins().init(np.random.default_rng(0), long)


def test_records_that_are_never_met_stay_finite():
    """More wins than pulls: their values are read by others of their kind alone."""
    after = np.full((3, 1, 401), 1.0)
    worth = index_policies.pull(1.0, 1.0, np.array([[0]]), after, 1.0, 1.0)
    assert worth.max() == 2.0 and worth[0, 0, 0] == 1.5
