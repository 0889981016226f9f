"""Assignment 3: estimators that are graded by their exact expectation."""

import numpy as np
import pytest

from metarl_min.teach import reinforce_estimators
from metarl_min.teach.questions import in_this_process
from metarl_min.teach.watched_calls import Watched


def estimate(theta, states, actions, weights):
    g = np.zeros(theta.shape)
    for n, t in np.ndindex(states.shape):
        s = states[n, t]
        pi = np.exp(theta[s]) / np.exp(theta[s]).sum()
        g[s] -= weights[n, t] * pi / len(states)
        g[s, actions[n, t]] += weights[n, t] / len(states)
    return g


def returns_to_go(rewards, gamma):
    T = rewards.shape[1]
    return np.array([[sum(gamma ** (k - t) * r[k] for k in range(t, T)) for t in range(T)]
                     for r in rewards])  # fmt: skip


def reinforce(theta, states, actions, rewards, gamma, q):
    pi = np.exp(theta) / np.exp(theta).sum(1, keepdims=True)
    advantages = returns_to_go(rewards, gamma) - (pi * q).sum(1)[states]
    return estimate(theta, states, actions, gamma ** np.arange(rewards.shape[1]) * advantages)


def leave_one_out(theta, states, actions, rewards, gamma):
    W, N = returns_to_go(rewards, gamma), len(rewards)
    others = np.stack([sum(W[m] for m in range(N) if m != n) / (N - 1) for n in range(N)])
    return estimate(theta, states, actions, gamma ** np.arange(W.shape[1]) * (W - others))


RIGHT = {"reinforce": reinforce, "leave_one_out": leave_one_out}
MAKERS = ("reinforce", "reinforce_variance", "leave_one_out", "leave_one_out_variance")
ASKED = {name: getattr(reinforce_estimators, name)() for name in MAKERS}


def graded(name, program, seed=0):
    """Grade a program without the slow search for side effects."""
    call = lambda *x: Watched(program(*x), changed=False, used_global=False)  # noqa: E731
    return ASKED[name].grade(call, np.random.default_rng(seed))


@pytest.mark.parametrize(("name", "num_seeds"), list(zip(MAKERS, (3, 2, 3, 2), strict=True)))
def test_a_right_program_has_all_points_and_every_mistake_its_name(name, num_seeds):
    question = ASKED[name]
    for seed in range(num_seeds):
        assert graded(name, RIGHT[question.function], seed).score == 1
        for mistake, one in question.mistakes.items():
            verdict = graded(name, one.program, seed)
            assert (verdict.score, verdict.mistake) == (0, mistake)
            assert one.say in verdict.text and one.equation in verdict.text
    question.grade(in_this_process(RIGHT[question.function]), np.random.default_rng(0))


def whole_returns(theta, states, actions, rewards, gamma):
    """Unbiased, with more variance: the whole return, minus the whole return of the others."""
    R = rewards @ gamma ** np.arange(rewards.shape[1])
    weights = R - (R.sum() - R) / (len(R) - 1)
    return estimate(theta, states, actions, weights[:, None] + 0 * rewards)


def test_an_unbiased_estimator_with_another_variance_is_right_in_the_first_question_only():
    assert graded("leave_one_out", whole_returns).score == 1
    verdict = graded("leave_one_out_variance", whole_returns)
    assert verdict.mistake == "whole returns" and "returns (1)" in verdict.text


def test_a_critic_that_is_not_used_is_right_in_the_first_question_only():
    def without(*x):
        return reinforce(*x[:5], 0 * x[5])

    assert graded("reinforce", without).score == 1
    verdict = graded("reinforce_variance", without)
    assert (verdict.score, verdict.mistake) == (0, "no baseline")


def test_an_estimator_with_a_wrong_sign_has_the_right_squares_but_not_the_right_mean():
    verdict = graded("leave_one_out_variance", lambda *x: -leave_one_out(*x))
    assert verdict.mistake == "wrong sign"


@pytest.mark.parametrize("name", MAKERS)
def test_small_errors_are_wrong_and_shown(name):
    right = RIGHT[ASKED[name].function]
    for program in (
        lambda *x: right(*x) + 1e-5,
        lambda *x: right(*x[:3], x[3] * (1 + 1e-6), *x[4:]),
        lambda *x: right(*x[:4], x[4] * (1 + 1e-6), *x[5:]),
    ):
        assert graded(name, program).score == 0
    verdict = graded(name, lambda *x: right(*x) + 10.0)
    assert verdict.mistake == "unknown" and "every other list in a row of 3" in verdict.text


def test_a_forgotten_factor_is_named():
    verdict = graded("reinforce", lambda *x: x[4] * reinforce(*x))
    assert verdict.mistake == "gamma times the right result"


def test_two_mistakes_of_which_one_is_a_factor_are_named():
    def undiscounted(*arguments):
        mistakes = ASKED["leave_one_out"].mistakes
        return mistakes["gamma^t is missing"].program(*arguments)

    verdict = graded("leave_one_out", lambda *x: (1 - 1 / len(x[1])) * undiscounted(*x))
    assert verdict.mistake == "(1 - 1/N) times gamma^t is missing"
    verdict = graded("leave_one_out", lambda *x: len(x[1]) * undiscounted(*x))
    assert verdict.mistake == "N times gamma^t is missing"

    def wrong(*arguments):
        program = ASKED["reinforce"].mistakes["the scores of all states"].program
        return len(arguments[1]) * program(*arguments)

    assert graded("reinforce", wrong).mistake == "N times the scores of all states"


@pytest.mark.parametrize("name", MAKERS)
def test_a_result_of_a_wrong_shape_is_told(name):
    for wrong in (lambda *x: x[0][0], lambda *x: x[0].tolist(), lambda *x: np.nan * x[0]):
        assert graded(name, wrong).mistake in ("shape", "not finite")
    assert "array of shape (3, 2)" in graded(name, lambda *x: x[0].ravel()).text
