"""dirichlet_planners (1)-(8): plans for a random MDP, from the posterior of its model."""

import math
from functools import partial

import numpy as np
import pytest
from comparing import rng
from hypothesis import given
from hypothesis import strategies as st

from metarl_min.baselines import dirichlet_planners as planners
from metarl_min.baselines.dirichlet_planners import Counts
from metarl_min.mdps import mdp as exact
from metarl_min.mdps.mdp import MDP
from metarl_min.tasks import DirichletMDP

M, S, A, T = 4, 3, 2, 5
PRIOR = DirichletMDP(np.linspace(0.5, 2, S * A * S).reshape(S, A, S), 1.0, 1.0, 1.0)


def random_counts(num_tasks=M, seed=0):
    draw = rng(seed)
    arrivals = draw.integers(0, 4, (num_tasks, S, A, S)).astype(float)
    return Counts(arrivals, arrivals.sum(-1) * draw.normal(1, 1, (num_tasks, S, A)))


COUNTS = random_counts()


def planned(planner, counts=COUNTS, seed=0):
    backup = planner(rng(seed), counts, PRIOR)
    return planners.backward_induction(backup, counts.sums.shape[:2], T)


def optimum(P, r):
    return exact.optimal_action_values(MDP(np.eye(S)[None, 0], P, r[..., None]), T)


@pytest.mark.verifies("dirichlet_planners.1")
def test_eq1_the_mean_by_hand_and_as_the_mean_of_many_draws():
    P, r = planners.mean_model(COUNTS, PRIOR)
    for m, s, a in np.ndindex(M, S, A):
        weights = [PRIOR.concentration[s, a, x] + COUNTS.arrivals[m, s, a, x] for x in range(S)]
        np.testing.assert_allclose(P[m, s, a], np.array(weights) / sum(weights), rtol=1e-14)
        n = COUNTS.arrivals[m, s, a].sum()
        assert r[m, s, a] == pytest.approx((1 + COUNTS.sums[m, s, a]) / (1 + n))
    draw = rng(1)
    draws = [planners.draw_model(draw, COUNTS, PRIOR) for _ in range(4000)]
    for mean, some in zip((P, r), map(np.stack, zip(*draws, strict=True)), strict=True):
        assert (np.abs(some.mean(0) - mean) < 5 * some.std(0) / math.sqrt(4000)).all()
    assert (np.stack([p for p, _ in draws]).sum(-1) - 1).max() < 1e-12


@pytest.mark.verifies("dirichlet_planners.1")
def test_eq1_the_draws_have_the_spread_of_the_posterior():
    draw = rng(1)
    draws = [planners.draw_model(draw, COUNTS, PRIOR) for _ in range(4000)]
    P, r = map(np.stack, zip(*draws, strict=True))
    weights = PRIOR.concentration + COUNTS.arrivals
    total = weights.sum(-1, keepdims=True)
    variance = weights * (total - weights) / total**2 / (total + 1)  # of a Dirichlet distribution
    np.testing.assert_allclose(P.var(0), variance, rtol=0.25)
    np.testing.assert_allclose(r.var(0), 1 / (1 + COUNTS.arrivals.sum(-1)), rtol=0.25)


@pytest.mark.verifies("dirichlet_planners.1")
def test_eq1_draws_of_small_concentrations_are_rows_of_one_arrival_each():
    """A Gamma variable of a small parameter is smaller than any float, and 0 / 0 is no row."""
    prior = PRIOR._replace(concentration=np.full((S, A, S), 1e-4))
    none = Counts(np.zeros((2000, S, A, S)), np.zeros((2000, S, A)))
    P, r = planners.draw_model(rng(), none, prior)
    assert np.isfinite(P).all() and np.isfinite(r).all()
    np.testing.assert_allclose(P.sum(-1), 1, rtol=1e-12)
    assert (P.max(-1) > 0.999).mean() > 0.99
    share = (P.reshape(-1, S) > 0.5).mean(0)
    assert np.abs(share - 1 / S).max() < 5 / math.sqrt(2000 * S * A)


@pytest.mark.verifies("dirichlet_planners.2")
def test_eq2_planning_is_the_optimum_of_the_model():
    P, r = planners.mean_model(COUNTS, PRIOR)
    q = planners.backward_induction(partial(planners.back_up, P=P, r=r), (M, S), T)
    np.testing.assert_allclose(q, optimum(P, r), rtol=1e-13)


@pytest.mark.verifies("dirichlet_planners.3")
def test_eq3_psrl_plans_for_its_draw():
    model = planners.draw_model(rng(7), COUNTS, PRIOR)
    q = planned(planners.plan_by_draw, seed=7)
    np.testing.assert_allclose(q, optimum(*model), rtol=1e-13)


@pytest.mark.verifies("dirichlet_planners.4")
def test_eq4_the_best_of_the_draws_pair_by_pair():
    draw = rng(3)
    models = [planners.draw_model(draw, COUNTS, PRIOR) for _ in range(3)]
    V, expected = np.zeros((M, S)), []
    for _ in range(T):
        Q = np.full((M, S, A), -np.inf)
        for (P, r), m, s, a in ((x, *i) for x in models for i in np.ndindex(M, S, A)):
            Q[m, s, a] = max(Q[m, s, a], r[m, s, a] + P[m, s, a] @ V[m])
        V = Q.max(-1)
        expected.append(Q)
    three = planned(partial(planners.plan_by_draws, num_draws=3), seed=3)
    np.testing.assert_allclose(three, np.stack(expected[::-1], axis=1), rtol=1e-12)
    one = planned(partial(planners.plan_by_draws, num_draws=1), seed=3)
    assert (one == planned(planners.plan_by_draw, seed=3)).all() and (three >= one).all()


@pytest.mark.verifies("dirichlet_planners.5")
def test_eq5_greedy_plans_for_the_mean():
    expected = optimum(*planners.mean_model(COUNTS, PRIOR))
    np.testing.assert_allclose(planned(planners.plan_by_mean), expected, rtol=1e-13)


@pytest.mark.verifies("dirichlet_planners.6")
def test_eq6_the_bonus_by_hand():
    P, r = planners.mean_model(COUNTS, PRIOR)
    total = PRIOR.concentration.sum(-1) + COUNTS.arrivals.sum(-1)
    q = planned(partial(planners.plan_with_bonus, beta=2.0))
    np.testing.assert_allclose(q, optimum(P, r + 2 / (1 + total)), rtol=1e-13)
    without_bonus = planned(partial(planners.plan_with_bonus, beta=0.0))
    np.testing.assert_allclose(without_bonus, optimum(P, r), rtol=1e-13)


@pytest.mark.verifies("dirichlet_planners.7")
def test_eq7_the_radii_by_hand_and_a_scale_of_zero_is_greedy():
    d_P, d_r = planners.confidence_radii(COUNTS, 0.5)
    for m, s, a in np.ndindex(M, S, A):
        n, t = max(1, COUNTS.arrivals[m, s, a].sum()), 1 + COUNTS.arrivals[m].sum()
        radius = math.sqrt(14 * S * math.log(2 * A * t) / n)
        assert d_P[m, s, a] == pytest.approx(0.5 * radius)
        bonus = math.sqrt(7 * math.log(2 * S * A * t) / (2 * n))
        assert d_r[m, s, a] == pytest.approx(0.5 * bonus)
    zero = planned(partial(planners.plan_optimistically, c=0.0))
    np.testing.assert_allclose(zero, planned(planners.plan_by_mean), rtol=1e-12)
    optimistic = planned(partial(planners.plan_optimistically, c=0.1))
    assert (optimistic > zero).all()


@pytest.mark.verifies("dirichlet_planners.6", "dirichlet_planners.7")
@pytest.mark.parametrize("unit", [1e-6, 100.0])
def test_eqs6_and_7_plan_in_the_unit_of_the_rewards(unit):
    """By hand: the bonus and the radius of the reward are in the unit, the others have none."""
    P, r = planners.mean_model(COUNTS, PRIOR)
    total = PRIOR.concentration.sum(-1) + COUNTS.arrivals.sum(-1)
    q = planned(partial(planners.plan_with_bonus, beta=2.0, unit=unit))
    np.testing.assert_allclose(q, optimum(P, r + 2 * unit / (1 + total)), rtol=1e-13)
    d_r = planners.confidence_radii(COUNTS, 0.5)[1]
    last = planned(partial(planners.plan_optimistically, c=0.5, unit=unit))[:, -1]
    np.testing.assert_allclose(last, r + unit * d_r, rtol=1e-13)


@pytest.mark.verifies("dirichlet_planners.7")
def test_eq7_one_step_of_the_optimistic_plan_by_hand():
    V = rng(5).normal(size=(M, S))
    q = planners.plan_optimistically(rng(), COUNTS, PRIOR, c=0.05)(V)
    P, r = planners.mean_model(COUNTS, PRIOR)
    d_P, d_r = planners.confidence_radii(COUNTS, 0.05)
    for m, s, a in np.ndindex(M, S, A):
        expected = r[m, s, a] + d_r[m, s, a] + largest_mean(V[m], P[m, s, a], d_P[m, s, a])
        assert q[m, s, a] == pytest.approx(expected, abs=1e-12)


def largest_mean(V, p, radius):
    """The algorithm of Jaksch et al. 2010, fig. 2, in loops."""
    p, order = list(p), sorted(range(len(V)), key=lambda i: -V[i])
    p[order[0]] = min(1.0, p[order[0]] + radius / 2)
    worst = len(order) - 1
    while sum(p) > 1 + 1e-12:
        surplus = sum(p) - 1
        p[order[worst]] = max(0.0, p[order[worst]] - surplus)
        worst -= 1
    return sum(x * v for x, v in zip(p, V, strict=True))


@pytest.mark.verifies("dirichlet_planners.8")
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.05, 0.4, 1.1, 2.0, 5.0]))
def test_eq8_the_best_model_within_a_radius(seed, radius):
    draw = rng(seed)
    V, P = draw.normal(size=(2, 5)), draw.dirichlet(np.full(5, 0.5), (2, 1, 3))
    P = np.repeat(P, 5, axis=1)
    largest = planners.optimistic_expectation(V, P, np.full((2, 5, 3), radius))
    for m, s, a in np.ndindex(2, 5, 3):
        assert largest[m, s, a] == pytest.approx(largest_mean(V[m], P[m, s, a], radius), abs=1e-12)
    others = draw.dirichlet(np.full(5, 0.5), 200)
    inside = np.abs(others - P[0, 0, 0]).sum(-1) <= radius
    assert (others[inside] @ V[0] <= largest[0, 0, 0] + 1e-12).all()
    if radius >= 2:
        np.testing.assert_allclose(largest[0], V[0].max())


@pytest.mark.parametrize(
    "planner",
    [
        planners.plan_by_mean,
        partial(planners.plan_with_bonus, beta=3.0),
        partial(planners.plan_optimistically, c=0.1),
    ],
)
def test_many_tasks_at_once_are_as_one_at_a_time(planner):
    together = planned(planner)
    for m in range(M):
        one = Counts(COUNTS.arrivals[m : m + 1], COUNTS.sums[m : m + 1])
        np.testing.assert_allclose(planned(planner, one)[0], together[m], rtol=1e-13)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -1.0])
def test_a_bonus_a_radius_and_a_number_of_draws_are_numbers_in_range(wrong):
    counts = Counts(np.zeros((1, 2, 2, 2)), np.zeros((1, 2, 2)))
    prior = DirichletMDP(np.ones((2, 2, 2)), 0.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="beta must be finite, from 0"):
        planners.plan_with_bonus(rng(), counts, prior, wrong)
    with pytest.raises(ValueError, match="c must be finite, from 0"):
        planners.plan_optimistically(rng(), counts, prior, wrong)
    for number, error in ((0, ValueError), (2.5, TypeError)):
        with pytest.raises(error, match="num_draws must be"):
            planners.plan_by_draws(rng(), counts, prior, number)
