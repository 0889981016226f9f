"""dice, loaded_dice, lvc, linearised_score and reptile for trials, and a table of all estimators.

The module trial_gradients has emaml, plain and fomaml. dice, loaded_dice, lvc and linearised_score
differ from plain in the derivative of the weights of an inner step, estimator_weights (4)-(8).
`traced` takes the inner steps of a trial with the weights of one estimator, and differentiates
these steps with autograd. The estimator plain needs no trace, because the chain of adjoints,
adaptation (3), computes the same gradients.

Reptile has no outer objectives. Its gradient is the sum of the inner gradients, reptile (1):

    phi_K - theta = alpha sum_k grad L(phi_k; D_k)

`traced`, `no_advantages` and `reptile_gradients` are used in training, and trust their arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from autograd import grad

from metarl_min.basics import trees
from metarl_min.basics.trees import Tree
from metarl_min.gradients import inner_steps
from metarl_min.gradients.adaptation import Objectives, first_order_adjoints
from metarl_min.gradients.enumeration import Data
from metarl_min.gradients.estimator_weights import WEIGHTS, Weights
from metarl_min.gradients.inner_steps import InnerStep
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
    """Return the gradients of sum_k L_k(phi_k) through inner steps with the given weights.

    L_k is the outer objective of stage k.
    """
    M = len(trial.stages[0].rewards)
    stages = trial.stages[:-1]
    # Each episode of a sampled data set has the count 1.
    data = [Data._make([stage, np.ones(stage.rewards.shape[:2])]) for stage in stages]
    # phi_0 = theta has no axis of tasks, but the inner step needs this axis. So phi_0 is copied for
    # each task. Autograd does not trace reference[k], which holds the values of phi_k.
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
                phi = inner_steps.inner_step(step, phi, reference[k], data[k], weights)
        return value

    gradients = grad(total)({"theta": trial.path[0], "alpha": trees.scale(ones, trial.alpha)})
    return Gradients(in_theta=gradients["theta"], in_alpha=lambda: gradients["alpha"])


def no_advantages(stages: Sequence[Episodes], stage_weights: Sequence[float]) -> list[None]:
    """Return None for each stage: no stage has an outer objective."""
    return [None] * len(stages)


def reptile_gradients(adaptation: Adaptation, trial: Trial, outer: Objectives) -> Gradients:
    """Return the sum of the inner gradients of the parameters that adapt, reptile (1).

    The sum is v_0 of the first-order chain, adaptation (4), with the inner objectives in the place
    of the outer objectives. `outer` is not used, and the gradient in alpha is zero.
    """
    objectives = [*trial.inner, None]
    total, *_ = first_order_adjoints(adaptation.policy, trial.path, objectives, trial.passes)
    return Gradients(
        in_theta=only_adapted(adaptation, total),
        in_alpha=partial(trees.map_leaves, np.zeros_like, total),
    )


reptile = MetaGradient(advantages=no_advantages, gradients=reptile_gradients)
UNTRACED = {"emaml": emaml, "plain": plain, "fomaml": fomaml, "reptile": reptile}
TRACED = {
    name: MetaGradient(
        advantages=episode_advantages,
        gradients=partial(traced, weights=WEIGHTS[name]),
    )
    for name in ("dice", "loaded_dice", "lvc", "linearised_score")
}
META_GRADIENTS: dict[str, MetaGradient] = {**UNTRACED, **TRACED}
