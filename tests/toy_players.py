"""Trials of players whose fitness is known without playing."""

import numpy as np

from metarl_min.evolution import players
from metarl_min.mdps.rollouts import Episodes


def flat_trial(rng, thetas, family, rows, greedy=False):
    shape = players.num_members(thetas), *rows.leading, family.num_episodes, family.horizon
    whole = np.zeros(shape, int)
    return Episodes(whole, whole, np.full(shape, 0.1), whole == 0)


def linear_trial(rng, thetas, family, rows, greedy=False):
    """Twice x_0 - 2 x_1 in the first step; taken back once in the last."""
    episodes = flat_trial(rng, thetas, family, rows)
    share = np.zeros(episodes.rewards[0, 0].shape)
    share[0, 0] += 2
    share[-1, -1] -= 1
    paid = (thetas["x"] @ np.array([1.0, -2.0]))[:, None, None, None] * share
    return episodes._replace(rewards=np.broadcast_to(paid, episodes.rewards.shape))


def counting_trial(rng, thetas, family, rows, greedy=False):
    """Pays how many tasks there are."""
    episodes = flat_trial(rng, thetas, family, rows)
    return episodes._replace(rewards=np.full(episodes.rewards.shape, 1.0 * rows.leading[0]))


def nan_trial(rng, thetas, family, rows, greedy=False):
    episodes = linear_trial(rng, thetas, family, rows)
    bad = np.arange(len(episodes.rewards))[:, None, None, None] == 3
    return episodes._replace(rewards=np.where(bad, np.nan, episodes.rewards))
