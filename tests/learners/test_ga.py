"""A genetic algorithm: its generations, its schedule, settings, and training."""

import numpy as np
import pytest
import toy_players
from comparing import assert_same_in_every_unit, rng
from numpy.testing import assert_allclose, assert_array_equal
from problems import PAYING, small_bandit, small_grid

from metarl_min import learners, training
from metarl_min.basics import words
from metarl_min.evolution.genetic_operators import (
    CROSSOVER,
    SELECTION,
    one_point_crossover,
    tournament,
)
from metarl_min.learners import ga as module
from metarl_min.learners.ga import Breeding, ga
from metarl_min.tasks.bandits import bandit

BANDIT = small_bandit(arms=2, pulls=3)


def bred(trial=toy_players.linear_trial, iterations=600, **settings):
    """A genetic search of two numbers."""
    small = Breeding(population=8, num_tasks=2, elites=2, pressure=3, chance=1.0, sigma=0.5)
    player = toy_players.toy_player(BANDIT, trial, toy_players.normal_start)
    return module.genetic_search(player, small._replace(**settings), iterations)


@pytest.mark.verifies("ga.2")
def test_the_step_of_mutation_falls_to_a_tenth():
    breeding = Breeding(sigma=0.5, num_tasks=3)
    pairs = [module.schedule(breeding, i, 100) for i in (0, 50, 100, 200)]
    truth = [(0.5, 3), (0.5 / np.sqrt(10), 12), (0.05, 48), (0.05, 48)]
    assert_allclose(pairs, truth, rtol=1e-14)
    spreads = []
    for generation in (0, 4, 9):
        learner = bred(sigma=1.0, iterations=4, elites=0, population=400, pressure=1)
        state = learner.init(rng())
        assert state.generation == 0
        state = state._replace(generation=generation)
        after, _ = learner.step(rng(1), state)
        assert after.generation == generation + 1
        spreads.append(after.population["x"].std(0))
    assert_allclose(spreads, np.outer([1, 0.1, 0.1], [1, 1]), rtol=0.2)


@pytest.mark.verifies("ga.2")
def test_a_run_costs_as_much_as_its_docstring_says():
    breeding = Breeding(num_tasks=1000)
    mean = np.mean([module.schedule(breeding, i, 10_000)[1] for i in range(10_000)]) / 1000
    assert mean == pytest.approx(15 / np.log(16), rel=1e-3) and round(mean, 1) == 5.4


@pytest.mark.verifies("ga.1")
@pytest.mark.parametrize("selection", SELECTION)
@pytest.mark.parametrize("crossover", CROSSOVER)
def test_the_best_never_die(selection, crossover):
    learner = bred(selection=SELECTION[selection], crossover=CROSSOVER[crossover])
    state, best = learner.init(rng()), -np.inf
    for i in range(20):
        before = state.population["x"]
        fitness = before @ toy_players.SLOPE
        state, info = learner.step(rng(i), state)
        order = np.argsort(-fitness, kind="stable")
        assert_array_equal(state.population["x"][:2], before[order[:2]])
        assert fitness.max() >= best
        assert info.per_episode.sum() == pytest.approx(fitness.max())
        assert info.fitness == pytest.approx((fitness.mean(), fitness.max(), fitness.std()))
        best = fitness.max()
        assert state.population["x"].shape == (8, 2)
    assert best > 5  # and it climbs


@pytest.mark.verifies("ga.2")
def test_late_fitness_is_judged_on_sixteen_times_the_tasks():
    learner = bred(toy_players.counting_trial, iterations=4)
    state = learner.init(rng())
    for generation, truth in ((0, 2), (2, 8), (4, 32)):
        _, info = learner.step(rng(1), state._replace(generation=generation))
        assert_array_equal(info.per_episode, np.full(BANDIT.num_episodes, truth))


def test_without_an_elite_the_best_may_die():
    learner = bred(elites=0)
    state = learner.init(rng())
    after, _ = learner.step(rng(1), state)
    assert not np.isin(after.population["x"], state.population["x"]).any()


def test_who_plays_is_the_first_of_the_elite():
    learner = ga(BANDIT, population=6, pressure=3, num_tasks=4)
    state = training.train(learner, 2, seed=0)
    batch = BANDIT.sample(rng(1), 20)
    worse = {name: np.concatenate([x[:1], 0 * x[1:]]) for name, x in state.population.items()}
    first = learner.trial(rng(2), state, batch)
    second = learner.trial(rng(2), state._replace(population=worse), batch)
    assert_array_equal(first.actions, second.actions)


def test_the_greedy_player_is_the_best_member_that_draws_nothing():
    learner = ga(BANDIT, population=6, pressure=3, num_tasks=4)
    state, batch = learner.init(rng()), BANDIT.sample(rng(1), 20)
    one = learner.trial(rng(2), state, batch, greedy=True)
    other = learner.trial(rng(3), state, batch, greedy=True)
    assert_array_equal(one.actions[:, 0], other.actions[:, 0])  # before the first reward


def test_it_keeps_to_the_protocol():
    assert learners.check(ga(BANDIT, population=6, pressure=3, num_tasks=4)) is None


def test_it_learns_to_pull_what_paid():
    family = bandit(arms=2, pulls=4, prior=((0.2, 0.2),))
    learner = ga(family, population=32, num_tasks=32, pressure=8, iterations=60)
    state = training.train(learner, 60, seed=0)
    batch = family.sample(rng(9), 4000)
    total = learner.trial(rng(8), state, batch).rewards.sum((1, 2))
    assert total.mean() > 2 + 5 * total.std() / np.sqrt(4000)


def test_the_member_whose_fitness_is_not_finite_is_named():
    learner = bred(toy_players.nan_trial)
    with pytest.raises(FloatingPointError, match="fitness must be finite, got nan of member 3"):
        learner.step(rng(1), learner.init(rng()))


@pytest.mark.parametrize("paying", PAYING.values(), ids=PAYING)
@pytest.mark.parametrize("selection", SELECTION)
def test_the_unit_of_the_rewards_does_not_matter(paying, selection):
    settings = {"population": 6, "pressure": 3, "num_tasks": 4, "selection": SELECTION[selection]}
    assert_same_in_every_unit(lambda family: ga(family, **settings), paying)


def test_its_schedule_is_as_long_as_its_training_unless_it_is_given():
    for family, iterations in ((BANDIT, 600), (small_grid(), 300)):
        learner = ga(family)
        assert learner.iterations == learner.settings["iterations"] == iterations
    assert ga(BANDIT, iterations=60).iterations == 60


def test_its_settings_make_it_again():
    settings = {"crossover": one_point_crossover, "selection": tournament}
    learner = ga(BANDIT, population=6, pressure=3, **settings)
    assert learner.settings == {
        "hidden": 8,
        "population": 6,
        "num_tasks": 32,
        "elites": 4,
        "selection": "tournament",
        "pressure": 3,
        "crossover": "one_point",
        "chance": 0.1,
        "sigma": 0.5,
        "iterations": 600,
    }
    settings = {name: str(word) for name, word in learner.settings.items()}
    assert ga(BANDIT, **words.parse_words("ga", ga, settings)).settings == learner.settings


def test_every_word_has_a_meaning():
    assert all(key.meaning for key in words.keys(ga).values())


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"population": 1}, "population must be at least 2, got 1"),
        ({"elites": 64}, "elites must be fewer than the population, got 64"),
        ({"pressure": 65}, "pressure must be at most 64, got 65"),
        ({"chance": 1.5}, "chance must be finite, from 0 to 1"),
        ({"sigma": 0}, "sigma must be positive, got 0"),
        ({"iterations": 0}, "iterations must be at least 1, got 0"),
        ({"num_slices": 0}, "num_slices must be at least 1, got 0"),
        ({"num_slices": 4}, "num_slices must come with an executor, got 4"),
        ({"executor": 3}, "executor must be None, a concurrent.futures.Executor or a function"),
    ],
)
def test_settings_out_of_range_are_refused(settings, rule):
    with pytest.raises(ValueError, match=rule):
        ga(BANDIT, **settings)


def test_a_selection_by_name_is_a_word_and_no_value():
    with pytest.raises(TypeError, match="selection must be a function, got 'tournament'"):
        ga(BANDIT, selection="tournament")
    for word, rule in (
        ({"selection": "roulette"}, "selection must be one of truncation, tournament"),
        ({"crossover": "two_point"}, "crossover must be one of uniform, one_point"),
    ):
        with pytest.raises(ValueError, match=rule):
            words.parse_words("ga", ga, word)


def test_a_breeding_is_valid_from_the_moment_it_exists():
    for changes, error, rule in (
        ({"population": 4}, ValueError, "elites must be fewer than the population, got 4"),
        ({"sigma": np.nan}, ValueError, "sigma must be finite, got nan"),
        ({"chance": None}, TypeError, "chance must be a real number, got None"),
        ({"num_tasks": 2.0}, TypeError, r"num_tasks must be a whole number, got 2\.0"),
        ({"crossover": 1}, TypeError, "crossover must be a function, got 1"),
    ):
        for make in (Breeding, Breeding()._replace):
            with pytest.raises(error, match=rule):
                make(**changes)
    breeding = Breeding(num_tasks=np.int8(100), sigma=np.float16(0.5))
    assert module.schedule(breeding, 10, 10) == (0.05, 1600)


def test_a_generation_that_does_not_fit_is_refused():
    breeding = Breeding(population=4, elites=1, pressure=2)
    x, F = np.ones((4, 3)), np.arange(4.0)
    assert module.breed(rng(), breeding, x, F, 0.5).shape == (4, 3)
    for arguments, error, rule in (
        ((None, breeding, x, F, 0.5), TypeError, "rng must be a Generator"),
        ((rng(), None, x, F, 0.5), TypeError, "breeding must be of type Breeding"),
        ((rng(), breeding, x[:3], F, 0.5), ValueError, r"population must be \[4, D\]"),
        ((rng(), breeding, x, F[:3], 0.5), ValueError, r"population must be \[4, D\]"),
        ((rng(), breeding, x[:, 0], F, 0.5), ValueError, r"population must be \[4, D\]"),
        ((rng(), breeding, x * np.nan, F, 0.5), ValueError, "population must be finite"),
        ((rng(), breeding, x, F * np.nan, 0.5), FloatingPointError, "fitness must be finite"),
        ((rng(), breeding, x, F, -0.5), ValueError, "sigma must be"),
    ):
        with pytest.raises(error, match=rule):
            module.breed(*arguments)
    for generation, iterations in ((-1, 10), (0, 0), (1.5, 10)):
        with pytest.raises((TypeError, ValueError), match="must be"):
            module.schedule(breeding, generation, iterations)
