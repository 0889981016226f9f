"""Mean and bias of estimators of the meta-gradient, from sampled data sets.

`meta_gradients.compare_estimators` lists all data sets. If a task has too many data sets, this
module samples M independent ones and calls the estimator with each. The mean of the M estimates
then has a standard error, and so has the estimated bias.
"""

from typing import NamedTuple

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.arguments import generator, instance, whole
from metarl_min.basics.checks import EPS
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.gradients import estimators, inner_steps
from metarl_min.gradients.enumeration import Data
from metarl_min.gradients.estimators import Estimator
from metarl_min.gradients.exact_objectives import F_inf_and_gradient
from metarl_min.gradients.listed_data import inputs_at, objective
from metarl_min.gradients.problems import Problem
from metarl_min.mdps import policies, rollouts
from metarl_min.mdps.mdp import MAX_COUNT, take_tasks


class Estimate(NamedTuple):
    """The mean of samples and its standard error."""

    mean: Array  # [D]
    stderr: Array  # [D]

    @property
    def interval(self) -> tuple[Array, Array]:
        """The ends of the interval of 95 % confidence. [D], [D]"""
        return self.mean - 1.96 * self.stderr, self.mean + 1.96 * self.stderr

    @property
    def in_stderrs(self) -> Array:
        """The mean, in units of its standard error. [D]"""
        return self.mean / np.maximum(self.stderr, 1e-300)


class SampledMoments(NamedTuple):
    """The mean of an estimator, and its bias for both objectives."""

    mean: Estimate
    bias_F_N: Estimate
    bias_F_inf: Estimate


def sample_data(rng: Rng, problem: Problem, num_sets: int) -> tuple[list[Tree], list[Data]]:
    """Sample the data of K inner steps, M times. Return phi_0 .. phi_K and D_0 .. D_{K-1}.

    If the problem has outer episodes, they follow as D_K. The episodes of D_k are sampled with
    phi_k. -> leaves [M, ...], episodes [M, N, T]
    """
    generator("rng", rng)
    inner, N = instance("problem", problem, Problem).inner, problem.num_episodes
    num_sets = whole("num_sets", num_sets, 2, MAX_COUNT)
    copies = take_tasks(problem.task, np.zeros(num_sets, int))
    sampler = rollouts.sampler(copies, problem.reward_noise)
    sizes = [N] * problem.num_steps + [problem.num_outer_episodes]
    path, data = [trees.broadcast_to_tasks(problem.theta, num_sets)], []
    for k, size in enumerate(sizes):
        if size > 0:
            probs = policies.softmax(inner.policy.logits(path[-1]))
            episodes = rollouts.sample(rng, sampler, probs, size, problem.horizon)
            data.append(Data(episodes=episodes, counts=np.ones((num_sets, size))))
        if k < problem.num_steps:
            path.append(inner_steps.next_iterate(inner, path, path[-1], data[-1], inner.weights))
    return path, data


def _estimate(samples: Array, scale: float) -> Estimate:
    """Return the mean of samples [M, D] and its standard error.

    The round-off of numbers as large as `scale` is added to the standard error.
    """
    stderr = samples.std(0, ddof=1) / len(samples) ** 0.5
    return Estimate(mean=samples.mean(0), stderr=stderr + 8 * EPS * scale)


def compare_by_sampling(
    rng: Rng, functions: dict[str, Estimator], problem: Problem, num_sets: int
) -> dict[str, SampledMoments]:
    """Measure every estimator on the same M sampled data sets. {name: SampledMoments}

    The estimate of emaml is subtracted from the estimate of each estimator on the same data set.
    The mean of this difference is the bias for F_N, because emaml is unbiased for F_N. If the data
    sets have many episodes, most noise of the difference comes from the score term of emaml. The
    control variate c = J(theta) makes the noise smaller.

    If an entry of the bias exceeds 5 standard errors (`in_stderrs`), the estimator is biased. A
    small entry does not show that there is no bias: M may be too small to see it.
    """
    instance("functions", functions, dict)
    problem = instance("problem", problem, Problem)
    grad_F_inf = F_inf_and_gradient(problem)[1]
    inputs = inputs_at(problem, *sample_data(rng, problem, num_sets))
    logits = problem.inner.policy.logits(problem.theta)
    return_of_theta = float(objective(problem).value(logits)[0])
    unbiased = trees.flatten_tasks(estimators.emaml(*inputs, c=return_of_theta))
    moments = {}
    for name, estimator in functions.items():
        x = estimators.rows_of(name, estimator, inputs)
        scale = abs(x).max()
        moments[name] = SampledMoments(
            mean=_estimate(x, scale),
            bias_F_N=_estimate(x - unbiased, scale),
            bias_F_inf=_estimate(x - trees.ravel(grad_F_inf)[0], scale),
        )
    return moments
