"""Gridworlds against moves written out by hand."""

import pickle
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from problems import scripted_agent

from metarl_min.ceilings import bayes_optimal
from metarl_min.mdps import agents, mdp, rollouts, values
from metarl_min.tasks import gridworlds
from metarl_min.tasks.gridworlds import (
    end_at_goals,
    goal_mdps,
    gridworld,
    navigation,
    squared_distances,
    transitions,
)

UP, DOWN, LEFT, RIGHT, STAY = range(5)

# 0 1 2
# 3 4 5     where each of up, down, left, right, stay leads
# 6 7 8
THREE = [
    [0, 3, 0, 1, 0], [1, 4, 0, 2, 1], [2, 5, 1, 2, 2],
    [0, 6, 3, 4, 3], [1, 7, 3, 5, 4], [2, 8, 4, 5, 5],
    [3, 6, 6, 7, 6], [4, 7, 6, 8, 7], [5, 8, 7, 8, 8],
]  # fmt: skip
WALL_AT_4 = [
    [0, 3, 0, 1, 0], [1, 1, 0, 2, 1], [2, 5, 1, 2, 2],
    [0, 6, 3, 3, 3], [1, 7, 3, 5, 4], [2, 8, 5, 5, 5],
    [3, 6, 6, 7, 6], [7, 7, 6, 8, 7], [5, 8, 7, 8, 8],
]  # fmt: skip


@pytest.mark.verifies("gridworlds.1")
@pytest.mark.parametrize(("walls", "leads"), [((), THREE), ((4,), WALL_AT_4)])
@pytest.mark.parametrize("num_actions", [4, 5])
def test_eq1_borders_and_walls_keep_the_position(walls, leads, num_actions):
    transition = gridworlds.transitions(3, num_actions, walls, 0.0)
    assert np.array_equal(transition, np.eye(9)[np.array(leads)[:, :num_actions]])


@pytest.mark.verifies("gridworlds.1")
def test_eq1_a_slip_is_a_move_in_any_of_the_four_directions():
    transition = gridworlds.transitions(3, 5, (), 0.2)
    middle = np.zeros(9)
    middle[[1, 7, 3, 5]] = 0.05
    assert np.allclose(transition[4, UP], middle + 0.8 * np.eye(9)[1], atol=1e-15)
    assert np.allclose(transition[4, STAY], middle + 0.8 * np.eye(9)[4], atol=1e-15)
    corner = np.zeros(9)
    corner[[0, 1, 3]] = 0.1, 0.05, 0.05
    assert np.allclose(transition[0, DOWN], corner + 0.8 * np.eye(9)[3], atol=1e-15)
    assert np.allclose(transition.sum(-1), 1, atol=1e-15)


def test_full_slip_forgets_the_action():
    transition = gridworlds.transitions(3, 5, (1,), 1.0)
    assert np.array_equal(transition, np.repeat(transition[:, :1], 5, axis=1))


@pytest.mark.verifies("gridworlds.2")
def test_eq2_the_cell_of_arrival_pays_and_the_goal_pays_instead():
    task = mdp.take_tasks(gridworld(size=3, start=0, goals=(5,), goal_reward=7.0).prior.mdps, [0])
    rewards = np.broadcast_to(task.reward, (1, 9, 5, 9))[0]
    for s, a, z in np.ndindex(9, 5, 9):
        assert rewards[s, a, z] == (7.0 if z == 5 else -0.1)


def walk(family, actions):
    """The episodes of a trial on the first task, in which each episode takes these actions."""
    task = mdp.take_tasks(family.prior.mdps, [0])
    tables = rollouts.sampler(task, family.reward_noise)
    agent = scripted_agent(list(actions) * 2)
    return agents.play(np.random.default_rng(0), tables, agent, 2, len(actions))[0]


def test_a_walk_to_the_goal_and_back_is_paid_on_each_arrival():
    family = gridworld(size=3, start=0, goals=(2,))
    episodes = walk(family, [RIGHT, RIGHT, STAY, UP, LEFT])
    for episode in range(2):
        assert episodes.states[0, episode].tolist() == [0, 1, 2, 2, 2]
        assert episodes.rewards[0, episode].tolist() == [-0.1, 1.0, 1.0, 1.0, -0.1]
    assert episodes.alive.all()


def test_with_terminate_the_arrival_is_paid_and_then_nothing_until_the_next_episode():
    family = gridworld(size=3, start=0, goals=(2,), terminate=1, goal_reward=5.0)
    episodes = walk(family, [RIGHT, RIGHT, LEFT, LEFT])
    for episode in range(2):
        assert episodes.states[0, episode].tolist() == [0, 1, 2, 2]
        assert episodes.rewards[0, episode].tolist() == [-0.1, 5.0, 0.0, 0.0]
        assert episodes.alive[0, episode].tolist() == [True, True, False, False]


def test_absorbing_goals_are_each_tasks_own():
    prior = gridworld(size=3, start=0, terminate=1).prior
    for goal, transition, reward in zip(
        range(1, 9), prior.mdps.transition, prior.mdps.reward, strict=True
    ):
        assert (transition[goal] == np.eye(9)[goal]).all() and (reward[goal] == 0).all()
        other = goal % 8 + 1
        assert np.array_equal(transition[other], np.eye(9)[THREE[other]])
        assert (reward[other, ..., goal] == 1).all()


def test_the_goal_is_uniform_over_all_cells_but_the_start_and_the_walls():
    family = gridworld(size=3, start=4, walls=(0, 8))
    goals = np.argmax(family.prior.mdps.reward[:, 0, 0], axis=-1)
    assert goals.tolist() == [1, 2, 3, 5, 6, 7]
    assert np.allclose(family.prior.weights, 1 / 6)
    drawn = np.argmax(family.sample(np.random.default_rng(0), 12_000).reward[:, 0, 0], axis=-1)
    counts = np.bincount(drawn, minlength=9)[goals]
    assert counts.sum() == 12_000
    assert (abs(counts - 2000) < 5 * np.sqrt(12_000 * 5 / 36)).all()


def test_a_start_that_is_not_given_is_the_centre():
    for size, centre in ((2, 3), (3, 4), (4, 10), (5, 12), (7, 24)):
        family = gridworld(size=size)
        assert family.parameters["start"] == centre
        assert np.array_equal(family.prior.mdps.initial, np.eye(size * size)[[centre]])


def test_goals_may_be_named_and_may_hold_the_start():
    family = gridworld(size=3, start=4, goals=(8, 4))
    assert np.argmax(family.prior.mdps.reward[:, 0, 0], axis=-1).tolist() == [8, 4]
    assert gridworld(size=2, start=0, goals=(0, 1, 2, 3)).prior.mdps.leading == (4,)


def test_all_tasks_start_in_the_start_and_share_what_they_can():
    family = gridworld()
    assert np.array_equal(family.prior.mdps.initial, np.eye(25)[[12]])
    assert family.prior.mdps.transition.shape == (1, 25, 5, 25)
    assert gridworld(stay=0).prior.mdps.shape == (25, 4)
    assert family.parameters == {
        "size": 5, "start": 12, "horizon": 15, "episodes": 4, "stay": 1, "goal_reward": 1.0,
        "step_reward": -0.1, "terminate": 0, "goals": "", "walls": "", "slip": 0.0,
    }  # fmt: skip
    assert (family.horizon, family.num_episodes) == (15, 4)
    assert family.reward_noise is rollouts.deterministic


def test_the_known_task_of_the_right_column_is_worth_its_shortest_path():
    family = gridworld(goals=(4, 9, 14, 19, 24))  # 4, 3, 2, 3, 4 steps from the middle
    best = mdp.optimal_return(family.prior.mdps, 15)
    steps = np.array([4, 3, 2, 3, 4])
    assert np.allclose(best, -0.1 * (steps - 1) + (15 - steps + 1), atol=1e-12)


def test_the_return_of_the_random_policy_is_that_of_the_design():
    family = gridworld(goals=(4, 9, 14, 19, 24))
    returns = values.expected_return(family.prior.mdps, np.full((25, 5), 0.2), 15)
    assert 4 * returns.mean() == pytest.approx(-4.058179, abs=5e-7)


def test_families_pickle_and_draw_the_same_afterwards():
    family = gridworld(size=3, start=0)
    again = pickle.loads(pickle.dumps(family))
    draws = [f.sample(np.random.default_rng(3), 6).reward for f in (family, again)]
    assert np.array_equal(*draws) and again.parameters == family.parameters


def test_a_grid_of_too_many_numbers_is_refused_before_its_arrays_are_made():
    rule = "a grid may be described by at most 100,000,000 numbers, got"
    with pytest.raises(ValueError, match=f"{rule} 100,755,605 for size 67"):
        gridworld(size=67, start=0)  # 5 actions, and S^2 pairs of states, with S = 67^2 = 4489
    with pytest.raises(ValueError, match=f"{rule} 320,000,000 for size 20"):
        gridworld(size=20, start=0, terminate=1)  # S tasks, each with transitions of its own
    family = gridworld(size=20, start=0, terminate=1, goals=(5,))
    assert family.prior.mdps.transition.shape == (1, 400, 5, 400)


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"size": 0}, ValueError, "size must be at least 1, got 0"),
        ({"size": 2.0}, TypeError, "size must be a whole number, got 2.0"),
        ({"size": 1}, ValueError, "there must be a cell for the goal, got size 1"),
        ({"size": 1, "start": 0}, ValueError, "there must be a cell for the goal, got size 1"),
        ({"start": 25}, ValueError, "start must be a cell from 0 to 24, got 25"),
        ({"start": -1}, ValueError, "start must be at least 0, got -1"),
        ({"stay": 2}, ValueError, "stay must be 0 or 1, got 2"),
        ({"terminate": -1}, ValueError, "terminate must be at least 0, got -1"),
        ({"horizon": 0}, ValueError, "horizon must be at least 1, got 0"),
        ({"episodes": 0}, ValueError, "episodes must be at least 1, got 0"),
        ({"slip": 1.1}, ValueError, "slip must be finite.* got 1.1"),
        ({"start": 12.0}, TypeError, "start must be a whole number, got 12.0"),
        ({"goals": (4.0,)}, TypeError, "goals must be a whole number, got 4.0"),
        ({"goal_reward": np.nan}, ValueError, "goal_reward must be finite, from .* got nan"),
        ({"step_reward": np.inf}, ValueError, "step_reward must be finite, from .* got inf"),
        ({"goals": (3, 3)}, ValueError, r"goals must be different cells.* got \(3, 3\)"),
        ({"goals": (25,)}, ValueError, r"goals must be different cells from 0 to 24.* got \(25,\)"),
        ({"goals": (1,), "walls": (1,)}, ValueError, r"that are not walls, got \(1,\)"),
        ({"walls": (12,)}, ValueError, r"other than the start, 12, got \(12,\)"),
        ({"walls": (1, 1)}, ValueError, r"walls must be different cells.* got \(1, 1\)"),
        ({"walls": (30,)}, ValueError, r"walls must be different cells from 0 to 24.* got \(30,\)"),
        ({"goals": (12, 3), "terminate": 1}, ValueError, "must not hold the start .* got 12"),
    ],
)
def test_bad_parameters_are_refused(words, error, message):
    with pytest.raises(error, match=message):
        gridworld(**words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"goals": 3}, "goals must be a tuple, got 3"),
        ({"goals": None}, "goals must be a tuple, got None"),
        ({"goals": "3,4"}, "goals must be a tuple, got '3,4'"),
        ({"walls": {3}}, r"walls must be a tuple, got \{3\}"),
        ({"goals": ("3",)}, "goals must be a whole number, got '3'"),
        ({"stay": True}, "stay must be a whole number, got True"),
        ({"slip": None}, "slip must be a real number, got None"),
        ({"goal_reward": "1"}, "goal_reward must be a real number, got '1'"),
    ],
)
def test_parameters_of_another_kind_are_refused(words, message):
    with pytest.raises(TypeError, match=f"^{message}$"):
        gridworld(**words)


@pytest.mark.parametrize("kind", [np.int8, np.uint8])
def test_numbers_of_other_types_are_converted(kind):
    words = {
        "size": 20, "start": 100, "horizon": 100, "episodes": 3, "stay": 0, "terminate": 1,
        "goal_reward": 2, "step_reward": 0,
    }  # fmt: skip
    plain = gridworld(**words, goals=(7, 120), walls=(9,), slip=0.25)
    narrow = {name: kind(x) for name, x in words.items()}
    cells = {"goals": np.array([7, 120], kind), "walls": [kind(9)]}
    other = gridworld(**narrow, **cells, slip=Fraction(1, 4))
    assert other.parameters == plain.parameters
    assert {type(x) for x in other.parameters.values()} <= {int, float, str}
    assert all(map(np.array_equal, other.prior.mdps, plain.prior.mdps))
    assert (type(other.horizon), type(other.num_episodes)) == (int, int)


LINE = transitions(2, 4, (), 0.25)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"size": True}, TypeError, "size must be a whole number"),
        ({"size": 10**15}, ValueError, "a grid may be described by at most 100,000,000 numbers"),
        ({"num_actions": 6}, ValueError, "num_actions must be at most 5, got 6"),
        ({"walls": (9,)}, ValueError, "walls must be at most 8, got 9"),
        ({"walls": "12"}, TypeError, "walls must be a tuple, got '12'"),
        ({"slip": np.nan}, ValueError, "slip must be finite, from 0 to 1, got nan"),
    ],
)
def test_transitions_of_another_grid_are_refused(change, error, message):
    with pytest.raises(error, match=message):
        transitions(**{"size": 3, "num_actions": 4, "walls": (1,), "slip": 0.5, **change})


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"transition": LINE[0]}, ValueError, r"transition must have the shape \[S, A, S\], got"),
        ({"start": 4}, ValueError, "start must be at most 3, got 4"),
        ({"goals": (-1,)}, ValueError, "goals must be at least 0, got -1"),
        ({"goal_reward": np.inf}, ValueError, "goal_reward must be finite"),
        ({"step_reward": "1"}, TypeError, "step_reward must be a real number"),
    ],
)
def test_tasks_with_other_goals_are_refused(change, error, message):
    fits = {"transition": LINE, "start": 0, "goals": (2, 3), "goal_reward": 1.0, "step_reward": 0.0}
    with pytest.raises(error, match=message):
        goal_mdps(**{**fits, **change})


def test_each_task_ends_at_its_own_goal():
    mdps = goal_mdps(LINE, 0, (2, 3), 1.0, 0.0)
    with pytest.raises(ValueError, match=r"goals must be one cell for each of mdps, got \(2,\)"):
        end_at_goals(mdps, (2,))
    with pytest.raises(TypeError, match="mdps must be an MDP of plain arrays, got NoneType"):
        end_at_goals(None, (2, 3))


# ---- navigation ----


@pytest.mark.verifies("gridworlds.3")
def test_eq3_squared_distances_of_nine_cells():
    corner = [0, 1, 4, 1, 2, 5, 4, 5, 8]
    middle = [2, 1, 2, 1, 0, 1, 2, 1, 2]
    edge = [4, 1, 0, 5, 2, 1, 8, 5, 4]  # of cell 2
    found = squared_distances(3)
    assert (found[0].tolist(), found[4].tolist(), found[2].tolist()) == (corner, middle, edge)
    assert np.array_equal(found, found.T) and np.array_equal(found[::-1, ::-1], found)


@pytest.mark.verifies("gridworlds.3")
def test_eq3_a_walk_is_paid_on_each_arrival_and_ends_at_the_goal():
    episodes = walk(navigation(size=3, start=0, goals=(5,)), [DOWN, UP, LEFT, RIGHT, DOWN, RIGHT])
    for episode in range(2):
        assert episodes.states[0, episode].tolist() == [0, 3, 0, 0, 1, 4]
        assert episodes.rewards[0, episode].tolist() == [-4, -5, -5, -2, -1, 0]
    episodes = walk(navigation(size=3, start=0, goals=(1,)), [DOWN, RIGHT, UP, LEFT, LEFT])
    for episode in range(2):
        assert episodes.rewards[0, episode].tolist() == [-2, -1, 0, 0, 0]
        assert episodes.alive[0, episode].tolist() == [True, True, True, False, False]


def best_navigation(size, start, horizon, num_episodes, goals):
    """The sum over the goals of the optimal return, by recursion over the goals that are possible.

    A history tells which goals have all distances that were paid. Goals of equal distance stay
    together, and all other goals are told apart.
    """

    def move(cell, rows, columns):
        row, column = cell // size + rows, cell % size + columns
        return row * size + column if 0 <= row < size and 0 <= column < size else cell

    def distance(cell, goal):
        return (cell // size - goal // size) ** 2 + (cell % size - goal % size) ** 2

    def worth(arrival, t, goals):
        groups, total = {}, 0
        for goal in goals:
            groups.setdefault(distance(arrival, goal), []).append(goal)
        for paid, group in groups.items():
            at = (t // horizon + 1) * horizon if paid == 0 else t + 1  # the time of the next move
            cell = start if at % horizon == 0 else arrival
            total += best(cell, at, tuple(group)) - paid * len(group)
        return total

    @cache
    def best(cell, t, goals):
        if t == horizon * num_episodes:
            return 0
        moves = ((-1, 0), (1, 0), (0, -1), (0, 1))
        return max(worth(move(cell, *step), t, goals) for step in moves)

    return best(start, 0, tuple(goals))


@pytest.mark.parametrize(
    ("words", "known"),
    [
        ({"size": 3, "horizon": 4, "episodes": 3}, -3 / 2),  # 4 of the 8 goals cost 1
        ({"size": 5, "horizon": 3, "episodes": 2}, None),  # too short for the corners
        ({"size": 4, "start": 0, "horizon": 6, "episodes": 2, "goals": (3, 7, 12, 15)}, None),
        ({"size": 5, "horizon": 8, "episodes": 3}, -8),
    ],
)
def test_the_ceiling_of_navigation_is_that_of_a_recursion_over_goals(words, known):
    family = navigation(**words)
    size, start = family.parameters["size"], family.parameters["start"]
    goals = words.get("goals") or [cell for cell in range(size * size) if cell != start]
    ceiling = bayes_optimal.solve(family)
    trial = size, start, family.horizon, family.num_episodes
    assert ceiling.value == pytest.approx(best_navigation(*trial, goals) / len(goals), abs=1e-12)
    alone = sum(best_navigation(*trial, [goal]) for goal in goals) / len(goals)
    assert ceiling.known_task == pytest.approx(alone, abs=1e-12)
    assert known is None or alone == pytest.approx(known, abs=1e-12)


def test_the_ceiling_of_navigation_with_its_defaults():
    ceiling = bayes_optimal.solve(navigation())
    assert ceiling.value == pytest.approx(-23, abs=1e-12)  # best_navigation finds it in a second
    costs = 4 * 0 + 8 * 1 + 8 * 3 + 4 * 8  # of a shortest path to each of the 24 goals
    assert ceiling.known_task == pytest.approx(-4 * costs / 24, abs=1e-12)


def test_navigation_shares_the_cells_of_a_grid_that_ends_at_goals():
    family, grid = navigation(size=4), gridworld(size=4, stay=0, terminate=1)
    assert np.array_equal(family.prior.mdps.transition, grid.prior.mdps.transition)
    assert np.array_equal(family.prior.mdps.initial, grid.prior.mdps.initial)
    assert np.array_equal(family.prior.weights, grid.prior.weights)
    assert navigation().parameters == {
        "size": 5, "start": 12, "horizon": 15, "episodes": 4, "goals": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"size": 1}, ValueError, "there must be a cell for the goal, got size 1"),
        ({"size": 20}, ValueError, "a grid may be described by at most 100,000,000 numbers, got"),
        ({"start": 25}, ValueError, "start must be a cell from 0 to 24, got 25"),
        ({"goals": (12, 3)}, ValueError, "goals must not hold the start .* got 12"),
        ({"goals": (3, 3)}, ValueError, "goals must be different cells"),
        ({"goals": 3}, TypeError, "goals must be a tuple, got 3"),
        ({"horizon": 0}, ValueError, "horizon must be at least 1, got 0"),
        ({"episodes": 1.5}, TypeError, r"episodes must be a whole number, got 1\.5"),
    ],
)
def test_bad_parameters_of_navigation_are_refused(words, error, message):
    with pytest.raises(error, match=message):
        navigation(**words)
