"""A genetic algorithm: every draw of a small case is fed in, so distributions are exact."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import toy_players
from numpy.testing import assert_allclose, assert_array_equal

from metarl_min import learners, tasks, training
from metarl_min.evolution.players import Player
from metarl_min.learners import ga as module
from metarl_min.learners.ga import ga

BANDIT = tasks.make("bandit", {"arms": "2", "pulls": "3"})
FITNESS = np.array([0.3, 0.9, 0.1, 0.6])


def every(draws):
    """An rng whose `integers` are all of `draws`."""
    return SimpleNamespace(integers=lambda *a, size: np.reshape(draws, size))


@pytest.mark.verifies("ga.1")
def test_truncation_draws_the_best_alike():
    found = module.truncation(every([0, 1]), FITNESS, 2, 2)
    assert_array_equal(found, [1, 3])
    many = module.truncation(np.random.default_rng(0), FITNESS, 30_000, 3)
    counts = np.bincount(many, minlength=4) / 30_000
    assert_allclose(counts, [1 / 3, 1 / 3, 0, 1 / 3], atol=5 * np.sqrt(2 / 9 / 30_000))


@pytest.mark.verifies("ga.2")
@pytest.mark.parametrize("K", [1, 2, 3])
def test_a_tournament_is_won_with_its_chance(K):
    draws = list(itertools.product(range(4), repeat=K))
    winners = module.tournament(every(draws), FITNESS, len(draws), K)
    for better, member in enumerate((1, 3, 0, 2)):
        chance = ((4 - better) ** K - (4 - better - 1) ** K) / 4**K
        assert np.mean(winners == member) == pytest.approx(chance, abs=1e-15)
    rng = np.random.default_rng(0)
    assert module.tournament(rng, FITNESS, 5, 2).shape == (5,)


@pytest.mark.verifies("ga.3")
def test_uniform_crossover_has_every_mask_once():
    masks = np.array(list(itertools.product([0.25, 0.75], repeat=3)))
    one, other = np.ones((8, 3)), np.zeros((8, 3))
    rng = SimpleNamespace(random=lambda shape: masks.reshape(shape))
    children = module.uniform_crossover(rng, one, other)
    assert_array_equal(children, masks < 0.5)
    assert len(np.unique(children, axis=0)) == 8


@pytest.mark.verifies("ga.4")
def test_one_point_crossover_cuts_once_and_between_entries():
    rng = np.random.default_rng(0)
    children = module.one_point_crossover(rng, np.ones((9000, 4)), np.zeros((9000, 4)))
    kinds, counts = np.unique(children, axis=0, return_counts=True)
    assert_array_equal(kinds, [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]])
    assert_allclose(counts / 9000, np.full(3, 1 / 3), atol=5 * np.sqrt(2 / 9 / 9000))
    assert_array_equal(module.one_point_crossover(rng, np.ones((2, 1)), np.zeros((2, 1))), [[1], [1]])


@pytest.mark.verifies("ga.5")
def test_mutation_moves_the_chosen_entries_by_a_normal():
    x, normal = np.array([[1.0, 2.0, 3.0]]), np.array([[0.5, -1.0, 2.0]])
    rng = SimpleNamespace(
        random=lambda shape: np.array([[0.05, 0.2, 0.1]]), standard_normal=lambda shape: normal
    )
    assert_allclose(module.mutate(rng, x, 0.1, 0.2), [[1.1, 2.0, 3.0]], rtol=1e-15)
    same = module.mutate(np.random.default_rng(0), x, 0.0, 0.2)
    assert_array_equal(same, x)
    many = module.mutate(np.random.default_rng(0), np.zeros((100_000, 1)), 0.3, 2.0)
    assert np.mean(many != 0) == pytest.approx(0.3, abs=5 * np.sqrt(0.21 / 1e5))
    assert many[many != 0].std() == pytest.approx(2, abs=5 * 2 / np.sqrt(6e4))
    assert module.mutate(np.random.default_rng(0), x.astype("f4"), 1.0, 1.0).dtype == "float32"


def two(rng, family):
    return {"x": rng.normal(size=2)}


def bred(trial=toy_players.linear_trial, **settings):
    rules = {
        "size": 8, "num_tasks": 2, "elites": 2, "selection": "truncation", "pressure": 3,
        "crossover": "uniform", "chance": 1.0, "sigma": 0.5,
        "iterations": None,
    }  # fmt: skip
    return module.genetic_search(Player(two, trial), module._iterations, rules | settings, None, 4)


@pytest.mark.verifies("ga.7")
def test_the_step_of_mutation_falls_to_a_tenth():
    found = [module.schedule(0.5, 3, done) for done in (0, 0.5, 1, 2)]
    truth = [(0.5, 3), (0.5 / np.sqrt(10), 12), (0.05, 48), (0.05, 48)]
    assert_allclose(found, truth, rtol=1e-14)
    seen = []
    for generation in (0, 4, 9):
        learner = bred(sigma=1.0, iterations=4, elites=0, size=400, pressure=1)
        state = learner.init(np.random.default_rng(0), BANDIT)._replace(generation=generation)
        after, _ = learner.step(np.random.default_rng(1), state, BANDIT)
        assert after.generation == generation + 1
        seen.append(after.population["x"].std(0))
    assert_allclose(seen, np.outer([1, 0.1, 0.1], [1, 1]), rtol=0.2)


@pytest.mark.verifies("ga.6")
@pytest.mark.parametrize("selection", module.SELECTION)
@pytest.mark.parametrize("crossover", module.CROSSOVER)
def test_the_best_never_die(selection, crossover):
    learner, best = bred(selection=selection, crossover=crossover), -np.inf
    state = learner.init(np.random.default_rng(0), BANDIT)
    for i in range(20):
        before = state.population["x"]
        fitness = before @ np.array([1.0, -2.0])
        state, info = learner.step(np.random.default_rng(i), state, BANDIT)
        order = np.argsort(-fitness, kind="stable")
        assert_array_equal(state.population["x"][:2], before[order[:2]])
        assert fitness.max() >= best
        assert info.per_episode.sum() == pytest.approx(fitness.max())
        best = fitness.max()
        assert state.population["x"].shape == (8, 2)
    assert best > 5  # and it climbs


def test_late_fitness_is_judged_on_sixteen_times_the_tasks():
    learner = bred(toy_players.counting_trial, iterations=4)
    state = learner.init(np.random.default_rng(0), BANDIT)
    for generation, truth in ((0, 2), (2, 8), (4, 32)):
        state = state._replace(generation=generation)
        _, info = learner.step(np.random.default_rng(1), state, BANDIT)
        assert_array_equal(info.per_episode, np.full(BANDIT.num_episodes, truth))


def test_without_an_elite_the_best_may_die():
    learner = bred(elites=0)
    state = learner.init(np.random.default_rng(0), BANDIT)
    after, _ = learner.step(np.random.default_rng(1), state, BANDIT)
    assert not np.isin(after.population["x"], state.population["x"]).any()


def test_who_plays_is_the_first_of_the_elite():
    learner = learners.make("ga", {"population": "6", "pressure": "3", "num_tasks": "4"})
    state = training.train(learner, BANDIT, iterations=2, seed=0)
    batch = BANDIT.sample(np.random.default_rng(1), 20)
    worse = {name: np.concatenate([x[:1], 0 * x[1:]]) for name, x in state.population.items()}
    first, second = (
        learner.trial(np.random.default_rng(2), state._replace(population=x), BANDIT, batch)
        for x in (state.population, worse)
    )
    assert_array_equal(first.actions, second.actions)


def test_a_short_budget_judges_on_half_as_many_tasks():
    learner = ga(num_tasks=5)
    rules = [x.step.keywords["rules"] for x in (learner, learner.short)]
    assert [x.num_tasks for x in rules] == [5, 3] and rules[0][:2] == rules[1][:2]
    budgets = [x.step.keywords["budget"](BANDIT) for x in (learner, learner.short)]
    assert tuple(budgets[::-1]) == learner.iterations(BANDIT)


def test_it_learns_to_pull_what_paid():
    family = tasks.make("bandit", {"arms": "2", "pulls": "4", "prior": "0.2,0.2"})
    learner = ga(population=32, num_tasks=32, pressure=8, iterations=60)
    state = training.train(learner, family, iterations=60, seed=0)
    batch = family.sample(np.random.default_rng(9), 4000)
    total = learner.trial(np.random.default_rng(8), state, family, batch).rewards.sum((1, 2))
    assert total.mean() > 2 + 5 * total.std() / np.sqrt(4000)


def test_the_member_whose_fitness_is_not_finite_is_named():
    learner = bred(toy_players.nan_trial)
    state = learner.init(np.random.default_rng(0), BANDIT)
    with pytest.raises(FloatingPointError, match="fitness must be finite, got nan of member 3"):
        learner.step(np.random.default_rng(1), state, BANDIT)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"population": 1}, "population must be at least 2, got 1"),
        ({"elites": 64}, "elites must be fewer than the population, got 64"),
        ({"pressure": 65}, "pressure must be at most 64, got 65"),
        ({"selection": "roulette"}, "selection must be one of truncation, tournament"),
        ({"crossover": "two_point"}, "crossover must be one of uniform, one_point"),
        ({"chance": 1.5}, "chance must be finite, from 0 to 1"),
        ({"sigma": 0}, "sigma must be positive, got 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, rule):
    with pytest.raises(ValueError, match=rule):
        ga(**settings)
