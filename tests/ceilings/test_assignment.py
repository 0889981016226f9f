"""The bound on assignments, eqs. (1) and (2), against all assignments."""

import itertools

import numpy as np
import pytest
from comparing import rng
from hypothesis import given, settings
from hypothesis import strategies as st

from metarl_min.ceilings.assignment import assignment_duals


def bound(worth, duals):
    """The right side of eq. (1)."""
    return duals.sum() + np.maximum(0, (worth - duals).max(-1)).sum()


def best_assignment(worth):
    """The worth of the best assignment, among all; a negative worth is left out."""
    G, B = worth.shape
    gains = np.concatenate([worth, np.zeros((G, G))], axis=1)  # columns for "no step"
    orders = itertools.permutations(range(B + G), G)
    return max(sum(gains[g, j] for g, j in enumerate(order)) for order in orders)


@pytest.mark.verifies("assignment.1")
@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 4))
def test_eq1_no_assignment_is_worth_more_than_the_bound(seed, num_goals, num_steps):
    worth = rng(seed).normal(size=(num_goals, num_steps))
    for duals in (np.zeros(num_steps), rng(seed).random(num_steps), np.full(num_steps, 0.5)):
        assert best_assignment(worth) <= bound(worth, duals) + 1e-12


@pytest.mark.verifies("assignment.2")
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shape", [(4, 6), (3, 2), (1, 3), (2, 1)])
def test_eq2_the_duals_prove_an_assignment_the_best(seed, shape):
    worth = rng(seed).normal(size=shape)
    duals = assignment_duals(worth)
    assert (duals >= 0).all()
    assert bound(worth, duals) == pytest.approx(best_assignment(worth), abs=1e-12)


def test_no_goal_and_no_step_leave_nothing_to_assign():
    assert assignment_duals(np.zeros((0, 3))).tolist() == [0, 0, 0]
    assert assignment_duals(np.zeros((2, 0))).tolist() == []


@pytest.mark.parametrize(
    ("worth", "error"),
    [(None, TypeError), ([[1.0]], TypeError), (np.ones(2), ValueError),
     (np.array([[1.0, np.nan]]), ValueError), (np.array([[np.inf]]), ValueError)],
)  # fmt: skip
def test_a_worth_is_a_finite_number_for_each_goal_and_step(worth, error):
    with pytest.raises(error, match="worth must"):
        assignment_duals(worth)
