"""Results of a student as vectors, and the places of their entries."""

import numpy as np
import pytest

from metarl_min.teach.faults import Fault
from metarl_min.teach.result_vectors import checked_vector, first_place, place_of, vector

TREE = {"b": np.zeros((2, 2)), "a": 1.0}


@pytest.mark.parametrize(
    ("value", "truth", "expected"),
    [
        (2, 1.0, [2.0]),
        (np.float64(2), 1.0, [2.0]),
        (np.array(2.0), 1.0, [2.0]),
        (np.array([1, 2]), np.zeros(2), [1, 2]),
        (np.array([1, 2], np.uint8), np.zeros(2), [1, 2]),
        (np.array([1, 2], np.longdouble), np.zeros(2), [1, 2]),
        ((1, np.array([2.0])), (0.0, np.zeros(1)), [1, 2]),
        ({"a": 7.0, "b": np.arange(4.0).reshape(2, 2)}, TREE, [7, 0, 1, 2, 3]),
        (-1e100, 0.0, [-1e100]),
    ],
)
def test_a_result_of_the_kind_of_the_truth_is_a_vector(value, truth, expected):
    got = checked_vector("f", value, truth)
    assert got.dtype == np.float64 and got.tolist() == expected


@pytest.mark.parametrize(
    ("value", "truth", "kind", "text"),
    [
        (None, 1.0, "shape", "f must return a number, got a NoneType."),
        (True, 1.0, "shape", "f must return a number, got a bool."),
        ("1", 1.0, "shape", "f must return a number, got a str."),
        (np.zeros(1), 1.0, "shape", "f must return a number, got an array of shape (1,)."),
        (1.0, np.zeros(1), "shape", "f must return an array of shape (1,), got a number."),
        ([1.0], np.zeros(1), "shape", "f must return an array of shape (1,), got a list."),
        ((1.0,), np.zeros(1), "shape", "got a tuple ([0]: a number)."),
        (np.zeros((1, 3)), np.zeros(3), "shape", "got an array of shape (1, 3)."),
        (np.zeros((3, 1)), np.zeros((1, 3)), "shape", "got an array of shape (3, 1)."),
        ((1.0, 2.0), (1.0,), "shape", "got a tuple ([0]: a number, [1]: a number)."),
        ({"a": 1.0}, TREE, "shape", "got a dict (['a']: a number)."),
        (np.bool_(True), 1.0, "dtype", "f must return numbers of dtype float64, got bool."),
        (np.float32(1), 1.0, "dtype", "got float32."),
        (np.zeros(2, np.float16), np.zeros(2), "dtype", "got float16."),
        (np.zeros(2, complex), np.zeros(2), "dtype", "got complex128."),
        (10**40, 1.0, "dtype", "got object."),
        ({"a": 1.0, "b": np.zeros((2, 2), "f4")}, TREE, "dtype", "got float32 at ['b']."),
        (np.nan, 1.0, "not finite", "f must return finite numbers up to 1e+100, got nan."),
        (-np.inf, 1.0, "not finite", "got -inf."),
        (np.array([0, np.nan]), np.zeros(2), "not finite", "got nan at [1]."),
        ({"a": 1.0, "b": np.array([[0, 1], [np.inf, 0]])}, TREE, "not finite", "['b'][1, 0]."),
        (np.array([0, 1.1e100]), np.zeros(2), "not finite", "got 1.1e+100 at [1]."),
    ],
)  # fmt: skip
def test_another_result_is_a_fault(value, truth, kind, text):
    with pytest.raises(Fault) as caught:
        checked_vector("f", value, truth)
    assert caught.value.kind == kind and str(caught.value).endswith(text)


def test_a_result_of_many_parts_is_described_in_short():
    with pytest.raises(Fault) as caught:
        checked_vector("f", (1.0,) * 10**4, 1.0)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("truth", [1.0, np.zeros((2, 3)), (1.0, np.zeros(2)), TREE])
def test_every_entry_of_a_vector_has_its_own_place(truth):
    places = [place_of(truth, i) for i in range(len(vector(truth)))]
    assert len(set(places)) == len(places)
    with pytest.raises(IndexError):
        place_of(truth, len(places))


def test_places_are_written_as_in_python():
    assert place_of(1.0, 0) == "" and place_of(np.zeros((2, 3)), 5) == "[1, 2]"
    assert place_of((1.0, np.zeros(2)), 2) == "[1][1]"
    assert [place_of(TREE, i) for i in (0, 3)] == ["['a']", "['b'][1, 0]"]


def test_the_first_wrong_entry_has_the_first_place():
    assert first_place(np.zeros((2, 3)), np.array([0, 0, 1, 0, 1, 1], bool)) == (2, "[0, 2]")
