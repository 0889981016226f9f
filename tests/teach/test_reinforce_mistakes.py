"""Wrong scores and baselines of REINFORCE: against autograd, and against exact expectations."""

import autograd.numpy as np
import numpy as onp
import pytest
from autograd import grad

from metarl_min.teach import episode_lists, reinforce_mistakes
from metarl_min.teach.reinforce_weights import critic_baseline, estimate, others_baseline

CRITIC = reinforce_mistakes.of_critic_baseline()
OTHERS = reinforce_mistakes.of_others_baseline()
NOISY = reinforce_mistakes.noisy_with_others()
NOISY_CRITIC = reinforce_mistakes.noisy_with_critic()


def case_of(num_episodes, seed=0, with_q=False):
    rng = onp.random.default_rng(seed)
    setting = episode_lists.corridor(rng, num_episodes, 2)
    q = [rng.normal(size=setting.theta.shape)] if with_q else []
    return episode_lists.every_list(setting, *q)


def mean_of(case, program):
    return onp.tensordot(case.probability, onp.stack([program(*x) for x in case.arguments]), 1)


def log_pi(theta):
    return theta - np.log(np.sum(np.exp(theta), axis=1, keepdims=True))


def attached(theta, states, actions, rewards, gamma, q):
    """The surrogate of a program that forgets that the baseline must be a number."""
    W = onp.array([[r[0] + gamma * r[1], r[1]] for r in rewards])
    b = np.sum(np.exp(log_pi(theta)) * q, axis=1)[states]
    weights = onp.array([1.0, gamma])
    return np.sum(weights * (W - b) * log_pi(theta)[states, actions]) / len(states)


def test_a_baseline_that_is_not_detached_is_the_gradient_of_its_surrogate():
    for arguments in case_of(2, with_q=True).arguments:
        result = CRITIC["the baseline is not detached"].program(*arguments)
        onp.testing.assert_allclose(result, grad(attached)(*arguments), rtol=1e-9, atol=1e-12)


def wrong_score_surrogate(normaliser):
    def surrogate(theta, states, actions, weights):
        return np.sum(weights * (theta[states, actions] - normaliser(theta, states)))

    return surrogate


@pytest.mark.parametrize(
    ("name", "normaliser"),
    [
        ("minus pi is missing", lambda theta, states: 0.0),
        ("the scores of all states", lambda t, states: np.sum(np.log(np.sum(np.exp(t), axis=1)))),
        ("one softmax for all states", lambda t, states: np.log(np.sum(np.exp(t)))),
    ],
)
def test_wrong_scores_are_gradients_with_wrong_normalisers(name, normaliser):
    surrogate = wrong_score_surrogate(normaliser)
    for theta, states, actions, rewards, gamma, q in case_of(2, with_q=True).arguments:
        W = onp.array([[r[0] + gamma * r[1], r[1]] for r in rewards])
        pi = onp.exp(log_pi(theta))
        weights = [1, gamma] * (W - (pi * q).sum(1)[states]) / 2
        expected = grad(surrogate)(theta, states, actions, weights)
        result = CRITIC[name].program(theta, states, actions, rewards, gamma, q)
        onp.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-12)


def test_with_the_mean_of_the_others_all_wrong_normalisers_cancel():
    for arguments in case_of(3).arguments[::7]:
        result = OTHERS["minus pi is missing"].program(*arguments)
        for name in reinforce_mistakes.SCORES:
            wrong = reinforce_mistakes.SCORES[name][0]
            same = reinforce_mistakes._wrong_scores(others_baseline, wrong, *arguments)
            onp.testing.assert_allclose(same, result, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("N", [2, 3])
def test_the_own_sample_costs_exactly_one_nth(N):
    case = case_of(N)
    mean = mean_of(case, OTHERS["own sample in the mean baseline"].program)
    onp.testing.assert_allclose(mean, (1 - 1 / N) * case.exact, rtol=1e-9, atol=1e-12)
    mean = mean_of(case, OTHERS["sum for mean, and own sample in the baseline"].program)
    onp.testing.assert_allclose(mean, (N - 1) * case.exact, rtol=1e-9, atol=1e-12)


def test_the_other_baselines_by_hand():
    arguments = case_of(2, with_q=True).arguments[5]
    _, states, actions, rewards, gamma, q = arguments
    W = onp.array([[r[0] + gamma * r[1], r[1]] for r in rewards])
    for program, b in {
        CRITIC["the baseline depends on the action"].program: q[states, actions],
        OTHERS["own sample in the mean baseline"].program: W.mean(0) * onp.ones((2, 1)),
        OTHERS["one mean as baseline"].program: onp.full((2, 2), W.mean()),
        NOISY["no baseline"].program: onp.zeros((2, 2)),
        NOISY["the baseline divided by N"].program: W[::-1] / 2,
    }.items():
        given = arguments if program is CRITIC["the baseline depends on the action"].program else ()
        result = program(*(given or arguments[:5]))
        expected = estimate(lambda *x, b=b: b, *arguments[:5])
        onp.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-12)


def baseline_of_weights(weights):
    """Return a baseline with which gamma^t (W - b) is the array of weights."""

    def baseline(theta, states, actions, rewards, gamma):
        W = onp.array([[r[0] + gamma * r[1], r[1]] for r in rewards])
        return W - weights / [1, gamma]

    return baseline


def test_whole_returns_by_hand():
    for arguments in case_of(3).arguments[::9]:
        rewards, gamma = arguments[3:5]
        R = [r[0] + gamma * r[1] for r in rewards]
        weights = [[R[n] - (sum(R) - R[n]) / 2] * 2 for n in range(3)]
        expected = estimate(baseline_of_weights(onp.array(weights)), *arguments)
        result = NOISY["whole returns"].program(*arguments)
        onp.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-12)


def test_standardised_returns_by_hand():
    for arguments in case_of(2).arguments[::5]:
        rewards, gamma = arguments[3:5]
        W = onp.array([[r[0] + gamma * r[1], r[1]] for r in rewards])
        standard = (W - onp.mean(W)) / onp.sqrt(onp.mean(W**2) - onp.mean(W) ** 2)
        for name, weights in {
            "standardised returns": standard * [1, gamma],
            "standardised returns, and gamma^t is missing": standard,
        }.items():
            expected = estimate(baseline_of_weights(weights), *arguments)
            result = OTHERS[name].program(*arguments)
            onp.testing.assert_allclose(result, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("noisy", "baseline", "with_q"),
    [(NOISY, others_baseline, False), (NOISY_CRITIC, critic_baseline, True)],
)
def test_noisy_estimators_are_unbiased_and_differ_in_their_squares(noisy, baseline, with_q):
    case = case_of(2 if with_q else 3, with_q=with_q)
    squares = [mean_of(case, lambda *x: estimate(baseline, *x) ** 2)]
    for mistake in noisy.values():
        onp.testing.assert_allclose(
            mean_of(case, mistake.program), case.exact, rtol=1e-9, atol=1e-12
        )
        squares.append(mean_of(case, lambda *x, f=mistake.program: f(*x) ** 2))
    for i, x in enumerate(squares):
        assert all(abs(x - y).max() > 1e-3 * abs(x).max() for y in squares[:i])


def test_noisy_estimators_with_a_critic_by_hand():
    arguments = case_of(2, with_q=True).arguments[6]
    theta, states, _, rewards, gamma, q = arguments
    W = onp.array([[r[0] + gamma * r[1], r[1]] for r in rewards])
    b = (onp.exp(log_pi(theta)) * q).sum(1)[states]
    for name, weights in {
        "no baseline": [1, gamma] * W,
        "the mean of q over the actions as baseline": [1, gamma] * (W - q.mean(1)[states]),
        "the baseline not discounted": [1, gamma] * W - b,
        "whole returns": W[:, [0, 0]] - b,
    }.items():
        expected = estimate(baseline_of_weights(weights), *arguments[:5])
        result = NOISY_CRITIC[name].program(*arguments)
        onp.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-12)


def test_the_critic_baseline_leaves_the_mean():
    case = case_of(1, with_q=True)
    mean = mean_of(case, lambda *x: estimate(critic_baseline, *x))
    onp.testing.assert_allclose(mean, case.exact, rtol=1e-9, atol=1e-12)
