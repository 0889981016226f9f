"""The toy-text environments of Gymnasium as MDPs: facts about their tables, and their optima.

They run where Gymnasium is installed: `pip install -e '.[gymnasium]'`. The facts were measured on
Gymnasium 1.4.0. The optima are those of a linear programme, solved by SciPy from the lists
themselves, and those that the optimal policies earn when they are played in Gymnasium.
"""

import numpy as np
import pytest
from comparing import assert_mean

from metarl_min.mdps import mdp
from metarl_min.mdps.environment_tables import from_environment
from metarl_min.mdps.optimum import optimum

gymnasium = pytest.importorskip("gymnasium")


def environment(name, **settings):
    return gymnasium.make(name, **settings).unwrapped


def imported(name, **settings):
    return from_environment(gymnasium.make(name, **settings)).mdp


def entries(env):
    return [
        (s, a, *entry) for s, row in env.P.items() for a, found in row.items() for entry in found
    ]


OPTIMA = {  # gamma .99 without a horizon; by value iteration to 1e-10 with the rules of a table
    ("FrozenLake-v1", ()): 0.5420259320,
    ("FrozenLake-v1", (("map_name", "8x8"),)): 0.4146403618,
    ("FrozenLake-v1", (("is_slippery", False),)): 0.99**5,
    ("CliffWalking-v1", ()): -(1 - 0.99**13) / 0.01,
}


@pytest.mark.parametrize("key", OPTIMA, ids=str)
def test_the_optimum_of_a_toy_text_environment(key):
    name, settings = key
    found = optimum(imported(name, **dict(settings)), None, 0.99)
    assert float(found.expected_return) == pytest.approx(OPTIMA[key], abs=1e-9)


def plain_values(env, gamma, num_sweeps):
    """Value iteration over the lists themselves: a terminated arrival pays, and then nothing."""
    V = np.zeros(len(env.P))
    for _ in range(num_sweeps):
        V = np.array([
            max(sum(p * (r + gamma * V[x] * (not end)) for p, x, r, end in row[a]) for a in row)
            for row in env.P.values()
        ])  # fmt: skip
    return V


def linear_programme(env, gamma):
    """The smallest V with V(s) >= sum p (r + gamma V(s')) for all actions. [S]

    A terminated arrival has no V(s').
    """
    optimize = pytest.importorskip("scipy.optimize")
    S, lists = len(env.P), [(s, found) for s, row in env.P.items() for found in row.values()]
    A, b = np.zeros((len(lists), S)), np.zeros(len(lists))
    for i, (s, found) in enumerate(lists):
        A[i, s] -= 1
        for p, arrival, r, end in found:
            A[i, arrival] += gamma * p * (not end)
            b[i] -= p * r
    done = optimize.linprog(np.ones(S), A, b, bounds=(None, None), method="highs")
    assert done.status == 0
    return done.x


ICE = [
    ("FrozenLake-v1", {"map_name": name, "is_slippery": slippery})
    for name in ("4x4", "8x8")
    for slippery in (True, False)
]
PROGRAMMES = [
    *ICE,
    ("FrozenLake-v1", {"success_rate": 0.7}),
    ("FrozenLake-v1", {"success_rate": 0.7, "reward_schedule": (2, -1, -0.1)}),
    ("CliffWalking-v1", {}),
    ("CliffWalking-v1", {"is_slippery": True}),
    ("Taxi-v4", {}),
    ("Taxi-v4", {"is_rainy": True}),
]


@pytest.mark.parametrize(("name", "settings"), PROGRAMMES, ids=str)
def test_the_optimum_is_that_of_a_linear_programme(name, settings):
    env, task = environment(name, **settings), imported(name, **settings)
    V = linear_programme(env, 0.99)
    found = optimum(task, None, 0.99)
    own = ~mdp.absorbing(task)[: len(V)]  # the lists of the other states are not used
    assert np.allclose(found.state_values[0, : len(V)][own], V[own], rtol=0, atol=1e-7)
    assert abs(float(found.expected_return) - env.initial_state_distrib @ V) < 1e-7


@pytest.mark.parametrize("is_slippery", [False, True])
def test_the_optimum_without_a_discount_is_that_of_a_linear_programme(is_slippery):
    env = gymnasium.make("CliffWalking-v1", is_slippery=is_slippery)
    V, task = linear_programme(env.unwrapped, 1.0), from_environment(env)
    assert task.horizon is None
    assert abs(float(optimum(task.mdp, None).expected_return) - V[36]) < 1e-6
    assert is_slippery or abs(V[36] + 13) < 1e-9


def returns_in_gymnasium(env, policy, num_episodes, seed):
    """The returns of episodes in the environment itself. policy [T, S, A] or [1, S, A]"""
    actions, returns = policy.argmax(-1), np.zeros(num_episodes)
    for n in range(num_episodes):
        (s, _), ended, k = env.reset(seed=seed if n == 0 else None), False, 0
        while not ended:
            s, r, terminated, truncated, _ = env.step(int(actions[min(k, len(actions) - 1), s]))
            returns[n] += r
            ended, k = terminated or truncated, k + 1
    return returns


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        *ICE,
        ("FrozenLake8x8-v1", {"success_rate": 0.8, "reward_schedule": (5, -1, -0.01)}),
        ("FrozenLake-v1", {"max_episode_steps": 9}),
        ("CliffWalking-v1", {}),
        ("CliffWalking-v1", {"is_slippery": True}),
        ("Taxi-v4", {}),
        ("Taxi-v4", {"is_rainy": True}),
        ("Taxi-v4", {"max_episode_steps": 12}),
    ],
    ids=str,
)
def test_the_best_policy_earns_its_value_in_gymnasium_itself(name, settings):
    env = gymnasium.make(name, **settings)
    task = from_environment(env)
    best = optimum(task.mdp, task.horizon)
    returns = returns_in_gymnasium(env, best.policy, 400, seed=11)
    assert_mean(returns, float(best.expected_return))


def test_the_horizon_is_the_limit_of_steps():
    for name, settings, horizon in (
        ("FrozenLake-v1", {}, 100),
        ("FrozenLake8x8-v1", {}, 200),
        ("FrozenLake-v1", {"max_episode_steps": 7}, 7),
        ("FrozenLake-v1", {"max_episode_steps": -1}, None),
        ("CliffWalking-v1", {}, None),
        ("CliffWalking-v1", {"max_episode_steps": 30}, 30),
        ("Taxi-v4", {}, 200),
    ):
        env = gymnasium.make(name, **settings)
        assert from_environment(env).horizon == horizon
        assert from_environment(env.unwrapped).horizon is None  # it has no limit itself
    wrappers = gymnasium.wrappers
    for limit, horizon in ((20, 20), (1000, 100)):
        env = wrappers.TimeLimit(gymnasium.make("FrozenLake-v1"), limit)
        assert from_environment(wrappers.RecordEpisodeStatistics(env)).horizon == horizon


def test_what_the_table_does_not_contain_is_refused():
    make, wrappers = gymnasium.make, gymnasium.wrappers
    for env, rule in (
        (make("Taxi-v4", fickle_passenger=True), "fickle_passenger must be False"),
        (make("Blackjack-v1"), "env must have a table, .* got no P"),
        (make("CartPole-v1"), "env must have a table, .* got no P"),
        (wrappers.ClipReward(make("Taxi-v4"), -1, 1), "no wrapper but .* got ClipReward"),
        (wrappers.StickyAction(make("Taxi-v4"), 0.5), "no wrapper but .* got StickyAction"),
        (gymnasium.make_vec("Taxi-v4", num_envs=2), "env must have a table, .* got no P"),
    ):
        with pytest.raises(ValueError, match=rule):
            from_environment(env)


@pytest.mark.parametrize(
    ("name", "settings", "gamma", "horizon"),
    [
        ("FrozenLake-v1", {"success_rate": 0.7}, 0.95, 40),
        ("FrozenLake-v1", {"reward_schedule": (2, -1, -0.1)}, 0.95, 40),
        ("FrozenLake-v1", {"map_name": "8x8"}, 1.0, 30),
        ("CliffWalking-v1", {"is_slippery": True}, 0.95, 40),
        ("Taxi-v4", {}, 0.95, 25),
        ("Taxi-v4", {"is_rainy": True}, 0.95, 25),
    ],
)
def test_values_with_a_horizon_are_those_of_the_lists(name, settings, gamma, horizon):
    env = environment(name, **settings)
    V = plain_values(env, gamma, horizon)
    value = mdp.optimal_return(imported(name, **settings), horizon, gamma)
    assert float(value) == pytest.approx(env.initial_state_distrib @ V, abs=1e-9)


def test_the_goal_and_the_cliff_are_not_absorbing_in_the_table_of_cliff_walking():
    env = environment("CliffWalking-v1")
    goal = 47
    assert any(x != goal for s, _, _, x, _, _ in entries(env) if s == goal)
    falls = [(x, end) for _, _, _, x, r, end in entries(env) if r == -100]
    assert falls and set(falls) == {(36, False)}  # a fall leads back to the start
    assert mdp.absorbing(imported("CliffWalking-v1"))[goal]


def test_a_delivered_taxi_can_drive_on_in_the_table():
    env = environment("Taxi-v4")
    ends = [x for x in entries(env) if x[-1]]
    assert len(ends) == 4 and len(entries(env)) == 3000
    task = imported("Taxi-v4")
    assert task.shape == (501, 6) and mdp.absorbing(task).tolist() == [False] * 500 + [True]


def test_a_rainy_taxi_does_not_slip_where_its_way_is_blocked():
    dry, rainy = environment("Taxi-v4"), environment("Taxi-v4", is_rainy=True)
    blocked = [(s, a) for s in dry.P for a in range(4) if dry.P[s][a][0][1] == s]
    assert blocked and all({x for _, x, *_ in rainy.P[s][a]} == {s} for s, a in blocked)
    open_ways = [(s, a) for s in dry.P for a in range(4) if dry.P[s][a][0][1] != s]
    assert any(len({x for _, x, *_ in rainy.P[s][a]}) == 3 for s, a in open_ways)


def test_the_chances_of_slippery_ice_are_not_equal_but_sum_to_one():
    env = environment("FrozenLake-v1")
    chances = [p for p, *_ in env.P[0][0]]
    assert len(set(chances)) > 1 and sum(chances) == 1.0
    assert np.allclose(chances, 1 / 3, atol=1e-15)


def test_cliff_walking_has_no_limit_of_steps():
    assert gymnasium.make("CliffWalking-v1").spec.max_episode_steps is None


def test_a_fickle_passenger_is_not_in_the_table():
    """The table of such a taxi is that of an ordinary one, but its step changes the destination."""
    plain, fickle = (environment("Taxi-v4", fickle_passenger=x) for x in (False, True))
    assert plain.P == fickle.P
