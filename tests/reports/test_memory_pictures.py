"""Pictures of the memory of a recurrent policy."""

import numpy as np
import pytest
from comparing import rng
from problems import small_bandit

from metarl_min.memory import recurrent_agents, recurrent_policies
from metarl_min.reports import memory_pictures as pictures
from metarl_min.tasks import play_trial

MEMORIES = np.array([[0.1, 0.0, 0.0], [0.3, 0.1, -0.2], [0.1, 0.5, -0.4]])  # [steps, H]
ACTIONS, REWARDS = np.array([0, 1, 1]), np.array([1.0, 0.5, 0.25])


@pytest.fixture(autouse=True)
def matplotlib():
    return pytest.importorskip("matplotlib")


@pytest.mark.verifies("memory_pictures.1")
def test_components_of_an_ellipse_are_its_axes():
    """Points (3 cos t, sin t) in a rotated plane of three dimensions, away from the origin."""
    t = np.arange(12) * np.pi / 6
    flat = np.stack([3 * np.cos(t), np.sin(t)], axis=1)
    plane = np.array([[0.6, 0.0, 0.8], [0.0, -1.0, 0.0]])
    c, share = pictures.principal_components(flat @ plane + [5.0, 6.0, 7.0])
    np.testing.assert_allclose(c, flat * [1, -1], atol=1e-12)  # largest entries are positive
    np.testing.assert_allclose(share, [0.9, 0.1], atol=1e-12)  # 3^2 and 1^2 of their sum


@pytest.mark.verifies("memory_pictures.1")
def test_components_are_those_of_the_covariance():
    x = rng().normal(size=(20, 5)) * [4, 2, 1, 1, 1]
    c, share = pictures.principal_components(x)
    values, vectors = np.linalg.eigh(np.cov(x.T))
    np.testing.assert_allclose(share, values[:-3:-1] / values.sum(), rtol=1e-12)
    other = (x - x.mean(0)) @ vectors[:, :-3:-1]
    np.testing.assert_allclose(abs(c), abs(other), atol=1e-12)


def test_units_are_rows_that_are_sorted_by_the_last_memory():
    axes = pictures.units(MEMORIES, ACTIONS, REWARDS).axes[0]
    image = axes.images[0]
    assert image.get_array().tolist() == MEMORIES[:, [1, 0, 2]].T.tolist()
    assert image.get_clim() == (-0.5, 0.5)
    assert [x.get_text() for x in axes.get_xticklabels()] == ["start", "0\n1", "1\n0.5"]


def test_the_record_of_an_agent_can_be_drawn():
    family = small_bandit()
    tasks = family.sample(rng(), 3)
    policy = recurrent_policies.gru(4, "float64")
    theta = policy.init(rng(), sum(tasks.shape) + 2, tasks.shape[1])
    agent = recurrent_agents.recording_agent(policy, theta, tasks.shape)
    trials, memory = play_trial(rng(), family, tasks, agent)
    steps = recurrent_agents.record(memory).policy_memories[1:]
    hidden = np.stack([x.h_after for x in steps])
    first = pictures.units(hidden[:, 0], trials.actions[0, :, 0], trials.rewards[0, :, 0])
    assert first.axes[0].images[0].get_array().shape == (4, family.num_episodes)
    means = np.arange(hidden[..., 0].size) / 10
    axes, bar = pictures.components(hidden.reshape(-1, 4), means, "posterior mean").axes
    dots = axes.collections[0]
    c, share = pictures.principal_components(hidden.reshape(-1, 4))
    np.testing.assert_allclose(dots.get_offsets(), c)
    np.testing.assert_allclose(dots.get_array(), means)
    assert bar.get_ylabel() == "posterior mean" and f"{share[0]:.0%}" in axes.get_xlabel()


@pytest.mark.parametrize(
    ("memories", "actions", "rewards", "error", "rule"),
    [
        (MEMORIES[:0], ACTIONS, REWARDS, ValueError, r"\[steps, H\], with at least one step"),
        (MEMORIES[None], ACTIONS, REWARDS, ValueError, r"got \(1, 3, 3\)"),
        (MEMORIES, ACTIONS[:1], REWARDS, ValueError, r"actions must have the shape of the steps"),
        (MEMORIES, ACTIONS, np.ones(2), ValueError, r"rewards must have the shape of the steps"),
        (MEMORIES, REWARDS, REWARDS, TypeError, "actions must be an array of whole numbers"),
        (MEMORIES * np.nan, ACTIONS, REWARDS, ValueError, "memories must be finite"),
        (np.zeros((41, 3)), ACTIONS, REWARDS, ValueError, "at most 40 steps, got 41"),
    ],
)
def test_what_is_no_trial_is_refused(memories, actions, rewards, error, rule):
    with pytest.raises(error, match=rule):
        pictures.units(memories, actions, rewards)


@pytest.mark.parametrize(
    ("memories", "posterior", "label", "error", "rule"),
    [
        (MEMORIES, np.ones(2), "p", ValueError, "posterior must have the shape of the memories"),
        (MEMORIES[:, :1], np.ones(3), "p", ValueError, "at least 2 rows and 2 columns"),
        (np.ones((3, 3)), np.ones(3), "p", ValueError, "x must have two different rows, got equal"),
        (MEMORIES, np.ones(3), 5, TypeError, "label must be of type str"),
    ],
)
def test_memories_without_a_picture_are_refused(memories, posterior, label, error, rule):
    with pytest.raises(error, match=rule):
        pictures.components(memories, posterior, label)
