"""Derivatives by complex steps, and the functions for which they are silently wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from smooth_functions import smooth_function

from metarl_min.basics.complex_steps import complex_step

X = np.array([1.0, -2.0, 0.5])


@pytest.mark.verifies("complex_steps.1")
@given(st.integers(0, 10_000))
def test_the_complex_step_is_right_to_the_last_digits(seed):
    function, gradient, x = smooth_function(seed, num_entries=4)
    exact = gradient(x)
    assert np.allclose(complex_step(function, x), exact, atol=1e-14 * abs(exact).max())


def test_it_returns_the_names_and_shapes_of_its_argument():
    tree = {"b": np.array([[1.0, -2.0]]), "a": np.array([0.5, 3.0, -1.0])}
    exact = complex_step(lambda x: np.sum(x["a"] ** 3) + 2 * np.sum(x["b"] * x["b"]), tree)
    assert np.allclose(exact["a"], 3 * tree["a"] ** 2, rtol=1e-14)
    assert np.allclose(exact["b"], 4 * tree["b"], rtol=1e-14)
    assert complex_step(lambda x: x**3, 2.0) == pytest.approx(12, rel=1e-15)
    assert complex_step(np.sum, [1.0, 2.0]).tolist() == [1, 1]


LOSING = {
    "vdot": lambda x: np.vdot(x, x),
    "norm": lambda x: np.linalg.norm(x),
    "abs": lambda x: np.sum(abs(x)),
    "conj": lambda x: np.sum(x * np.conj(x)),
    "real": lambda x: np.sum(np.real(x) ** 2),
    "hypot": lambda x: np.hypot(*np.real(x[:2])),
    "cast": lambda x: np.sum(np.array(x, float) ** 2),
    "round": lambda x: np.sum(np.round(x, 4)),
    "clip of the size": lambda x: np.sum(x * np.clip(abs(x), 0.1, 5)),
}


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
@pytest.mark.parametrize("name", LOSING)
def test_a_function_that_loses_an_imaginary_part_in_one_of_its_terms_is_refused(name):
    with pytest.raises(ValueError, match="function must be analytic, without abs, conj"):
        complex_step(lambda x: np.sum(x**2) + LOSING[name](x), X)


def test_branches_on_the_real_part_are_no_loss():
    def branches(x):
        return np.sum(np.where(x.real > 0, x**2, 3 * x)) + np.max(x * 2)

    assert np.allclose(complex_step(branches, X), [4, 3, 1], rtol=1e-14)


def test_functions_that_differences_cannot_resolve_are_not_refused():
    def steep(x):
        return np.sum(np.sin(1e5 * x)) + 1e9

    assert np.allclose(complex_step(steep, X), 1e5 * np.cos(1e5 * X), rtol=1e-10)
    assert complex_step(lambda x: np.sum(0 * x), X).tolist() == [0, 0, 0]


def test_a_function_that_writes_into_its_argument_is_measured_at_x():
    def centred(x):
        x -= x[1]
        return np.sum(x**2)

    x = np.array([1.0, 2.0, 4.0])  # x - x_1 = (-1, 0, 2)
    assert complex_step(centred, x).tolist() == [-2, -2, 4]
    assert x.tolist() == [1, 2, 4]


def test_unsuitable_functions_are_an_error_that_states_the_rule():
    with pytest.raises(TypeError, match="function must keep the imaginary part"):
        complex_step(lambda x: np.sum(np.abs(x)), X)
    with (
        pytest.raises(FloatingPointError, match="the gradient must be finite"),
        np.errstate(all="ignore"),
    ):
        complex_step(lambda x: np.sum(x**3), np.array([1e200, 1.0]))
    with pytest.raises(TypeError, match="function must be a function"):
        complex_step(X, X)
    with pytest.raises(ValueError, match="x must have at least one entry"):
        complex_step(np.sum, np.array([]))
