"""MDPs that are checked once: what they hold, and what is refused."""

from fractions import Fraction

import autograd.numpy as np
import numpy as onp
import pytest
from autograd import grad
from comparing import close
from enumerate_trajectories import random_batch, random_mdp

from metarl_min.mdps import prepared_mdps, values


def test_an_mdp_is_prepared_with_its_mean_rewards_horizon_and_discount():
    batch, _, _ = random_batch(0, 3)
    prepared = prepared_mdps.prepare(batch, 4, 0.5)
    assert prepared.initial is batch.initial and prepared.transition is batch.transition
    assert close(prepared.rewards, (batch.transition * batch.reward).sum(-1))
    assert (prepared.horizon, prepared.gamma, prepared.leading) == (4, 0.5, (3,))
    assert prepared_mdps.prepare(batch, None, 0.5).horizon is None


def test_a_shared_policy_gets_the_axes_of_the_tasks_and_a_full_one_stays_itself():
    batch, probs, _ = random_batch(0, 3, 4, 5)
    prepared = prepared_mdps.prepare(batch, 2)
    for shared in (probs[0], probs[:1]):
        full = prepared_mdps.broadcast(shared, prepared)
        assert full.shape == (3, 4, 5) and (full == probs[0]).all()
    assert prepared_mdps.broadcast(probs, prepared) is probs
    wide = prepared_mdps.broadcast(probs[:2, None], prepared)
    assert wide.shape == (2, 3, 4, 5) and (wide == probs[:2, None]).all()


def test_the_gradient_through_broadcast_is_the_sum_over_the_tasks():
    batch, probs, _ = random_batch(0, 3)
    prepared, weights = prepared_mdps.prepare(batch, 2), onp.arange(12.0).reshape(3, 2, 2)
    gradient = grad(lambda p: np.sum(weights * prepared_mdps.broadcast(p, prepared)))(probs[0])
    assert close(gradient, weights.sum(0))


def test_both_are_prepared_together_and_the_policy_is_checked():
    batch, probs, _ = random_batch(0, 3)
    full, prepared = prepared_mdps.prepare_with_policy(batch, probs[:1], 2, 0.9)
    assert full.shape == (3, 2, 2) and prepared.gamma == 0.9
    with pytest.raises(ValueError, match="rows of probs must sum to one"):
        prepared_mdps.prepare_with_policy(batch, probs + 0.1, 2, 0.9)


def test_the_matrix_and_rewards_of_a_policy_and_the_next_values_are_the_sums_over_all_steps():
    task, probs = random_mdp(3, 3, 2)
    prepared, V = prepared_mdps.prepare(task, 2, 0.5), onp.array([1.0, -2.0, 0.5])
    matrix, rewards = prepared_mdps.matrix_and_rewards(probs, prepared)
    future = prepared_mdps.next_values(V, prepared)
    for s in range(3):
        for arrival in range(3):
            exact = sum(probs[s, a] * task.transition[s, a, arrival] for a in range(2))
            assert close(matrix[s, arrival], 0.5 * exact)
        assert close(rewards[s], sum(probs[s, a] * prepared.rewards[s, a] for a in range(2)))
        for a in range(2):
            exact = sum(task.transition[s, a, arrival] * V[arrival] for arrival in range(3))
            assert close(future[s, a], 0.5 * exact)


def test_arrays_under_a_trace_are_prepared_only_where_that_is_meant():
    task, _ = random_mdp(16)

    def plain(reward):
        return np.sum(prepared_mdps.prepare(task._replace(reward=reward), 2).rewards)

    def traced(reward):
        return np.sum(prepared_mdps.prepare_traced(task._replace(reward=reward), 2).rewards)

    with pytest.raises(TypeError, match="mdp must be an MDP of plain arrays, got"):
        grad(plain)(task.reward)
    assert close(grad(traced)(task.reward), task.transition)


@pytest.mark.parametrize("shape", [(2, 3), (3, 3), (2,), ()])
def test_a_policy_of_another_shape_is_refused(shape):
    task, _ = random_mdp(0, 3, 2)
    rule = r"logits and probs must have shape \[\.\.\., 3, 2\], got"
    with pytest.raises(ValueError, match=rule):
        prepared_mdps.broadcast(onp.ones(shape), prepared_mdps.prepare(task, 2))


@pytest.mark.parametrize(
    ("setting", "error", "message"),
    [
        ((0,), ValueError, "horizon must be at least 1, got 0"),
        ((True,), TypeError, "horizon must be a whole number, got True"),
        ((None,), ValueError, "gamma must be below 1 where the horizon is infinite, got 1"),
        ((2, 1.5), ValueError, "gamma must be finite, from 0 to 1, got 1.5"),
    ],
)
def test_preparing_and_the_traced_form_refuse_bad_horizons_and_discounts(setting, error, message):
    task, probs = random_mdp(0)
    with pytest.raises(error, match=message):
        values.expected_return_by_recursion(task, probs, *setting)
    with pytest.raises(error, match=message):
        prepared_mdps.prepare(task, *setting)


@pytest.mark.parametrize("other", [None, "mdp", (onp.ones(1),) * 3])
def test_what_is_no_task_is_refused_in_both_forms(other):
    with pytest.raises(TypeError, match="mdp must be of type MDP, got"):
        prepared_mdps.prepare_traced(other, 2)
    with pytest.raises(TypeError, match="mdp must be an MDP of plain arrays, got"):
        prepared_mdps.prepare(other, 2)


def test_numbers_are_converted():
    task, _ = random_mdp(0)
    prepared = prepared_mdps.prepare(task, onp.int8(5), Fraction(1, 2))
    assert (prepared.horizon, prepared.gamma) == (5, 0.5)
    assert (type(prepared.horizon), type(prepared.gamma)) == (int, float)
