"""A trial of a learner that adapts: episodes on one task, with inner steps between them.

A trial has N episodes on a task that is new to the learner. The learner starts with the
meta-parameters theta. K times, the learner plays N_inner episodes and then takes an inner step. At
the end, the learner plays the other episodes:

    episodes     1 .. N_inner  |  .. 2 N_inner  |  ..  |       .. N
    played with      phi_0     |      phi_1     |  ..  |      phi_K
    data set          D_0      |       D_1      |  ..  |       D_K
    and then      inner step   |   inner step   |  ..  |       end

Each column is a stage, k = 0, .., K. The inner step after stage k ascends a surrogate L of D_k:

    (1)  phi_{k+1} = phi_k + alpha grad L(phi_k; D_k),  phi_0 = theta
                                                                  [Finn et al. 2017, alg. 3]
    (2)  L(phi; D) = 1/N_inner sum_{i in D} sum_t (W_{i,t} - b_{i,t}) log pi_phi(a_{i,t}|s_{i,t})
                                              [objectives (1); Finn et al. 2017, eq. 4]

In (2), i counts the episodes of the data set D, and t counts the steps that are alive. The
return-to-go W and the baseline b are constants. At least one episode follows each inner step, so
K N_inner < N. The module `advantages` defines the baselines. With its baseline `standardised`,
W - b is also divided by its root mean square. The record `Adaptation` of `adaptation_settings`
holds the family, the policy, K, N_inner and the other settings of a trial. Its `sizes` are the
numbers of episodes of the stages.

A trial keeps the forward pass of each stage k, which contains the probabilities pi_k of the
actions. The actions of stage k are drawn with pi_k. The derivatives of L in the logits are also
computed from pi_k, objectives (3) and (4).

`only_adapted`, `step_sizes`, `inner_table`, `sample_greedily`, `play`, `join_stages` and
`per_episode` are used in training, and trust their arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics import trees
from metarl_min.basics.trees import Array, Rng, Tree
from metarl_min.gradients import advantages, objectives, returns
from metarl_min.gradients.adaptation_settings import Adaptation
from metarl_min.gradients.forward_passes import step_from
from metarl_min.gradients.objectives import Objective
from metarl_min.mdps import policies, rollouts
from metarl_min.mdps.episodes import map_fields
from metarl_min.mdps.policies import ForwardPass, forward_pass
from metarl_min.mdps.rollouts import Episodes, Sampler


class Trial(NamedTuple):
    """One trial on each of M tasks."""

    alpha: Any  # step size: a number, or a tree with a step size for each parameter
    path: list[Tree]  # phi_0 .. phi_K; leaves are [M, ..], but leaves of phi_0 have no axis M
    inner: list[Objective]  # the surrogates L of D_0 .. D_{K-1}
    stages: list[Episodes]  # D_0 .. D_K, each [M, N, T]
    passes: Sequence[ForwardPass] = ()  # at phi_0 .. phi_K; empty if not yet computed


def only_adapted(adaptation: Adaptation, tree: Tree) -> Tree:
    """Return the tree with zeros at the parameters that do not adapt."""
    if not adaptation.adapt:
        return tree
    return {name: x if name in adaptation.adapt else np.zeros_like(x) for name, x in tree.items()}


def step_sizes(adaptation: Adaptation, theta: Tree, alpha: Any) -> Any:
    """Return alpha, with the step size zero for parameters that do not adapt.

    If only the last layer of a network adapts, MAML is called ANIL (Raghu et al. 2020).
    """
    if not adaptation.adapt:
        return alpha
    return trees.scale(only_adapted(adaptation, trees.map_leaves(np.ones_like, theta)), alpha)


def inner_table(
    adaptation: Adaptation, episodes: Episodes, shape: tuple[int, int], dtype: Any = float
) -> Array:
    """Return the table C of objectives (2) for the surrogate L of every task, eq. (2). [M, S, A]

    `dtype` is the dtype of the logits. The example has two arms. Arm 1 was pulled once and paid 1,
    and the baseline is 0.5. If all logits are 0, the gradient at arm a is
    (1 - 0.5) (1{a = 1} - pi(a)) with pi(a) = 1/2.

    >>> from metarl_min.gradients.adaptation_settings import adaptation
    >>> from metarl_min.tasks.bandits import bandit
    >>> once = Episodes(*[np.array([[[x]]]) for x in (0, 1, 1.0, True)])
    >>> C = inner_table(adaptation(bandit(arms=2)), once, (1, 2))
    >>> objectives.surrogate_objective(C).gradient(np.zeros((1, 1, 2)))
    array([[[-0.25,  0.25]]])
    """
    W = returns.returns_to_go(episodes.rewards, adaptation.gamma)
    Adv = advantages.by_name(adaptation.baseline, episodes, W, shape[0])
    C = rollouts.visit_sums(episodes, Adv / W.shape[-2], shape)
    return C.astype(dtype, copy=False)


def sample_greedily(
    rng: Rng,
    sampler: Sampler,
    probs: Array,
    num_episodes: int,
    horizon: int,
    population: int | None = None,
) -> Episodes:
    """Sample episodes of the policy that takes the action with the largest entry of `probs`.

    The arguments are those of `rollouts.sample`.
    """
    probs = policies.greedy(probs)
    return rollouts.sampled_episodes(rng, sampler, probs, num_episodes, horizon, population)


def play(
    rng: Rng,
    adaptation: Adaptation,
    sampler: Sampler,
    theta: Tree,
    alpha: Any,
    population: int | None = None,
    sample: Callable[..., Episodes] = rollouts.sampled_episodes,
) -> Trial:
    """Play one trial on each task of the sampler, and adapt by eq. (1).

    `sample` returns the episodes of a stage, and has the arguments of `rollouts.sample`. With a
    population of P members, leaves of theta are [P, M or 1, ..] and episodes are [P, M, N, T].
    """
    alpha, policy = step_sizes(adaptation, theta, alpha), adaptation.policy
    dtype = next(iter(theta.values())).dtype
    path, passes = [theta], [forward_pass(policy, theta)]
    inner: list[Objective] = []
    stages: list[Episodes] = []
    for size in adaptation.sizes:
        if stages:  # an inner step is taken between two stages
            C = inner_table(adaptation, stages[-1], sampler.shape, dtype)
            inner.append(objectives.surrogate_objective(C))
            # `step_from` adds the derivatives of L to the forward pass of the last stage.
            passes[-1], phi, following = step_from(policy, path[-1], passes[-1], alpha, inner[-1])
            path, passes = [*path, phi], [*passes, following]
        probs, horizon = passes[-1].probs, adaptation.family.horizon
        stages.append(sample(rng, sampler, probs, size, horizon, population))
    return Trial(alpha=alpha, path=path, inner=inner, stages=stages, passes=passes)


def join_stages(stages: list[Episodes]) -> Episodes:
    """Return the episodes of all stages of a trial, joined along the axis N."""
    if len(stages) == 1:  # nothing is copied
        return stages[0]
    axis = stages[0].states.ndim - 2  # the axis N of every field, also of `last_arrivals` [..., N]
    return map_fields(lambda *fields: np.concatenate(fields, axis), *stages)


def per_episode(stages: list[Episodes]) -> Array:
    """Return the return of each episode of a trial, averaged over the tasks. [N]"""
    rewards = np.concatenate([stage.rewards for stage in stages], axis=-2)  # [M, N, T]
    return rewards.sum(-1).mean(axis=0)
