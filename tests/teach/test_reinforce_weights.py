"""REINFORCE and wrong weights: against sums by hand, and against the exact gradient."""

import numpy as np
import pytest

from metarl_min.teach import episode_lists, reinforce_weights
from metarl_min.teach.reinforce_weights import WEIGHTS, batch_of, gradient, right_weights


def settings(seed):
    rng = np.random.default_rng(seed)
    return episode_lists.corridor(rng, 2, 2), episode_lists.random_mdp(rng, 2)


def mean_of(case, program):
    results = np.stack([program(*x) for x in case.arguments])
    return np.tensordot(case.probability, results, 1)


@pytest.mark.verifies("reinforce_weights.1")
@pytest.mark.parametrize("seed", range(3))
def test_eq1_is_unbiased_with_both_baselines(seed):
    for setting in settings(seed):
        q = np.random.default_rng(seed).normal(size=setting.theta.shape)
        for baseline, others in (
            (reinforce_weights.critic_baseline, [q]),
            (reinforce_weights.others_baseline, []),
        ):
            case = episode_lists.every_list(setting, *others)
            mean = mean_of(case, lambda *x, b=baseline: reinforce_weights.estimate(b, *x))
            np.testing.assert_allclose(mean, case.exact, rtol=1e-9, atol=1e-13)


def batch():
    """W = (2, 2) and (5.5, 5), b = (1, 0) and (0, 1), gamma = 1/2."""
    arguments = (
        np.log([[3.0, 1.0], [1.0, 1.0]]),
        np.array([[0, 1], [0, 0]]),
        np.array([[0, 1], [1, 0]]),
        np.array([[1.0, 2.0], [3.0, 5.0]]),
        0.5,
    )
    return batch_of(lambda *x: np.array([[1.0, 0.0], [0.0, 1.0]]), arguments)


@pytest.mark.verifies("reinforce_weights.1")
def test_eq1_of_two_episodes_by_hand():
    x = batch()
    np.testing.assert_allclose(right_weights(x), [[1, 1], [5.5, 2]], rtol=1e-12)
    g = gradient(x, right_weights(x))
    first = (1 * 0.25 + 5.5 * -0.75 + 2 * 0.25) / 2  # pi(0|0) = 3/4
    np.testing.assert_allclose(g, [[first, -first], [-0.25, 0.25]], rtol=1e-12)


def test_the_baselines_by_hand():
    x = batch()[:5]
    q = np.array([[4.0, 8.0], [2.0, 6.0]])
    critic = reinforce_weights.critic_baseline(*x, q)
    np.testing.assert_allclose(critic, [[5, 4], [5, 5]], rtol=1e-12)
    others = reinforce_weights.others_baseline(*x)
    np.testing.assert_allclose(others, [[5.5, 5], [2, 2]], rtol=1e-12)


ADVANTAGES = np.array([1.0, 2.0, 5.5, 4.0])  # W - b
STANDARD = ((ADVANTAGES - 3.125) / np.std(ADVANTAGES)).reshape(2, 2)
BY_HAND = {
    "sum for mean": [[2, 2], [11, 4]],
    "the mean over episodes and steps": [[0.5, 0.5], [2.75, 1]],
    "wrong sign": [[-1, -1], [-5.5, -2]],
    "gamma^t is missing": [[1, 2], [5.5, 4]],
    "gamma^t twice": [[1, 0.5], [5.5, 1]],
    "gamma is ignored": [[2, 2], [8, 4]],
    "the reward of the step is missing": [[0, 0], [2.5, -0.5]],
    "the return-to-go of the next step": [[1, 0], [5, -0.5]],
    "the reward of the step only": [[0, 1], [3, 2]],
    "standardised advantages": STANDARD * [1, 0.5],
    "standardised advantages, and gamma^t is missing": STANDARD,
    "the first step only": [[1, 0], [5.5, 0]],
    "the last step only": [[0, 1], [0, 2]],
    "the first episode only": [[2, 2], [0, 0]],
    "the last episode only": [[0, 0], [11, 4]],
    "the gradient through the sampling": [[0, 0], [0, 0]],
}


def test_each_wrong_weight_by_hand():
    assert BY_HAND.keys() == WEIGHTS.keys()
    for name, expected in BY_HAND.items():
        weights = WEIGHTS[name][0](batch())
        np.testing.assert_allclose(weights, expected, rtol=1e-7, atol=1e-12, err_msg=name)
