"""Covariances: powers, the limit of the condition number, and the limit of the length of steps."""

import math

import numpy as np
import pytest
from comparing import rng
from numpy.testing import assert_allclose, assert_array_equal

from metarl_min.evolution import covariances


def turned(values, seed=0):
    """A covariance with these eigenvalues, and its eigenvectors as columns."""
    Q, _ = np.linalg.qr(rng(seed).normal(size=(len(values), len(values))))
    C = Q @ np.diag(values) @ Q.T
    return (C + C.T) / 2, Q


@pytest.mark.verifies("covariances.1")
@pytest.mark.parametrize("smallest", [1e-3, 1e-13, 1e-16, 0.0, -1e-15])
def test_eigenvalues_are_raised_by_one_number_where_the_smallest_is_too_small(smallest):
    C = np.diag([1.0, 1e-14, smallest])  # of such a matrix they have no rounding errors
    after, values, vectors = covariances.decompose(C)
    added = max(0.0, 1e-14 - min(1e-14, smallest))
    assert_allclose(np.diag(after), [1 + added, 1e-14 + added, smallest + added], rtol=1e-12)
    assert_allclose(values, sorted(np.diag(after)), rtol=1e-12)
    assert_allclose(abs(vectors).max(0), 1, rtol=1e-15)
    if added == 0:
        assert after is C


@pytest.mark.verifies("covariances.1")
def test_directions_stay_where_eigenvalues_are_raised():
    C, Q = turned([1e-20, 1e-3, 1.0])
    after, values, vectors = covariances.decompose(C)
    assert_allclose(values, [1e-14, 1e-3, 1.0], rtol=0.1)  # rounding errors are about 1e-16
    assert_allclose(abs(np.sum(Q * vectors, axis=0)), 1, rtol=1e-10)
    assert_allclose(np.diag(after - C), np.full(3, 1e-14), rtol=0.1)
    assert_allclose(after - np.diag(np.diag(after)), C - np.diag(np.diag(C)), atol=1e-18)


@pytest.mark.verifies("covariances.2")
def test_a_step_is_shortened_to_the_length_of_the_report():
    _, Q = turned([0.25, 4.0, 9.0])
    inverse_root = Q @ np.diag([2, 0.5, 1 / 3]) @ Q.T
    limit = math.sqrt(3) + 6 / 5
    lengths = np.array([0.1, limit - 1e-9, limit + 1e-9, 50.0, 1e200])
    directions = rng(2).normal(size=(5, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    root = Q @ np.diag([0.5, 2.0, 3.0]) @ Q.T
    y = lengths[:, None] * directions @ root  # of these Mahalanobis lengths
    truth = np.minimum(lengths, limit)[:, None] * directions @ root
    found = covariances.shorten(y, inverse_root)
    assert_allclose(found, truth, rtol=1e-11)
    assert_array_equal(found[:2], y[:2])
    assert_array_equal(covariances.shorten(np.zeros((2, 3)), inverse_root), np.zeros((2, 3)))


def test_drawn_steps_are_never_shortened():
    for D in (1, 2, 6, 20):
        y = rng(D).normal(size=(100_000, D))
        assert covariances.shorten_rare(y, np.eye(D)) is y


def test_only_the_step_that_cannot_have_been_drawn_is_shortened():
    y = np.array([[3.0, 4.0], [0.0, math.sqrt(2) + 7.9], [0.0, -math.sqrt(2) - 8.1]])
    truth = [[3.0, 4.0], [0.0, math.sqrt(2) + 7.9], [0.0, -math.sqrt(2) - 1]]
    assert_allclose(covariances.shorten_rare(y, np.eye(2)), truth, rtol=1e-14)
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(ValueError, match="x must be at most 1e308 sigma from the mean"),
    ):
        covariances.shorten_rare(np.array([[np.inf, 0.0]]), np.eye(2))


@pytest.mark.verifies("covariances.3")
@pytest.mark.parametrize("scale", [5e-324, 1e-300, 1e-91, 1e91, 1e300])
def test_the_scale_moves_from_the_covariance_to_sigma_without_a_rounding_error(scale):
    C, p_c = scale * np.array([[3.0, 1.0], [1.0, 2.0]]), np.sqrt(scale) * np.array([1.0, -2.0])
    sigma, small, path = covariances.rescale(0.75, C, p_c)
    assert 1 <= small.max() < 4
    # Of powers of 4, the root is exact.
    factor = np.sqrt(C.max() / small.max())
    assert sigma == 0.75 * factor and math.frexp(factor)[0] == 0.5
    assert_array_equal(small * factor * factor, C)
    assert_array_equal(path * factor, p_c)


def test_a_usual_scale_stays():
    for scale in (1e-89, 1.0, 1e89):
        C, p_c = scale * np.eye(2), np.ones(2)
        found = covariances.rescale(0.5, C, p_c)
        assert found[0] == 0.5 and found[1] is C and found[2] is p_c


@pytest.mark.parametrize(
    ("C", "error", "rule"),
    [
        ([[1.0]], TypeError, "C must be an array of floats, got list"),
        (np.eye(2, dtype=int), TypeError, "C must be an array of floats, got int64"),
        (np.ones(3), ValueError, r"C must be \[D, D\], got \(3,\)"),
        (np.ones((2, 3)), ValueError, r"C must be \[D, D\], got \(2, 3\)"),
        (np.zeros((0, 0)), ValueError, r"C must be \[D, D\], got \(0, 0\)"),
        (np.full((2, 2), np.nan), ValueError, "C must be finite"),
        (
            np.array([[1.0, 0.5], [0.4, 1.0]]),
            ValueError,
            "C must be symmetric, got a diff",
        ),
        (
            np.diag([1.0, -1e-9]),
            ValueError,
            "C must be positive definite, got an eigenv",
        ),
        (np.zeros((2, 2)), ValueError, "C must be positive definite, got an eigenvalue of 0"),
    ],
)
def test_what_is_no_covariance_is_refused(C, error, rule):
    with pytest.raises(error, match=rule):
        covariances.check(C)


def test_an_eigenvalue_may_be_zero():
    singular = np.diag([1.0, 0.0])
    assert covariances.check(singular) is singular


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_few_digits_become_many(dtype):
    """With few digits of its own, an eigenvalue of 0 could be far below 0."""
    C = np.array([[0.25, 0.5], [0.5, 1.0]], dtype)  # singular
    mean, sigma, after = covariances.check_distribution(np.ones(2, dtype), dtype(2), C)
    assert mean.dtype == after.dtype == float and type(sigma) is float
    assert_array_equal(after, C)
