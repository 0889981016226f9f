"""Evolution strategies: expectations by quadrature, covariances in closed form, the same bits."""

import itertools
import pickle

import numpy as np
import pytest
import toy_players
from numpy.testing import assert_allclose, assert_array_equal

from metarl_min import learners, search_gradients, tasks, training, trees
from metarl_min.learners import evolution, players
from metarl_min.learners.evolution import es
from metarl_min.learners.players import Common, Player
from metarl_min.policies import softmax
from metarl_min.search_gradients import ESTIMATORS, antithetic, forward, vanilla

BANDIT = tasks.make("bandit", {"arms": "2", "pulls": "3"})
SMALL = {"hidden": 3, "population": 6, "num_tasks": 4}


def points(F, theta, e, sigma, name):
    """Fitness of the members of one direction, in the order that the estimator expects."""
    factors = {"vanilla": [1], "antithetic": [1, -1], "forward": [0, 1]}[name]
    return np.array([F(theta + sigma * factor * e) for factor in factors])


@pytest.mark.verifies("search_gradients.1", "search_gradients.2")
@pytest.mark.verifies("search_gradients.3", "search_gradients.4")
@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("D", [2, 3])
def test_the_expectation_is_the_gradient_of_the_smoothed_return(D, name):
    means, theta, sigma = np.array([0.2, 0.9, 0.4])[:D], np.array([0.3, -0.5, 0.1])[:D], 0.4
    nodes, weights = np.polynomial.hermite_e.hermegauss(24)
    weights = weights / weights.sum()

    def F(z):
        return softmax(z) @ means

    g, truth = np.zeros(D), np.zeros(D)
    for place in itertools.product(range(24), repeat=D):
        e, weight = nodes[list(place)], weights[list(place)].prod()
        found = ESTIMATORS[name].gradient(points(F, theta, e, sigma, name), e[None], sigma)
        g += weight * found
        p = softmax(theta + sigma * e)
        truth += weight * p * (means - p @ means)
    assert abs(truth).max() > 0.05
    assert_allclose(g, truth, atol=1e-8)


def test_more_directions_are_averaged():
    rng = np.random.default_rng(0)
    e, sigma = rng.normal(size=(5, 3)), 0.7
    for name, per in (("vanilla", 1), ("antithetic", 2)):
        F = rng.normal(size=5 * per)
        each = [ESTIMATORS[name].gradient(F[i * per : (i + 1) * per], e[[i]], sigma)
                for i in range(5)]  # fmt: skip
        assert_allclose(ESTIMATORS[name].gradient(F, e, sigma), np.mean(each, 0), rtol=1e-13)
    F = rng.normal(size=6)
    each = [forward(F[[0, i + 1]], e[[i]], sigma) for i in range(5)]
    assert_allclose(forward(F, e, sigma), np.mean(each, 0), rtol=1e-13)


@pytest.mark.verifies("search_gradients.5")
def test_orthogonal_antithetic_directions_give_the_gradient_of_a_quadratic():
    rng, D = np.random.default_rng(0), 6
    Q, a, theta = rng.normal(size=(D, D)), rng.normal(size=D), rng.normal(size=D)
    Q = Q + Q.T

    def F(x):
        return a @ x + x @ Q @ x / 2

    e = search_gradients.orthogonal_directions(3, np.arange(D), D)
    assert_allclose(e @ e.T, D * np.eye(D), atol=1e-13)
    values = np.array([F(theta + sign * 0.3 * x) for x in e for sign in (1, -1)])
    assert_allclose(antithetic(values, e, 0.3), a + Q @ theta, rtol=1e-11, atol=1e-12)
    more = search_gradients.orthogonal_directions(3, np.arange(2 * D), D)
    assert_array_equal(more[:D], e)
    assert abs(more[D:] @ e.T).max() > 0.1  # another rotation


@pytest.mark.parametrize("kind", search_gradients.DIRECTIONS)
def test_directions_do_not_depend_on_who_asks(kind):
    make = search_gradients.DIRECTIONS[kind]
    whole = make(7, np.arange(9), 4)
    assert_array_equal(make(7, np.array([8, 2, 2]), 4), whole[[8, 2, 2]])
    assert make(7, np.arange(0), 4).shape == (0, 4)
    assert not np.allclose(make(8, np.arange(9), 4), whole)
    many = make(1, np.arange(40_000), 4)
    assert abs(many.mean(0)).max() < 5 / np.sqrt(40_000)
    assert_allclose(many.T @ many / 40_000, np.eye(4), atol=5 * np.sqrt(2 / 40_000))


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("quadratic", [False, True])
def test_covariances_have_their_closed_forms(name, quadratic):
    rng, D, sigma, N = np.random.default_rng(0), 2, 0.8, 200_000
    a, Q, level = np.array([1.0, -0.5]), np.array([[1.0, 0.3], [0.3, -2.0]]) * quadratic, 0.7
    e = rng.normal(size=(N, D))

    def F(x):  # around theta
        return level + x @ a + np.einsum("ni,ij,nj->n", x, Q, x) / 2

    if name == "vanilla":
        g = np.array(
            [vanilla(f, d[None], sigma) for f, d in zip(F(sigma * e)[:, None], e, strict=True)]
        )
        truth = ((level / sigma) ** 2 + a @ a) * np.eye(D) + np.outer(a, a)
        if quadratic:
            trace, curve = np.trace(Q), np.eye(D) * np.trace(Q) + 2 * Q
            fourth = (trace**2 + 2 * np.trace(Q @ Q)) * np.eye(D) + 4 * trace * Q + 8 * Q @ Q
            truth = truth + level * curve + sigma**2 / 4 * fourth
    elif name == "antithetic":
        F2 = np.stack([F(sigma * e), F(-sigma * e)], axis=1)
        g = np.array([antithetic(f, d[None], sigma) for f, d in zip(F2, e, strict=True)])
        truth = a @ a * np.eye(D) + np.outer(a, a)
    else:
        F2 = np.stack([F(0 * e), F(sigma * e)], axis=1)
        g = np.array([forward(f, d[None], sigma) for f, d in zip(F2, e, strict=True)])
        trace = np.trace(Q)
        fourth = (trace**2 + 2 * np.trace(Q @ Q)) * np.eye(D) + 4 * trace * Q + 8 * Q @ Q
        truth = a @ a * np.eye(D) + np.outer(a, a) + sigma**2 / 4 * fourth
    apart = g - a
    products = apart[:, :, None] * apart[:, None, :]
    error = products.std(0) / np.sqrt(N)
    assert (abs(products.mean(0) - truth) < 5 * error).all()
    assert (abs(apart.mean(0)) < 5 * apart.std(0) / np.sqrt(N)).all()


@pytest.mark.verifies("search_gradients.6")
def test_ranks_are_centred_and_ties_share_theirs():
    assert_allclose(search_gradients.centred_ranks(np.array([3.0, -1.0, 3.0, 9.0, 0.0])),
                    [0.125, -0.5, 0.125, 0.5, -0.25], atol=0)  # fmt: skip
    F = np.random.default_rng(0).normal(size=50)
    ranks = search_gradients.centred_ranks(F)
    assert_array_equal(np.argsort(F), np.argsort(ranks))
    assert_array_equal(ranks, search_gradients.centred_ranks(np.exp(3 * F)))
    assert not search_gradients.centred_ranks(np.full(7, 0.3)).any()


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
    learner = pickle.loads(pickle.dumps(es(population=32, num_tasks=16)))
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
