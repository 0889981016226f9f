"""Small tasks, families and agents that several tests use, by name.

A name in capitals that ends in _TASK, or names a number of arms, is a batch of one MDP, [1, ...].
"""

from functools import partial

import numpy as np

from metarl_min.baselines import bayesian_bandits
from metarl_min.mdps import agents, rollouts
from metarl_min.mdps.agents import Agent
from metarl_min.mdps.mdp import MDP
from metarl_min.tasks import Family
from metarl_min.tasks.bandits import bandit, bandit_mdps, gaussian
from metarl_min.tasks.gridworlds import gridworld

# ---- first states, transitions and rewards of two states and two actions ----

FIXED_START, RANDOM_START = np.array([1.0, 0.0]), np.array([0.25, 0.75])

# Each action slips to the other state with some probability.
SLIP = np.array([[[0.6, 0.4], [0.3, 0.7]], [[0.2, 0.8], [0.5, 0.5]]])

# Action 0 stays, and action 1 moves to the other state.
TOGGLE = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]])

# State 1 is absorbing where it pays nothing.
TRAP = np.array([[[0.7, 0.3], [0.2, 0.8]], [[0.0, 1.0], [0.0, 1.0]]])

REWARD_BY_ACTION = np.array([[[1.0], [-0.5]], [[0.3], [2.0]]])
REWARD_BY_ARRIVAL = np.array([[[1.0, 0.2], [-0.5, 0.1]], [[0.3, 0.9], [2.0, -1.0]]])
REWARD_BEFORE_TRAP = np.array([[[1.0, 2.0], [-0.5, 0.4]], [[0.0, 0.0], [0.0, 0.0]]])


def one_task(initial, transition, reward):
    """A batch of one MDP."""
    return MDP(initial[None], transition[None], reward[None])


def one_state(rewards):
    """A single MDP with one state, whose actions pay `rewards` [A] for certain."""
    rewards = np.asarray(rewards, float)
    return MDP(np.ones(1), np.ones((1, len(rewards), 1)), rewards[None, :, None])


def corridor(length=3, pay=1.0):
    """A single MDP: right or stay; the last cell is absorbing and its arrival is paid."""
    eye = np.eye(length)
    transition = np.stack([eye[[*range(1, length), length - 1]], eye], axis=1)
    transition[-1] = eye[-1]
    reward = np.zeros((length, 2, length))
    reward[:-1, :, -1] = pay
    return MDP(eye[0], transition, reward)


# ---- tasks ----

# The worked example of the README: two arms that pay 0.2 and 0.9.
TWO_ARMS = bandit_mdps(np.array([[0.2, 0.9]]))
THREE_ARMS = bandit_mdps(np.array([[0.2, 0.9, -0.6]]))

SLIP_TASK = one_task(FIXED_START, SLIP, REWARD_BY_ACTION)
TRAP_TASK = one_task(FIXED_START, TRAP, REWARD_BEFORE_TRAP)

# Staying in state 1 pays; nothing is random.
TOGGLE_TASK = one_task(
    FIXED_START, TOGGLE, np.array([[[0.1, 0.1], [-0.3, -0.3]], [[1.0, 1.0], [0.2, 0.2]]])
)

# A fixed start, and rewards that do not depend on the arrival.
TWO_STATES_TASK = one_task(
    FIXED_START,
    np.array([[[0.3, 0.7], [0.4, 0.6]], [[0.3, 0.7], [0.8, 0.2]]]),
    np.array([[[0.4], [1.4]], [[-0.2], [-1.2]]]),
)

# ---- families ----

# Pairs (a, b) of some arms, with equal pairs in different places.
PRIORS_OF_ARMS = {
    "equal": [(1, 1)] * 3,
    "two and one": [(2, 1), (1, 1), (2, 1)],
    "all different": [(2, 1), (1, 1), (1, 2)],
    "one arm": [(3, 2)],
    "two pairs": [(1, 1), (2, 3), (1, 1), (2, 3)],
}

# A grid of 3 x 3 cells that starts in the middle.
SMALL_GRID = {"size": 3, "start": 4, "horizon": 4, "episodes": 3}


def small_bandit(arms=2, pulls=3):
    """A family of a few Bernoulli arms and pulls, with uniform priors."""
    return bandit(arms=arms, pulls=pulls)


def small_grid(**parameters):
    """The family of `SMALL_GRID`, with other parameters where they are given."""
    return gridworld(**{**SMALL_GRID, **parameters})


# ---- families that differ by a factor of their rewards ----


def _own_tasks(rng, num_tasks, unit):
    """Three arms in two states; the action decides the next state."""
    reward = unit * rng.uniform(-1, 1, (num_tasks, 2, 3, 1))
    transition = np.eye(2)[[[0, 1, 1], [0, 1, 0]]]
    return MDP(np.array([[1.0, 0.0]]), transition[None], reward)


def own_family(unit=1.0):
    """A family of one's own: no prior, and noise of a quarter of its unit."""
    noise = partial(rollouts.gaussian, std=unit / 4)
    return Family("own", {}, None, partial(_own_tasks, unit=unit), 2, 3, noise)


def paying_grid(unit):
    """Goal search that pays `unit` on the goal, and charges a tenth of it elsewhere."""
    goals = (4, 9, 14, 19, 24)
    return gridworld(goals=goals, goal_reward=unit, step_reward=-unit / 10, horizon=6, episodes=2)


def paying_arms(unit):
    """Three normal arms, whose means and rewards have the standard deviation `unit`."""
    return gaussian(arms=3, pulls=5, std=unit, noise=unit)


PAYING = {"gridworld": paying_grid, "gaussian": paying_arms, "own": own_family}

# ---- policies and agents ----


def always(action, num_states, num_actions=2):
    """The table of a policy that always takes one action. [S, A]"""
    return np.eye(num_actions)[np.full(num_states, action)]


def table_agent(probs):
    """An agent that plays the table `probs` [S, A]; its memory counts the steps."""

    def act(rng, memory, states):
        return (rng.random((len(states), 1)) >= np.cumsum(probs, -1)[states]).sum(-1), memory

    return Agent(
        start=lambda num_rows: 0,
        begin_episode=agents.keep_memory,
        act=act,
        observe=lambda memory, *seen: memory + 1,
    )


def scripted_agent(actions):
    """An agent that takes `actions` one after the other in all its rows, whatever happens."""
    return Agent(
        start=lambda num_rows: 0,
        begin_episode=agents.keep_memory,
        act=lambda rng, k, states: (np.full(len(states), actions[k]), k),
        observe=lambda k, *seen: k + 1,
    )


# ---- players that are not trained ----

# Makers of the players that look at the posterior means of Bernoulli arms, by their names.
POSTERIOR_MEAN_PLAYERS = {
    "greedy": bayesian_bandits.greedy,
    "greedy_first_arm": bayesian_bandits.greedy_first_arm,
    "eps_greedy": partial(bayesian_bandits.eps_greedy, eps=0.1),
    "eps_greedy_first_arm": partial(bayesian_bandits.eps_greedy_first_arm, eps=0.1),
    "ucb_posterior_mean": partial(bayesian_bandits.ucb_posterior_mean, c=0.2),
    "optimistic_thompson": bayesian_bandits.optimistic_thompson,
    "explore_then_commit": partial(bayesian_bandits.explore_then_commit, pulls_per_arm=1),
}


def trials_of(player, num_tasks, seed=1):
    """One trial of a player on each of `num_tasks` fresh tasks of its family."""
    tasks = player.family.sample(np.random.default_rng(0), num_tasks)
    state = player.init(np.random.default_rng(0))
    return player.trial(np.random.default_rng(seed), state, tasks)


def returns_of(player, num_tasks, seed=1):
    """The total reward of each of these trials. [num_tasks]"""
    return trials_of(player, num_tasks, seed).rewards.sum((1, 2))
