"""Exact means and covariances of estimators over finitely many outcomes."""

import numpy as np
import pytest

from metarl_min.basics import expectations

COIN = [(0.25, np.array([0.0, 4.0])), (0.75, np.array([2.0, 0.0]))]  # mean [1.5, 1]


@pytest.mark.verifies("expectations.1")
def test_exact_expectation_and_moments_of_a_coin():
    assert expectations.exact_expectation(lambda x: x, COIN).tolist() == [1.5, 1.0]
    mean, covariance = expectations.exact_moments(lambda x: x, COIN)
    assert mean.tolist() == [1.5, 1.0]
    assert np.allclose(covariance, [[0.75, -1.5], [-1.5, 3.0]], atol=1e-15)


@pytest.mark.verifies("expectations.1")
def test_pairs_and_arrays_with_a_leading_axis_give_the_same_for_arrays_and_trees():
    rng = np.random.default_rng(0)
    p, data = rng.dirichlet(np.ones(6)), rng.normal(size=(6, 2, 3))
    pairs = list(zip(p, data, strict=True))

    def tree(x):
        return {"w": x**2, "a": x[..., 0]}

    for estimator in (np.sin, tree):
        one = expectations.exact_expectation(estimator, pairs)
        for other in (iter(pairs), (p, data)):
            again = expectations.exact_expectation(estimator, other)
            for leaf, twin in zip(
                *(x.values() if isinstance(x, dict) else [x] for x in (one, again)), strict=True
            ):
                assert leaf.shape == twin.shape
                assert np.allclose(leaf, twin, atol=1e-15)
        moments = [
            expectations.exact_moments(estimator, outcomes) for outcomes in (pairs, (p, data))
        ]
        assert np.allclose(moments[0][1], moments[1][1], atol=1e-15)
    assert np.allclose(
        expectations.exact_expectation(np.sin, pairs), np.tensordot(p, np.sin(data), 1)
    )
    assert expectations.exact_moments(tree, pairs)[1].shape == (8, 8)  # 'a' [2] before 'w' [2, 3]


def test_probabilities_that_do_not_sum_to_one_are_refused():
    with pytest.raises(ValueError, match="sum to one"):
        expectations.exact_expectation(lambda x: x, [(0.5, np.ones(1)), (0.4, np.ones(1))])
    with pytest.raises(ValueError, match="must not be negative"):
        expectations.exact_moments(lambda x: x, [(1.5, np.ones(1)), (-0.5, np.ones(1))])
    with pytest.raises(ValueError, match="names and shapes"):
        expectations.exact_expectation(lambda x: x, [(0.5, np.ones(1)), (0.5, np.ones(2))])


def test_an_unbiased_estimator_passes_and_a_biased_one_does_not():
    assert expectations.check_unbiased(lambda x: x, COIN, np.array([1.5, 1.0]))
    report = expectations.check_unbiased(lambda x: x, COIN, np.array([1.5, 1.01]))
    assert not report
    assert report.factor is None
    assert report.coordinate == "[1]" and report.claimed - report.truth == pytest.approx(-0.01)


@pytest.mark.verifies("checks.5")
@pytest.mark.parametrize("factor", [2.0, -1.0, 1 / 7, 1.01])
def test_a_pure_factor_between_mean_and_target_is_named(factor):
    report = expectations.check_unbiased(lambda x: factor * x, COIN, np.array([1.5, 1.0]))
    assert not report
    assert report.factor == pytest.approx(factor, rel=1e-12)


def test_round_off_alone_decides_where_the_target_is_zero():
    score = [(0.3, np.array([1 / 0.3])), (0.7, np.array([-1 / 0.7]))]
    assert expectations.check_unbiased(lambda x: 1e6 * x, score, np.zeros(1))
    report = expectations.check_unbiased(lambda x: x + 1e-9, score, np.zeros(1))
    assert not report
    assert report.relative_error == pytest.approx(1e-9, rel=1e-5)  # absolute


def test_an_estimator_that_is_always_zero_proves_nothing_unless_expected():
    report = expectations.check_unbiased(lambda x: 0 * x, COIN, np.zeros(2))
    assert not report and "every estimate is zero" in str(report)
    assert expectations.check_unbiased(lambda x: 0 * x, COIN, np.zeros(2), expect_zero=True)
    assert not expectations.check_unbiased(lambda x: np.nan * x, COIN, np.zeros(2))
