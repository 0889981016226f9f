"""Measured derivatives are right, and their errors cover what is wrong with them."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from smooth_functions import LOSSES, sampled_return, smooth_function

from metarl_min.basics import finite_differences as differences
from metarl_min.basics.finite_differences import extrapolate, finite_differences
from metarl_min.basics.noise import Noise

EXACT = Noise(size=0.0, round_off=0.0, place=0.0, smooth=0.25)


@pytest.mark.verifies("finite_differences.1")
def test_the_function_is_called_on_both_sides_of_x_at_a_quarter_of_x_and_quarters_of_that():
    offsets = []

    def parabola(x):
        offsets.append(float(x[0]) - 2.0)
        return np.sum(x**2)

    gradient, error = finite_differences(parabola, np.array([2.0]))
    assert gradient == pytest.approx(4.0, rel=1e-12) and error < 1e-10
    for j in range(1, 9):
        assert 2 / 4**j in offsets and -2 / 4**j in offsets


@pytest.mark.verifies("finite_differences.2")
@given(st.integers(0, 10_000))
def test_finite_differences_are_right_to_ten_digits_and_their_error_covers_the_rest(seed):
    function, gradient, x = smooth_function(seed, num_entries=4)
    measured, error = finite_differences(function, x)
    off = np.abs(measured - gradient(x))
    assert (off <= error).all()
    assert error.max() < 1e-9 * np.abs(gradient(x)).max()


@pytest.mark.verifies("finite_differences.2")
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_each_level_of_the_tableau_cancels_one_more_even_power_of_the_step(levels):
    h = 4.0 ** -np.arange(1, levels + 2)
    slopes = 3 + sum(h ** (2 * k) for k in range(1, levels + 1))
    value, error = extrapolate(list(slopes), [0.0] * len(h), 16.0)
    assert value == pytest.approx(3, abs=1e-14)
    assert abs(value - 3) <= error
    rough, error = extrapolate(list(slopes + h ** (2 * levels + 2)), [0.0] * len(h), 16.0)
    assert 1e-14 < abs(rough - 3) <= error  # one power more is not cancelled


@pytest.mark.verifies("finite_differences.3")
def test_the_error_is_the_larger_difference_of_two_slopes_plus_twice_the_noise_over_the_step():
    # slopes 5 and 6, steps 1 and 1/4: value 6 + 1/15, differences 1/15 and 16/15
    value, error = extrapolate([5.0, 6.0], [2 * 1e-3 / 1, 2 * 1e-3 * 4], 16.0)
    assert value == pytest.approx(6 + 1 / 15)
    assert error == pytest.approx(16 / 15 + 8e-3)


@pytest.mark.verifies("finite_differences.3")
@pytest.mark.parametrize("loss", [x for x in LOSSES if x != "none"])
def test_the_error_covers_what_is_lost_in_the_values(loss):
    off, size = [], []
    for seed in range(12):
        f, gradient, x = smooth_function(seed)
        measured, error = finite_differences(LOSSES[loss](f), x)
        off.append(abs(measured - gradient(x)) / error)
        size.append(error.max() / abs(gradient(x)).max())
    assert np.mean(np.array(off) <= 1) >= 0.99  # the largest is below a half
    limits = {"4 decimals": 0.1, "6 decimals": 3e-3, "12 decimals": 1e-7}
    assert np.median(size) < limits.get(loss, 1e-3)  # yet it is no excuse


@pytest.mark.verifies("finite_differences.3")
@pytest.mark.parametrize("num_samples", [100, 1000])
def test_the_error_covers_the_staircase_of_a_sampled_return(num_samples):
    covered = []
    for seed in range(32):
        rng = np.random.default_rng(seed)
        f, gradient = sampled_return(rng, num_samples)
        z = rng.normal(size=2)
        measured, error = finite_differences(f, z)
        covered.append(abs(measured - gradient(z)) <= error)
    assert np.mean(covered) > 0.95


@pytest.mark.verifies("finite_differences.3")
def test_the_error_covers_round_off_that_only_the_function_knows_about():
    def cancelling(x):
        return (np.sum(np.sin(x)) + 1e6) - 1e6  # of order 1, but known to 1e-10 only

    x = np.array([0.3, 1.1, -0.7])
    gradient, error = finite_differences(cancelling, x)
    assert (np.abs(gradient - np.cos(x)) <= error).all()
    assert 1e-10 < error.max() < 1e-4


@pytest.mark.verifies("finite_differences.3")
@pytest.mark.parametrize("size", [1e-8, 1e8])
def test_round_off_is_measured_at_the_scale_of_x(size):
    x = size * np.array([0.3, 1.1, -0.7])
    gradient, error = finite_differences(lambda x: np.sum(np.sin(x / size)) + 1e6 - 1e6, x)
    assert (np.abs(gradient - np.cos(x / size) / size) <= error).all()
    assert 1e-10 < size * error.max() < 1e-4


@pytest.mark.verifies("finite_differences.4")
def test_long_steps_that_agree_by_accident_are_overruled_by_short_ones():
    long = [0.0, 0.0, 0.0]  # as over a pole: the error of eq. (3) is zero
    short = [7 + 4.0 ** (-2 * j) for j in range(4)]
    noises = [1e-12 * 4.0**j for j in range(7)]
    value, error = extrapolate(long + short, noises, 16.0)
    assert value == pytest.approx(7, abs=1e-9) and error < 1e-6
    # but a short step that knows nothing overrules nobody
    noises[3:] = [100.0] * 4
    assert extrapolate(long + short, noises, 16.0)[0] == 0


@pytest.mark.verifies("finite_differences.4")
@pytest.mark.parametrize("distance", [1e-8, 1e-6, 1e-3])
def test_entries_beside_a_singularity_are_measured_on_their_own_side(distance):
    x = np.array([distance, 1.0])
    gradient, error = finite_differences(lambda x: np.sqrt(abs(x)).sum() + x.sum(), x)
    truth = 1 + 0.5 / np.sqrt(x)
    assert gradient == pytest.approx(truth, rel=1e-6)
    assert (abs(gradient - truth) <= error).all()


@pytest.mark.parametrize("distance", [1e-10, 1e-7, 1e-3])
def test_steps_stay_inside_the_domain(distance):
    def entropy_like(p):
        return -np.log(p[0]) - np.log(1 - p[1])

    p = np.array([distance, 1 - distance])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gradient, error = finite_differences(entropy_like, p)
    truth = np.array([-1 / p[0], 1 / (1 - p[1])])
    assert gradient == pytest.approx(truth, rel=1e-4)
    assert (abs(gradient - truth) <= error).all()


def test_a_function_that_raises_outside_of_its_domain_is_measured_inside():
    import math

    gradient, error = finite_differences(lambda x: math.log(x), 0.1)
    assert gradient == pytest.approx(10, abs=error) and error < 1e-9
    gradient, error = finite_differences(lambda x: math.acos(x) ** 2, 0.999)
    truth = -2 * math.acos(0.999) / math.sqrt(1 - 0.999**2)
    assert gradient == pytest.approx(truth, abs=error) and error < 1e-6


def test_the_error_at_the_edge_of_the_domain_is_infinite():
    gradient, error = finite_differences(lambda x: np.sqrt(x).sum(), np.array([0.0, 1.0]))
    assert np.isnan(gradient[0]) and error[0] == np.inf
    gradient, error = finite_differences(lambda x: np.where(x == 1, np.nan, x).sum(), np.ones(1))
    assert np.isnan(gradient[0]) and error[0] == np.inf


@pytest.mark.verifies("finite_differences.5")
def test_a_kink_at_x_is_the_difference_of_the_one_sided_slopes():
    def bent(t):  # slopes -1 and 3, and smooth parts that are no kinks
        return np.where(t < 0, -1.0, 3.0) * t + np.exp(t) - 1 - t

    found = differences.slope(lambda t: float(bent(t)), 0.25, 0.25 / 4**7, EXACT)
    assert found.kink == pytest.approx(4, abs=1e-8)
    assert found.value == pytest.approx(1, abs=1e-8)
    assert 2 <= found.error < 2 + 1e-6  # covers both slopes
    smooth = differences.slope(lambda t: float(np.exp(t)), 0.25, 0.25 / 4**7, EXACT)
    assert smooth.kink == 0 and smooth.error < 1e-8


@pytest.mark.verifies("finite_differences.5")
def test_the_error_at_a_kink_covers_both_slopes_in_that_coordinate_alone():
    gradient, error = finite_differences(lambda x: abs(x).sum(), np.array([0.0, 2.0, -1.0]))
    assert gradient == pytest.approx([0, 1, -1], abs=1e-9)
    assert error[0] >= 1 and error[1:].max() < 1e-8


def test_a_kink_beside_x_is_no_kink_at_x():
    x = np.array([0.7, -0.2, 0.05])
    gradient, error = finite_differences(lambda x: np.maximum(x - 0.69, 0).sum(), x)
    assert gradient == pytest.approx([1, 0, 0], abs=1e-8) and error.max() < 1e-7


@pytest.mark.parametrize("size", [1e2, 1e4, 1e6, 1e8])
def test_steps_become_as_short_as_the_function_needs(size):
    x = size * np.array([1.0, 0.7])
    gradient, error = finite_differences(lambda x: np.sin(x).sum(), x)
    assert (abs(gradient - np.cos(x)) <= error).all()
    assert error.max() < 1e-13 * size + 1e-10


def test_arrays_trees_and_numbers_come_back_as_they_were_given():
    tree = {"b": np.array([[1.0, -2.0]]), "a": np.array([0.5, 3.0, -1.0])}
    for part in finite_differences(lambda x: np.sum(x["a"] ** 3) + np.sum(x["b"]), tree):
        assert {name: leaf.shape for name, leaf in part.items()} == {"a": (3,), "b": (1, 2)}
    for shape in ((), (1,), (2, 3), (1, 2, 2)):
        x = np.linspace(0.5, 2, int(np.prod(shape))).reshape(shape)
        assert finite_differences(lambda x: np.sum(x**3), x)[0].shape == shape
    gradient, error = finite_differences(lambda x: x**3, 2.0)
    assert gradient == pytest.approx(12) and np.ndim(gradient) == np.ndim(error) == 0


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_steps_follow_the_size_of_x(size):
    x = size * np.array([1.0, 0.3])
    gradient, error = finite_differences(lambda x: np.sum(np.log(x)), x)
    assert (abs(gradient - 1 / x) <= error).all() and (error < 1e-9 / x).all()


def test_a_function_that_writes_into_its_argument_is_measured_at_x():
    def centred(x):
        x -= x.max()
        return (x**2).sum()

    x = np.array([1.0, 2.0])  # (x_0 - x_1)^2 where x_1 is the larger
    gradient, _ = finite_differences(centred, x)
    assert gradient == pytest.approx([-2, 2], abs=1e-8)
    assert x.tolist() == [1.0, 2.0]


def test_the_function_is_called_with_one_entry_moved_at_a_time():
    points = []

    def function(x):
        points.append(x.copy())
        return np.sum(x**2)

    x = np.array([0.5, -2.0, 1.5])
    finite_differences(function, x)
    moved = [np.flatnonzero(point != x).tolist() for point in points]
    single = [place for place in moved if len(place) == 1]
    assert all(place in single for place in ([0], [1], [2]))
    assert all(a[0] <= b[0] for a, b in pairwise(single))


def test_unsuitable_arguments_are_an_error_that_states_the_rule():
    with pytest.raises(TypeError, match="x must be an array of floats, got int64"):
        finite_differences(np.sum, np.array([1, 2]))
    with pytest.raises(TypeError, match=r"x must be floats, such as 3\.0 or \[1\.0, 2\.0\], got 3"):
        finite_differences(np.sum, 3)
    with pytest.raises(ValueError, match="x must be finite"):
        finite_differences(np.sum, np.array([np.nan]))
    with pytest.raises(ValueError, match="x must have at least one entry"):
        finite_differences(np.sum, np.array([]))
    with pytest.raises(ValueError, match="x must have rows of one length"):
        finite_differences(np.sum, [[1.0], [1.0, 2.0]])
    with pytest.raises(TypeError, match="parameters must be a non-empty dict"):
        finite_differences(np.sum, {})
    with pytest.raises(ValueError, match=r"function must return a number, got \(2,\)"):
        finite_differences(lambda x: x, np.ones(2))
    for value in ("2.0", None, True, 1j, np.ma.masked):
        with pytest.raises(TypeError, match=r"function\(x\) must hold real numbers, got"):
            finite_differences(lambda x, value=value: value, np.ones(2))
    with pytest.raises(TypeError, match="function must be a function, got 3"):
        finite_differences(3, np.ones(2))
