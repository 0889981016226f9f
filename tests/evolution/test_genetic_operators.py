"""Genetic operators: every draw of a small case is fed in, so that distributions are exact."""

import itertools

import numpy as np
import pytest
from comparing import rng
from numpy.testing import assert_allclose, assert_array_equal

from metarl_min.evolution import genetic_operators as module

FITNESS = np.array([0.3, 0.9, 0.1, 0.6])


class Fed:
    """A generator that draws what it is given."""

    def __init__(self, integers=None, random=None, normal=None):
        self.draws = integers, random, normal

    def integers(self, *bounds, size):
        return np.reshape(self.draws[0], size)

    def random(self, shape):
        return np.reshape(self.draws[1], shape)

    def standard_normal(self, shape):
        return np.reshape(self.draws[2], shape)


def every(draws):
    """An rng whose `integers` are all of `draws`."""
    return Fed(integers=draws)


@pytest.mark.verifies("genetic_operators.1")
def test_truncation_draws_the_best_alike():
    found = module.truncation(every([0, 1]), FITNESS, 2, 2)
    assert_array_equal(found, [1, 3])
    many = module.truncation(rng(), FITNESS, 30_000, 3)
    counts = np.bincount(many, minlength=4) / 30_000
    assert_allclose(counts, [1 / 3, 1 / 3, 0, 1 / 3], atol=5 * np.sqrt(2 / 9 / 30_000))


@pytest.mark.verifies("genetic_operators.2")
@pytest.mark.parametrize("K", [1, 2, 3])
def test_a_tournament_is_won_with_its_chance(K):
    draws = list(itertools.product(range(4), repeat=K))
    winners = module.tournament(every(draws), FITNESS, len(draws), K)
    for better, member in enumerate((1, 3, 0, 2)):
        chance = ((4 - better) ** K - (4 - better - 1) ** K) / 4**K
        assert np.mean(winners == member) == pytest.approx(chance, abs=1e-15)
    assert module.tournament(rng(), FITNESS, 5, 2).shape == (5,)


@pytest.mark.verifies("genetic_operators.3")
def test_uniform_crossover_has_every_mask_once():
    masks = np.array(list(itertools.product([0.4999, 0.5], repeat=3)))
    one, other = np.ones((8, 3)), np.zeros((8, 3))
    fixed = Fed(random=masks)
    children = module.uniform_crossover(fixed, one, other)
    assert_array_equal(children, masks < 0.5)
    assert len(np.unique(children, axis=0)) == 8


@pytest.mark.verifies("genetic_operators.4")
def test_one_point_crossover_cuts_once_and_between_entries():
    children = module.one_point_crossover(rng(), np.ones((9000, 4)), np.zeros((9000, 4)))
    kinds, counts = np.unique(children, axis=0, return_counts=True)
    assert_array_equal(kinds, [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]])
    assert_allclose(counts / 9000, np.full(3, 1 / 3), atol=5 * np.sqrt(2 / 9 / 9000))
    children = module.one_point_crossover(rng(), np.ones((20, 2)), np.zeros((20, 2)))
    assert_array_equal(children, [[1, 0]] * 20)
    children = module.one_point_crossover(rng(), np.ones((2, 1)), np.zeros((2, 1)))
    assert_array_equal(children, [[1], [1]])


@pytest.mark.verifies("genetic_operators.5")
def test_mutation_moves_the_chosen_entries_by_a_normal():
    x, normal = np.array([[1.0, 2.0, 3.0]]), np.array([[0.5, -1.0, 2.0]])
    fixed = Fed(random=[[0.05, 0.2, 0.1]], normal=normal)
    assert_allclose(module.mutate(fixed, x, 0.1, 0.2), [[1.1, 2.0, 3.0]], rtol=1e-15)
    same = module.mutate(rng(), x, 0.0, 0.2)
    assert_array_equal(same, x)
    many = module.mutate(rng(), np.zeros((100_000, 1)), 0.3, 2.0)
    assert np.mean(many != 0) == pytest.approx(0.3, abs=5 * np.sqrt(0.21 / 1e5))
    assert many[many != 0].std() == pytest.approx(2, abs=5 * 2 / np.sqrt(6e4))
    assert module.mutate(rng(), x.astype("f4"), 1.0, 1.0).dtype == "float32"


MEMBERS = np.array([[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize("select", [module.truncation, module.tournament])
@pytest.mark.parametrize(
    ("wrong", "error", "rule"),
    [
        ({"K": 0}, ValueError, "(num_parents|tournament_size) must be at least 1, got 0"),
        ({"K": 2.0}, TypeError, "(num_parents|tournament_size) must be a whole number, got 2.0"),
        ({"num_draws": -1}, ValueError, "num_draws must be at least 0, got -1"),
        ({"num_draws": None}, TypeError, "num_draws must be a whole number, got None"),
        ({"fitness": np.zeros(0)}, ValueError, "a population must have at least 1 member, got 0"),
        ({"fitness": np.zeros((2, 2))}, ValueError, r"fitness must be \[P\], got \(2, 2\)"),
        ({"fitness": None}, TypeError, "fitness must hold real numbers"),
    ],
)
def test_parents_are_drawn_from_members_that_exist(select, wrong, error, rule):
    arguments = {"fitness": FITNESS, "num_draws": 3, "K": 2} | wrong
    with pytest.raises(error, match=rule):
        select(rng(), *arguments.values())


def test_truncation_draws_from_the_population_and_no_more():
    with pytest.raises(ValueError, match="num_parents must be at most 4, got 5"):
        module.truncation(rng(), FITNESS, 3, 5)


@pytest.mark.parametrize("select", [module.truncation, module.tournament])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_parent_has_a_fitness_that_is_not_finite(select, value):
    """In an order of numbers NaN has a place, and could be the best."""
    with pytest.raises(FloatingPointError, match=f"must be finite, got {value} of member 1"):
        select(rng(), np.array([0.1, value, 0.3]), 3, 1)


@pytest.mark.parametrize("select", [module.truncation, module.tournament])
def test_numbers_of_few_bits_draw_the_same_parents(select):
    few = select(rng(), FITNESS.astype(np.float32), np.int8(100), np.uint8(2))
    assert_array_equal(few, select(rng(), FITNESS, 100, 2))


@pytest.mark.parametrize("cross", [module.uniform_crossover, module.one_point_crossover])
@pytest.mark.parametrize(
    ("wrong", "error", "rule"),
    [
        ({"one": [[1.0, 2.0]]}, TypeError, "one must be an array of floats, got list"),
        ({"one": np.ones(2)}, ValueError, r"one must be \[n, D\], got \(2,\)"),
        ({"other": np.ones((2, 1))}, ValueError, r"other must be \[2, 2\], .* got \(2, 1\)"),
        ({"other": np.ones((1, 2))}, ValueError, r"other must be \[2, 2\], .* got \(1, 2\)"),
        ({"other": MEMBERS * np.nan}, ValueError, r"other must be finite, got nan at \[0, 0\]"),
    ],
)
def test_parents_of_other_shapes_are_refused(cross, wrong, error, rule):
    with pytest.raises(error, match=rule):
        cross(rng(), **{"one": MEMBERS, "other": MEMBERS} | wrong)


@pytest.mark.parametrize(
    ("wrong", "error", "rule"),
    [
        ({"x": MEMBERS.astype(int)}, TypeError, "x must be an array of floats, got int64"),
        ({"x": MEMBERS * np.inf}, ValueError, r"x must be finite, got inf at \[0, 0\]"),
        ({"probability": 2}, ValueError, "probability must be finite, from 0 to 1, got 2.0"),
        ({"probability": "1"}, TypeError, "probability must be a real number, got '1'"),
        ({"sigma": -1}, ValueError, "sigma must be positive, got -1"),
        ({"sigma": 0.0}, ValueError, "sigma must be positive, got 0.0"),
        ({"sigma": 1e300}, FloatingPointError, "a mutated entry must be finite, got sigma 1e"),
    ],
)
def test_mutation_is_refused_where_it_is_none(wrong, error, rule):
    right = {"x": MEMBERS.astype(np.float32), "probability": 1.0, "sigma": 0.5}
    with pytest.raises(error, match=rule):
        module.mutate(rng(), **right | wrong)


@pytest.mark.parametrize("wrong", [None, 0, np.random, np.random.RandomState(0)])
@pytest.mark.parametrize(
    "operator",
    [
        lambda r: module.truncation(r, FITNESS, 3, 2),
        lambda r: module.tournament(r, FITNESS, 3, 2),
        lambda r: module.uniform_crossover(r, MEMBERS, MEMBERS),
        lambda r: module.one_point_crossover(r, MEMBERS, MEMBERS),
        lambda r: module.mutate(r, MEMBERS, 0.5, 1.0),
    ],
)
def test_every_operator_draws_from_a_generator(operator, wrong):
    with pytest.raises(TypeError, match="rng must be a Generator"):
        operator(wrong)
