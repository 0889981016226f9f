"""Goal search and navigation: one cell of a grid is the goal, and the player does not know which.

A state is a cell. Cells are numbered row by row, from 0 in the upper left corner:

     0   1   2   3   4
     5   6   7   8   9          size 5; the centre is cell 12
    10  11  12  13  14

The actions are up, down, left and right. With stay=1, a fifth action stays in the cell. A move into
a wall or across the border also stays in the cell. `move(s,a)` is the cell in which action a ends,
if nothing replaces the action. With the probability `slip`, one of the four directions is drawn at
random and replaces the action:

    (1)  P(s'|s,a) = (1 - slip) 1{s' = move(s,a)}
                     + slip / 4 sum_{a' = up, down, left, right} 1{s' = move(s,a')}  [definition]
    (2)  r(s,a,s') = goal_reward if s' is the goal, else step_reward               [definition]

In goal search, the reward (2) says only whether s' is the goal. In navigation, the reward is minus
the squared distance between s' and the goal, and an episode ends at the goal:

    (3)  r(s,a,s') = -(number of rows from s' to the goal)^2
                     - (number of columns from s' to the goal)^2        [Finn et al. 2017, sec. 5.3]

Finn et al. move a point in the unit square, for at most 100 steps. Their episode ends if the
distance to the goal is at most 0.01. Here a grid takes the place of the square, and distances in
(3) are in cells. The point of Finn et al. moves in any direction, but here a step moves by one cell
in one of four directions.
"""

from __future__ import annotations

import numpy as np

from metarl_min.basics.arguments import probabilities, real, require, sequence, whole
from metarl_min.basics.trees import Array
from metarl_min.basics.words import Cells, format_word
from metarl_min.mdps import rollouts
from metarl_min.mdps.mdp import MAX_REWARD, MDP, plain
from metarl_min.tasks import Family, family_of_candidates

MAX_NUMBERS = 100_000_000  # numbers of 8 bytes in the transitions of a family
MOVES = np.array([[-1, 0], [1, 0], [0, -1], [0, 1], [0, 0]])  # up, down, left, right, stay


def transitions(size: int, num_actions: int, walls: Cells, slip: float) -> Array:
    """Return the probability of each arrival, eq. (1). [S, A, S]

    `num_actions` is 4, or 5 with the action that stays. `walls` are cells.
    """
    size, slip = _size(size), real("slip", slip, 0, 1)
    num_actions = whole("num_actions", num_actions, 4, 5)
    walls = _cells("walls", walls, size * size)
    cells = np.arange(size * size)
    row_and_column = np.stack([cells // size, cells % size], axis=-1)  # [S, 2]
    target = np.clip(row_and_column[:, None] + MOVES, 0, size - 1) @ [size, 1]  # [S, 5]
    target = np.where(np.isin(target, walls), cells[:, None], target)
    moves = np.eye(size * size)[target]
    return (1 - slip) * moves[:, :num_actions] + slip * moves[:, :4].mean(1, keepdims=True)


def goal_mdps(
    transition: Array, start: int, goals: Cells, goal_reward: float, step_reward: float
) -> MDP:
    """Return one task for each goal, with the rewards of eq. (2). [G]"""
    shape = probabilities("transition", transition).shape
    fits = len(shape) == 3 and shape[0] == shape[2]
    require(fits, "transition must have the shape [S, A, S]", shape)
    start, goals = whole("start", start, 0, shape[0] - 1), _cells("goals", goals, shape[0])
    goal_reward = real("goal_reward", goal_reward, -MAX_REWARD, MAX_REWARD)
    step_reward = real("step_reward", step_reward, -MAX_REWARD, MAX_REWARD)
    S = shape[0]
    is_goal = np.eye(S)[list(goals)]  # [G, S]
    reward = np.where(is_goal, goal_reward, step_reward)[:, None, None]
    return MDP(initial=np.eye(S)[None, start], transition=transition[None], reward=reward)


def end_at_goals(mdps: MDP, goals: Cells) -> MDP:
    """Return the tasks [G] with absorbing goals. In a goal, every action stays and pays 0."""
    S = plain("mdps", mdps).shape[0]
    goals = _cells("goals", goals, S)
    require(mdps.leading == (len(goals),), "goals must be one cell for each of mdps", goals)
    at_goal = np.eye(S)[list(goals)][:, :, None, None]  # [G, S, 1, 1]
    transition = np.where(at_goal, np.eye(S)[:, None], mdps.transition)
    return MDP(initial=mdps.initial, transition=transition, reward=mdps.reward * (1 - at_goal))


def _flag(name: str, value: int) -> int:
    require(whole(name, value, low=0) < 2, f"{name} must be 0 or 1", value)
    return int(value)


def _size(size: int) -> int:
    size = whole("size", size)
    rule = f"a grid may be described by at most {MAX_NUMBERS:,} numbers"
    require(5 * size**4 <= MAX_NUMBERS, rule, f"{5 * size**4:,} for size {size}")
    return size


def _cells(name: str, cells: Cells, num_cells: float = np.inf) -> Cells:
    return tuple(whole(name, cell, 0, num_cells - 1) for cell in sequence(name, cells))


def _require_cells(name: str, cells: Cells, allowed: set[int], rule: str) -> None:
    """Raise a ValueError unless the cells are different and all of them are allowed."""
    valid = set(cells) <= allowed and len(set(cells)) == len(cells)
    require(valid, f"{name} must be different cells from 0 to {rule}", cells)


def _candidates(size: int, start: int, goals: Cells, walls: Cells, terminate: int) -> Cells:
    """Return the cells that may be the goal. ValueError if a cell or the size is not allowed."""
    S = size**2
    numbers = 5 * S**2 * ((len(goals) or S) if terminate else 1)
    rule = f"a grid may be described by at most {MAX_NUMBERS:,} numbers"
    require(numbers <= MAX_NUMBERS, rule, f"{numbers:,} for size {size}")
    require(start < S, f"start must be a cell from 0 to {S - 1}", start)
    free = set(range(S)) - {start}
    _require_cells("walls", walls, free, f"{S - 1} other than the start, {start}")
    _require_cells("goals", goals, {start} | free - set(walls), f"{S - 1} that are not walls")
    if terminate:
        rule = "goals must not hold the start if an episode ends at the goal"
        require(start not in goals, rule, start)
    candidates = goals or tuple(sorted(free - set(walls)))
    require(len(candidates) > 0, "there must be a cell for the goal", f"size {size}")
    return candidates


def squared_distances(size: int) -> Array:
    """Return the squared distance between each pair of cells, from eq. (3). [S, S]

    >>> squared_distances(2)[0]
    array([0., 1., 1., 2.])
    """
    cells = np.arange(_size(size) ** 2)
    places = np.stack([cells // size, cells % size], axis=-1)  # [S, 2]
    return ((places[:, None] - places) ** 2).sum(-1).astype(float)


def gridworld(
    *,
    size: int = 5,
    start: int | None = None,
    horizon: int = 15,
    episodes: int = 4,
    stay: int = 1,
    goal_reward: float = 1.0,
    step_reward: float = -0.1,
    terminate: int = 0,
    goals: Cells = (),
    walls: Cells = (),
    slip: float = 0.0,
) -> Family:
    """Return goal search on a grid, eqs. (1) and (2). The goal is drawn once for each trial, each
    candidate with the same probability. Cells are numbered row by row, from 0 in the upper left
    corner, so that cell 12 is the centre of the default grid. The actions are up, down, left,
    right and stay. A move into a wall or across the border stays in the cell. The reward of a step
    belongs to the cell in which the step ends.

    size         number of cells in a row and in a column
    start        cell in which each episode starts, by default the centre
    horizon      steps of an episode
    episodes     episodes of a trial
    stay         1: there is an action that stays in the cell; 0: there are only the four moves
    goal_reward  reward of a step that ends on the goal, instead of `step_reward`
    step_reward  reward of every other step
    terminate    1: after the arrival on the goal nothing is paid until the next episode; 0: the
                 episode goes on
    goals        cells that may be the goal, as in 4,9,14; none: all cells but the start
                 and the walls
    walls        cells that cannot be entered, as in 6,7
    slip         probability that a random direction replaces the action

    >>> gridworld(size=3, goals=(2, 8)).sample(np.random.default_rng(0), 4).reward.shape
    (4, 1, 1, 9)
    """
    size, goals, walls = whole("size", size), _cells("goals", goals), _cells("walls", walls)
    start = size // 2 * (size + 1) if start is None else whole("start", start, low=0)
    stay, terminate = _flag("stay", stay), _flag("terminate", terminate)
    horizon, episodes = whole("horizon", horizon), whole("episodes", episodes)
    slip = real("slip", slip, 0, 1)
    goal_reward = real("goal_reward", goal_reward, -MAX_REWARD, MAX_REWARD)
    step_reward = real("step_reward", step_reward, -MAX_REWARD, MAX_REWARD)
    candidates = _candidates(size, start, goals, walls, terminate)
    transition = transitions(size, 4 + stay, walls, slip)
    mdps = goal_mdps(transition, start, candidates, goal_reward, step_reward)
    parameters = {
        "size": size, "start": start, "horizon": horizon,
        "episodes": episodes, "stay": stay, "goal_reward": goal_reward,
        "step_reward": step_reward, "terminate": terminate, "goals": format_word(goals),
        "walls": format_word(walls), "slip": slip,
    }  # fmt: skip
    return family_of_candidates(
        name="gridworld",
        parameters=parameters,
        mdps=end_at_goals(mdps, candidates) if terminate else mdps,
        weights=np.full(len(candidates), 1 / len(candidates)),
        horizon=horizon,
        num_episodes=episodes,
        noise=rollouts.deterministic,
    )


def navigation(
    *,
    size: int = 5,
    start: int | None = None,
    horizon: int = 15,
    episodes: int = 4,
    goals: Cells = (),
) -> Family:
    """Return navigation on a grid, eqs. (1) and (3): each step pays minus the squared distance to
    the goal. The goal is drawn once for each trial, each candidate with the same probability. The
    actions are up, down, left and right. After the arrival on the goal nothing is paid until the
    next episode. Cells are numbered as in gridworld.

    size      number of cells in a row and in a column
    start     cell in which each episode starts, by default the centre
    horizon   steps of an episode
    episodes  episodes of a trial
    goals     cells that may be the goal, as in 4,9,14; none: all cells but the start

    >>> mdps = navigation(size=3, goals=(2, 8)).prior.mdps
    >>> [int(mdps.reward[0, 4, 0, s]) for s in (4, 5, 2)]  # arrivals, if the goal is cell 2
    [-2, -1, 0]
    """
    size, goals = whole("size", size), _cells("goals", goals)
    start = size // 2 * (size + 1) if start is None else whole("start", start, low=0)
    horizon, episodes = whole("horizon", horizon), whole("episodes", episodes)
    candidates = _candidates(size, start, goals, (), terminate=1)
    mdps = MDP(
        initial=np.eye(size**2)[None, start],
        transition=transitions(size, 4, (), 0.0)[None],
        reward=-squared_distances(size)[list(candidates), None, None],
    )
    return family_of_candidates(
        name="navigation",
        parameters={
            "size": size, "start": start, "horizon": horizon, "episodes": episodes,
            "goals": format_word(goals),
        },
        mdps=end_at_goals(mdps, candidates),
        weights=np.full(len(candidates), 1 / len(candidates)),
        horizon=horizon,
        num_episodes=episodes,
        noise=rollouts.deterministic,
    )  # fmt: skip
