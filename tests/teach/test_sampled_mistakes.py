"""Every mistake of assignment 6 against a surrogate that autograd differentiates."""

import autograd.numpy as np
import pytest
from autograd import grad
from numpy.testing import assert_allclose

from metarl_min.teach import sampled_mistakes

THETA, B = np.array([0.3, -0.2, 0.5]), 0.6
INNER, R = np.array([1, 0, 1]), np.array([0.9, 0.2, 0.9])
OUTER, LATER = np.array([2, 0]), np.array([-0.4, 0.2])
ARGUMENTS = THETA, INNER, R, OUTER, LATER, 1.6, B


def log_pi(z, actions):
    return (z - np.log(np.sum(np.exp(z))))[actions]


def adapted(z, alpha=1.6, b=B):
    return z + alpha * grad(lambda y: np.mean((R - b) * log_pi(y, INNER)))(z)


PHI = adapted(THETA)


def with_ratio(z):
    """The inner step of DiCE: the gradient of the mean of the ratios times the advantages."""

    def surrogate(y):
        return np.mean((R - B) * np.exp(log_pi(y, INNER) - log_pi(THETA, INNER)))

    return z + 1.6 * grad(surrogate)(z)


def through(step, at=PHI, rewards=LATER, actions=OUTER):
    """The outer surrogate. Its logits have the value `at`, and the Jacobian of a step."""
    here = step(THETA)
    return lambda z: np.mean(rewards * log_pi(at + step(z) - here, actions))


def score(factor, at=THETA):
    return lambda z: factor * np.sum(log_pi(at + z - THETA, INNER))


def nothing(z):
    return 0.0 * np.sum(z)


def constant(step):
    """A linear surrogate: both terms of the estimate as a constant, times the inner step."""
    both = grad(lambda z: through(lambda y: y)(z) + score(LATER.mean())(z))(THETA)
    return lambda z: np.dot(both, step(z))


def inner_only(z):
    return through(adapted, rewards=R, actions=INNER)(z) + score(R.mean())(z)


OWN, LAST = LATER - LATER.mean(), score(LATER.mean())
SURROGATES = {
    "the score term dropped": (through(adapted), nothing),
    "the outer product for the score term": (through(with_ratio), nothing),
    "the outer product and the score term": (through(with_ratio), LAST),
    "the score averaged over the pulls": (through(adapted), score(LATER.mean() / 3)),
    "the score with the reward before adaptation": (through(adapted), score(R.mean())),
    "the inner reward as a control variate": (through(adapted), score(LATER.mean() - R.mean())),
    "the score at the adapted logits": (through(adapted), score(LATER.mean(), at=PHI)),
    "the Jacobian applied to both terms": (constant(adapted), nothing),
    "the score term alone": (nothing, LAST),
    "sum for mean in the value": (through(adapted), score(LATER.sum())),
    "sum for mean in the outer gradient": (through(adapted, rewards=2 * LATER), LAST),
    "the Jacobian at the adapted logits": (through(lambda z: adapted(z + PHI - THETA)), LAST),
    "query = support batch": (inner_only, nothing),
    "the outer gradient at theta": (through(adapted, at=THETA), LAST),
    "the own reward in the outer baseline": (through(adapted, rewards=OWN), LAST),
    "the own reward in the outer baseline, and no score term": (
        through(adapted, rewards=OWN),
        nothing,
    ),
    "first-order MAML": (through(lambda z: z), nothing),
    "the Jacobian dropped": (through(lambda z: z), LAST),
    "wrong sign in the Jacobian": (through(lambda z: 2 * z - adapted(z)), LAST),
    "alpha forgotten in the Jacobian": (through(lambda z: adapted(z, alpha=1.0)), LAST),
    "no baseline in the Jacobian": (through(lambda z: adapted(z, b=0.0)), LAST),
    "no baseline in the inner step": (
        lambda z: np.mean(LATER * log_pi(adapted(z, b=0.0), OUTER)),
        LAST,
    ),
    "sum for mean in the inner step": (
        lambda z: np.mean(LATER * log_pi(adapted(z, alpha=4.8), OUTER)),
        LAST,
    ),
    "descent in the inner step": (
        lambda z: np.mean(LATER * log_pi(adapted(z, alpha=-1.6), OUTER)),
        LAST,
    ),
    "wrong sign": (lambda z: -through(adapted)(z), score(-LATER.mean())),
}


def test_the_right_program_is_the_derivative_of_both_terms():
    expected = grad(lambda z: through(adapted)(z) + LAST(z))(THETA)
    assert_allclose(sampled_mistakes.right(*ARGUMENTS), expected, rtol=1e-10)


def test_every_mistake_has_a_surrogate():
    assert set(SURROGATES) == set(sampled_mistakes.MISTAKES)


@pytest.mark.parametrize("name", SURROGATES)
def test_a_mistake_is_the_derivative_of_its_surrogate(name):
    first, second = SURROGATES[name]
    expected = grad(lambda z: first(z) + second(z))(THETA)
    found = sampled_mistakes.MISTAKES[name].program(*ARGUMENTS)
    assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
