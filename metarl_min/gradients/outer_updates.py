"""Outer updates: the steps of the meta-parameters theta, given a trial on each of M tasks.

An ascent follows the gradient of the objective F, averaged over the tasks. If the inner step size
alpha is learned, it ascends too:

    (1)  theta <- theta + beta/M sum_tasks dF/dtheta,  alpha <- alpha + beta/M sum_tasks dF/dalpha
                                                    [Finn et al. 2017, alg. 3; Li et al. 2017]

Plain gradient ascent is (1). Another optimiser, such as Adam, makes its own step from the same mean
gradient. TRPO and the clipped surrogate do not follow (1): they keep the new policies near the old
policies. TRPO limits the mean KL divergence, trust_region (3) and (8), and the clipped surrogate
limits the ratios of probabilities, trust_region (5).
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

InitOptimizer = Callable[[Tree], Any]  # parameters -> first state of their optimiser


class State(NamedTuple):
    """The state of meta-training."""

    theta: Tree
    alpha: Any  # inner step size: a number, or a tree with one for each parameter
    optimizer_state: Any  # state of the optimiser of theta
    alpha_optimizer_state: Any  # state of the optimiser of alpha


class Outer(NamedTuple):
    """An outer update. It uses one term of the objective for each stage of the trial."""

    words: dict[str, Any]  # the arguments with which `outer_of_words` builds this update again
    init: InitOptimizer  # makes the first state of the optimiser of theta
    terms: Callable[..., list[Any]]  # (stages, advantages, (S, A)) -> one term for each stage
    update: Callable[[Settings, State, Trial, list[Any]], State]


class LearnAlpha(NamedTuple):
    """A rule for the inner step size alpha during training.

    `init(alpha, theta, init_optimizer)` and `ascend(optimizer, state, gradient, M)` return alpha
    and the state of its optimiser. `gradient()` is dF/dalpha of each parameter, summed over the M
    tasks.
    """

    init: Callable[..., tuple[Any, Any]]
    ascend: Callable[..., tuple[Any, Any]]


class Settings(NamedTuple):
    """The settings of `maml`. Functions replace names, and defaults replace None."""

    adaptation: Adaptation
    estimator: MetaGradient
    learn_alpha: LearnAlpha
    outer: Outer
    num_tasks: int  # M


def init(settings: Settings, theta: Tree) -> State:
    """Return the first state of training, with the meta-parameters theta."""
    init_optimizer, first_alpha = settings.outer.init, settings.adaptation.alpha
    alpha, alpha_optimizer_state = settings.learn_alpha.init(first_alpha, theta, init_optimizer)
    return State(
        theta=theta,
        alpha=alpha,
        optimizer_state=init_optimizer(theta),
        alpha_optimizer_state=alpha_optimizer_state,
    )


def _mean(total: Tree, num_tasks: int) -> Tree:
    return trees.map_leaves(lambda leaf: leaf / num_tasks, total)


def _init_fixed(alpha: float, theta: Tree, init_optimizer: InitOptimizer) -> tuple[Any, Any]:
    return alpha, ()


def _keep(
    optimizer: Optimizer, state: State, gradient: Callable[[], Tree], num_tasks: int
) -> tuple[Any, Any]:
    return state.alpha, state.alpha_optimizer_state


def _init_one(alpha: float, theta: Tree, init_optimizer: InitOptimizer) -> tuple[Any, Any]:
    return alpha, init_optimizer({"alpha": np.array(alpha)})


def _ascend_one(
    optimizer: Optimizer, state: State, gradient: Callable[[], Tree], num_tasks: int
) -> tuple[Any, Any]:
    """Ascend in one number, eq. (1). Its gradient is the sum over all parameters."""
    total = {"alpha": np.array(sum(leaf.sum() for leaf in gradient().values()))}
    leaf, optimizer_state = {"alpha": np.array(state.alpha)}, state.alpha_optimizer_state
    leaf, optimizer_state = optimizer.update(leaf, optimizer_state, _mean(total, num_tasks))
    return float(leaf["alpha"]), optimizer_state


def _init_each(alpha: float, theta: Tree, init_optimizer: InitOptimizer) -> tuple[Any, Any]:
    tree = trees.map_leaves(lambda leaf: np.full_like(leaf, alpha), theta)
    return tree, init_optimizer(tree)


def _ascend_each(
    optimizer: Optimizer, state: State, gradient: Callable[[], Tree], num_tasks: int
) -> tuple[Any, Any]:
    mean_gradient = _mean(gradient(), num_tasks)
    return optimizer.update(state.alpha, state.alpha_optimizer_state, mean_gradient)


fixed_alpha = LearnAlpha(init=_init_fixed, ascend=_keep)
one_alpha = LearnAlpha(init=_init_one, ascend=_ascend_one)
alpha_per_parameter = LearnAlpha(init=_init_each, ascend=_ascend_each)
LEARN_ALPHA = {"no": fixed_alpha, "scalar": one_alpha, "each": alpha_per_parameter}


def _ascend(
    settings: Settings, state: State, trial: Trial, terms: list[Any], *, optimizer: Optimizer
) -> State:
    """Return the state after one ascent in theta and in alpha, eq. (1)."""
    M, adaptation = settings.num_tasks, settings.adaptation
    gradients = settings.estimator.gradients(adaptation, trial, terms)
    mean_gradient = _mean(gradients.in_theta, M)
    theta, optimizer_state = optimizer.update(state.theta, state.optimizer_state, mean_gradient)

    def in_alpha() -> Tree:
        return only_adapted(adaptation, gradients.in_alpha())

    alpha, alpha_optimizer_state = settings.learn_alpha.ascend(optimizer, state, in_alpha, M)
    return State(
        theta=theta,
        alpha=alpha,
        optimizer_state=optimizer_state,
        alpha_optimizer_state=alpha_optimizer_state,
    )


def _trpo_step(
    settings: Settings, state: State, trial: Trial, terms: list[StageTables], *, max_kl: float
) -> State:
    """Return the state after one step of TRPO on the sampled trials."""
    theta, _ = trust_region.trpo_update(settings.adaptation.policy, trial, terms, max_kl)
    return state._replace(theta=theta)


def _ascend_clipped(
    settings: Settings,
    state: State,
    trial: Trial,
    terms: list[StageTables],
    *,
    clip: float,
    optimizer: Optimizer,
) -> State:
    """Return the state after a few ascents on the clipped surrogate of the sampled trials."""
    policy = settings.adaptation.policy
    theta, optimizer_state = trust_region.clipped_update(
        policy, trial, terms, optimizer, state.optimizer_state, clip
    )
    return state._replace(theta=theta, optimizer_state=optimizer_state)


def _no_optimizer_state(theta: Tree) -> tuple[()]:
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
    """Return one step that keeps the mean KL divergence at most `max_kl`, trust_region (3)."""
    require(real("max_kl", max_kl) > 0, "max_kl must be positive", max_kl)
    return Outer(
        words={"update": "trpo", "max_kl": max_kl},
        init=_no_optimizer_state,
        terms=trust_region.trial_tables,
        update=partial(_trpo_step, max_kl=max_kl),
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
USED = {  # the settings that have an effect on each update
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

    update     ascent: along the gradient; trpo: within a trust region; clipped: several ascents
               on a surrogate with clipped ratios
    optimizer  optimiser of ascent and clipped; by default adam
    beta       outer step size of ascent and clipped; by default 0.05
    max_kl     largest mean KL divergence of trpo, in nats; by default 0.01
    clip       in clipped, ratios are clipped to 1 - clip .. 1 + clip; by default 0.3
    """
    given = {"optimizer": optimizer, "beta": beta, "max_kl": max_kl, "clip": clip}
    for name, value in given.items():
        users = " or ".join(word for word, x in UPDATES.items() if name in USED[x])
        allowed = value is None or name in USED[update]
        require(allowed, f"{name} must come with update={users}", f"update={update.__name__}")
    if update is trpo:
        return trpo(0.01 if max_kl is None else max_kl)
    chosen = (optimizer or adam)(0.05 if beta is None else beta)
    return ascent(chosen) if update is ascent else clipped(0.3 if clip is None else clip, chosen)
