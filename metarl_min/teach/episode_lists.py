"""Cases for estimators: every list of N episodes of small MDPs, with its probability.

N episodes of T steps are played with the softmax policy of theta [S, A]. Episode n is played in
task n. All tasks have the same transitions, and each task has its own rewards. The objective J is
the mean of the expected returns of the tasks. If all tasks were equal, an estimator that uses only
one of the episodes would have the right expectation.

The arguments of the student's function are theta [S, A], states, actions and rewards [N, T], gamma,
and in some questions a table q. One call gets one list of episodes. The probability of the list is
the product of the probabilities of the episodes, enumeration (1).

The functions of `episode_lists` trust their arguments.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.trees import Array, Rng
from metarl_min.gradients.enumeration import trajectories
from metarl_min.gradients.objectives import expected_return_gradient
from metarl_min.mdps.mdp import MDP, take_tasks
from metarl_min.mdps.policies import softmax
from metarl_min.mdps.prepared_mdps import prepare
from metarl_min.tasks.gridworlds import transitions
from metarl_min.teach.value_questions import Case


class Setting(NamedTuple):
    """A policy, and the N tasks in which it plays one episode each."""

    name: str
    theta: Array  # [S, A]
    tasks: MDP  # [N]
    horizon: int
    gamma: float


def _setting(
    rng: Rng, name: str, transition: Array, reward_shape: tuple[int, ...], horizon: int
) -> Setting:
    """Draw a policy, the rewards of each task, and gamma. Episodes start in the second state."""
    S, A = transition.shape[:2]
    return Setting(
        name=f"{name}, N = {reward_shape[0]}, T = {horizon}",
        theta=rng.normal(size=(S, A)),
        tasks=MDP(
            initial=np.eye(S)[None, 1],
            transition=transition[None],
            reward=1.5 + rng.normal(size=reward_shape),
        ),
        horizon=horizon,
        gamma=float(rng.uniform(0.5, 0.9)),
    )


def corridor(rng: Rng, num_tasks: int, horizon: int) -> Setting:
    """Draw tasks in a row of 3 cells. The actions are left and right.

    A step pays the reward of the cell in which it ends.
    """
    arrivals = np.clip(np.arange(3)[:, None] + [-1, 1], 0, 2)
    return _setting(rng, "a row of 3 cells", np.eye(3)[arrivals], (num_tasks, 1, 1, 3), horizon)


def grid(rng: Rng, num_tasks: int) -> Setting:
    """Draw tasks with 2 steps and 4 moves in a square of 4 cells, with rewards as in `corridor`."""
    moves = transitions(size=2, num_actions=4, walls=(), slip=0.0)
    return _setting(rng, "a square of 4 cells", moves, (num_tasks, 1, 1, 4), 2)


def random_mdp(rng: Rng, num_tasks: int) -> Setting:
    """Draw tasks with 2 steps, 2 states and 2 actions. A step pays for its state and action.

    Episodes start in the second state, where the first action has a random arrival. All other
    actions lead to the first state. So a first step has 3
    outcomes, and 2 actions follow each. The last arrival is not listed, so there are 6 episodes.
    """
    arrivals = np.eye(2)[np.zeros((2, 2), dtype=int)]
    arrivals[1, 0] = rng.dirichlet(np.full(2, 3.0))
    return _setting(rng, "2 states with random arrivals", arrivals, (num_tasks, 2, 2, 1), 2)


def _episodes(setting: Setting, task: MDP) -> list[tuple[Array, Array, Array, float]]:
    """Return the states, actions and rewards [T] of each possible episode, and its probability."""
    listed = trajectories(task, setting.horizon)
    states, actions, rewards = listed.episodes[:3]
    chance = np.exp(listed.log_chance) * softmax(setting.theta)[states, actions].prod(-1)
    return list(zip(states, actions, rewards, chance, strict=True))


def _text(setting: Setting, arguments: tuple[Any, ...]) -> str:
    """Return the text of a case: the arguments of one call, and the name of the setting."""
    names = ("theta", "states", "actions", "rewards", "gamma", "q")
    shown = ", ".join(f"{name} = {x!r}" for name, x in zip(names, arguments, strict=False))
    return f"{shown}; and every other list in {setting.name}"


def exact_gradient(setting: Setting) -> Array:
    """Return the gradient of J, the mean of the expected returns of the tasks. [S, A]"""
    prepared = prepare(setting.tasks, setting.horizon, setting.gamma)
    return np.asarray(expected_return_gradient(setting.theta, prepared).mean(0))


def every_list(setting: Setting, *others: Any) -> Case:
    """Return the case of all lists of N episodes. Its exact value is the gradient of J.

    `others` are the last arguments of each call.
    """
    tasks = [take_tasks(setting.tasks, np.array([n])) for n in range(len(setting.tasks.reward))]
    arguments, probability = [], []
    for episodes in itertools.product(*[_episodes(setting, task) for task in tasks]):
        states, actions, rewards, chances = zip(*episodes, strict=True)
        stacked = (np.stack(states), np.stack(actions), np.stack(rewards))
        arguments.append((setting.theta, *stacked, setting.gamma, *others))
        probability.append(np.prod(chances))
    return Case(
        arguments=arguments,
        probability=np.array(probability),
        text=_text(setting, arguments[-1]),
        exact=exact_gradient(setting),
    )
