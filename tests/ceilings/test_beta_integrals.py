"""Beta integrals, eqs. (1)-(4), against rational numbers and closed forms."""

import math
from fractions import Fraction

import numpy as np
import pytest
from comparing import at_most_lines, close
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from metarl_min.ceilings.beta_integrals import beta_cdf, expected_best_mean
from metarl_min.tasks import BetaArms

quick = settings(derandomize=True, deadline=None, max_examples=20)
positive = st.floats(0.01, 1e4)


def integral_of_product(pairs):
    """int prod_i I_x(a_i, b_i) dx for whole a, b, as a polynomial with rational coefficients."""
    product = [Fraction(1)]
    for a, b in pairs:
        scale = Fraction(math.factorial(a + b - 1), math.factorial(a - 1) * math.factorial(b - 1))
        cdf = [Fraction(0)] * (a + b)
        for k in range(b):
            cdf[a + k] = scale * (-1) ** k * math.comb(b - 1, k) / (a + k)
        longer = [Fraction(0)] * (len(product) + len(cdf) - 1)
        for i, x in enumerate(product):
            for j, y in enumerate(cdf):
                longer[i + j] += x * y
        product = longer
    return sum(x / (i + 1) for i, x in enumerate(product))


def arms(pairs):
    return BetaArms(*np.array(pairs, float).T)


@pytest.mark.verifies("beta_integrals.1")
@quick
@given(st.integers(1, 30), st.integers(1, 30), st.floats(-8, 8))
def test_eq1_the_distribution_function_is_the_tail_of_a_binomial(a, b, u):
    x, n = 1 / (1 + math.exp(-u)), a + b - 1
    tail = math.fsum(math.comb(n, k) * x**k * (1 - x) ** (n - k) for k in range(a, n + 1))
    assert beta_cdf(a, b, np.array([u]))[0] == pytest.approx(tail, rel=1e-11, abs=1e-13)


@pytest.mark.verifies("beta_integrals.1")
def test_eq1_the_distribution_function_of_one_half_twice_is_the_arcsine_law():
    u = np.linspace(-20, 20, 41)
    expected = 2 / np.pi * np.arcsin(np.sqrt(1 / (1 + np.exp(-u))))
    assert_allclose(beta_cdf(0.5, 0.5, u), expected, rtol=1e-9)


@pytest.mark.verifies("beta_integrals.2")
def test_eq2_both_sides_of_a_point_sum_to_one():
    u = np.linspace(-20, 20, 41)
    other_side = beta_cdf(70.5, 0.3, -u)
    assert_allclose(beta_cdf(0.3, 70.5, u) + other_side, 1, rtol=1e-13)


@pytest.mark.verifies("beta_integrals.3", "beta_integrals.4")
@quick
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), min_size=1, max_size=4))
def test_eqs3_and_4_whole_parameters_give_a_rational_number(pairs):
    expected = 1 - integral_of_product(pairs)
    assert expected_best_mean(arms(pairs)) == pytest.approx(float(expected), abs=1e-11)


@pytest.mark.verifies("beta_integrals.3", "beta_integrals.4")
@quick
@given(positive, positive)
def test_eqs3_and_4_one_arm_is_worth_its_mean(a, b):
    assert expected_best_mean(arms([(a, b)])) == pytest.approx(a / (a + b), abs=1e-10)


@pytest.mark.verifies("beta_integrals.3", "beta_integrals.4")
@quick
@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_eqs3_and_4_two_arms_with_power_laws_have_a_closed_form(a, c):
    best = expected_best_mean(arms([(a, 1), (c, 1)]))  # distribution function x^(a + c)
    assert best == pytest.approx(1 - 1 / (1 + a + c), abs=1e-10)
    best = expected_best_mean(arms([(1, a), (1, c)]))
    expected = 1 / (1 + a) + 1 / (1 + c) - 1 / (1 + a + c)
    assert best == pytest.approx(expected, abs=1e-10)


def test_equal_arms_are_worth_the_same_alone_and_in_a_group():
    apart = [(2 + i * 1e-13, 3) for i in range(4)]
    assert close(expected_best_mean(arms([(2, 3)] * 4)), expected_best_mean(arms(apart)), 1e-11)


@pytest.mark.verifies("beta_integrals.1", "beta_integrals.2")
@pytest.mark.parametrize(("a", "b"), [(1e6, 1e-9), (1e-9, 1e6), (3e4, 1e6), (1e6, 1e6), (1e6, 1.0)])
def test_eqs1_and_2_end_at_the_edge_of_the_range(a, b):
    """The steps of the fraction change by their rounding errors for ever, so they are counted."""
    arm = BetaArms(np.array([a]), np.array([b]))
    one_arm = at_most_lines(lambda: expected_best_mean(arm), 300_000)
    assert one_arm == pytest.approx(a / (a + b), abs=2e-11)


@pytest.mark.parametrize(("a", "b"), [(0.0, 1.0), (1.0, -1.0), (np.nan, 1.0), (1.0, np.inf)])
def test_a_distribution_has_positive_parameters(a, b):
    with pytest.raises(ValueError, match="must be"):
        beta_cdf(a, b, np.zeros(1))
    with pytest.raises(ValueError, match="logit must be finite"):
        beta_cdf(1.0, 1.0, np.array([np.nan]))
    with pytest.raises(TypeError, match="prior must be of type BetaArms, got tuple"):
        expected_best_mean((np.ones(2), np.ones(2)))
