"""Addressing by content, reading and writing, against cases by hand and against differences."""

import math

import autograd.numpy as np
import numpy as onp
import pytest
from autograd import grad
from comparing import rng
from numpy.testing import assert_allclose

from metarl_min.basics.checks import assert_derivative
from metarl_min.memory import addressing

M, R, W = 2, 3, 4


@pytest.mark.verifies("addressing.1")
def test_rows_of_zeros_and_a_key_of_zeros_are_like_nothing_and_have_a_gradient():
    rows = onp.array([[3.0, 4.0], [-4.0, 3.0], [0.0, 0.0], [5e-4, 0.0]])
    found = addressing.similarity(onp.array([6.0, 8.0]), rows)
    assert_allclose(found, [1, 0, 0, 0.3], rtol=1e-15, atol=1e-15)  # .6 at half the least length
    assert_allclose(addressing.similarity(onp.zeros(2), rows), onp.zeros(4), atol=0)
    for argument in (0, 1):
        g = grad(lambda *a: np.sum(addressing.similarity(*a)), argument)(onp.zeros(2), rows)
        assert onp.isfinite(g).all()


@pytest.mark.verifies("addressing.2")
@pytest.mark.parametrize("lengths", [(1, 1), (4e-4, 1), (1, 4e-4), (4e-4, 4e-4)])
def test_the_gradient_of_the_similarity_is_its_derivative_also_below_the_least_length(lengths):
    draw = rng(1)
    key, addresses = draw.normal(size=(M, W)), draw.normal(size=(M, R, W))
    key = lengths[0] * key / onp.linalg.norm(key, axis=-1, keepdims=True)
    addresses[:, 0] *= lengths[1] / onp.linalg.norm(addresses[:, 0], axis=-1, keepdims=True)
    g = draw.normal(size=(M, R))
    similarities = addressing.similarity(key, addresses)
    found = addressing.similarity_pullback(key, addresses, similarities, g)
    assert_derivative(lambda x: np.sum(g * addressing.similarity(x, addresses)), found[0], key)
    assert_derivative(lambda x: np.sum(g * addressing.similarity(key, x)), found[1], addresses)


@pytest.mark.verifies("addressing.3", "addressing.5")
def test_the_weights_point_at_the_row_that_is_like_the_key():
    rows = onp.array([[1.0, 0.0], [0.0, 2.0]])
    similar = addressing.similarity(onp.array([3.0, 0.0]), rows)
    weights = addressing.reading_weights(onp.array(math.log(4)), similar)
    assert_allclose(weights, [0.8, 0.2], rtol=1e-14)
    assert_allclose(addressing.read(weights, rows), [0.8, 0.4], rtol=1e-14)


@pytest.mark.verifies("addressing.4")
def test_the_gradient_of_the_weights_is_their_derivative():
    draw = rng(2)
    strength, similar, g = 1 + draw.random(M), draw.normal(size=(M, R)), draw.normal(size=(M, R))
    reading = addressing.reading_weights(strength, similar)
    found = addressing.reading_weights_pullback(strength, similar, reading, g)
    assert_derivative(
        lambda x: np.sum(g * addressing.reading_weights(x, similar)), found[0], strength
    )
    assert_derivative(
        lambda x: np.sum(g * addressing.reading_weights(strength, x)), found[1], similar
    )


@pytest.mark.verifies("addressing.6")
def test_the_gradient_of_a_reading_is_its_derivative():
    draw = rng(3)
    reading, contents = draw.random((M, R)), draw.normal(size=(M, R, W))
    g = draw.normal(size=(M, W))
    found = addressing.read_pullback(reading, contents, g)
    assert_derivative(lambda x: np.sum(g * addressing.read(x, contents)), found[0], reading)
    assert_derivative(lambda x: np.sum(g * addressing.read(reading, x)), found[1], contents)


@pytest.mark.verifies("addressing.7", "addressing.8", "addressing.10")
@pytest.mark.verifies("addressing.12")
def test_three_writes_by_hand():
    usage, reading = onp.array([0.0, 0.0]), onp.array([0.25, 0.75])
    rows, gate = onp.array([[1.0], [2.0]]), onp.array(0.4)
    least = addressing.least_used(usage)
    assert least.tolist() == [1, 0]  # the first of equals
    weights = addressing.writing_weights(gate, reading, least)
    assert_allclose(weights, [0.4 * 0.25 + 0.6, 0.4 * 0.75], rtol=1e-15)
    rows = addressing.write(rows, least, weights, onp.array([10.0]))
    assert_allclose(rows, [[7.0], [2 + 3.0]], rtol=1e-15)
    usage = addressing.update_usage(usage, onp.array([0.5, 0.5]), weights)
    assert_allclose(usage, [1.2, 0.8], rtol=1e-15)
    assert addressing.least_used(usage).tolist() == [0, 1]
    assert_allclose(
        addressing.update_usage(usage, onp.zeros(2), onp.ones(2)), [2.14, 1.76], rtol=1e-15
    )


@pytest.mark.verifies("addressing.9")
def test_the_gradient_of_the_weights_of_a_write_is_their_derivative():
    draw = rng(4)
    gate, last, g = draw.random(M), draw.random((M, R)), draw.normal(size=(M, R))
    least = addressing.least_used(draw.random((M, R)))
    found = addressing.writing_weights_pullback(gate, last, least, g)
    assert_derivative(
        lambda x: np.sum(g * addressing.writing_weights(x, last, least)), found[0], gate
    )
    assert_derivative(
        lambda x: np.sum(g * addressing.writing_weights(gate, x, least)), found[1], last
    )


@pytest.mark.verifies("addressing.11")
def test_the_gradient_of_a_write_is_its_derivative():
    draw = rng(5)
    rows, writing = draw.normal(size=(M, R, W)), draw.random((M, R))
    vector, g = draw.normal(size=(M, W)), draw.normal(size=(M, R, W))
    least = addressing.least_used(draw.random((M, R)))
    found = addressing.write_pullback(least, writing, vector, g)
    assert_derivative(
        lambda x: np.sum(g * addressing.write(x, least, writing, vector)), found[0], rows
    )
    assert_derivative(
        lambda x: np.sum(g * addressing.write(rows, least, x, vector)), found[1], writing
    )
    assert_derivative(
        lambda x: np.sum(g * addressing.write(rows, least, writing, x)), found[2], vector
    )


@pytest.mark.verifies("addressing.7")
def test_usage_has_no_gradient_because_the_least_used_row_has_none():
    usage = onp.array([0.3, 0.1, 0.2])
    assert not grad(lambda x: np.sum(addressing.least_used(x)) + 0 * np.sum(x))(usage).any()
