"""What an estimator of the meta-gradient estimates: exact moments, bias, and a check of yours.

    (1)  E[g] = sum_D P(D) g(D),  Cov[g] = sum_D P(D) g g^T - E[g] E[g]^T             [definition]
    (2)  F_N(theta) = sum_D P(D) J(phi_K(D)),  P(D) of enumeration (2)         [estimators (2)]
    (3)  mean of n estimates: mean squared error |bias|^2 + tr Cov / n, so a biased estimator is
         the better one while n < (tr Cov_unbiased - tr Cov_biased) / |bias|^2       [derivation]

The same function that a learner would call sees every data set; what formulas hide (a sum for a
mean, a missing 1/N) therefore shows. (2) is differentiated as it stands, by autograd. Where the
data sets are too many, `monte_carlo` samples them.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import autograd.numpy as np
import numpy as onp
from autograd import grad

from metarl_min.basics import checks, trees
from metarl_min.basics.arguments import floats, require, whole
from metarl_min.basics.checks import moments
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.gradients import adaptation, estimators, mistakes, objectives
from metarl_min.gradients.enumeration import AllDataSets, Data, enumerate_data_sets
from metarl_min.gradients.estimators import (
    Estimator,
    EstimatorInputs,
    InnerStep,
    inner_step,
    plain_weights,
)
from metarl_min.mdps import policies, rollouts
from metarl_min.mdps.mdp import MDP, take_tasks


class Problem(NamedTuple):
    """A task [1], a start and a rule of adaptation, small enough to enumerate."""

    inner: InnerStep
    theta: Tree
    task: MDP
    horizon: int
    num_episodes: int  # N, per inner step
    num_steps: int  # K


def adapt(problem: Problem, theta: Tree, sets: AllDataSets) -> tuple[list[Tree], Any]:
    """phi_0 .. phi_K of every data set, and log P of enumeration (2), [M]. Traceable in theta."""
    inner, log_p = problem.inner, sets.log_ways
    path = [trees.broadcast_to_tasks(theta, len(sets.log_ways))]
    for D in sets.data:
        log_p = log_p + estimators.log_probability(inner, path[-1], D)
        path.append(inner_step(inner, path[-1], path[-1], D, plain_weights))
    return path, log_p


def enumerate_data(problem: Problem) -> AllDataSets:
    """Every data set of a problem; ValueError that names the size where there are too many."""
    return enumerate_data_sets(
        problem.task, problem.horizon, problem.num_episodes, problem.num_steps
    )


class ExactGradients(NamedTuple):
    """The two objectives of a problem, estimators (2), and their exact gradients."""

    F_N: float
    grad_F_N: Tree
    F_inf: float
    grad_F_inf: Tree


def exact_gradients(problem: Problem) -> ExactGradients:
    """F_N by eq. (2) and F_inf by adaptation (5), differentiated as they stand."""
    sets, J = (
        enumerate_data(problem),
        objectives.expected_return_objective(problem.task, problem.horizon),
    )
    inner = problem.inner

    def F_N(theta: Tree) -> Any:
        path, log_p = adapt(problem, theta, sets)
        return np.sum(np.exp(log_p) * J.value(inner.policy.logits(path[-1])))

    exact = inner.policy, problem.theta, inner.alpha, problem.num_steps, J
    F_inf, grad_F_inf = (
        adaptation.adapted_return(*exact),
        adaptation.meta_gradient_by_hessian_products(*exact),
    )
    return ExactGradients(
        float(F_N(problem.theta)), grad(F_N)(problem.theta), float(F_inf), grad_F_inf
    )


def inputs_at(problem: Problem, path: list[Tree], data: list[Data]) -> EstimatorInputs:
    """What an estimator is given: with the data, the exact outer gradient and return at phi_K."""
    inner, J = problem.inner, objectives.expected_return_objective(problem.task, problem.horizon)
    v = adaptation.gradient(inner.policy, path[-1], J)
    return inner, path, data, v, J.value(inner.policy.logits(path[-1]))


def enumerated(problem: Problem) -> tuple[EstimatorInputs, Array]:
    """What an estimator is given for every data set, and how probable each is, [M]."""
    sets = enumerate_data(problem)
    path, log_p = adapt(problem, problem.theta, sets)
    return inputs_at(problem, path, sets.data), onp.exp(log_p)


def estimates(estimator: Estimator, problem: Problem) -> tuple[Array, Array]:
    """What an estimator says of every data set, and how probable each is. [M, D], [M]"""
    every, probability = enumerated(problem)
    return trees.flatten_tasks(estimator(*every)), probability


class Moments(NamedTuple):
    """An estimator measured against the exact gradients of F_N and of F_inf, in this order."""

    mean: Array  # [D]
    covariance: Array  # [D, D]
    variance: float  # its trace
    bias: tuple[float, float]  # Euclidean norm
    mse: tuple[float, float]
    cosine: tuple[float, float]


def measure(samples: Array, probability: Array, exact: ExactGradients) -> Moments:
    """Moments of estimates [M, D] by eq. (1), and what is wrong with them."""
    mean, covariance = moments(samples, probability)
    variance = float(onp.trace(covariance))

    def against(gradient: Tree) -> tuple[float, float, float]:
        target = trees.ravel(gradient)[0]
        bias = float(onp.linalg.norm(mean - target))
        norms = float(onp.linalg.norm(mean) * onp.linalg.norm(target))
        return bias, bias**2 + variance, float(mean @ target) / norms if norms > 0 else 0.0

    pairs = zip(against(exact.grad_F_N), against(exact.grad_F_inf), strict=True)
    return Moments(mean, covariance, variance, *pairs)


def break_even(biased: Moments, unbiased: Moments, bias: float) -> float:
    """The number of estimates from which the unbiased estimator is the better one, eq. (3)."""
    if bias <= 1e-12 * onp.linalg.norm(biased.mean):  # round-off
        return onp.inf
    return max(0.0, (unbiased.variance - biased.variance) / bias**2)


def compare_estimators(
    named: dict[str, Estimator], problem: Problem, num_episodes: Sequence[int]
) -> dict[int, tuple[ExactGradients, dict[str, Moments]]]:
    """Measure every estimator at each N: {N: (truth, {name: moments})}."""
    found = {}
    for N in num_episodes:
        one = problem._replace(num_episodes=N)
        exact, (every, p) = exact_gradients(one), enumerated(one)
        found[N] = (
            exact,
            {k: measure(trees.flatten_tasks(g(*every)), p, exact) for k, g in named.items()},
        )
    return found


class Estimate(NamedTuple):
    """A sample mean and its standard error. Everything is [D]."""

    mean: Array
    stderr: Array

    @property
    def interval(self) -> tuple[Array, Array]:
        """Low and high end, at 95 % confidence."""
        return self.mean - 1.96 * self.stderr, self.mean + 1.96 * self.stderr

    @property
    def z(self) -> Array:
        """How many standard errors the mean is from zero."""
        return self.mean / onp.maximum(self.stderr, 1e-300)


def sample_data(rng: Rng, problem: Problem, num_sets: int) -> tuple[list[Tree], list[Data]]:
    """Draw M data sets, each step played by the phi_k that its own data set has led to."""
    inner, N, data = problem.inner, problem.num_episodes, []
    copies = take_tasks(problem.task, onp.zeros(whole("num_sets", num_sets, 2), int))
    tables = rollouts.sampler(copies, rollouts.deterministic)
    path = [trees.broadcast_to_tasks(problem.theta, num_sets)]
    for _ in range(problem.num_steps):
        probs = policies.softmax(inner.policy.logits(path[-1]))
        episodes = rollouts.sample(rng, tables, probs, N, problem.horizon)
        data.append(Data(episodes, onp.ones((num_sets, N))))
        path.append(inner_step(inner, path[-1], path[-1], data[-1], plain_weights))
    return path, data


def monte_carlo(
    rng: Rng, named: dict[str, Estimator], problem: Problem, num_sets: int
) -> dict[str, dict[str, Estimate]]:
    """Measure estimators on M sampled data sets of one task of any size: {name: {mean, biases}}.

    The bias for F_N is the difference to emaml with c = J(theta) on the same data sets. |z| > 5
    anywhere shows a bias; a small z shows only that M is too small to see one.
    """
    inner, theta, J = (
        problem.inner,
        problem.theta,
        objectives.expected_return_objective(problem.task, problem.horizon),
    )
    F_inf = inner.policy, theta, inner.alpha, problem.num_steps, J
    exact = trees.ravel(adaptation.meta_gradient_by_hessian_products(*F_inf))[0]
    seen = inputs_at(problem, *sample_data(rng, problem, num_sets))
    unbiased = trees.flatten_tasks(
        estimators.emaml(*seen, float(J.value(inner.policy.logits(theta))[0]))
    )
    found = {}
    for name, g in named.items():
        x = trees.flatten_tasks(g(*seen))
        parts = {"mean": x, "bias_F_N": x - unbiased, "bias_F_inf": x - exact}
        round_off = 8 * checks.EPS * abs(x).max()
        errors = {k: y.std(0, ddof=1) / num_sets**0.5 + round_off for k, y in parts.items()}
        found[name] = {k: Estimate(y.mean(0), errors[k]) for k, y in parts.items()}
    return found


def standard_problems() -> list[Problem]:
    """A bandit and an MDP so askew that known estimators, and N, K and 2, all differ."""
    arms, pay = [[[[0.2], [0.9], [-0.4]]]], [[[[0.3], [1.1]], [[-0.5], [0.8]]]]
    arrivals = onp.array([[[[0.7, 0.3], [0.1, 0.9]], [[0.4, 0.6], [0.8, 0.2]]]])
    bandit = MDP(onp.ones((1, 1)), onp.ones((1, 1, 3, 1)), onp.array(arms))
    mdp = MDP(onp.array([[1.0, 0.0]]), arrivals, onp.array(pay))
    one, two = ({"logits": onp.array(x)} for x in ([[0.3, -0.2, 0.1]], [[0.3, -0.2], [-0.4, 0.5]]))
    return [
        Problem(InnerStep(policies.tabular, 0.7, 0.0), one, bandit, 1, num_episodes=4, num_steps=3),
        Problem(InnerStep(policies.tabular, 0.6, 0.0), two, mdp, 2, num_episodes=2, num_steps=2),
    ]


def _check_leaves(g: Any, phi: Tree) -> None:
    """Raise TypeError or ValueError unless g is finite, with the names and shapes of phi."""
    rule = "my_function must return a dict of float arrays with the names and shapes"
    want = trees.map_leaves(np.shape, phi)
    got = trees.map_leaves(np.shape, g) if isinstance(g, dict) else type(g).__name__
    require(got == want, f"{rule} {want}", got)
    for name in g:
        floats(f"my_function(..)[{name!r}]", g[name])


def check_meta_gradient(
    my_function: Estimator, estimand: str = "F_N", *, problem: Problem | None = None,
    tolerance: float = 1e-10,
) -> checks.Report:  # fmt: skip
    """Is the mean of an estimator of yours the gradient of F_N, or of F_inf? If not, what is it?

    It is called as all in `estimators` are, with every data set of `examples()`, or of a problem
    of yours, and returns leaves [M, ...]. The report is on the problem where it is furthest off.
    Its remark names estimators, mistakes and factors that fit to 1e-9 on every problem, no others.
    """
    require(estimand in ("F_N", "F_inf"), "estimand must be F_N or F_inf", repr(estimand))
    reports, mine, known, probabilities = [], [], [], []
    for one in standard_problems() if problem is None else [problem]:
        exact, (every, p) = exact_gradients(one), enumerated(one)
        truths = {"grad F_N": exact.grad_F_N, "grad F_inf": exact.grad_F_inf}
        g, target = my_function(*every), truths[f"grad {estimand}"]
        _check_leaves(g, every[1][0])
        reports.append(checks.check_unbiased(lambda g: g, (p, g), target, tolerance=tolerance))
        mine.append(trees.flatten_tasks(g))
        known.append(mistakes.explanations(every, one.num_episodes, truths))
        probabilities.append(p)
    worst = max(reports, key=lambda report: report.relative_error)
    return mistakes.explain(worst, mine, known, probabilities, f"grad {estimand}")
