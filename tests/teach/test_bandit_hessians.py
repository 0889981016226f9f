"""The Hessian of one bandit as a question."""

import numpy as np
import pytest

from metarl_min.teach import bandit_hessians as topic
from metarl_min.teach.questions import in_this_process

QUESTION = topic.hessian_product()


def graded(program, seed=0):
    return QUESTION.grade(in_this_process(program), np.random.default_rng(seed))


def hessian(theta, rewards):
    """The Hessian by loops, from the derivatives of each probability."""
    weights = [np.exp(x) for x in theta]
    pi, A = [w / sum(weights) for w in weights], range(len(theta))
    d = [[pi[c] * ((a == c) - pi[a]) for a in A] for c in A]  # dpi(c)/dtheta_a
    return np.array(
        [
            [
                sum((d[c][b] * ((a == c) - pi[a]) - pi[c] * d[a][b]) * rewards[c] for c in A)
                for b in A
            ]
            for a in A
        ]
    )


def right(theta, rewards, v):
    return hessian(theta, rewards) @ v


def policy_and_gradient(theta, rewards):
    pi = np.exp(theta) / sum(np.exp(theta))
    return pi, pi * (rewards - sum(pi * rewards))


def test_the_exact_result_by_loops():
    theta, rewards, v = np.random.default_rng(0).normal(size=(3, 4))
    exact = topic.return_hessian_product(theta, rewards, v)
    assert exact == pytest.approx(right(theta, rewards, v), rel=1e-12, abs=1e-14)


def test_a_right_program_has_all_points_for_every_seed():
    for seed in range(8):
        assert graded(right, seed).score == 1
    assert graded(lambda *x: right(*x) + 1e-10).score == 0


@pytest.mark.parametrize("step", [1e-4, 1e-5, 5e-6, 1e-6])
def test_a_central_difference_is_not_exact_enough(step):
    def difference(theta, rewards, v):
        ends = [policy_and_gradient(theta + x * v, rewards)[1] for x in (-step, step)]
        return (ends[1] - ends[0]) / (2 * step)

    for seed in range(4):
        assert graded(difference, seed).score == 0


@pytest.mark.parametrize("mistake", QUESTION.mistakes)
def test_every_mistake_is_refused_by_its_own_name(mistake):
    one = QUESTION.mistakes[mistake]
    for seed in range(4):
        verdict = graded(one.program, seed)
        assert (verdict.score, verdict.mistake, verdict.equation) == (0, mistake, one.equation)
        assert one.say in verdict.text


def test_mistakes_that_are_made_by_hand_have_the_same_names():
    def half(theta, rewards, v):
        pi, g = policy_and_gradient(theta, rewards)
        return v * g - g * sum(pi * v)

    def of_rewards(theta, rewards, v):
        pi, _ = policy_and_gradient(theta, rewards)
        return half(theta, rewards, v) - pi * sum(rewards * v)

    def plain(theta, rewards, v):
        pi, g = policy_and_gradient(theta, rewards)
        return right(theta, rewards, v) + g * (sum(pi * v) - sum(v) / len(v))

    assert graded(half).mistake == "J held fixed in grad J"
    assert graded(lambda *x: x[2] + right(*x)).mistake == "v added"
    assert graded(lambda *x: -right(*x)).mistake == "wrong sign"
    name = "the rewards for the gradient in the derivative of J"
    assert graded(of_rewards).mistake == name
    assert graded(plain).mistake == "the plain mean of v"
