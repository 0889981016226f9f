"""The exact mean, covariance and bias of an estimator, and a check of a meta-gradient.

`listed_data` lists all data sets D of the inner steps of a small problem, with their probabilities
P(D). An expectation is then a finite sum. g(D) is the estimate that an estimator makes from D:

    (1)  E[g] = sum_D P(D) g(D),
         Cov[g] = sum_D P(D) (g(D) - E[g]) (g(D) - E[g])^T                         [definition]
    (2)  n < (tr Cov_unbiased - tr Cov_biased) / |bias|^2,  bias = E[g] - grad F    [derivation]

If (2) holds, the mean of n biased estimates has a smaller error than the mean of n unbiased ones:

- The mean of n independent estimates has the expectation E[g] and the covariance Cov[g] / n.
- So its expected squared distance from grad F is |bias|^2 + tr Cov[g] / n. Without a bias, this
  distance is tr Cov_unbiased / n.
- The biased mean is nearer if |bias|^2 < (tr Cov_unbiased - tr Cov_biased) / n, which is (2).

`monte_carlo` calls the same estimators with sampled data. tests/estimators_by_hand.py computes the
moments with loops.
"""

from functools import partial
from typing import NamedTuple

import numpy as onp

from metarl_min.basics import trees
from metarl_min.basics.arguments import (
    floats,
    instance,
    probabilities,
    real,
    require,
    sequence,
    shaped,
)
from metarl_min.basics.checks import Report, checked_tolerance
from metarl_min.basics.expectations import ALL_ZERO, compare_mean, moments
from metarl_min.basics.trees import Array, Tree
from metarl_min.gradients import claims, listed_data, mistakes
from metarl_min.gradients.claims import Evidence
from metarl_min.gradients.estimators import (
    Estimator,
    EstimatorInputs,
    rows_of,
    with_five_arguments,
)
from metarl_min.gradients.exact_objectives import ExactGradients, exact_gradients
from metarl_min.gradients.listed_data import AllDataSets, adapt, inputs_at, on_episodes
from metarl_min.gradients.problems import Problem, standard_problems

__all__ = [
    "AllDataSets",
    "Comparison",
    "Errors",
    "ExactGradients",
    "Moments",
    "Problem",
    "adapt",
    "break_even",
    "check_meta_gradient",
    "compare_estimators",
    "enumerate_data",
    "enumerated_inputs",
    "exact_gradients",
    "inputs_at",
    "measure",
    "on_episodes",
    "standard_problems",
]


def enumerate_data(problem: Problem) -> AllDataSets:
    """Return all data sets of a problem. ValueError with their number if there are too many.

    The data sets are counts of trajectories. If a part of the inner step is a function of your own,
    they are N episodes each, because this function may ignore counts.
    """
    own = listed_data.has_own_functions(instance("problem", problem, Problem))
    listing = listed_data.as_sampled(problem) if own else listed_data.from_counts(problem)
    return listed_data.block(listing, onp.arange(listing.size))


def enumerated_inputs(problem: Problem) -> tuple[EstimatorInputs, Array]:
    """Return the inputs of an estimator on every data set, and the probabilities P(D) [M]."""
    return claims.inputs_of(problem, enumerate_data(problem))


class Errors(NamedTuple):
    """The distance of an estimator from one exact gradient."""

    bias_norm: float  # Euclidean norm of the mean minus the gradient
    mse: float  # expected squared Euclidean distance of one estimate from the gradient
    cosine: float  # cosine of the angle between the mean and the gradient; 0 if one of them is 0


class Moments(NamedTuple):
    """The exact moments and errors of an estimator."""

    mean: Array  # [D]
    covariance: Array  # [D, D]
    variance: float  # trace of the covariance
    F_N: Errors  # against grad F_N
    F_inf: Errors  # against grad F_inf


def _errors(mean: Array, variance: float, gradient: Tree) -> Errors:
    target = trees.ravel(gradient)[0]
    bias_norm = float(onp.linalg.norm(mean - target))
    norms = float(onp.linalg.norm(mean) * onp.linalg.norm(target))
    cosine = float(mean @ target) / norms if norms > 0 else 0.0
    return Errors(bias_norm=bias_norm, mse=bias_norm**2 + variance, cosine=cosine)


def measure(estimates: Array, probability: Array, exact: ExactGradients) -> Moments:
    """Return the moments of estimates [M, D] by eq. (1), and the errors of the estimates."""
    gradient = trees.ravel(instance("exact", exact, ExactGradients).grad_F_N)[0]
    shape = (*probabilities("probability", probability).shape, *gradient.shape)
    shaped("estimates", floats("estimates", estimates), shape, "the data sets and the gradient")
    mean, covariance = moments(estimates, probability)
    variance = float(onp.trace(covariance))
    if not onp.isfinite(variance):
        raise FloatingPointError(f"moments must be finite, got the variance {variance}")
    return Moments(
        mean=mean,
        covariance=covariance,
        variance=variance,
        F_N=_errors(mean, variance, exact.grad_F_N),
        F_inf=_errors(mean, variance, exact.grad_F_inf),
    )


def break_even(biased: Moments, unbiased: Moments, bias_norm: float) -> float:
    """Return the n above which the unbiased estimator has the smaller error, eq. (2).

    The result is infinite if the bias is no larger than round-off.
    """
    instance("unbiased", unbiased, Moments)
    smallest = 1e-12 * onp.linalg.norm(instance("biased", biased, Moments).mean)
    bias_norm = real("bias_norm", bias_norm, 0)
    if bias_norm <= smallest:
        return onp.inf
    return max(0.0, (unbiased.variance - biased.variance) / bias_norm / bias_norm)


class Comparison(NamedTuple):
    """Several estimators on one problem."""

    exact: ExactGradients
    moments: dict[str, Moments]


def _require_use_of_counts(name: str, estimator: Estimator, problem: Problem) -> None:
    """Raise a ValueError if some estimates from counts and from episodes differ."""
    if listed_data.has_own_functions(problem):
        return  # the estimator was called with episodes
    listing = listed_data.from_counts(problem)
    some = listed_data.block(listing, listed_data.sampled_choices(listing.size)[:20])
    inputs = claims.inputs_of(problem, some)[0]
    by_counts = rows_of(name, estimator, inputs)
    by_episodes = rows_of(name, on_episodes(estimator), inputs)
    same = abs(by_counts - by_episodes).max() <= 1e-6 * abs(by_episodes).max()
    rule = f"the estimator {name} must use the counts of episodes, or be wrapped in on_episodes"
    require(bool(same), rule, "other estimates from counts than from episodes")


def compare_estimators(
    functions: dict[str, Estimator], problem: Problem, num_episodes: list[int]
) -> dict[int, Comparison]:
    """Measure every estimator with each number N of episodes per inner step. {N: Comparison}

    The estimators are called with the data sets of `enumerate_data`. ValueError if an estimator
    ignores the counts. Wrap an estimator that was written for sampled data in `on_episodes`.
    """
    comparisons = {}
    instance("functions", functions, dict)
    for N in sequence("num_episodes", num_episodes):
        problem = instance("problem", problem, Problem)._replace(num_episodes=N)
        exact, (inputs, p) = exact_gradients(problem), enumerated_inputs(problem)
        estimates = {}
        for name, estimator in functions.items():
            estimates[name] = rows_of(name, estimator, inputs)
            _require_use_of_counts(name, estimator, problem)
        moments_of = {name: measure(x, p, exact) for name, x in estimates.items()}
        comparisons[N] = Comparison(exact=exact, moments=moments_of)
    return comparisons


def _where(problem: Problem) -> str:
    """Say in words which problem a report is about."""
    states, actions = problem.task.shape
    sizes = f"{states} state{'s' * (states > 1)}, {actions} action{'s' * (actions > 1)}"
    lengths = f"horizon {problem.horizon}, N = {problem.num_episodes}, K = {problem.num_steps}"
    return f"{sizes}, {lengths}"


def _report(one: Evidence, estimand: str, tolerance: float) -> Report:
    """Compare the mean of the estimates of one problem with the exact value."""
    rows = trees.flatten_tasks(one.estimates)
    report = compare_mean(
        one.probability,
        rows,
        truth=trees.ravel(one.truths[claims.name_of(estimand)])[0],
        tolerance=tolerance,
        dtype=one.dtype,
        name=partial(claims.coordinate, one, estimand),
        error=claims.round_off(one, estimand),
        zero="" if rows.any() else ALL_ZERO,
    )
    return report._replace(where=_where(one.problem))


def check_meta_gradient(
    estimator: Estimator,
    estimand: str = "F_N",
    *,
    problem: Problem | None = None,
    tolerance: float = 1e-10,
) -> Report:
    """Check that the mean of an estimator is the gradient of F_N or of F_inf, or the Hessian of J.

    The estimator has the arguments of the estimators in `estimators`, and is written as for sampled
    data: data sets lie along the axis M, and each has N episodes with the count 1. The estimator
    returns leaves [M, ...], and is called several times, with copies of its inputs. The estimand is
    `F_N`, `F_inf` or `hessian` (see `claims`). The problems are your `problem`, or the two
    `standard_problems`. The report is on the problem with the largest error. If the estimates equal
    a known estimator, or a sum of two known parts with simple factors, the remark says so. In the
    second example, c = R, so emaml has no score term.

    >>> from metarl_min.gradients import estimators
    >>> check_meta_gradient(estimators.emaml, "F_N").agrees
    True
    >>> check_meta_gradient(lambda *inputs: estimators.emaml(*inputs, c=inputs[-1]), "F_N").remark
    'it is plain'
    >>> print(check_meta_gradient(estimators.dice, "hessian").verdict)
    agrees
    """
    claims.check_estimand(estimand)
    with_five_arguments("estimator", estimator)
    tolerance = checked_tolerance(tolerance)
    own = [] if problem is None else [instance("problem", problem, Problem)]
    problems = [claims.for_estimand(one, estimand) for one in own or standard_problems()]
    found = [claims.evidence(estimator, one, estimand) for one in problems]
    reports = [_report(one, estimand, tolerance) for one in found]
    worst = max(reports, key=lambda report: (not report.agrees, report.relative_error))
    report = mistakes.explain(worst, found, estimand, claims.name_of(estimand))
    if any(one.changed for one in found):
        remarks = [report.remark, "the estimator changed its inputs in place"]
        report = report._replace(remark="; ".join(filter(None, remarks)))
    return report
