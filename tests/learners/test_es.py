"""Evolution strategies: what a step is, and that members do not disturb each other."""

import pickle

import numpy as np
import pytest
import toy_players
from numpy.testing import assert_allclose, assert_array_equal

from metarl_min import learners, tasks, training
from metarl_min.basics import trees
from metarl_min.evolution import players, search_gradients
from metarl_min.evolution.players import Player
from metarl_min.learners import es as module
from metarl_min.learners.es import es

BANDIT = tasks.make("bandit", {"arms": "2", "pulls": "3"})
SMALL = {"hidden": 3, "population": 6, "num_tasks": 4}


def two(rng, family):
    return {"x": np.array([0.5, 0.3])}


def made(trial, **settings):
    known = {
        "population": 6, "num_tasks": 2, "sigma": 0.5, "beta": 0.1, "optimizer": "sgd",
        "estimator": "antithetic", "directions": "gaussian", "shaping": "none", "decay": 0.0,
        "executor": None, "num_slices": 4,
    }  # fmt: skip
    return module.evolve(Player(two, trial), module._iterations, **(known | settings))


@pytest.mark.verifies("search_gradients.6", "es.1")
@pytest.mark.parametrize("estimator", ["vanilla", "antithetic", "forward"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_flat_fitness_moves_nothing(estimator, optimizer):
    learner = made(
        toy_players.flat_trial, estimator=estimator, optimizer=optimizer, shaping="ranks"
    )
    state = training.train(learner, BANDIT, iterations=3, seed=0)
    assert_array_equal(state.theta["x"], [0.5, 0.3])


@pytest.mark.verifies("es.1")
@pytest.mark.parametrize("directions", search_gradients.DIRECTIONS)
@pytest.mark.parametrize(("estimator", "n"), [("vanilla", 8), ("antithetic", 4), ("forward", 7)])
def test_a_step_is_the_estimate_less_the_decay(estimator, n, directions):
    """Of F = a.x, by hand."""
    known = {"decay": 0.2, "population": 8, "estimator": estimator, "directions": directions}
    learner = made(toy_players.linear_trial, **known)
    state = learner.init(np.random.default_rng(0), BANDIT)
    after, info = learner.step(np.random.default_rng(1), state, BANDIT)
    key = int(np.random.default_rng(1).integers(2**62))
    e = search_gradients.DIRECTIONS[directions](key, np.arange(n), 2)
    a, x = np.array([1.0, -2.0]), np.array([0.5, 0.3])
    level = a @ x / 0.5 * e.mean(0) if estimator == "vanilla" else 0.0
    truth = x + 0.1 * ((e @ a) @ e / n + level - 0.2 * x)
    assert_allclose(after.theta["x"], truth, rtol=1e-12)
    number = np.arange(8) if estimator == "vanilla" else [0, *range(7)]
    factor = {"vanilla": np.ones(8), "forward": [0, *[1] * 7], "antithetic": np.zeros(8)}[estimator]
    F = a @ x + 0.5 * np.mean(factor * (e[np.minimum(number, n - 1)] @ a))
    assert_allclose(info.per_episode, [2 * F, 0, -F], atol=1e-12)


def test_a_short_budget_goes_three_times_as_far_a_step():
    learner = es(**SMALL, optimizer="sgd")
    state = learner.init(np.random.default_rng(0), BANDIT)
    one, three = (
        trees.ravel(x.step(np.random.default_rng(1), state, BANDIT)[0].theta)[0]
        - trees.ravel(state.theta)[0]
        for x in (learner, learner.short)
    )
    assert abs(one).max() > 0
    assert_allclose(three, 3 * one, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("es", {"hidden": "3"}),
        ("ga", {"hidden": "3"}),
        ("evolved_rule", {}),
        ("es_maml", {}),
        ("es_maml", {"adaptation": "hill_climbing"}),
    ],
)
def test_a_greedy_player_draws_nothing(name, words):
    """In a grid without chance the second trial repeats the first, whatever the generator."""
    family = tasks.make("gridworld", {"size": "3", "start": "4", "horizon": "4", "episodes": "1"})
    learner = learners.make(name, words)
    state = learner.init(np.random.default_rng(0), family)
    if name == "es_maml":  # no equals, which a greedy table shares
        state = state._replace(
            theta=trees.map_leaves(
                lambda x: np.random.default_rng(4).normal(size=x.shape), state.theta
            )
        )
    batch = family.sample(np.random.default_rng(1), 5)
    for greedy in (True, False):
        one, other = (
            learner.trial(np.random.default_rng(seed), state, family, batch, greedy=greedy)
            for seed in (2, 3)
        )
        assert np.array_equal(one.actions, other.actions) == greedy


def test_members_that_are_not_finite_are_refused():
    learner = es(**SMALL, sigma=1e300)
    state = learner.init(np.random.default_rng(0), BANDIT)
    with pytest.raises(ValueError, match=r"parameter .* must be finite"):
        learner.step(np.random.default_rng(1), state, BANDIT)


def test_directions_are_not_drawn_from_the_streams_of_tasks_and_trials():
    e = search_gradients.gaussian_directions(7, np.arange(3), 4)
    for use in (0, 1, 3):
        assert not np.isin(np.random.default_rng([7, use]).standard_normal(12), e).any()


def test_the_member_whose_fitness_is_not_finite_is_named():
    learner = made(toy_players.nan_trial)
    state = learner.init(np.random.default_rng(0), BANDIT)
    with pytest.raises(FloatingPointError, match="fitness must be finite, got nan of member 3"):
        learner.step(np.random.default_rng(1), state, BANDIT)


@pytest.mark.parametrize("name", ["bandit", "gridworld"])
@pytest.mark.parametrize("learner", ["es", "es_maml", "evolved_rule"])
def test_a_member_earns_the_same_whoever_else_plays(learner, name):
    family = tasks.make(name, {"size": "3", "start": "4", "horizon": "4", "episodes": "3"}
                        if name == "gridworld" else {"arms": "3", "pulls": "4"})  # fmt: skip
    rules = learners.make(learner, {"population": "4", "num_tasks": "3"}).step.keywords["rules"]
    theta = rules.player.init(np.random.default_rng(0), family)
    theta = trees.map_leaves(
        lambda x: x + np.random.default_rng(4).normal(size=x.shape).astype(x.dtype), theta
    )
    rules = rules._replace(sigma=2.0)
    thetas = module.members(rules, theta, 9, 0, 4)
    found = players.returns(rules.player, family, thetas, 11, 3)
    assert found.shape == (4, family.num_episodes) and len(np.unique(found.sum(1))) > 1
    for p in range(4):
        one = trees.map_leaves(lambda x, p=p: x[p : p + 1], thetas)
        assert_array_equal(players.returns(rules.player, family, one, 11, 3)[0], found[p])
        part = module.members(rules, theta, 9, p, p + 1)
        assert all(np.array_equal(part[k], one[k]) for k in part)


def test_an_evolved_network_plays_as_rl2_does():
    family = tasks.make("bandit", {"arms": "2", "pulls": "4"})
    learner, other = learners.make("es", {"hidden": "5"}), learners.make("rl2", {"hidden": "5"})
    theta = other.init(np.random.default_rng(0), family)
    state = learner.init(np.random.default_rng(0), family)._replace(theta=theta.theta)
    batch = family.sample(np.random.default_rng(1), 50)
    first = learner.trial(np.random.default_rng(2), state, family, batch)
    second = other.trial(np.random.default_rng(2), theta, family, batch)
    for x, y in zip(first, second, strict=True):
        assert_array_equal(x, y)


def test_it_learns_to_pull_what_paid():
    family = tasks.make("bandit", {"arms": "2", "pulls": "4", "prior": "0.2,0.2"})
    learner = pickle.loads(pickle.dumps(es(population=32, num_tasks=16, beta=0.1)))
    state = training.train(learner, family, iterations=60, seed=0)
    batch = family.sample(np.random.default_rng(9), 4000)
    total = learner.trial(np.random.default_rng(8), state, family, batch).rewards.sum((1, 2))
    assert total.mean() > 2 + 10 * total.std() / np.sqrt(4000)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"population": 5}, "population must be at least 2, and even with antithetic .* got 5"),
        ({"population": 1, "estimator": "vanilla"}, "population must be at least 2"),
        ({"sigma": 0}, "sigma must be positive, got 0"),
        ({"estimator": "central"}, "estimator must be one of vanilla, antithetic, forward"),
        ({"directions": "axes"}, "directions must be one of gaussian, orthogonal"),
        ({"shaping": "squares"}, "shaping must be one of ranks, none"),
        ({"decay": -0.1}, "decay must be finite, from 0"),
        ({"executor": 3}, "executor must be None, a concurrent.futures.Executor or a function"),
    ],
)
def test_settings_out_of_range_are_refused(settings, rule):
    with pytest.raises(ValueError, match=rule):
        es(**settings)
