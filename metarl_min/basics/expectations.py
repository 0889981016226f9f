"""Exact expectations: the mean and covariance of an estimator, and a check that it is unbiased.

An estimator turns sampled data into an estimate g. Let the data take finitely many values. Value i
has the probability p_i, and the estimator turns it into g_i. Then the moments of g are finite sums,
which need no sampling:

    (1)  E[g] = sum_i p_i g_i,
         Cov[g] = sum_i p_i (g_i - E[g]) (g_i - E[g])^T                            [definition]

In this module, an outcome is a possible value of the data. The axis [outcomes] runs over them.
`moments`, `round_off` and `compare_mean` trust their arguments.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import arguments, trees
from metarl_min.basics.arguments import flag, floats, probabilities, real, require, shown
from metarl_min.basics.checks import checked_tolerance, tolerance_for
from metarl_min.basics.trees import Array
from metarl_min.basics.vectors import (
    EPS,
    as_vector,
    call_with_copy,
    check_numbers,
    coarsest_dtype,
    entry_name,
    matching_vector,
)
from metarl_min.basics.verdicts import Report, compare

Estimator = Callable[[Any], Any]  # data -> number, array or tree
ALL_ZERO = "every estimate is zero: nothing was checked"


class _Estimates(NamedTuple):
    """All values of an estimator."""

    p: Array  # [outcomes]
    rows: Array  # [outcomes, D]
    first: Any  # the first estimate as the estimator returned it
    changed: bool  # whether the estimator changed its data in place


def _pairs(outcomes: Any) -> list[tuple[float, Any]]:
    """Return outcomes as a list; TypeError or ValueError unless they are pairs."""
    rule = "outcomes must hold pairs (probability, data)"
    if not isinstance(outcomes, Iterable) or isinstance(outcomes, str | dict | np.ndarray):
        raise TypeError(f"{rule}, got {type(outcomes).__name__}")
    pairs = list(outcomes)
    require(len(pairs) > 0, f"{rule}, at least one", pairs)
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TypeError(f"{rule}, got {shown(repr(pair))}")
    return [(real("probability", probability), data) for probability, data in pairs]


def _estimates_one_by_one(estimator: Estimator, outcomes: Any) -> _Estimates:
    pairs = _pairs(outcomes)
    results = [call_with_copy(estimator, data) for _, data in pairs]
    first = check_numbers("the estimate", results[0][0])
    rows = np.stack([matching_vector("the estimate", first, estimate) for estimate, _ in results])
    p, changed = np.array([pair[0] for pair in pairs]), any(change for _, change in results)
    return _Estimates(p=p, rows=rows, first=first, changed=changed)


def _estimates_in_one_call(estimator: Estimator, p: Array, data: Any) -> _Estimates:
    estimates, changed = call_with_copy(estimator, data)
    estimates = check_numbers("the estimates", estimates)
    leaves = list(estimates.values()) if isinstance(estimates, dict) else [estimates]
    axes = {np.shape(leaf)[:1] for leaf in leaves}
    # Every leaf has the axis [outcomes], and there is at least one outcome.
    require(axes == {p.shape} != {(0,)}, f"estimates must have a first axis {p.shape}", axes)
    if isinstance(estimates, dict):
        first = trees.map_leaves(lambda leaf: leaf[0], estimates)
        return _Estimates(p=p, rows=trees.flatten_tasks(estimates), first=first, changed=changed)
    rows = estimates.reshape(len(p), -1)
    return _Estimates(p=p, rows=rows, first=estimates[0], changed=changed)


def _estimates(estimator: Estimator, outcomes: Any) -> _Estimates:
    """Return all estimates. The estimator is called with copies of the data."""
    estimator = arguments.function("estimator", estimator)
    if isinstance(outcomes, tuple) and len(outcomes) == 2 and isinstance(outcomes[0], np.ndarray):
        found = _estimates_in_one_call(estimator, *outcomes)
    else:
        found = _estimates_one_by_one(estimator, outcomes)
    return found._replace(p=probabilities("probabilities of the outcomes", found.p))


def exact_expectation(estimator: Estimator, outcomes: Any) -> Any:
    """Return the mean of an estimator over all outcomes, eq. (1). An estimate is an array or tree.

    `outcomes` has one of two forms:

    - Pairs (probability, data). Then the estimator is called with the data of one pair at a time.
    - One pair of arrays: probabilities [outcomes], and data with the leading axis [outcomes]. Then
      the estimator is called once, with all data, and its result has the leading axis [outcomes].

    The estimator is called with copies of the data. ValueError unless the probabilities sum to one,
    TypeError unless the estimates are real numbers.

    >>> exact_expectation(lambda x: x**2, [(0.5, 1.0), (0.5, 3.0)])
    array(5.)
    >>> exact_expectation(lambda x: x**2, (np.array([0.5, 0.5]), np.array([1.0, 3.0])))
    array(5.)
    """
    found = _estimates(estimator, outcomes)
    return as_vector(found.first)[1](found.p @ found.rows)


def moments(estimates: Array, p: Array) -> tuple[Array, Array]:
    """Return the mean [D] and covariance [D, D] of estimates [outcomes, D], eq. (1).

    `p` [outcomes] are their probabilities.
    """
    mean = p @ estimates
    centred = estimates - mean
    return mean, (p[:, None] * centred).T @ centred


def exact_moments(estimator: Estimator, outcomes: Any) -> tuple[Array, Array]:
    """Return the mean [D] and covariance [D, D] of an estimator, eq. (1).

    An estimate, an array or a tree, becomes one vector [D]. `outcomes` has one of the forms of
    `exact_expectation`.
    """
    found = _estimates(estimator, outcomes)
    return moments(found.rows, found.p)


def round_off(p: Array, rows: Array, dtype: np.dtype[Any]) -> Array:
    """Return how much round-off may change the mean of estimates [outcomes, D]. [D]

    `dtype` is the one in which the estimates were computed. The mean is computed in float64.
    """
    coarse = float(np.finfo(dtype).eps)
    unit = 8 * EPS * len(p) ** 0.5 + (32 * coarse if coarse > EPS else 0.0)
    return np.asarray(unit * (p @ abs(rows)))


def compare_mean(
    p: Array,
    rows: Array,
    truth: Array,
    *,
    tolerance: float,
    dtype: np.dtype[Any],
    name: Callable[[int], str],
    error: float = 0.0,
    zero: str = "",
) -> Report:
    """Return the report on the mean of estimates, `rows` [outcomes, D].

    `p` [outcomes] are their probabilities, and `dtype` is the one in which they were computed.
    `name` gives the name of a coordinate. The uncertainty is `error` plus the round-off.
    If it is more than 1e-3 of the truth, the verdict is "not checked", or WRONG if a coordinate is
    wrong nevertheless. `zero` is a remark, such as ALL_ZERO, if every estimate is zero although
    this is not expected. Otherwise `zero` is "".
    """
    uncertainty = round_off(p, rows, dtype) + error
    lost = truth.any() and not uncertainty.max() <= 1e-3 * abs(truth).max()
    doubt = "round-off hides the true value: nothing was checked" if lost else zero
    allowed = tolerance_for(tolerance, dtype)
    report = compare(p @ rows, truth, uncertainty, allowed, name, doubt)
    if zero and report.verdict == "WRONG":
        report = report._replace(factor=None, remark="every estimate is zero")
    return report._replace(dtype=dtype.name)


def check_unbiased(
    estimator: Estimator,
    outcomes: Any,
    target: Any,
    *,
    tolerance: float = 1e-10,
    expect_zero: bool = False,
) -> Report:
    """Compare the exact mean of an estimator with its target, and name a factor between them.

    Each coordinate may differ by `tolerance` times the largest coordinate of the target, plus
    round-off. If the target is zero, only the round-off is allowed. For estimates in float32, the
    tolerance is at least 1.2e-5. The verdict is "not checked" if every estimate and the target are
    zero and you do not `expect_zero`, or if the round-off is more than 1e-3 of the target.
    ValueError if the tolerance is not from 0 to 0.1. `outcomes` has one of the forms of
    `exact_expectation`.

    >>> coin = [(0.25, 4.0), (0.75, 0.0)]
    >>> check_unbiased(lambda x: 2 * x, coin, target=1.0).factor
    2.0
    """
    expect_zero, tolerance = flag("expect_zero", expect_zero), checked_tolerance(tolerance)
    p, rows, first, changed = _estimates(estimator, outcomes)
    report = compare_mean(
        p,
        rows,
        truth=floats("target", matching_vector("the target", first, target)),
        tolerance=tolerance,
        dtype=coarsest_dtype(first),
        name=lambda i: entry_name(first, i),
        zero="" if rows.any() or expect_zero else ALL_ZERO,
    )
    if changed:
        note = "the estimator changed its data in place"
        report = report._replace(remark="; ".join(filter(None, [note, report.remark])))
    return report
