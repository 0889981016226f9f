"""Assignment 2: gradients of bandits, against sums over all arms and over all lists of actions."""

import itertools
import math

import numpy as np
import pytest

from metarl_min.teach import bandit_gradients
from metarl_min.teach.questions import in_this_process


def pi(theta):
    weights = [math.exp(z - max(theta)) for z in theta]
    return [w / sum(weights) for w in weights]


def policy_gradient(theta, rewards):
    """The derivative of pi(a) in the logit b is pi(a) (1{a = b} - pi(b))."""
    p, A = pi(theta), range(len(theta))
    return np.array([sum(r * p[a] * ((a == b) - p[b]) for a, r in enumerate(rewards)) for b in A])


def pulls_gradient(theta, actions, rewards):
    p, total = pi(theta), np.zeros(len(theta))
    for a, r in zip(actions, rewards, strict=True):
        for b in range(len(theta)):
            total[b] += r * ((a == b) - p[b]) / len(actions)
    return total


RIGHT = {"policy_gradient": policy_gradient, "pulls_gradient": pulls_gradient}
ASKED = [
    bandit_gradients.policy_gradient(0.0),
    bandit_gradients.policy_gradient(1000.0),
    bandit_gradients.pulls_gradient(2),
    bandit_gradients.pulls_gradient(3),
]


def graded(question, program, seed=0):
    return question.grade(in_this_process(program), np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("question", "right", "wrong"),
    list(zip(ASKED, (8, 8, 8, 4), (2, 2, 2, 1), strict=True)),
)
def test_a_right_program_has_all_points_and_every_mistake_its_name(question, right, wrong):
    for seed in range(right):
        assert graded(question, RIGHT[question.function], seed).score == 1
    for seed in range(wrong):
        for name, mistake in question.mistakes.items():
            verdict = graded(question, mistake.program, seed)
            assert (verdict.score, verdict.mistake) == (0, name)
            assert mistake.say in verdict.text and mistake.equation in verdict.text


def test_the_exact_gradients_of_two_arms_by_hand():
    theta, rewards = np.array([math.log(3.0), 0.0]), np.array([2.0, 6.0])  # J = 3
    np.testing.assert_allclose(bandit_gradients.gradient_of(theta, rewards), [-0.75, 0.75])
    for name, expected in {
        "minus pi is missing": [1.5, 1.5],
        "the derivative in the probabilities": [2, 6],
        "scores without probabilities": [-4, 4],
        "the mean over the arms": [-2, 2],
        "the probabilities twice": [0, 0],
        "the plain mean of the rewards": [-1.5, 0.5],
        "wrong sign": [0.75, -0.75],
    }.items():
        program = ASKED[0].mistakes[name].program
        np.testing.assert_allclose(program(theta, rewards), expected, rtol=1e-12, atol=1e-15)


def test_estimates_of_two_pulls_by_hand():
    """pi = (3/4, 1/4), so the scores are (1/4, -1/4) and (-3/4, 3/4)."""
    theta, pulls = np.array([math.log(3.0), 0.0]), (np.array([0, 1]), np.array([2.0, 6.0]))
    for name, expected in {
        "sum for mean": -4,
        "wrong sign": 2,
        "weighted by pi": (0.75 * 0.5 - 0.25 * 4.5) / 2,
        "divided by pi": (0.5 / 0.75 - 4.5 / 0.25) / 2,
        "the product of two means": 4 * -0.25,
        "the first pull only": 0.5,
        "the last pull only": -4.5,
        "own reward in the mean baseline": (-2 * 0.25 - 2 * 0.75) / 2,
        "sum for mean, and own reward in the mean baseline": -2 * 0.25 - 2 * 0.75,
        "standardised rewards": (-0.25 - 0.75) / 2,
        "the gradient through the sampling": 0,
    }.items():
        result = ASKED[2].mistakes[name].program(theta, *pulls)
        np.testing.assert_allclose(result, [expected, -expected], rtol=1e-7, atol=1e-15)
    result = ASKED[2].mistakes["minus pi is missing"].program(theta, *pulls)
    np.testing.assert_allclose(result, [1, 3], rtol=1e-12)


@pytest.mark.parametrize("N", [2, 3])
def test_the_own_reward_in_the_mean_costs_exactly_one_nth(N):
    rng = np.random.default_rng(N)
    theta, table = rng.normal(size=3), rng.normal(size=(N, 3))
    program = ASKED[2].mistakes["own reward in the mean baseline"].program
    mean = np.zeros(3)
    for actions in itertools.product(range(3), repeat=N):
        rewards = np.array([table[n, a] for n, a in enumerate(actions)])
        chance = math.prod(pi(theta)[a] for a in actions)
        mean += chance * program(theta, np.array(actions), rewards)
    exact = policy_gradient(theta, table.mean(0))
    np.testing.assert_allclose(mean, (1 - 1 / N) * exact, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_a_baseline_of_the_other_pulls_is_right_and_one_wrong_pull_is_not(seed):
    def others(theta, actions, rewards):
        N = len(actions)
        mean = (rewards.sum() - rewards) / max(N - 1, 1)
        return pulls_gradient(theta, actions, rewards - mean)

    def swapped(theta, actions, rewards):
        return pulls_gradient(theta, actions, rewards[::-1])

    for question in ASKED[2:]:
        assert graded(question, others, seed).score == 1
        assert graded(question, swapped, seed).score == 0


def test_a_baseline_of_the_other_pulls_is_told_that_a_single_pull_has_none():
    def others(theta, actions, rewards):
        with np.errstate(invalid="ignore"):
            mean = (rewards.sum() - rewards) / (len(actions) - 1)
        return pulls_gradient(theta, actions, rewards - mean)

    verdict = graded(ASKED[2], others)
    assert verdict.mistake == "not finite" and "N can be 1" in verdict.text


def test_a_factor_is_named_and_a_single_list_is_shown():
    verdict = graded(ASKED[2], lambda *x: 2 * pulls_gradient(*x))
    assert verdict.mistake == "2 times the right result"
    verdict = graded(ASKED[2], lambda *x: pulls_gradient(*x) + 0.1)
    assert verdict.mistake == "unknown" and "every other list of 1 actions" in verdict.text


def test_the_arguments_are_checked():
    for wrong in (1, 5):
        with pytest.raises(ValueError, match="num_pulls"):
            bandit_gradients.pulls_gradient(wrong)
    with pytest.raises(TypeError, match="num_pulls"):
        bandit_gradients.pulls_gradient(2.0)
    with pytest.raises(ValueError, match="largest"):
        bandit_gradients.policy_gradient(-1.0)
