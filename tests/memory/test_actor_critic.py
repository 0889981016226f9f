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


@pytest.mark.verifies("actor_critic.3")
@pytest.mark.parametrize("clip", [1e-300, 0.2, onp.inf])
def test_in_the_first_ascent_the_gradient_has_no_ratio_and_no_clip(clip):
    z, onehot = rng(1).normal(size=(5, 4, 3)), onp.eye(3)[rng(2).integers(3, size=(5, 4))]
    old, adv = actor_critic.log_probs_of_actions(z, onehot), rng(4).normal(size=(5, 4))
    found = actor_critic.logit_gradient(z, old, onehot, adv, onp.ones((5, 4), bool), 0.0, clip)
    pi = onp.exp(z) / onp.exp(z).sum(-1, keepdims=True)
    assert_allclose(found, adv[..., None] * (onehot - pi), rtol=1e-12, atol=1e-15)


def test_the_log_probability_of_an_action_is_that_of_its_entry():
    z, actions = rng(1).normal(size=(5, 4, 3)), rng(2).integers(3, size=(5, 4))
    found = actor_critic.log_probs_of_actions(z, onp.eye(3)[actions])
    for t, m in onp.ndindex(5, 4):
        truth = z[t, m, actions[t, m]] - onp.log(onp.exp(z[t, m]).sum())
        assert_allclose(found[t, m], truth, rtol=1e-13)


@pytest.mark.verifies("actor_critic.6")
def test_long_gradients_are_cut_and_short_ones_left():
    g = {"a": onp.array([3.0]), "b": onp.array([[4.0]])}
    assert actor_critic.clip_norm(g, 5.1)[0] is g
    short, norm = actor_critic.clip_norm(g, 1.0)
    assert norm == actor_critic.clip_norm(g, 5.1)[1] == 5.0
    assert_allclose([short["a"][0], short["b"][0, 0]], [0.6, 0.8], rtol=1e-15)


def test_a_large_gradient_is_cut_and_not_lost():
    g, norm = actor_critic.clip_norm({"w": onp.full(3, 1e20, onp.float32)}, 1.0)
    assert norm == pytest.approx(3**0.5 * 1e20, rel=1e-6)
    assert g["w"].dtype == onp.float32
    assert_allclose(g["w"], 3**-0.5, rtol=1e-6)


def test_the_gradient_in_the_logits_vanishes_at_a_deterministic_policy():
    z, A = onp.array([[[60.0, 0.0]]]), onp.array([[5.0]])
    taken = policies.log_softmax(z)[..., 0]
    u = actor_critic.logit_gradient(z, taken, onp.array([[[1.0, 0.0]]]), A, A > 0, 0.0, onp.inf)
    assert abs(u).max() < 1e-24


def steps(shape=(3, 2)):
    return rng(1).normal(size=shape)


ALIVE = onp.ones((3, 2), bool)
NAN = onp.full((3, 2), onp.nan)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"rewards": steps((3, 1))}, r"rewards must have the shape of alive, \(3, 2\), got \(3, 1"),
        ({"values": steps((4, 2))}, r"values must have the shape of alive, \(3, 2\), got \(4, 2\)"),
        ({"rewards": NAN}, "rewards must be finite, got nan at"),
        ({"values": NAN}, "values must be finite, got nan at"),
        ({"rewards": [[1.0, 2.0]] * 3}, "rewards must be an array of floats, got list"),
        ({"alive": steps()}, "alive must be an array of bool, got float64"),
        ({"alive": None}, "alive must be an array of bool, got NoneType"),
        ({"alive": ALIVE[0]}, r"alive must have the axes \[N T, M\], got \(2,\)"),
        ({"alive": ALIVE[:0]}, r"alive must have the axes \[N T, M\], got \(0, 2\)"),
        ({"gamma": 2.0}, "gamma must be finite, from 0 to 1, got 2.0"),
        ({"gae_lambda": -0.1}, "gae_lambda must be finite, from 0 to 1, got -0.1"),
        ({"gamma": None}, "gamma must be a real number, got None"),
    ],
)
def test_advantages_of_what_is_no_trial_are_refused(changes, rule):
    given = {"rewards": steps(), "values": steps(), "alive": ALIVE, "gamma": 0.9, "gae_lambda": 0.9}
    with pytest.raises((TypeError, ValueError), match=rule):
        actor_critic.advantages(**given | changes)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"logits": steps((3, 1, 4))}, "onehot must have the shape of the logits"),
        ({"onehot": onp.ones((3, 2, 1))}, "onehot must have the shape of the logits"),
        ({"onehot": onp.full((3, 2, 4), 1.5)}, "onehot must be from 0 to 1, got 1.5"),
        ({"logits": onp.full((3, 2, 4), onp.inf)}, "logits must be finite, got inf at"),
        ({"old_log_probs": steps((1, 2))}, "old_log_probs must have the shape of alive"),
        ({"old_log_probs": NAN}, "old_log_probs must be finite"),
        ({"adv": steps((3, 1))}, "adv must have the shape of alive"),
        ({"adv": NAN}, "adv must be finite"),
        ({"alive": ALIVE[:2]}, "old_log_probs must have the shape of alive"),
        ({"alive": 1}, "alive must be an array of bool, got int"),
        ({"entropy_weight": -0.1}, "entropy_weight must be finite, from 0"),
        ({"clip": 0.0}, "clip must be positive, got 0.0"),
        ({"clip": onp.nan}, "clip must be positive, got nan"),
    ],
)
def test_a_gradient_in_logits_that_do_not_fit_is_refused(changes, rule):
    given = {"logits": steps((3, 2, 4)), "old_log_probs": steps(), "onehot": onp.ones((3, 2, 4)),
             "adv": steps(), "alive": ALIVE, "entropy_weight": 0.1, "clip": onp.inf}  # fmt: skip
    assert actor_critic.logit_gradient(**given).shape == (3, 2, 4)
    with pytest.raises((TypeError, ValueError), match=rule):
        actor_critic.logit_gradient(**given | changes)


def test_values_and_log_probabilities_that_do_not_fit_are_refused():
    for values, targets in ((steps((3, 1)), steps()), (steps(), steps((1, 2))), (NAN, steps())):
        with pytest.raises(ValueError, match=r"must (have the shape of alive|be finite)"):
            actor_critic.value_gradient(values, targets, ALIVE)
    for logits, onehot in ((steps(), steps()), (steps((3, 2, 4)), steps((3, 2, 1)))):
        with pytest.raises(
            ValueError, match=r"must have the (axes \[N T, M, A\]|shape of the log)"
        ):
            actor_critic.log_probs_of_actions(logits, onehot)


def test_the_bound_of_a_norm_is_positive_and_a_gradient_finite():
    g = {"a": onp.array([3.0, 4.0])}
    for limit in (-1.0, 0.0):
        with pytest.raises(ValueError, match=f"limit must be positive, got {limit}"):
            actor_critic.clip_norm(g, limit)
    with pytest.raises(ValueError, match="limit must be finite, got inf"):
        actor_critic.clip_norm(g, onp.inf)
    for bad in (onp.inf, onp.nan):
        with pytest.raises(FloatingPointError, match=f"a gradient must be finite, got .* {bad}"):
            actor_critic.clip_norm({"a": onp.array([bad, 1.0]), "b": onp.ones(1)}, 1.0)
    with pytest.raises(TypeError, match="gradient 'a' must be an array of floats, got list"):
        actor_critic.clip_norm({"a": [3.0, 4.0]}, 1.0)


def test_a_gradient_whose_squares_overflow_keeps_its_direction():
    g = {"a": onp.array([3e200]), "b": onp.array([4e200])}
    short, norm = actor_critic.clip_norm(g, 1.0)
    assert norm == pytest.approx(5e200)
    assert_allclose([short["a"][0], short["b"][0]], [0.6, 0.8], rtol=1e-15)
    assert actor_critic.clip_norm(g, 6e200)[0] is g


def test_advantages_that_overflow_are_refused():
    big = onp.full((3, 2), 3e38, onp.float32)
    with onp.errstate(over="ignore"), pytest.raises(FloatingPointError, match="advantages must be"):
        actor_critic.advantages(big, -big, ALIVE, 1.0, 1.0)
