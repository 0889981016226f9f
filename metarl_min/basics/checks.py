"""Is this derivative right? Is this estimator unbiased?

A derivative is held against differences of the function alone, in every coordinate:

    (1)  D_j = (f(x + h_j e) - f(x - h_j e)) / (2 h_j) = f'(x) + c_1 h_j^2 + c_2 h_j^4 + ..,
         h_j = h_0 / 4^j                                                            [derivation]
    (2)  D_{j,k} = D_{j,k-1} + (D_{j,k-1} - D_{j-1,k-1}) / (16^k - 1), D_{j,0} = D_j, and of all
         the one that differs least from the two that it is made of               [Ridders 1982]
    (3)  round-off of f = rms of its fourth differences / sqrt(70), at points too close together
         for f to curve                                                     [More and Wild 2011]
    (4)  f'(x) = Im f(x + i h e) / h + O(h^2); nothing cancels: h = 1e-100  [Squire and Trapp 1998]

An estimator has the value g_i = g(D_i) with probability p_i, for finitely many data, so its moments
are exact; what is wrong with a mean, or with a derivative, is often one forgotten factor k:

    (5)  E[g] = sum_i p_i g_i, Cov[g] = sum_i p_i (g_i - E[g]) (g_i - E[g])^T       [definition]
    (6)  k = <y, v> / <v, v>, if y = k v for the true v                            [derivation]
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.arguments import floats, probabilities, require
from metarl_min.basics.trees import Array

NUM_STEPS = 8  # of eq. (1): h_0 is a quarter of |x|, the last step 4e-6 |x|
EPS = float(np.finfo(float).eps)
ScalarFunction = Callable[[Any], Any]  # of an array or a tree


class Report(NamedTuple):
    """What a check found: itself true or false, and readable when printed."""

    agrees: bool
    relative_error: float  # at the worst coordinate, relative to the largest truth (unless 0)
    worst: str  # the coordinate that is furthest off, as in "['w'][0, 1]"
    given: float  # what was checked, there
    truth: float  # what it should be
    uncertainty: float  # of the truth, relative as the error is
    factor: float | None  # k of eq. (6), if what was checked is k times the truth
    remark: str  # why nothing could be concluded, or ""

    def __bool__(self) -> bool:
        return self.agrees

    @property
    def digits(self) -> float:
        """Decimal digits of agreement, from 0 to 16."""
        return float(np.clip(-np.log10(np.maximum(self.relative_error, 1e-16)), 0, 16))

    def __str__(self) -> str:
        text = f"{'agrees' if self.agrees else 'WRONG'}, {self.digits:.1f} digits"
        text += f"; at {self.worst}: {self.given:.10g}, should be {self.truth:.10g}"
        text += f" (known to {self.uncertainty:.1g})"
        text += "" if self.factor is None else f"; it is {self.factor:.6g} times what it should be"
        return text + (self.remark and f"; {self.remark}")


def _ravel(x: Any) -> tuple[Array, Callable[[Array], Any]]:
    """Return an array or a tree as one vector [D] of float64, and the way back."""
    if not isinstance(x, dict):
        return np.array(x, float).ravel(), lambda y: y.reshape(np.shape(x))
    vector, unravel = trees.ravel(x)
    return vector.astype(float), unravel


def _like(x: Any, y: Any) -> Array:
    """Return y as a vector; ValueError unless it has the names and shapes of x."""
    want, got = (
        trees.map_leaves(np.shape, z) if isinstance(z, dict) else np.shape(z) for z in (x, y)
    )
    require(want == got, f"names and shapes must be {want}", got)
    return _ravel(y)[0]


def _argument(x: Any) -> tuple[Array, Callable[[Array], Any]]:
    """Return x as a vector, and the way back; TypeError or ValueError unless finite floats."""
    return _ravel(trees.check(x) if isinstance(x, dict) else floats("x", x))


def _extrapolate(slopes: Array, noise: Array) -> tuple[Array, Array]:
    """Eq. (2), and its error. slopes, noise [J, D], steps falling -> [D], [D]"""
    values, errors = [], []
    for k in range(1, len(slopes)):
        coarse, fine = slopes[:-1], slopes[1:]
        slopes = fine + (fine - coarse) / (16.0**k - 1)
        values.append(slopes)
        errors.append(np.maximum(abs(slopes - fine), abs(slopes - coarse)) + noise[k:])
    value, error = np.concatenate(values), np.concatenate(errors)
    best = np.where(np.isfinite(error), error, np.inf).argmin(0)[None]
    return np.take_along_axis(value, best, 0)[0], np.take_along_axis(error, best, 0)[0]


def finite_differences(function: ScalarFunction, x: Any) -> tuple[Any, Any]:
    """Return the gradient of a smooth function of an array or a tree, eqs. (1)-(3), and its error.

    Both have the shape of x. The error covers truncation and round-off: a large constant in the
    function costs digits, and says so. Steps that leave the domain (NaN) are passed over.
    """
    vector, rebuild = _argument(x)
    require(np.shape(function(x)) == (), "function must return a number", np.shape(function(x)))
    scale = np.maximum(abs(vector), (abs(vector).max() or 1.0) / 100)
    steps = scale / 4.0 ** np.arange(1, NUM_STEPS + 1)[:, None]  # [J, D]
    with np.errstate(all="ignore"):
        plus, minus = (
            np.array([[float(function(rebuild(vector + e))) for e in np.diag(row)] for row in rows])
            for rows in (steps, -steps)
        )
        near = [float(function(rebuild(vector + k * 2.0**-36 * scale))) for k in range(-4, 5)]
        rms = np.sqrt(np.mean(np.diff(near, 4) ** 2) / 70)
        noise = 4 * np.maximum(rms, EPS * abs(plus)) / steps
        gradient, error = _extrapolate((plus - minus) / (2 * steps), noise)
    return rebuild(gradient), rebuild(error)


def complex_step(function: ScalarFunction, x: Any) -> Any:
    """Return the gradient of an analytic function to the last digit, eq. (4).

    The function must accept complex arrays and contain no `grad`, `abs` or comparison of what
    depends on x; TypeError where it returns a real number.
    """
    vector, rebuild = _argument(x)
    values = [function(rebuild(vector + 1e-100j * e)) for e in np.eye(len(vector))]
    if not all(np.iscomplexobj(value) for value in values):
        raise TypeError(f"function must keep the imaginary part of x, got {values[0]!r}")
    return rebuild(np.imag(values) / 1e-100)


def _name(x: Any, index: int) -> str:
    """Coordinate `index` of the flat vector, as written in Python."""
    leaves = {f"[{name!r}]": x[name] for name in sorted(x)} if isinstance(x, dict) else {"": x}
    places = [(name, list(i)) for name, leaf in leaves.items() for i in np.ndindex(np.shape(leaf))]
    name, place = places[index]
    return name + (str(place) if place else "") or "the number"


def _factor(given: Array, truth: Array) -> float | None:
    """k of eq. (6), unless it is one or they point in different directions."""
    k = float(given @ truth / (truth @ truth or 1.0))
    along = np.linalg.norm(given - k * truth) <= 1e-5 * np.linalg.norm(truth)
    return k if along and truth.any() and abs(k - 1) > 1e-5 else None


def _compare(
    x: Any, given: Array, truth: Array, error: Array, tolerance: float, remark: str
) -> Report:
    """Report on `given`, which may be off by tolerance * max |truth| + error."""
    scale, off = abs(truth).max(), abs(given - truth)
    if not (np.isfinite(truth).all() and np.isfinite(given).all()):
        remark = "not a finite number: nothing was checked"
    agrees = not remark and bool((off <= tolerance * scale + error).all())
    worst = int(np.argmax(off - error))
    relative, known = (float(e[worst] / (scale or 1.0)) for e in (off, error))
    factor = None if agrees or remark else _factor(given, truth)
    at = _name(x, worst), float(given[worst]), float(truth[worst])
    return Report(agrees, relative, *at, known, factor, remark)


def check_derivative(
    function: ScalarFunction, gradient: Any, x: Any, *, tolerance: float = 1e-8,
    method: str = "finite_differences", expect_zero: bool = False,
) -> Report:  # fmt: skip
    """Compare a gradient (array, tree, or function of x) with the truth in every coordinate.

    Each may be off by `tolerance` times the largest coordinate, plus the error of the truth by
    `method`, finite_differences or complex_step. So a 1 % error is caught in any coordinate above
    1e-6 of the largest, whatever the scale of the function. False too, with a remark, where the
    truth is known to less than 3 digits or is zero (a constant function), unless you `expect_zero`.

    >>> bool(check_derivative(lambda x: np.sum(x**3), lambda x: 3 * x**2, np.array([0.5, 2.0])))
    True
    >>> print(check_derivative(np.sum, -np.ones(1), np.ones(1), method="complex_step"))
    WRONG, 0.0 digits; at [0]: -1, should be 1 (known to 2e-16); it is -1 times what it should be
    """
    methods = ("finite_differences", "complex_step")
    require(method in methods, f"method must be one of {', '.join(methods)}", repr(method))
    given = _like(x, gradient(x) if callable(gradient) else gradient)
    if method == "complex_step":
        truth = _ravel(complex_step(function, x))[0]
        error = EPS * abs(truth)
    else:
        truth, error = (_ravel(y)[0] for y in finite_differences(function, x))
    remark = ""
    if not expect_zero and not error.max() < abs(truth).max():
        remark = "the derivative cannot be told from zero: nothing was checked"
    elif not expect_zero and error.max() > 1e-3 * abs(truth).max():
        remark = "the derivative cannot be measured to 3 digits: nothing was checked"
    return _compare(x, given, truth, error, tolerance, remark)


def assert_derivative(function: ScalarFunction, gradient: Any, x: Any, **options: Any) -> None:
    """Raise an AssertionError that prints the report, unless `check_derivative` is true."""
    report = check_derivative(function, gradient, x, **options)
    if not report:
        raise AssertionError(str(report))


def _estimates(estimator: Callable[[Any], Any], outcomes: Any) -> tuple[Array, Array, Any]:
    """Probabilities [K], flattened estimates [K, D], and one estimate as it is."""
    if isinstance(outcomes, tuple) and isinstance(outcomes[0], np.ndarray):
        p, stacked = outcomes[0], estimator(outcomes[1])
        tree = stacked if isinstance(stacked, dict) else {"": stacked}
        rows, first = trees.flatten_tasks(tree), trees.map_leaves(lambda x: x[0], tree)
        one = first if tree is stacked else first[""]
    else:
        pairs = [(probability, estimator(data)) for probability, data in outcomes]
        p, one = np.array([pair[0] for pair in pairs], float), pairs[0][1]
        rows = np.stack([_like(one, pair[1]) for pair in pairs])
    return probabilities("probabilities of the outcomes", p), rows, one


def exact_expectation(estimator: Callable[[Any], Any], outcomes: Any) -> Any:
    """Return the mean of an estimator, an array or a tree, over all outcomes, eq. (5).

    `outcomes` yields pairs (probability, data) and the estimator sees one `data` at a time; or it
    is one pair of arrays (probabilities [K], data with leading axis K), all seen in one call that
    returns leading axes [K]. ValueError unless the probabilities sum to one.

    >>> exact_expectation(lambda x: x**2, [(0.5, 1.0), (0.5, 3.0)])
    array(5.)
    """
    p, rows, one = _estimates(estimator, outcomes)
    return _ravel(one)[1](p @ rows)


def moments(samples: Array, probability: Array) -> tuple[Array, Array]:
    """Mean [D] and covariance [D, D] of samples [K, D], eq. (5), meta_gradients (1)."""
    mean = probability @ samples
    centred = samples - mean
    return mean, (probability[:, None] * centred).T @ centred


def exact_moments(estimator: Callable[[Any], Any], outcomes: Any) -> tuple[Array, Array]:
    """Return the mean [D] and the covariance [D, D] of the flattened estimator, eq. (5)."""
    p, rows, _ = _estimates(estimator, outcomes)
    return moments(rows, p)


def check_unbiased(
    estimator: Callable[[Any], Any], outcomes: Any, target: Any, *,
    tolerance: float = 1e-10, expect_zero: bool = False,
) -> Report:  # fmt: skip
    """Compare the exact mean of an estimator with its target, and name a factor between them.

    Each coordinate may be off by `tolerance` times the largest of the target, plus round-off, which
    alone decides where the target is zero. False too where every estimate is zero, unless you
    `expect_zero`. `outcomes` as in `exact_expectation`.
    """
    p, rows, one = _estimates(estimator, outcomes)
    round_off = 8 * EPS * len(p) ** 0.5 * (p @ abs(rows))
    remark = "" if rows.any() or expect_zero else "every estimate is zero: nothing was checked"
    return _compare(one, p @ rows, _like(one, target), round_off, tolerance, remark)
