"""ES-MAML: an initialisation whose fitness is what it earns while it adapts, without a derivative.

    (1)  F(theta) = E sum_k G_k,  G_k the return of stage k, phi_0 = theta: evolution ascends it
                              [after Song et al. 2020, where the last stage alone counts]
    (2)  gradient: phi_{k+1} = phi_k + alpha grad of the surrogate of stage k, trials (1)
                              [Finn et al. 2017; Song et al. 2020 step by evolution here too]
    (3)  hill climbing: stage k plays x_k = phi_k + alpha e_k, e_0 = 0, e ~ N(0, I), and phi_{k+1}
         is the x_j, j <= k, of greatest return, the last of equals; the last stage plays its
         phi_k, without e_k
                              [after Song et al. 2020, sec. 3.3.2, where the first of equals stays]

alpha evolves beside theta, as the power of 2 by which it differs from the family's: a parameter
`log2_alpha` of one entry.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.arguments import real, require
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.evolution import players
from metarl_min.evolution.players import Player
from metarl_min.gradients import trials
from metarl_min.gradients.trials import Adaptation
from metarl_min.learners import Learner, es
from metarl_min.mdps import policies, rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.rollouts import Episodes, Sampler
from metarl_min.tasks import Family

NEVER = -np.inf  # the log2_alpha of a start that does not adapt


class Untrained(NamedTuple):
    """A state that was not evolved, with the step size that is best for it."""

    theta: Tree
    alpha: float


def _init(rng: Rng, family: Family, inner: Adaptation) -> Tree:
    inner = trials.resolve(inner, family)
    trials.stage_sizes(inner, family)  # refuses an inner_steps that does not fit
    theta = inner.policy.init(rng, *family.sample(rng, 1).shape) | {"log2_alpha": np.zeros(1)}
    return trees.map_leaves(np.float32, theta)


def _against(x: Array, like: Array) -> Array:
    """One number for each (member, task), against leaves of any shape. -> [P, M, 1, ..]"""
    return x.reshape(*x.shape, *[1] * (like.ndim - x.ndim))


def by_gradient(
    rng: Rng,
    inner: Adaptation,
    family: Family,
    theta: Tree,
    alpha: Array,
    tables: Sampler,
    greedy: bool,
) -> Episodes:
    """Play a trial that adapts by eq. (2). theta [P, 1, ..], alpha [P, 1] -> [P, M, N, T]"""
    sizes = trees.map_leaves(lambda x: _against(alpha, x), theta)
    played = trials.play_tables(rng, inner, family, theta, sizes, tables, greedy, len(alpha))
    return trials.episodes(played.stages)


def by_hill_climbing(
    rng: Rng,
    inner: Adaptation,
    family: Family,
    theta: Tree,
    alpha: Array,
    tables: Sampler,
    greedy: bool,
) -> Episodes:
    """Play a trial that adapts by eq. (3). theta [P, 1, ..], alpha [P, 1] -> [P, M, N, T]"""
    sizes, best, found, stages = trials.stage_sizes(inner, family), theta, -np.inf, []
    M = tables.leading[-1]
    for k, num_episodes in enumerate(sizes):
        x = best
        if 0 < k < len(sizes) - 1:
            e = trees.map_leaves(lambda y: rng.standard_normal((M, *y.shape[2:])), best)
            x = trees.map_leaves(lambda y, e: y + _against(alpha, y) * e, best, e)
        probs = policies.softmax(inner.policy.logits(x))
        probs = policies.greedy(probs) if greedy else probs
        stages.append(rollouts.sample(rng, tables, probs, num_episodes, family.horizon, len(alpha)))
        paid = stages[-1].rewards.sum((-2, -1))
        better = paid >= found
        best = trees.map_leaves(lambda y, z, b=better: np.where(_against(b, y), y, z), x, best)
        found = np.maximum(paid, found)
    return trials.episodes(stages)


ADAPTATION = {"gradient": by_gradient, "hill_climbing": by_hill_climbing}


def _trial(
    rng: Rng, thetas: Tree, family: Family, tasks: MDP, greedy: bool = False, *,
    inner: Adaptation, adaptation: str,
) -> Episodes:  # fmt: skip
    inner, tables = trials.resolve(inner, family), rollouts.sampler(tasks, family.reward_noise)
    each = trees.map_leaves(lambda x: x[:, None], thetas)
    alpha = inner.alpha * 2.0 ** each.pop("log2_alpha")[..., 0]
    return ADAPTATION[adaptation](rng, inner, family, each, alpha, tables, greedy)


def _before(state: Any) -> Any:
    return state._replace(theta=state.theta | {"log2_alpha": np.full(1, NEVER)})


def _control(rng: Rng, state: Any, family: Family, player: Player, inner: Adaptation) -> Untrained:
    """The untrained start with the alpha that pays best on 2,000 tasks of its own."""
    theta, tasks, seed = player.init(rng, family), family.sample(rng, 2000), rng.integers(2**62)
    start = trials.resolve(inner, family).alpha

    def with_alpha(alpha: float) -> Tree:
        return theta | {"log2_alpha": np.log2([alpha / start])}

    def returns_of(alpha: float) -> float:
        rng = np.random.default_rng(seed)
        episodes = players.play_one(player, rng, with_alpha(alpha), family, tasks)
        return float(episodes.rewards.sum((1, 2)).mean())

    alpha = trials.best_alpha(returns_of, start)
    return Untrained(with_alpha(alpha), alpha)


def _iterations(family: Family) -> tuple[int, int]:
    return (150, 1000) if family.horizon == 1 else (35, 1000)


def es_maml(
    *, adaptation: str = "gradient", policy: str = "table", alpha: float | None = None,
    inner_steps: int | None = None, inner_episodes: int = 1, baseline: str = "",
    gamma: float | None = None, population: int = 64, num_tasks: int = 32, sigma: float = 0.3,
    beta: float = 0.05, optimizer: str = "adam", estimator: str = "antithetic",
    directions: str = "gaussian", shaping: str = "ranks", decay: float = 0.0,
    executor: Any = None, num_slices: int = 8,
) -> Learner:  # fmt: skip
    """Evolve a start and its step size, eqs. (1)-(3); `adaptation` gradient or hill_climbing.

    `policy` to `gamma` are those of `maml` (alpha > 0, of a hill climber 1), the rest those of
    `evolution.es`. ValueError or TypeError out of range.
    """
    rule = f"adaptation must be one of {', '.join(ADAPTATION)}"
    require(adaptation in ADAPTATION, rule, repr(adaptation))
    require(alpha is None or real("alpha", alpha) > 0, "alpha must be positive", alpha)
    if alpha is None and adaptation == "hill_climbing":
        alpha = 1.0  # a step of noise, not along a gradient
    inner = trials.settings(policy, alpha, inner_steps, inner_episodes, baseline, gamma, "")
    player = Player(
        partial(_init, inner=inner), partial(_trial, inner=inner, adaptation=adaptation)
    )
    learner = es.evolve(
        player, _iterations, population=population, num_tasks=num_tasks, sigma=sigma, beta=beta,
        optimizer=optimizer, estimator=estimator, directions=directions, shaping=shaping,
        decay=decay, executor=executor, num_slices=num_slices,
    )  # fmt: skip
    control = partial(_control, player=player, inner=inner)
    return learner._replace(before=_before, control=control)
