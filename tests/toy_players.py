"""Players whose fitness is known without playing. Their parameters are {"x": [2]}."""

from functools import partial

import numpy as np

from metarl_min.evolution import players
from metarl_min.evolution.players import Player
from metarl_min.mdps.rollouts import Episodes

SLOPE = np.array([1.0, -2.0])  # of the fitness of `linear_trial`


def flat_trial(rng, thetas, tasks, greedy=False, *, family):
    """Pay 0.1 in every step."""
    shape = players.num_members(thetas), *tasks.leading, family.num_episodes, family.horizon
    zeros = np.zeros(shape, int)
    return Episodes(states=zeros, actions=zeros, rewards=np.full(shape, 0.1), alive=zeros == 0)


def linear_trial(rng, thetas, tasks, greedy=False, *, family):
    """Pay twice SLOPE.x in the first step, and -SLOPE.x in the last."""
    episodes = flat_trial(rng, thetas, tasks, family=family)
    share = np.zeros(episodes.rewards[0, 0].shape)
    share[0, 0] += 2
    share[-1, -1] -= 1
    rewards = (thetas["x"] @ SLOPE)[:, None, None, None] * share
    return episodes._replace(rewards=np.broadcast_to(rewards, episodes.rewards.shape))


def counting_trial(rng, thetas, tasks, greedy=False, *, family):
    """Pay the number of tasks in every step."""
    episodes = flat_trial(rng, thetas, tasks, family=family)
    return episodes._replace(rewards=np.full(episodes.rewards.shape, 1.0 * tasks.leading[0]))


def nan_trial(rng, thetas, tasks, greedy=False, *, family):
    """Pay NaN to member 3."""
    episodes = linear_trial(rng, thetas, tasks, family=family)
    bad = np.arange(len(episodes.rewards))[:, None, None, None] == 3
    rewards = np.where(bad, np.nan, episodes.rewards)
    # Episodes refuse NaN, but `_make` checks nothing.
    return Episodes._make([*episodes[:2], rewards, *episodes[3:]])


def fixed_start(rng):
    return {"x": np.array([0.5, 0.3])}


def normal_start(rng):
    return {"x": rng.normal(size=2)}


def toy_player(family, trial, start=fixed_start):
    """The player of one of the trials above."""
    return Player(family=family, init=start, trial=partial(trial, family=family))
