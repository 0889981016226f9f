"""An agent that plays a policy of another library, such as one from `gymnasium_environments`.

Such a policy is a function `predict(observations, memory, starts)`. It returns an action for each
observation, and its next memory:

    observations  x_t of recurrent_agents (1), float32 [B, I]
    memory        the memory that `predict` returned last; None at the first step of a trial
    starts        whether the step is the first step of the trial, bools [B]

For a model of Stable-Baselines3, `predict` is
`lambda x, h, starts: model.predict(x, state=h, episode_start=starts)`. The policy draws its own
random numbers, so the argument `rng` of the agent has no effect on its actions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from metarl_min.basics.arguments import array, function, instance, require
from metarl_min.basics.trees import Array, Rng
from metarl_min.mdps.agents import Agent
from metarl_min.memory import recurrent_agents
from metarl_min.memory.recurrent_agents import Memory
from metarl_min.tasks import Family, reward_unit, shape_of

Predict = Callable[[Array, Any, Array], tuple[Array, Any]]


def agent(predict: Predict, family: Family) -> Agent:
    """Return the agent that plays a policy of another library in trials of the family.

    >>> from metarl_min.tasks import play_trial
    >>> from metarl_min.tasks.bandits import bandit
    >>> def repeat_a_win(x, memory, starts):  # x is (state, two actions, reward, start of episode)
    ...     last = np.where(starts, 0, x[:, 2]).astype(int)  # 1 if arm 1 was pulled last
    ...     return np.where(x[:, 3] > 0, last, 1 - last), memory
    >>> family, rng = bandit(arms=2, pulls=4), np.random.default_rng(0)
    >>> player = agent(repeat_a_win, family)
    >>> episodes, _ = play_trial(rng, family, family.sample(rng, 1), player)
    >>> episodes.actions[0, :, 0].tolist(), episodes.rewards[0, :, 0].tolist()
    ([1, 0, 1, 0], [0.0, 0.0, 0.0, 1.0])
    """
    function("predict", predict)
    (S, A), unit = shape_of(instance("family", family, Family)), reward_unit(family)

    def act(rng: Rng, memory: Memory, states: Array) -> tuple[Array, Memory]:
        last = memory.last_action_reward  # all zeros at the first step of a trial, and only there
        x = recurrent_agents.observation(states, last, memory.episode_starts, S)
        predicted = predict(x, memory.policy_memory, np.full(len(states), not last.any()))
        fits = isinstance(predicted, tuple) and len(predicted) == 2
        require(fits, "predict must return a pair (actions, memory)", type(predicted).__name__)
        actions = array("actions of predict", predicted[0], "iu", "whole numbers")
        return actions, memory._replace(policy_memory=predicted[1])

    return Agent(
        start=partial(recurrent_agents.empty_memory, None, num_actions=A, dtype=np.float32),
        begin_episode=recurrent_agents.begin_episode,
        act=act,
        observe=partial(recurrent_agents.observe, unit=unit),
    )
