"""The checkers find planted errors, at every scale, and let what is right pass."""

import warnings

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from hypothesis import given
from hypothesis import strategies as st

from metarl_min.basics import checks

SCALES = [1e-8, 1.0, 1e8]


def smooth(seed, num_coordinates=4):
    """A smooth function, its gradient by hand, and a point."""
    rng = np.random.default_rng(seed)
    W, c, x = rng.normal(size=(3, num_coordinates)), rng.normal(size=3), rng.normal(size=4)

    def function(x):
        return c @ np.tanh(W @ x) + 0.1 * np.sum(np.exp(x))

    return function, lambda x: (c / np.cosh(W @ x) ** 2) @ W + 0.1 * np.exp(x), x


def cubic(x):
    return np.sum(x["a"] ** 3) + 2 * np.sum(x["b"] * x["b"])


TREE = {"b": np.array([[1.0, -2.0]]), "a": np.array([0.5, 3.0, -1.0])}
CUBIC_GRADIENT = {"b": np.array([[4.0, -8.0]]), "a": np.array([0.75, 27.0, 3.0])}


@pytest.mark.verifies("checks.1")
def test_the_function_is_called_on_both_sides_of_x_at_a_quarter_of_x_and_quarters_of_that():
    offsets = []

    def parabola(x):
        offsets.append(float(x[0]) - 2.0)
        return np.sum(x**2)

    gradient, error = checks.finite_differences(parabola, np.array([2.0]))
    assert gradient == pytest.approx(4.0, rel=1e-12) and error < 1e-10
    for j in range(1, 9):
        assert 2 / 4**j in offsets and -2 / 4**j in offsets


@pytest.mark.verifies("checks.2")
@given(st.integers(0, 10_000))
def test_finite_differences_are_right_to_ten_digits_and_their_error_covers_the_rest(seed):
    function, gradient, x = smooth(seed)
    measured, error = checks.finite_differences(function, x)
    off = np.abs(measured - gradient(x))
    assert (off <= error).all()
    assert error.max() < 1e-9 * np.abs(gradient(x)).max()


@pytest.mark.verifies("checks.2")
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_each_level_of_the_tableau_cancels_one_more_even_power_of_the_step(levels):
    h = 4.0 ** -np.arange(1, levels + 2)[:, None]
    slopes = 3 + sum(h ** (2 * k) for k in range(1, levels + 1))
    value, error = checks._extrapolate(slopes, np.zeros_like(h))
    assert value == pytest.approx(3, abs=1e-14)
    assert abs(value - 3) <= error
    rough, error = checks._extrapolate(slopes + h ** (2 * levels + 2), np.zeros_like(h))
    assert 1e-14 < abs(rough - 3) <= error  # one power more is not cancelled


@pytest.mark.verifies("checks.3")
def test_the_error_covers_round_off_that_only_the_function_knows_about():
    def cancelling(x):
        return (np.sum(np.sin(x)) + 1e6) - 1e6  # of order 1, but known to 1e-10 only

    x = np.array([0.3, 1.1, -0.7])
    gradient, error = checks.finite_differences(cancelling, x)
    assert (np.abs(gradient - np.cos(x)) <= error).all()
    assert 1e-10 < error.max() < 1e-4


@pytest.mark.verifies("checks.4")
@given(st.integers(0, 10_000))
def test_the_complex_step_is_right_to_the_last_digits(seed):
    function, gradient, x = smooth(seed)
    exact = gradient(x)
    assert np.allclose(checks.complex_step(function, x), exact, atol=1e-14 * abs(exact).max())


@pytest.mark.verifies("checks.3")
@pytest.mark.parametrize("size", [1e-8, 1e8])
def test_round_off_is_measured_at_the_scale_of_x(size):
    x = size * np.array([0.3, 1.1, -0.7])
    gradient, error = checks.finite_differences(lambda x: np.sum(np.sin(x / size)) + 1e6 - 1e6, x)
    assert (np.abs(gradient - np.cos(x / size) / size) <= error).all()
    assert 1e-10 < size * error.max() < 1e-4


def test_both_methods_return_the_names_and_shapes_of_a_tree():
    gradient, error = checks.finite_differences(cubic, TREE)
    exact = checks.complex_step(cubic, TREE)
    for name, leaf in CUBIC_GRADIENT.items():
        assert gradient[name].shape == error[name].shape == exact[name].shape == leaf.shape
        assert np.allclose(gradient[name], leaf, atol=1e-9)
        assert np.allclose(exact[name], leaf, rtol=1e-14)


def test_arrays_of_any_shape_even_of_none_are_accepted():
    for shape in ((), (1,), (2, 3), (1, 2, 2)):
        x = np.linspace(0.5, 2, int(np.prod(shape))).reshape(shape)
        assert checks.check_derivative(lambda x: np.sum(x**3), lambda x: 3 * x**2, x)


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_steps_follow_the_size_of_x(size):
    x = size * np.array([1.0, 0.3])
    assert checks.check_derivative(lambda x: np.sum(np.log(x)), lambda x: 1 / x, x)


def test_steps_that_leave_the_domain_are_passed_over_without_a_warning():
    x = np.array([0.01, 1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert checks.check_derivative(lambda x: np.sum(np.sqrt(x)), lambda x: 0.5 / x**0.5, x)


@pytest.mark.parametrize("method", ["finite_differences", "complex_step"])
@pytest.mark.parametrize("scale", SCALES)
@given(st.integers(0, 10_000))
def test_a_right_gradient_passes_and_one_percent_in_any_coordinate_is_caught(method, scale, seed):
    function, gradient, x = smooth(seed)

    def scaled(x):
        return scale * function(x)

    right = scale * gradient(x)
    assert checks.check_derivative(scaled, right, x, method=method)
    for i in range(len(x)):
        for factor in (1.01, 0.99):
            wrong = right.copy()
            wrong[i] *= factor
            report = checks.check_derivative(scaled, wrong, x, method=method)
            assert not report
            assert report.coordinate == f"[{i}]"


@given(st.integers(0, 10_000))
def test_with_a_constant_of_a_million_right_passes_and_one_percent_is_still_caught(seed):
    function, gradient, x = smooth(seed)

    def offset(x):
        return function(x) + 1e6

    right = gradient(x)
    assert checks.check_derivative(offset, right, x)
    for i in np.flatnonzero(abs(right) > 1e-2 * abs(right).max()):
        wrong = right.copy()
        wrong[i] *= 1.01
        assert not checks.check_derivative(offset, wrong, x)


@pytest.mark.verifies("checks.5")
@pytest.mark.parametrize("factor", [-1.0, 0.5, 2.0, 0.0])
def test_a_wrong_factor_is_caught_and_named(factor):
    function, gradient, x = smooth(3)
    report = checks.check_derivative(function, factor * gradient(x), x)
    assert not report
    assert report.factor == pytest.approx(factor, abs=1e-9)
    assert f"{report.factor:.6g} times" in str(report)


def test_a_wrong_direction_has_no_factor():
    function, gradient, x = smooth(3)
    assert checks.check_derivative(function, gradient(x)[::-1].copy(), x).factor is None


@pytest.mark.parametrize("method", ["finite_differences", "complex_step"])
def test_a_constant_function_proves_nothing_unless_zero_is_expected(method):
    def constant(x):
        return 7.0 + 0 * np.sum(x)

    x = np.array([1.0, 2.0])
    report = checks.check_derivative(constant, np.zeros(2), x, method=method)
    assert not report
    assert "cannot be distinguished from zero" in str(report)
    assert checks.check_derivative(constant, np.zeros(2), x, method=method, expect_zero=True)
    wrong = np.array([0.0, 1e-6])
    assert not checks.check_derivative(constant, wrong, x, method=method, expect_zero=True)


def test_the_gradient_at_a_maximum_is_refused_unless_zero_is_expected():
    def bump(x):
        return -np.sum((x - 1) ** 2)

    assert not checks.check_derivative(bump, np.zeros(3), np.ones(3))
    assert checks.check_derivative(bump, np.zeros(3), np.ones(3), expect_zero=True)


def test_an_all_zero_gradient_of_a_function_that_moves_fails_at_every_scale():
    function, _, x = smooth(5)
    for scale in SCALES:
        for expect_zero in (False, True):
            report = checks.check_derivative(
                lambda x, c=scale: c * function(x), np.zeros(4), x, expect_zero=expect_zero
            )
            assert not report
            assert report.relative_error == pytest.approx(1, abs=0.9)


def test_a_derivative_that_cannot_be_measured_is_not_called_right():
    function, gradient, x = smooth(5)
    report = checks.check_derivative(lambda x: 1e-8 * function(x) + 1e6, 1e-8 * gradient(x), x)
    assert not report
    assert "nothing was checked" in report.remark


@pytest.mark.parametrize("place", [0, 3])
def test_nan_in_the_gradient_or_the_function_fails(place):
    function, gradient, x = smooth(5)
    wrong = gradient(x)
    wrong[place] = np.nan
    report = checks.check_derivative(function, wrong, x)
    assert not report and "not a finite number" in str(report)
    assert not checks.check_derivative(lambda x: function(x) + np.nan, gradient(x), x)
    assert not checks.check_derivative(function, np.full(4, np.inf), x, expect_zero=True)


def test_reports_name_the_worst_coordinate_and_both_values():
    wrong = {name: leaf.copy() for name, leaf in CUBIC_GRADIENT.items()}
    wrong["b"][0, 1] = -8.27
    report = checks.check_derivative(cubic, wrong, TREE)
    assert report.coordinate == "['b'][0, 1]"
    assert report.claimed == -8.27
    assert report.truth == pytest.approx(-8)
    assert report.relative_error == pytest.approx(0.27 / 27)
    assert report.digits == pytest.approx(2)
    assert "['b'][0, 1]" in str(report) and "-8.27" in str(report)


@pytest.mark.parametrize(
    ("error", "digits"), [(0.0, 16), (1e-20, 16), (1e-3, 3), (1.0, 0), (50.0, 0)]
)
def test_digits_are_between_none_and_sixteen(error, digits):
    report = checks.Report(
        agrees=True, relative_error=error, coordinate="[0]", claimed=1.0, truth=1.0,
        uncertainty=0.0, factor=None, remark="",
    )  # fmt: skip
    assert report.digits == pytest.approx(digits)


def test_the_raising_form_raises_the_report_and_only_when_wrong():
    checks.assert_derivative(cubic, CUBIC_GRADIENT, TREE)
    wrong = {**CUBIC_GRADIENT, "a": -CUBIC_GRADIENT["a"]}
    with pytest.raises(AssertionError, match=r"WRONG.*\['a'\]\[1\]"):
        checks.assert_derivative(cubic, wrong, TREE)


def test_the_tolerance_is_relative_to_the_largest_coordinate():
    function, gradient, x = smooth(7)
    g = gradient(x)
    wrong = g + 1e-5 * abs(g).max() * np.array([0, 0, 1, 0])
    assert checks.check_derivative(function, wrong, x, tolerance=2e-5)
    assert not checks.check_derivative(function, wrong, x, tolerance=0.5e-5)


def test_autograd_agrees_with_both_methods():
    def function(x):
        return anp.sum(anp.tanh(x["a"])) * anp.sum(x["b"] ** 2)

    assert checks.check_derivative(function, grad(function), TREE)
    assert checks.check_derivative(function, grad(function), TREE, method="complex_step")


def test_unsuitable_arguments_are_an_error_that_states_the_rule():
    x = np.ones(2)
    with pytest.raises(TypeError, match="x must be an array of floats, got int64"):
        checks.finite_differences(np.sum, np.array([1, 2]))
    with pytest.raises(ValueError, match="x must be finite"):
        checks.finite_differences(np.sum, np.array([np.nan]))
    with pytest.raises(TypeError, match="parameters must be a non-empty dict"):
        checks.finite_differences(np.sum, {})
    with pytest.raises(ValueError, match=r"function must return a number, got \(2,\)"):
        checks.finite_differences(lambda x: x, x)
    with pytest.raises(TypeError, match="keep the imaginary part"):
        checks.complex_step(lambda x: np.sum(np.abs(x)), x)
    with pytest.raises(ValueError, match="method must be one of"):
        checks.check_derivative(np.sum, x, x, method="magic")
    with pytest.raises(ValueError, match=r"names and shapes must be \(2,\), got \(3,\)"):
        checks.check_derivative(np.sum, np.ones(3), x)
    with pytest.raises(ValueError, match="names and shapes must be"):
        checks.check_derivative(cubic, {"a": CUBIC_GRADIENT["a"]}, TREE)
