"""Addressing by content, reading, writing and moving a focus, against cases by hand."""

import math

import autograd.numpy as np
import numpy as onp
import pytest
from autograd import grad
from numpy.testing import assert_allclose

from metarl_min.memory import addressing


@pytest.mark.verifies("addressing.1")
def test_rows_of_zeros_and_a_key_of_zeros_are_like_nothing_and_have_a_gradient():
    rows = onp.array([[3.0, 4.0], [-4.0, 3.0], [0.0, 0.0], [5e-4, 0.0]])
    found = addressing.similarity(onp.array([6.0, 8.0]), rows)
    assert_allclose(found, [1, 0, 0, 0.3], rtol=1e-15, atol=1e-15)  # .6 at half the least length
    assert_allclose(addressing.similarity(onp.zeros(2), rows), onp.zeros(4), atol=0)
    for argument in (0, 1):
        g = grad(lambda *a: np.sum(addressing.similarity(*a)), argument)(onp.zeros(2), rows)
        assert onp.isfinite(g).all()


@pytest.mark.verifies("addressing.2", "addressing.3")
def test_the_weights_point_at_the_row_that_is_like_the_key():
    rows = onp.array([[1.0, 0.0], [0.0, 2.0]])
    similar = addressing.similarity(onp.array([3.0, 0.0]), rows)
    weights = addressing.content_weights(onp.array(math.log(4)), similar)
    assert_allclose(weights, [0.8, 0.2], rtol=1e-14)
    assert_allclose(addressing.read(weights, rows), [0.8, 0.4], rtol=1e-14)


@pytest.mark.verifies("addressing.4", "addressing.5", "addressing.6")
@pytest.mark.verifies("addressing.7")
def test_three_writes_by_hand():
    usage, reading = onp.array([0.0, 0.0]), onp.array([0.25, 0.75])
    rows, gate = onp.array([[1.0], [2.0]]), onp.array(0.4)
    least = addressing.least_used(usage)
    assert least.tolist() == [1, 0]  # the first of equals
    weights = addressing.write_weights(gate, reading, least)
    assert_allclose(weights, [0.4 * 0.25 + 0.6, 0.4 * 0.75], rtol=1e-15)
    rows = addressing.write(rows, least, weights, onp.array([10.0]))
    assert_allclose(rows, [[7.0], [2 + 3.0]], rtol=1e-15)
    usage = addressing.update_usage(usage, onp.array([0.5, 0.5]), weights)
    assert_allclose(usage, [1.2, 0.8], rtol=1e-15)
    assert addressing.least_used(usage).tolist() == [0, 1]
    assert_allclose(
        addressing.update_usage(usage, onp.zeros(2), onp.ones(2)), [2.14, 1.76], rtol=1e-15
    )


@pytest.mark.verifies("addressing.8", "addressing.9", "addressing.10")
def test_a_focus_moves_and_sharpens():
    new, old = onp.array([0.5, 0.5, 0.0]), onp.array([0.0, 0.0, 1.0])
    assert_allclose(addressing.interpolate(onp.array(0.8), new, old), [0.4, 0.4, 0.2], rtol=1e-15)
    weights, chances = onp.array([0.7, 0.2, 0.1]), {-1: 0.1, 0: 0.6, 1: 0.3}
    truth = [sum(weights[j] * chances.get((i - j + 1) % 3 - 1, 0) for j in range(3))
             for i in range(3)]  # fmt: skip
    assert_allclose(addressing.shift(weights, chances), truth, rtol=1e-15)
    sharp = addressing.sharpen(onp.array([0.5, 0.25, 0.25]), onp.array(2.0))
    assert_allclose(sharp, [2 / 3, 1 / 6, 1 / 6], rtol=1e-15)
