"""The gradient of the return of a trial, through its inner steps.

The return R of a trial is the sum of all rewards of the trial. A trial has N episodes. The episodes
of stage k are the data set D_k, and are played with phi_k, trials (1). The objective of theta is
the mean of R:

    (1)  F(theta) = E[R] = N_inner sum_{k<K} E[J(phi_k)] + (N - K N_inner) E[J(phi_K)]
                                                                    [Duan et al. 2016, sec. 2]

The second form holds because an episode of stage k has the expected return J(phi_k), given phi_k.

A trial is one long episode of a policy that changes by a known rule, so REINFORCE gives the
gradient of F. REINFORCE multiplies the score of a step, d/dtheta log pi(a_t|s_t; phi_k), by the
rewards that can depend on the action a_t. For step t of an episode in stage k, W_t is the sum of
the rewards of the episode from step t on, without discount. R_{>k} is the sum of the rewards of all
stages after stage k:

    (2)  grad F = E[sum_k sum_{i in D_k} sum_t (W_t + R_{>k}) d/dtheta log pi(a_t|s_t; phi_k)]
                                [Al-Shedivat et al. 2018, eq. 4; Stadie et al. 2018, eq. 7]

    Steps of (2): F = sum_D P(D) R(D), where D stands for all data sets of a trial together.
    The derivative of P(D) is P(D) d/dtheta log P(D), so grad F = E[R d/dtheta log P(D)].
    log P(D) is the sum of all log pi(a_t|s_t; phi_k), plus terms that do not depend on theta.
    phi_k is a function of theta and of the earlier data sets. The data sets are fixed in the
    derivative d/dtheta, and the chain rule goes through each inner step, trials (1).
    Given everything that was sampled before a_t, the mean of the score is zero. So if a reward does
    not depend on a_t, the product of the reward and the score has mean zero.
    The rewards of earlier stages, of earlier steps of the episode, and of other episodes of stage k
    do not depend on a_t. R without these rewards is W_t + R_{>k}.
    Steps that are not alive affect no reward and no later data. So their terms have mean zero, and
    are left out.

The part of (2) with R_{>k} is called the score term. The score term makes an action more probable
if the data with this action lead to a better adapted policy. Most programs have no score term.

The expectation in (2) is estimated from one trial on each of M tasks. Let L_k(phi) be the sum of
Adv log pi(a_t|s_t; phi) over all steps of stage k that are alive, with Adv = W_t + R_{>k}. Unlike
trials (2), L_k has no factor 1/N_inner. The estimate from one task is the gradient of
sum_k L_k(phi_k), which is computed by the chain of adaptation (3). First-order MAML replaces
dphi_k/dtheta by the identity and has no score term, so it only approximates grad F:

    (3)  grad F ~ E[sum_k sum_{i in D_k} sum_t W_t grad log pi(a_t|s_t; phi_k)]
                                                                  [Finn et al. 2017, sec. 5.2]

On the right side of (3), the expected sum of the terms of one episode of stage k is
E[grad J(phi_k)].

A baseline reduces the variance. Let X be W_t + R_{>k} for (2), and W_t for (3). The baseline of
task m is the mean of X over the other tasks m', at the same episode and the same step:

    (4)  Adv_m = X_m - 1/(M - 1) sum_{m' != m} X_m' = (X_m - 1/M sum_m' X_m') M / (M - 1)
                                                              [Kool et al. 2019, eq. 8]

    Steps of (4): let b_m be the baseline of task m. In the second form, the mean over all tasks is
    (X_m + (M - 1) b_m) / M. X_m minus this mean is (X_m - b_m) (M - 1) / M.
    b_m does not depend on the actions of task m. So the product of b_m and a score of task m has
    mean zero, as in the steps of (2), and the mean of the estimate does not change.

`leave_one_out`, `trial_advantages`, `episode_advantages`, `outer_surrogates`, `second_order` and
`first_order` are used in training, and trust their arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import function
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Array, Tree
from metarl_min.gradients import returns
from metarl_min.gradients.adaptation import (
    Iterates,
    Objectives,
    adjoints,
    alpha_gradient,
    first_order_adjoints,
)
from metarl_min.gradients.objectives import Objective, surrogate_objective
from metarl_min.gradients.trials import Adaptation, Trial
from metarl_min.mdps import rollouts
from metarl_min.mdps.rollouts import Episodes


class Gradients(NamedTuple):
    """Estimates of the gradients of F, summed over the tasks."""

    in_theta: Tree
    in_alpha: Callable[[], Tree]  # computes the gradient in each step size, if alpha is learned


def _check(advantages: Any, gradients: Any) -> tuple[Any, Any]:
    return function("advantages", advantages), function("gradients", gradients)


@checked(_check)
class MetaGradient(NamedTuple):
    """An estimator of the gradient of the return of a trial, as two functions.

    `advantages(stages, weights)` returns a list with the advantages [M, N, T] of each stage, or
    with None for a stage that has no outer objective. weights[k] multiplies the rewards of stage k.
    `gradients(adaptation, trial, outer)` returns the gradients of sum_k L_k(phi_k), where `outer`
    is the list of L_0 .. L_K.
    """

    advantages: Callable[[list[Episodes], list[float]], list[Any]]
    gradients: Callable[[Adaptation, Trial, Objectives], Gradients]


def leave_one_out(values: Array) -> Array:
    """Return the values X of each task minus the mean over the other tasks, eq. (4). [M, N, T]

    If there is only one task, the values do not change.

    >>> leave_one_out(np.array([1.0, 2.0, 6.0]).reshape(3, 1, 1)).ravel().tolist()
    [-3.0, -1.5, 4.5]
    """
    M = len(values)
    return (values - values.mean(0)) * (M / (M - 1)) if M > 1 else values


def trial_advantages(stages: list[Episodes], weights: list[float]) -> list[Array]:
    """Return Adv of eq. (4) with X = W_t + R_{>k}, for every step of each stage. each [M, N, T]

    weights[k] multiplies the rewards of stage k. If all weights are 1, the objective is eq. (1).
    """
    rewards = [weight * stage.rewards for stage, weight in zip(stages, weights, strict=True)]
    to_go = [returns.returns_to_go(r, 1.0) for r in rewards]
    later_return = np.zeros(len(stages[0].rewards))  # R_{>k} of each task
    for k in reversed(range(len(stages))):
        to_go[k] = to_go[k] + later_return[:, None, None]
        later_return = later_return + rewards[k].sum((-1, -2))
    return [leave_one_out(X) for X in to_go]


def episode_advantages(stages: list[Episodes], weights: list[float]) -> list[Array]:
    """Return Adv of eq. (4) with X = W_t, for every step of each stage. each [M, N, T]

    There is no score term, as in eq. (3). weights[k] multiplies the rewards of stage k.
    """
    pairs = zip(stages, weights, strict=True)
    to_go = [returns.returns_to_go(weight * stage.rewards, 1.0) for stage, weight in pairs]
    return [leave_one_out(W) for W in to_go]


def outer_surrogates(
    stages: list[Episodes], advantages: list[Any], shape: tuple[int, int]
) -> list[Objective | None]:
    """Return the surrogates L_0 .. L_K whose gradients estimate eq. (2) or eq. (3)."""
    tables = [
        None if Adv is None else rollouts.visit_sums(stage, Adv, shape)
        for stage, Adv in zip(stages, advantages, strict=True)
    ]
    return [None if C is None else surrogate_objective(C) for C in tables]


def _from_adjoints(adaptation: Adaptation, trial: Trial, v: Iterates) -> Gradients:
    """Return the gradient in theta, which is v_0 summed over the tasks, and the gradient in alpha.

    The gradient in alpha is adaptation (6).
    """
    return Gradients(
        in_theta=v[0],
        in_alpha=partial(
            alpha_gradient, adaptation.policy, trial.path, trial.inner, v, trial.passes
        ),
    )


def second_order(adaptation: Adaptation, trial: Trial, outer: Objectives) -> Gradients:
    """Return the gradients of sum_k L_k(phi_k) by the chain of adjoints, adaptation (3).

    With the advantages of `trial_advantages`, the gradient in theta is the estimate of eq. (2).
    With the advantages of `episode_advantages`, the score term is missing.
    """
    policy, path = adaptation.policy, trial.path
    v = adjoints(policy, path, trial.alpha, trial.inner, outer, trial.passes)
    return _from_adjoints(adaptation, trial, v)


def first_order(adaptation: Adaptation, trial: Trial, outer: Objectives) -> Gradients:
    """Return the gradients of eq. (3), with the first-order adjoints of adaptation (4).

    The gradient in alpha is adaptation (6) with the first-order adjoints.
    """
    v = first_order_adjoints(adaptation.policy, trial.path, outer, trial.passes)
    return _from_adjoints(adaptation, trial, v)


# emaml estimates eq. (2), plain estimates eq. (2) without the score term, fomaml estimates eq. (3).
emaml = MetaGradient(advantages=trial_advantages, gradients=second_order)
plain = MetaGradient(advantages=episode_advantages, gradients=second_order)
fomaml = MetaGradient(advantages=episode_advantages, gradients=first_order)
