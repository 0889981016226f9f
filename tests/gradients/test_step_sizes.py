"""step_sizes: a learned step size ascends in the unit that makes it a number without one."""

import numpy as np
import pytest

from metarl_min.basics import optimizers
from metarl_min.gradients import step_sizes
from metarl_min.gradients.step_sizes import LEARN_ALPHA, LearnAlpha

THETA = {"a": np.zeros((1, 2)), "b": np.zeros(3)}
GRADIENT = {"a": np.array([[0.5, -1.0]]), "b": np.array([2.0, 0.0, 0.25])}


def ascended(rule, optimizer, unit, steps=3):
    """alpha times the unit after some steps, where the gradient in alpha has the unit squared."""
    alpha, state = rule.init(0.5 / unit, THETA, optimizer.init)
    for _ in range(steps):
        g = lambda: {name: leaf * unit**2 for name, leaf in GRADIENT.items()}  # noqa: E731
        alpha, state = rule.ascend(optimizer, alpha, state, g, 4, unit)
    return {x: y * unit for x, y in alpha.items()} if isinstance(alpha, dict) else alpha * unit


@pytest.mark.parametrize("unit", [2.0**-20, 2.0**20])
@pytest.mark.parametrize("name", LEARN_ALPHA)
def test_a_unit_that_is_a_power_of_two_changes_no_bit(name, unit):
    """The optimiser sees gradients in the unit, so its own numbers are those of the unit."""
    at_one = ascended(LEARN_ALPHA[name], optimizers.sgd(0.1), 1.0)
    in_unit = ascended(LEARN_ALPHA[name], optimizers.sgd(0.1 / unit), unit)
    np.testing.assert_equal(in_unit, at_one)
    at_one = ascended(LEARN_ALPHA[name], optimizers.adam(0.1), 1.0)
    in_unit = ascended(LEARN_ALPHA[name], optimizers.adam(0.1, eps=1e-8 * unit), unit)
    np.testing.assert_equal(in_unit, at_one)


def test_one_step_of_each_rule_by_hand():
    one, each = LEARN_ALPHA["scalar"], LEARN_ALPHA["each"]
    assert ascended(LEARN_ALPHA["no"], optimizers.sgd(0.1), 1.0) == 0.5
    assert ascended(one, optimizers.sgd(0.1), 1.0, 1) == pytest.approx(0.5 + 0.1 * 1.75 / 4)
    tree = ascended(each, optimizers.sgd(0.1), 1.0, 1)
    for name, leaf in GRADIENT.items():
        np.testing.assert_allclose(tree[name], 0.5 + 0.1 * leaf / 4, rtol=1e-14)


def test_a_summary_has_the_smallest_the_median_and_the_largest():
    assert step_sizes.summary(0.5) == 0.5
    assert step_sizes.summary(THETA | {"b": np.array([3.0, -1.0, 8.0])}) == (-1.0, 0.0, 8.0)
    assert (
        step_sizes.summary({"a": np.array([[2.0, 9.0]]), "b": np.array([7.0, 1.0])}).median == 4.5
    )


@pytest.mark.parametrize("wrong", [None, "each", 0.5])
def test_a_rule_is_two_functions(wrong):
    with pytest.raises(TypeError, match="init must be a function, got"):
        LearnAlpha(init=wrong, ascend=step_sizes.fixed_alpha.ascend)
    with pytest.raises(TypeError, match="ascend must be a function, got"):
        step_sizes.fixed_alpha._replace(ascend=wrong)
