"""Estimators measured on sampled data sets, against their exact moments."""

import numpy as np
import pytest
from comparing import rng
from estimator_cases import worked_problem

from metarl_min.basics import trees
from metarl_min.gradients import inner_steps, meta_gradients
from metarl_min.gradients.estimators import ESTIMATORS, InnerStep, emaml, plain
from metarl_min.gradients.meta_gradients import Problem, standard_problems
from metarl_min.gradients.monte_carlo import compare_by_sampling
from metarl_min.mdps import networks, noises, policies
from metarl_min.tasks import gridworlds

NUM_SAMPLES = 10_000
PROBLEMS = {
    "N=1": worked_problem(1),
    "N=8": worked_problem(8),
    "K=2": worked_problem(2, 2),
    "MDP": standard_problems()[1],
}


@pytest.fixture(scope="module", params=PROBLEMS.values(), ids=PROBLEMS)
def measured(request):
    """The exact gradients, and the moments of every estimator: exact, and by sampling."""
    N = request.param.num_episodes
    truth, exact = meta_gradients.compare_estimators(ESTIMATORS, request.param, [N])[N]
    sampled = compare_by_sampling(rng(7), ESTIMATORS, request.param, NUM_SAMPLES)
    return truth, exact, sampled


def test_means_are_the_exact_means_within_five_standard_errors(measured):
    _, exact, sampled = measured
    for name, moments in exact.items():
        mean = sampled[name].mean
        assert (abs(mean.mean - moments.mean) <= 5 * mean.stderr).all(), name
        low, high = mean.interval
        assert np.allclose(high - low, 3.92 * mean.stderr) and (low < high).all()


def test_standard_errors_follow_from_the_exact_covariance(measured):
    _, exact, sampled = measured
    for name, moments in exact.items():
        deviation = np.sqrt(np.diag(moments.covariance))
        assert np.allclose(sampled[name].mean.stderr * NUM_SAMPLES**0.5, deviation, rtol=0.05), name


def test_biases_are_the_exact_ones_within_five_standard_errors(measured):
    truth, exact, sampled = measured
    for name, moments in exact.items():
        pairs = [
            (sampled[name].bias_F_N, truth.grad_F_N),
            (sampled[name].bias_F_inf, truth.grad_F_inf),
        ]
        for bias, gradient in pairs:
            exact_bias = moments.mean - gradient["logits"].ravel()
            assert (abs(bias.mean - exact_bias) <= 5 * bias.stderr).all(), name


def test_the_bias_is_many_standard_errors_if_and_only_if_the_estimator_is_biased(measured):
    _, _, sampled = measured
    assert abs(sampled["plain"].bias_F_N.in_stderrs).min() > 5
    assert abs(sampled["plain"].bias_F_inf.in_stderrs).min() > 5
    assert abs(sampled["emaml"].bias_F_N.in_stderrs).max() < 5


def test_a_bias_on_common_data_sets_has_a_smaller_error_than_a_mean():
    sampled = compare_by_sampling(rng(0), ESTIMATORS, worked_problem(8), 2000)
    assert (sampled["fomaml"].bias_F_N.stderr < sampled["emaml"].mean.stderr / 5).all()


def test_a_task_too_large_to_enumerate_with_a_network():
    grid = gridworlds.gridworld(size=3, start=4, goals=(8,), horizon=6)
    policy = networks.mlp(4)
    problem = Problem(
        inner=InnerStep(policy=policy, alpha=0.3, baseline=0.0),
        theta=policy.init(rng(1), 9, 5),
        task=grid.sample(rng(0), 1),
        horizon=6,
        num_episodes=5,
        num_steps=2,
    )
    with pytest.raises(ValueError, match="there may be at most"):
        meta_gradients.enumerate_data(problem)
    sampled = compare_by_sampling(rng(2), ESTIMATORS, problem, 300)
    for moments in sampled.values():
        for estimate in moments:
            assert np.isfinite(estimate.in_stderrs).all()
            assert estimate.mean.shape == (9 * 4 + 4 + 4 * 5 + 5,)
    assert abs(sampled["emaml"].bias_F_N.in_stderrs).max() < 5


def momentum(inner, phis, gradient):
    phi = trees.add_scaled(phis[-1], inner.alpha, gradient)
    last = trees.add_scaled(phis[-1], -1.0, phis[-2]) if len(phis) > 1 else None
    return phi if last is None else trees.add_scaled(phi, 0.5, last)


OWN = {
    "a discount": {"gamma": 0.5},
    "Bernoulli rewards": {"reward_noise": noises.bernoulli},
    "outer episodes": {"num_outer_episodes": 2},
    "momentum": {"num_steps": 2, "update": momentum},
    "weights": {"weights": inner_steps.full_returns},
}


@pytest.mark.parametrize("setting", OWN)
def test_every_field_of_a_problem_is_used_as_by_the_exact_moments(setting):
    task = standard_problems()[1].task
    task = task._replace(reward=np.array([[[[0.3], [1.0]], [[0.1], [0.8]]]]))
    changes = dict(OWN[setting])
    inner = standard_problems()[1].inner
    inner = inner._replace(**{k: changes.pop(k) for k in ("update", "weights") if k in changes})
    one = standard_problems()[1]._replace(
        task=task, inner=inner, num_episodes=1, **({"num_steps": 1} | changes)
    )
    both = {"emaml": emaml, "plain": plain}
    truth, exact = meta_gradients.compare_estimators(both, one, [1])[1]
    sampled = compare_by_sampling(rng(3), both, one, 20_000)
    for name, moments in exact.items():
        pairs = [(sampled[name].mean, moments.mean)]
        pairs += [(sampled[name].bias_F_N, moments.mean - truth.grad_F_N["logits"].ravel())]
        pairs += [(sampled[name].bias_F_inf, moments.mean - truth.grad_F_inf["logits"].ravel())]
        for estimate, value in pairs:
            assert (abs(estimate.mean - value) <= 5 * estimate.stderr).all(), (name, setting)


def test_noise_that_cannot_be_listed_can_be_sampled():
    loud = standard_problems()[1]._replace(reward_noise=noises.gaussian, num_episodes=1)
    sampled = compare_by_sampling(rng(4), {"emaml": emaml, "plain": plain}, loud, 2000)
    assert abs(sampled["emaml"].bias_F_N.in_stderrs).max() < 5
    assert abs(sampled["plain"].bias_F_N.in_stderrs).max() > 5


def test_one_estimate_has_no_standard_error():
    with pytest.raises(ValueError, match="num_sets must be at least 2, got 1"):
        compare_by_sampling(rng(0), ESTIMATORS, worked_problem(1), 1)


def test_a_difference_of_round_off_is_few_standard_errors():
    problem = worked_problem(8)
    c = float(policies.softmax(problem.theta["logits"])[0] @ [0.2, 0.9])  # J(theta)

    def one_digit_off(*inputs):
        return {"logits": (1 + 2.3e-16) * emaml(*inputs, c)["logits"]}

    def zero(inner, path, data, v, R):
        return {"logits": 0.0 * v["logits"]}

    sampled = compare_by_sampling(rng(0), {"off": one_digit_off, "zero": zero}, problem, 10_000)
    assert abs(sampled["off"].bias_F_N.in_stderrs).max() < 1
    mean_of_zeros = sampled["zero"].mean
    assert (mean_of_zeros.in_stderrs == 0).all() and (mean_of_zeros.stderr == 0).all()
