"""The toy-text environments of Gymnasium as MDPs: facts about their tables, and their optima.

They run where Gymnasium is installed: `pip install -e '.[gymnasium]'`. The facts were measured on
Gymnasium 1.4.0.
"""

import numpy as np
import pytest

from metarl_min.mdps import mdp
from metarl_min.mdps.mdp_tables import from_lists
from metarl_min.mdps.optimum import optimum

gymnasium = pytest.importorskip("gymnasium")


def environment(name, **settings):
    return gymnasium.make(name, **settings).unwrapped


def imported(name, **settings):
    env = environment(name, **settings)
    return from_lists(env.P, env.initial_state_distrib)


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
