"""The gradient of the return of a trial, through its inner steps.

R is the return of a whole trial: the sum of all its rewards. A trial has N episodes, and stage k
plays its data set D_k with phi_k (trials (1)). The objective of theta is the mean of R:

    (1)  F(theta) = E[R] = N_inner sum_{k<K} E[J(phi_k)] + (N - K N_inner) E[J(phi_K)]
                                                                    [Duan et al. 2016, sec. 2]

A trial is one long episode of a policy that changes by a known rule. Its policy gradient is
therefore REINFORCE with the return-to-go of the trial. For step t of episode i in stage k, this
return-to-go is W_t + R_{>k}. W_t is the sum of the rewards from step t to the end of episode i, and
R_{>k} is the sum of all rewards of the stages after stage k:

    (2)  grad F = E[sum_k sum_{i in D_k} sum_t (W_t + R_{>k}) d/dtheta log pi(a_t|s_t; phi_k)]
                                [Al-Shedivat et al. 2018, eq. 4; Stadie et al. 2018, eq. 7]

    Steps of (2): F = sum_D P(D) R(D), where D stands for all data sets of a trial together.
    The derivative of P(D) is P(D) d/dtheta log P(D), so grad F = E[R d/dtheta log P(D)].
    log P(D) is the sum of all log pi(a_t|s_t; phi_k), plus terms of the task, which are constant.
    phi_k is a function of theta and of the earlier data sets. The data sets are held fixed, and
    the chain rule goes through each inner step, trials (1).
    Given all that was sampled before it, the score d/dtheta log pi(a_t|s_t; phi_k) has mean zero.
    So its product with a reward that does not depend on a_t has mean zero, and that reward can be
    left out. These are the rewards of earlier stages, of earlier steps of the episode, and of the
    other episodes of the stage. W_t + R_{>k} remains.

The outer surrogate of most code keeps W_t and forgets R_{>k}. The part of (2) with R_{>k} is called
the score term. It makes actions more probable if their data lead to a better adapted policy.

The expectation in (2) is estimated by one trial on each of M tasks. Let L_k be the surrogate of
stage k with W_t + R_{>k} in the place of the advantage, summed over the episodes. Then (2) is the
gradient of sum_k L_k(phi_k), which is adaptation (3). First-order MAML replaces dphi_k/dtheta by
the identity, and it has no score term:

    (3)  grad F ~ E[sum_k sum_{i in D_k} sum_t W_t grad log pi(a_t|s_t; phi_k)]
                                                                  [Finn et al. 2017, sec. 5.2]

The mean of (3) is the sum over all episodes of grad J at the parameters that played the episode.

A baseline reduces the variance. It is the mean over the other tasks m' of the same step:

    (4)  Adv_m = X_m - 1/(M - 1) sum_{m' != m} X_m' = (X_m - 1/M sum_m' X_m') M / (M - 1)
                                                              [Kool et al. 2019, eq. 8]

In (4), X is W_t + R_{>k}, or W_t for (3). The baseline does not depend on the actions of task m. So
its product with a score of task m has mean zero, as in the steps of (2), and it changes no mean.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.trees import Array, Tree
from metarl_min.gradients import returns
from metarl_min.gradients.adaptation import (
    Iterates,
    Objectives,
    adjoints,
    alpha_gradient,
    first_order_adjoints,
)
from metarl_min.gradients.objectives import Objective, reinforce_objective
from metarl_min.gradients.trials import Adaptation, Trial
from metarl_min.mdps import rollouts
from metarl_min.mdps.rollouts import Episodes


class Gradients(NamedTuple):
    """Gradients of F, summed over the tasks."""

    in_theta: Tree
    in_alpha: Callable[[], Tree]  # computes the gradient in the step size of each parameter


class MetaGradient(NamedTuple):
    """An estimator of the gradient of the return of a trial, in two parts.

    `advantages(stages, weights)` returns Adv of every step of each stage, or None for a stage that
    has no outer objective. `gradients(adaptation, trial, outer)` differentiates the outer
    objectives L_0 .. L_K.
    """

    advantages: Callable[[list[Episodes], list[float]], list[Any]]
    gradients: Callable[[Adaptation, Trial, Objectives], Gradients]


def leave_one_out(values: Array) -> Array:
    """Subtract from the value of each task the mean of the other tasks, eq. (4). [M, N, T]

    One task alone has no others, and its values stay.

    >>> leave_one_out(np.array([1.0, 2.0, 6.0]).reshape(3, 1, 1)).ravel().tolist()
    [-3.0, -1.5, 4.5]
    """
    M = len(values)
    return (values - values.mean(0)) * (M / (M - 1)) if M > 1 else values


def trial_advantages(stages: list[Episodes], weights: list[float]) -> list[Array]:
    """Return W_t + R_{>k} of eq. (2) at every step of each stage, less eq. (4). K+1 x [M, N, T]

    weights[k] multiplies the rewards of stage k. If all are 1, the objective is eq. (1).
    """
    rewards = [weight * stage.rewards for stage, weight in zip(stages, weights, strict=True)]
    to_go = [returns.returns_to_go(r, 1.0) for r in rewards]
    later = np.zeros(len(stages[0].rewards))  # R_{>k} of each task, from the last stage backwards
    for k in reversed(range(len(stages))):
        to_go[k] = to_go[k] + later[:, None, None]
        later = later + rewards[k].sum((-1, -2))
    return [leave_one_out(W) for W in to_go]


def episode_advantages(stages: list[Episodes], weights: list[float]) -> list[Array]:
    """Return W_t of eq. (3) at every step of each stage, less eq. (4): no score term."""
    pairs = zip(stages, weights, strict=True)
    to_go = [returns.returns_to_go(weight * stage.rewards, 1.0) for stage, weight in pairs]
    return [leave_one_out(W) for W in to_go]


def outer_surrogates(
    stages: list[Episodes], advantages: list[Any], shape: tuple[int, int]
) -> list[Objective | None]:
    """Return L_0 .. L_K of eqs. (2) and (3): each is the sum over the episodes of a stage."""
    tables = [
        None if Adv is None else rollouts.sum_over_visits(stage, Adv, shape)
        for stage, Adv in zip(stages, advantages, strict=True)
    ]
    return [None if C is None else reinforce_objective(C) for C in tables]


def _from_adjoints(adaptation: Adaptation, trial: Trial, v: Iterates) -> Gradients:
    """Return the gradients in theta, which is v_0, and in alpha, adaptation (6)."""
    return Gradients(
        in_theta=trees.sum_tasks(v[0], trial.path[0]),
        in_alpha=partial(alpha_gradient, adaptation.policy, trial.path, trial.inner, v),
    )


def second_order(adaptation: Adaptation, trial: Trial, outer: Objectives) -> Gradients:
    """Return the gradients of eq. (2) by the chain of adjoints, adaptation (3).

    It is eq. (2) if the outer objectives are made from `trial_advantages`. From
    `episode_advantages` the score term is missing.
    """
    v = adjoints(adaptation.policy, trial.path, trial.alpha, trial.inner, outer)
    return _from_adjoints(adaptation, trial, v)


def first_order(adaptation: Adaptation, trial: Trial, outer: Objectives) -> Gradients:
    """Return the gradients of eq. (3), with the adjoints of adaptation (4).

    The gradient in alpha is adaptation (6) with these adjoints. It is not zero.
    """
    v = first_order_adjoints(adaptation.policy, trial.path, outer)
    return _from_adjoints(adaptation, trial, v)


emaml = MetaGradient(advantages=trial_advantages, gradients=second_order)  # eq. (2)
plain = MetaGradient(advantages=episode_advantages, gradients=second_order)  # without score term
fomaml = MetaGradient(advantages=episode_advantages, gradients=first_order)  # eq. (3)
