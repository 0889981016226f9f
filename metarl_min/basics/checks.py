"""Numerical checks of derivatives: is this gradient the derivative of that function?

The derivative is measured from values of f, one coordinate at a time. In this module, e is the unit
vector of the coordinate, and h_j is the length of a step:

    (1)  slope_j = (f(x + h_j e) - f(x - h_j e)) / (2 h_j) = f'(x) + c_1 h_j^2 + c_2 h_j^4 + ..,
         h_j = h_0 / 4^j                                                            [derivation]
    (2)  slope_{j,k} = slope_{j,k-1} + (slope_{j,k-1} - slope_{j-1,k-1}) / (16^k - 1),
         slope_{j,0} = slope_j                                                    [Ridders 1982]

    Steps of (1): write both values of f as Taylor series in h_j. The even powers are equal in both
    and cancel in the difference. Division of the odd powers by 2 h_j gives f'(x) and even powers.
    Reason of (2): h_j^2 is 1/16 of h_{j-1}^2, so k = 1 cancels c_1 h^2, and each further k cancels
    the next even power. The result is the slope_{j,k} that differs least from the two slopes which
    it combines. The larger of the two differences is the estimate of its error.

A short step divides the round-off of f by a small number, so the round-off must be known:

    (3)  round-off of f = root mean square of fourth differences of f / sqrt(70),
         at points which are too close together for f to curve        [More and Wild 2011]

    Reason of (3): a fourth difference weights five values by 1, -4, 6, -4, 1. If the values differ
    by independent errors alone, its variance is 1 + 16 + 36 + 16 + 1 = 70 times the variance of
    one error.

For a function of complex numbers no difference is needed, so no digits cancel:

    (4)  f'(x) = Im f(x + i h e) / h + O(h^2),  h = 1e-100              [Squire and Trapp 1998]

    Reason of (4): the imaginary terms of the Taylor series of f(x + i h e) are h f'(x) and then
    the powers h^3, h^5, ..

A wrong derivative y is often the true one v times a forgotten factor k. Then <y, v> = k <v, v>:

    (5)  k = <y, v> / <v, v>                               [inner product of y = k v with v]
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.arguments import floats, require
from metarl_min.basics.trees import Array

NUM_STEPS = 8  # lengths h_1 .. h_8 of eq. (1): from a quarter of |x| down to 1.5e-5 |x|
EPS = float(np.finfo(float).eps)
ScalarFunction = Callable[[Any], Any]  # (array or tree) -> number


class Report(NamedTuple):
    """The result of a check. It is true or false, and readable when it is printed."""

    agrees: bool  # the verdict
    relative_error: float  # at the coordinate, in units of the largest true value (of 1 if it is 0)
    coordinate: str  # the coordinate that is furthest off, as in "['w'][0, 1]"
    claimed: float  # value under test at this coordinate
    truth: float  # true value at this coordinate
    uncertainty: float  # error of the true value, in the same unit as relative_error
    factor: float | None  # k of eq. (5), if the claimed values are k times the true ones
    remark: str  # why nothing was concluded, or the name of a known estimator or mistake, or ""

    def __bool__(self) -> bool:
        return self.agrees

    @property
    def digits(self) -> float:
        """Decimal digits of agreement, from 0 to 16."""
        return float(np.clip(-np.log10(np.maximum(self.relative_error, 1e-16)), 0, 16))

    def __str__(self) -> str:
        verdict = "agrees" if self.agrees else "WRONG"
        values = f"{self.claimed:.10g}, should be {self.truth:.10g}"
        text = f"{verdict}, {self.digits:.1f} digits; at {self.coordinate}: {values}"
        text += f" (known to {self.uncertainty:.1g})"
        if self.factor is not None:
            text += f"; it is {self.factor:.6g} times what it should be"
        return f"{text}; {self.remark}" if self.remark else text


def as_vector(x: Any) -> tuple[Array, Callable[[Array], Any]]:
    """Return an array or a tree as one vector [D] of float64, and the function that goes back."""
    if not isinstance(x, dict):
        return np.array(x, float).ravel(), lambda vector: vector.reshape(np.shape(x))
    vector, unravel = trees.ravel(x)
    return vector.astype(float), unravel


def _shapes(x: Any) -> Any:
    return trees.map_leaves(np.shape, x) if isinstance(x, dict) else np.shape(x)


def matching_vector(x: Any, y: Any) -> Array:
    """Return y as a vector [D]; ValueError unless y has the names and shapes of x."""
    expected, got = _shapes(x), _shapes(y)
    require(expected == got, f"names and shapes must be {expected}", got)
    return as_vector(y)[0]


def _argument(x: Any) -> tuple[Array, Callable[[Array], Any]]:
    """Return `as_vector(x)`; TypeError or ValueError unless x holds finite floats."""
    return as_vector(trees.check(x) if isinstance(x, dict) else floats("x", x))


def _values(f: Callable[[Array], float], x: Array, steps: Array) -> Array:
    """Return f after each step in each coordinate of x. steps [lengths, D] -> [lengths, D]"""
    return np.array([[f(x + step) for step in np.diag(row)] for row in steps])


def _extrapolate(slopes: Array, noise: Array) -> tuple[Array, Array]:
    """Return the best slope of eq. (2) in each coordinate, and its error.

    slopes and their round-off [lengths, D], the longest step first -> [D], [D]
    """
    values, errors = [], []
    for k in range(1, len(slopes)):
        coarse, fine = slopes[:-1], slopes[1:]
        slopes = fine + (fine - coarse) / (16.0**k - 1)
        values.append(slopes)
        errors.append(np.maximum(abs(slopes - fine), abs(slopes - coarse)) + noise[k:])
    value, error = np.concatenate(values), np.concatenate(errors)
    best = np.where(np.isfinite(error), error, np.inf).argmin(0)[None]
    return np.take_along_axis(value, best, 0)[0], np.take_along_axis(error, best, 0)[0]


def _round_off(f: Callable[[Array], float], x: Array, scale: Array) -> float:
    """Return the round-off of f near x, eq. (3)."""
    nearby = [f(x + k * 2.0**-36 * scale) for k in range(-4, 5)]
    return float(np.sqrt(np.mean(np.diff(nearby, 4) ** 2) / 70))


def finite_differences(function: ScalarFunction, x: Any) -> tuple[Any, Any]:
    """Return the gradient of a smooth function of an array or a tree, eqs. (1)-(3), and its error.

    Gradient and error have the shape of x. The error covers truncation and round-off, so it shows
    how many digits a large constant costs. Steps at which the function is NaN are not used.
    """
    vector, rebuild = _argument(x)
    require(np.shape(function(x)) == (), "function must return a number", np.shape(function(x)))

    def f(vector: Array) -> float:
        return float(function(rebuild(vector)))

    scale = np.maximum(abs(vector), (abs(vector).max() or 1.0) / 100)
    steps = scale / 4.0 ** np.arange(1, NUM_STEPS + 1)[:, None]  # [lengths, D]
    with np.errstate(all="ignore"):
        plus, minus = _values(f, vector, steps), _values(f, vector, -steps)
        noise = np.maximum(_round_off(f, vector, scale), EPS * abs(plus))
        slopes = (plus - minus) / (2 * steps)
        gradient, error = _extrapolate(slopes, 4 * noise / steps)  # 4: a margin
    return rebuild(gradient), rebuild(error)


def complex_step(function: ScalarFunction, x: Any) -> Any:
    """Return the gradient of an analytic function to the last digit, eq. (4).

    The function must accept complex arrays. It must not contain `grad`, or `abs` and comparisons
    of values that depend on x. TypeError if it returns a real number.
    """
    vector, rebuild = _argument(x)
    values = [function(rebuild(vector + 1e-100j * e)) for e in np.eye(len(vector))]
    if not all(np.iscomplexobj(value) for value in values):
        raise TypeError(f"function must keep the imaginary part of x, got {values[0]!r}")
    return rebuild(np.imag(values) / 1e-100)


def _name(x: Any, index: int) -> str:
    """Return coordinate `index` of the flat vector as it is written in Python."""
    leaves = {f"[{name!r}]": x[name] for name in sorted(x)} if isinstance(x, dict) else {"": x}
    places = [(name, list(i)) for name, leaf in leaves.items() for i in np.ndindex(np.shape(leaf))]
    name, place = places[index]
    return name + (str(place) if place else "") or "the number"


def _factor(claimed: Array, truth: Array) -> float | None:
    """Return k of eq. (5), or None if k is one or the directions differ."""
    k = float(claimed @ truth / (truth @ truth or 1.0))
    along = np.linalg.norm(claimed - k * truth) <= 1e-5 * np.linalg.norm(truth)
    return k if along and truth.any() and abs(k - 1) > 1e-5 else None


def compare(
    x: Any, claimed: Array, truth: Array, error: Array, tolerance: float, remark: str
) -> Report:
    """Return the report on `claimed`, which may differ by tolerance * max |truth| + error.

    The three vectors [D] belong to the coordinates of x. With a remark, nothing agrees.
    """
    scale, difference = abs(truth).max(), abs(claimed - truth)
    if not (np.isfinite(truth).all() and np.isfinite(claimed).all()):
        remark = "not a finite number: nothing was checked"
    agrees = not remark and bool((difference <= tolerance * scale + error).all())
    worst = int(np.argmax(difference - error))
    return Report(
        agrees=agrees,
        relative_error=float(difference[worst] / (scale or 1.0)),
        coordinate=_name(x, worst),
        claimed=float(claimed[worst]),
        truth=float(truth[worst]),
        uncertainty=float(error[worst] / (scale or 1.0)),
        factor=None if agrees or remark else _factor(claimed, truth),
        remark=remark,
    )


def check_derivative(
    function: ScalarFunction,
    gradient: Any,
    x: Any,
    *,
    tolerance: float = 1e-8,
    method: str = "finite_differences",
    expect_zero: bool = False,
) -> Report:
    """Compare a gradient (an array, a tree, or a function of x) with the truth at x.

    The truth is measured by `method`, finite_differences or complex_step. Each coordinate may
    differ by `tolerance` times the largest coordinate, plus the error of the truth. So an error of
    1 % is caught in any coordinate above 1e-6 of the largest, at every scale of the function.
    The report is false, with a remark, if the truth is known to less than 3 digits, or if it is
    zero (a constant function) and you do not `expect_zero`.

    >>> bool(check_derivative(lambda x: np.sum(x**3), lambda x: 3 * x**2, np.array([0.5, 2.0])))
    True
    >>> print(check_derivative(np.sum, -np.ones(1), np.ones(1), method="complex_step"))
    WRONG, 0.0 digits; at [0]: -1, should be 1 (known to 2e-16); it is -1 times what it should be
    """
    methods = ("finite_differences", "complex_step")
    require(method in methods, f"method must be one of {', '.join(methods)}", repr(method))
    claimed = matching_vector(x, gradient(x) if callable(gradient) else gradient)
    if method == "complex_step":
        truth = as_vector(complex_step(function, x))[0]
        error = EPS * abs(truth)
    else:
        measured, uncertainty = finite_differences(function, x)
        truth, error = as_vector(measured)[0], as_vector(uncertainty)[0]
    remark = ""
    if not expect_zero and not error.max() < abs(truth).max():
        remark = "the derivative cannot be distinguished from zero: nothing was checked"
    elif not expect_zero and error.max() > 1e-3 * abs(truth).max():
        remark = "the derivative cannot be measured to 3 digits: nothing was checked"
    return compare(x, claimed, truth, error, tolerance, remark)


def assert_derivative(function: ScalarFunction, gradient: Any, x: Any, **options: Any) -> None:
    """Raise an AssertionError that prints the report, unless `check_derivative` is true."""
    report = check_derivative(function, gradient, x, **options)
    if not report:
        raise AssertionError(str(report))
