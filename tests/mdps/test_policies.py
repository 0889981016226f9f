"""Policies, eqs. (1)-(6), against closed forms, complex steps and plainly traced derivatives."""

from functools import reduce

import autograd.numpy as np
import numpy as onp
import plain_forms
import pytest
from autograd import grad
from comparing import rng
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.testing import assert_allclose

from metarl_min.basics.checks import complex_step
from metarl_min.mdps import policies
from metarl_min.mdps.policies import Policy, entropy, kl, log_softmax, softmax, tabular

M, S, A = 2, 3, 4
tables = arrays(float, array_shapes(min_dims=2, max_dims=4, max_side=4), elements=st.floats(-5, 5))
pairs = array_shapes(min_dims=2, max_dims=3, max_side=4).flatmap(
    lambda shape: st.tuples(*[arrays(float, shape, elements=st.floats(-5, 5))] * 2)
)


def draw(seed, *shape):
    return rng(seed).normal(size=shape)


# ---- the softmax, its logarithm and their derivatives ----


@pytest.mark.verifies("policies.1", "policies.2")
def test_softmax_of_known_odds_is_the_known_fractions():
    z = onp.log([[1.0, 3.0, 4.0], [5.0, 5.0, 10.0]])
    truth = onp.array([[0.125, 0.375, 0.5], [0.25, 0.25, 0.5]])
    assert_allclose(softmax(z), truth, rtol=1e-14)
    assert_allclose(log_softmax(z), onp.log(truth), rtol=1e-14)


@pytest.mark.verifies("policies.1", "policies.2")
@given(tables, st.floats(-1e4, 1e4))
def test_probabilities_sum_to_one_and_a_constant_added_to_a_row_changes_nothing(z, constant):
    assert_allclose(onp.exp(log_softmax(z)).sum(-1), 1, rtol=1e-14)
    assert_allclose(softmax(z).sum(-1), 1, rtol=1e-14)
    assert_allclose(softmax(z), plain_forms.softmax(z), rtol=1e-13)
    assert_allclose(softmax(z + constant), softmax(z), rtol=1e-11)
    assert_allclose(log_softmax(z + constant), log_softmax(z), atol=1e-11)


@pytest.mark.verifies("policies.1", "policies.2", "policies.5", "policies.6")
def test_logits_of_ten_thousand_neither_overflow_nor_underflow():
    z, other = onp.array([[1e4, -1e4, 1e4]]), onp.array([[-1e4, 1e4, 1e4]])
    with onp.errstate(over="raise", invalid="raise", divide="raise"):
        assert_allclose(softmax(z), [[0.5, 0, 0.5]], atol=0)
        assert_allclose(log_softmax(z), [[-onp.log(2), -2e4 - onp.log(2), -onp.log(2)]], rtol=1e-15)
        assert_allclose(entropy(z), [onp.log(2)], rtol=1e-15)
        assert_allclose(kl(z, other), [1e4], rtol=1e-15)


@pytest.mark.verifies("policies.3", "policies.4")
@given(pairs)
def test_pullbacks_are_the_jacobian_written_as_a_matrix(z_and_u):
    z, u = z_and_u
    pi = plain_forms.softmax(z)
    diagonal = onp.eye(z.shape[-1])
    jacobian = pi[..., :, None] * (diagonal - pi[..., None, :])  # dpi_i / dz_j
    assert_allclose(jacobian, onp.swapaxes(jacobian, -1, -2), rtol=1e-12, atol=1e-15)
    truth = (jacobian @ u[..., None])[..., 0]
    assert_allclose(policies.softmax_pullback(pi, u), truth, atol=1e-13)
    truth = (onp.swapaxes(diagonal - pi[..., None, :], -1, -2) @ u[..., None])[..., 0]
    assert_allclose(policies.log_softmax_pullback(pi, u), truth, atol=1e-13)


def plain_log_softmax(z):
    return np.log(plain_forms.softmax(z))


every_softmax = pytest.mark.parametrize(
    ("ours", "plain"), [(softmax, plain_forms.softmax), (log_softmax, plain_log_softmax)]
)


@pytest.mark.verifies("policies.3", "policies.4")
@every_softmax
def test_every_first_derivative_through_autograd_is_that_of_the_complex_step(ours, plain):
    z, weights = draw(1, M, S, A), draw(2, M, S, A)
    truth = complex_step(lambda z: onp.sum(weights * plain(z) ** 2), z)
    assert_allclose(grad(lambda z: np.sum(weights * ours(z) ** 2))(z), truth, atol=1e-14)


@pytest.mark.verifies("policies.3", "policies.4")
@every_softmax
def test_every_second_derivative_through_autograd_is_that_of_differences(ours, plain):
    z, weights, v = draw(3, S, A), draw(4, S, A), draw(5, S, A)

    def along_v(softmax_):
        def function(z):
            return np.sum(weights * softmax_(z))

        return grad(lambda z: np.sum(grad(function)(z) * v))(z)

    def gradient(x):
        return {"z": complex_step(lambda z: onp.sum(weights * plain(z)), x["z"])}

    truth = plain_forms.derivative_along(gradient, {"z": z}, {"z": v})["z"]
    assert abs(truth).max() > 0.01
    assert_allclose(along_v(ours), along_v(plain), atol=1e-14)
    assert_allclose(along_v(ours), truth, atol=1e-10)


# ---- entropy and divergence ----


@pytest.mark.verifies("policies.5")
@given(tables)
def test_entropy_is_between_zero_and_that_of_the_uniform_policy(z):
    num_actions = z.shape[-1]
    pi = plain_forms.softmax(z)
    assert_allclose(entropy(z), -(pi * onp.log(pi)).sum(-1), atol=1e-13)
    assert_allclose(entropy(onp.full_like(z, 7.0)), onp.log(num_actions), rtol=1e-14)
    assert (entropy(z) >= -1e-15).all()
    assert (entropy(z) <= onp.log(num_actions) + 1e-14).all()


@pytest.mark.verifies("policies.6")
@given(pairs)
def test_kl_is_zero_with_itself_positive_with_another_and_directed(two_tables):
    z, other = two_tables
    pi, mu = plain_forms.softmax(z), plain_forms.softmax(other)
    assert_allclose(kl(z, z + 3), 0, atol=1e-14)
    assert_allclose(kl(z, other), (pi * onp.log(pi / mu)).sum(-1), atol=1e-13)
    assert (kl(z, other) >= -1e-14).all()
    uniform = onp.zeros_like(z)
    assert_allclose(kl(z, uniform), onp.log(z.shape[-1]) - entropy(z), atol=1e-13)


@pytest.mark.verifies("policies.5", "policies.6")
def test_gradients_of_entropy_and_kl_are_their_closed_forms():
    z, other = draw(6, M, S, A), draw(7, M, S, A)
    pi, mu = plain_forms.softmax(z), plain_forms.softmax(other)
    by_entropy, by_kl = onp.log(pi), onp.log(pi / mu)
    truth = -pi * (by_entropy - (pi * by_entropy).sum(-1, keepdims=True))
    assert_allclose(grad(lambda z: np.sum(entropy(z)))(z), truth, atol=1e-14)
    truth = pi * (by_kl - (pi * by_kl).sum(-1, keepdims=True))
    assert_allclose(grad(lambda z: np.sum(kl(z, other)))(z), truth, atol=1e-14)
    assert_allclose(grad(lambda x: np.sum(kl(z, x)))(other), mu - pi, atol=1e-14)


def test_greedy_plays_the_most_probable_action_and_ties_share():
    probs = onp.array([[[0.2, 0.5, 0.3], [0.4, 0.2, 0.4]]])
    assert_allclose(policies.greedy(probs), [[[0, 1, 0], [0.5, 0, 0.5]]], atol=0)


def test_the_uniform_policy_gives_every_action_the_same_probability():
    assert_allclose(policies.uniform((2, 4)), [[0.25] * 4] * 2, atol=0)


# ---- sums and maxima over the actions ----


@pytest.mark.parametrize("leading", [(), (3,), (2, 1, 3)])
@pytest.mark.parametrize("num_actions", [1, 2, 7, 8, 30])
def test_few_actions_or_many_are_reduced_to_the_same_numbers(num_actions, leading):
    generator = rng()
    x = generator.normal(size=(*leading, num_actions))
    total = policies.sum_over_actions(x)
    assert total.shape == (*leading, 1)
    assert_allclose(total, x.sum(-1, keepdims=True), rtol=1e-13, atol=1e-14)
    assert_allclose(policies.softmax(1000 * x).sum(-1), 1, rtol=1e-13)  # no overflow: maxima
    assert_allclose(policies.greedy(x).argmax(-1), x.argmax(-1), atol=0)
    u = generator.normal(size=total.shape)
    first = grad(lambda x: np.sum(u * policies.sum_over_actions(x) ** 3))
    assert_allclose(first(x), 3 * u * total**2 + 0 * x, rtol=1e-12)
    second = grad(lambda x: np.sum(first(x)))(x)
    assert_allclose(second, 6 * u * total * num_actions + 0 * x, rtol=1e-12)


@pytest.mark.parametrize("ufunc", [onp.add, onp.maximum], ids=["sum", "max"])
@pytest.mark.parametrize("dtype", [onp.float32, onp.float64])
@pytest.mark.parametrize("A", range(1, 13))
def test_a_small_array_has_the_bits_of_the_same_rows_in_a_large_array(ufunc, dtype, A):
    x = onp.random.default_rng(A).standard_normal((300, A)).astype(dtype)
    whole = policies.over_actions(ufunc, x)
    assert whole.shape == (300, 1) and whole.dtype == dtype
    alone = onp.concatenate([policies.over_actions(ufunc, row[None]) for row in x])
    onp.testing.assert_array_equal(alone, whole)
    onp.testing.assert_array_equal(policies.over_actions(ufunc, onp.asfortranarray(x)), whole)
    if A <= 8:  # from left to right
        by_hand = reduce(ufunc, list(x.T))
        onp.testing.assert_array_equal(whole[:, 0], by_hand)


# ---- what is refused ----


@pytest.mark.parametrize("bad", [onp.nan, onp.inf])
def test_a_greedy_policy_does_not_choose_among_numbers_that_are_not_finite(bad):
    with pytest.raises(ValueError, match="probs must be finite, got"):
        policies.greedy(onp.array([[0.5, 0.5], [bad, 0.5]]))
    with pytest.raises(TypeError, match="probs must be an array of floats, got list"):
        policies.greedy([[0.5, 0.5]])


@pytest.mark.parametrize("shape", [(S, 1), (1, A), (S, A + 1), (A,), ()])
def test_kl_needs_logits_of_the_same_states_and_actions(shape):
    z = onp.zeros((M, S, A))
    with pytest.raises(ValueError, match=r"other must have the last axes of logits, \(3, 4\), got"):
        kl(z, onp.zeros(shape))
    with pytest.raises(ValueError, match=r"other must have the last axes of logits, \(3, 1\), got"):
        grad(lambda x: np.sum(kl(x, z)))(z[..., :1])


def test_kl_compares_each_task_with_its_own_or_with_one_policy():
    z, other = draw(21, M, S, A), draw(22, M, S, A)
    for shared in (other[:1], other[0]):
        assert_allclose(kl(z, shared)[1], kl(z[1], other[0]), rtol=1e-13)
    assert kl(z[:1], other).shape == (M, S)


def test_the_uniform_policy_needs_a_state_and_an_action():
    for shape in ((2, 0), (0, 2)):
        with pytest.raises(ValueError, match="must be at least 1, got 0"):
            policies.uniform(shape)
    with pytest.raises(TypeError, match=r"must be a whole number, got 2\.5"):
        policies.uniform((2, 2.5))


@pytest.mark.parametrize("name", Policy._fields)
def test_a_policy_of_our_own_has_four_functions_and_a_word(name):
    with pytest.raises(TypeError, match=f"{name} must be"):
        tabular._replace(**{name: None})


@pytest.mark.parametrize("function", [softmax, log_softmax, entropy, policies.greedy])
def test_functions_of_logits_need_finite_floats_and_an_action(function):
    for bad in (onp.nan, onp.inf, -onp.inf):
        with pytest.raises(ValueError, match=r"must be finite, got"):
            function(onp.array([[0.5, bad], [0.1, 0.2]]))
    for wrong in ([[0.5, 0.5]], onp.array([[1, 2]]), onp.array([[True]]), None, 0.5, "z"):
        with pytest.raises(TypeError, match="must be an array of floats, got"):
            function(wrong)
    for shape in ((), (0,), (2, 0)):
        with pytest.raises(ValueError, match=r"must have an axis of actions, got the shape \("):
            function(onp.zeros(shape))
    huge = onp.array([[1e300, -1e300]])  # its squares overflow, and it is finite
    assert onp.isfinite(softmax(huge)).all() and softmax(huge)[0, 0] == 1
