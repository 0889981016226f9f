"""A trial of a learner that adapts: episodes in a row on a fresh task, with steps in between.

Stage k < K plays N_inner episodes with phi_k and steps on their surrogate L alone; stage K plays
what remains of the N episodes with phi_K; where nothing remains, no step follows the last stage:

    (1)  phi_{k+1} = phi_k + alpha grad L(phi_k; D_k),  D_k ~ phi_k,  phi_0 = theta
                                                                  [Finn et al. 2017, alg. 3]
    (2)  L(phi; D) = 1/N_inner sum_i sum_t log pi_phi(a_t|s_t) (W_t - b)
                                                         [objectives (1); Finn et al. 2017, eq. 4]
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.arguments import real, require, whole
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.gradients import adaptation, objectives, returns
from metarl_min.gradients.objectives import Objective
from metarl_min.mdps import policies, rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.rollouts import Episodes, Sampler
from metarl_min.tasks import Family

DEFAULTS = {  # inner step size, discount and fixed baseline, by family; found on separate tasks
    "bandit": {"alpha": 4.0, "gamma": 1.0, "baseline": 0.5},
    "correlated": {"alpha": 4.0, "gamma": 1.0, "baseline": 0.5},
    "gaussian": {"alpha": 2.0, "gamma": 1.0, "baseline": 0.0},
    "gridworld": {"alpha": 8.0, "gamma": 0.5, "baseline": 0.0},
}
OTHERWISE = {"alpha": 1.0, "gamma": 0.5, "baseline": 0.0}


class Adaptation(NamedTuple):
    """How a learner adapts. What is None depends on the family: see `DEFAULTS`."""

    policy: policies.Policy
    alpha: Any  # the step size at the start of training
    num_steps: int | None  # K
    num_episodes: int  # N_inner, per step
    baseline: Any  # mean, linear or a number
    gamma: Any  # discount of W
    adapt: tuple[str, ...] = ()  # names of the parameters that adapt; all, if none is named


class Trial(NamedTuple):
    """A trial with all that a meta-gradient needs of it."""

    alpha: Any  # a number, or a tree: entry by entry
    path: list[Tree]  # phi_0 .. phi_K; leaves [...] of phi_0, then [M, ...]
    inner: list[Objective]  # the surrogates of D_0 .. D_{K-1}
    stages: list[Episodes]  # D_0 .. D_K


def settings(
    policy: str, alpha: float | None, inner_steps: int | None, inner_episodes: int,
    baseline: str, gamma: float | None, adapt: str,
) -> Adaptation:  # fmt: skip
    """Check and read the settings that every adapting learner has; TypeError or ValueError."""
    rule = "inner_episodes must be at least 2 where the baseline is their mean"
    require(baseline != "mean" or whole("inner_episodes", inner_episodes) > 1, rule, inner_episodes)
    return Adaptation(
        policies.parse(policy),
        None if alpha is None else real("alpha", alpha),
        None if inner_steps is None else whole("inner_steps", inner_steps, low=0),
        whole("inner_episodes", inner_episodes),
        returns.baseline_name(baseline),
        None if gamma is None else real("gamma", gamma, 0, 1),
        tuple(adapt.split(",")) if adapt else (),
    )


def resolve(inner: Adaptation, family: Family) -> Adaptation:
    """Fill in what the settings leave to the family."""
    given = {name: value for name, value in inner._asdict().items() if value is not None}
    return Adaptation(**{**inner._asdict(), **DEFAULTS.get(family.name, OTHERWISE), **given})


def stage_sizes(inner: Adaptation, family: Family) -> list[int]:
    """Episodes of each stage: K times N_inner, then the rest. By default K = min(N - 1, 9)."""
    N, size = family.num_episodes, inner.num_episodes
    K = min(N - 1, 9, N // size) if inner.num_steps is None else inner.num_steps
    rule = f"inner_steps must be at most num_episodes // inner_episodes = {N // size}"
    require(N // size >= K, rule, K)
    return [size] * K + [N - K * size] * (K * size < N)


def step_sizes(inner: Adaptation, theta: Tree, alpha: Any) -> Any:
    """Return `alpha`, zero at the parameters that do not adapt (ANIL, Raghu et al. 2020)."""
    if not inner.adapt:
        return alpha
    rule = f"adapt must name some of {', '.join(theta)}"
    require(set(inner.adapt) <= set(theta), rule, ",".join(inner.adapt))
    adapts = {name: np.full_like(theta[name], name in inner.adapt) for name in theta}
    return trees.scale(adapts, alpha)


def surrogate(
    inner: Adaptation, episodes: Episodes, shape: tuple[int, int], dtype: Any = float
) -> Objective:
    """The surrogate of every task, eq. (2), in the dtype of phi. `inner` must be resolved."""
    W = returns.discounted_returns(episodes.rewards, inner.gamma)
    baseline = returns.baseline(inner.baseline, episodes, W, shape[0])
    C = objectives.advantage_table(episodes, W - baseline, shape)
    return objectives.reinforce_objective(C.astype(dtype, copy=False))


def play(
    rng: Rng, inner: Adaptation, family: Family, theta: Tree, alpha: Any, tasks: MDP,
    greedy: bool = False,
) -> Trial:  # fmt: skip
    """Play one trial on each task, adapting by eq. (1)."""
    tables = rollouts.sampler(tasks, family.reward_noise)
    return play_tables(rng, inner, family, theta, alpha, tables, greedy)


def play_tables(
    rng: Rng, inner: Adaptation, family: Family, theta: Tree, alpha: Any, tables: Sampler,
    greedy: bool = False, members: int | None = None,
) -> Trial:  # fmt: skip
    """The same on tasks that are prepared; axes of theta before its own are theirs, or 1.

    With `members` P of them start on each task, leaves of theta [P, M or 1, ..].
    """
    inner, sizes = resolve(inner, family), stage_sizes(inner, family)
    alpha = step_sizes(inner, theta, alpha)
    path, surrogates, stages = [theta], [], []
    dtype = next(iter(theta.values())).dtype
    for k, num_episodes in enumerate(sizes):
        probs = policies.softmax(inner.policy.logits(path[k]))
        probs = policies.greedy(probs) if greedy else probs
        stages.append(rollouts.sample(rng, tables, probs, num_episodes, family.horizon, members))
        if k + 1 < len(sizes):
            surrogates.append(surrogate(inner, stages[k], tables.shape, dtype))
            path.append(adaptation.inner_step(inner.policy, path[k], alpha, surrogates[k]))
    return Trial(alpha, path, surrogates, stages)


def episodes(stages: list[Episodes]) -> Episodes:
    """Join the stages of a trial. -> [..., N, T]"""
    if len(stages) == 1:
        return stages[0]
    return Episodes._make(np.concatenate(parts, axis=-2) for parts in zip(*stages, strict=True))


def per_episode(stages: list[Episodes]) -> Array:
    """Mean return over the tasks of each episode of the trial. [N]"""
    return np.mean(episodes(stages).rewards.sum(-1), axis=0)


def best_alpha(returns_of: Callable[[float], float], start: float, most: int = 12) -> float:
    """Return the best of a grid of factor 2 around `start`, widened until it is not at the edge.

    On a plateau that goes on for `most` doublings the edge is returned.
    """
    grid = {power: returns_of(start * 2.0**power) for power in (-1, 0, 1)}
    while True:
        best = max(grid, key=lambda power: grid[power])
        edge = best + 1 if best == max(grid) else best - 1
        if min(grid) < best < max(grid) or abs(edge) > most:
            return start * 2.0**best
        grid[edge] = returns_of(start * 2.0**edge)


def best_untrained_alpha(rng: Rng, inner: Adaptation, family: Family, theta: Tree) -> float:
    """Return the step size of a control: the best for `theta` on 2,000 tasks of its own."""
    tasks, start = family.sample(rng, 2000), abs(resolve(inner, family).alpha) or 1.0
    seed = int(rng.integers(2**63))  # common random numbers for every alpha

    def returns_of(alpha: float) -> float:
        played = play(np.random.default_rng(seed), inner, family, theta, alpha, tasks)
        return float(per_episode(played.stages).sum())

    return best_alpha(returns_of, start)
