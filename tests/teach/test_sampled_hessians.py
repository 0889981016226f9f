"""The estimate of the Hessian of assignment 6: its mean by hand, and the mistakes."""

import numpy as np
import pytest
from teach.test_inner_loops import graded
from teach.test_sampled_surrogates import softmax

from metarl_min.gradients.objectives import expected_return_objective
from metarl_min.tasks.bandits import bandit_mdps
from metarl_min.teach import sampled_hessians
from metarl_min.teach.sampled_hessians import hessian_estimate

THETA, ARMS = np.array([0.3, -0.2, 0.5]), np.array([0.2, 0.9, -0.4])


def by_hand(theta, actions, rewards, baseline):
    """Loops over pulls and entries: (r - b) (d g_a / d theta_c + g_a g_c), where g is a score."""
    pi, A = softmax(theta), len(theta)
    total = np.zeros((A, A))
    for action, r in zip(actions, rewards, strict=True):
        for a in range(A):
            for c in range(A):
                slope = -pi[a] * ((a == c) - pi[c])
                both = ((a == action) - pi[a]) * ((c == action) - pi[c])
                total[a, c] += (r - baseline) * (slope + both) / len(actions)
    return total


def test_the_exact_hessian_is_that_of_the_library():
    J = expected_return_objective(bandit_mdps(ARMS[None]), horizon=1)
    found = sampled_hessians.exact_hessian(THETA, ARMS)
    for c in range(3):
        product = J.hessian_product(THETA[None, None], np.eye(3)[c][None, None])
        np.testing.assert_allclose(found[:, c], product[0, 0], rtol=1e-12, atol=1e-15)


def test_the_truth_is_the_mean_over_the_cases():
    case = sampled_hessians._case(np.random.default_rng(0), 3, 2)
    mean = sum(p * by_hand(*x) for p, x in zip(case.probability, case.arguments, strict=True))
    assert case.probability.sum() == pytest.approx(1, rel=1e-12)
    np.testing.assert_allclose(sampled_hessians._truth(case), mean, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize(("num_pulls", "num_seeds"), [(2, 10), (3, 2)])
def test_a_right_program_has_full_points_for_every_seed(num_pulls, num_seeds):
    question = hessian_estimate(num_pulls)
    assert {graded(by_hand, question, seed).score for seed in range(num_seeds)} == {1.0}


@pytest.mark.parametrize("seed", range(5))
def test_every_mistake_is_named(seed):
    question = hessian_estimate()
    assert len(question.mistakes) == 10
    for name, one in question.mistakes.items():
        verdict = graded(one.program, question, seed)
        assert (verdict.mistake, verdict.score) == (name, 0.0)


def test_a_product_of_sums_has_the_right_mean_and_a_product_of_means_has_not():
    def product_of(theta, actions, rewards, baseline, count):
        pi = np.array(softmax(theta))
        g = np.eye(len(theta))[actions] - pi
        fixed = np.mean(rewards - baseline) * (np.outer(pi, pi) - np.diag(pi))
        return fixed + np.outer((rewards - baseline) @ g / len(g), g.sum(axis=0) / count)

    question = hessian_estimate(2)
    assert graded(lambda *x: product_of(*x, 1), question).score == 1
    assert graded(lambda *x: product_of(*x, 2), question).mistake == "an outer product of means"


def test_the_number_of_pulls_is_from_2_to_4():
    with pytest.raises(ValueError, match="num_pulls must"):
        hessian_estimate(1)
