"""Goal search, eqs. (1)-(3), against recursion over beliefs."""

import math
import pickle

import numpy as np
import pytest
from belief_search import BeliefSearch
from comparing import assert_mean, rng
from hypothesis import given, settings
from hypothesis import strategies as st

from metarl_min.baselines import posterior_sampling
from metarl_min.ceilings import bayes_optimal, goal_search, hypotheses
from metarl_min.tasks.bandits import bandit, correlated
from metarl_min.tasks.gridworlds import gridworld

CORNER = {
    "size": 3, "start": 0, "stay": 0, "horizon": 6, "episodes": 2, "terminate": 1,
    "goal_reward": 1.0, "step_reward": 0.0,
}  # fmt: skip


def solve(parameters, weights=None):
    """The family of a grid and its ceiling, by the best walk."""
    family = gridworld(**parameters)
    if weights is not None:
        family = family._replace(prior=family.prior._replace(weights=np.array(weights)))
    goals = goal_search.recognise(family)
    assert goals is not None
    return family, goal_search.solve(family, goals)


@pytest.mark.verifies("goal_search.2")
@pytest.mark.parametrize(
    ("parameters", "value", "random", "known"),
    [
        ({"episodes": 1}, 4.0, -0.865517, 13.35),
        ({"episodes": 2}, 16 + 41 / 120, None, 26.7),
        ({"episodes": 4}, 16 + 41 / 120 + 26.7, None, 53.4),
        (CORNER, 1.75, None, None),
        ({"goals": (4, 9, 14, 19, 24)}, 48.56, -4.058179, None),
    ],
)
def test_the_ceilings_of_some_grids_are_known(parameters, value, random, known):
    _, ceiling = solve(parameters)
    assert ceiling.value == pytest.approx(value, abs=1e-9)
    assert random is None or ceiling.random == pytest.approx(random, abs=1e-6)
    assert known is None or ceiling.known_task == pytest.approx(known, abs=1e-9)


def test_from_the_third_episode_on_the_value_grows_by_the_return_of_the_known_task():
    values = [solve({"episodes": n})[1].value for n in (2, 3, 4, 5)]
    np.testing.assert_allclose(np.diff(values), 13.35, atol=1e-9)


@st.composite
def grids(draw):
    size = draw(st.integers(2, 3))
    start = draw(st.integers(0, size * size - 1))
    others = [c for c in range(size * size) if c != start]
    order = draw(st.permutations(others))
    walls, rest = order[: draw(st.integers(0, len(order) - 3))][:2], order[2:]
    terminate = draw(st.integers(0, 1))
    goals = ([] if terminate or draw(st.booleans()) else [start]) + rest[:5]
    goals = [c for c in goals if c not in walls]
    parameters = {
        "size": size, "start": start, "horizon": draw(st.integers(1, 6)),
        "episodes": draw(st.integers(1, 3)), "stay": draw(st.integers(0, 1)),
        "goal_reward": draw(st.sampled_from([1.0, 0.25, -0.5])),
        "step_reward": draw(st.sampled_from([-0.125, 0.0, 0.5, -1.0])), "terminate": terminate,
        "goals": tuple(goals), "walls": tuple(walls),
    }  # fmt: skip
    weights = draw(st.lists(st.integers(0, 5), min_size=len(goals), max_size=len(goals)))
    weights = np.array(weights if sum(weights) else [1] * len(goals))
    return parameters, weights / weights.sum()


@pytest.mark.verifies("goal_search.1")
@pytest.mark.verifies("goal_search.2")
@settings(derandomize=True, deadline=None, max_examples=60)
@given(grids())
def test_eqs1_and_2_are_the_optimum_over_subsets_of_goals(grid):
    parameters, weights = grid
    family = gridworld(**parameters)
    family = family._replace(prior=family.prior._replace(weights=weights))
    goals = goal_search.recognise(family)
    if goals is None:  # of two absorbing goals, no majority shows the common moves
        assert parameters["terminate"] == 1 and (weights > 0).sum() <= 3
        return
    expected = hypotheses.solve(family)
    ceiling = goal_search.solve(family, goals)
    assert ceiling.value == pytest.approx(expected.value, abs=1e-9)
    assert ceiling.known_task == pytest.approx(expected.known_task, abs=1e-12)
    assert ceiling.random == pytest.approx(expected.random, abs=1e-12)


@pytest.mark.verifies("goal_search.2")
@pytest.mark.parametrize(
    "parameters",
    [
        {**CORNER, "horizon": 4, "goals": (2, 5, 8)},
        {"size": 3, "start": 4, "horizon": 3, "episodes": 2, "step_reward": -0.125,
         "terminate": 1, "goals": (0, 1, 5)},
        {"size": 3, "start": 1, "horizon": 4, "episodes": 1, "walls": (4,), "stay": 0},
        {"size": 2, "start": 0, "horizon": 3, "episodes": 2, "goals": (0, 1, 2, 3)},
    ],
)  # fmt: skip
def test_eq2_agrees_with_a_recursion_in_rational_numbers(parameters):
    family, ceiling = solve(parameters)
    search = BeliefSearch(family)
    assert ceiling.value == pytest.approx(float(search.start_value(search.prior, 0)), abs=1e-9)


@pytest.mark.verifies("goal_search.1")
def test_eq1_the_gain_of_an_arrival_by_hand():
    values = np.array([[[5.0, 3.0], [2.0, 7.0]]])  # V* of one task: two steps, two cells
    gains = goal_search.arrival_gains(
        values,
        goals=np.array([1]),
        goal_rewards=np.array([10.0]),
        start=0,
        num_episodes=2,
        r_0=-1.0,
    )
    later, never = [5, 5, 0, 0], [-4, -3, -2, -1]
    rest = [7, 0, 7, 0]  # one step remains in the goal, or none
    expected = [[10 + r + e - n] for r, e, n in zip(rest, later, never, strict=True)]
    np.testing.assert_array_equal(gains, expected)


@pytest.mark.parametrize("parameters", [{"slip": 0.1}, {"step_reward": 1.0}, {"size": 8}])
def test_what_is_not_goal_search_is_left_to_others(parameters):
    assert goal_search.recognise(gridworld(**parameters)) is None


def test_bandits_are_not_goal_search():
    assert goal_search.recognise(correlated(kind="easy")) is None
    assert goal_search.recognise(bandit()) is None


@pytest.mark.verifies("goal_search.3")
@pytest.mark.parametrize("parameters", [{"episodes": 2}, CORNER, {"episodes": 1, "terminate": 1}])
def test_eq3_the_rest_of_the_return_has_the_values_as_its_mean(parameters):
    family, ceiling = solve(parameters)
    learner = pickle.loads(pickle.dumps(bayes_optimal.bayes_optimal(family, ceiling)))
    tasks = family.sample(rng(1), 1000)
    trial = learner.trial(rng(2), learner.init(rng()), tasks)
    returns = trial.rewards.sum((1, 2))
    assert_mean(returns, ceiling.value)
    assert np.abs(bayes_optimal.regret(ceiling, trial)).max() < 1e-9
    belief, num_steps = ceiling.start(1000), family.num_episodes * family.horizon
    states, actions, rewards = (x.reshape(1000, num_steps) for x in trial[:3])
    rest = returns.copy()
    for t in range(num_steps):
        values = ceiling.action_values(belief, states[:, t]).max(-1)
        error = (rest - values).std() / math.sqrt(1000)
        assert abs((rest - values).mean()) < 5 * error + 1e-9
        found = belief.belief.goal >= 0
        np.testing.assert_allclose(values[found], rest[found], atol=1e-9)
        belief = ceiling.observe(belief, states[:, t], actions[:, t], rewards[:, t], None)
        rest -= rewards[:, t]


def test_a_history_off_the_walk_has_no_values_until_the_goal_is_found():
    family, ceiling = solve({"episodes": 2})
    player = posterior_sampling.random(family)
    trial = player.trial(rng(), player.init(rng()), family.sample(rng(), 20))
    with pytest.raises(ValueError, match="need a history on the best walk, got another before"):
        bayes_optimal.regret(ceiling, trial)
    assert not ceiling.every_history
