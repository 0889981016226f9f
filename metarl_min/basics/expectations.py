"""Exact expectations: the mean and covariance of an estimator, and a check that it is unbiased.

An estimator turns sampled data into an estimate g. If the data can take finitely many values, with
probability p_i the value that gives g_i, its moments are finite sums and need no sampling:

    (1)  E[g] = sum_i p_i g_i,
         Cov[g] = sum_i p_i (g_i - E[g]) (g_i - E[g])^T                            [definition]

In this module, the shape [outcomes] counts the values of the data.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from metarl_min.basics import checks, trees
from metarl_min.basics.arguments import probabilities
from metarl_min.basics.checks import EPS, Report
from metarl_min.basics.trees import Array


def _estimates_in_one_call(
    estimator: Callable[[Any], Any], p: Array, data: Any
) -> tuple[Array, Array, Any]:
    estimates = estimator(data)
    if isinstance(estimates, dict):
        first = trees.map_leaves(lambda leaf: leaf[0], estimates)
        return p, trees.flatten_tasks(estimates), first
    return p, estimates.reshape(len(estimates), -1), estimates[0]


def _estimates_one_by_one(
    estimator: Callable[[Any], Any], outcomes: Any
) -> tuple[Array, Array, Any]:
    pairs = [(probability, estimator(data)) for probability, data in outcomes]
    first = pairs[0][1]
    rows = np.stack([checks.matching_vector(first, estimate) for _, estimate in pairs])
    return np.array([probability for probability, _ in pairs], float), rows, first


def _estimates(estimator: Callable[[Any], Any], outcomes: Any) -> tuple[Array, Array, Any]:
    """Return probabilities [outcomes], estimates [outcomes, D], and the first estimate as it is."""
    if isinstance(outcomes, tuple) and isinstance(outcomes[0], np.ndarray):
        p, rows, first = _estimates_in_one_call(estimator, *outcomes)
    else:
        p, rows, first = _estimates_one_by_one(estimator, outcomes)
    return probabilities("probabilities of the outcomes", p), rows, first


def exact_expectation(estimator: Callable[[Any], Any], outcomes: Any) -> Any:
    """Return the mean of an estimator over all outcomes, eq. (1). An estimate is an array or tree.

    `outcomes` is given in one of two forms. It yields pairs (probability, data), and the estimator
    is called with one `data` at a time. Or it is one pair of arrays, probabilities [outcomes] and
    data with the leading axis [outcomes]; the estimator is called once, with all data, and its
    result has the same leading axis. ValueError unless the probabilities sum to one.

    >>> exact_expectation(lambda x: x**2, [(0.5, 1.0), (0.5, 3.0)])
    array(5.)
    >>> exact_expectation(lambda x: x**2, (np.array([0.5, 0.5]), np.array([1.0, 3.0])))
    array(5.)
    """
    p, rows, first = _estimates(estimator, outcomes)
    return checks.as_vector(first)[1](p @ rows)


def moments(estimates: Array, p: Array) -> tuple[Array, Array]:
    """Return the mean [D] and covariance [D, D] of estimates [outcomes, D], eq. (1).

    `p` [outcomes] are their probabilities.
    """
    mean = p @ estimates
    centred = estimates - mean
    return mean, (p[:, None] * centred).T @ centred


def exact_moments(estimator: Callable[[Any], Any], outcomes: Any) -> tuple[Array, Array]:
    """Return the mean [D] and covariance [D, D] of an estimator, as one vector, eq. (1).

    `outcomes` has one of the forms of `exact_expectation`.
    """
    p, rows, _ = _estimates(estimator, outcomes)
    return moments(rows, p)


def check_unbiased(
    estimator: Callable[[Any], Any],
    outcomes: Any,
    target: Any,
    *,
    tolerance: float = 1e-10,
    expect_zero: bool = False,
) -> Report:
    """Compare the exact mean of an estimator with its target, and name a factor between them.

    Each coordinate may differ by `tolerance` times the largest coordinate of the target, plus
    round-off. If the target is zero, only the round-off is allowed. The report is false if every
    estimate is zero and you do not `expect_zero`. `outcomes` has one of the forms of
    `exact_expectation`.

    >>> coin = [(0.25, 4.0), (0.75, 0.0)]
    >>> check_unbiased(lambda x: 2 * x, coin, target=1.0).factor
    2.0
    """
    p, rows, first = _estimates(estimator, outcomes)
    round_off = 8 * EPS * len(p) ** 0.5 * (p @ abs(rows))
    remark = "" if rows.any() or expect_zero else "every estimate is zero: nothing was checked"
    truth = checks.matching_vector(first, target)
    return checks.compare(first, p @ rows, truth, round_off, tolerance, remark)
