"""Random MDPs: sample moments against the prior."""

import pickle

import numpy as np
import pytest
from comparing import assert_mean

from metarl_min.tasks import DirichletMDP, random_mdps


def draw(family, num_tasks=3000, seed=0):
    return family.sample(np.random.default_rng(seed), num_tasks)


@pytest.mark.verifies("random_mdps.1")
def test_eq1_rows_have_the_moments_of_a_flat_dirichlet():
    transition = draw(random_mdps.mdp(states=3, actions=2), 20_000).transition
    assert transition.shape == (20_000, 3, 2, 3)
    assert_mean(transition, 1 / 3)
    assert_mean((transition - 1 / 3) ** 2, 1 / 18)  # (1/3) (2/3) / 4
    assert_mean((transition[..., 0] - 1 / 3) * (transition[..., 1] - 1 / 3), -1 / 36)
    assert_mean((transition[:, 0, 0, 0] - 1 / 3) * (transition[:, 1, 0, 0] - 1 / 3), 0.0)


@pytest.mark.verifies("random_mdps.1")
def test_eq1_the_concentration_of_the_prior_is_the_one_drawn_from():
    prior = DirichletMDP(np.array([[[1.0, 3.0]], [[6.0, 2.0]]]), 0.0, 1.0, 1.0)
    transition = random_mdps.sample_dirichlet(np.random.default_rng(0), 20_000, prior).transition
    assert_mean(transition[:, :, 0], [[0.25, 0.75], [0.75, 0.25]])


@pytest.mark.verifies("random_mdps.2")
def test_eq2_mean_rewards_are_normal_around_one_and_rewards_around_them():
    family = random_mdps.mdp(states=3, actions=2)
    reward = draw(family, 20_000).reward
    assert reward.shape == (20_000, 3, 2, 1)
    assert_mean(reward, 1.0)
    assert_mean((reward - 1) ** 2, 1.0)
    assert_mean((reward[:, 0, 0] - 1) * (reward[:, 0, 1] - 1), 0.0)
    noise = family.reward_noise(np.random.default_rng(0), np.full(20_000, 4.0)) - 4.0
    assert_mean(noise, 0.0)
    assert_mean(noise**2, 1.0)
    assert tuple(family.prior[1:]) == (1.0, 1.0, 1.0)


def test_every_task_starts_in_state_zero_and_has_the_shape_of_its_words():
    family = random_mdps.mdp(states=4, actions=3, horizon=6, episodes=2)
    tasks = draw(family, 5)
    assert tasks.leading == (5,) and tasks.shape == (4, 3)
    assert tasks.initial.tolist() == [[1, 0, 0, 0]]
    assert (family.horizon, family.num_episodes) == (6, 2)
    assert family.parameters == {"states": 4, "actions": 3, "horizon": 6, "episodes": 2}


def test_the_defaults_are_those_of_duan_et_al():
    family = random_mdps.mdp()
    assert family.parameters == {"states": 10, "actions": 5, "horizon": 10, "episodes": 10}
    assert family.prior.concentration.shape == (10, 5, 10)
    assert (family.prior.concentration == 1).all()


def test_one_state_one_action_and_one_task_work():
    tasks = draw(random_mdps.mdp(states=1, actions=1), 1)
    assert tasks.transition.tolist() == [[[[1.0]]]]


def test_families_pickle_and_draw_the_same_afterwards():
    family = random_mdps.mdp(states=2, actions=2)
    again = pickle.loads(pickle.dumps(family))
    assert all(map(np.array_equal, draw(family, 4), draw(again, 4)))
    assert not np.array_equal(draw(family, 4, 0).reward, draw(family, 4, 1).reward)


@pytest.mark.parametrize("key", ["states", "actions", "horizon", "episodes"])
def test_bad_parameters_are_refused(key):
    with pytest.raises(ValueError, match=f"{key} must be at least 1, got 0"):
        random_mdps.mdp(**{key: 0})
    with pytest.raises(TypeError, match=f"{key} must be a whole number, got 1.5"):
        random_mdps.mdp(**{key: 1.5})


def test_the_number_of_tasks_is_checked():
    with pytest.raises(ValueError, match="num_tasks must be at least 1, got 0"):
        draw(random_mdps.mdp(), 0)


@pytest.mark.verifies("random_mdps.1")
@pytest.mark.parametrize("size", [0.05, 1e-3, 1e-9])
def test_small_concentrations_give_rows_with_their_moments_and_never_nan(size):
    weights = np.array([1.0, 3.0])
    prior = DirichletMDP(size * np.broadcast_to(weights, (2, 1, 2)), 0.0, 1.0, 1.0)
    transition = random_mdps.sample_dirichlet(np.random.default_rng(0), 10_000, prior).transition
    total = size * weights.sum()
    mean, variance = weights / 4, 3 / 16 / (total + 1)  # of a Dirichlet distribution
    assert_mean(transition, mean)
    assert_mean((transition - mean) ** 2, variance)


def test_small_and_large_concentrations_are_drawn_together():
    prior = DirichletMDP(np.array([[[1e-9, 5.0]], [[5.0, 1e-9]]]), 0.0, 1.0, 1.0)
    transition = random_mdps.sample_dirichlet(np.random.default_rng(0), 1000, prior).transition
    assert np.allclose(transition[:, :, 0], [[0.0, 1.0], [1.0, 0.0]], atol=1e-6)


def test_an_mdp_of_too_many_numbers_is_refused_before_its_arrays_are_made():
    with pytest.raises(
        ValueError, match=r"at most 100,000,000 numbers, got 500,000,000,000,000,000"
    ):
        random_mdps.mdp(states=10**8, actions=50)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64])
def test_numbers_of_other_types_are_converted(kind):
    family = random_mdps.mdp(states=kind(12), actions=kind(2), horizon=kind(3), episodes=kind(4))
    assert family.parameters == {"states": 12, "actions": 2, "horizon": 3, "episodes": 4}
    numbers = [*family.parameters.values(), family.horizon, family.num_episodes]
    assert {type(x) for x in numbers} == {int}
    assert draw(family, kind(3)).leading == (3,)
