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


@pytest.mark.verifies("verdicts.1")
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
    assert report.verdict == "not checked" and "every estimate is zero" in str(report)
    assert expectations.check_unbiased(lambda x: 0 * x, COIN, np.zeros(2), expect_zero=True)
    wrong = expectations.check_unbiased(lambda x: 0 * x, COIN, np.ones(2))
    assert wrong.verdict == "WRONG" and "every estimate is zero" in str(wrong)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_estimate_that_is_no_number_is_wrong(value):
    report = expectations.check_unbiased(lambda x: value * x**0, COIN, np.zeros(2))
    assert report.verdict == "WRONG" and "not a finite number" in str(report)


def test_the_data_of_the_caller_stay_and_a_change_is_told():
    def centred(x):
        x -= x.mean()
        return x

    pairs = [(0.25, np.array([0.0, 4.0])), (0.75, np.array([2.0, 0.0]))]
    arrays = np.array([0.25, 0.75]), np.array([[0.0, 4.0], [2.0, 0.0]])
    for outcomes, estimator in ((pairs, centred), (arrays, lambda x: np.stack([*map(centred, x)]))):
        report = expectations.check_unbiased(estimator, outcomes, np.array([0.25, -0.25]))
        assert report and report.remark == "the estimator changed its data in place"
        assert expectations.exact_expectation(estimator, outcomes).tolist() == [0.25, -0.25]
        assert expectations.exact_moments(estimator, outcomes)[0].tolist() == [0.25, -0.25]
    assert pairs[0][1].tolist() == [0, 4] and arrays[1].tolist() == [[0, 4], [2, 0]]
    assert expectations.check_unbiased(lambda x: x, pairs, np.array([1.5, 1.0])).remark == ""


def test_estimates_in_float32_agree_and_the_report_says_so():
    thirds = [(0.25, np.array([1 / 3], np.float32)), (0.75, np.array([2 / 7], np.float32))]
    report = expectations.check_unbiased(lambda x: x, thirds, np.array([0.25 / 3 + 1.5 / 7]))
    assert report and report.dtype == "float32" and "in float32" in str(report)
    assert not expectations.check_unbiased(lambda x: 1.01 * x, thirds, np.array([0.2976]))
    score = [(0.3, np.array([1 / 0.3], np.float32)), (0.7, np.array([-1 / 0.7], np.float32))]
    assert expectations.check_unbiased(lambda x: x, score, np.zeros(1))


@pytest.mark.parametrize("tolerance", [np.inf, np.nan, -1e-9, 0.2])
def test_a_tolerance_beyond_all_reason_is_refused(tolerance):
    with pytest.raises(ValueError, match="tolerance must be finite, from"):
        expectations.check_unbiased(lambda x: x, COIN, np.zeros(2), tolerance=tolerance)


@pytest.mark.parametrize(
    "value", ["2.0", True, 1j, None, np.ma.masked_array([1.0, 2.0], [False, True])]
)
def test_estimates_and_targets_are_real_numbers(value):
    with pytest.raises(TypeError, match="the estimate must hold real numbers"):
        expectations.exact_expectation(lambda x: value, COIN)
    with pytest.raises(TypeError, match="the target must hold real numbers"):
        expectations.check_unbiased(lambda x: x, COIN, value)


def test_unsuitable_outcomes_are_an_error_that_states_the_rule():
    rule = r"outcomes must hold pairs \(probability, data\)"
    for outcomes in (3, "text", None, [3.0], [(0.5, 1.0, 2.0)], np.ones(2)):
        with pytest.raises(TypeError, match=rule):
            expectations.exact_expectation(lambda x: x, outcomes)
    for outcomes in ([], (), iter([])):
        with pytest.raises(ValueError, match=rule + ", at least one"):
            expectations.exact_expectation(lambda x: x, outcomes)
    with pytest.raises(TypeError, match="probability must be a real number, got"):
        expectations.exact_expectation(lambda x: x, [("0.5", 1.0), (0.5, 1.0)])
    with pytest.raises(ValueError, match=r"estimates must have a first axis \(2,\)"):
        expectations.exact_expectation(lambda x: x[:1], (np.array([0.5, 0.5]), np.ones((2, 3))))
    with pytest.raises(ValueError, match="estimates must have a first axis"):
        expectations.exact_expectation(lambda x: x, (np.ones(0), np.ones((0, 3))))
    with pytest.raises(ValueError, match="target must be finite"):
        expectations.check_unbiased(lambda x: x, COIN, np.array([1.5, np.nan]))
    with pytest.raises(TypeError, match="estimator must be a function"):
        expectations.exact_expectation(3, COIN)
