"""returns (1)-(2): returns and the mean of a batch, against sums written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.testing import assert_allclose

from metarl_min.gradients import returns
from metarl_min.gradients.returns import batch_mean_baseline, discounted_returns

discounts = st.sampled_from([0.0, 0.3, 0.9, 1.0])
paid = arrays(float, array_shapes(min_dims=1, max_dims=3, max_side=6), elements=st.floats(-9, 9))


def summed(rewards, gamma):
    """Eq. (1) as it stands: one sum for each step."""
    W = np.zeros(rewards.shape)
    for *leading, t in np.ndindex(rewards.shape):
        row = rewards[tuple(leading)]
        W[(*leading, t)] = sum(gamma**step * row[t + step] for step in range(len(row) - t))
    return W


# ---- eq. (1): the return ----


@pytest.mark.verifies("returns.1")
@given(paid, discounts)
def test_eq1_return_is_the_sum_of_what_follows(rewards, gamma):
    before = rewards.copy()
    assert_allclose(discounted_returns(rewards, gamma), summed(rewards, gamma), atol=1e-12)
    assert (rewards == before).all()


@pytest.mark.verifies("returns.1")
@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.99])
def test_return_of_constant_rewards_is_a_geometric_series(gamma):
    T = 7
    truth = [3 * (1 - gamma ** (T - t)) / (1 - gamma) for t in range(T)]
    assert_allclose(discounted_returns(np.full((2, T), 3.0), gamma), [truth] * 2, rtol=1e-14)
    assert_allclose(discounted_returns(np.full(T, 3.0), 1.0), 3.0 * np.arange(T, 0, -1), rtol=0)


@pytest.mark.verifies("returns.1")
@given(paid, discounts, st.floats(-3, 3), st.floats(-3, 3))
def test_returns_follow_scale_and_shift_of_the_rewards(rewards, gamma, scale, shift):
    ones = summed(np.ones(rewards.shape), gamma)
    moved = discounted_returns(scale * rewards + shift, gamma)
    assert_allclose(moved, scale * discounted_returns(rewards, gamma) + shift * ones, atol=1e-11)


@pytest.mark.verifies("returns.1")
@given(paid, discounts)
def test_return_obeys_the_recursion_step_by_step(rewards, gamma):
    W = discounted_returns(rewards, gamma)
    assert_allclose(W[..., :-1], rewards[..., :-1] + gamma * W[..., 1:], atol=1e-12)
    assert_allclose(W[..., -1], rewards[..., -1], atol=0)


# ---- eq. (2): the mean of the batch ----


@pytest.mark.verifies("returns.2")
def test_eq2_batch_mean_is_over_episodes_one_number_a_step():
    W = np.array([[[1.0, 10.0], [3.0, 20.0]], [[0.0, -1.0], [0.0, -3.0]]])
    truth = [[[2.0, 15.0]] * 2, [[0.0, -2.0]] * 2]
    assert_allclose(batch_mean_baseline(W), truth, rtol=0)


@pytest.mark.verifies("returns.2")
def test_batch_mean_of_one_episode_leaves_nothing():
    W = np.array([[[1.0, -2.0, 7.0]]])
    assert_allclose(W - batch_mean_baseline(W), 0, atol=0)
    assert batch_mean_baseline(W[0, :, :1]).tolist() == [[1.0]]


# ---- errors ----

rewards = np.ones((2, 3))
broken = np.array([[1.0, np.nan, 2.0]] * 2)
REFUSED = {
    "gamma above 1": (
        lambda: discounted_returns(rewards, 1.5),
        "gamma must be finite, from 0 to 1, got 1.5",
    ),
    "gamma below 0": (
        lambda: discounted_returns(rewards, -0.5),
        "gamma must be finite, from 0 to 1, got -0.5",
    ),
    "rewards NaN": (
        lambda: discounted_returns(broken, 1.0),
        "rewards must be finite, got nan at [0, 1]",
    ),
    "whole rewards": (
        lambda: discounted_returns(np.ones(3, np.int64), 1.0),
        "rewards must be an array of floats, got int64",
    ),
    "a list": (
        lambda: discounted_returns([1.0, 2.0], 1.0),
        "rewards must be an array of floats, got list",
    ),
    "no axis of steps": (
        lambda: discounted_returns(np.array(2.0), 1.0),
        "rewards must have an axis of steps, got 2.0",
    ),
    "returns NaN": (
        lambda: batch_mean_baseline(broken),
        "returns must be finite, got nan at [0, 1]",
    ),
    "returns of one step": (
        lambda: batch_mean_baseline(np.ones(3)),
        "returns must have the axes [.., N, T], got (3,)",
    ),
    "no episodes": (
        lambda: batch_mean_baseline(np.ones((0, 3))),
        "returns must have the axes [.., N, T], got (0, 3)",
    ),
    "baseline infinite": (
        lambda: returns.constant_baseline(float("inf"), rewards),
        "baseline must be finite, got inf",
    ),
    "whole returns": (
        lambda: returns.constant_baseline(0.5, np.ones(3, np.int64)),
        "returns must be an array of floats, got int64",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_out_of_range_is_refused_with_the_rule_and_the_value(what):
    call, message = REFUSED[what]
    with pytest.raises((ValueError, TypeError)) as error:
        call()
    assert str(error.value) == message
    assert error.type is (TypeError if "array of floats" in message else ValueError)
