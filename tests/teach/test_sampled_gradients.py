"""The meta-gradient of assignment 6: grad F_N by finite differences, and other estimators."""

from itertools import product

import numpy as np
import pytest
from teach.test_inner_loops import graded
from teach.test_sampled_surrogates import softmax

from metarl_min.basics.finite_differences import finite_differences
from metarl_min.teach import sampled_gradients, sampled_mistakes
from metarl_min.teach.sampled_gradients import meta_pg

THETA, ARMS, ALPHA, B = np.array([0.3, -0.2, 0.5]), np.array([0.2, 0.9, -0.4]), 1.6, 0.6
QUESTION = meta_pg()  # shared by the tests, because it remembers its cases


def adapted_by_hand(theta, actions, rewards, alpha, b):
    pi, phi = softmax(theta), list(theta)
    for a, r in zip(actions, rewards, strict=True):
        phi = [x + alpha / len(actions) * (r - b) * ((c == a) - pi[c]) for c, x in enumerate(phi)]
    return phi


def F_N(theta, num_pulls):
    """The sum over all inner data sets of P(D) J(phi(D))."""
    total = 0.0
    for actions in product(range(len(theta)), repeat=num_pulls):
        phi = adapted_by_hand(theta, actions, ARMS[list(actions)], ALPHA, B)
        p = np.prod([softmax(theta)[a] for a in actions])
        total += p * sum(q * r for q, r in zip(softmax(phi), ARMS, strict=True))
    return total


def cases_at(theta, num_pulls):
    """Pairs of a probability and arguments, for all inner and outer data sets."""
    A = len(theta)
    for inner in product(range(A), repeat=num_pulls):
        r = ARMS[list(inner)]
        phi = adapted_by_hand(theta, inner, r, ALPHA, B)
        for outer in product(range(A), repeat=2):
            p = np.prod([softmax(theta)[a] for a in inner] + [softmax(phi)[a] for a in outer])
            data = np.array(inner), r, np.array(outer), ARMS[list(outer)]
            yield p, (theta, *data, ALPHA, B)


def by_hand(theta, inner, inner_rewards, outer, outer_rewards, alpha, b):
    """Loops. The outer baseline is the mean of the other rewards, and R has the baseline b."""
    pi, A, N, n = softmax(theta), len(theta), len(inner), len(outer)
    pi_phi = softmax(adapted_by_hand(theta, inner, inner_rewards, alpha, b))
    result = np.zeros(A)
    for j, a in enumerate(outer):
        others = sum(outer_rewards[i] for i in range(n) if i != j) / (n - 1)
        v = [(outer_rewards[j] - others) * ((c == a) - pi_phi[c]) for c in range(A)]
        for c in range(A):
            slopes = [v[d] * pi[d] * (pi[c] - (c == d)) for d in range(A)]
            step = sum(r - b for r in inner_rewards) * alpha / N
            score = sum((c == i) - pi[c] for i in inner)
            result[c] += (v[c] + step * sum(slopes) + (outer_rewards[j] - b) * score) / n
    return result


@pytest.mark.parametrize("num_pulls", [1, 2])
def test_the_right_estimates_have_the_gradient_of_F_N_as_their_mean(num_pulls):
    exact, _ = finite_differences(lambda theta: F_N(theta, num_pulls), THETA)
    for program in (sampled_mistakes.right, by_hand):
        mean = sum(p * program(*x) for p, x in cases_at(THETA, num_pulls))
        np.testing.assert_allclose(mean, exact, rtol=1e-8)


def test_the_truth_is_the_mean_over_the_cases():
    case = sampled_gradients._case(np.random.default_rng(0), 2, 2, 3)
    mean = sum(p * by_hand(*x) for p, x in zip(case.probability, case.arguments, strict=True))
    assert case.probability.sum() == pytest.approx(1, rel=1e-12)
    np.testing.assert_allclose(sampled_gradients._truth(case), mean, rtol=1e-11)


def test_a_right_program_has_full_points_for_every_seed():
    assert {graded(by_hand, QUESTION, seed).score for seed in range(3)} == {1.0}


@pytest.mark.parametrize("seed", range(2))
def test_every_mistake_is_named(seed):
    assert len(QUESTION.mistakes) == 25
    for name, one in QUESTION.mistakes.items():
        verdict = graded(one.program, QUESTION, seed)
        assert (verdict.mistake, verdict.score) == (name, 0.0)


def test_mistakes_as_students_write_them_have_their_names():

    def without_score(*x):  # R = b leaves no score
        rewards = x[4] - x[4].mean() + x[6]
        return by_hand(*x[:4], rewards, *x[5:])

    assert graded(without_score, QUESTION).mistake == "the score term dropped"
    assert graded(lambda *x: by_hand(*x[:3], *x[1:3], *x[5:]), QUESTION).score == 0
    total = graded(lambda *x: by_hand(*x) * len(x[3]), QUESTION)
    assert total.mistake == "the number of outer pulls times the right result"
    half = graded(lambda *x: by_hand(*x) / 2, QUESTION)
    assert half.mistake == "1/2 times the right result"


def test_the_number_of_pulls_is_2_or_3():
    with pytest.raises(ValueError, match="num_pulls must"):
        meta_pg(4)
