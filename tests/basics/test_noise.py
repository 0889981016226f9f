"""Noise is the part of a function that no narrower spacing makes smaller."""

from math import comb

import numpy as np
import pytest
from smooth_functions import LOSSES, sampled_return, smooth_function

from metarl_min.basics import noise as noises
from metarl_min.basics.noise import noise, roughness


@pytest.mark.verifies("noise.1")
def test_roughness_is_the_largest_sixth_difference_over_the_root_of_924():
    norm = sum(comb(6, k) ** 2 for k in range(7)) ** 0.5
    t = np.arange(-8.0, 9.0)
    assert roughness(t**5 - 3 * t**4 + t)[0] == 0
    assert roughness(t**6)[0] == pytest.approx(720 / norm)  # 6! at every place
    assert roughness(3.0 * (t > 2.5)) == (pytest.approx(30 / norm), 10)  # 10 = C(5, 2), beside it
    # independent errors: the mean square of one sixth difference is 924 times their variance
    errors = np.random.default_rng(0).normal(size=(20_000, 7))
    sizes = [roughness(row)[0] for row in errors]
    assert np.sqrt(np.mean(np.square(sizes))) == pytest.approx(1, abs=5 * 0.5 / 20_000**0.5)


def levels_of(f, reach=0.25):
    levels, place = noises._levels(f, reach)
    return np.array([level.roughness for level in levels]), place


@pytest.mark.verifies("noise.2")
def test_a_smooth_function_falls_by_4_to_the_sixth_at_each_level():
    sizes, _ = levels_of(lambda t: np.exp(t))
    assert sizes[1] / sizes[0] == pytest.approx(4.0**-6, rel=0.1)
    assert len(sizes) <= 5  # then the rest is round-off, and the search ends


@pytest.mark.verifies("noise.2")
@pytest.mark.parametrize("place", [-0.19, -0.0301, 0.0, 0.101, 0.1803])
def test_a_kink_falls_by_four_and_a_jump_stays_and_the_search_finds_both(place):
    sizes, found = levels_of(lambda t: abs(t - place))
    assert 4.0**9 < sizes[0] / sizes[10] < 4.0**12  # it depends on the place between two points
    assert found == pytest.approx(place, abs=1e-9)
    sizes, found = levels_of(lambda t: np.sin(t) + 1e-4 * (t > place))
    assert sizes[2:] == pytest.approx(1e-3 / 924**0.5, rel=0.01)
    assert found == pytest.approx(place, abs=1e-9)


@pytest.mark.verifies("noise.3")
@pytest.mark.parametrize("digits", [3, 4, 6, 9, 12])
def test_the_noise_of_a_rounded_function_is_of_the_size_of_its_steps(digits):
    for seed in range(20):
        f, _, x = smooth_function(seed)
        found = noise(lambda t, f=f, x=x: round(float(f(x * (1 + t))), digits))
        assert 0.2 < found.size / 10.0**-digits < 4


@pytest.mark.verifies("noise.3")
def test_errors_that_are_drawn_anew_at_every_call_are_found():
    rng = np.random.default_rng(0)
    sizes = [noise(lambda t: np.sin(t) + 1e-3 * rng.normal()).size for _ in range(50)]
    assert min(sizes) > 1e-3 and max(sizes) < 1e-2  # the largest of many, so above one deviation


@pytest.mark.verifies("noise.3")
def test_the_noise_of_a_sampled_return_is_that_of_long_steps():
    for num_samples, low in ((100, 1), (10_000, 2)):
        f, _ = sampled_return(np.random.default_rng(0), num_samples)
        found = noise(lambda t, f=f: f(np.array([1.0 + t, 0.3])))
        one_jump = 10 / 924**0.5 * 0.7 / num_samples
        assert low * one_jump * 0.99 < found.size < 60 * one_jump


def test_smooth_functions_have_the_noise_of_their_round_off():
    for seed in range(20):
        f, _, x = smooth_function(seed)
        found = noise(lambda t, f=f, x=x: float(f(x * (1 + t))))
        assert 2.0**-52 * abs(f(x)) / 2 < found.size < 1e-14 * (1 + abs(f(x)))
        assert found.smooth == 0.25
        offset = LOSSES["plus 1e6"](f)
        assert 1e-11 < noise(lambda t, f=offset, x=x: float(f(x * (1 + t)))).size < 1e-9


@pytest.mark.parametrize("size", [1e2, 1e4, 1e6])
def test_waves_that_are_short_beside_x_are_no_noise(size):
    found = noise(lambda t: float(np.sin(size * (1 + t))))
    assert found.size < 1e-15 * size * 10
    assert 0.1 / size < found.smooth < 300 / size


def test_a_kink_is_no_noise():
    assert noise(lambda t: abs(t - 0.1) + np.sin(t)).size < 1e-9


def test_points_outside_the_domain_are_passed_over():
    found = noise(lambda t: float(np.log(t + 0.01)) if t > -0.01 else np.nan)
    assert 1e-16 < found.size < 1e-14
    for side in (-1, 1):
        found = noise(lambda t, side=side: np.exp(t) if side * t >= 0 else np.nan)
        assert 1e-16 < found.size < 1e-14
    assert noise(lambda t: 0.0 if t == 0 else np.nan).size == np.inf


def test_a_constant_has_the_round_off_of_its_value():
    found = noise(lambda t: 3.0)
    assert found.size == found.round_off == 3 * 2.0**-52
