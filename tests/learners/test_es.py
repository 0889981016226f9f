"""Evolution strategies: a step by hand, settings, and training."""

import pickle

import numpy as np
import pytest
import toy_players
from comparing import assert_same_in_every_unit, rng
from numpy.testing import assert_allclose, assert_array_equal
from problems import PAYING, small_bandit, small_grid

from metarl_min import learners, training
from metarl_min.basics import optimizers, words
from metarl_min.evolution import search_gradients
from metarl_min.evolution.search_gradients import DIRECTIONS, ESTIMATORS
from metarl_min.learners import es as module
from metarl_min.learners.es import Search, es
from metarl_min.tasks.bandits import bandit

BANDIT = small_bandit(arms=2, pulls=3)
SMALL = {"hidden": 3, "population": 6, "num_tasks": 4}


def toy_search(trial, **settings):
    """A search of two numbers, plain gradient ascent unless other settings are given."""
    plain = Search(
        population=6,
        num_tasks=2,
        sigma=0.5,
        beta=0.1,
        optimizer=optimizers.sgd,
        shaping=search_gradients.unshaped,
    )
    return module.evolve(toy_players.toy_player(BANDIT, trial), plain._replace(**settings), 10)


@pytest.mark.verifies("search_gradients.10", "es.1")
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_flat_fitness_moves_nothing(estimator, optimizer):
    learner = toy_search(
        toy_players.flat_trial,
        estimator=ESTIMATORS[estimator],
        optimizer=optimizers.OPTIMIZERS[optimizer],
        shaping=search_gradients.centred_ranks,
    )
    state = training.train(learner, 3, seed=0)
    assert_array_equal(state.theta["x"], [0.5, 0.3])


@pytest.mark.verifies("es.1")
@pytest.mark.parametrize("directions", DIRECTIONS)
@pytest.mark.parametrize(("estimator", "n"), [("vanilla", 8), ("antithetic", 4), ("forward", 7)])
def test_a_step_is_the_estimate_less_the_decay(estimator, n, directions):
    """Of F = a.x, by hand."""
    learner = toy_search(
        toy_players.linear_trial,
        decay=0.2,
        population=8,
        estimator=ESTIMATORS[estimator],
        directions=DIRECTIONS[directions],
    )
    after, info = learner.step(rng(1), learner.init(rng()))
    key = int(rng(1).integers(2**62))
    e = DIRECTIONS[directions](key, np.arange(n), 2)
    a, x = toy_players.SLOPE, np.array([0.5, 0.3])
    level = a @ x / 0.5 * e.mean(0) if estimator == "vanilla" else 0.0
    truth = x + 0.1 * ((e @ a) @ e / n + level - 0.2 * x)
    assert_allclose(after.theta["x"], truth, rtol=1e-12)
    number = np.arange(8) if estimator == "vanilla" else [0, *range(7)]
    factor = {"vanilla": np.ones(8), "forward": [0, *[1] * 7], "antithetic": np.zeros(8)}[estimator]
    F = a @ x + 0.5 * np.mean(factor * (e[np.minimum(number, n - 1)] @ a))
    assert_allclose(info.per_episode, [2 * F, 0, -F], atol=1e-12)
    if estimator == "antithetic":
        number, factor = np.arange(8) // 2, np.resize([1, -1], 8)
    fitness = a @ x + 0.5 * np.array(factor) * (e[np.array(number)] @ a)
    assert_allclose(info.fitness, [fitness.mean(), fitness.max(), fitness.std()], atol=1e-12)


@pytest.mark.verifies("es.1")
def test_adam_takes_the_step_of_adam():
    learner = toy_search(toy_players.linear_trial, optimizer=optimizers.adam)
    after, _ = learner.step(rng(1), learner.init(rng()))
    e = search_gradients.gaussian_directions(int(rng(1).integers(2**62)), np.arange(3), 2)
    g = (e @ toy_players.SLOPE) @ e / 3
    assert_allclose(after.theta["x"], [0.5, 0.3] + 0.1 * np.sign(g), rtol=1e-6)  # its first step


def test_a_slice_of_members_is_that_part_of_the_population():
    theta = {"a": rng(4).normal(size=3).astype(np.float32), "b": rng(5).normal(size=(2, 2))}
    for estimator in ESTIMATORS.values():
        search = Search(population=4, sigma=2.0, estimator=estimator)
        thetas = module.members(search, theta, 9, 0, 4)
        for start, stop in ((0, 1), (1, 3), (3, 4)):
            part = module.members(search, theta, 9, start, stop)
            for name in theta:
                assert_array_equal(part[name], thetas[name][start:stop])


def test_members_that_are_not_finite_are_refused():
    learner = es(BANDIT, **SMALL, sigma=1e300)
    with pytest.raises(ValueError, match=r"parameter .* must be finite"):
        learner.step(rng(1), learner.init(rng()))


def test_the_member_whose_fitness_is_not_finite_is_named():
    learner = toy_search(toy_players.nan_trial)
    with pytest.raises(FloatingPointError, match="fitness must be finite, got nan of member 3"):
        learner.step(rng(1), learner.init(rng()))


def test_it_keeps_to_the_protocol():
    learners.check(es(BANDIT, **SMALL))
    assert [es(family).iterations for family in (BANDIT, small_grid())] == [1600, 600]


def test_it_learns_to_pull_what_paid():
    family = bandit(arms=2, pulls=4, prior=((0.2, 0.2),))
    learner = pickle.loads(pickle.dumps(es(family, population=32, num_tasks=64, beta=0.1)))
    state = training.train(learner, 60, seed=0)
    batch = family.sample(rng(9), 4000)
    total = learner.trial(rng(8), state, batch).rewards.sum((1, 2))
    # A random player earns 2. Of 20 seeds the worst is 15 standard errors above it.
    assert total.mean() > 2 + 5 * total.std() / np.sqrt(4000)


@pytest.mark.parametrize("paying", PAYING.values(), ids=PAYING)
@pytest.mark.parametrize("shaping", search_gradients.SHAPING)
def test_the_unit_of_the_rewards_does_not_matter(paying, shaping):
    """Without ranks the fitness itself is in the step, here beside a decay, so it has a unit."""
    shaped = search_gradients.SHAPING[shaping]
    settings = {**SMALL, "shaping": shaped, "optimizer": optimizers.sgd, "decay": 0.1}
    assert_same_in_every_unit(lambda family: es(family, **settings), paying)


def test_its_settings_make_it_again():
    learner = es(
        BANDIT,
        **SMALL,
        optimizer=optimizers.sgd,
        estimator=ESTIMATORS["forward"],
        directions=search_gradients.orthogonal_directions,
        shaping=search_gradients.unshaped,
    )
    assert learner.settings == SMALL | {
        "sigma": 0.3,
        "beta": 0.03,
        "optimizer": "sgd",
        "estimator": "forward",
        "directions": "orthogonal",
        "shaping": "none",
        "decay": 0.0,
    }
    settings = {name: str(word) for name, word in learner.settings.items()}
    again = es(BANDIT, **words.parse_words("es", es, settings))
    assert again.settings == learner.settings
    for name, leaf in training.train(learner, 2, seed=0).theta.items():
        assert_array_equal(training.train(again, 2, seed=0).theta[name], leaf)


def test_every_word_has_a_meaning():
    assert all(key.meaning for key in words.keys(es).values())
    assert "executor" not in words.keys(es)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"population": 5}, "population must be at least 2; for antithetic .* even number, got 5"),
        ({"population": 1, "estimator": ESTIMATORS["vanilla"]}, "population must be at least 2"),
        ({"sigma": 0}, "sigma must be positive, got 0"),
        ({"beta": -0.1}, "beta must be finite, from 0"),
        ({"decay": -0.1}, "decay must be finite, from 0"),
        ({"hidden": 0}, "hidden must be at least 1"),
        ({"num_tasks": 0}, "num_tasks must be at least 1"),
        ({"num_slices": 0}, "num_slices must be at least 1"),
        ({"num_slices": 4}, "num_slices must come with an executor, got 4"),
        ({"executor": 3}, "executor must be None, a concurrent.futures.Executor or a function"),
    ],
)
def test_settings_out_of_range_are_refused(settings, rule):
    with pytest.raises(ValueError, match=rule):
        es(BANDIT, **settings)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"estimator": "forward"}, "estimator must be an Estimator, got 'forward'"),
        ({"optimizer": "sgd"}, "optimizer must be a function, got 'sgd'"),
        ({"shaping": "none"}, "shaping must be a function, got 'none'"),
        ({"population": 6.0}, "population must be a whole number, got 6.0"),
        ({"speed": 3}, "unexpected keyword argument 'speed'"),
    ],
)
def test_settings_of_another_type_are_refused(settings, rule):
    with pytest.raises(TypeError, match=rule):
        es(BANDIT, **settings)


@pytest.mark.parametrize(
    ("setting", "rule"),
    [
        ({"estimator": "central"}, "estimator must be one of vanilla, antithetic, forward"),
        ({"directions": "axes"}, "directions must be one of gaussian, orthogonal"),
        ({"shaping": "squares"}, "shaping must be one of ranks, none"),
        ({"executor": "dask"}, r"es knows the keys .*decay, num_slices, got 'executor'"),
    ],
)
def test_words_that_name_nothing_are_refused(setting, rule):
    with pytest.raises(ValueError, match=rule):
        words.parse_words("es", es, setting)


def test_a_search_is_valid_from_the_moment_it_exists():
    for changes, error, rule in (
        ({"population": 5}, ValueError, "population must be at least 2; for antithetic"),
        ({"sigma": np.nan}, ValueError, "sigma must be finite, got nan"),
        ({"beta": -1.0}, ValueError, "beta must be finite, from 0"),
        ({"beta": None}, TypeError, "beta must be a real number, got None"),
        ({"decay": "0"}, TypeError, "decay must be a real number, got '0'"),
        ({"directions": None}, TypeError, "directions must be a function, got None"),
    ):
        for make in (Search, Search()._replace):
            with pytest.raises(error, match=rule):
                make(**changes)
    search = Search(population=np.int8(6), sigma=np.float16(0.5))
    assert type(search.population) is int and type(search.sigma) is float


def no_optimizer(beta):
    return beta


def test_a_search_of_what_is_none_is_refused():
    player = toy_players.toy_player(BANDIT, toy_players.flat_trial)
    for arguments, rule in (
        ((None, Search(), 3), "player must be of type Player, got NoneType"),
        ((player, None, 3), "search must be of type Search, got NoneType"),
        ((player, Search(), 3.0), r"iterations must be a whole number, got 3\.0"),
        (
            (player, Search(optimizer=no_optimizer), 3),
            "the result of optimizer must be of type Opt",
        ),
    ):
        with pytest.raises(TypeError, match=rule):
            module.evolve(*arguments)
