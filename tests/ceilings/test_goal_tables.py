"""The tables from which a goal search is recognised."""

import numpy as np

from metarl_min.ceilings import goal_search, goal_tables
from metarl_min.tasks.gridworlds import gridworld

GRID = {"size": 3, "start": 0, "stay": 0, "horizon": 6, "episodes": 2, "terminate": 1}


def test_the_goal_and_its_reward_are_found_from_the_steps():
    steps = goal_tables.without_chance(gridworld(size=3, start=4, goals=(2, 8), goal_reward=5.0))
    moves, step_reward = goal_tables.common_step(steps)
    assert steps.start == 4 and step_reward == -0.1
    assert moves[4].tolist() == [1, 7, 3, 5, 4]  # up, down, left, right, stay
    goals, rewards = goal_tables.locate(steps, moves, step_reward)
    assert goals.tolist() == [2, 8] and rewards.tolist() == [5.0, 5.0]
    no_goal = steps._replace(rewards=np.where(steps.rewards == 5.0, -0.1, 5.0))
    assert goal_tables.locate(no_goal, moves, -0.1) is None


def test_a_goal_search_is_recognised_up_to_a_size(monkeypatch):
    family, entries = gridworld(**GRID), 8 * 9 * 9 * 4  # G S S A
    monkeypatch.setattr(goal_tables, "MAX_ENTRIES", entries)
    assert goal_search.recognise(family) is not None
    monkeypatch.setattr(goal_tables, "MAX_ENTRIES", entries - 1)
    assert goal_search.recognise(family) is None
