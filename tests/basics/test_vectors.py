"""Numbers, lists, arrays and trees as vectors."""

from typing import NamedTuple

import numpy as np
import pytest

from metarl_min.basics import vectors

TREE = {"b": np.array([[1.0, -2.0]]), "a": np.array([0.5, 3.0, -1.0])}


class Data(NamedTuple):
    actions: np.ndarray
    rewards: dict


@pytest.mark.parametrize(
    ("x", "vector"),
    [
        (3.0, [3]),
        (np.float32(3), [3]),
        (np.array(3.0), [3]),
        ([1.0, 2.0], [1, 2]),
        (((1.0, 2.0), (3.0, 4.0)), [1, 2, 3, 4]),
        (np.array([[1.0], [2.0]]), [1, 2]),
        (TREE, [0.5, 3, -1, 1, -2]),
    ],
)
def test_a_point_is_a_vector_and_a_way_back(x, vector):
    at = vectors.point(x)
    assert at.vector.tolist() == vector and at.vector.dtype == float
    back = at.rebuild(2 * at.vector)
    if isinstance(x, dict):
        assert back["b"].tolist() == [[2, -4]] and back["a"].tolist() == [1, 6, -2]
    else:
        assert np.shape(back) == np.shape(x) and np.array_equal(back, 2 * np.array(x))


def test_the_vector_is_a_copy():
    x = np.array([1.0, 2.0])
    vectors.point(x).vector[0] = 5
    assert x.tolist() == [1, 2]


@pytest.mark.parametrize("x", [3, True, np.int64(3), np.bool_(True), np.complex128(1), "2.0", None])
def test_other_numbers_are_no_point(x):
    with pytest.raises(TypeError, match="x must be"):
        vectors.point(x)


@pytest.mark.parametrize(
    "y",
    [np.array(["2.0", "1.0"]), np.array([1 + 0j, 2]), np.array([True, False]), None,
     np.ma.masked_array([1.0, 2.0], [False, True]), np.array([1.0, None])],
)  # fmt: skip
def test_text_complex_bool_and_masked_values_are_no_numbers(y):
    with pytest.raises(TypeError, match="the gradient must hold real numbers, got"):
        vectors.matching_vector("the gradient", np.ones(2), y)
    with pytest.raises(TypeError, match=r"the gradient\['w'\] must hold real numbers, got"):
        vectors.matching_vector("the gradient", {"w": np.ones(2)}, {"w": y})


def test_names_and_shapes_must_match():
    assert vectors.matching_vector("g", np.ones(2), [1, 2]).tolist() == [1, 2]
    with pytest.raises(ValueError, match=r"shapes of g must be \(2,\), got \(3,\)"):
        vectors.matching_vector("g", np.ones(2), np.ones(3))
    with pytest.raises(ValueError, match="names and shapes of g must be"):
        vectors.matching_vector("g", TREE, {"a": TREE["a"]})
    with pytest.raises(ValueError, match="names and shapes of g must be"):
        vectors.matching_vector("g", TREE, np.ones(5))


def test_the_dtype_is_the_coarsest():
    half, single = np.ones(2, np.float16), np.ones(2, np.float32)
    assert vectors.coarsest_dtype(np.ones(2), {"a": single, "b": np.ones(1)}) == np.float32
    assert vectors.coarsest_dtype(single, half) == np.float16
    assert vectors.coarsest_dtype(1.0, [2.0], np.ones(1, int)) == np.float64


def test_entries_are_named_as_they_are_written():
    names = [vectors.entry_name(TREE, i) for i in range(5)]
    assert names == ["['a'][0]", "['a'][1]", "['a'][2]", "['b'][0, 0]", "['b'][0, 1]"]
    assert vectors.entry_name(np.ones((2, 2)), 2) == "[1, 0]"
    assert vectors.entry_name(3.0, 0) == "the number"
    with pytest.raises(IndexError):
        vectors.entry_name(np.ones(2), 2)


def overwrite(x):
    if isinstance(x, dict):
        x["a"][0] = 7.0
    elif isinstance(x, list):
        x[1] = 7.0
    elif isinstance(x, tuple):
        x[0][...] = 7.0
    else:
        x[...] = 7.0
    return x


@pytest.mark.parametrize(
    "x",
    [np.ones(2), {"a": np.ones(2)}, [1.0, 2.0], (np.ones(1), 3),
     Data(actions=np.ones(2), rewards={"a": np.ones(1)})],
)  # fmt: skip
def test_a_function_gets_a_copy_and_a_change_of_it_is_seen(x):
    before = repr(x)
    result, changed = vectors.call_with_copy(overwrite, x)
    assert changed and repr(x) == before and "7." in repr(result)
    assert vectors.call_with_copy(lambda x: 0, x) == (0, False)


def test_a_name_that_is_added_or_lost_is_a_change():
    assert vectors.call_with_copy(lambda x: x.pop("a"), {"a": 1.0})[1]
    assert vectors.call_with_copy(lambda x: x.append(1.0), [1.0])[1]
    assert not vectors.call_with_copy(lambda x: 0, {"a": np.array([np.nan]), "b": "text"})[1]
