"""orders (1)-(3): limits and slopes of the bias, against series in closed form and theory."""

import numpy as np
import pytest

from metarl_min.basics import trees
from metarl_min.gradients import orders
from metarl_min.gradients.estimators import ESTIMATORS, dice, emaml, fomaml, plain
from metarl_min.gradients.orders import check_order
from metarl_min.gradients.problems import standard_problems

BANDIT, MDP = (one._replace(num_steps=1) for one in standard_problems())
N = np.array([1, 2, 4, 8])


@pytest.mark.verifies("orders.2")
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_eq2_the_limit_of_a_polynomial_in_1_over_N_is_exact(degree):
    c = np.random.default_rng(degree).normal(size=(degree + 1, 3))
    values = sum(c[k] / N[:, None] ** k for k in range(degree + 1))
    limit, error = orders.extrapolate(N, values)
    assert limit == pytest.approx(c[0], abs=1e-13)
    assert error.max() < 1e-13 or degree == 3


@pytest.mark.verifies("orders.2")
def test_eq2_the_limit_is_that_of_the_fitted_polynomial():
    values = np.random.default_rng(0).normal(size=(4, 2))
    fitted = np.linalg.solve(np.vander(1 / N, increasing=True), values)
    shorter = np.linalg.solve(np.vander(1 / N[1:], increasing=True), values[1:])
    limit, error = orders.extrapolate(N, values)
    assert limit == pytest.approx(fitted[0], abs=1e-12)
    assert error == pytest.approx(abs(fitted[0] - shorter[0]), abs=1e-12)


@pytest.mark.verifies("orders.1")
@pytest.mark.parametrize("name", ["dice", "plain"])
def test_eq1_the_series_from_few_N_predicts_the_bias_at_a_larger_N(name):
    """The polynomial through N = 2, 4, 8, 16 predicts the bias at N = 32."""
    seen = check_order(ESTIMATORS[name], problem=BANDIT, num_episodes=(2, 4, 8, 16, 32))
    # On this problem the bias keeps its direction nearly, so its length has nearly a series too.
    sizes, x = np.array(seen.bias), 1 / np.array(seen.num_episodes)
    c = np.linalg.solve(np.vander(x[:4], increasing=True), sizes[:4])
    assert np.vander(x, 4, increasing=True)[-1] @ c == pytest.approx(sizes[-1], rel=1e-3)


@pytest.mark.verifies("orders.3")
def test_eq3_slopes_are_exponents():
    assert orders._slope(N, 3.0 / N**1.5) == pytest.approx(-1.5, abs=1e-14)
    assert orders._slope(N, 2.0 * N) == pytest.approx(1.0, abs=1e-14)
    assert orders._slope(N, np.zeros(4)) == 0.0


RIGHT = {"emaml", "dice", "loaded_dice", "linearised_score"}


@pytest.mark.parametrize("estimand", ["F_N", "F_inf"])
@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("problem", [BANDIT, MDP], ids=["bandit", "mdp"])
def test_the_bias_is_of_order_1_over_N_where_theory_says_so(name, estimand, problem):
    order = check_order(ESTIMATORS[name], estimand, problem=problem)
    assert bool(order) is (name in RIGHT | ({"lvc"} if problem is BANDIT else set()))
    assert order.verdict in ("agrees", "WRONG")


def test_the_variance_of_the_score_term_grows_like_N_and_that_of_the_others_falls():
    """Tang 2022: the variance of E-MAML is of order N; without a score term it is of order 1/N."""
    assert check_order(emaml, problem=BANDIT).variance_slope == pytest.approx(1.0, abs=0.1)
    for estimator in (plain, fomaml):
        assert check_order(estimator, problem=BANDIT).variance_slope == pytest.approx(-1, abs=0.15)


def test_an_unbiased_estimator_has_no_slope():
    order = check_order(emaml, "F_N")
    assert order and order.slope == 0.0 and order.bias == (0.0,) * 4


def test_a_slowly_falling_bias_is_not_confirmed():
    """A bias that falls like N^(-1/4) is not O(1/N)."""

    def slow(inner, path, data, v, R):
        g = emaml(inner, path, data, v, R)
        return trees.add_scaled(g, 0.1 * data[0].counts.shape[1] ** -0.25, v)

    assert check_order(slow, "F_N", problem=BANDIT).verdict != "agrees"


def test_the_report_is_readable():
    text = str(check_order(dice))
    assert (
        text.startswith("O(1/N): agrees; limit of the bias ") and "\nN =   8: bias 1.90e-02" in text
    )


@pytest.mark.parametrize("numbers", [(1, 2), (1, 2, 2), (4, 2, 1)])
def test_numbers_of_episodes_must_increase(numbers):
    with pytest.raises(ValueError, match="at least three numbers that increase, got"):
        check_order(dice, num_episodes=numbers)


def test_round_off_is_no_bias():
    """In float32, and with a large mean reward, the bias of emaml is round-off."""
    shifted = BANDIT._replace(task=BANDIT.task._replace(reward=BANDIT.task.reward + 1e5))
    shifted = shifted._replace(inner=BANDIT.inner._replace(baseline="leave_one_out"))

    def in_float32(*inputs):
        return trees.map_leaves(np.float32, emaml(*inputs))

    for estimator, problem, numbers in (
        (in_float32, BANDIT, (1, 2, 4)),
        (emaml, shifted, (2, 4, 8)),
    ):
        order = check_order(estimator, "F_N", problem=problem, num_episodes=numbers)
        assert order and order.bias == (0.0,) * 3 and order.slope == 0.0
        assert check_order(plain, "F_N", problem=problem, num_episodes=numbers).verdict == "WRONG"


def test_a_truth_that_round_off_hides_is_refused():
    lost = BANDIT._replace(task=BANDIT.task._replace(reward=BANDIT.task.reward + 1e14))
    with pytest.raises(ValueError, match="the round-off must be at most 1e-3 of the exact value"):
        check_order(fomaml, problem=lost, num_episodes=(1, 2, 4))


@pytest.mark.parametrize("numbers", [(1, 3, 10), (2, 3, 4, 5, 6)])
def test_any_numbers_that_increase_give_the_same_verdicts(numbers):
    for estimator, verdict in ((dice, "agrees"), (plain, "WRONG")):
        assert check_order(estimator, problem=BANDIT, num_episodes=numbers).verdict == verdict


def test_a_truth_of_zero_is_refused():
    one_arm = BANDIT._replace(num_steps=0)
    flat = one_arm._replace(task=one_arm.task._replace(reward=np.zeros_like(one_arm.task.reward)))
    with pytest.raises(ValueError, match="the exact value must not be zero, got 0"):
        check_order(fomaml, problem=flat)
