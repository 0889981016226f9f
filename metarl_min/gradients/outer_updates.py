"""Outer updates: the steps of the meta-parameters theta, given a trial on each of M tasks.

An ascent follows the gradient of the objective F, averaged over the tasks. If the inner step size
alpha is learned, alpha ascends too:

    (1)  theta <- theta + beta/M sum_tasks dF/dtheta,  alpha <- alpha + beta/M sum_tasks dF/dalpha
                                                    [Finn et al. 2017, alg. 3; Li et al. 2017]

(1) is gradient ascent. Adam and momentum compute another step from the mean gradients of (1). TRPO
and the clipped surrogate do not use (1), but keep the new policies near the old policies. TRPO
limits the mean KL divergence, trust_region (3) and (8). The clipped surrogate limits the ratios of
probabilities, trust_region (5).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from metarl_min.basics.arguments import function, instance, real, require, shown, whole
from metarl_min.basics.optimizers import Optimizer
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Tree
from metarl_min.gradients import stage_tables, step_sizes, trust_region
from metarl_min.gradients.adaptation_settings import Adaptation
from metarl_min.gradients.stage_tables import StageTables
from metarl_min.gradients.step_sizes import InitOptimizer, LearnAlpha, fixed_alpha
from metarl_min.gradients.trial_gradients import MetaGradient, outer_surrogates
from metarl_min.gradients.trials import Trial, only_adapted
from metarl_min.gradients.trust_region import Info


class State(NamedTuple):
    """The state of meta-training."""

    theta: Tree
    alpha: Any  # inner step size: a number, or a tree with a step size for each parameter
    optimizer_state: Any  # state of the optimizer of theta
    alpha_optimizer_state: Any  # state of the optimizer of alpha


def _check_outer(words: Any, init: Any, terms: Any, update: Any, in_unit: Any) -> tuple[Any, ...]:
    instance("words", words, dict)
    for name, value in (("init", init), ("terms", terms), ("update", update)):
        function(name, value)
    return words, init, terms, update, None if in_unit is None else function("in_unit", in_unit)


@checked(_check_outer)
class Outer(NamedTuple):
    """An outer update, which uses one term of the objective for each stage of a trial."""

    words: dict[str, Any]  # the arguments with which `outer_words.outer_of_words` makes this update
    init: InitOptimizer  # makes the first state of the optimizer of theta
    terms: Callable[..., list[Any]]  # (stages, advantages, (S, A)) -> a term for each stage
    update: Callable[[Settings, State, Trial, list[Any]], tuple[State, Info]]
    # (settings, state, trial, terms) -> (next state, report on the update)
    in_unit: Callable[[float], Outer] | None = None
    # unit of the gradient -> the update for this unit; None if no default depends on the unit


def _valid(
    adaptation: Adaptation,
    estimator: MetaGradient,
    learn_alpha: LearnAlpha,
    outer: Outer,
    num_tasks: int,
    unit: float,
) -> tuple[Any, ...]:
    for name, value, kind in (
        ("adaptation", adaptation, Adaptation),
        ("estimator", estimator, MetaGradient),
        ("learn_alpha", learn_alpha, LearnAlpha),
        ("outer", outer, Outer),
    ):
        if not isinstance(value, kind):
            raise TypeError(f"{name} must be of type {kind.__name__}, got {shown(repr(value))}")
    fixed = adaptation.inner_steps > 0 and learn_alpha is fixed_alpha
    rule = "alpha must be positive where it is not learned"
    require(not fixed or adaptation.alpha > 0, rule, adaptation.alpha)
    unit = real("unit", unit)
    require(unit > 0, "unit must be positive", unit)
    return adaptation, estimator, learn_alpha, outer, whole("num_tasks", num_tasks), unit


@checked(_valid)
class Settings(NamedTuple):
    """The settings of `maml`, with functions in place of names, and with all defaults.

    TypeError or ValueError if a field has the wrong type or is out of range.
    """

    adaptation: Adaptation
    estimator: MetaGradient
    learn_alpha: LearnAlpha
    outer: Outer
    num_tasks: int  # M
    unit: float = 1.0  # unit of the inner gradient, `adaptation_settings.unit_of_alpha`


def init(settings: Settings, theta: Tree) -> State:
    """Return the first state of training, with the meta-parameters theta.

    This function trusts its arguments.
    """
    init_optimizer, first_alpha = settings.outer.init, settings.adaptation.alpha
    alpha, alpha_optimizer_state = settings.learn_alpha.init(first_alpha, theta, init_optimizer)
    return State(
        theta=theta,
        alpha=alpha,
        optimizer_state=init_optimizer(theta),
        alpha_optimizer_state=alpha_optimizer_state,
    )


def learned_alpha(settings: Settings, alpha: Any) -> Any:
    """Return a summary of the step sizes that are learned, or None if none is learned.

    This function trusts its arguments.
    """
    if settings.learn_alpha is fixed_alpha:
        return None
    names = settings.adaptation.adapt if isinstance(alpha, dict) else ()
    return step_sizes.summary({name: alpha[name] for name in names} if names else alpha)


def _ascend(
    settings: Settings, state: State, trial: Trial, terms: list[Any], *, optimizer: Optimizer
) -> tuple[State, Info]:
    """Return the state after one ascent in theta and alpha, eq. (1), and an empty report."""
    M, adaptation = settings.num_tasks, settings.adaptation
    gradients = settings.estimator.gradients(adaptation, trial, terms)
    mean_gradient = {name: total / M for name, total in gradients.in_theta.items()}
    theta, optimizer_state = optimizer.update(state.theta, state.optimizer_state, mean_gradient)

    def in_alpha() -> Tree:
        return only_adapted(adaptation, gradients.in_alpha())

    learned = state.alpha, state.alpha_optimizer_state
    alpha, alpha_optimizer_state = settings.learn_alpha.ascend(
        optimizer, *learned, in_alpha, M, settings.unit
    )
    new = State(
        theta=theta,
        alpha=alpha,
        optimizer_state=optimizer_state,
        alpha_optimizer_state=alpha_optimizer_state,
    )
    return new, Info()


def _trpo_step(
    settings: Settings, state: State, trial: Trial, terms: list[StageTables], *, max_kl: float
) -> tuple[State, Info]:
    """Return the state after one step of TRPO on the sampled trials, and a report."""
    theta, info = trust_region.trpo_update(settings.adaptation.policy, trial, terms, max_kl)
    return state._replace(theta=theta), info


def _ascend_clipped(
    settings: Settings,
    state: State,
    trial: Trial,
    terms: list[StageTables],
    *,
    clip: float,
    optimizer: Optimizer,
) -> tuple[State, Info]:
    """Return the state after a few ascents on the clipped surrogate, and a report."""
    policy = settings.adaptation.policy
    theta, optimizer_state, info = trust_region.clipped_update(
        policy, trial, terms, optimizer, state.optimizer_state, clip
    )
    return state._replace(theta=theta, optimizer_state=optimizer_state), info


def _no_optimizer_state(theta: Tree) -> tuple[()]:
    return ()


def ascent(optimizer: Optimizer) -> Outer:
    """Return the update by one step of an optimizer, such as `adam(0.05)`, along eq. (1)."""
    instance("optimizer", optimizer, Optimizer)
    return Outer(
        words={"update": "ascent", **optimizer.words},
        init=optimizer.init,
        terms=outer_surrogates,
        update=partial(_ascend, optimizer=optimizer),
    )


def trpo(max_kl: float = 0.01) -> Outer:
    """Return the update that keeps the mean KL divergence at most `max_kl`, trust_region (3)."""
    max_kl = real("max_kl", max_kl)
    require(max_kl > 0, "max_kl must be positive", max_kl)
    return Outer(
        words={"update": "trpo", "max_kl": max_kl},
        init=_no_optimizer_state,
        terms=stage_tables.trial_tables,
        update=partial(_trpo_step, max_kl=max_kl),
    )


def clipped(clip: float, optimizer: Optimizer) -> Outer:
    """Return the update by five ascents on the surrogate with clipped ratios, trust_region (5)."""
    clip = real("clip", clip)
    require(0 < clip < 1, "clip must be above 0 and below 1", clip)
    instance("optimizer", optimizer, Optimizer)
    return Outer(
        words={"update": "clipped", "clip": clip, **optimizer.words},
        init=optimizer.init,
        terms=stage_tables.trial_tables,
        update=partial(_ascend_clipped, clip=clip, optimizer=optimizer),
    )
