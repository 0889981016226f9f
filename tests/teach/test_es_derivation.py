"""Assignment 8: a derivation of the gradient of an evolution strategy, as programs."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from metarl_min.teach import es_derivation
from metarl_min.teach.es_derivation import BROKEN, RIGHT, SLOPE, SMOOTH, Cubic

F = Cubic(0.7, -1.2, 0.9, 1.1)
POINTS = [(0.6, 0.5, 0.8), (-0.3, 1.6, -1.2), (1.4, 0.3, 0.1)]


def values(side, points=POINTS):
    return np.array([side(F, *point) for point in points])


def test_the_twelve_equations_hold():
    assert list(RIGHT) == list(range(1, 13))
    for left, right in RIGHT.values():
        np.testing.assert_allclose(values(left), values(right), rtol=1e-11, atol=1e-13)


def test_a_cubic_and_its_slope_are_those_of_a_polynomial():
    plain = np.polynomial.Polynomial(F)
    for x in (-1.3, 0.4):
        assert F(x) == pytest.approx(plain(x), rel=1e-14)
        assert F.slope(x) == pytest.approx(plain.deriv()(x), rel=1e-14)


def test_the_closed_forms_are_means_over_normal_noise():
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    weights = weights / math.sqrt(2 * math.pi)
    for theta, sigma, e in POINTS:
        x = theta + sigma * nodes
        assert SMOOTH(F, theta, sigma, e) == pytest.approx(weights @ F(x), rel=1e-12)
        assert SLOPE(F, theta, sigma, e) == pytest.approx(weights @ F.slope(x), rel=1e-12)


@pytest.mark.parametrize(("number", "text", "wrong"), BROKEN, ids=lambda x: x if x else "")
def test_a_broken_right_side_is_wrong_at_every_ordinary_point(number, text, wrong):
    left, _ = RIGHT[number]
    points = POINTS[:2] if number == 5 else POINTS  # -|e| p(e) is right for e > 0
    differences = abs(values(left, points) - values(wrong, points))
    assert differences.max() > 0.01


def holds(entry, points):
    left, _ = RIGHT[entry[0]]
    return np.allclose(values(left, points), values(entry[2], points), rtol=1e-9, atol=1e-12)


def test_special_points_hide_some_wrong_equations():
    at_sigma_one = [x[0] for x in BROKEN if holds(x, [(0.6, 1.0, 0.8), (-0.3, 1.0, -1.2)])]
    at_theta_zero = [x[0] for x in BROKEN if holds(x, [(0.0, 0.5, 0.8), (0.0, 1.6, -1.2)])]
    at_e_zero = [x[0] for x in BROKEN if holds(x, [(0.6, 0.5, 0.0), (0.3, 0.2, 0.0)])]
    at_positive_e = [x[0] for x in BROKEN if holds(x, [(0.6, 0.5, 0.8), (-0.3, 1.6, 1.2)])]
    assert at_sigma_one == [1, 3, 4, 6, 9, 12]
    assert at_theta_zero == [6, 8]
    assert at_e_zero == [5, 5, 6]
    assert at_positive_e == [5]


def listed(text, pattern):
    """The equations of a text by number, without the line breaks inside an equation."""
    found = re.findall(pattern + r"(.*(?:\n#? +=.*)?)", text)
    return {int(number): " ".join(body.replace("#", " ").split()) for number, body in found}


def test_the_page_of_the_assignment_has_one_wrong_equation_which_is_among_the_broken_ones():
    root = Path(es_derivation.__file__).parents[2]
    page = (root / "examples/coursework/hw8/hw8.py").read_text(encoding="utf-8")
    right = listed(es_derivation.__doc__, r"number (\d+)  +")
    shown = listed(page, r"#  +(\d+)\.  ")
    assert list(right) == list(shown) == list(range(1, 13))
    wrong = [number for number in right if right[number] != shown[number]]
    assert len(wrong) == 1
    side = shown[wrong[0]].rpartition(" = ")[2]
    assert (wrong[0], side) in [(number, text) for number, text, _ in BROKEN]
