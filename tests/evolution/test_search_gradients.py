"""Search gradients: means and covariances as exact sums, directions, and ranks by hand."""

import itertools
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from metarl_min.evolution import search_gradients
from metarl_min.evolution.search_gradients import (
    DIRECTIONS,
    ESTIMATORS,
    SHAPING,
    antithetic,
    forward_difference,
)
from metarl_min.mdps.policies import softmax

GRADIENT = np.array([1.0, -0.5])
HESSIAN = np.array([[1.0, 0.3], [0.3, -2.0]])
LEVEL = 0.7  # F at theta


def normal_points(num_entries, num_nodes):
    """Points and weights of a sum that is the mean over N(0, I) of polynomials of a low degree.

    With n nodes the sum is exact up to degree 2 n - 1 in each entry.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(num_nodes)
    grid = list(itertools.product(range(num_nodes), repeat=num_entries))
    return nodes[grid], (weights / weights.sum())[grid].prod(-1)


def fitness_of(F, theta, e, sigma, name):
    """Fitness of the members of directions e [n, D], in the order that the estimator expects."""
    signs = {"vanilla": [1], "antithetic": [1, -1], "forward": [1]}[name]
    centre = [F(theta)] if name == "forward" else []
    return np.array([*centre, *(F(theta + sign * sigma * x) for x in e for sign in signs)])


def quadratic(hessian, gradient=GRADIENT):
    """F around theta = 0, where it has this gradient and Hessian."""
    return lambda x: LEVEL + gradient @ x + x @ hessian @ x / 2


@pytest.mark.verifies("search_gradients.1", "search_gradients.2")
@pytest.mark.verifies("search_gradients.3", "search_gradients.4")
@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("D", [2, 3])
def test_the_expectation_is_the_gradient_of_the_smoothed_return(D, name):
    means, theta, sigma = np.array([0.2, 0.9, 0.4])[:D], np.array([0.3, -0.5, 0.1])[:D], 0.4

    def F(z):
        return softmax(z) @ means

    g, truth = np.zeros(D), np.zeros(D)
    for e, weight in zip(*normal_points(D, 12), strict=True):
        fitness = fitness_of(F, theta, e[None], sigma, name)
        g += weight * ESTIMATORS[name].gradient(fitness, e[None], sigma)
        p = softmax(theta + sigma * e)
        truth += weight * p * (means - p @ means)
    assert abs(truth).max() > 0.05
    assert_allclose(g, truth, atol=1e-8)


def test_more_directions_are_averaged():
    rng = np.random.default_rng(0)
    e, sigma = rng.normal(size=(5, 3)), 0.7
    for name, per in (("vanilla", 1), ("antithetic", 2)):
        F = rng.normal(size=5 * per)
        each = [
            ESTIMATORS[name].gradient(F[i * per : (i + 1) * per], e[[i]], sigma) for i in range(5)
        ]
        assert_allclose(ESTIMATORS[name].gradient(F, e, sigma), np.mean(each, 0), rtol=1e-13)
    F = rng.normal(size=6)
    each = [forward_difference(F[[0, i + 1]], e[[i]], sigma) for i in range(5)]
    assert_allclose(forward_difference(F, e, sigma), np.mean(each, 0), rtol=1e-13)


def covariance(name, hessian, sigma, n):
    """The covariance of an estimate from n directions, as a sum over all nodes of a grid."""
    F, moment, mean = quadratic(hessian), np.zeros((2, 2)), np.zeros(2)
    for point, weight in zip(*normal_points(2 * n, 4), strict=True):  # degree 6 in each entry
        e = point.reshape(n, 2)
        g = ESTIMATORS[name].gradient(fitness_of(F, np.zeros(2), e, sigma, name), e, sigma)
        moment += weight * np.outer(g, g)
        mean += weight * g
    assert_allclose(mean, GRADIENT, rtol=1e-12)
    return moment - np.outer(mean, mean)


@pytest.mark.verifies("search_gradients.5")
@pytest.mark.parametrize("n", [1, 2])
def test_the_covariance_of_a_linear_fitness_is_that_of_its_slope(n):
    slope = (GRADIENT @ GRADIENT * np.eye(2) + np.outer(GRADIENT, GRADIENT)) / n
    for name in ("antithetic", "forward"):
        assert_allclose(covariance(name, np.zeros((2, 2)), 0.8, n), slope, rtol=1e-11)
    assert_allclose(covariance("antithetic", HESSIAN, 0.8, n), slope, rtol=1e-11)


@pytest.mark.verifies("search_gradients.6")
@pytest.mark.parametrize("n", [1, 2])
def test_the_level_of_the_fitness_adds_to_the_covariance_of_one_side(n):
    slope = (GRADIENT @ GRADIENT * np.eye(2) + np.outer(GRADIENT, GRADIENT)) / n
    truth = slope + (LEVEL / 0.8) ** 2 * np.eye(2) / n
    assert_allclose(covariance("vanilla", np.zeros((2, 2)), 0.8, n), truth, rtol=1e-11)


@pytest.mark.verifies("search_gradients.7")
@pytest.mark.parametrize("n", [1, 2])
def test_curvature_adds_to_the_covariance_of_a_forward_difference(n):
    slope = (GRADIENT @ GRADIENT * np.eye(2) + np.outer(GRADIENT, GRADIENT)) / n
    trace, square = -1.0, np.array([[1.09, -0.3], [-0.3, 4.09]])  # of HESSIAN, by hand
    sixth = (trace**2 + 2 * 5.18) * np.eye(2) + 4 * trace * HESSIAN + 8 * square
    truth = slope + 0.8**2 * sixth / (4 * n)
    assert_allclose(covariance("forward", HESSIAN, 0.8, n), truth, rtol=1e-11)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_sampled_directions_have_the_exact_covariance(name):
    sigma, num_samples = 0.8, 2_000
    e = search_gradients.gaussian_directions(5, np.arange(num_samples), 2)
    F = quadratic(HESSIAN)
    each = np.array(
        [
            ESTIMATORS[name].gradient(
                fitness_of(F, np.zeros(2), x[None], sigma, name), x[None], sigma
            )
            for x in e
        ]
    )
    products = (each - GRADIENT)[:, :, None] * (each - GRADIENT)[:, None, :]
    error = products.std(0) / np.sqrt(num_samples)
    assert (abs(products.mean(0) - covariance(name, HESSIAN, sigma, 1)) < 5 * error).all()


@pytest.mark.verifies("search_gradients.8")
def test_orthogonal_directions_are_rows_of_rotations():
    D = 6
    e = search_gradients.orthogonal_directions(3, np.arange(2 * D), D)
    for rows in (e[:D], e[D:]):
        assert_allclose(rows @ rows.T, D * np.eye(D), atol=1e-13)
    assert abs(e[D:] @ e[:D].T).max() > 0.1  # another rotation
    assert_array_equal(search_gradients.orthogonal_directions(3, np.arange(D), D), e[:D])


@pytest.mark.verifies("search_gradients.1", "search_gradients.9")
def test_a_sphere_and_a_normal_smooth_a_quadratic_alike():
    sigma, F = 0.3, quadratic(HESSIAN)
    points, weights = normal_points(2, 2)
    smoothed = weights @ [F(sigma * e) for e in points]
    assert smoothed == pytest.approx(LEVEL + sigma**2 / 2 * (1 - 2), rel=1e-13)  # trace of HESSIAN
    e = search_gradients.orthogonal_directions(3, np.arange(2), 2)
    sphere = [F(sign * sigma * x) for x in e for sign in (1, -1)]
    assert np.mean(sphere) == pytest.approx(smoothed, rel=1e-13)


@pytest.mark.verifies("search_gradients.9")
def test_orthogonal_antithetic_directions_give_the_gradient_of_a_quadratic():
    rng, D = np.random.default_rng(0), 6
    hessian, gradient, theta = rng.normal(size=(D, D)), rng.normal(size=D), rng.normal(size=D)
    hessian = hessian + hessian.T
    e = search_gradients.orthogonal_directions(3, np.arange(D), D)
    F = fitness_of(quadratic(hessian, gradient), theta, e, 0.3, "antithetic")
    assert_allclose(antithetic(F, e, 0.3), gradient + hessian @ theta, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("kind", DIRECTIONS)
def test_directions_do_not_depend_on_who_asks(kind):
    make = DIRECTIONS[kind]
    whole = make(7, np.arange(9), 4)
    assert_array_equal(make(7, np.array([8, 2, 2]), 4), whole[[8, 2, 2]])
    assert make(7, np.arange(0), 4).shape == (0, 4)
    assert not np.allclose(make(8, np.arange(9), 4), whole)
    many = make(1, np.arange(10_000), 4)
    assert abs(many.mean(0)).max() < 5 / np.sqrt(10_000)
    assert_allclose(many.T @ many / 10_000, np.eye(4), atol=5 * np.sqrt(2 / 10_000))


def test_directions_are_not_drawn_from_the_streams_of_tasks_trials_and_breeding():
    e = search_gradients.gaussian_directions(7, np.arange(3), 4)
    for use in (0, 1, 3):
        assert not np.isin(np.random.default_rng([7, use]).standard_normal(12), e).any()


@pytest.mark.parametrize(
    ("name", "n", "numbers", "signs"),
    [
        ("vanilla", 6, [0, 1, 2, 3, 4, 5], [1, 1, 1, 1, 1, 1]),
        ("antithetic", 3, [0, 0, 1, 1, 2, 2], [1, -1, 1, -1, 1, -1]),
        ("forward", 5, [0, 0, 1, 2, 3, 4], [0, 1, 1, 1, 1, 1]),
    ],
)
def test_every_member_has_a_direction_and_a_sign(name, n, numbers, signs):
    estimator = ESTIMATORS[name]
    assert search_gradients.num_directions(estimator, 6) == n
    result = search_gradients.direction_and_sign(estimator, np.arange(6))
    assert_array_equal(result[0], numbers)
    assert_array_equal(result[1], signs)
    part = search_gradients.direction_and_sign(estimator, np.arange(3, 5))
    assert_array_equal(part[0], numbers[3:5])
    assert_array_equal(part[1], signs[3:5])


def test_members_are_numbers_of_members():
    few = search_gradients.direction_and_sign(ESTIMATORS["forward"], np.array([0, 5], np.uint8))
    assert_array_equal(few, [[0, 4], [0, 1]])
    for wrong, error in (([0, 1], TypeError), (np.array([0.5]), TypeError)):
        with pytest.raises(error, match="members must be an array of whole numbers"):
            search_gradients.direction_and_sign(ESTIMATORS["forward"], wrong)
    with pytest.raises(ValueError, match=r"members must be from 0 to .*, got -1"):
        search_gradients.direction_and_sign(ESTIMATORS["forward"], np.array([-1]))


@pytest.mark.parametrize(
    ("name", "population"), [("antithetic", 5), ("vanilla", 1), ("forward", 1)]
)
def test_a_population_that_does_not_fit_its_estimator_is_refused(name, population):
    with pytest.raises(
        ValueError, match=r"population must be at least 2; for antithetic directions it must be"
    ):
        search_gradients.num_directions(ESTIMATORS[name], population)


def test_one_value_has_no_rank():
    with pytest.raises(ValueError, match="ranks need at least 2 values, got 1"):
        search_gradients.centred_ranks(np.ones(1))


@pytest.mark.verifies("search_gradients.10")
def test_ranks_are_centred_and_ties_share_theirs():
    ranks = search_gradients.centred_ranks(np.array([3.0, -1.0, 3.0, 9.0, 0.0]))
    assert_allclose(ranks, [0.125, -0.5, 0.125, 0.5, -0.25], atol=0)
    F = np.random.default_rng(0).normal(size=50)
    ranks = search_gradients.centred_ranks(F)
    assert_array_equal(np.argsort(F), np.argsort(ranks))
    assert_array_equal(ranks, search_gradients.centred_ranks(np.exp(3 * F)))
    assert not search_gradients.centred_ranks(np.full(7, 0.3)).any()
    assert_array_equal(SHAPING["none"](F), F)


@pytest.mark.verifies("search_gradients.10")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_fitness_that_is_equal_for_all_gives_no_direction(name):
    e = search_gradients.gaussian_directions(1, np.arange(4), 3)
    F = fitness_of(lambda x: 0.3, np.zeros(3), e, 0.5, name)
    assert not ESTIMATORS[name].gradient(search_gradients.centred_ranks(F), e, 0.5).any()


GOOD_F = {"vanilla": [1.0, 2.0], "antithetic": [1.0, 2.0, 5.0, 4.0], "forward": [1.0, 2.0, 5.0]}


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize(
    ("wrong", "error", "rule"),
    [
        ({"sigma": -1.0}, ValueError, "sigma must be positive, got -1.0"),
        ({"sigma": 0}, ValueError, "sigma must be positive, got 0.0"),
        ({"sigma": np.nan}, ValueError, "sigma must be finite, got nan"),
        ({"sigma": None}, TypeError, "sigma must be a real number, got None"),
        ({"sigma": True}, TypeError, "sigma must be a real number, got True"),
        ({"F": np.ones(7)}, ValueError, "F must be . for each of the 2 directions.*, got 7"),
        ({"F": np.ones(1)}, ValueError, "F must be . for each of the 2 directions.*, got 1"),
        ({"F": None}, TypeError, "fitness must hold real numbers"),
        ({"e": np.ones((0, 2))}, ValueError, r"e must be \[n, D\] with n and D at least 1, got"),
        ({"e": np.ones((2, 0))}, ValueError, r"e must be \[n, D\] with n and D at least 1, got"),
        ({"e": np.ones(2)}, ValueError, r"e must be \[n, D\] with n and D at least 1, got \(2,\)"),
        ({"e": np.eye(2, dtype=int)}, TypeError, "e must be an array of floats, got int64"),
        ({"e": np.full((2, 2), np.inf)}, ValueError, r"e must be finite, got inf at \[0, 0\]"),
        ({"sigma": 1e-320}, FloatingPointError, "gradient must be finite, got -?inf at entry 0"),
    ],
)
def test_an_estimate_is_refused_where_its_arguments_do_not_fit(name, wrong, error, rule):
    right = {"F": np.array(GOOD_F[name]), "e": np.eye(2), "sigma": 1.0}
    assert np.isfinite(ESTIMATORS[name].gradient(**right)).all()
    with pytest.raises(error, match=rule):
        ESTIMATORS[name].gradient(**right | wrong)


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_no_estimate_has_a_fitness_that_is_not_finite(name, value):
    F = np.array(GOOD_F[name])
    F[1] = value
    for learn in (lambda: ESTIMATORS[name].gradient(F, np.eye(2), 1.0), lambda: SHAPING["none"](F)):
        with pytest.raises(FloatingPointError, match=f"got {value} of member 1"):
            learn()


def test_nan_has_no_rank():
    """In an order of numbers NaN comes last, so it would be the best."""
    with pytest.raises(FloatingPointError, match="fitness must be finite, got nan of member 0"):
        search_gradients.centred_ranks(np.array([np.nan, 1.0, 2.0]))


@pytest.mark.parametrize("kind", DIRECTIONS)
def test_numbers_of_few_bits_give_the_directions_of_large_ones(kind):
    make = DIRECTIONS[kind]
    few = make(np.int8(7), np.array([1, 5, 4], np.int8), np.int8(6))
    assert_array_equal(few, make(7, np.array([1, 5, 4]), 6))


@pytest.mark.parametrize("kind", DIRECTIONS)
@pytest.mark.parametrize(
    ("wrong", "error", "rule"),
    [
        ({"key": -1}, ValueError, "key must be at least 0, got -1"),
        ({"key": 1.0}, TypeError, "key must be a whole number, got 1.0"),
        ({"indices": [0, 1]}, TypeError, "indices must be an array of whole numbers, got list"),
        ({"indices": np.array([0.5])}, TypeError, "indices must be an array of whole numbers"),
        ({"indices": np.array([-1])}, ValueError, r"indices must be from 0 to .*, got -1 at \[0\]"),
        ({"D": 0}, ValueError, "D must be at least 1, got 0"),
        ({"D": 2.0}, TypeError, "D must be a whole number, got 2.0"),
    ],
)
def test_directions_are_refused_where_there_are_none(kind, wrong, error, rule):
    right = {"key": 1, "indices": np.arange(2), "D": 2}
    with pytest.raises(error, match=rule):
        DIRECTIONS[kind](**right | wrong)


@pytest.mark.parametrize(
    ("wrong", "error", "rule"),
    [
        ({"gradient": 3}, TypeError, "gradient must be a function, got 3"),
        ({"signs": [1, -1]}, TypeError, "signs must be of type tuple, got list"),
        ({"signs": ()}, ValueError, r"signs must be 1 or -1, got \(\)"),
        ({"signs": (1, 0)}, ValueError, r"signs must be 1 or -1, got \(1, 0\)"),
        ({"signs": (0.5,)}, TypeError, "a sign must be a whole number, got 0.5"),
        ({"num_centres": -1}, ValueError, "num_centres must be at least 0, got -1"),
    ],
)
def test_an_estimator_is_valid_from_the_moment_it_exists(wrong, error, rule):
    right = ESTIMATORS["forward"]
    for make in (right._replace, lambda **new: search_gradients.Estimator(**right._asdict() | new)):
        assert make() == right
        with pytest.raises(error, match=rule):
            make(**wrong)
    assert pickle.loads(pickle.dumps(right)) == right


@pytest.mark.parametrize("wrong", [None, "antithetic", (1, -1)])
def test_an_estimator_is_no_name_of_one(wrong):
    with pytest.raises(TypeError, match="estimator must be of type Estimator, got"):
        search_gradients.num_directions(wrong, 6)
    with pytest.raises(TypeError, match="estimator must be of type Estimator, got"):
        search_gradients.direction_and_sign(wrong, np.arange(6))


def test_a_population_of_centres_alone_has_no_direction():
    many = ESTIMATORS["forward"]._replace(num_centres=5)
    for population in (2, 5):
        with pytest.raises(ValueError, match="population must be at least 2"):
            search_gradients.num_directions(many, population)
    assert search_gradients.num_directions(many, np.uint8(7)) == 2


def test_the_member_whose_fitness_is_not_finite_is_named():
    F = np.array([0.0, 1.0, np.inf])
    with pytest.raises(FloatingPointError, match="fitness must be finite, got inf of member 2"):
        search_gradients.require_finite(F)
    assert_array_equal(search_gradients.require_finite(F[:2]), F[:2])


@pytest.mark.parametrize("wrong", [None, "antithetic", (1, -1)])
def test_the_number_and_the_signs_of_directions_belong_to_an_estimator(wrong):
    for call in (
        lambda: search_gradients.num_directions(wrong, 4),
        lambda: search_gradients.direction_and_sign(wrong, np.arange(4)),
    ):
        with pytest.raises(TypeError, match="estimator must be of type Estimator, got"):
            call()


def test_directions_of_a_size_that_no_memory_holds_are_refused():
    with pytest.raises(ValueError, match="D must be at most 10000000, got"):
        search_gradients.orthogonal_directions(0, np.arange(2), 10**15)
