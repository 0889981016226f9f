"""Environments with a table, by their attributes. Those of Gymnasium are in test_gymnasium.py."""

from types import SimpleNamespace

import numpy as np
import pytest

from metarl_min.mdps.environment_tables import from_environment
from metarl_min.mdps.optimum import optimum

P = [[[(0.5, 0, -1.0, False), (0.5, 1, 3.0, True)]], [[(1.0, 0, 0.0, False)]]]


def environment(limit=None, **fields):
    """An environment with a table of two states."""
    env = SimpleNamespace(
        P=P, initial_state_distrib=np.array([1.0, 0.0]), spec=spec(limit), **fields
    )
    env.unwrapped = env
    return env


def spec(limit):
    return SimpleNamespace(max_episode_steps=limit)


def wrapped(env, name="TimeLimit", limit=None):
    """The environment in a wrapper of this name."""
    wrapper = type(name, (), {})()
    wrapper.env, wrapper.unwrapped, wrapper.spec = env, env.unwrapped, spec(limit)
    return wrapper


def test_the_mdp_and_the_horizon():
    task = from_environment(environment())
    assert task.horizon is None and task.mdp.shape == (2, 1)
    # J = .5 (-1 + J) + .5 * 3 without a limit, and 1 + 1 / 2 with a limit of two steps
    assert float(optimum(task.mdp, None).expected_return) == pytest.approx(2.0)
    limited = from_environment(wrapped(environment(), limit=2))
    assert limited.horizon == 2
    assert float(optimum(limited.mdp, 2).expected_return) == pytest.approx(1.5)


def test_the_smallest_limit_counts():
    for outer, inner, expected in ((20, 100, 20), (100, 20, 20), (None, 7, 7), (7, None, 7)):
        env = wrapped(wrapped(environment(), limit=inner), limit=outer)
        assert from_environment(env).horizon == expected
    assert from_environment(environment(limit=5)).horizon == 5
    without = environment()
    without.spec = None
    assert from_environment(without).horizon is None


def test_a_wrapper_that_may_change_the_environment_is_refused():
    from_environment(wrapped(environment(), "OrderEnforcing"))
    rule = "env must have no wrapper but .*, got ClipReward, which the table does not contain"
    with pytest.raises(ValueError, match=rule):
        from_environment(wrapped(wrapped(environment(), "ClipReward")))


def without(*names):
    env = environment()
    for name in names:
        delattr(env, name)
    return env


BAD = {
    "no table": (without("P"), "env must have a table, .* got no P"),
    "no start": (without("initial_state_distrib"), "got no initial_state_distrib"),
    "fickle": (environment(fickle_passenger=True), "fickle_passenger must be False, got True"),
    "text": ("FrozenLake-v1", "env must be an environment of Gymnasium, got 'FrozenLake-v1'"),
    "none": (None, "env must be an environment of Gymnasium, got None"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_environment_with_a_table_is_refused(name):
    env, rule = BAD[name]
    with pytest.raises((TypeError, ValueError), match=rule):
        from_environment(env)


def test_a_wrong_table_is_the_error_of_its_lists():
    env = environment()
    env.P = [[[(0.999, 0, 0.0, False)]]]
    env.initial_state_distrib = np.ones(1)
    with pytest.raises(ValueError, match=r"must sum to 1, got 0.999 at \[0, 0\]"):
        from_environment(env)
    env.initial_state_distrib = [1.0]
    with pytest.raises(TypeError, match="initial must be"):
        from_environment(env)
