"""The other estimators of the gradient of a trial, and all estimators by name.

An inner step weighs the score of each sampled action. Published estimators agree on the values of
these weights, but not on their derivative in the parameters: estimators (4)-(8). `traced` takes the
inner steps of a trial with the weights of one estimator, and differentiates them with autograd. For
the weights of estimators (4) the chain of adjoints, adaptation (3), has the same result without a
trace.

Reptile differentiates no inner step. Its outer objectives are its inner objectives.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from autograd import grad

from metarl_min.basics import trees
from metarl_min.basics.trees import Tree
from metarl_min.gradients import estimators
from metarl_min.gradients.adaptation import Objectives, first_order_adjoints
from metarl_min.gradients.enumeration import Data
from metarl_min.gradients.estimators import InnerStep, Weights
from metarl_min.gradients.trial_gradients import (
    Gradients,
    MetaGradient,
    emaml,
    episode_advantages,
    fomaml,
    plain,
)
from metarl_min.gradients.trials import Adaptation, Trial, only_adapted
from metarl_min.mdps.rollouts import Episodes


def traced(adaptation: Adaptation, trial: Trial, outer: Objectives, weights: Weights) -> Gradients:
    """Return the gradients of sum_k L_k(phi_k) through inner steps with the given weights."""
    M = len(trial.stages[0].rewards)
    data = [Data(stage, np.ones(stage.rewards.shape[:2])) for stage in trial.stages[:-1]]
    reference = [trees.broadcast_to_tasks(trial.path[0], M), *trial.path[1:]]
    ones = trees.map_leaves(np.ones_like, trial.path[0])

    def total(parameters: dict[str, Tree]) -> Any:
        step = InnerStep(
            policy=adaptation.policy,
            alpha=parameters["alpha"],
            baseline=adaptation.baseline,
            gamma=adaptation.gamma,
        )
        phi, value = trees.broadcast_to_tasks(parameters["theta"], M), 0.0
        for k, L in enumerate(outer):
            value = value + L.value(adaptation.policy.logits(phi)).sum()
            if k < len(data):
                phi = estimators.inner_step(step, phi, reference[k], data[k], weights)
        return value

    gradients = grad(total)({"theta": trial.path[0], "alpha": trees.scale(ones, trial.alpha)})
    return Gradients(in_theta=gradients["theta"], in_alpha=lambda: gradients["alpha"])


def no_advantages(stages: Sequence[Episodes], weights: Sequence[float]) -> list[None]:
    """Return None for each stage: no stage has an outer objective."""
    return [None] * len(stages)


def reptile_gradients(adaptation: Adaptation, trial: Trial, outer: Objectives) -> Gradients:
    """Return the sum of the inner gradients of the parameters that adapt, reptile (1).

    It is first order with the inner objectives as outer ones: `outer` is not used. There is no
    gradient in alpha.
    """
    v = first_order_adjoints(adaptation.policy, trial.path, [*trial.inner, None])
    total = trees.sum_tasks(v[0], trial.path[0])
    return Gradients(
        in_theta=only_adapted(adaptation, total),
        in_alpha=partial(trees.map_leaves, np.zeros_like, total),
    )


reptile = MetaGradient(advantages=no_advantages, gradients=reptile_gradients)
UNTRACED = {"emaml": emaml, "plain": plain, "fomaml": fomaml, "reptile": reptile}
TRACED = {
    name: MetaGradient(
        advantages=episode_advantages,
        gradients=partial(traced, weights=estimators.WEIGHTS[name]),
    )
    for name in ("dice", "loaded_dice", "lvc", "linearised_score")
}
META_GRADIENTS: dict[str, MetaGradient] = {**UNTRACED, **TRACED}
