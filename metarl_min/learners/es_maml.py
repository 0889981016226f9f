"""ES-MAML: evolution of the initial parameters of a learner that adapts.

The initial parameters are theta. The fitness of theta is the return of a trial that starts with
theta and adapts. A trial has stages k = 0, 1, .., as in the module `trials`. One adaptation follows
each stage except the last. The last stage may have more episodes than the others. In this module,
R_k is the return of stage k, phi_k are the parameters after k adaptations, and x_k are the
parameters that hill climbing plays in stage k. At the start phi_0 = theta. Evolution ascends

    (1)  F(theta) = E sum_k R_k                                     [after Song et al. 2020]

In Song et al. 2020, only the last stage counts. Here all stages count, so the exploration in the
early stages counts too. There are two rules of adaptation:

    (2)  gradient: phi_{k+1} = phi_k + alpha grad L(phi_k; D_k)     [Finn et al. 2017]
    (3)  hill climbing: stage k plays x_k = phi_k + alpha e_k, e_k ~ N(0, I), and has the return
         R_k; then phi_{k+1} is the one of x_0 .. x_k with the largest return
                                                       [after Song et al. 2020, sec. 3.3.2]

Rule (2) is trials (1): stage k plays phi_k, and L is the surrogate of the episodes D_k of stage k.
In (3), e_k = 0 in the first and the last stage. So the first stage plays theta, and the last stage
plays the best parameters so far. If several x_k have the largest return, the latest is chosen.

In (2) and (3), alpha is the step size of a member. It is the setting `alpha` times 2^log2_alpha.
Here `log2_alpha` is one more parameter of the member, which evolves together with theta.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import numpy as np

from metarl_min.basics import trees, words
from metarl_min.basics.arguments import flag, generator, require
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.evolution import players
from metarl_min.evolution.players import Player
from metarl_min.gradients import advantages, controls, trials
from metarl_min.gradients.adaptation_settings import Adaptation
from metarl_min.gradients.adaptation_settings import adaptation as resolve
from metarl_min.learners import Control, Learner
from metarl_min.learners.es import Info, Search, State, evolve
from metarl_min.mdps import networks, policies, rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.policies import Policy, tabular
from metarl_min.mdps.rollouts import Episodes, Sampler
from metarl_min.tasks import Family

Sample = Callable[..., Episodes]  # the arguments of `rollouts.sample` -> episodes
NO_STEP = -np.inf  # the log2_alpha of a step size of zero


def _align_with_leaf(x: Array, leaf: Array) -> Array:
    """Return x [P, M] with axes of length 1 added, so that it multiplies a leaf [P, M, ..]."""
    return x.reshape(*x.shape, *[1] * (leaf.ndim - x.ndim))


def _choose(better: Array, played: Tree, best: Tree) -> Tree:
    """Return `played` for each (member, task) where `better` [P, M] is true, else `best`."""
    return trees.map_leaves(lambda x, y: np.where(_align_with_leaf(better, x), x, y), played, best)


def by_gradient(
    rng: Rng, adaptation: Adaptation, sampler: Sampler, theta: Tree, alpha: Array, sample: Sample
) -> Episodes:
    """Play a trial that adapts by eq. (2). theta [P, 1, ..], alpha [P, 1] -> [P, M, N, T]"""
    step_sizes = trees.map_leaves(lambda x: _align_with_leaf(alpha, x), theta)
    trial = trials.play(rng, adaptation, sampler, theta, step_sizes, len(alpha), sample)
    return trials.join_stages(trial.stages)


def by_hill_climbing(
    rng: Rng, adaptation: Adaptation, sampler: Sampler, theta: Tree, alpha: Array, sample: Sample
) -> Episodes:
    """Play a trial that adapts by eq. (3). theta [P, 1, ..], alpha [P, 1] -> [P, M, N, T]"""
    P, M, last = len(alpha), sampler.leading[-1], len(adaptation.sizes) - 1
    best, best_return, stages = theta, -np.inf, []
    for k, num_episodes in enumerate(adaptation.sizes):
        played = best
        if 0 < k < last:
            # All members use one e_k [M, ..], so the number of members does not change a result.
            e = trees.map_leaves(lambda x: rng.standard_normal((M, *x.shape[2:])), best)
            played = trees.map_leaves(lambda x, e: x + _align_with_leaf(alpha, x) * e, best, e)
        probs = policies.softmax(adaptation.policy.logits(played))
        stages.append(sample(rng, sampler, probs, num_episodes, adaptation.family.horizon, P))
        stage_return = stages[-1].rewards.sum((-2, -1))
        best = _choose(stage_return >= best_return, played, best)
        best_return = np.maximum(stage_return, best_return)
    return trials.join_stages(stages)


ADAPTATIONS = {"gradient": by_gradient, "hill_climbing": by_hill_climbing}


def _init(rng: Rng, *, adaptation: Adaptation) -> Tree:
    S, A = adaptation.family.sample(rng, 1).shape
    theta = adaptation.policy.init(rng, S, A) | {"log2_alpha": np.zeros(1)}
    return trees.map_leaves(np.float32, theta)


def _with_axis_of_tasks(thetas: Tree) -> Tree:
    """Return the parameters of the policy, each leaf [P, 1, ..]."""
    return {name: x[:, None] for name, x in thetas.items() if name != "log2_alpha"}


def _trial(
    rng: Rng, thetas: Tree, tasks: MDP, greedy: bool = False, *, adaptation: Adaptation,
    play_trial: Callable[..., Episodes],
) -> Episodes:  # fmt: skip
    sampler = rollouts.sampler(tasks, adaptation.family.reward_noise)
    theta = _with_axis_of_tasks(thetas)
    # The leaf log2_alpha is [P, 1], so alpha is [P, 1]: the axis of length 1 stands for the tasks.
    alpha = adaptation.alpha * 2.0 ** thetas["log2_alpha"]
    sample = trials.sample_greedily if flag("greedy", greedy) else rollouts.sampled_episodes
    return play_trial(generator("rng", rng), adaptation, sampler, theta, alpha, sample)


def _returns_without_steps(
    rng: Rng, thetas: Tree, tasks: MDP, unit: float, *, adaptation: Adaptation
) -> Array:
    """Return the returns of the episodes of `_trial` if K = 0: theta plays all of them."""
    family, P = adaptation.family, players.num_members(thetas)
    sampler = rollouts.sampler(tasks, family.reward_noise)
    probs = policies.softmax(adaptation.policy.logits(_with_axis_of_tasks(thetas)))
    N, T = family.num_episodes, family.horizon
    return rollouts.sampled_returns(rng, sampler, probs, N, T, P, unit)


def adapting_player(
    adaptation: Adaptation, play_trial: Callable[..., Episodes] = by_gradient
) -> Player:
    """Return the player whose members adapt in their trials, by eq. (2) or eq. (3).

    `play_trial` is `by_gradient` or `by_hill_climbing`.
    """
    is_fixed = adaptation.inner_steps == 0
    returns = partial(_returns_without_steps, adaptation=adaptation) if is_fixed else None
    return Player(
        family=adaptation.family,
        init=partial(_init, adaptation=adaptation),
        trial=partial(_trial, adaptation=adaptation, play_trial=play_trial),
        returns=returns,
    )


def _step(
    rng: Rng, state: State, *, step: Callable[..., Any], first_alpha: float
) -> tuple[State, Info]:
    """Take the step of `es`, and report the inner step size of the state before this step.

    `first_alpha` is the setting `alpha`, the inner step size of a member with log2_alpha = 0.
    """
    new, info = step(rng, state)
    return new, info._replace(alpha=first_alpha * 2.0 ** float(state.theta["log2_alpha"][0]))


def _without_adaptation(state: State) -> State:
    """Return the state with a step size of zero."""
    return state._replace(theta=state.theta | {"log2_alpha": np.full(1, NO_STEP)})


def _untrained_control(
    rng: Rng, *, player: Player, first_alpha: float, init: Callable[[Rng], State]
) -> Control:
    """Return a state with untrained initial parameters, and the step size that is best for them.

    `best_untrained_alpha` tries a grid of step sizes around `first_alpha`.
    """
    state = init(rng)

    def with_alpha(alpha: float) -> Tree:
        return state.theta | {"log2_alpha": np.log2([alpha / first_alpha])}

    def play_with(rng: Rng, alpha: float, tasks: MDP) -> Episodes:
        return players.play_one(player, rng, with_alpha(alpha), tasks)

    alpha = controls.best_untrained_alpha(rng, player.family, first_alpha, play_with)
    return Control(state=state._replace(theta=with_alpha(alpha)), alpha=alpha)


def _check_hill_climbing(inner: Adaptation, given: dict[str, Any]) -> None:
    """Raise a ValueError if hill climbing does nothing, or if a setting of gradients is given.

    By eq. (3) the first and the last stage try nothing new, so hill climbing needs at least three
    stages.
    """
    rule = "inner_steps must be at least 2 for hill_climbing, which first plays theta itself"
    require(inner.inner_steps > 1, rule, inner.inner_steps)
    for name in ("baseline", "gamma"):
        rule = f"{name} must be left out for hill_climbing, which takes no gradient"
        require(given[name] is None, rule, given[name])


SEARCH = Search(beta=0.05)


def es_maml(
    family: Family,
    *,
    adaptation: Annotated[Callable[..., Episodes], ADAPTATIONS] = by_gradient,
    policy: Annotated[Policy, networks.parse] = tabular,
    alpha: float | None = None,
    inner_steps: int | None = None,
    inner_episodes: int | None = None,
    baseline: Annotated[str | float, advantages.parse] | None = None,
    gamma: float | None = None,
    **search: Annotated[Any, SEARCH],
) -> Learner:
    """Return a learner that evolves initial parameters and their step size, eqs. (1)-(3).

    adaptation      gradient or hill_climbing
    policy          table, network or network:H with H hidden units
    alpha           step size before evolution changes it, positive; the default is the default of
                    `maml`, but 1 for hill_climbing
    inner_steps     number K of adaptations in a trial; the default is the default of `maml`
    inner_episodes  number of episodes before each adaptation, by default 1
    baseline        mean, leave_one_out, standardised, linear or a number; only if adaptation
                    is gradient; the default is the default of `maml`
    gamma           discount of the return-to-go; only if adaptation is gradient; the default is the
                    default of `maml`

    `search` holds fields of `es.Search`. TypeError or ValueError if a setting is out of range, or
    if it has no effect because of the other settings.
    """
    if adaptation not in ADAPTATIONS.values():
        raise TypeError(f"adaptation must be by_gradient or by_hill_climbing, got {adaptation!r}")
    given: dict[str, Any] = {"alpha": alpha, "baseline": baseline, "gamma": gamma}
    steps: dict[str, Any] = {"inner_steps": inner_steps, "inner_episodes": inner_episodes}
    inner = resolve(family, policy=policy, **given, **steps)
    if adaptation is by_hill_climbing:
        _check_hill_climbing(inner, given)
        inner = inner._replace(alpha=1.0 if alpha is None else inner.alpha)
    require(inner.alpha > 0, "alpha must be positive", inner.alpha)
    player = adapting_player(inner, adaptation)
    resolved = Search(**(SEARCH._asdict() | search))
    values = inner.words | {"policy": policy, "adaptation": adaptation} | resolved._asdict()
    settings = words.describe(es_maml, values)
    # Hill climbing has no baseline and no gamma.
    for name in ("baseline", "gamma") if adaptation is by_hill_climbing else ():
        settings.pop(name)
    learner = evolve(player, resolved, 1000, settings)
    if inner.inner_steps == 0:
        return learner
    learner = learner._replace(step=partial(_step, step=learner.step, first_alpha=inner.alpha))
    control = partial(_untrained_control, player=player, first_alpha=inner.alpha, init=learner.init)
    # A trained state is compared with two states: itself without adaptation, and an untrained one.
    return learner._replace(without_adaptation=_without_adaptation, untrained_control=control)
