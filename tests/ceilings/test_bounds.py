"""Bounds of Beta arms, eqs. (1)-(4), against the ceiling and recursion in rational numbers."""

import math
from fractions import Fraction
from functools import cache

import pytest
from comparing import at_most_lines
from hypothesis import given, settings
from hypothesis import strategies as st

from metarl_min.ceilings import TooLarge, beta_arms, bounds
from metarl_min.mdps import rollouts
from metarl_min.tasks import BetaArms, Unsupported
from metarl_min.tasks.bandits import bandit, correlated, gaussian
from metarl_min.tasks.gridworlds import gridworld

PRIORS = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=3)
quick = settings(derandomize=True, deadline=None, max_examples=25)


def family_of(pairs, pulls):
    return bandit(arms=len(pairs), pulls=pulls, prior=tuple(pairs))


@pytest.mark.verifies("bounds.1", "bounds.2", "bounds.3", "bounds.4")
@quick
@given(PRIORS, st.integers(1, 7))
def test_the_optimum_lies_between_each_of_its_bounds(pairs, pulls):
    family = family_of(pairs, pulls)
    value, prior = beta_arms.solve(family).value, family.prior
    for multiplier in (0.0, 0.3, 0.7, 1.0):
        assert bounds.whittle_relaxation(prior, pulls, multiplier) >= value - 1e-12
    assert bounds.never_return_value(prior, pulls) <= value + 1e-12
    two = BetaArms(prior.a[:2], prior.b[:2])
    assert beta_arms.solve(family._replace(prior=two)).value <= value + 1e-12
    bracket = bounds.bounds(family)
    assert bracket.lower - 1e-12 <= value <= bracket.upper + 1e-12
    assert bracket.upper <= bracket.known_task and bracket.random <= bracket.lower + 1e-12


@pytest.mark.verifies("bounds.1")
def test_eq1_the_best_of_two_uniform_arms_pays_two_thirds_a_pull():
    assert bounds.bounds(bandit(arms=2, pulls=30)).known_task == pytest.approx(20, abs=1e-10)


@pytest.mark.verifies("bounds.2")
@quick
@given(PRIORS, st.integers(1, 5), st.integers(0, 8))
def test_eq2_is_the_recursion_in_rational_numbers(pairs, pulls, eighths):
    multiplier = Fraction(eighths, 8)

    @cache
    def worth(a, b, pulls_left):
        p = Fraction(a, a + b)
        if pulls_left == 0:
            return Fraction(0)
        later = p * worth(a + 1, b, pulls_left - 1) + (1 - p) * worth(a, b + 1, pulls_left - 1)
        return max(Fraction(0), p - multiplier + later)

    expected = pulls * multiplier + sum(worth(a, b, pulls) for a, b in pairs)
    bound = bounds.whittle_relaxation(family_of(pairs, pulls).prior, pulls, float(multiplier))
    assert bound == pytest.approx(float(expected), abs=1e-12)


@pytest.mark.verifies("bounds.3")
@quick
@given(PRIORS, st.integers(1, 6))
def test_eq3_is_the_recursion_in_rational_numbers(pairs, pulls):
    order = sorted(pairs, key=lambda pair: Fraction(pair[0], sum(pair)))

    @cache
    def worth(i, a, b, m):
        if m == 0:
            return Fraction(0)
        p = Fraction(a, a + b)
        pulled = p * (1 + worth(i, a + 1, b, m - 1)) + (1 - p) * worth(i, a, b + 1, m - 1)
        return max(pulled, worth(i + 1, *order[i + 1], m)) if i + 1 < len(order) else pulled

    bound = bounds.never_return_value(family_of(pairs, pulls).prior, pulls)
    assert bound == pytest.approx(float(worth(0, *order[0], pulls)), abs=1e-12)


@pytest.mark.verifies("bounds.4")
def test_eq4_takes_the_best_arms_where_all_do_not_fit(monkeypatch):
    family = family_of([(1, 1), (1, 1), (1, 3), (2, 1)], 5)
    two = family_of([(2, 1), (1, 1)], 5)
    monkeypatch.setattr(bounds, "MAX_ENTRIES", beta_arms.size(two.prior, 5))
    best = bounds.best_subset_value(family)
    assert best <= beta_arms.solve(family).value
    assert best == pytest.approx(beta_arms.solve(two).value)
    monkeypatch.setattr(bounds, "MAX_ENTRIES", 0)
    assert bounds.best_subset_value(family) == pytest.approx(5 * 2 / 3)


def test_golden_section_finds_a_minimum_inside_and_at_both_ends():
    for point, expected in ((0.3, 2.0), (-1.0, 3.0), (2.0, 3.0)):
        minimum = bounds.golden_section_minimum(lambda x, p=point: (x - p) ** 2 + 2, 0.0, 1.0)
        assert minimum == pytest.approx(expected, abs=1e-12)
    assert bounds.golden_section_minimum(lambda x: abs(x - math.e / 4), 0.0, 1.0) < 1e-9


def test_one_arm_leaves_no_gap():
    bracket = bounds.bounds(family_of([(2, 3)], 20))
    assert bracket.lower == pytest.approx(8, abs=1e-12)
    assert bracket.upper == pytest.approx(8, abs=1e-7)


def test_many_arms_leave_a_small_gap():
    bracket = bounds.bounds(bandit(arms=20, pulls=60))
    assert 0 < bracket.upper - bracket.lower < 2


def test_only_beta_arms_normal_rewards_and_candidate_tasks_have_bounds():
    assert all(bounds.applies_to(family) for family in (bandit(), gaussian(), gridworld()))
    no_chances = gridworld(size=2)._replace(reward_noise=rollouts.bernoulli)
    others = (correlated(), bandit()._replace(reward_noise=rollouts.deterministic), no_chances)
    for family in others:
        assert not bounds.applies_to(family)
        with pytest.raises(Unsupported, match="bounds are known for Beta arms, for nor"):
            bounds.bounds(family)


def test_bounds_that_take_too_long_are_refused_by_their_number():
    with pytest.raises(TooLarge, match=r"at most 4,000,000,000 numbers, got 6,666,666,666,666"):
        bounds.bounds(bandit(arms=20, pulls=10000))


@pytest.mark.parametrize(
    "family",
    [
        bandit(arms=2, pulls=10**7),
        bandit(arms=10**5, pulls=100),
    ],
    ids=lambda family: f"{family.name} {family.horizon} {family.num_episodes}",
)
def test_any_size_is_refused_in_one_line_and_in_few_steps(family):
    with pytest.raises(TooLarge, match=r"^bounds[^\n]* may \w+ at most [\d,]+ .*, got [^\n]*$"):
        at_most_lines(lambda: bounds.bounds(family), 300_000)


def test_many_arms_are_bounded_as_few_are():
    """With one pull, all arms are worth their mean: there is nothing to learn."""
    bracket = bounds.bounds(bandit(arms=20_000, pulls=1))
    assert bracket.lower == 0.5 and bracket.upper == pytest.approx(0.5, abs=1e-7)


def test_a_family_with_a_unit_has_bounds():
    family = bandit(arms=3, pulls=5)
    assert bounds.bounds(family._replace(unit=2.0)) == bounds.bounds(family)


@pytest.mark.parametrize("high", [math.inf, math.nan, "1"])
def test_golden_section_ends(high):
    with pytest.raises((TypeError, ValueError), match="high must be"):
        bounds.golden_section_minimum(lambda x: x, 0.0, high)
    wide = bounds.golden_section_minimum(lambda x: (x - 3e9) ** 2, 0.0, 1e10)
    assert wide == pytest.approx(0, abs=1.0)


def test_arguments_of_the_bounds_are_checked():
    prior = bandit(arms=2).prior
    for wrong in (0, -1, 2.5, None):
        for bound in (bounds.never_return_value, lambda p, n: bounds.whittle_relaxation(p, n, 0.5)):
            with pytest.raises((TypeError, ValueError), match="pulls must be"):
                bound(prior, wrong)
    for wrong in (-0.1, math.nan, "1"):
        with pytest.raises((TypeError, ValueError), match="multiplier must be"):
            bounds.whittle_relaxation(prior, 3, wrong)
    with pytest.raises(TypeError, match="prior must be of type BetaArms, got GaussianArms"):
        bounds.never_return_value(gaussian().prior, 3)
    for bound in (bounds.beta_bounds, bounds.best_subset_value):
        with pytest.raises(Unsupported, match="bounds are known for Beta arms: rewards must be Be"):
            bound(bandit()._replace(reward_noise=rollouts.deterministic))


def test_a_minimum_is_searched_between_finite_ends_in_order():
    for ends, rule in (((0.0, -1.0), "high must be at least low"), ((-1e300, 0.0), "low must be")):
        with pytest.raises(ValueError, match=rule):
            bounds.golden_section_minimum(abs, *ends)
    with pytest.raises(TypeError, match="function must be a function, got None"):
        bounds.golden_section_minimum(None, 0.0, 1.0)
