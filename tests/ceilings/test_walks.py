"""The bound on walks, eq. (1), and the best walk, against all walks."""

import itertools
import math

import numpy as np
import pytest
from comparing import rng

from metarl_min.ceilings import TooLarge, goal_search, walks
from metarl_min.ceilings.assignment import assignment_duals
from metarl_min.tasks.gridworlds import gridworld


def drawn_problem(draw):
    """Five goals in a grid of 3 x 3 cells, two episodes of three steps, and normal worth."""
    grid = {"size": 3, "start": 4, "horizon": 3, "episodes": 2, "goals": (0, 1, 2, 3, 8)}
    problem = goal_search.recognise(gridworld(**grid, stay=0)).problem
    return problem._replace(worth=draw.normal(1, 1, size=problem.worth.shape))


def gains(problem, states):
    """The gain of each step of a walk, from its states before each step and at the end."""
    seen = [bits for _, bits in states]
    return [
        sum(problem.worth[t, g] for g in range(5) if (after & ~before) >> g & 1)
        for t, (before, after) in enumerate(itertools.pairwise(seen))
    ]


@pytest.mark.verifies("walks.1")
@pytest.mark.parametrize("seed", range(2))
def test_eq1_no_walk_gains_more_than_the_bound(seed, monkeypatch):
    draw = rng(seed)
    problem = drawn_problem(draw)
    reach = walks.reachability(problem)
    root = assignment_duals(walks.reachable_worth(problem, reach, 0)[problem.start])
    choices = [root, draw.random(6)]
    bounds = [[walks.bound_table(problem, reach, t, x) for x in choices] for t in range(7)]
    best, tightest = -math.inf, math.inf
    for actions in itertools.product(range(4), repeat=6):
        states = walks.replay(problem, actions)
        gain = gains(problem, states)
        best, t = max(best, sum(gain)), int(draw.integers(0, 7))
        none, (cell, seen) = np.zeros(1, int), states[t]
        layer = walks.Layer(none + seen, none + cell, np.array([sum(gain[:t])]), none, none)
        slack = walks.upper_bound(bounds[t], layer)[0] - sum(gain)
        tightest = min(tightest, slack)
    assert -1e-12 <= tightest < 1e-9  # the bound is an equality at least after the last step
    monkeypatch.setattr(walks, "BEAM", 1)
    assert walks.best_walk(problem)[0] == pytest.approx(best, abs=1e-9)


def test_reachable_worth_is_zero_where_no_walk_can_end_at_the_goal():
    problem = drawn_problem(rng())
    reach = walks.reachability(problem)
    cells = np.argsort(problem.goal_at)[-5:]
    for t in range(6):
        worth = walks.reachable_worth(problem, reach, t)
        for cell in range(9):
            at = {cell}  # where the walk can be before step j
            for k, j in enumerate(range(t, 6)):
                if j % 3 == 0 and j > t:
                    at = {problem.start}
                at = {int(problem.moves[s, a]) for s in at for a in range(4)}
                expected = [problem.worth[j, g] * (cells[g] in at) for g in range(5)]
                np.testing.assert_array_equal(worth[cell, :, k], expected)


def test_replay_starts_each_episode_at_the_start_and_counts_a_goal_once():
    problem = drawn_problem(rng())
    up, down, left = 0, 1, 2
    states = walks.replay(problem, [up, left, down, up, down, up])
    goal = {int(cell): 1 << int(g) for cell, g in enumerate(problem.goal_at) if g >= 0}
    seen = [0, goal[1], goal[1] | goal[0], goal[1] | goal[0] | goal[3]]
    assert states == list(zip([4, 1, 0, 4, 1, 4, 4], seen + seen[-1:] * 3, strict=True))


def test_a_narrow_first_pass_does_not_change_the_value(monkeypatch):
    problem = goal_search.recognise(gridworld(size=4, start=5, episodes=2)).problem
    value, _ = walks.best_walk(problem)
    monkeypatch.setattr(walks, "BEAM", 1)
    assert walks.best_walk(problem)[0] == pytest.approx(value)


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
def test_a_better_walk_is_found_in_any_unit(unit, monkeypatch):
    """The first pass keeps one state, so the second pass must find what the first one missed."""
    problems = [drawn_problem(rng(seed)) for seed in range(20)]
    best = [walks.best_walk(problem)[0] for problem in problems]
    monkeypatch.setattr(walks, "BEAM", 1)
    for problem, value in zip(problems, best, strict=True):
        found, _ = walks.best_walk(problem._replace(worth=unit * problem.worth))
        assert found / unit == pytest.approx(value, rel=1e-12)


def test_the_first_pass_keeps_at_most_a_number_of_states(monkeypatch):
    family = gridworld(size=3, start=0, horizon=6, episodes=2, terminate=1, step_reward=0.0)
    problem = goal_search.recognise(family).problem
    value, _ = walks.best_walk(problem)
    monkeypatch.setattr(walks, "BEAM", 5)
    monkeypatch.setattr(walks, "MAX_STATES", 5 * 12)  # the second pass needs fewer states
    assert walks.best_walk(problem)[0] == pytest.approx(value, abs=1e-12)


def test_the_actions_of_the_best_walk_earn_its_worth():
    problem = drawn_problem(rng(7))
    value, actions = walks.best_walk(problem)
    assert sum(gains(problem, walks.replay(problem, actions))) == pytest.approx(value, abs=1e-12)


def test_too_many_states_are_refused_by_their_number(monkeypatch):
    monkeypatch.setattr(walks, "MAX_STATES", 100)
    with pytest.raises(TooLarge, match="may meet at most 100 states, got more after"):
        walks.best_walk(goal_search.recognise(gridworld(episodes=2)).problem)
