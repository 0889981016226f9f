"""Estimates of a Hessian from neighbours: their means, as sums over a grid of normal nodes."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose

from metarl_min.evolution.hessian_estimates import (
    centred_hessian,
    hessian_with_centre,
    unbiased_hessian,
)
from metarl_min.evolution.search_gradients import antithetic, one_sided

SIGMA = 0.4


def F(x):
    """A polynomial of degree 4, so that the sums over the grid are exact."""
    return 2.0 + x[0] - 0.5 * x[1] ** 2 + x[0] * x[1] + 0.3 * x[0] ** 4 - x[0] * x[1] ** 2


THETA = np.array([0.3, -0.7])


def smoothed_hessian():
    """The Hessian of F_sigma: E x^2 becomes x^2 + sigma^2 in the second derivatives of F."""
    x, y = THETA
    return np.array([[3.6 * (x**2 + SIGMA**2), 1 - 2 * y], [1 - 2 * y, -1 - 2 * x]])


def smoothed_value():
    x, y = THETA
    s = SIGMA**2
    fourth = x**4 + 6 * x**2 * s + 3 * s**2
    return 2 + x - 0.5 * (y**2 + s) + x * y + 0.3 * fourth - x * (y**2 + s)


def normal_points(num_entries, num_nodes):
    nodes, weights = np.polynomial.hermite_e.hermegauss(num_nodes)
    grid = list(itertools.product(range(num_nodes), repeat=num_entries))
    return nodes[grid], (weights / weights.sum())[grid].prod(-1)


def mean_of(estimate, n, centre=False):
    total = np.zeros((2, 2))
    for point, weight in zip(*normal_points(2 * n, 5), strict=True):
        e = point.reshape(n, 2)
        fitness = [F(THETA)] * centre + [F(THETA + SIGMA * x) for x in e]
        total += weight * estimate(np.array(fitness), e, SIGMA)
    return total


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.verifies("hessian_estimates.1", "hessian_estimates.2")
def test_eq2_the_mean_fitness_of_the_same_neighbours_takes_its_share(n):
    assert_allclose(mean_of(centred_hessian, n), (1 - 1 / n) * smoothed_hessian(), atol=1e-12)


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.verifies("hessian_estimates.3", "hessian_estimates.4")
def test_eq4_theta_itself_as_a_neighbour_adds_a_multiple_of_the_identity(n):
    excess = (smoothed_value() - F(THETA)) / SIGMA**2
    truth = (n / (n + 1)) ** 2 * smoothed_hessian() + n / (n + 1) ** 2 * excess * np.eye(2)
    assert_allclose(mean_of(hessian_with_centre, n, centre=True), truth, atol=1e-12)


@pytest.mark.verifies("hessian_estimates.2")
def test_eq2_the_factor_n_over_n_minus_1_makes_it_unbiased():
    assert_allclose(mean_of(unbiased_hessian, 2), smoothed_hessian(), atol=1e-12)
    with pytest.raises(ValueError, match="unbiased_hessian must have at least 2 directions, got 1"):
        unbiased_hessian(np.ones(1), np.ones((1, 2)), 0.5)


def test_a_pair_of_opposite_neighbours_has_the_same_factor():
    total = np.zeros((2, 2))
    for point, weight in zip(*normal_points(4, 5), strict=True):
        e = np.stack([point[:2], -point[:2], point[2:], -point[2:]])
        fitness = np.array([F(THETA + SIGMA * x) for x in e])
        total += weight * centred_hessian(fitness, e, SIGMA)
    assert_allclose(total, smoothed_hessian() / 2, atol=1e-12)


def test_a_constant_fitness_has_no_curvature():
    e = np.random.default_rng(0).normal(size=(5, 2))
    assert not centred_hessian(np.full(5, 3.0), e, 0.5).any()
    assert not hessian_with_centre(np.full(6, 3.0), e, 0.5).any()


# ---- ES-MAML on the bandit of the table: what the first-order gradient leaves out ----

MEANS, ALPHA, WIDTH = np.array([0.2, 0.9]), 0.7, 0.3
ACROSS = np.array([1.0, -1.0]) / np.sqrt(2)  # J depends on this direction of the logits only


def J(x):
    """The return of the logits x ACROSS."""
    return MEANS[0] + (MEANS[1] - MEANS[0]) / (1 + np.exp(np.sqrt(2) * x))


START = np.array([0.3, -0.2]) @ ACROSS
NODES, CHANCE = (x.ravel() for x in normal_points(1, 24))


def smoothed_slope(x):
    return np.sum(CHANCE * J(x + WIDTH * NODES) * NODES) / WIDTH


def adapted(start, e):
    neighbours = start + WIDTH * np.stack([e, -e], axis=1).ravel()
    return start + ALPHA * antithetic(J(neighbours), e[:, None], WIDTH)[0]


def means_of_first_and_second_order():
    """The means of the ES gradient at the adapted parameters, without and with the Hessian."""
    first = second = 0.0
    for i, k in np.ndindex(len(NODES), len(NODES)):
        e = NODES[[i, k]]
        H = centred_hessian(J(START + WIDTH * e), e[:, None], WIDTH)[0, 0]
        slope = CHANCE[i] * CHANCE[k] * smoothed_slope(adapted(START, e))
        first, second = first + slope, second + slope * (1 + ALPHA * H)
    return first, second


def slope_of_F_n(h=1e-3):
    """The derivative of the smoothed return after an inner step with two directions."""

    def F_n(start):
        total = 0.0
        for i, k in np.ndindex(len(NODES), len(NODES)):
            phi = adapted(start, NODES[[i, k]])
            total += CHANCE[i] * CHANCE[k] * np.sum(CHANCE * J(phi + WIDTH * NODES))
        return total

    near, far = F_n(START + h) - F_n(START - h), F_n(START + 2 * h) - F_n(START - 2 * h)
    return (8 * near - far) / h / 12


def test_first_order_es_maml_is_4_7_percent_off_and_its_hessian_repairs_half_of_it():
    first, second = means_of_first_and_second_order()
    truth = slope_of_F_n()
    assert abs(first / truth - 1) == pytest.approx(0.047, abs=5e-4)
    assert abs(second / truth - 1) == pytest.approx(0.0235, abs=5e-4)


def test_zero_order_es_maml_is_unbiased_for_its_smoothed_adaptation():
    """For fixed directions of the inner step, the return after it is a function of theta."""
    e = np.array([0.7, -1.3])

    def fitness(x):
        return J(adapted(x, e))

    neighbours = [fitness(START + WIDTH * node) for node in NODES]
    mean = sum(
        p * one_sided(np.array([value]), np.array([[node]]), WIDTH)[0]
        for p, value, node in zip(CHANCE, neighbours, NODES, strict=True)
    )
    h, slope = 1e-4, 0.0
    for p, node in zip(CHANCE, NODES, strict=True):
        x = START + WIDTH * node
        slope += p * (fitness(x + h) - fitness(x - h)) / (2 * h)
    assert mean == pytest.approx(slope, abs=1e-8)
