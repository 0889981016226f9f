"""Genetic operators: every draw of a small case is fed in, so that distributions are exact."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from comparing import rng
from numpy.testing import assert_allclose, assert_array_equal

from metarl_min.evolution import genetic_operators as module

FITNESS = np.array([0.3, 0.9, 0.1, 0.6])


def every(draws):
    """An rng whose `integers` are all of `draws`."""
    return SimpleNamespace(integers=lambda *a, size: np.reshape(draws, size))


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
    fixed = SimpleNamespace(random=lambda shape: masks.reshape(shape))
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
    fixed = SimpleNamespace(
        random=lambda shape: np.array([[0.05, 0.2, 0.1]]), standard_normal=lambda shape: normal
    )
    assert_allclose(module.mutate(fixed, x, 0.1, 0.2), [[1.1, 2.0, 3.0]], rtol=1e-15)
    same = module.mutate(rng(), x, 0.0, 0.2)
    assert_array_equal(same, x)
    many = module.mutate(rng(), np.zeros((100_000, 1)), 0.3, 2.0)
    assert np.mean(many != 0) == pytest.approx(0.3, abs=5 * np.sqrt(0.21 / 1e5))
    assert many[many != 0].std() == pytest.approx(2, abs=5 * 2 / np.sqrt(6e4))
    assert module.mutate(rng(), x.astype("f4"), 1.0, 1.0).dtype == "float32"
