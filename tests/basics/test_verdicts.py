"""A report says one of three things, and its text says the same."""

import numpy as np
import pytest

from metarl_min.basics.verdicts import Report, compare

NAN = np.nan


def judged(claimed, truth, error=0.0, tolerance=1e-8, doubt=""):
    claimed, truth = np.array(claimed, float), np.array(truth, float)
    error = np.broadcast_to(error, truth.shape).astype(float)
    return compare(claimed, truth, error, tolerance, lambda i: f"[{i}]", doubt)


def test_a_value_may_differ_by_the_tolerance_times_the_largest_true_value_plus_the_error():
    assert judged([1 + 0.9e-6, 100.0], [1, 100]).verdict == "agrees"
    assert judged([1 + 1.1e-6, 100.0], [1, 100]).verdict == "WRONG"
    assert judged([1 + 1.1e-6, 100.0], [1, 100], error=2e-7).verdict == "agrees"
    assert judged([1e-9, 0.0], [0, 0]).verdict == "WRONG"  # where all is zero, the error alone
    assert judged([1e-9, 0.0], [0, 0], error=1e-9).verdict == "agrees"


def test_a_doubt_turns_agreement_into_not_checked_but_not_a_wrong_value():
    report = judged([1.0], [1], doubt="too little is known")
    assert report.verdict == "not checked" and report.remark == "too little is known"
    assert judged([2.0], [1], doubt="too little is known").verdict == "WRONG"
    assert judged([2.0], [1], doubt="too little is known").remark == ""


@pytest.mark.parametrize("value", [NAN, np.inf, -np.inf])
def test_a_claimed_value_that_is_no_number_is_wrong(value):
    report = judged([1.0, value], [1, 2])
    assert report.verdict == "WRONG" and report.coordinate == "[1]" and report.factor is None
    assert "the claimed value is not a finite number" in report.remark
    assert report.digits == 0
    assert judged([value], [1], error=np.inf).verdict == "WRONG"


def test_a_true_value_that_is_not_known_confirms_nothing():
    report = judged([1.0, 2.0], [1, NAN], error=[0, np.inf])
    assert report.verdict == "not checked" and "not a finite number" in report.remark
    assert report.coordinate == "[1]"
    assert judged([1.5, 2.0], [1, NAN], error=[0, np.inf]).verdict == "WRONG"
    assert judged([1.5, 2.0], [1, NAN], error=[0, np.inf]).coordinate == "[0]"
    assert judged([1.0, np.inf], [1, NAN], error=[0, np.inf]).verdict == "not checked"
    assert judged([1.0, NAN], [1, NAN], error=[0, np.inf]).verdict == "WRONG"


def test_the_coordinate_is_the_one_that_is_furthest_outside_of_its_error():
    report = judged([1.3, 2.2], [1, 2], error=[0.25, 0])
    assert report.coordinate == "[1]"
    assert (report.claimed, report.truth) == (2.2, 2)
    assert report.relative_error == pytest.approx(0.1)
    assert judged([1, 2], [1, 2], error=[0.2, 0.1], doubt="x").coordinate == "[0]"
    assert judged([1, 2], [1, 2], error=[0.2, 0.1], doubt="x").uncertainty == pytest.approx(0.1)


@pytest.mark.verifies("verdicts.1")
@pytest.mark.parametrize("factor", [-1.0, 0.5, 2.0, 0.0, 1.01])
def test_a_factor_between_the_claimed_and_the_true_values_is_named(factor):
    truth = np.array([3.0, -4.0, 12.0])
    assert judged(factor * truth, truth).factor == pytest.approx(factor, abs=1e-12)
    # <y, v> / <v, v> by hand for y that is nearly a multiple: (2 * 169 + 3 * 1e-6) / 169
    nearly = judged(2 * truth + [1e-6, 0, 0], truth).factor
    assert nearly == pytest.approx((338 + 3e-6) / 169, rel=1e-13)


def test_there_is_no_factor_in_another_direction_or_where_nothing_is_wrong():
    assert judged([-4.0, 3.0], [3, -4]).factor is None
    assert judged([1.0], [1]).factor is None
    assert judged([1.0], [0]).factor is None


@pytest.mark.parametrize(
    ("error", "digits"), [(0.0, 16), (1e-20, 16), (1e-3, 3), (1.0, 0), (50.0, 0), (NAN, 0)]
)
def test_digits_are_between_none_and_sixteen(error, digits):
    report = Report(
        verdict="agrees", relative_error=error, coordinate="[0]", claimed=1.0, truth=1.0,
        uncertainty=0.0, factor=None, remark="",
    )  # fmt: skip
    assert report.digits == pytest.approx(digits)
    assert "-0" not in str(report)


def test_the_three_texts():
    assert str(judged([1.0], [1])) == "agrees, 16.0 digits; at [0]: 1, should be 1 (known to 0)"
    wrong = (
        "WRONG, 0.0 digits; at [0]: 2, should be 1 (known to 0); it is 2 times what it should be"
    )
    assert str(judged([2.0], [1])) == wrong
    doubtful = judged([2.0], [1], error=3.0, doubt="too little is known")
    assert str(doubtful) == "not checked; at [0]: 2, measured 1 (known to 3); too little is known"
    single = judged([1.0], [1])._replace(dtype="float32")
    assert str(single).startswith("agrees, 16.0 digits in float32; at")


def test_a_report_is_true_only_if_it_agrees():
    reports = judged([1.0], [1]), judged([2.0], [1]), judged([1.0], [1], doubt="x")
    assert [bool(report) for report in reports] == [True, False, False]
    assert [report.agrees for report in reports] == [True, False, False]
