"""Frequent mistakes in an estimator of the meta-gradient, each with a name.

A wrong estimator is often a sum of few known parts, each with a simple factor:

- an estimator of `estimators`, times a factor that was forgotten or applied twice;
- an estimator that should have no score term, plus a score term;
- an estimator plus a score term that has a wrong factor, or that contains only the score of D_0;
- a mixture of two estimators, such as half of each.

The known parts are computed on the data sets with which the unknown estimator was called.
`known_sums` then finds sums of known parts that are equal to the estimates. The named factors are 1
and -1, the numbers 2, N, K, alpha and M (the number of data sets), and the inverses of these
numbers.

`transposed`, `score_term`, `detached_score_term`, `known_parts`, `multiples`, `factors` and
`explain` trust their arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.checks import Report, tolerance_for
from metarl_min.basics.trees import Array, Tree
from metarl_min.gradients.claims import Evidence, answer, inputs_of
from metarl_min.gradients.estimator_weights import WEIGHTS, Weights, plain_weights
from metarl_min.gradients.estimators import (
    ESTIMATORS,
    Estimator,
    EstimatorInputs,
    through_inner_steps,
)
from metarl_min.gradients.known_sums import Comparison, equal_sums, fitted
from metarl_min.gradients.listed_data import block, sampled_choices
from metarl_min.gradients.problems import Problem

MOST_SETS = 20_000  # the most data sets of a problem on which means are compared
Candidates = dict[str, Array]  # name -> estimates [M, D], or their mean [D]


def transposed(inputs: EstimatorInputs) -> Tree:
    """Return plain with the factors I + alpha Hess_k in the wrong order.

    Hess_k is the derivative in phi_k of the sampled gradient of inner step k. The right order
    applies the last inner step to v first:

        (dphi_K/dtheta)^T v = (I + alpha Hess_0) .. (I + alpha Hess_{K-1}) v

    Here the first inner step is applied to v first. With K = 1 there is no difference.
    """
    v = inputs.v
    # Each call goes through step k alone, so it returns (I + alpha Hess_k) v.
    for k, D in enumerate(inputs.data):
        v = through_inner_steps(inputs.inner, inputs.path[k : k + 2], [D], v, inputs.inner.weights)
    return v


def score_term(inputs: EstimatorInputs, weights: Weights) -> Tree:
    """Return the score term of estimators (3) with c = 0, through steps with the given weights."""
    inner, path, data, v, R = inputs
    return through_inner_steps(inner, path, data, trees.scale(v, 0.0), weights, factor=R)


def detached_score_term(inputs: EstimatorInputs) -> Tree:
    """Return the score term of a program that holds phi_1 and all later iterates fixed.

    Then log P(D_k|phi_k) with k >= 1 has no gradient. Only the data set D_0 has a score.
    """
    first = inputs._replace(path=inputs.path[:2], data=inputs.data[:1])
    return score_term(first, inputs.inner.weights)


def known_parts(problem: Problem, estimand: str) -> dict[str, Estimator]:
    """Return estimators and score terms by name, the simplest first.

    If the weights of the inner step are your own, the only estimators among the known parts are
    plain, emaml and fomaml. If K = 1, parts that are then equal to another part are left out.
    """
    inner, K = problem.inner, problem.num_steps
    own = inner.weights is not plain_weights
    parts = {name: g for name, g in ESTIMATORS.items() if not own or name not in WEIGHTS}
    parts = {"plain": ESTIMATORS["plain"], **parts}
    if estimand == "hessian":
        return {name: parts[name] for name in parts if name != "emaml"}
    if K > 1:
        parts["plain with transposed factors"] = partial(_part, transposed)
    parts["the score term"] = partial(_part, partial(score_term, weights=inner.weights))
    if K > 1:
        parts["the score term with phi_1 .. detached"] = partial(_part, detached_score_term)
        for name in [] if own else list(WEIGHTS)[1:]:
            through = partial(score_term, weights=WEIGHTS[name])
            parts[f"the score term through {name}"] = partial(_part, through)
    return parts


def _part(function: Callable[[EstimatorInputs], Tree], *fields: Any) -> Tree:
    """Call a function of one `EstimatorInputs` with the five arguments of an estimator."""
    return function(EstimatorInputs(*fields))


def multiples(numbers: dict[str, float]) -> dict[str, float]:
    """Return 1, -1, the numbers and their inverses.

    The names of the results are prefixes such as "1/N times ". A given number is left out if it is
    0 or 1.

    >>> multiples({"N": 4.0, "K": 1.0})
    {'': 1.0, '-1 times ': -1.0, 'N times ': 4.0, '1/N times ': 0.25}
    """
    numbers = {name: float(x) for name, x in numbers.items() if x not in (0, 1)}
    products = {f"{name} times ": x for name, x in numbers.items()}
    inverses = {f"1/{name} times ": 1 / x for name, x in numbers.items()}
    return {"": 1.0, "-1 times ": -1.0, **products, **inverses}


def factors(problem: Problem, num_sets: int) -> dict[str, float]:
    """Return the factors that a program may forget or apply twice, by name."""
    alpha, K = problem.inner.alpha, problem.num_steps
    numbers = {"N": problem.num_episodes if K > 0 else 1, "2": 2.0, "K": K, "M": num_sets}
    return multiples(numbers | ({} if isinstance(alpha, dict) else {"alpha": alpha}))


def _rows_of(names: Iterable[str], one: Evidence, estimand: str, choices: Array) -> Candidates:
    """Return known parts and exact values on some data sets. each [choices, D]"""
    inputs, parts = inputs_of(one.problem, block(one.listing, choices))[0], {}
    known = known_parts(one.problem, estimand)
    for name in names:
        if name in one.truths:
            parts[name] = np.tile(trees.ravel(one.truths[name])[0], (len(choices), 1))
        else:
            parts[name] = trees.flatten_tasks(answer(known[name], inputs, estimand).values)
    return parts


def _known(one: Evidence, estimand: str, choices: Array) -> Candidates:
    """Return all known parts, and the exact values, on some data sets. each [choices, D]"""
    return _rows_of([*known_parts(one.problem, estimand), *one.truths], one, estimand, choices)


def _comparison(found: list[Evidence], known: list[Candidates], x: list[Array]) -> Comparison:
    """Return x and the known parts that all problems have, as vectors."""
    shared = [name for name in known[0] if all(name in rows for rows in known)]
    dtype = max((one.dtype for one in found), key=lambda dtype: float(np.finfo(dtype).eps))
    return Comparison(
        x=[rows.ravel().astype(float) for rows in x],
        known={name: [rows[name].ravel() for rows in known] for name in shared},
        tables=[factors(one.problem, one.listing.size) for one in found],
        tolerance=tolerance_for(1e-9, dtype),
    )


def _on_samples(found: list[Evidence], estimand: str) -> Comparison:
    """Compare single estimates on the sampled data sets of each problem."""
    choices = [sampled_choices(one.listing.size) for one in found]
    x = [trees.flatten_tasks(one.estimates)[c] for one, c in zip(found, choices, strict=True)]
    known = [_known(one, estimand, c) for one, c in zip(found, choices, strict=True)]
    return _comparison(found, known, x)


def _on_means(found: list[Evidence], estimand: str) -> Comparison:
    """Compare the means over all data sets of each problem."""
    known = []
    for one in found:
        rows = _known(one, estimand, np.arange(one.listing.size))
        known.append({name: one.probability @ y for name, y in rows.items()})
    return _comparison(found, known, _mean_estimates(found))


def _mean_estimates(found: list[Evidence]) -> list[Array]:
    return [one.probability @ trees.flatten_tasks(one.estimates) for one in found]


def _holds_everywhere(found: list[Evidence], estimand: str, names: tuple[str, ...]) -> bool:
    """Return whether a sum of these parts equals the estimates on all data sets."""
    known = [_rows_of(names, one, estimand, np.arange(one.listing.size)) for one in found]
    x = [trees.flatten_tasks(one.estimates) for one in found]
    return fitted(_comparison(found, known, x), names) is not None


def _common_factor(found: list[Evidence], of: Comparison, truth: str) -> float | None:
    """Return the number with mean = number * truth on all problems, or None if there is none.

    With the logits of two arms every gradient is a multiple of (-1, 1). So on a single such
    problem, every estimate is a multiple of the truth. Then the factor explains nothing, and the
    result is None.
    """
    mean = np.concatenate(_mean_estimates(found))
    target = np.concatenate([trees.ravel(one.truths[truth])[0] for one in found])
    number = float(mean @ target / (target @ target or 1.0))
    if len(found) == 1:
        rows = np.concatenate([y[0].reshape(-1, len(target)) for y in of.known.values()])
        if np.linalg.matrix_rank(rows) < 2:
            return None
    near = abs(mean - number * target).max() <= of.tolerance * abs(number * target).max()
    return number if near and abs(number - 1) > of.tolerance else None


def explain(report: Report, found: list[Evidence], estimand: str, truth: str) -> Report:
    """Add to a report the names of the sums of known parts that equal the estimates.

    `found` has one entry for each problem, and `truth` is the name of the exact value. There are
    three cases:

    - A sum is equal on every data set. Then the remark names it.
    - Otherwise, the means are compared. If a known part with a factor has the mean of the
      estimates, the remark names this part. If only a sum of two parts has this mean, the remark
      names the sum, unless `_common_factor` finds a number with mean = number * truth.
    - If no sum is named, the factor of the report is the number of `_common_factor`, or None.

    If a problem has more than MOST_SETS data sets, only SAMPLE of them are compared, and no means.
    No means are compared for estimates in float16. A report with a remark is not changed.
    """
    if report.remark:
        return report
    few = all(one.listing.size <= MOST_SETS for one in found)
    samples = _on_samples(found, estimand)
    # The truth is a known part. The search may have a larger tolerance than the verdict. So it may
    # find the truth although the verdict is WRONG. This result is left out.
    not_it = truth if report.verdict == "WRONG" else ""
    sums = [s for s in equal_sums(samples) if s.text != not_it]
    if sums and (not few or _holds_everywhere(found, estimand, sums[0].names)):
        remark = f"it is {' = '.join(s.text for s in sums)}"
        return report._replace(factor=None, remark=remark)
    means = equal_sums(_on_means(found, estimand)) if few and samples.tolerance < 1e-3 else []
    sums = [s for s in means if s.text != not_it]
    factor = _common_factor(found, samples, truth)
    if sums and (factor is None or len(sums[0].names) == 1):
        remark = f"it has the mean of {' = '.join(s.text for s in sums)}"
        return report._replace(factor=None, remark=remark)
    return report._replace(factor=factor)
