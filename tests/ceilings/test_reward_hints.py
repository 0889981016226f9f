"""What is told less and more than a normal reward, eqs. (1) and (2)."""

import math
from functools import partial

import numpy as np
import pytest

from metarl_min.ceilings import reward_hints
from metarl_min.mdps import rollouts
from metarl_min.tasks import family_of_candidates
from metarl_min.tasks.bandits import bandit_mdps

CUTS = np.array([-1.0, 0.0, 1.0])


def arms(means, std=1.0, pulls=2):
    means = np.array(means, float)
    weights = np.full(len(means), 1 / len(means))
    noise = partial(rollouts.gaussian, std=std)
    return family_of_candidates("arms", {}, bandit_mdps(means), weights, 1, pulls, noise)


def phi(x):
    return (1 + math.erf(x / math.sqrt(2))) / 2


@pytest.mark.verifies("reward_hints.1")
def test_eq1_a_bin_has_the_chance_of_the_normal_distribution():
    found = reward_hints.bin_chances(np.array([0.5, -2.0]), CUTS)
    for y, row in zip((0.5, -2.0), found, strict=True):
        ends = [0.0, *(phi(c - y) for c in CUTS), 1.0]
        assert row == pytest.approx(np.diff(ends), abs=1e-15)


@pytest.mark.verifies("reward_hints.2")
@pytest.mark.parametrize("d", [0.05, 0.5, 2.0])
def test_eq2_the_two_chances_of_a_cut_have_its_posterior_and_the_mean_of_a_bin(d):
    hi, lo = reward_hints.told_chances(np.array([d, -d]), CUTS)
    assert hi.sum() == pytest.approx(1, abs=1e-14) and lo.sum() == pytest.approx(1, abs=1e-14)
    q = np.array([0.0, *(1 / (1 + math.exp(-2 * d * c)) for c in CUTS), 1.0])
    assert hi == pytest.approx(q * (hi + lo), abs=1e-14)
    # The mixture has the same mean posterior below each cut in both experiments, by convexity:
    # E[max(q - q_k, 0)] of what is told is at least that of x itself.
    x = np.linspace(-12, 12, 200_001)
    density = (np.exp(-((x - d) ** 2) / 2) + np.exp(-((x + d) ** 2) / 2)) / math.sqrt(8 * math.pi)
    posterior = 1 / (1 + np.exp(-2 * d * x))
    for level in np.linspace(0.02, 0.98, 25):
        of_x = (density * np.maximum(posterior - level, 0)).sum() * (x[1] - x[0])
        told = ((hi + lo) / 2 * np.maximum(q - level, 0)).sum()
        assert told >= of_x - 1e-9
    for k in (1, 2, 3):  # at a cut, the two are equal: no mass is carried over it
        of_x = (density * np.maximum(posterior - q[k], 0)).sum() * (x[1] - x[0])
        assert ((hi + lo) / 2 * np.maximum(q - q[k], 0)).sum() == pytest.approx(of_x, abs=1e-6)


def test_one_mean_is_no_hint_and_three_means_are_told():
    family = arms([[0.0, 1.0, 5.0], [1.0, 1.0, 6.0], [2.0, 1.0, 6.0]])
    told = reward_hints.more(family, 1.0)
    by_action = np.split(told.probs, told.first[1:])
    assert np.array_equal(by_action[0], np.eye(3))
    assert np.array_equal(by_action[1], np.ones((1, 3)))
    assert len(by_action[2]) == len(reward_hints.CUTS_OF_MORE) + 2
    assert by_action[2].sum(0) == pytest.approx(1, abs=1e-14)
    told = reward_hints.less(family, 1.0, (0.0,))
    assert told.probs[:2] == pytest.approx(
        np.array([[phi(1), phi(0), phi(-1)], [phi(-1), phi(0), phi(1)]]), abs=1e-15
    )
    assert np.array_equal(reward_hints.without_rewards(family).probs, np.ones((3, 3)))


@pytest.mark.parametrize("std", [1e-9, 1e9])
def test_extreme_noise_gives_chances(std):
    for make in (partial(reward_hints.less, cuts=(-1.0, 0.0, 1.0)), reward_hints.more):
        listed = make(arms([[0.0, 1.0], [1.0, 0.0]], std), std)
        assert np.isfinite(listed.probs).all() and (listed.probs >= 0).all()
        total = np.add.reduceat(listed.probs, listed.first)
        assert total == pytest.approx(1, abs=1e-12)
