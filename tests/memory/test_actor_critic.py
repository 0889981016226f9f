"""Advantages by double sums, gradients of actor and critic against traces of what they maximise."""

import autograd.numpy as np
import numpy as onp
import pytest
from autograd import grad
from comparing import rng
from numpy.testing import assert_allclose

from metarl_min.mdps import policies
from metarl_min.memory import actor_critic


@pytest.mark.verifies("actor_critic.1")
def test_advantages_are_a_double_sum_over_the_steps_that_are_alive():
    r, v = rng(1).normal(size=(2, 7, 4))
    alive = rng(2).random((7, 4)) < 0.6
    found = actor_critic.advantages(r, v, alive, 0.9, 0.7)
    for m in range(4):
        steps = [t for t in range(7) if alive[t, m]]
        values = [*v[steps, m], 0.0]
        for i, t in enumerate(steps):
            deltas = [
                r[steps[j], m] + 0.9 * values[j + 1] - values[j] for j in range(i, len(steps))
            ]
            truth = sum(0.63**k * delta for k, delta in enumerate(deltas))
            assert_allclose(found[t, m], truth, rtol=1e-12)
    assert not found[~alive].any()


@pytest.mark.verifies("actor_critic.2", "actor_critic.3", "actor_critic.4", "actor_critic.5")
@pytest.mark.parametrize("clip", [0.2, onp.inf])
def test_gradients_in_logits_and_values_are_those_of_the_surrogate(clip):
    z, onehot = rng(1).normal(size=(5, 4, 3)), onp.eye(3)[rng(2).integers(3, size=(5, 4))]
    old, A = rng(3).normal(size=(5, 4)) * 0.5 - 1, rng(4).normal(size=(5, 4))
    alive = rng(5).random((5, 4)) < 0.8

    def surrogate(z):
        ratio = np.exp(np.sum(policies.log_softmax(z) * onehot, -1) - old)
        bounded = np.minimum(ratio * A, np.clip(ratio, 1 - clip, 1 + clip) * A)
        return np.sum(alive * (bounded + 0.3 * policies.entropy(z)))

    found = actor_critic.logit_gradient(z, old, onehot, A, alive, 0.3, clip)
    assert_allclose(found, grad(surrogate)(z), rtol=1e-10, atol=1e-13)
    v = rng(6).normal(size=(5, 4))
    truth = grad(lambda v: -np.sum(alive * (A - v) ** 2) / 4)(v)
    assert_allclose(actor_critic.value_gradient(v, A, alive), truth, rtol=1e-12, atol=1e-15)


def test_the_log_probability_of_an_action_is_that_of_its_entry():
    z, actions = rng(1).normal(size=(5, 4, 3)), rng(2).integers(3, size=(5, 4))
    found = actor_critic.log_probs_of_actions(z, onp.eye(3)[actions])
    for t, m in onp.ndindex(5, 4):
        truth = z[t, m, actions[t, m]] - onp.log(onp.exp(z[t, m]).sum())
        assert_allclose(found[t, m], truth, rtol=1e-13)


@pytest.mark.verifies("actor_critic.6")
def test_long_gradients_are_cut_and_short_ones_left():
    g = {"a": onp.array([3.0]), "b": onp.array([[4.0]])}
    assert actor_critic.clip_norm(g, 5.1) is g
    short = actor_critic.clip_norm(g, 1.0)
    assert_allclose([short["a"][0], short["b"][0, 0]], [0.6, 0.8], rtol=1e-15)


def test_a_large_gradient_is_cut_and_not_lost():
    g = actor_critic.clip_norm({"w": onp.full(3, 1e20, onp.float32)}, 1.0)
    assert g["w"].dtype == onp.float32
    assert_allclose(g["w"], 3**-0.5, rtol=1e-6)


def test_the_gradient_in_the_logits_vanishes_at_a_deterministic_policy():
    z, A = onp.array([[[60.0, 0.0]]]), onp.array([[5.0]])
    taken = policies.log_softmax(z)[..., 0]
    u = actor_critic.logit_gradient(z, taken, onp.array([[[1.0, 0.0]]]), A, A > 0, 0.0, onp.inf)
    assert abs(u).max() < 1e-24
