"""Every mistake in the exact meta-gradient has its own name, also if it is made by hand."""

import itertools
from functools import cache

import numpy as np
import pytest

from metarl_min.teach import meta_gradient_mistakes as topic
from metarl_min.teach.exact_meta_gradients import meta_gradient
from metarl_min.teach.questions import in_this_process

BANK = topic.bank(2)
QUESTION = cache(meta_gradient)  # asked by all tests, because it remembers its cases


def graded(program, num_steps, seed):
    return QUESTION(num_steps=num_steps).grade(
        in_this_process(program), np.random.default_rng(seed)
    )


def derivatives(theta, r):
    """The gradient and the Hessian of the return of one bandit."""
    pi = np.exp(theta) / sum(np.exp(theta))
    g = pi * (r - sum(pi * r))
    return g, np.diag(g) - np.outer(g, pi) - np.outer(pi, g)


def by_hand(theta, tasks, alpha, num_steps, *, chain=1.0, divisor=None, factors=None, first=False):
    """The meta-gradient with matrices. `chain` multiplies H, and `factors` combines the H's.

    With `first`, every inner step is along the gradient at theta.
    """
    total, identity = np.zeros(len(theta)), np.eye(len(theta))
    for r in tasks:
        phi, hessians = theta, []
        for _ in range(num_steps):
            g, H = derivatives(phi, r)
            phi, hessians = phi + alpha * (derivatives(theta, r)[0] if first else g), [*hessians, H]
        if factors is None:
            product = identity
            for H in hessians:
                product = product @ (identity + chain * alpha * H)
        else:
            product = identity + alpha * factors(hessians)
        total = total + product @ derivatives(phi, r)[0]
    return total / (divisor or len(tasks))


def displacement(theta, tasks, alpha, num_steps):
    total = np.zeros(len(theta))
    for r in tasks:
        phi = theta
        for _ in range(num_steps):
            phi = phi + alpha * derivatives(phi, r)[0]
        total = total + phi - theta
    return total / len(tasks)


@pytest.mark.parametrize("name", BANK)
def test_every_mistake_is_refused_by_its_own_name(name):
    for seed in (1, 3):
        verdict = graded(BANK[name].program, 2, seed)
        assert (verdict.score, verdict.mistake) == (0, name)
        assert BANK[name].say in verdict.text and BANK[name].equation in verdict.text


def test_mistakes_that_are_made_by_hand_have_the_same_names():
    def forgotten(theta, tasks, alpha, num_steps):
        return by_hand(theta, tasks, alpha, num_steps, chain=1 / alpha)

    assert graded(lambda *x: by_hand(*x, chain=0), 2, 1).mistake == "first order"
    assert graded(lambda *x: by_hand(*x, chain=-1), 1, 1).mistake == "wrong sign of the Hessian"
    assert graded(forgotten, 2, 1).mistake == "alpha forgotten"
    assert graded(lambda *x: by_hand(*x, divisor=1), 2, 1).mistake == "sum for mean"
    summed = graded(lambda *x: by_hand(*x, chain=0, divisor=1), 2, 1)
    assert summed.mistake == "M times first order"
    down = graded(lambda theta, tasks, alpha, K: by_hand(theta, tasks, -alpha, K), 2, 1)
    assert down.mistake == "inner steps down the gradient"


def test_programs_with_a_sum_of_hessians_are_known():
    name = "a sum of Hessians for the product of factors"
    assert graded(lambda *x: by_hand(*x, factors=sum), 2, 1).mistake == name
    name = "a sum of Hessians at theta for the product of factors"
    assert graded(lambda *x: by_hand(*x, factors=lambda H: 2 * H[0]), 2, 1).mistake == name
    assert graded(lambda *x: by_hand(*x, factors=sum), 1, 1).score == 1


def test_inner_steps_along_the_first_gradient_are_known():
    name = "every inner step along the gradient at theta"
    assert graded(lambda *x: by_hand(*x, first=True), 2, 1).mistake == name
    assert graded(lambda *x: by_hand(*x, first=True), 1, 1).score == 1


def test_reptile_is_known_with_and_without_the_division_by_alpha():
    def divided(theta, tasks, alpha, num_steps):
        return displacement(theta, tasks, alpha, num_steps) / alpha

    assert graded(divided, 2, 3).mistake == "Reptile"
    assert graded(divided, 1, 3).mistake == "the gradient at theta"
    for num_steps in (1, 2):
        verdict = graded(displacement, num_steps, 3)
        assert verdict.mistake == "Reptile without the division by alpha"


def test_the_text_about_first_order_does_not_tell_the_factor():
    assert BANK["first order"].say == "Look at how the adapted parameters depend on theta."


def test_fewer_steps_have_fewer_mistakes():
    sizes = [len(topic.bank(K)) for K in (1, 2, 3)]
    assert sizes[0] < sizes[1] == sizes[2]
    for one, other in itertools.combinations(BANK.values(), 2):
        assert one.say != other.say
