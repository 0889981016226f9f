"""Public edges state the rule, then what they got, and repair nothing."""

import random
import types
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metarl_min.basics import arguments


def test_require_is_silent_when_the_rule_holds_and_quotes_the_value_when_not():
    arguments.require(True, "never said", 1)
    with pytest.raises(ValueError, match=r"^sigma must be positive, got -1$"):
        arguments.require(False, "sigma must be positive", -1)


@given(st.integers(1, 10**12))
def test_whole_returns_python_integers(value):
    for given_value in (value, np.int64(value)):
        result = arguments.whole("n", given_value)
        assert result == value and type(result) is int


@pytest.mark.parametrize("value", [True, False, 1.0, np.float64(2), "3", None, np.array([1])])
def test_whole_refuses_what_is_not_a_whole_number(value):
    with pytest.raises(TypeError, match=r"n must be a whole number, got"):
        arguments.whole("n", value)


def test_whole_refuses_what_is_below_the_bound_which_is_itself_allowed():
    with pytest.raises(ValueError, match=r"^n must be at least 1, got 0$"):
        arguments.whole("n", 0)
    with pytest.raises(ValueError, match=r"^n must be at least 3, got 2$"):
        arguments.whole("n", 2, low=3)
    assert arguments.whole("n", 3, low=3) == 3
    assert arguments.whole("n", 0, low=0) == 0


@given(st.floats(-5, 7))
def test_real_returns_python_floats_bounds_included(value):
    result = arguments.real("x", np.float64(value), -5, 7)
    assert result == value and type(result) is float
    assert arguments.real("x", 7, -5, 7) == 7.0 and arguments.real("x", -5, -5, 7) == -5.0


@pytest.mark.parametrize("value", [True, "1", None, 1j, np.ones(1)])
def test_real_refuses_what_is_not_a_real_number(value):
    with pytest.raises(TypeError, match=r"x must be a real number, got"):
        arguments.real("x", value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_real_refuses_what_is_not_finite(value):
    with pytest.raises(ValueError, match=f"^x must be finite, got {value}$"):
        arguments.real("x", value)


@pytest.mark.parametrize("value", [-0.1, 1.1])
def test_real_names_the_bounds(value):
    with pytest.raises(ValueError, match=f"^x must be finite, from 0 to 1, got {value}$"):
        arguments.real("x", value, 0, 1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_returns_the_array_itself(dtype):
    array = np.ones((2, 3), dtype)
    assert arguments.floats("w", array) is array


@pytest.mark.parametrize(("dtype", "largest"), [(np.float16, 6e4), (np.float32, 3e38)])
def test_floats_of_few_bits_are_compared_with_bounds_that_they_cannot_hold(dtype, largest):
    array = np.array([largest, -largest], dtype)  # the sum of the squares overflows
    assert arguments.floats("w", array) is array
    assert arguments.floats("w", array, -1e100, 1e100) is array
    with pytest.raises(ValueError, match=r"w must be from 0 to 1e\+100, got -.* at \[1\]"):
        arguments.floats("w", array, 0, 1e100)


@pytest.mark.parametrize(
    ("value", "kind"), [(np.array([1, 2]), "int64"), ([1.0], "list"), (1.0, "float"), (None, "No")]
)
def test_floats_refuses_every_other_type(value, kind):
    with pytest.raises(TypeError, match=f"w must be an array of floats, got {kind}"):
        arguments.floats("w", value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_floats_refuses_and_shows_one_number_that_is_not_finite(bad):
    with pytest.raises(ValueError, match=rf"^w must be finite, got {bad} at \[0, 1\]$"):
        arguments.floats("w", np.array([[1.0, bad], [bad, 2.0]]))
    with pytest.raises(ValueError, match=f"^w must be finite, got {bad}$"):
        arguments.floats("w", np.array(bad))


def test_probabilities_returns_the_array_itself_and_forgives_round_off_only():
    rows = np.array([[0.25, 0.75], [1.0, 0.0]])
    assert arguments.probabilities("p", rows) is rows
    arguments.probabilities("p", rows + np.array([0.5e-8, 0]))
    with pytest.raises(
        ValueError, match=r"^rows of p must sum to one, got a row that is off by 2e"
    ):
        arguments.probabilities("p", rows + np.array([2e-8, 0]))


@pytest.mark.parametrize("total", [0.9, 1.1])
def test_probabilities_refuses_one_row_among_many(total):
    rows = np.full((3, 2, 2), 0.5)
    rows[1, 1] = [total - 0.5, 0.5]
    with pytest.raises(ValueError, match=r"rows of p must sum to one, got .* off by 0\.1"):
        arguments.probabilities("p", rows)


def test_probabilities_need_an_axis():
    with pytest.raises(ValueError, match=r"^p must have an axis, got 0\.5"):
        arguments.probabilities("p", np.array(0.5))


def test_probabilities_refuses_negative_ones_even_if_they_sum_to_one():
    with pytest.raises(ValueError, match=r"^p must not be negative, got -0\.5$"):
        arguments.probabilities("p", np.array([1.5, -0.5]))
    with pytest.raises(ValueError, match=r"p must be finite"):
        arguments.probabilities("p", np.array([np.nan, 1.0]))
    with pytest.raises(TypeError, match=r"p must be an array of floats"):
        arguments.probabilities("p", np.array([0, 1]))


def test_a_long_value_is_cut_and_its_length_is_told():
    with pytest.raises(ValueError, match=r"^n must be odd, got x{200}\.\. \(5,000 characters\)$"):
        arguments.require(False, "n must be odd", "x" * 5000)
    for check in (arguments.whole, arguments.real):
        with pytest.raises(TypeError, match=r"got 'x{199}\.\. \(5,002 characters\)$"):
            check("n", "x" * 5000)
    for huge in (10**5000, -(10**5000)):  # Python itself refuses to write them
        with pytest.raises(ValueError, match=r"^n must be odd, got a number of too many digits$"):
            arguments.require(False, "n must be odd", huge)


def test_a_whole_number_of_any_size_is_below_the_bound_or_not():
    assert arguments.whole("seed", 10**5000, 0, np.inf) == 10**5000
    with pytest.raises(ValueError, match=r"^n must be at least 1, got a number of too many"):
        arguments.whole("n", -(10**5000))


def test_a_whole_number_is_at_most_what_an_axis_of_an_array_can_hold():
    assert arguments.whole("n", np.uint64(2**63 - 1)) == 2**63 - 1
    for huge in (2**63, 2**70, np.uint64(2**63)):
        with pytest.raises(ValueError, match=rf"^n must be at most {2**63 - 1}, got {huge}$"):
            arguments.whole("n", huge)
    with pytest.raises(ValueError, match=r"^n must be at most 3, got 4$"):
        arguments.whole("n", 4, 1, 3)


@pytest.mark.parametrize("value", [None, 3, [1, 2], (1,), (1, 2, 3), "ab", np.array([1, 2])])
def test_a_pair_is_a_tuple_of_two_whole_numbers(value):
    assert arguments.pair("shape", (np.int8(1), 2)) == (1, 2)
    with pytest.raises(TypeError, match=r"^shape must be a pair of whole numbers, got"):
        arguments.pair("shape", value)
    with pytest.raises(ValueError, match=r"^shape\[1\] must be at least 1, got 0"):
        arguments.pair("shape", (2, 0))


@pytest.mark.parametrize("huge", [10**400, Fraction(10**400, 3)])
def test_real_refuses_what_no_float_can_hold(huge):
    with pytest.raises(ValueError, match=r"^x must be finite, got inf$"):
        arguments.real("x", huge)
    with pytest.raises(ValueError, match=r"^x must be finite, from 0 to 1, got -inf$"):
        arguments.real("x", -huge, 0, 1)


@pytest.mark.parametrize("value", [Fraction(1, 4), np.float16(0.25), np.float32(0.25), 0.25])
def test_real_converts_every_kind_of_real_number(value):
    assert type(arguments.real("x", value)) is float and arguments.real("x", value) == 0.25


def test_require_all_names_the_first_value_that_breaks_the_rule_and_its_place():
    values = np.array([[0.5, 0.25], [1.7, 9.0]])
    arguments.require_all(values < 10, "never said", values)
    with pytest.raises(ValueError, match=r"^means must be small, got 1\.7 at \[1, 0\]$"):
        arguments.require_all(values < 1, "means must be small", values)
    with pytest.raises(ValueError, match=r"^it must be small, got 3\.0$"):
        arguments.require_all(np.array(3.0) < 1, "it must be small", np.array(3.0))


def test_instance_and_function_return_the_value_or_name_its_type():
    assert arguments.instance("x", 5, int) == 5 and arguments.function("f", abs) is abs
    with pytest.raises(TypeError, match=r"^x must be of type dict, got list$"):
        arguments.instance("x", [], dict)
    with pytest.raises(TypeError, match=r"^f must be a function, got 3$"):
        arguments.function("f", 3)


class StandIn:
    def random(self, shape):
        return np.zeros(shape)


def test_a_generator_is_returned_and_so_is_an_object_that_stands_in_for_one():
    for rng in (np.random.default_rng(0), np.random.Generator(np.random.MT19937(1)), StandIn()):
        assert arguments.generator("rng", rng) is rng


@pytest.mark.parametrize(
    "value",
    [None, 0, 1.5, "0", [0], np.random, np.random.RandomState(0), np.random.RandomState,
     np.random.default_rng, np.random.Generator, np.random.PCG64(0), np.random.SeedSequence(0),
     random.Random(0), random, StandIn, types.SimpleNamespace(random=np.zeros)],
)  # fmt: skip
def test_everything_else_is_no_generator(value):
    rule = r"^rng must be a Generator, as numpy\.random\.default_rng\(0\), got "
    with pytest.raises(TypeError, match=rule):
        arguments.generator("rng", value)


@pytest.mark.parametrize("value", [np.ma.ones(3), np.ma.masked_equal([1.0, np.nan], 1.0)])
def test_masked_arrays_and_matrices_are_no_arrays_of_floats(value):
    for check in (arguments.floats, arguments.probabilities):
        with pytest.raises(TypeError, match="w must be an array of floats, got MaskedArray"):
            check("w", value)
    with pytest.raises(TypeError, match="w must be an array of floats, got matrix"):
        arguments.floats("w", np.ones((2, 2)).view(np.matrix))


@pytest.mark.parametrize("value", [np.array(["2.0"]), np.array([1j]), np.array([None]),
                                   np.array([True])])  # fmt: skip
def test_texts_complex_numbers_objects_and_booleans_are_no_floats(value):
    for check in (arguments.floats, arguments.probabilities):
        with pytest.raises(TypeError, match="w must be an array of floats, got"):
            check("w", value)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint16])
def test_indices_returns_the_array_itself(dtype):
    for array in (np.array([[0, 2]], dtype), np.zeros((0, 3), dtype)):
        assert arguments.indices("states", array, 3) is array


@pytest.mark.parametrize(
    ("value", "message"),
    [([0, -1], r"states must be from 0 to 2, got -1 at \[1\]"),
     ([[0, 1], [3, 9]], r"states must be from 0 to 2, got 3 at \[1, 0\]")],
)  # fmt: skip
def test_indices_names_the_number_that_is_out_of_range_and_its_place(value, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        arguments.indices("states", np.array(value), 3)


@pytest.mark.parametrize(
    ("value", "kind"),
    [(np.array([0.0]), "float64"), ([0], "list"), (None, "NoneType"), (np.array([True]), "bool"),
     (np.ma.zeros(2, int), "MaskedArray")],
)  # fmt: skip
def test_indices_refuses_every_other_type(value, kind):
    with pytest.raises(TypeError, match=f"^states must be an array of whole numbers, got {kind}$"):
        arguments.indices("states", value, 3)


def test_shaped_returns_the_array_or_tells_both_shapes():
    array = np.ones((2, 3))
    assert arguments.shaped("w", array, (2, 3), "theta") is array
    for other in ((2, 1), (3,), (1, 2, 3), ()):
        with pytest.raises(ValueError, match=r"^w must have the shape of theta, \(2, 3\), got "):
            arguments.shaped("w", np.ones(other), (2, 3), "theta")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_probability_that_is_not_finite_is_refused_wherever_it_stands(bad):
    for row, place in ((0, 0), (2, 1)):
        rows = np.full((3, 2), 0.5)
        rows[row, place] = bad
        with pytest.raises(
            ValueError, match=rf"^p must be finite, got {bad} at \[{row}, {place}\]$"
        ):
            arguments.probabilities("p", rows)


def test_truths_are_a_plain_array_of_bools():
    value = np.array([True, False])
    assert arguments.truths("alive", value) is value
    for wrong in ([True], np.array([1]), None, True, np.ma.masked_array(value, value)):
        with pytest.raises(TypeError, match=r"^alive must be an array of bool, got"):
            arguments.truths("alive", wrong)


def test_indices_of_64_bits_without_a_sign_are_refused():
    for dtype in (np.int8, np.uint8, np.uint32, np.int64):
        assert arguments.indices("i", np.array([0, 2], dtype), 3).dtype == dtype
    with pytest.raises(TypeError, match=r"^i must be an array of whole numbers up to int64, got"):
        arguments.indices("i", np.array([0, 2], np.uint64), 3)


def test_a_flag_is_true_or_false():
    assert arguments.flag("greedy", np.bool_(True)) is True and not arguments.flag("greedy", False)
    for wrong in (None, 0, 1.0, "no", [], np.array(True)):
        with pytest.raises(TypeError, match=r"^greedy must be True or False, got"):
            arguments.flag("greedy", wrong)


@pytest.mark.parametrize("dtype", ["i1", "u1", "<i4", ">i4", ">i8", "<i8"])
@pytest.mark.parametrize("size", [3, 127, 128, 129, 255, 256, 70_000])
def test_indices_of_each_width_and_byte_order_are_compared_by_their_value(dtype, size):
    smallest, largest = (getattr(np.iinfo(dtype), name) for name in ("min", "max"))
    for value in {-1, smallest, 0, 1, 100, min(size - 1, largest), min(size, largest), largest}:
        array = np.array([0, max(value, smallest), 1]).astype(dtype)
        if (array >= 0).all() and (array < size).all():
            assert arguments.indices("states", array, size) is array
        else:
            with pytest.raises(ValueError, match=rf"states must be from 0 to {size - 1}, got "):
                arguments.indices("states", array, size)
