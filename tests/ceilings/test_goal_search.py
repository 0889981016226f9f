"""Goal search, eqs. (1)-(3) of goal_search and (1) of walks, against recursion over beliefs."""

import itertools
import math
import pickle

import numpy as np
import pytest
from belief_search import BeliefSearch
from hypothesis import given, settings
from hypothesis import strategies as st

from metarl_min.baselines import posterior_sampling
from metarl_min.ceilings import bayes_optimal, goal_search, hypotheses, walks
from metarl_min.tasks import make

CORNER = {
    "size": "3", "start": "0", "stay": "0", "horizon": "6", "episodes": "2", "terminate": "1",
    "goal_reward": "1", "step_reward": "0",
}  # fmt: skip


def rng(seed=0):
    return np.random.default_rng(seed)


def searched(words, weights=None):
    family = make("gridworld", words)
    if weights is not None:
        family = family._replace(prior=family.prior._replace(weights=np.array(weights)))
    goals = goal_search.recognise(family)
    assert goals is not None
    return family, goal_search.solve(family, goals)


@pytest.mark.verifies("goal_search.2")
@pytest.mark.parametrize(
    ("words", "value", "random", "known"),
    [
        ({"episodes": "1"}, 4.0, -0.865517, 13.35),
        ({"episodes": "2"}, 16 + 41 / 120, None, 26.7),
        ({"episodes": "4"}, 16 + 41 / 120 + 26.7, None, 53.4),
        (CORNER, 1.75, None, None),
        ({"goals": "4,9,14,19,24"}, 48.56, -4.058179, None),
    ],
)
def test_values_that_are_known(words, value, random, known):
    _, ceiling = searched(words)
    assert ceiling.value == pytest.approx(value, abs=1e-9)
    assert random is None or ceiling.random == pytest.approx(random, abs=1e-6)
    assert known is None or ceiling.known_task == pytest.approx(known, abs=1e-9)


def test_the_value_grows_by_that_of_the_known_task_from_the_third_episode_on():
    values = [searched({"episodes": str(n)})[1].value for n in (2, 3, 4, 5)]
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
    words = {
        "size": size, "start": start, "horizon": draw(st.integers(1, 6)),
        "episodes": draw(st.integers(1, 3)), "stay": draw(st.integers(0, 1)),
        "goal_reward": draw(st.sampled_from([1, 0.25, -0.5])),
        "step_reward": draw(st.sampled_from([-0.125, 0, 0.5, -1])), "terminate": terminate,
        "goals": ",".join(map(str, goals)), "walls": ",".join(map(str, walls)),
    }  # fmt: skip
    weights = draw(st.lists(st.integers(0, 5), min_size=len(goals), max_size=len(goals)))
    weights = np.array(weights if sum(weights) else [1] * len(goals))
    return {key: str(word) for key, word in words.items()}, weights / weights.sum()


@pytest.mark.verifies("goal_search.1")
@pytest.mark.verifies("goal_search.2")
@settings(derandomize=True, deadline=None, max_examples=60)
@given(grids())
def test_eqs1_and_2_are_the_optimum_over_subsets_of_goals(grid):
    words, weights = grid
    family = make("gridworld", words)
    family = family._replace(prior=family.prior._replace(weights=weights))
    goals = goal_search.recognise(family)
    if goals is None:  # two absorbing goals leave no majority that tells the moves
        assert words["terminate"] == "1" and (weights > 0).sum() <= 3
        return
    expected = hypotheses.solve(family)
    found = goal_search.solve(family, goals)
    assert found.value == pytest.approx(expected.value, abs=1e-9)
    assert found[1:3] == pytest.approx(expected[1:3], abs=1e-12)


@pytest.mark.verifies("goal_search.2")
@pytest.mark.parametrize(
    "words",
    [
        {**CORNER, "goals": "2,5,8"},
        {"size": "3", "start": "4", "horizon": "3", "episodes": "2", "step_reward": "-0.125",
         "terminate": "1", "goals": "0,1,5,8"},
        {"size": "3", "start": "1", "horizon": "5", "episodes": "1", "walls": "4", "stay": "0"},
        {"size": "2", "start": "0", "horizon": "3", "episodes": "2", "goals": "0,1,2,3"},
    ],
)  # fmt: skip
def test_eq2_agrees_with_a_recursion_in_rational_numbers(words):
    family, ceiling = searched(words)
    search = BeliefSearch(family)
    assert ceiling.value == pytest.approx(float(search.start_value(search.prior, 0)), abs=1e-9)


@pytest.mark.verifies("walks.1")
@pytest.mark.parametrize("seed", range(4))
def test_eq1_no_walk_gains_more_than_the_bound(seed, monkeypatch):
    draw = rng(seed)
    words = {"size": "3", "start": "4", "horizon": "3", "episodes": "2", "goals": "0,1,2,3,8"}
    search = goal_search.recognise(make("gridworld", {**words, "stay": "0"})).search
    search = search._replace(worth=draw.normal(1, 1, size=search.worth.shape))
    reach = walks.may_arrive(search)
    root = walks.prices(walks.possible(search, reach, 0)[search.start])
    bounds = [walks._bounds(search, reach, t, [root, draw.random(6)]) for t in range(7)]
    best, tightest = -math.inf, math.inf
    for actions in itertools.product(range(4), repeat=6):
        places = walks.follow(search, actions)
        seen = [bits for _, bits in places]
        gains = [
            sum(search.worth[t, g] for g in range(5) if (after & ~before) >> g & 1)
            for t, (before, after) in enumerate(itertools.pairwise(seen))
        ]
        best, t = max(best, sum(gains)), int(draw.integers(0, 7))
        none = np.zeros(1, int)
        here = np.array([places[t][0]])
        layer = walks.Layer(none + seen[t], here, np.array([sum(gains[:t])]), none, none)
        slack = walks._bound(bounds[t], layer)[0] - sum(gains)
        tightest = min(tightest, slack)
    assert -1e-12 <= tightest < 1e-9  # at the latest where nothing is left to gain
    monkeypatch.setattr(walks, "BEAM", 1)
    assert walks.best_walk(search)[0] == pytest.approx(best, abs=1e-9)


@pytest.mark.verifies("walks.1")
@pytest.mark.parametrize("seed", range(5))
def test_prices_prove_an_assignment_the_best(seed):
    worth = rng(seed).normal(size=(4, 6))
    best = max(
        sum(max(worth[g, u], 0.0) for g, u in enumerate(order))
        for order in itertools.permutations(range(6), 4)
    )
    found = walks.prices(worth)
    assert (found >= 0).all()
    bound = found.sum() + np.maximum(worth - found, 0).max(-1).sum()
    assert bound == pytest.approx(best, abs=1e-12)


def test_a_narrow_first_search_does_not_change_the_value(monkeypatch):
    value = searched({"episodes": "2", "size": "4", "start": "5"})[1].value
    monkeypatch.setattr(walks, "BEAM", 1)
    assert searched({"episodes": "2", "size": "4", "start": "5"})[1].value == pytest.approx(value)


def test_too_many_states_are_refused_by_their_number(monkeypatch):
    monkeypatch.setattr(walks, "STATES", 100)
    with pytest.raises(ValueError, match="may meet at most 100 states, got more after"):
        bayes_optimal.solve(make("gridworld", {"episodes": "2"}))


@pytest.mark.parametrize(
    "words", [{"slip": "0.1"}, {"goal_reward": "1", "step_reward": "1"}, {"size": "8"}]
)
def test_what_is_not_goal_search_is_left_to_others(words):
    assert goal_search.recognise(make("gridworld", words)) is None
    assert goal_search.recognise(make("correlated", {"kind": "easy"})) is None
    assert goal_search.recognise(make("bandit", {})) is None


def test_small_grids_keep_the_table_of_all_histories():
    assert bayes_optimal.solve(make("gridworld", CORNER)).told_by_episodes
    assert not bayes_optimal.solve(make("gridworld", {})).told_by_episodes


@pytest.mark.verifies("goal_search.3")
@pytest.mark.parametrize("words", [{"episodes": "2"}, CORNER, {"episodes": "1", "terminate": "1"}])
def test_eq3_the_player_earns_the_value_and_what_is_left_is_a_martingale(words):
    family, ceiling = searched(words)
    learner = pickle.loads(pickle.dumps(bayes_optimal.bayes_optimal(ceiling)))
    state, draw = learner.init(rng(), family), rng(2)
    tasks = family.sample(rng(1), 2000)
    trial = learner.trial(draw, state, family, tasks)
    returns = trial.rewards.sum((1, 2))
    assert abs(returns.mean() - ceiling.value) < 5 * returns.std() / math.sqrt(2000)
    assert np.abs(bayes_optimal.regret(ceiling, trial)).max() < 1e-9
    belief, steps = ceiling.start(2000), family.num_episodes * family.horizon
    flat = [x.reshape(2000, steps) for x in trial[:3]]
    left = returns.copy()
    for t in range(steps):
        states, actions, rewards = (x[:, t] for x in flat)
        values = ceiling.action_values(belief, states).max(-1)
        assert abs((left - values).mean()) < 5 * (left - values).std() / math.sqrt(2000) + 1e-9
        known = belief.goal >= 0
        np.testing.assert_allclose(values[known], left[known], atol=1e-9)
        belief = ceiling.observe(belief, states, actions, rewards, None)
        left -= rewards


def test_a_history_off_the_walk_has_no_values_until_the_goal_is_found():
    family, ceiling = searched({"episodes": "2"})
    trial = posterior_sampling.random().trial(rng(), None, family, family.sample(rng(), 20))
    with pytest.raises(ValueError, match="need a history on the best walk, got another before"):
        bayes_optimal.regret(ceiling, trial)
