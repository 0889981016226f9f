"""All lists of episodes of small tasks, against loops over actions and arrivals."""

import itertools

import numpy as np
import pytest

from metarl_min.teach import episode_lists

SETTINGS = [
    episode_lists.corridor(np.random.default_rng(1), 2, 2),
    episode_lists.corridor(np.random.default_rng(2), 3, 1),
    episode_lists.grid(np.random.default_rng(3), 1),
    episode_lists.random_mdp(np.random.default_rng(4), 2),
]


def expected_return(setting, theta):
    """J by loops over all tasks, actions and arrivals. theta may be complex."""
    weights = np.exp(theta)
    pi = weights / weights.sum(-1, keepdims=True)
    S, A = theta.shape
    P, T = setting.tasks.transition[0], setting.horizon
    total = 0.0
    for reward in setting.tasks.reward:
        table = np.broadcast_to(reward, (S, A, S))
        for actions in itertools.product(range(A), repeat=T):
            for arrivals in itertools.product(range(S), repeat=T):
                s, chance, result = 1, 1.0, 0.0
                for t, (a, arrival) in enumerate(zip(actions, arrivals, strict=True)):
                    chance = chance * pi[s, a] * P[s, a, arrival]
                    result += setting.gamma**t * table[s, a, arrival]
                    s = arrival
                total = total + chance * result / len(setting.tasks.reward)
    return total


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda x: x.name)
def test_the_lists_have_the_expected_return_and_the_exact_gradient(setting):
    case = episode_lists.every_list(setting, "a further argument")
    assert case.probability.sum() == pytest.approx(1, abs=1e-12)
    returns = []
    for theta, states, actions, rewards, gamma, other in case.arguments:
        assert theta is setting.theta and other == "a further argument"
        assert states.shape == actions.shape == rewards.shape
        returns.append(np.mean(rewards @ gamma ** np.arange(setting.horizon)))
    exact = expected_return(setting, setting.theta)
    assert case.probability @ returns == pytest.approx(exact, rel=1e-12)
    for entry in np.ndindex(setting.theta.shape):
        moved = setting.theta.astype(complex)
        moved[entry] += 1e-30j
        slope = np.imag(expected_return(setting, moved)) / 1e-30
        assert case.exact[entry] == pytest.approx(slope, rel=1e-10, abs=1e-13)


def test_the_numbers_of_lists():
    lengths = [len(episode_lists.every_list(setting).arguments) for setting in SETTINGS]
    assert lengths == [4**2, 2**3, 4**2, 6**2]


def test_the_moves_of_the_row_and_of_the_square():
    row, square = SETTINGS[0].tasks.transition[0], SETTINGS[2].tasks.transition[0]
    assert row.argmax(-1).tolist() == [[0, 1], [0, 2], [1, 2]]
    assert square.argmax(-1).tolist() == [[0, 2, 0, 1], [1, 3, 0, 1], [0, 2, 2, 3], [1, 3, 2, 3]]
