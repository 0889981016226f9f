"""Estimators of the meta-gradient, measured on sampled data sets.

A task that is too large for `meta_gradients.compare_estimators` is sampled here. M independent
data sets give M estimates, and every number that follows from them has a standard error.
"""

from typing import NamedTuple

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.arguments import whole
from metarl_min.basics.checks import EPS
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.gradients import adaptation, estimators
from metarl_min.gradients.enumeration import Data
from metarl_min.gradients.estimators import Estimator
from metarl_min.gradients.meta_gradients import Problem, inputs_at
from metarl_min.gradients.objectives import expected_return_objective
from metarl_min.mdps import policies, rollouts
from metarl_min.mdps.mdp import take_tasks


class Estimate(NamedTuple):
    """A sample mean and its standard error."""

    mean: Array  # [D]
    stderr: Array  # [D]

    @property
    def interval(self) -> tuple[Array, Array]:
        """The ends of the interval of 95 % confidence. [D], [D]"""
        return self.mean - 1.96 * self.stderr, self.mean + 1.96 * self.stderr

    @property
    def z(self) -> Array:
        """The distance of the mean from zero, in standard errors. [D]"""
        return self.mean / np.maximum(self.stderr, 1e-300)


class SampledMoments(NamedTuple):
    """The mean of an estimator, and its bias for both objectives."""

    mean: Estimate
    bias_F_N: Estimate
    bias_F_inf: Estimate


def sample_data(rng: Rng, problem: Problem, num_sets: int) -> tuple[list[Tree], list[Data]]:
    """Sample M data sets with their paths: phi_0 .. phi_K, and D_0 .. D_{K-1}.

    In every data set, phi_k samples the episodes of step k.
    """
    inner, N = problem.inner, problem.num_episodes
    copies = take_tasks(problem.task, np.zeros(whole("num_sets", num_sets, 2), int))
    sampler = rollouts.sampler(copies, rollouts.deterministic)
    path, data = [trees.broadcast_to_tasks(problem.theta, num_sets)], []
    for _ in range(problem.num_steps):
        probs = policies.softmax(inner.policy.logits(path[-1]))
        episodes = rollouts.sample(rng, sampler, probs, N, problem.horizon)
        data.append(Data(episodes=episodes, counts=np.ones((num_sets, N))))
        step = estimators.inner_step(inner, path[-1], path[-1], data[-1], estimators.plain_weights)
        path.append(step)
    return path, data


def _estimate(samples: Array, scale: float) -> Estimate:
    """Return the mean of samples [M, D]; the error includes the round-off of values of a scale."""
    stderr = samples.std(0, ddof=1) / len(samples) ** 0.5
    return Estimate(mean=samples.mean(0), stderr=stderr + 8 * EPS * scale)


def compare_by_sampling(
    rng: Rng, functions: dict[str, Estimator], problem: Problem, num_sets: int
) -> dict[str, SampledMoments]:
    """Measure every estimator on the same M sampled data sets. {name: SampledMoments}

    The gradient of F_N is estimated by emaml with the control variate c = J(theta), which is
    unbiased, on the same data sets: their common noise cancels in the bias. |z| > 5 in a coordinate
    of a bias shows that there is a bias. A small z shows only that M is too small to see one.
    """
    inner, theta, K = problem.inner, problem.theta, problem.num_steps
    J = expected_return_objective(problem.task, problem.horizon)
    grad_F_inf = adaptation.meta_gradient_by_hessian_products(
        inner.policy, theta, inner.alpha, K, J
    )
    inputs = inputs_at(problem, *sample_data(rng, problem, num_sets))
    return_of_theta = float(J.value(inner.policy.logits(theta))[0])
    unbiased = trees.flatten_tasks(estimators.emaml(*inputs, c=return_of_theta))
    moments = {}
    for name, estimator in functions.items():
        x = trees.flatten_tasks(estimator(*inputs))
        scale = abs(x).max()
        moments[name] = SampledMoments(
            mean=_estimate(x, scale),
            bias_F_N=_estimate(x - unbiased, scale),
            bias_F_inf=_estimate(x - trees.ravel(grad_F_inf)[0], scale),
        )
    return moments
