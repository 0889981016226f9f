"""Small tasks and families that several tests use, by name."""

import numpy as np

from metarl_min.mdps.mdp import MDP
from metarl_min.tasks.bandits import bandit, bandit_mdps
from metarl_min.tasks.gridworlds import gridworld

# The worked example of the README: two arms that pay 0.2 and 0.9.
TWO_ARMS = bandit_mdps(np.array([[0.2, 0.9]]))

# The rewards of a step depend on the action alone; each action slips to the other state.
SLIP = np.array([[[0.6, 0.4], [0.3, 0.7]], [[0.2, 0.8], [0.5, 0.5]]])

# State 1 is absorbing: nothing more happens there.
TRAP = np.array([[[0.7, 0.3], [0.2, 0.8]], [[0.0, 1.0], [0.0, 1.0]]])

# A grid of 3 x 3 cells that starts in the middle.
SMALL_GRID = {"size": 3, "start": 4, "horizon": 4, "episodes": 3}


def small_bandit(arms=2, pulls=3):
    """A family of a few Bernoulli arms and pulls, with uniform priors."""
    return bandit(arms=arms, pulls=pulls)


def small_grid(**parameters):
    """The family of `SMALL_GRID`, with other parameters where they are given."""
    return gridworld(**SMALL_GRID, **parameters)


def one_state(rewards):
    """One task with one state, whose actions pay `rewards` [A] for certain."""
    rewards = np.asarray(rewards, float)
    return MDP(np.ones(1), np.ones((1, len(rewards), 1)), rewards[None, :, None])
