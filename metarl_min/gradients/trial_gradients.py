"""The gradient of the return of a trial: through every inner step, or past them.

A trial is N episodes, of which K times N_inner are followed by an inner step (trials (1)):

    (1)  F(theta) = E[sum of all rewards] = N_inner sum_{k<K} J(phi_k) + (N - K N_inner) J(phi_K)
                                                                    [Duan et al. 2016, sec. 2]
    (2)  grad F = E[sum_k sum_{i in D_k} grad_theta log P(tau_i | phi_k(theta; D_0 .. D_{k-1}))
         (W_i + G_{k+1})],  W_i the return-to-go within episode i, G_{k+1} all reward of the
         later stages             [Al-Shedivat et al. 2018, eq. 4; Stadie et al. 2018, eq. 7]
    (3)  first order: phi_k is differentiated as if it were theta, and G is dropped
                                                            [Finn et al. 2017, sec. 5.2]
    (4)  A_m <- (A_m - mean_m' A_m') M / (M - 1) = A_m - mean over the *other* tasks
                                                                  [Kool et al. 2019, eq. 8]

A trial is one long episode of a policy that changes by a known rule, so (2) is REINFORCE with the
return-to-go of the trial: W is what the outer surrogate of most code keeps, G is the score term
that it forgets. The gradient *through* phi_k is the chain adaptation (3). The baseline (4), at
each step, is independent of the task's own draws and leaves (2) unbiased.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from autograd import grad

from metarl_min.basics import trees
from metarl_min.basics.trees import Array, Tree
from metarl_min.gradients import adaptation, estimators, objectives, returns
from metarl_min.gradients.adaptation import Objectives
from metarl_min.gradients.enumeration import Data
from metarl_min.gradients.estimators import Weights
from metarl_min.gradients.objectives import Objective
from metarl_min.gradients.trials import Adaptation, Trial, step_sizes
from metarl_min.mdps import rollouts
from metarl_min.mdps.rollouts import Episodes

Gradients = tuple[Tree, Tree]  # in theta and in the step size of each parameter, summed over tasks


def leave_one_out(advantages: Array) -> Array:
    """Subtract from each task the mean of the others, at each step, eq. (4). [M, N, T]"""
    M = len(advantages)
    return (advantages - advantages.mean(0)) * (M / (M - 1)) if M > 1 else advantages


def outer_advantages(stages: list[Episodes], weights: list[float], score_term: bool) -> list[Array]:
    """W + G of eq. (2) at every step of each stage, centred; without G, eq. (3). K+1 x [M, N, T]

    `weights` multiply the rewards of each stage: all 1 for the return of the trial.
    """
    later = np.zeros(len(stages[0].rewards))  # G of each task, from the last stage backwards
    found = []
    for stage, weight in zip(stages[::-1], weights[::-1], strict=True):
        rewards = weight * stage.rewards
        found.append(leave_one_out(returns.discounted_returns(rewards, 1.0) + later[:, None, None]))
        later = later + score_term * rewards.sum((-1, -2))
    return found[::-1]


def outer_surrogates(
    stages: list[Episodes], advantages: list[Array], shape: tuple[int, int]
) -> list[Objective]:
    """The surrogates of eq. (2) or (3) at phi_0 .. phi_K, summed over the episodes."""
    pairs = zip(stages, advantages, strict=True)
    return [
        objectives.reinforce_objective(rollouts.sum_over_visits(stage, A, shape))
        for stage, A in pairs
    ]


def _in_both(inner: Adaptation, trial: Trial, v: adaptation.Iterates) -> Gradients:
    """Gradients in theta, v_0, and in alpha, adaptation (6); sums over the tasks."""
    in_alpha = adaptation.alpha_gradient(inner.policy, trial.path, trial.inner, v)
    return trees.sum_tasks(v[0], trial.path[0]), in_alpha


def second_order(inner: Adaptation, trial: Trial, outer: Objectives) -> Gradients:
    """Gradient of `outer` by the chain, adaptation (3): with G in it, eq. (2)."""
    v = adaptation.adjoints(inner.policy, trial.path, trial.alpha, trial.inner, outer)
    return _in_both(inner, trial, v)


def first_order(inner: Adaptation, trial: Trial, outer: Objectives) -> Gradients:
    """Gradient of `outer` without Jacobians, eq. (3); that in alpha survives, meta_sgd (3)."""
    return _in_both(inner, trial, adaptation.first_order_adjoints(inner.policy, trial.path, outer))


def traced(inner: Adaptation, trial: Trial, outer: Objectives, weights: Weights) -> Gradients:
    """Gradient of `outer` through inner steps with the Jacobian of an estimator, traced."""
    M = len(trial.stages[0].rewards)
    data = [Data(stage, np.ones(stage.rewards.shape[:2])) for stage in trial.stages[:-1]]
    reference = [trees.broadcast_to_tasks(trial.path[0], M), *trial.path[1:]]
    alpha = trees.scale(trees.map_leaves(np.ones_like, trial.path[0]), trial.alpha)

    def total(both: dict[str, Tree]) -> Any:
        rule = estimators.InnerStep(inner.policy, both["alpha"], inner.baseline, inner.gamma)
        phi, value = trees.broadcast_to_tasks(both["theta"], M), 0.0
        for k, objective in enumerate(outer):
            value = value + objective.value(inner.policy.logits(phi)).sum()
            if k < len(data):
                phi = estimators.inner_step(rule, phi, reference[k], data[k], weights)
        return value

    found = grad(total)({"theta": trial.path[0], "alpha": alpha})
    return found["theta"], found["alpha"]


def reptile(inner: Adaptation, trial: Trial, outer: Objectives) -> Gradients:
    """Sum of the inner gradients, reptile (1); its expansion in alpha is reptile (2)."""
    v = adaptation.first_order_adjoints(inner.policy, trial.path, [*trial.inner, None])
    total = trees.sum_tasks(v[0], trial.path[0])
    return trees.scale(total, step_sizes(inner, total, 1.0)), trees.map_leaves(np.zeros_like, total)


META_GRADIENTS: dict[str, Callable[[Adaptation, Trial, Objectives], Gradients]] = {
    "emaml": second_order,
    "plain": second_order,
    "fomaml": first_order,
    "reptile": reptile,
    "dice": partial(traced, weights=estimators.dice_weights),
    "loaded_dice": partial(traced, weights=estimators.loaded_dice_weights),
    "lvc": partial(traced, weights=estimators.lvc_weights),
    "linearised_score": partial(traced, weights=estimators.linearised_weights),
}
