"""Bounds of Beta arms, eqs. (1)-(4) of bounds."""

from fractions import Fraction
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metarl_min.ceilings import bayes_optimal, beta_arms, bounds
from metarl_min.tasks import BetaArms, make

PRIORS = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=3)
quick = settings(derandomize=True, deadline=None, max_examples=25)


def family_of(pairs, pulls):
    text = "/".join(f"{a},{b}" for a, b in pairs)
    return make("bandit", {"arms": str(len(pairs)), "pulls": str(pulls), "prior": text})


@pytest.mark.verifies("bounds.1")
@pytest.mark.verifies("bounds.2")
@pytest.mark.verifies("bounds.3")
@pytest.mark.verifies("bounds.4")
@quick
@given(PRIORS, st.integers(1, 7))
def test_the_optimum_lies_between_each_of_its_bounds(pairs, pulls):
    family = family_of(pairs, pulls)
    value, prior = bayes_optimal.solve(family).value, family.prior
    for price in (0.0, 0.3, 0.7, 1.0):
        assert bounds.relaxed(prior, pulls, price) >= value - 1e-12
    assert bounds.one_after_the_other(prior, pulls) <= value + 1e-12
    two = BetaArms(prior.a[:2], prior.b[:2])
    assert bayes_optimal.solve(family._replace(prior=two)).value <= value + 1e-12
    found = bounds.bounds(family)
    assert found.lower - 1e-12 <= value <= found.upper + 1e-12
    assert found.upper <= found.known_task and found.random <= found.lower + 1e-12


@pytest.mark.verifies("bounds.2")
@quick
@given(PRIORS, st.integers(1, 5), st.integers(0, 8))
def test_eq2_is_the_recursion_in_rational_numbers(pairs, pulls, eighths):
    price = Fraction(eighths, 8)

    @cache
    def worth(a, b, left):
        p = Fraction(a, a + b)
        if left == 0:
            return Fraction(0)
        more = p * worth(a + 1, b, left - 1) + (1 - p) * worth(a, b + 1, left - 1)
        return max(Fraction(0), p - price + more)

    expected = pulls * price + sum(worth(a, b, pulls) for a, b in pairs)
    found = bounds.relaxed(family_of(pairs, pulls).prior, pulls, float(price))
    assert found == pytest.approx(float(expected), abs=1e-12)


@pytest.mark.verifies("bounds.3")
@quick
@given(PRIORS, st.integers(1, 6))
def test_eq3_is_the_recursion_in_rational_numbers(pairs, pulls):
    order = sorted(pairs, key=lambda pair: Fraction(pair[0], sum(pair)))

    @cache
    def worth(i, a, b, left):
        if left == 0:
            return Fraction(0)
        p = Fraction(a, a + b)
        pulled = p * (1 + worth(i, a + 1, b, left - 1)) + (1 - p) * worth(i, a, b + 1, left - 1)
        leave = [worth(i + 1, *order[i + 1], left)] if i + 1 < len(order) else []
        return max(pulled, *leave) if leave else pulled

    found = bounds.one_after_the_other(family_of(pairs, pulls).prior, pulls)
    assert found == pytest.approx(float(worth(0, *order[0], pulls)), abs=1e-12)


def test_one_arm_leaves_no_gap():
    found = bounds.bounds(family_of([(2, 3)], 20))
    assert found.lower == pytest.approx(8, abs=1e-12)
    assert found.upper == pytest.approx(8, abs=1e-7)


def test_many_arms_leave_a_small_gap():
    found = bounds.bounds(make("bandit", {"arms": "20", "pulls": "60"}))
    assert 0 < found.upper - found.lower < 2


def test_a_part_of_the_arms_is_used_where_all_do_not_fit(monkeypatch):
    family = family_of([(1, 1), (1, 1), (1, 3), (2, 1)], 5)
    two = family_of([(2, 1), (1, 1)], 5)
    monkeypatch.setattr(bounds, "SMALL", beta_arms.size(two.prior, 5))
    best = bounds.best_of_some(family)
    assert best <= bayes_optimal.solve(family).value
    assert best == pytest.approx(bayes_optimal.solve(two).value)
    monkeypatch.setattr(bounds, "SMALL", 0)
    assert bounds.best_of_some(family) == pytest.approx(5 * 2 / 3)


def test_what_is_refused():
    with pytest.raises(ValueError, match="bounds are known for Bernoulli arms with Beta priors"):
        bounds.bounds(make("gridworld", {}))
    family = make("bandit", {"arms": "20", "pulls": "10000"})
    with pytest.raises(ValueError, match=r"at most 4,000,000,000 numbers, got 6,666,666,666,666"):
        bounds.bounds(family)
