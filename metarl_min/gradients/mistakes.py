"""Frequent mistakes in an estimator of the meta-gradient, each with a name.

A wrong estimator often has one of three forms:

- an estimator of `estimators`, times a factor that was forgotten or applied twice;
- an estimator that should have no score term, plus a score term;
- such a sum whose score term has a wrong factor, or contains only the first inner step.

There are a few hundred combinations. `candidates` computes all of them on given data. `explain`
compares them with an unknown estimator, and names the combinations that are equal to it.

`meta_gradients` calls these functions: `transposed`, `score_term`, `factors`, `candidates` and
`explain` trust their arguments.
"""

from __future__ import annotations

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.checks import Report
from metarl_min.basics.trees import Array, Tree
from metarl_min.gradients.estimator_weights import WEIGHTS, Weights, plain_weights
from metarl_min.gradients.estimators import ESTIMATORS, EstimatorInputs, through_inner_steps

Candidates = dict[str, Array]  # name -> estimates [M, D], or their mean [D]


def transposed(inputs: EstimatorInputs) -> Tree:
    """Return plain with the factors I + alpha Hess_k in the wrong order.

    Hess_k is the derivative in phi_k of the sampled gradient of inner step k. The right order
    applies the last inner step to v first:

        (dphi_K/dtheta)^T v = (I + alpha Hess_0) .. (I + alpha Hess_{K-1}) v

    Here the first inner step is applied to v first. With K = 1 there is no difference.
    """
    v = inputs.v
    for k, D in enumerate(inputs.data):
        v = through_inner_steps(inputs.inner, inputs.path[k : k + 2], [D], v, plain_weights)
    return v


def score_term(
    inputs: EstimatorInputs, num_steps: int | None = None, weights: Weights = plain_weights
) -> Tree:
    """Return the score term of estimators (3) for the given weights, with c = 0.

    With `num_steps` = n it contains only the data sets D_0 .. D_{n-1}. A program makes this mistake
    if it holds phi_n and all later iterates fixed: then log P(D_k|phi_k) with k >= n has no
    gradient.
    """
    inner, path, data, v, R = inputs
    last = len(data) if num_steps is None else num_steps
    zero = trees.scale(v, 0.0)
    return through_inner_steps(inner, path[: last + 1], data[:last], zero, weights, factor=R)


def factors(numbers: dict[str, float]) -> dict[str, float]:
    """Return 1, -1, every number and its inverse. Their names are prefixes such as "1/N times "."""
    products = {f"{name} times ": number for name, number in numbers.items()}
    inverses = {f"1/{name} times ": 1 / number for name, number in numbers.items() if number}
    return {"": 1.0, "-1 times ": -1.0, **products, **inverses}


def _with_score_terms(
    inputs: EstimatorInputs, gradients: Candidates, scales: dict[str, float]
) -> Candidates:
    """Return every gradient plus a score term times a factor, for all score terms and factors."""
    score = trees.flatten_tasks(score_term(inputs))
    detached = trees.flatten_tasks(score_term(inputs, num_steps=1))
    sums = {}
    for name, gradient in gradients.items():
        terms = {"the score term": score, "the score term with phi_1 .. detached": detached}
        if name in WEIGHTS and name != "plain":
            own = score_term(inputs, weights=WEIGHTS[name])
            terms[f"the score term through {name}"] = trees.flatten_tasks(own)
        for term_name, term in terms.items():
            for factor, number in scales.items():
                sums[f"{name} + {factor}{term_name}"] = gradient + number * term
    return sums


def candidates(inputs: EstimatorInputs, num_episodes: int, truths: dict[str, Tree]) -> Candidates:
    """Return all estimators and mistakes by name, the simplest first. {name: [M, D]}

    `truths` are exact gradients by name, such as "grad F_N". They do not depend on the data. If
    the step size alpha is a tree, it is not one of the factors.
    """
    M, K, alpha = len(inputs.R), len(inputs.data), inputs.inner.alpha
    of_alpha = {} if isinstance(alpha, dict) else {"alpha": alpha}
    scales = factors({"N": num_episodes, "2": 2, "K": K, **of_alpha, "M": M})
    simple = {name: trees.flatten_tasks(g(*inputs)) for name, g in ESTIMATORS.items()}
    simple["plain with transposed factors"] = trees.flatten_tasks(transposed(inputs))
    gradients = {name: x for name, x in simple.items() if name != "emaml"}
    for name, truth in truths.items():
        simple[name] = np.tile(trees.ravel(truth)[0], (M, 1))
    scaled = {
        factor + name: number * x for factor, number in scales.items() for name, x in simple.items()
    }
    return scaled | _with_score_terms(inputs, gradients, scales)


def _equal(x: Array, y: Array) -> bool:
    """Return whether x and y differ nowhere by more than 1e-9 times the largest entry of y."""
    return bool(abs(x - y).max() <= 1e-9 * abs(y).max())


def _names_of(estimates: list[Array], known: list[Candidates]) -> str:
    """Return the names of at most three candidates that equal the estimates on all problems.

    Both lists have one entry for each problem.
    """
    pairs = list(zip(estimates, known, strict=True))
    names = [name for name in known[0] if all(_equal(x, rows[name]) for x, rows in pairs)]
    return " = ".join(names[:3])


def _common_factor(means: list[Array], known_means: list[Candidates], truth: str) -> float | None:
    """Return the number with mean = number * truth on all problems, or None if there is none.

    With the logits of two arms every gradient is a multiple of (-1, 1), so every candidate is some
    multiple of the truth. A factor explains nothing there, so the result is None.
    """
    mean = np.concatenate(means)
    rows = {name: np.concatenate([x[name] for x in known_means]) for name in known_means[0]}
    target = rows[truth]
    number = float(mean @ target / (target @ target or 1.0))
    on_a_line = np.linalg.matrix_rank(np.stack(list(rows.values()))) < 2
    return number if _equal(mean, number * target) and not on_a_line else None


def explain(
    report: Report,
    estimates: list[Array],
    known: list[Candidates],
    probabilities: list[Array],
    truth: str,
) -> Report:
    """Add to a report the names of the candidates that are equal to the estimates.

    The lists have one entry for each problem: the estimates [M, D], the candidates, and the
    probabilities [M] of the data sets. If no candidate is equal on every data set, the remark names
    the candidates with an equal mean. If there are none either, the factor of the report is the
    number with mean = number * truth, or None. A report that already has a remark is not changed.
    """
    if report.remark:
        return report
    if names := _names_of(estimates, known):
        return report._replace(factor=None, remark=f"it is {names}")
    means = [p @ x for p, x in zip(probabilities, estimates, strict=True)]
    pairs = list(zip(probabilities, known, strict=True))
    known_means = [{name: p @ x for name, x in rows.items()} for p, rows in pairs]
    if names := _names_of(means, known_means):
        return report._replace(factor=None, remark=f"it has the mean of {names}")
    return report._replace(factor=_common_factor(means, known_means, truth))
