"""MAML and first-order MAML: an initialisation that a few inner steps turn into a good policy.

Both ascend the return of a whole trial (trials (1)), N episodes of which K times N_inner are
followed by an inner step:

    (1)  F(theta) = E[sum of all rewards] = N_inner sum_{k<K} J(phi_k) + (N - K N_inner) J(phi_K)
                                                                          [Stadie et al. 2018]
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

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min import adaptation, objectives, optimizers, returns, rollouts, trees, trials
from metarl_min.arguments import require, whole
from metarl_min.learners import Learner
from metarl_min.mdp import MDP
from metarl_min.objectives import Objective
from metarl_min.optimizers import Optimizer
from metarl_min.policies import Policy
from metarl_min.rollouts import Episodes
from metarl_min.tasks import Family
from metarl_min.trees import Array, Rng, Tree
from metarl_min.trials import Inner, Trial

OBJECTIVES = ("trial", "adapted", "exact")


class State(NamedTuple):
    """What the next step needs."""

    theta: Tree
    alpha: float
    optimizer: Any


class Info(NamedTuple):
    """What a person wants to see of a step."""

    per_episode: Array  # [N] mean return of each episode; [1] after adaptation where exact


def centred(advantages: Array) -> Array:
    """Subtract from each task the mean of the others, at each step, eq. (4). [M, N, T]"""
    M = len(advantages)
    return (advantages - advantages.mean(0)) * (M / (M - 1)) if M > 1 else advantages


def outer_surrogates(
    stages: list[Episodes], weights: Sequence[float], shape: tuple[int, int], score_term: bool
) -> list[Objective]:
    """The surrogates of eq. (2) at phi_0 .. phi_K, summed over episodes; without G, of eq. (3).

    `weights` multiply the rewards of each stage: all 1 for the return of the trial.
    """
    later = np.zeros(len(stages[0].rewards))  # G of each task, from the last stage backwards
    outer = []
    for stage, weight in zip(stages[::-1], weights[::-1], strict=True):
        rewards = weight * stage.rewards
        advantages = returns.discounted_returns(rewards, 1.0) + later[:, None, None]
        outer.append(objectives.sampled(rollouts.table(stage, centred(advantages), shape)))
        later = later + score_term * rewards.sum((-1, -2))
    return outer[::-1]


def second_order_gradient(
    policy: Policy, trial: Trial, alpha: float, weights: Sequence[float], shape: tuple[int, int]
) -> Tree:
    """Estimate of grad F by eq. (2), summed over the tasks."""
    outer = outer_surrogates(trial.stages, weights, shape, score_term=True)
    v = adaptation.adjoints(policy, trial.path, alpha, trial.inner, outer)
    return adaptation.sum_tasks(v[0], trial.path[0])


def first_order_gradient(
    policy: Policy, trial: Trial, alpha: float, weights: Sequence[float], shape: tuple[int, int]
) -> Tree:
    """Estimate by eq. (3), summed over the tasks."""
    outer = outer_surrogates(trial.stages, weights, shape, score_term=False)
    v = adaptation.first_order_adjoints(policy, trial.path, outer)
    return adaptation.sum_tasks(v[0], trial.path[0])


def _init(rng: Rng, family: Family, inner: Inner, optimizer: Optimizer) -> State:
    """Start uniform (a table) or nearly so (a network), with the family's alpha."""
    trials.stage_sizes(inner, family)  # refuses an inner_steps that does not fit
    theta = inner.policy.init(rng, *family.sample(rng, 1).shape)
    alpha = trials.resolve(inner, family).alpha
    assert alpha is not None
    return State(theta, alpha, optimizer.init(theta))


def _ascend(optimizer: Optimizer, state: State, gradient: Tree) -> State:
    theta, moments = optimizer.update(state.theta, state.optimizer, gradient)
    return State(theta, state.alpha, moments)


def _step_sampled(
    rng: Rng,
    state: State,
    family: Family,
    inner: Inner,
    optimizer: Optimizer,
    num_tasks: int,
    whole_trial: bool,
    estimate: Any,
) -> tuple[State, Info]:
    """Ascend the return of the whole trial, eq. (1), or that of its last stage alone."""
    tasks = family.sample(rng, num_tasks)
    trial = trials.play(rng, inner, family, state.theta, state.alpha, tasks)
    weights = [float(whole_trial)] * (len(trial.stages) - 1) + [1.0]
    total = estimate(inner.policy, trial, state.alpha, weights, tasks.shape)
    mean = trees.map(lambda x: x / num_tasks, total)
    return _ascend(optimizer, state, mean), Info(trials.per_episode(trial.stages))


def _step_exact(
    rng: Rng,
    state: State,
    family: Family,
    inner: Inner,
    optimizer: Optimizer,
    num_tasks: int,
    gradient: Any,
) -> tuple[State, Info]:
    """Ascend F_inf, adaptation (5), or by its first-order form."""
    K = len(trials.stage_sizes(inner, family)) - 1
    tasks = family.sample(rng, num_tasks)
    problem = inner.policy, state.theta, state.alpha, K, objectives.exact(tasks, family.horizon)
    adapted = np.array([adaptation.adapted_return(*problem)])
    return _ascend(optimizer, state, gradient(*problem)), Info(adapted)


def _trial(
    rng: Rng, state: State, family: Family, tasks: MDP, *, inner: Inner, greedy: bool = False
) -> Episodes:
    played = trials.play(rng, inner, family, state.theta, state.alpha, tasks, greedy)
    return trials.episodes(played.stages)


def without_adaptation(state: State) -> State:
    """The state that plays theta throughout: alpha = 0."""
    return state._replace(alpha=0.0)


def _control(rng: Rng, state: State, family: Family, inner: Inner, optimizer: Optimizer) -> State:
    """The untrained start with the alpha that pays best on tasks of its own."""
    untrained = _init(rng, family, inner, optimizer)
    alpha = trials.best_untrained_alpha(rng, inner, family, untrained.theta)
    return untrained._replace(alpha=alpha)


def _iterations(family: Family) -> tuple[int, int]:
    return (400, 2000) if family.horizon == 1 else (300, 1500)


def _learner(settings: dict[str, Any], estimate: Any, exact: Any) -> Learner:
    """Check the settings and assemble; `estimate` and `exact` are the meta-gradients."""
    objective, num_tasks = settings.pop("objective"), whole("num_tasks", settings.pop("num_tasks"))
    optimizer = optimizers.by_name(settings.pop("optimizer"), settings.pop("beta"))
    inner = trials.settings(**settings)
    rule = f"objective must be one of {', '.join(OBJECTIVES)}"
    require(objective in OBJECTIVES, rule, repr(objective))
    sampled = partial(_step_sampled, whole_trial=objective == "trial", estimate=estimate)
    step = partial(_step_exact, gradient=exact) if objective == "exact" else sampled
    return Learner(
        partial(_init, inner=inner, optimizer=optimizer),
        partial(step, inner=inner, optimizer=optimizer, num_tasks=num_tasks),
        partial(_trial, inner=inner),
        without_adaptation,
        partial(_control, inner=inner, optimizer=optimizer),
        _iterations,
    )


def maml(
    *, policy: str = "table", alpha: float | None = None, beta: float = 0.05,
    optimizer: str = "adam", num_tasks: int = 200, inner_steps: int | None = None,
    inner_episodes: int = 1, baseline: str = "", gamma: float | None = None,
    objective: str = "trial",
) -> Learner:  # fmt: skip
    """MAML: second order, with the score term, eq. (2).

    `alpha`, `beta` inner and outer step size; `num_tasks` per meta-batch; `inner_steps` K of
    `inner_episodes` N_inner each; `baseline` (mean, linear or a number) and `gamma` of the inner
    surrogate; `objective`: return of the whole trial, return once adapted, or F_inf, exact. What
    is left out depends on the family (`trials.DEFAULTS`).
    """
    return _learner(locals(), second_order_gradient, adaptation.meta_gradient_by_chain)


def fomaml(
    *, policy: str = "table", alpha: float | None = None, beta: float = 0.05,
    optimizer: str = "adam", num_tasks: int = 200, inner_steps: int | None = None,
    inner_episodes: int = 1, baseline: str = "", gamma: float | None = None,
    objective: str = "trial",
) -> Learner:  # fmt: skip
    """First-order MAML, eq. (3): neither Jacobians nor score term. Settings as for `maml`."""
    return _learner(locals(), first_order_gradient, adaptation.first_order_meta_gradient)
