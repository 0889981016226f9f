"""Outer updates: how the meta-parameters theta move, given a trial on each of M tasks.

An ascent follows the gradient of the objective F, averaged over the tasks. The inner step size
alpha ascends too if it is learned:

    (1)  theta <- theta + beta/M sum_tasks dF/dtheta,  alpha <- alpha + beta/M sum_tasks dF/dalpha
                                                    [Finn et al. 2017, alg. 3; Li et al. 2017]

Plain gradient ascent is (1). Another optimiser, such as Adam, makes its own step from the same mean
gradient. TRPO and the clipped surrogate do not follow (1): they keep the new policies near the old
ones, trust_region (7).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, NamedTuple

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.arguments import real, require
from metarl_min.basics.optimizers import OPTIMIZERS, Optimizer, adam
from metarl_min.basics.trees import Tree
from metarl_min.gradients import trust_region
from metarl_min.gradients.trial_gradients import MetaGradient, outer_surrogates
from metarl_min.gradients.trials import Adaptation, Trial, only_adapted
from metarl_min.gradients.trust_region import StageTables


class State(NamedTuple):
    """The state of meta-training."""

    theta: Tree
    alpha: Any  # inner step size: a number, or a tree with one for each parameter
    moments: Any  # state of the update of theta
    alpha_moments: Any  # state of the update of alpha


class Outer(NamedTuple):
    """An outer update. It is given one term of the objective for each stage of the trial."""

    words: dict[str, Any]  # the settings of `outer_of_words` that make it again
    init: Callable[[Tree], Any]  # parameters -> moments
    terms: Callable[..., list[Any]]  # (stages, advantages, (S, A)) -> one term for each stage
    update: Callable[[Rules, State, Trial, list[Any]], State]


class LearnAlpha(NamedTuple):
    """A way to learn the inner step size beside theta."""

    start: Callable[..., tuple[Any, Any]]  # (alpha, theta, init) -> (alpha, alpha_moments)
    ascend: Callable[..., tuple[Any, Any]]
    # (optimizer, state, gradient in the step size of each parameter summed over M tasks, M)
    # -> (alpha, alpha_moments)


class Rules(NamedTuple):
    """The settings of a learner that follows meta-gradients, all of them resolved."""

    adaptation: Adaptation
    estimator: MetaGradient
    learn_alpha: LearnAlpha
    outer: Outer
    num_tasks: int  # M


def start(rules: Rules, theta: Tree) -> State:
    """Return the state at the start of training, from meta-parameters theta."""
    init = rules.outer.init
    alpha, alpha_moments = rules.learn_alpha.start(rules.adaptation.alpha, theta, init)
    return State(theta=theta, alpha=alpha, moments=init(theta), alpha_moments=alpha_moments)


def _mean(total: Tree, num_tasks: int) -> Tree:
    return trees.map_leaves(lambda leaf: leaf / num_tasks, total)


def _start_fixed(alpha: float, theta: Tree, init: Callable[[Tree], Any]) -> tuple[Any, Any]:
    return alpha, ()


def _keep(
    optimizer: Optimizer, state: State, gradient: Callable[[], Tree], num_tasks: int
) -> tuple[Any, Any]:
    return state.alpha, state.alpha_moments


def _start_one(alpha: float, theta: Tree, init: Callable[[Tree], Any]) -> tuple[Any, Any]:
    return alpha, init({"alpha": np.array(alpha)})


def _ascend_one(
    optimizer: Optimizer, state: State, gradient: Callable[[], Tree], num_tasks: int
) -> tuple[Any, Any]:
    """Ascend in one number; its gradient is the sum over the parameters."""
    total = {"alpha": np.array(sum(leaf.sum() for leaf in gradient().values()))}
    leaf = {"alpha": np.array(state.alpha)}
    leaf, moments = optimizer.update(leaf, state.alpha_moments, _mean(total, num_tasks))
    return float(leaf["alpha"]), moments


def _start_each(alpha: float, theta: Tree, init: Callable[[Tree], Any]) -> tuple[Any, Any]:
    tree = trees.map_leaves(lambda leaf: np.full_like(leaf, alpha), theta)
    return tree, init(tree)


def _ascend_each(
    optimizer: Optimizer, state: State, gradient: Callable[[], Tree], num_tasks: int
) -> tuple[Any, Any]:
    return optimizer.update(state.alpha, state.alpha_moments, _mean(gradient(), num_tasks))


fixed_alpha = LearnAlpha(start=_start_fixed, ascend=_keep)
one_alpha = LearnAlpha(start=_start_one, ascend=_ascend_one)
alpha_per_parameter = LearnAlpha(start=_start_each, ascend=_ascend_each)
LEARN_ALPHA = {"no": fixed_alpha, "scalar": one_alpha, "each": alpha_per_parameter}


def _ascend(
    rules: Rules, state: State, trial: Trial, terms: list[Any], *, optimizer: Optimizer
) -> State:
    """Return the state after one ascent in theta and in alpha, eq. (1)."""
    M, gradients = rules.num_tasks, rules.estimator.gradients(rules.adaptation, trial, terms)
    theta, moments = optimizer.update(state.theta, state.moments, _mean(gradients.in_theta, M))

    def in_alpha() -> Tree:
        return only_adapted(rules.adaptation, gradients.in_alpha())

    alpha, alpha_moments = rules.learn_alpha.ascend(optimizer, state, in_alpha, M)
    return State(theta=theta, alpha=alpha, moments=moments, alpha_moments=alpha_moments)


def _step_within(
    rules: Rules, state: State, trial: Trial, terms: list[StageTables], *, max_kl: float
) -> State:
    """Return the state after one step of TRPO on the sampled trials."""
    theta, _ = trust_region.trpo_update(rules.adaptation.policy, trial, terms, max_kl)
    return state._replace(theta=theta)


def _ascend_clipped(
    rules: Rules,
    state: State,
    trial: Trial,
    terms: list[StageTables],
    *,
    clip: float,
    optimizer: Optimizer,
) -> State:
    """Return the state after a few ascents on the clipped surrogate of the sampled trials."""
    policy = rules.adaptation.policy
    theta, moments = trust_region.clipped_update(
        policy, trial, terms, optimizer, state.moments, clip
    )
    return state._replace(theta=theta, moments=moments)


def _no_moments(theta: Tree) -> tuple[()]:
    return ()


def ascent(optimizer: Optimizer) -> Outer:
    """Return one ascent along the gradient, eq. (1), by an optimiser such as `adam(0.05)`."""
    return Outer(
        words={"update": "ascent", **optimizer.words},
        init=optimizer.init,
        terms=outer_surrogates,
        update=partial(_ascend, optimizer=optimizer),
    )


def trpo(max_kl: float = 0.01) -> Outer:
    """Return one step that keeps the mean KL divergence below `max_kl`, trust_region (2)."""
    require(real("max_kl", max_kl) > 0, "max_kl must be positive", max_kl)
    return Outer(
        words={"update": "trpo", "max_kl": max_kl},
        init=_no_moments,
        terms=trust_region.trial_tables,
        update=partial(_step_within, max_kl=max_kl),
    )


def clipped(clip: float, optimizer: Optimizer) -> Outer:
    """Return five ascents on the surrogate with clipped ratios, trust_region (5)."""
    require(0 < real("clip", clip) < 1, "clip must be above 0 and below 1", clip)
    return Outer(
        words={"update": "clipped", "clip": clip, **optimizer.words},
        init=optimizer.init,
        terms=trust_region.trial_tables,
        update=partial(_ascend_clipped, clip=clip, optimizer=optimizer),
    )


UPDATES = {"ascent": ascent, "trpo": trpo, "clipped": clipped}
SETTINGS = {  # the settings that have an effect
    ascent: ("optimizer", "beta"),
    trpo: ("max_kl",),
    clipped: ("clip", "optimizer", "beta"),
}


def outer_of_words(
    *,
    update: Annotated[Callable[..., Outer], UPDATES] = ascent,
    optimizer: Annotated[Callable[[float], Optimizer] | None, OPTIMIZERS] = None,
    beta: float | None = None,
    max_kl: float | None = None,
    clip: float | None = None,
) -> Outer:
    """Return the outer update of these settings. ValueError if a setting would have no effect.

    update     ascent along the gradient, trpo (within a trust region), or clipped (ascents on
               a surrogate with clipped ratios)
    optimizer  optimiser of ascent and clipped; by default adam
    beta       outer step size of ascent and clipped; by default 0.05
    max_kl     largest mean KL divergence of trpo, in nats; by default 0.01
    clip       largest distance of a ratio from 1 in clipped; by default 0.3
    """
    given = {"optimizer": optimizer, "beta": beta, "max_kl": max_kl, "clip": clip}
    for name, value in given.items():
        users = " or ".join(word for word, x in UPDATES.items() if name in SETTINGS[x])
        allowed = value is None or name in SETTINGS[update]
        require(allowed, f"{name} must come with update={users}", f"update={update.__name__}")
    if update is trpo:
        return trpo(0.01 if max_kl is None else max_kl)
    chosen = (optimizer or adam)(0.05 if beta is None else beta)
    return ascent(chosen) if update is ascent else clipped(0.3 if clip is None else clip, chosen)
