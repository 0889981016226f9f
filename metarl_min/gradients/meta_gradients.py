"""The exact mean, covariance and bias of an estimator of the meta-gradient.

On a small problem all data sets D of the inner steps are listed with their probabilities P(D),
enumeration (3). An expectation is then a finite sum. F_N is the expected return after inner steps
on sampled episodes, and g(D) is the estimate that an estimator makes from D:

    (1)  F_N(theta) = sum_D P(D) J(phi_K(D))                                   [estimators (2)]
    (2)  E[g] = sum_D P(D) g(D),
         Cov[g] = sum_D P(D) (g(D) - E[g]) (g(D) - E[g])^T                         [definition]
    (3)  n < (tr Cov_unbiased - tr Cov_biased) / |bias|^2,  bias = E[g] - grad F    [derivation]

If (3) holds, the mean of n biased estimates is nearer to grad F than the mean of n unbiased ones:

- The mean of n independent estimates has the expectation E[g] and the covariance Cov[g] / n.
- So its expected squared distance from grad F is |bias|^2 + tr Cov[g] / n. Without a bias, this
  distance is tr Cov_unbiased / n.
- The biased mean is nearer if |bias|^2 < (tr Cov_unbiased - tr Cov_biased) / n, which is (3).

`monte_carlo` runs the same estimators on sampled data. For learners, `traced_trials` uses the same
inner step, with weights of estimator_weights. A mistake in the inner step or in the weights, such
as a sum instead of a mean, changes E[g]. tests/estimators_by_hand.py computes the same with loops.
"""

from typing import Any, NamedTuple

import autograd.numpy as np
import numpy as onp
from autograd import value_and_grad

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
from metarl_min.basics.checks import Report
from metarl_min.basics.expectations import check_unbiased, moments
from metarl_min.basics.trees import Array, Tree
from metarl_min.gradients import adaptation, inner_steps, mistakes
from metarl_min.gradients.enumeration import AllDataSets, Data, enumerate_data_sets
from metarl_min.gradients.estimator_weights import plain_weights
from metarl_min.gradients.estimators import Estimator, EstimatorInputs, rows_of
from metarl_min.gradients.objectives import expected_return_objective
from metarl_min.gradients.problems import Problem, standard_problems


def enumerate_data(problem: Problem) -> AllDataSets:
    """Return all data sets of a problem. If they are too many, a ValueError gives their number."""
    N, K = instance("problem", problem, Problem).num_episodes, problem.num_steps
    return enumerate_data_sets(problem.task, problem.horizon, num_episodes=N, num_steps=K)


def adapt(problem: Problem, theta: Tree, sets: AllDataSets) -> tuple[list[Tree], Any]:
    """Return phi_0 .. phi_K [M, ...] and log P(D) [M], enumeration (3). Traceable in theta.

    It trusts its arguments.
    """
    inner, log_p = problem.inner, sets.log_constant
    path = [trees.broadcast_to_tasks(theta, len(log_p))]
    for D in sets.data:
        log_p = log_p + inner_steps.log_probability(inner, path[-1], D)
        # Plain weights do not use the reference, so the traced phi_k may be the reference too.
        path.append(inner_steps.inner_step(inner, path[-1], path[-1], D, plain_weights))
    return path, log_p


class ExactGradients(NamedTuple):
    """The two objectives of a problem, estimators (2), and their exact gradients."""

    F_N: float
    grad_F_N: Tree
    F_inf: float
    grad_F_inf: Tree


def exact_gradients(problem: Problem) -> ExactGradients:
    """Return F_N by eq. (1), F_inf by adaptation (5), and their gradients."""
    policy, alpha = instance("problem", problem, Problem).inner.policy, problem.inner.alpha
    theta, K = problem.theta, problem.num_steps
    sets, J = enumerate_data(problem), expected_return_objective(problem.task, problem.horizon)

    def F_N(theta: Tree) -> Any:
        path, log_p = adapt(problem, theta, sets)
        return np.sum(np.exp(log_p) * J.value(policy.logits(path[-1])))

    value, gradient = value_and_grad(F_N)(theta)
    return ExactGradients(
        F_N=float(value),
        grad_F_N=gradient,
        F_inf=float(adaptation.adapted_return(policy, theta, alpha, K, J)),
        grad_F_inf=adaptation.meta_gradient_by_hessian_products(policy, theta, alpha, K, J),
    )


def inputs_at(problem: Problem, path: list[Tree], data: list[Data]) -> EstimatorInputs:
    """Return the inputs of an estimator on given data. v and R are exact.

    It trusts its arguments.
    """
    inner, J = problem.inner, expected_return_objective(problem.task, problem.horizon)
    v = adaptation.gradient(inner.policy, path[-1], J)
    R = J.value(inner.policy.logits(path[-1]))
    return EstimatorInputs(inner=inner, path=path, data=data, v=v, R=R)


def enumerated_inputs(problem: Problem) -> tuple[EstimatorInputs, Array]:
    """Return the inputs of an estimator on every data set, and the probabilities P(D) [M]."""
    sets = enumerate_data(problem)
    path, log_p = adapt(problem, problem.theta, sets)
    return inputs_at(problem, path, sets.data), onp.exp(log_p)


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
    """Return the moments of estimates [M, D] by eq. (2), and their errors."""
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
    """Return the n above which the unbiased estimator has the smaller error, eq. (3).

    It is infinite if the bias is no larger than round-off.
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


def compare_estimators(
    functions: dict[str, Estimator], problem: Problem, num_episodes: list[int]
) -> dict[int, Comparison]:
    """Measure every estimator with each number N of episodes per inner step. {N: Comparison}"""
    comparisons = {}
    instance("functions", functions, dict)
    for N in sequence("num_episodes", num_episodes):
        problem = instance("problem", problem, Problem)._replace(num_episodes=N)
        exact, (inputs, p) = exact_gradients(problem), enumerated_inputs(problem)
        estimates = {name: rows_of(name, g, inputs) for name, g in functions.items()}
        moments_of = {name: measure(x, p, exact) for name, x in estimates.items()}
        comparisons[N] = Comparison(exact=exact, moments=moments_of)
    return comparisons


def _check_leaves(g: Any, phi: Tree) -> None:
    """Raise TypeError or ValueError unless the estimate g is finite and has the leaves of phi."""
    rule, shapes = "estimator must return a dict of float arrays", trees.map_leaves(np.shape, phi)
    got = trees.map_leaves(np.shape, g) if isinstance(g, dict) else type(g).__name__
    require(got == shapes, f"{rule} with the names and shapes {shapes}", got)
    for name in g:
        floats(f"estimator(..)[{name!r}]", g[name])


def check_meta_gradient(
    estimator: Estimator,
    estimand: str = "F_N",
    *,
    problem: Problem | None = None,
    tolerance: float = 1e-10,
) -> Report:
    """Check that the mean of an estimator is the gradient of F_N or of F_inf.

    The estimator has the arguments of the estimators in `estimators`. The problems are your
    `problem`, or the two `standard_problems`. The estimator is called once for each problem, with
    all data sets along the axis M, and returns leaves [M, ...]. The report is on the problem with
    the largest error. If the estimates equal those of a known estimator or mistake on every
    problem, to nine digits, the remark names it.

    >>> from metarl_min.gradients import estimators
    >>> check_meta_gradient(estimators.emaml, "F_N").agrees
    True
    >>> check_meta_gradient(lambda *inputs: estimators.emaml(*inputs, c=inputs[-1]), "F_N").remark
    'it is plain'
    """
    require(estimand in ("F_N", "F_inf"), "estimand must be F_N or F_inf", repr(estimand))
    reports, estimates, known, probabilities = [], [], [], []
    for one in standard_problems() if problem is None else [problem]:
        exact, (inputs, p) = exact_gradients(one), enumerated_inputs(one)
        truths = {"grad F_N": exact.grad_F_N, "grad F_inf": exact.grad_F_inf}
        known.append(mistakes.candidates(inputs, one.num_episodes, truths))
        g = estimator(*inputs)  # last, because it may change its inputs in place
        _check_leaves(g, inputs.path[0])
        target = truths[f"grad {estimand}"]
        # The estimates are already made, so the estimator of check_unbiased is the identity.
        reports.append(check_unbiased(lambda g: g, (p, g), target, tolerance=tolerance))
        estimates.append(trees.flatten_tasks(g))
        probabilities.append(p)
    worst = max(reports, key=lambda report: report.relative_error)
    return mistakes.explain(worst, estimates, known, probabilities, f"grad {estimand}")
