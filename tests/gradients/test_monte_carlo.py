"""Estimators measured on sampled data sets, against their exact moments."""

import numpy as np
import pytest

from metarl_min.gradients import meta_gradients
from metarl_min.gradients.estimators import ESTIMATORS, InnerStep, emaml
from metarl_min.gradients.meta_gradients import Problem, monte_carlo, standard_problems
from metarl_min.mdps import policies
from metarl_min.tasks import gridworlds
from metarl_min.tasks.bandits import bandit_mdps

FUNCTIONS = {name: estimator for name, (estimator, _) in ESTIMATORS.items()}


def worked(num_episodes, num_steps=1):
    task, theta = bandit_mdps(np.array([[0.2, 0.9]])), {"logits": np.array([[0.3, -0.2]])}
    return Problem(InnerStep(policies.tabular, 0.7, 0.0), theta, task, 1, num_episodes, num_steps)


PROBLEMS = {"N=1": worked(1), "N=8": worked(8), "K=2": worked(2, 2), "MDP": standard_problems()[1]}


@pytest.fixture(scope="module", params=PROBLEMS.values(), ids=PROBLEMS)
def both(request):
    """(exact moments, the same by sampling, truth) of every estimator."""
    N = request.param.num_episodes
    truth, exact = meta_gradients.compare_estimators(FUNCTIONS, request.param, [N])[N]
    sampled = monte_carlo(np.random.default_rng(7), FUNCTIONS, request.param, 20_000)
    return truth, exact, sampled


def test_means_are_those_of_the_exact_moments_within_five_standard_errors(both):
    _, exact, sampled = both
    for name, moments in exact.items():
        mean = sampled[name]["mean"]
        assert (abs(mean.mean - moments.mean) <= 5 * mean.stderr).all(), name
        low, high = mean.interval
        assert np.allclose(high - low, 3.92 * mean.stderr) and (low < high).all()


def test_standard_errors_are_those_of_the_exact_covariance(both):
    _, exact, sampled = both
    for name, moments in exact.items():
        deviation = np.sqrt(np.diag(moments.covariance))
        assert np.allclose(sampled[name]["mean"].stderr * 20_000**0.5, deviation, rtol=0.05), name


def test_biases_are_the_exact_ones_within_five_standard_errors(both):
    truth, exact, sampled = both
    for name, moments in exact.items():
        for part in ("F_N", "F_inf"):
            target = getattr(truth, f"grad_{part}")["logits"].ravel()
            bias = sampled[name][f"bias_{part}"]
            assert (abs(bias.mean - (moments.mean - target)) <= 5 * bias.stderr).all(), name


def test_the_z_test_finds_what_is_biased_and_spares_what_is_not(both):
    _, _, sampled = both
    assert abs(sampled["plain"]["bias_F_N"].z).min() > 5
    assert abs(sampled["plain"]["bias_F_inf"].z).min() > 5
    assert abs(sampled["emaml"]["bias_F_N"].z).max() < 5


def test_pairing_shows_more_than_the_means_alone():
    one = monte_carlo(np.random.default_rng(0), FUNCTIONS, worked(8), 2000)["fomaml"]
    alone = monte_carlo(np.random.default_rng(0), FUNCTIONS, worked(8), 2000)["emaml"]
    assert (one["bias_F_N"].stderr < alone["mean"].stderr / 5).all()


def test_a_task_too_large_to_enumerate_with_a_network():
    grid = gridworlds.gridworld(size=3, start=4, goals=(8,), horizon=6)
    policy = policies.mlp(4)
    theta = policy.init(np.random.default_rng(1), 9, 5)
    task = grid.sample(np.random.default_rng(0), 1)
    problem = Problem(InnerStep(policy, 0.3, 0.0), theta, task, 6, num_episodes=5, num_steps=2)
    with pytest.raises(ValueError, match="there may be at most"):
        meta_gradients.enumerate_data(problem)
    found = monte_carlo(np.random.default_rng(2), FUNCTIONS, problem, 1000)
    for row in found.values():
        for estimate in row.values():
            assert np.isfinite(estimate.z).all() and estimate.mean.shape == (9 * 4 + 4 + 4 * 5 + 5,)
    assert abs(found["emaml"]["bias_F_N"].z).max() < 5


def test_one_estimate_has_no_standard_error():
    with pytest.raises(ValueError, match="num_sets must be at least 2, got 1"):
        monte_carlo(np.random.default_rng(0), FUNCTIONS, worked(1), 1)


def test_what_is_equal_but_for_round_off_has_a_small_z():
    problem = worked(8)
    c = float(policies.softmax(problem.theta["logits"])[0] @ [0.2, 0.9])  # J(theta)

    def one_digit_off(*given):
        return {"logits": (1 + 2.3e-16) * emaml(*given, c)["logits"]}

    functions = {"off": one_digit_off, "zero": lambda *given: {"logits": 0.0 * given[3]["logits"]}}
    found = monte_carlo(np.random.default_rng(0), functions, problem, 10_000)
    assert abs(found["off"]["bias_F_N"].z).max() < 1
    zero = found["zero"]["mean"]
    assert (zero.z == 0).all() and (zero.stderr == 0).all()
