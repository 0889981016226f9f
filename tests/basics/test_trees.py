"""A tree is one vector with names."""

import autograd.numpy as np
import numpy as onp
import pytest
from autograd import grad
from hypothesis import given
from hypothesis import strategies as st

from metarl_min.basics import trees


def tree(seed, *leading):
    rng = onp.random.default_rng(seed)
    return {"w": rng.normal(size=(*leading, 2, 3)), "b": rng.normal(size=(*leading, 3))}


seeds = st.integers(0, 10_000)


def test_check_returns_the_tree_itself():
    theta = tree(0)
    assert trees.check(theta) is theta


@pytest.mark.parametrize("bad", [{}, None, [onp.ones(2)], onp.ones(2)])
def test_check_refuses_everything_but_a_dict_that_is_not_empty(bad):
    with pytest.raises(TypeError, match="parameters must be a non-empty dict of float arrays, got"):
        trees.check(bad)


def test_check_names_the_leaf_that_is_wrong():
    with pytest.raises(TypeError, match="the name of a parameter must be of type str, got int"):
        trees.check({"a": onp.ones(1), 3: onp.ones(1)})
    with pytest.raises(TypeError, match="parameter 'b' must be an array of floats, got int64"):
        trees.check({"a": onp.ones(1), "b": onp.array([1])})
    with pytest.raises(TypeError, match="parameter 'b' must be an array of floats, got float"):
        trees.check({"b": 1.0})
    with pytest.raises(ValueError, match="parameter 'a' must be finite, got"):
        trees.check({"a": onp.array([onp.nan])})


def test_map_goes_by_name_and_not_by_order():
    one, other = {"a": onp.array(1.0), "b": onp.array(2.0)}, {"b": onp.array(20.0), "a": 10.0}
    assert trees.map_leaves(lambda x, y: x - y, one, other) == {"a": -9.0, "b": -18.0}


@given(seeds, st.floats(-3, 3))
def test_add_scaled_is_the_sum_of_vectors(seed, scale):
    x, d = tree(seed), tree(seed + 1)
    moved, _ = trees.ravel(trees.add_scaled(x, scale, d))
    assert onp.allclose(moved, trees.ravel(x)[0] + scale * trees.ravel(d)[0], atol=1e-14)


def test_add_scaled_takes_a_scale_per_leaf_shape_and_leaves_its_arguments_alone():
    x = {"w": onp.ones((2, 1))}
    moved = trees.add_scaled(x, onp.array([[1.0], [3.0]]), x)
    assert moved["w"].tolist() == [[2.0], [4.0]] and x["w"].tolist() == [[1.0], [1.0]]


@given(seeds)
def test_dot_is_the_product_of_vectors(seed):
    x, y = tree(seed), tree(seed + 1)
    assert trees.dot(x, y) == pytest.approx(float(trees.ravel(x)[0] @ trees.ravel(y)[0]), abs=1e-13)


@given(seeds)
def test_ravel_there_and_back_is_the_identity_whatever_the_order_of_names(seed):
    x = {**tree(seed), "scalar": onp.array(0.5)}
    vector, unravel = trees.ravel(x)
    assert vector.shape == (10,)
    for name, leaf in unravel(vector).items():
        assert onp.array_equal(leaf, x[name]) and leaf.shape == x[name].shape
    side_by_side = unravel(onp.stack([[vector, 2 * vector]]))
    for name, leaf in x.items():
        assert side_by_side[name].shape == (1, 2, *leaf.shape)
        assert onp.array_equal(side_by_side[name][0, 1], 2 * leaf)
    again, _ = trees.ravel({name: x[name] for name in reversed(x)})
    assert onp.array_equal(vector, again)


def test_ravel_orders_leaves_by_name():
    vector, _ = trees.ravel({"b": onp.array([3.0]), "a": onp.array([[1.0, 2.0]])})
    assert vector.tolist() == [1.0, 2.0, 3.0]


@given(seeds, st.integers(1, 4))
def test_sum_tasks_undoes_broadcasting_up_to_the_number_of_tasks(seed, num_tasks):
    x = tree(seed)
    wide = trees.broadcast_to_tasks(x, num_tasks)
    for name, leaf in x.items():
        assert wide[name].shape == (num_tasks, *leaf.shape)
        assert all(onp.array_equal(row, leaf) for row in wide[name])
        assert onp.allclose(trees.sum_tasks(wide)[name], num_tasks * leaf)


def test_sum_tasks_sums_the_leading_axis_only():
    assert trees.sum_tasks({"w": onp.array([[1.0, 2.0], [3.0, 4.0]])})["w"].tolist() == [4.0, 6.0]


def test_broadcast_keeps_the_dtype():
    wide = trees.broadcast_to_tasks({"w": onp.ones(2, onp.float32)}, 3)
    assert wide["w"].dtype == onp.float32


def test_the_gradient_through_broadcast_to_tasks_is_the_sum_over_tasks():
    x, weights = tree(1), tree(2, 4)
    gradient = grad(lambda x: trees.dot(trees.broadcast_to_tasks(x, 4), weights))(x)
    for name in x:
        assert onp.allclose(gradient[name], weights[name].sum(0), atol=1e-14)


def test_every_function_works_on_traced_trees():
    x, y = tree(3), tree(4)

    def function(x):
        moved = trees.add_scaled(x, 2.0, trees.map_leaves(np.square, x))
        vector, unravel = trees.ravel(trees.map_leaves(lambda leaf: leaf * 1.0, y))
        return trees.dot(trees.sum_tasks(moved), trees.sum_tasks(unravel(vector)))

    gradient = grad(function)(x)
    for name in x:
        assert onp.allclose(gradient[name], (1 + 4 * x[name]) * y[name].sum(0), atol=1e-13)


def test_scale_takes_a_number_or_a_factor_for_each_entry():
    x = {"w": onp.array([1.0, 2.0]), "b": onp.array([3.0])}
    assert {name: leaf.tolist() for name, leaf in trees.scale(x, 2.0).items()} == {
        "w": [2.0, 4.0],
        "b": [6.0],
    }
    factors = {"b": onp.array([0.5]), "w": onp.array([10.0, 100.0])}
    assert {name: leaf.tolist() for name, leaf in trees.scale(x, factors).items()} == {
        "w": [10.0, 200.0],
        "b": [1.5],
    }


def test_a_tree_of_factors_can_be_traced():
    x, factors = tree(5), tree(6)
    gradient = grad(lambda f: trees.dot(trees.add_scaled(x, f, x), x))(factors)
    for name in x:
        assert onp.allclose(gradient[name], x[name] ** 2, atol=1e-14)


def test_sum_tasks_sums_the_axes_that_the_other_tree_does_not_have():
    wide, like = tree(7, 4, 5), tree(8)
    summed = trees.sum_tasks(wide, like)
    assert all(onp.allclose(summed[name], wide[name].sum((0, 1)), atol=1e-14) for name in like)
    same = trees.sum_tasks(like, like)
    assert all(onp.array_equal(same[name], like[name]) for name in like)


def test_flatten_tasks_gives_the_vector_of_each_task():
    wide = tree(9, 4)
    rows = trees.flatten_tasks(wide)
    for m in range(4):
        vector, _ = trees.ravel({name: leaf[m] for name, leaf in wide.items()})
        assert onp.array_equal(rows[m], vector)


def test_check_like_returns_a_tree_of_the_names_and_shapes_of_another():
    x = tree(10)
    assert trees.check_like("g", x, tree(11), "theta") is x


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"w": onp.ones((2, 1))}, ValueError, r"g 'w' must have the shape of theta, \(2, 3\), got"),
        ({"w": onp.ones((1, 2, 3))}, ValueError, r"g 'w' must have the shape of theta"),
        ({"b": onp.ones(1)}, ValueError, r"g 'b' must have the shape of theta, \(3,\), got \(1,\)"),
        (
            {"c": onp.ones(3)},
            ValueError,
            r"g must have the names \['b', 'w'\], got \['b', 'c', 'w'\]",
        ),
    ],
)
def test_check_like_names_what_differs(wrong, error, message):
    with pytest.raises(error, match=message):
        trees.check_like("g", {**tree(10), **wrong}, tree(11), "theta")


@pytest.mark.parametrize("other", [None, [1.0], onp.ones(2), "w"])
def test_check_like_refuses_what_is_no_tree(other):
    with pytest.raises(TypeError, match="g must be of type dict, got"):
        trees.check_like("g", other, tree(11), "theta")


def test_trees_with_other_names_are_refused_and_not_cut_to_the_names_of_the_first():
    x = tree(12)
    wrong = {**x, "more": onp.ones(2)}, {"w": x["w"]}, {"w": x["w"], "c": x["b"]}
    for other in wrong:
        calls = [
            lambda other=other: trees.map_leaves(onp.add, x, other),
            lambda other=other: trees.dot(x, other),
            lambda other=other: trees.total([x, other]),
            lambda other=other: trees.add_scaled(x, 0.5, other),
            lambda other=other: trees.scale(x, other),
            lambda other=other: grad(lambda x: trees.dot(x, other))(x),
        ]
        for call in calls:
            with pytest.raises(ValueError, match=r"must have the same names, \['b', 'w'\], got"):
                call()


def test_the_number_of_copies_is_a_whole_number():
    with pytest.raises(TypeError, match=r"num_tasks must be a whole number, got 2\.0"):
        trees.broadcast_to_tasks(tree(13), 2.0)
    with pytest.raises(ValueError, match="num_tasks must be at least 1, got 0"):
        trees.broadcast_to_tasks(tree(13), 0)
