"""Returns and baselines, eqs. (1)-(3), against sums written out and least squares."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.testing import assert_allclose

from metarl_min.gradients import returns
from metarl_min.gradients.returns import (
    batch_mean_baseline,
    discounted_returns,
    linear_baseline,
)
from metarl_min.mdps.rollouts import Episodes

discounts = st.sampled_from([0.0, 0.3, 0.9, 1.0])
paid = arrays(float, array_shapes(min_dims=1, max_dims=3, max_side=6), elements=st.floats(-9, 9))
seeds = st.integers(0, 10**6)


def summed(rewards, gamma):
    """Eq. (1) as it stands: one sum for each step."""
    W = np.zeros(rewards.shape)
    for *leading, t in np.ndindex(rewards.shape):
        row = rewards[tuple(leading)]
        W[(*leading, t)] = sum(gamma**step * row[t + step] for step in range(len(row) - t))
    return W


def episodes_and_returns(seed, leading=(2,), num_states=3, num_episodes=4, horizon=5):
    """Episodes that die at their own times; after that, states change and nothing is paid."""
    rng = np.random.default_rng(seed)
    shape = (*leading, num_episodes, horizon)
    alive = np.arange(horizon) < rng.integers(1, horizon + 1, size=(*shape[:-1], 1))
    states = rng.integers(num_states, size=shape)
    rewards = np.where(alive, rng.normal(size=shape), 0.0)
    episodes = Episodes(states, np.zeros(shape, int), rewards, alive)
    return episodes, summed(rewards, 0.9)


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


# ---- eq. (3): linear in state and time ----


def ridge_regression(states, alive, W, num_states, ridge):
    """One task, living steps only: least squares on rows extended by sqrt(ridge) I."""
    rows, targets = [], []
    for n, t in zip(*np.nonzero(alive), strict=True):
        x = t / 100
        one_hot = [float(s == states[n, t]) for s in range(num_states)]
        rows.append([*one_hot, x, x**2, x**3, 1.0])
        targets.append(W[n, t])
    penalty = np.sqrt(ridge) * np.eye(num_states + 4)
    extended = np.concatenate([np.array(rows), penalty])
    w = np.linalg.lstsq(extended, np.append(targets, np.zeros(len(penalty))), rcond=None)[0]
    fitted = np.zeros(W.shape)
    fitted[np.nonzero(alive)] = np.array(rows) @ w
    return fitted


@pytest.mark.verifies("returns.3")
@given(seeds, st.sampled_from([1e-5, 1e-2, 0.5]))
def test_eq3_linear_baseline_is_ridge_regression_task_by_task_on_living_steps(seed, ridge):
    episodes, W = episodes_and_returns(seed)
    fitted = linear_baseline(episodes, W, num_states=3, ridge=ridge)
    for m in range(2):
        truth = ridge_regression(episodes.states[m], episodes.alive[m], W[m], 3, ridge)
        assert_allclose(fitted[m], truth, atol=1e-10 / ridge**0.5)


@pytest.mark.verifies("returns.3")
def test_linear_baseline_has_a_ridge_of_a_hundred_thousandth_unless_told():
    episodes, W = episodes_and_returns(3)
    given_ridge = linear_baseline(episodes, W, 3, ridge=1e-5)
    assert_allclose(linear_baseline(episodes, W, 3), given_ridge, atol=0)


@pytest.mark.verifies("returns.3")
def test_linear_baseline_reproduces_what_is_linear_in_state_and_cubic_in_time():
    rng = np.random.default_rng(4)
    states = rng.integers(3, size=(2, 10, 300))
    t = np.arange(300) / 100
    W = np.array([2.0, -1.0, 5.0])[states] + 3 * t - 2 * t**2 + 0.5 * t**3
    episodes = Episodes(states, states, W, np.ones(states.shape, bool))
    assert_allclose(linear_baseline(episodes, W, 3, ridge=1e-9), W, atol=1e-6)


@pytest.mark.verifies("returns.3")
@pytest.mark.parametrize("leading", [(), (2, 3)])
def test_linear_baseline_takes_any_leading_axes(leading):
    episodes, W = episodes_and_returns(5, leading)
    fitted = linear_baseline(episodes, W, 3, ridge=0.1)
    for index in np.ndindex(leading):
        one = Episodes(*(x[index] for x in episodes))
        assert_allclose(fitted[index], linear_baseline(one, W[index], 3, ridge=0.1), atol=1e-13)


# ---- baselines by name, and errors ----


def test_baselines_are_known_by_name_and_a_number_is_constant():
    episodes, W = episodes_and_returns(6)
    assert_allclose(
        returns.baseline("mean", episodes, W, 3), np.tile(W.mean(1), 4).reshape(W.shape)
    )
    by_name = returns.baseline("linear", episodes, W, 3)
    assert_allclose(by_name, linear_baseline(episodes, W, 3), atol=0)
    assert_allclose(returns.baseline(0.25, episodes, W, 3), np.full(W.shape, 0.25), atol=0)
    assert_allclose(returns.constant_baseline(-1.5, W), np.full(W.shape, -1.5), atol=0)
    words = ("mean", "linear", "-.5", "0")
    assert [returns.parse_baseline(word) for word in words] == ["mean", "linear", -0.5, 0.0]
    values = ("mean", "linear", -0.5, 0)
    assert [returns.check_baseline(value) for value in values] == ["mean", "linear", -0.5, 0.0]


@pytest.mark.parametrize("text", ["median", "nan", "inf", "mean ", ""])
def test_an_unknown_baseline_is_refused_with_the_known_ones_and_what_was_given(text):
    message = f"baseline must be mean, linear or a finite number, got {text!r}"
    for call in (
        lambda: returns.parse_baseline(text),
        lambda: returns.check_baseline(text),
        lambda: returns.baseline(text, *episodes_and_returns(7), 3),
    ):
        with pytest.raises(ValueError, match="baseline must be") as error:
            call()
        assert str(error.value) == message


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
    "rewards NaN": (lambda: discounted_returns(broken, 1.0), "rewards must be finite, got [nan]"),
    "whole rewards": (
        lambda: discounted_returns(np.ones(3, np.int64), 1.0),
        "rewards must be an array of floats, got int64",
    ),
    "a list": (
        lambda: discounted_returns([1.0, 2.0], 1.0),
        "rewards must be an array of floats, got list",
    ),
    "no ridge": (
        lambda: linear_baseline(*episodes_and_returns(8), 3, ridge=0.0),
        "ridge must be positive, got 0.0",
    ),
    "ridge NaN": (
        lambda: linear_baseline(*episodes_and_returns(8), 3, ridge=float("nan")),
        "ridge must be finite, got nan",
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
