"""Policies with a memory: populations, initial weights, precision, and what is refused."""

import math
from functools import partial

import numpy as onp
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from recurrent_policies import CELLS, INPUTS, A, H, M, T, made, parts

from metarl_min.basics import trees
from metarl_min.memory import recurrent_policies


@pytest.mark.parametrize("cell", CELLS)
def test_a_population_is_a_leading_axis(cell):
    policy, one, x, _ = made(cell)
    other = made(cell, seed=1)[1]
    both = trees.map_leaves(lambda a, b: onp.stack([a, b]), one, other)
    before = policy.initial_memory(both, M)
    for state in parts(before):
        assert_array_equal(state, onp.zeros((2, M, H)))
    h, z, v = policy.step(both, before, onp.stack([x[0], x[1]]))
    for p, params in enumerate((one, other)):
        alone = policy.step(params, policy.initial_memory(params, M), x[p])
        for found, truth in zip((*parts(h), z, v), (*parts(alone[0]), *alone[1:]), strict=True):
            assert_allclose(found[p], truth, rtol=1e-12, atol=1e-14)


@pytest.mark.verifies("recurrent_policies.2", "recurrent_policies.3")
def test_initial_products_are_orthonormal_and_inputs_within_their_limit():
    rng = onp.random.default_rng(0)
    for rows, columns in ((5, 5), (7, 3), (3, 7)):
        Q = recurrent_policies.orthogonal(rng, rows, columns)
        assert Q.shape == (rows, columns)
        assert_allclose(Q @ Q.T if rows < columns else Q.T @ Q, onp.eye(min(Q.shape)), atol=1e-14)
    first = onp.array([recurrent_policies.orthogonal(rng, 2, 2)[0, 0] for _ in range(2000)])
    assert abs(first.mean()) < 0.06  # signs are drawn too
    W = recurrent_policies.glorot_uniform(rng, 200, 100)
    assert W.shape == (200, 100) and 0.999 < abs(W).max() / math.sqrt(6 / 300) <= 1
    assert W.min() < -0.99 * W.max() < 0


@pytest.mark.parametrize("cell", CELLS)
def test_training_is_in_single_precision_throughout(cell):
    policy = recurrent_policies.CELLS[cell](H)
    params = policy.init(onp.random.default_rng(0), INPUTS, A)
    x = onp.ones((T, M, INPUTS), onp.float32)
    memories, logits, values = recurrent_policies.unroll(policy, params, x)
    g = recurrent_policies.gradient(policy, params, x, memories, logits, values)
    leaves = [
        *params.values(),
        *(y for m in memories for y in parts(m)),
        logits,
        values,
        *g.values(),
    ]
    assert {leaf.dtype for leaf in leaves} == {onp.dtype("float32")}


@pytest.mark.verifies("recurrent_policies.1", "recurrent_policies.2", "recurrent_policies.3")
def test_a_network_starts_orthogonal_within_glorot_and_nearly_uniform():
    policy, H, observed = recurrent_policies.gru(16, "float64"), 16, 7
    rng = onp.random.default_rng(0)
    theta = policy.init(rng, observed, 5)
    U, W = onp.split(theta["U"], 3, axis=1), onp.split(theta["W"], 3, axis=1)
    for block in U:
        assert_allclose(block.T @ block, onp.eye(H), atol=1e-12)
    assert abs(U[0] - U[1]).max() > 0.1 < abs(U[1] - U[2]).max()
    limit = onp.sqrt(6 / (observed + H))
    for block in W:
        assert 0.9 * limit < abs(block).max() <= limit
    x = rng.normal(size=(20, observed))
    logits = policy.step(theta, policy.initial_memory(theta, 20), x)[1]
    assert 0 < onp.ptp(logits, axis=-1).max() < 0.1


@pytest.mark.parametrize("network", recurrent_policies.CELLS.values())
def test_a_cell_has_32_units_if_no_number_is_given(network):
    params = network().init(onp.random.default_rng(0), INPUTS, A)
    assert params["U_heads"].shape == (32, A + 1)
    assert_array_equal(params["c_heads"], onp.zeros(A + 1))


@pytest.mark.parametrize("network", recurrent_policies.CELLS.values())
def test_settings_out_of_range_are_refused(network):
    with pytest.raises(ValueError, match="hidden must be at least 1, got 0"):
        network(0)
    with pytest.raises(ValueError, match="dtype must be float32 or float64, got 'int8'"):
        network(dtype="int8")


def wide_values(params, memory, x, step):
    after, logits, values = step(params, memory, x)
    return after, logits, values[:, None]


def fewer_logits(params, memory, x, step):
    after, logits, values = step(params, memory, x)
    return after, logits[:1], values


@pytest.mark.parametrize("step", [wide_values, fewer_logits])
def test_a_step_of_ones_own_has_a_row_for_each_task(step):
    policy, params, x, _ = made("gru")
    own = policy._replace(step=partial(step, step=policy.step), gradient=None)
    with pytest.raises(ValueError, match=r"logits and values of a step must be \(3, 2\), \(3,\)"):
        recurrent_policies.unroll(own, params, x)


def test_observations_and_gradients_of_other_axes_are_refused():
    policy, params, x, _ = made("gru")
    for bad in (x[0], x[:0]):
        with pytest.raises(ValueError, match=r"x must have the axes \[T, M, I\], got \("):
            recurrent_policies.unroll(policy, params, bad)
    memories, z, v = recurrent_policies.unroll(policy, params, x)
    for changes, rule in (
        ({"logit_gradients": z[:, :1]}, r"logit_gradients must have the shape of x, \(5, 3\)"),
        ({"value_gradients": v[:, :1]}, r"value_gradients must have the shape of x, \(5, 3\)"),
        ({"value_gradients": v[..., None]}, r"value_gradients must have the shape of x, \(5, 3\)"),
        ({"memories": memories[1:]}, r"there must be T \+ 1 memories, got 5"),
    ):
        given = {"memories": memories, "logit_gradients": z, "value_gradients": v} | changes
        for gradient in (policy.gradient, None):
            one = policy._replace(gradient=gradient)
            with pytest.raises(ValueError, match=rule):
                recurrent_policies.gradient(one, params, x, **given)
    with pytest.raises(TypeError, match="policy must be of type RecurrentPolicy, got NoneType"):
        recurrent_policies.unroll(None, params, x)


def test_random_matrices_are_drawn_by_a_generator():
    for draw in (recurrent_policies.orthogonal, recurrent_policies.glorot_uniform):
        for bad in (None, 0, onp.random, onp.random.RandomState(0)):
            with pytest.raises(TypeError, match="rng must be a Generator"):
                draw(bad, 3, 2)
        with pytest.raises(ValueError, match="rows must be at least 1, got 0"):
            draw(onp.random.default_rng(0), 0, 2)
        with pytest.raises(TypeError, match=r"columns must be a whole number, got 2\.0"):
            draw(onp.random.default_rng(0), 3, 2.0)
    for bad in (None, onp.float32, ["float32"]):
        with pytest.raises(TypeError, match="dtype must be of type str"):
            recurrent_policies.gru(3, bad)
