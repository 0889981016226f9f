"""ES-MAML: evolution of a start whose fitness is its return while it adapts.

A trial has stages k = 0, 1, .., as in the module trials. A member plays stage k with phi_k and
starts from phi_0 = theta. With R_k the return of stage k, evolution ascends

    (1)  F(theta) = E sum_k R_k
                              [after Song et al. 2020, where the last stage alone counts]

The parameters are adapted between the stages in one of two ways:

    (2)  gradient: phi_{k+1} = phi_k + alpha grad L(phi_k; D_k), the inner step trials (1)
                              [Finn et al. 2017; Song et al. 2020 evolve this step too]
    (3)  hill climbing: stage k plays x_k = phi_k + alpha e_k with e_k ~ N(0, I); in the first and
         the last stage e_k = 0; phi_{k+1} = x_j for the largest R_j of all j <= k, and for the
         last of them if several are equal
                              [after Song et al. 2020, sec. 3.3.2, where the first of equals stays]

The step size evolves together with theta. Its parameter is `log2_alpha`: the step size of a member
is alpha 2^log2_alpha, where alpha is the setting.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import numpy as np

from metarl_min.basics import trees, words
from metarl_min.basics.arguments import require
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.evolution import players
from metarl_min.evolution.players import Player
from metarl_min.gradients import controls, returns, trials
from metarl_min.gradients.trials import Adaptation
from metarl_min.learners import Control, Learner
from metarl_min.learners.es import Search, State, evolve
from metarl_min.mdps import policies, rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.policies import Policy, tabular
from metarl_min.mdps.rollouts import Episodes, Sampler
from metarl_min.tasks import Family

Sample = Callable[..., Episodes]  # the arguments of `rollouts.sample` -> episodes
NO_STEP = -np.inf  # the log2_alpha of a start that does not adapt


def _per_member(x: Array, leaf: Array) -> Array:
    """Return x [P, M] with further axes of length 1, ready to multiply a leaf [P, M, ..]."""
    return x.reshape(*x.shape, *[1] * (leaf.ndim - x.ndim))


def by_gradient(
    rng: Rng, adaptation: Adaptation, sampler: Sampler, theta: Tree, alpha: Array, sample: Sample
) -> Episodes:
    """Play a trial that adapts by eq. (2). theta [P, 1, ..], alpha [P, 1] -> [P, M, N, T]"""
    steps = trees.map_leaves(lambda x: _per_member(alpha, x), theta)
    trial = trials.play(rng, adaptation, sampler, theta, steps, len(alpha), sample)
    return trials.join_stages(trial.stages)


def by_hill_climbing(
    rng: Rng, adaptation: Adaptation, sampler: Sampler, theta: Tree, alpha: Array, sample: Sample
) -> Episodes:
    """Play a trial that adapts by eq. (3). theta [P, 1, ..], alpha [P, 1] -> [P, M, N, T]"""
    P, M, last = len(alpha), sampler.leading[-1], len(adaptation.sizes) - 1
    best, best_return, stages = theta, -np.inf, []
    for k, num_episodes in enumerate(adaptation.sizes):
        x = best
        if 0 < k < last:
            e = trees.map_leaves(lambda y: rng.standard_normal((M, *y.shape[2:])), best)
            x = trees.map_leaves(lambda y, e: y + _per_member(alpha, y) * e, best, e)
        probs = policies.softmax(adaptation.policy.logits(x))
        stages.append(sample(rng, sampler, probs, num_episodes, adaptation.family.horizon, P))
        stage_return = stages[-1].rewards.sum((-2, -1))
        better = stage_return >= best_return
        best = trees.map_leaves(
            lambda y, z, better=better: np.where(_per_member(better, y), y, z), x, best
        )
        best_return = np.maximum(stage_return, best_return)
    return trials.join_stages(stages)


WAYS = {"gradient": by_gradient, "hill_climbing": by_hill_climbing}


def _init(rng: Rng, *, adaptation: Adaptation) -> Tree:
    S, A = adaptation.family.sample(rng, 1).shape
    theta = adaptation.policy.init(rng, S, A) | {"log2_alpha": np.zeros(1)}
    return trees.map_leaves(np.float32, theta)


def _trial(
    rng: Rng, thetas: Tree, tasks: MDP, greedy: bool = False, *, adaptation: Adaptation, way: Any
) -> Episodes:
    sampler = rollouts.sampler(tasks, adaptation.family.reward_noise)
    theta = {name: x[:, None] for name, x in thetas.items() if name != "log2_alpha"}
    alpha = adaptation.alpha * 2.0 ** thetas["log2_alpha"]
    sample = trials.sample_greedily if greedy else rollouts.sample
    return way(rng, adaptation, sampler, theta, alpha, sample)


def adapting_player(adaptation: Adaptation, way: Callable[..., Episodes] = by_gradient) -> Player:
    """Return the player whose members adapt in their trials, by eq. (2) or eq. (3)."""
    return Player(
        family=adaptation.family,
        init=partial(_init, adaptation=adaptation),
        trial=partial(_trial, adaptation=adaptation, way=way),
    )


def _without_adaptation(state: State) -> State:
    """Return the state whose step size is zero."""
    return state._replace(theta=state.theta | {"log2_alpha": np.full(1, NO_STEP)})


def _untrained_control(
    rng: Rng, *, player: Player, first_alpha: float, init: Callable[[Rng], State]
) -> Control:
    """Return an untrained start with the step size that is best for it.

    `first_alpha` is the step size for log2_alpha = 0.
    """
    state = init(rng)

    def with_alpha(alpha: float) -> Tree:
        return state.theta | {"log2_alpha": np.log2([alpha / first_alpha])}

    def play_trial(rng: Rng, alpha: float, tasks: MDP) -> Episodes:
        return players.play_one(player, rng, with_alpha(alpha), tasks)

    alpha = controls.best_untrained_alpha(rng, player.family, first_alpha, play_trial)
    return Control(state=state._replace(theta=with_alpha(alpha)), alpha=alpha)


def _without_effect(way: Any, adaptation: Adaptation) -> tuple[str, ...]:
    """Return the names of the settings that have no effect beside the others."""
    if adaptation.inner_steps == 0:
        return "alpha", "baseline", "gamma"
    return ("baseline", "gamma") if way is by_hill_climbing else ()


SEARCH = Search(beta=0.05)


def es_maml(
    family: Family,
    *,
    adaptation: Annotated[Callable[..., Episodes], WAYS] = by_gradient,
    policy: Annotated[Policy, policies.parse] = tabular,
    alpha: float | None = None,
    inner_steps: int | None = None,
    inner_episodes: int = 1,
    baseline: Annotated[str | float, returns.parse_baseline] | None = None,
    gamma: float | None = None,
    **search: Annotated[Any, SEARCH],
) -> Learner:
    """Return a learner that evolves a start and its step size, eqs. (1)-(3).

    adaptation      gradient or hill_climbing
    policy          table, network or network:H with H hidden units
    alpha           first step size, positive; by default that of `maml`, and 1 for hill_climbing
    inner_steps     number K of adaptations in a trial; by default that of `maml`
    inner_episodes  number of episodes before each adaptation
    baseline        mean, linear or a number, of the gradient; by default that of `maml`
    gamma           discount of the return-to-go, of the gradient; by default that of `maml`

    `search` holds fields of `es.Search`. TypeError or ValueError if a setting is out of range, or
    has no effect beside the others.
    """
    if adaptation not in WAYS.values():
        raise TypeError(f"adaptation must be by_gradient or by_hill_climbing, got {adaptation!r}")
    given: dict[str, Any] = {"alpha": alpha, "baseline": baseline, "gamma": gamma}
    first = 1.0 if alpha is None and adaptation is by_hill_climbing else alpha
    inner = trials.adaptation(
        family, **given | {"alpha": first}, policy=policy, inner_steps=inner_steps,
        inner_episodes=inner_episodes,
    )  # fmt: skip
    require(inner.alpha > 0, "alpha must be positive", inner.alpha)
    unused = _without_effect(adaptation, inner)
    for name in unused:
        rule = f"{name} has no effect beside the other settings, and must be left out"
        require(given[name] is None, rule, given[name])
    player = adapting_player(inner, adaptation)
    resolved = Search(**(SEARCH._asdict() | search))
    values = inner.words | {"policy": policy, "adaptation": adaptation} | resolved._asdict()
    settings = words.describe(es_maml, values)
    settings = {name: word for name, word in settings.items() if name not in unused}
    learner = evolve(player, resolved, 1000, settings)
    control = partial(_untrained_control, player=player, first_alpha=inner.alpha, init=learner.init)
    return learner._replace(without_adaptation=_without_adaptation, untrained_control=control)
