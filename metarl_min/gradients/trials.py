"""A trial of a learner that adapts: episodes on one task, with inner steps between them.

A trial has N episodes on a task that the learner has never seen. The learner starts with the
meta-parameters theta. It plays N_inner episodes, takes an inner step, and repeats this K times:

    episodes     1 .. N_inner  |  .. 2 N_inner  |  ..  |  the rest of N
    played with      phi_0     |      phi_1     |  ..  |      phi_K
    data set          D_0      |       D_1      |  ..  |       D_K
    and then      inner step   |   inner step   |  ..  |       end

Each column is called a stage. The inner step after stage k ascends a surrogate L of D_k:

    (1)  phi_{k+1} = phi_k + alpha grad L(phi_k; D_k),  phi_0 = theta
                                                                  [Finn et al. 2017, alg. 3]
    (2)  L(phi; D) = 1/N_inner sum_{i in D} sum_t (W_{i,t} - b_{i,t}) log pi_phi(a_{i,t}|s_{i,t})
                                              [objectives (1); Finn et al. 2017, eq. 4]

In (2), i counts the episodes of the data set D and t counts the steps that are alive. The
return-to-go W and the baseline b are constants. If K N_inner = N, no episode follows inner step K.
Then this step is not taken, and the trial has K stages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.arguments import real, require, whole
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.gradients import objectives, returns
from metarl_min.gradients.adaptation import inner_step
from metarl_min.gradients.objectives import Objective
from metarl_min.mdps import policies, rollouts
from metarl_min.mdps.policies import Policy, tabular
from metarl_min.mdps.rollouts import Episodes, Sampler
from metarl_min.tasks import Family, shape_of

# Inner step size, discount and constant baseline of a family, by its name.
# examples/benchmarks/adaptation_defaults.py computes the returns with other step sizes.
DEFAULTS = {
    "bandit": {"alpha": 4.0, "gamma": 1.0, "baseline": 0.5},
    "correlated": {"alpha": 4.0, "gamma": 1.0, "baseline": 0.5},
    "gaussian": {"alpha": 2.0, "gamma": 1.0, "baseline": 0.0},
    "gridworld": {"alpha": 8.0, "gamma": 0.5, "baseline": 0.0},
    "other": {"alpha": 1.0, "gamma": 0.5, "baseline": 0.0},  # every other family
}
MAX_DEFAULT_STEPS = 9  # the default number of inner steps is at most this


class Adaptation(NamedTuple):
    """How a learner adapts in the trials of one family. No field is None."""

    family: Family
    policy: Policy
    alpha: float  # inner step size at the start of training
    inner_steps: int  # K
    inner_episodes: int  # N_inner
    baseline: str | float  # mean, linear or a number
    gamma: float  # discount of W
    adapt: tuple[str, ...]  # names of the parameters that adapt; all adapt if it is empty
    sizes: tuple[int, ...]  # number of episodes of each stage

    @property
    def words(self) -> dict[str, Any]:
        """Return the keyword arguments with which `adaptation` makes an equal record."""
        # The values are numbers, or words of the command line.
        return {
            "policy": self.policy.word,
            "alpha": self.alpha,
            "inner_steps": self.inner_steps,
            "inner_episodes": self.inner_episodes,
            "baseline": self.baseline,
            "gamma": self.gamma,
            "adapt": ",".join(self.adapt),
        }


class Trial(NamedTuple):
    """One trial on each of M tasks. If K N_inner = N, each list has one entry less."""

    alpha: Any  # step size: a number, or a tree with one for each parameter
    path: list[Tree]  # phi_0 .. phi_K; leaves of phi_0 have no axis M, the others are [M, ..]
    inner: list[Objective]  # the surrogates L of D_0 .. D_{K-1}
    stages: list[Episodes]  # D_0 .. D_K, each [M, N, T]


def parse_names(word: str) -> tuple[str, ...]:
    """Return the names in a text, in which commas separate them.

    >>> parse_names("W2,b2"), parse_names("")
    (('W2', 'b2'), ())
    """
    return tuple(word.split(",")) if word else ()


def stage_sizes(num_episodes: int, inner_steps: int, inner_episodes: int) -> tuple[int, ...]:
    """Return the number of episodes of each stage: K times N_inner, and the rest of N.

    >>> stage_sizes(num_episodes=10, inner_steps=3, inner_episodes=2)
    (2, 2, 2, 4)
    """
    most = num_episodes // inner_episodes
    rule = f"inner_steps must be at most num_episodes // inner_episodes = {most}"
    require(inner_steps <= most, rule, inner_steps)
    rest = num_episodes - inner_steps * inner_episodes
    return (inner_episodes,) * inner_steps + ((rest,) if rest else ())


def _check_names(adapt: tuple[str, ...], policy: Policy, family: Family) -> None:
    """Raise an error unless `adapt` holds names of parameters of the policy."""
    if not isinstance(policy, Policy) or not isinstance(adapt, tuple):
        rule = "policy must be a Policy and adapt a tuple of names"
        raise TypeError(f"{rule}, got {policy!r} and {adapt!r}")
    names = policy.init(np.random.default_rng(0), *shape_of(family)) if adapt else {}
    rule = f"adapt must name some of {', '.join(names)}"
    require(set(adapt) <= set(names), rule, ",".join(adapt))


def adaptation(
    family: Family,
    *,
    policy: Annotated[Policy, policies.parse] = tabular,
    alpha: float | None = None,
    inner_steps: int | None = None,
    inner_episodes: int = 1,
    baseline: Annotated[str | float, returns.parse_baseline] | None = None,
    gamma: float | None = None,
    adapt: Annotated[tuple[str, ...], parse_names] = (),
) -> Adaptation:
    """Check the settings of adaptation, and fill in the defaults of the family.

    TypeError or ValueError if a setting is out of range.

        policy          table, network or network:H with H hidden units
        alpha           inner step size; trials.DEFAULTS holds the default of the family
        inner_steps     number K of inner steps in a trial; by default the largest number, up to 9,
                        that leaves an episode after the last inner step
        inner_episodes  number N_inner of episodes before each inner step
        baseline        mean, linear or a number; trials.DEFAULTS holds the default of the family
        gamma           discount of the return-to-go in the inner surrogate; trials.DEFAULTS holds
                        the default of the family
        adapt           names of the parameters that adapt, such as W2,b2; all if there is no name
    """
    N, size = family.num_episodes, whole("inner_episodes", inner_episodes)
    defaults = DEFAULTS.get(family.name, DEFAULTS["other"])
    K = min(MAX_DEFAULT_STEPS, (N - 1) // size) if inner_steps is None else inner_steps
    rule = "inner_episodes must be at least 2 where the baseline is mean"
    require(baseline != "mean" or size > 1, rule, size)
    _check_names(adapt, policy, family)
    return Adaptation(
        family=family,
        policy=policy,
        alpha=real("alpha", defaults["alpha"] if alpha is None else alpha),
        inner_steps=whole("inner_steps", K, low=0),
        inner_episodes=size,
        baseline=returns.check_baseline(defaults["baseline"] if baseline is None else baseline),
        gamma=real("gamma", defaults["gamma"] if gamma is None else gamma, 0, 1),
        adapt=adapt,
        sizes=stage_sizes(N, K, size),
    )


def only_adapted(adaptation: Adaptation, tree: Tree) -> Tree:
    """Return the tree with zeros at the parameters that do not adapt."""
    if not adaptation.adapt:
        return tree
    return {name: x if name in adaptation.adapt else np.zeros_like(x) for name, x in tree.items()}


def step_sizes(adaptation: Adaptation, theta: Tree, alpha: Any) -> Any:
    """Return alpha, with zeros at the parameters that do not adapt.

    If only the last layer adapts, this is ANIL (Raghu et al. 2020).
    """
    if not adaptation.adapt:
        return alpha
    return trees.scale(only_adapted(adaptation, trees.map_leaves(np.ones_like, theta)), alpha)


def surrogate(
    adaptation: Adaptation, episodes: Episodes, shape: tuple[int, int], dtype: Any = float
) -> Objective:
    """Return the surrogate of every task, eq. (2), for logits of this dtype.

    The example has two arms. Arm 1 was pulled once and paid 1, and the baseline is 0.5. At
    theta = 0 the gradient at arm a is (1 - 0.5) (1{a = 1} - pi(a)) with pi(a) = 1/2.

    >>> from metarl_min.tasks.bandits import bandit
    >>> once = Episodes(*[np.array([[[x]]]) for x in (0, 1, 1.0, True)])
    >>> L = surrogate(adaptation(bandit(arms=2)), once, (1, 2))
    >>> L.gradient(np.zeros((1, 1, 2)))
    array([[[-0.25,  0.25]]])
    """
    W = returns.returns_to_go(episodes.rewards, adaptation.gamma)
    b = returns.baseline(adaptation.baseline, episodes, W, shape[0])
    C = rollouts.sum_over_visits(episodes, (W - b) / W.shape[-2], shape)
    return objectives.reinforce_objective(C.astype(dtype, copy=False))


def sample_greedily(
    rng: Rng,
    sampler: Sampler,
    probs: Array,
    num_episodes: int,
    horizon: int,
    population: int | None = None,
) -> Episodes:
    """Sample episodes of the policy that always takes the most probable action of `probs`."""
    probs = policies.greedy(probs)
    return rollouts.sample(rng, sampler, probs, num_episodes, horizon, population)


def play(
    rng: Rng,
    adaptation: Adaptation,
    sampler: Sampler,
    theta: Tree,
    alpha: Any,
    population: int | None = None,
    sample: Callable[..., Episodes] = rollouts.sample,
) -> Trial:
    """Play one trial on each task of the sampler, and adapt by eq. (1).

    `sample` returns the episodes of a stage. It has the arguments of `rollouts.sample`. With a
    population of P members, leaves of theta are [P, M or 1, ..] and episodes are [P, M, N, T].
    """
    alpha, policy = step_sizes(adaptation, theta, alpha), adaptation.policy
    dtype = next(iter(theta.values())).dtype
    path, inner = [theta], []
    stages: list[Episodes] = []
    for size in adaptation.sizes:
        if stages:  # an inner step comes between two stages
            inner.append(surrogate(adaptation, stages[-1], sampler.shape, dtype))
            path.append(inner_step(policy, path[-1], alpha, inner[-1]))
        probs = policies.softmax(policy.logits(path[-1]))
        stages.append(sample(rng, sampler, probs, size, adaptation.family.horizon, population))
    return Trial(alpha=alpha, path=path, inner=inner, stages=stages)


def join_stages(stages: list[Episodes]) -> Episodes:
    """Return the episodes of all stages of a trial, joined along the axis N."""
    return Episodes._make(np.concatenate(fields, axis=-2) for fields in zip(*stages, strict=True))


def per_episode(stages: list[Episodes]) -> Array:
    """Return the return of each episode of a trial, averaged over the tasks. [N]"""
    return np.mean(join_stages(stages).rewards.sum(-1), axis=0)
