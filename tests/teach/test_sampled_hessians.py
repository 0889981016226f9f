"""The estimate of the Hessian of assignment 6: its mean by hand, and the mistakes."""

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import hessian, jacobian
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
    assert len(question.mistakes) == 12
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
    own = graded(lambda *x: by_hand(*x[:3], x[2].mean()), question)
    assert own.mistake == "the own reward in the baseline"
    assert graded(lambda *x: product_of(*x, 1), question).score == 1
    assert graded(lambda *x: product_of(*x, 2), question).mistake == "an outer product of means"


def test_the_number_of_pulls_is_from_2_to_4():
    with pytest.raises(ValueError, match="num_pulls must"):
        hessian_estimate(1)


ACTIONS, B = np.array([1, 0, 1]), 0.6
R = ARMS[ACTIONS]


def log_pi(z):
    return (z - anp.log(anp.sum(anp.exp(z))))[ACTIONS]


def ratio(z):
    return anp.exp(log_pi(z) - log_pi(THETA))


def second(surrogate):
    """The Hessian at THETA of the mean of a surrogate over the pulls, by autograd."""
    return hessian(lambda z: anp.mean(surrogate(z)))(THETA)


def products_of(weight):
    """The mean of weight times the outer product of the gradient of log pi with itself."""
    g = jacobian(log_pi)(THETA)
    return sum(w * np.outer(x, x) for w, x in zip(weight, g, strict=True)) / len(g)


def means():
    g = jacobian(log_pi)(THETA)
    return np.outer(np.mean((R - B)[:, None] * g, axis=0), np.mean(g, axis=0))


def with_wrong_scores():
    wrong = jacobian(log_pi)(THETA) - 2 * np.eye(3)[ACTIONS]
    return sum((r - B) * np.outer(x, x) for r, x in zip(R, wrong, strict=True)) / len(R)


REINFORCE = second(lambda z: (R - B) * log_pi(z))
BY_AUTOGRAD = {
    "the outer product missing": REINFORCE,
    "only the outer product": products_of(R - B),
    "no baseline in the outer product": second(lambda z: R * ratio(z) - B * log_pi(z)),
    "the baseline in the outer product only": second(lambda z: (R - B) * ratio(z) + B * log_pi(z)),
    "an outer product of means": REINFORCE + means(),
    "the outer product without the advantage": REINFORCE + products_of(np.ones(3)),
    "the outer product of estimated gradients": REINFORCE + products_of((R - B) ** 2),
    "the own reward in the baseline": second(lambda z: (R - R.mean()) * ratio(z)),
    "the one-hot vector subtracted": REINFORCE + with_wrong_scores(),
    "wrong sign of the derivative of the score": products_of(R - B) - REINFORCE,
    "wrong sign of the outer product": REINFORCE - products_of(R - B),
    "sum for mean": 3 * second(lambda z: (R - B) * ratio(z)),
}


def test_every_mistake_is_what_its_name_says():
    assert set(BY_AUTOGRAD) == set(sampled_hessians.MISTAKES)
    for name, expected in BY_AUTOGRAD.items():
        found = sampled_hessians.MISTAKES[name].program(THETA, ACTIONS, R, B)
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-13, err_msg=name)
    found = sampled_hessians.right(THETA, ACTIONS, R, B)
    np.testing.assert_allclose(found, by_hand(THETA, ACTIONS, R, B), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(found, second(lambda z: (R - B) * ratio(z)), rtol=1e-10, atol=1e-13)
