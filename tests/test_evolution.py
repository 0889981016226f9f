"""Evolution strategies: what a step is, and that members do not disturb each other."""

import pickle

import numpy as np
import pytest
import toy_players
from numpy.testing import assert_allclose, assert_array_equal

from metarl_min import learners, search_gradients, tasks, training, trees
from metarl_min.learners import evolution, players
from metarl_min.learners.evolution import es
from metarl_min.learners.players import Common, Player

BANDIT = tasks.make("bandit", {"arms": "2", "pulls": "3"})
SMALL = {"hidden": 3, "population": 6, "num_tasks": 4}


def two(rng, family):
    return {"x": np.array([0.5, 0.25])}


def made(trial, **settings):
    known = {
        "population": 6, "num_tasks": 2, "sigma": 0.5, "beta": 0.1, "optimizer": "sgd",
        "estimator": "antithetic", "directions": "gaussian", "shaping": "none", "decay": 0.0,
        "executor": None, "num_slices": 4,
    }  # fmt: skip
    return evolution.evolve(Player(two, trial), evolution._iterations, **(known | settings))


@pytest.mark.verifies("search_gradients.6", "evolution.1")
@pytest.mark.parametrize("estimator", ["vanilla", "antithetic", "forward"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_flat_fitness_moves_nothing(estimator, optimizer):
    learner = made(
        toy_players.flat_trial, estimator=estimator, optimizer=optimizer, shaping="ranks"
    )
    state = training.train(learner, BANDIT, iterations=3, seed=0)
    assert_array_equal(state.theta["x"], [0.5, 0.25])


@pytest.mark.verifies("evolution.1")
def test_a_step_is_the_estimate_less_the_decay():
    learner = made(toy_players.linear_trial, decay=0.2, population=8)
    state = learner.init(np.random.default_rng(0), BANDIT)
    after, info = learner.step(np.random.default_rng(1), state, BANDIT)
    key = int(np.random.default_rng(1).integers(2**62))
    e, a, x = (
        search_gradients.gaussian_directions(key, np.arange(4), 2),
        np.array([1.0, -2.0]),
        [0.5, 0.25],
    )
    truth = x + 0.1 * ((e @ a) @ e / 4 - 0.2 * np.array(x))
    assert_allclose(after.theta["x"], truth, rtol=1e-12)
    assert_allclose(info.per_episode, np.zeros(3), atol=1e-12)  # a.x, and directions come in pairs


def test_the_member_whose_fitness_is_not_finite_is_named():
    learner = made(toy_players.nan_trial)
    state = learner.init(np.random.default_rng(0), BANDIT)
    with pytest.raises(FloatingPointError, match="fitness must be finite, got nan of member 3"):
        learner.step(np.random.default_rng(1), state, BANDIT)


def test_common_numbers_repeat_what_one_member_draws():
    for axis, shape, own in ((0, (6, 1), (2, 1)), (-1, (4, 6), (4, 2))):
        common, alone = (np.random.default_rng(5) for _ in range(2))
        for draw in ("random", "standard_normal"):
            found = getattr(Common(common, 3, axis), draw)(shape)
            one = getattr(alone, draw)(own)
            assert_array_equal(found, np.concatenate([one] * 3, axis=axis))


@pytest.mark.parametrize("name", ["bandit", "gridworld"])
@pytest.mark.parametrize("learner", ["es", "es_maml", "evolved_rule"])
def test_a_member_earns_the_same_whoever_else_plays(learner, name):
    family = tasks.make(name, {"size": "3", "start": "4", "horizon": "4", "episodes": "3"}
                        if name == "gridworld" else {"arms": "3", "pulls": "4"})  # fmt: skip
    rules = learners.make(learner, {"population": "4", "num_tasks": "3"}).step.keywords["rules"]
    theta = rules.player.init(np.random.default_rng(0), family)
    theta = trees.map(
        lambda x: x + np.random.default_rng(4).normal(size=x.shape).astype(x.dtype), theta
    )
    rules = rules._replace(sigma=2.0)
    thetas = evolution.members(rules, theta, 9, 0, 4)
    found = players.returns(rules.player, family, thetas, 11, 3)
    assert found.shape == (4, family.num_episodes) and len(np.unique(found.sum(1))) > 1
    for p in range(4):
        one = trees.map(lambda x, p=p: x[p : p + 1], thetas)
        assert_array_equal(players.returns(rules.player, family, one, 11, 3)[0], found[p])
        part = evolution.members(rules, theta, 9, p, p + 1)
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
        ({"executor": 3}, "executor must be None, a concurrent.futures.Executor or a function"),
    ],
)
def test_settings_out_of_range_are_refused(settings, rule):
    with pytest.raises(ValueError, match=rule):
        es(**settings)
