"""Search gradients: expectations by quadrature, covariances in closed form, ranks by hand."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from metarl_min.evolution import search_gradients
from metarl_min.evolution.search_gradients import (
    ESTIMATORS,
    antithetic,
    forward_difference,
    one_sided,
)
from metarl_min.mdps.policies import softmax


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
    each = [forward_difference(F[[0, i + 1]], e[[i]], sigma) for i in range(5)]
    assert_allclose(forward_difference(F, e, sigma), np.mean(each, 0), rtol=1e-13)


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
            [one_sided(f, d[None], sigma) for f, d in zip(F(sigma * e)[:, None], e, strict=True)]
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
        g = np.array([forward_difference(f, d[None], sigma) for f, d in zip(F2, e, strict=True)])
        trace = np.trace(Q)
        fourth = (trace**2 + 2 * np.trace(Q @ Q)) * np.eye(D) + 4 * trace * Q + 8 * Q @ Q
        truth = a @ a * np.eye(D) + np.outer(a, a) + sigma**2 / 4 * fourth
    apart = g - a
    products = apart[:, :, None] * apart[:, None, :]
    error = products.std(0) / np.sqrt(N)
    assert (abs(products.mean(0) - truth) < 5 * error).all()
    assert (abs(apart.mean(0)) < 5 * apart.std(0) / np.sqrt(N)).all()


def test_one_value_has_no_rank():
    with pytest.raises(ValueError, match="ranks need at least 2 values, got 1"):
        search_gradients.centred_ranks(np.ones(1))


@pytest.mark.verifies("search_gradients.6")
def test_ranks_are_centred_and_ties_share_theirs():
    assert_allclose(search_gradients.centred_ranks(np.array([3.0, -1.0, 3.0, 9.0, 0.0])),
                    [0.125, -0.5, 0.125, 0.5, -0.25], atol=0)  # fmt: skip
    F = np.random.default_rng(0).normal(size=50)
    ranks = search_gradients.centred_ranks(F)
    assert_array_equal(np.argsort(F), np.argsort(ranks))
    assert_array_equal(ranks, search_gradients.centred_ranks(np.exp(3 * F)))
    assert not search_gradients.centred_ranks(np.full(7, 0.3)).any()
