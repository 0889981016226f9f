"""The checkers find planted errors, at every scale, and let what is right pass."""

import tracemalloc
import warnings

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from hypothesis import given, settings
from hypothesis import strategies as st
from smooth_functions import LOSSES, remembered, sampled_return, smooth_function

from metarl_min.basics import checks
from metarl_min.basics.checks import check_derivative, check_directional_derivatives

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


def test_arrays_of_any_shape_even_of_none_are_accepted():
    for shape in ((), (1,), (2, 3), (1, 2, 2)):
        x = np.linspace(0.5, 2, int(np.prod(shape))).reshape(shape)
        assert checks.check_derivative(lambda x: np.sum(x**3), lambda x: 3 * x**2, x)


def test_steps_that_leave_the_domain_are_passed_over_without_a_warning():
    x = np.array([0.01, 1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert checks.check_derivative(lambda x: np.sum(np.sqrt(x)), lambda x: 0.5 / x**0.5, x)


@pytest.mark.parametrize("method", ["finite_differences", "complex_step"])
@pytest.mark.parametrize("scale", SCALES)
@settings(max_examples=settings().max_examples // 3)  # each of six combinations has its own
@given(st.integers(0, 10_000))
def test_a_right_gradient_passes_and_one_percent_in_any_coordinate_is_caught(method, scale, seed):
    function, gradient, x = smooth(seed)

    @remembered
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

    @remembered
    def offset(x):
        return function(x) + 1e6

    right = gradient(x)
    assert checks.check_derivative(offset, right, x)
    for i in np.flatnonzero(abs(right) > 1e-2 * abs(right).max()):
        wrong = right.copy()
        wrong[i] *= 1.01
        assert not checks.check_derivative(offset, wrong, x)


@pytest.mark.verifies("verdicts.1")
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


@pytest.mark.parametrize("loss", LOSSES)
def test_no_right_gradient_is_wrong_and_wrong_ones_are_found_whatever_the_values_have_lost(loss):
    verdicts = {"right": [], "twice": [], "sign": [], "one entry": []}
    for seed in range(8):
        f, gradient, x = smooth_function(seed)
        f, g = remembered(LOSSES[loss](f)), gradient(x)
        one = g * np.where(np.arange(3) == abs(g).argmax(), 1.01, 1)
        for name, claimed in zip(verdicts, (g, 2 * g, -g, one), strict=True):
            verdicts[name].append(check_derivative(f, claimed, x).verdict)
    assert "WRONG" not in verdicts["right"]
    assert "agrees" not in verdicts["twice"] + verdicts["sign"] + verdicts["one entry"]
    assert verdicts["twice"].count("WRONG") + verdicts["sign"].count("WRONG") >= 15
    if loss not in ("6 decimals", "4 decimals"):
        assert verdicts["right"].count("agrees") >= 7
        assert verdicts["one entry"].count("WRONG") >= 7


def test_a_rounded_function_is_known_to_few_digits():
    def printed(x):
        return round(float(np.sin(x).sum()), 6)

    x = np.array([0.7, 1.3])
    report = check_derivative(printed, np.cos, x)
    assert report
    assert abs(report.truth - report.claimed) < report.uncertainty * np.cos(0.7)
    assert 1e-6 < report.uncertainty < 1e-3
    report = check_derivative(lambda x: round(float(np.sin(x).sum()), 3), np.cos, x)
    assert report.verdict == "not checked" and "cannot be measured to 3 digits" in report.remark


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_concluded_from_a_sampled_return(seed):
    f, gradient = sampled_return(np.random.default_rng(seed), 1000)
    z = np.array([0.3, -0.2])
    assert check_derivative(f, gradient, z).verdict == "not checked"
    for expect_zero in (False, True):
        report = check_derivative(f, np.zeros(2), z, expect_zero=expect_zero)
        assert report.verdict == "not checked"
    assert check_derivative(f, lambda z: -20 * gradient(z), z).verdict == "WRONG"


def test_the_zero_gradient_of_a_fine_staircase_is_not_called_wrong():
    """It is the derivative wherever there is one, and the slope of long steps is known well."""

    def staircase(x):
        return round(float(np.sin(x).sum()), 7)

    report = check_derivative(staircase, np.zeros(2), np.array([0.7, 1.3]), expect_zero=True)
    assert report.verdict == "not checked" and "jumps by about" in report.remark
    # the last digits of a large number are no staircase that a program has made
    report = check_derivative(lambda x: np.sin(x).sum() + 1e6, np.zeros(2), np.array([0.7, 1.3]))
    assert report.verdict == "WRONG"


def bisection(a):
    """The root of y^3 + y = a, to 1e-4, and its derivative."""
    low, high = 0.0, 10.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (low, middle) if middle**3 + middle > a else (middle, high)
    return (low + high) / 2


def fixed_point(a):
    """The solution of y = cos(a y), to 1e-4."""
    y, last = 0.0, 1.0
    while abs(y - last) >= 1e-4:
        y, last = float(np.cos(a * y)), y
    return y


@pytest.mark.parametrize("a", [0.16, 0.2, 0.3, 0.42, 0.5])
def test_the_implicit_gradient_of_a_solver_that_stops_early_is_not_called_wrong(a):
    y = fixed_point(a)
    for _ in range(100):
        y = float(np.cos(a * y))
    right = -y * np.sin(a * y) / (1 + a * np.sin(a * y))
    assert check_derivative(lambda x: fixed_point(float(x)), right, a).verdict != "WRONG"
    assert check_derivative(lambda x: fixed_point(float(x)), 1.5 * right, a).verdict == "WRONG"
    root = np.roots([1, 0, 1, -10 * a])
    right = 1 / (3 * root[np.isreal(root)].real[0] ** 2 + 1)
    assert check_derivative(lambda x: bisection(float(x)), right, 10 * a).verdict != "WRONG"
    assert check_derivative(lambda x: bisection(float(x)), -right, 10 * a).verdict == "WRONG"


def test_at_a_kink_there_is_no_derivative_but_what_lies_outside_of_both_slopes_is_wrong():
    def bent(x):
        return np.maximum(x, 0).sum() + x[1]

    x = np.array([0.0, 2.0])
    for slope in (0.0, 0.5, 1.0):
        report = check_derivative(bent, np.array([slope, 2.0]), x)
        assert report.verdict == "not checked" and report.coordinate == "[0]"
        assert "kink at [0], its slope is" in report.remark and "1 after x" in report.remark
    for slope in (-0.1, 1.1):
        assert check_derivative(bent, np.array([slope, 2.0]), x).verdict == "WRONG"
    away = np.array([0.01, 2.0])
    assert check_derivative(bent, np.array([1.0, 2.0]), away)
    assert check_derivative(bent, np.array([1.01, 2.0]), away).verdict == "WRONG"


def test_a_single_jump_beside_x_does_not_hide_the_slope_at_x():
    def jumps(x):
        return 5.0 * (x > 1).sum() + np.sum(x**2)

    x = np.array([0.9, 0.8])
    assert check_derivative(jumps, 2 * x, x)
    assert check_derivative(jumps, -400 * x, x).verdict == "WRONG"
    assert check_derivative(jumps, 2.5 * x, x).verdict == "not checked"

    def step(x):  # the staircase of one sample
        return 5.0 * (x > 1).sum()

    assert check_derivative(step, 0 * x, x, expect_zero=True).verdict == "not checked"


def test_small_entries_beside_large_ones_stay_in_the_domain():
    p = np.array([1e-7, 1 - 1e-7])
    assert check_derivative(lambda p: -np.log(p[0]), np.array([-1e7, 0.0]), p)
    assert not check_derivative(lambda p: -np.log(p[0]), np.array([-1.01e7, 0.0]), p)
    x = np.array([1e-8, 1.0])
    assert check_derivative(lambda x: np.sqrt(abs(x)).sum(), lambda x: 0.5 / np.sqrt(x), x)


def test_at_the_edge_of_the_domain_nothing_is_checked():
    x = np.array([0.0, 1.0])
    report = check_derivative(lambda x: np.sqrt(x).sum(), np.array([np.inf, 0.5]), x)
    assert report.verdict == "not checked"
    assert "not finite on both sides of x at [0]" in report.remark
    assert check_derivative(lambda x: np.sqrt(x).sum(), np.zeros(2), x).verdict == "WRONG"


A = np.array([[2.0, 0.5], [0.5, 1.0]])


def test_what_complex_steps_lose_is_found_and_measured_by_differences():
    x = np.array([1.0, -2.0])

    def conjugates(x):
        return x @ A @ x + np.vdot(x, x)

    report = check_derivative(conjugates, lambda x: 2 * A @ x, x, method="complex_step")
    assert report.verdict == "WRONG" and "complex steps lose a part" in report.remark
    assert (report.claimed, report.truth) == (-3, pytest.approx(-7))
    right = check_derivative(conjugates, 2 * A @ x + 2 * x, x, method="complex_step")
    assert right and "complex steps lose a part" in right.remark

    def norm(x):
        return (x**2).sum() + 1e-6 * np.linalg.norm(x)

    assert not check_derivative(norm, lambda x: 2 * x, x, method="complex_step")
    assert check_derivative(norm, 2 * x + 1e-6 * x / 5**0.5, x, method="complex_step")


def test_a_function_with_few_digits_is_known_to_few_digits_by_complex_steps_too():
    def single(x):
        return np.sum(np.sin(x.astype(np.result_type(x.dtype.type(0), np.complex64))))

    def in_single(x):
        return single(x) if np.iscomplexobj(x) else float(np.sin(x.astype(np.float32)).sum())

    x = np.array([0.7, 1.3])
    report = check_derivative(in_single, np.cos, x, method="complex_step")
    assert report and report.uncertainty > 1e-9


def test_a_gradient_that_changes_its_argument_is_told_so_and_x_stays():
    def shifted(x):
        x -= x.max()
        return 2 * x

    x = np.array([1.0, 2.0])
    report = check_derivative(lambda x: (x**2).sum(), shifted, x)
    assert report.verdict == "WRONG" and report.truth == pytest.approx(4)
    assert "the gradient changed x in place" in str(report) and x.tolist() == [1, 2]

    def overwritten(x):
        x **= 2
        return x.sum()

    report = check_derivative(overwritten, lambda x: 2 * x, x)
    assert report and "the function changed x in place" in str(report) and x.tolist() == [1, 2]
    tree = {"w": np.array([1.0, 2.0])}
    report = check_derivative(lambda t: overwritten(t["w"]), lambda t: {"w": 2 * t["w"]}, tree)
    assert report and "the function changed x in place" in str(report)
    assert tree["w"].tolist() == [1, 2]


def test_a_right_gradient_in_float32_agrees_and_the_report_says_so():
    x = np.array([0.3, 0.7, 1.1], np.float32)
    report = check_derivative(lambda x: np.sin(x).sum(), np.cos, x)
    assert report and str(report).startswith("agrees, 7.6 digits in float32; at")
    single = np.cos(x.astype(float)).astype(np.float32)
    assert check_derivative(lambda x: np.sin(x).sum(), single, x.astype(float))
    for i in range(3):
        wrong = single * np.where(np.arange(3) == i, 1.01, 1).astype(np.float32)
        report = check_derivative(lambda x: np.sin(x).sum(), wrong, x)
        assert report.verdict == "WRONG" and report.coordinate == f"[{i}]"
    # in float64 the same differences are errors
    assert not check_derivative(lambda x: np.sin(x).sum(), single.astype(float), x.astype(float))


def test_the_three_verdicts():
    nan = check_derivative(np.sum, lambda x: np.full(2, np.nan), np.ones(2))
    assert nan.verdict == "WRONG" and "0.0 digits" in str(nan)
    constant = check_derivative(lambda x: 3.0, lambda x: 0 * x, np.ones(2))
    assert constant.verdict == "not checked" and str(constant).startswith("not checked; at [0]: 0")
    far = check_derivative(lambda x: 3.0, lambda x: 5 + x, np.ones(2))
    assert far.verdict == "not checked" and "constant" in far.remark
    assert far.uncertainty == np.inf  # it could be a step of a staircase
    far = check_derivative(lambda x: 3.0, lambda x: 5 + x, np.ones(2), expect_zero=True)
    assert far.verdict == "WRONG"
    assert check_derivative(np.sum, np.ones(2), np.ones(2)).verdict == "agrees"
    with np.errstate(invalid="ignore"):
        outside = check_derivative(lambda x: np.log(-x).sum(), lambda x: 1 / x, np.ones(2))
    assert outside.verdict == "not checked"


def test_nothing_is_checked_and_assert_derivative_says_why():
    with pytest.raises(AssertionError, match=r"not checked; .* has a kink at the number"):
        checks.assert_derivative(abs, 1.0, 0.0)


@pytest.mark.parametrize("x", [3.0, np.float64(3), np.float32(3), np.array(3.0), [3.0], [1.0, 2.0]])
def test_numbers_and_lists_are_taken(x):
    report = check_derivative(lambda x: np.sum(np.square(x)), lambda x: 2 * x, x)
    assert report
    assert not check_derivative(lambda x: np.sum(np.square(x)), lambda x: 3 * x, x)
    assert (report.coordinate == "the number") == (np.ndim(x) == 0)


def test_numbers_come_to_the_functions_as_numbers():
    import math

    def function(x):
        assert isinstance(x, float)
        return math.exp(x)

    assert check_derivative(function, math.exp, 0.5)
    assert check_derivative(lambda x: x**3, 12, 2.0, method="complex_step")


def test_memory_grows_with_the_number_of_entries_and_not_with_its_square():
    x = np.linspace(1, 2, 300)
    calls = {
        "finite differences": lambda: checks.finite_differences(np.sum, x),
        "complex steps": lambda: checks.complex_step(np.sum, x),
    }
    for name, call in calls.items():
        tracemalloc.start()
        call()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 100 * x.nbytes, name  # a matrix [D, D] is 300 times x


def deep(x):
    """A function of many entries and its gradient."""
    total = np.sum(np.sin(x)) / 10
    return np.tanh(total), np.cos(x) / 10 / np.cosh(total) ** 2


@pytest.mark.parametrize("seed", range(2))
def test_random_directions_see_one_wrong_entry_among_ten_thousand(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=10_000)
    g = deep(x)[1]
    calls = []

    def counted(x):
        calls.append(1)
        return deep(x)[0]

    assert check_directional_derivatives(rng, counted, g, x)
    assert len(calls) < 1000
    wrong = g.copy()
    wrong[7] *= 1.01
    report = check_directional_derivatives(rng, counted, wrong, x)
    assert report.verdict == "WRONG" and report.coordinate.startswith("direction ")


def test_along_a_direction_the_slope_is_the_inner_product_with_the_gradient():
    x = np.array([1.0, -2.0])
    d = np.maximum(abs(x), 0.02) * np.random.default_rng(3).standard_normal((1, 2))
    report = check_directional_derivatives(
        np.random.default_rng(3), lambda x: x[0] ** 2 * x[1], np.zeros(2), x, num_directions=1
    )
    assert report.verdict == "WRONG"
    assert report.truth == pytest.approx(float(d[0] @ [-4, 1]), rel=1e-10)


def test_random_directions_give_the_three_verdicts_for_trees_and_numbers():
    rng = np.random.default_rng(0)
    assert check_directional_derivatives(rng, cubic, CUBIC_GRADIENT, TREE)
    assert check_directional_derivatives(rng, lambda x: x**3, lambda x: 3 * x**2, 2.0)
    nan = check_directional_derivatives(rng, np.sum, np.array([1.0, np.nan]), np.ones(2))
    assert nan.verdict == "WRONG"
    kink = check_directional_derivatives(rng, lambda x: abs(x).sum(), np.ones(2), np.zeros(2))
    assert kink.verdict == "not checked" and "kink" in kink.remark
    f, gradient = sampled_return(rng, 1000)
    z = np.array([0.3, -0.2])
    assert check_directional_derivatives(rng, f, gradient, z).verdict == "not checked"
    for function in (lambda x: round(float(np.sin(x).sum()), 9), lambda x: np.sin(x).sum()):
        assert check_directional_derivatives(rng, function, np.cos, np.array([0.7, 1.3]))
    single = np.array([0.7, 1.3], np.float32)
    report = check_directional_derivatives(rng, lambda x: np.sin(x).sum(), np.cos, single)
    assert report and report.dtype == "float32"


@pytest.mark.parametrize("tolerance", [-1e-9, 0.11, np.inf, np.nan, 1e300])
def test_a_tolerance_beyond_all_reason_is_refused(tolerance):
    with pytest.raises(ValueError, match=r"tolerance must be finite, from 0\.0 to 0\.1, got"):
        check_derivative(np.sum, np.ones(2), np.ones(2), tolerance=tolerance)
    with pytest.raises(ValueError, match="tolerance must be finite"):
        check_directional_derivatives(
            np.random.default_rng(0), np.sum, np.ones(2), np.ones(2), tolerance=tolerance
        )


@pytest.mark.parametrize("tolerance", [True, "0.1", None, np.array([0.1]), 0.1j])
def test_a_tolerance_is_a_real_number(tolerance):
    with pytest.raises(TypeError, match="tolerance must be a real number"):
        check_derivative(np.sum, np.ones(2), np.ones(2), tolerance=tolerance)


@pytest.mark.parametrize(
    "gradient",
    [np.array(["1.0", "1.0"]), np.array([1 + 0j, 1]), np.array([True, True]), None,
     np.ma.masked_array([1.0, 1.0], [False, True])],
)  # fmt: skip
def test_a_gradient_holds_real_numbers(gradient):
    with pytest.raises(TypeError, match="the gradient must hold real numbers, got"):
        check_derivative(np.sum, gradient, np.ones(2))
    with pytest.raises(TypeError, match="the gradient must hold real numbers, got"):
        check_derivative(np.sum, lambda x: gradient, np.ones(2))


def test_x_is_looked_at_before_anything_is_called():
    def never(x):
        raise AssertionError("called")

    for x, error in (([1, 2], TypeError), (np.array([]), ValueError), ({}, TypeError)):
        with pytest.raises(error):
            check_derivative(never, never, x)
    with pytest.raises(ValueError, match="tolerance"):
        check_derivative(never, never, np.ones(2), tolerance=1)


def test_unsuitable_arguments_are_an_error_that_states_the_rule():
    x, rng = np.ones(2), np.random.default_rng(0)
    with pytest.raises(ValueError, match="method must be one of"):
        check_derivative(np.sum, x, x, method="magic")
    with pytest.raises(ValueError, match=r"names and shapes of the gradient must be \(2,\), got"):
        check_derivative(np.sum, np.ones(3), x)
    with pytest.raises(ValueError, match="names and shapes of the gradient must be"):
        check_derivative(cubic, {"a": CUBIC_GRADIENT["a"]}, TREE)
    with pytest.raises(ValueError, match="x must have at least one entry"):
        check_derivative(np.sum, np.array([]), np.array([]))
    with pytest.raises(TypeError, match="expect_zero must be True or False"):
        check_derivative(np.sum, x, x, expect_zero=1)
    with pytest.raises(TypeError, match="rng must be a Generator"):
        check_directional_derivatives(0, np.sum, x, x)
    with pytest.raises(ValueError, match="num_directions must be at least 1"):
        check_directional_derivatives(rng, np.sum, x, x, num_directions=0)
    with pytest.raises(TypeError, match="keep the imaginary part"):
        check_derivative(lambda x: np.sum(np.abs(x)), x, x, method="complex_step")
