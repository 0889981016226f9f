"""Problems on which estimators of the meta-gradient are measured."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import instance, real, require, whole
from metarl_min.basics.records import checked
from metarl_min.basics.trees import Tree
from metarl_min.gradients import advantages
from metarl_min.gradients.inner_steps import InnerStep
from metarl_min.gradients.parameters import check_parameters, check_step_sizes
from metarl_min.mdps import noises, policies
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.noises import Noise
from metarl_min.tasks.bandits import bandit_mdps


def _valid(
    inner: InnerStep,
    theta: Tree,
    task: MDP,
    horizon: int,
    num_episodes: int,
    num_steps: int,
    gamma: float,
    reward_noise: Noise,
    num_outer_episodes: int,
) -> tuple[Any, ...]:
    instance("inner", inner, InnerStep)
    leading = instance("task", task, MDP).leading
    require(leading == (1,), "task must have one leading axis of length 1", leading)
    check_parameters(inner.policy, theta, task.shape)
    check_step_sizes(inner.alpha, theta)
    T, N = whole("horizon", horizon), whole("num_episodes", num_episodes)
    K = whole("num_steps", num_steps, low=0)
    if K > 0 and not callable(inner.baseline):
        advantages.require_enough_data(inner.baseline, "num_episodes", N, T, task.shape[0])
    noises.check_noise(reward_noise, task)
    outer = whole("num_outer_episodes", num_outer_episodes, low=0)
    return inner, theta, task, T, N, K, real("gamma", gamma, 0, 1), reward_noise, outer


@checked(_valid)
class Problem(NamedTuple):
    """One task, the parameters theta and the settings of the inner steps.

    TypeError or ValueError if the fields do not fit together, or if an inner step has too few
    episodes for its baseline (see `advantages.require_enough_data`).

    If `num_outer_episodes` is 0, an estimator is given the exact adjoint v = grad J(phi_K) and the
    exact number R = J(phi_K). Otherwise v and R are estimated from this number of episodes, which
    are sampled with phi_K.
    """

    inner: InnerStep
    theta: Tree
    task: MDP  # with the leading axis [1]
    horizon: int
    num_episodes: int  # N, per inner step
    num_steps: int  # K
    gamma: float = 1.0  # discount of J
    reward_noise: Noise = noises.deterministic  # only deterministic and bernoulli can be listed
    num_outer_episodes: int = 0


def standard_problems() -> list[Problem]:
    """Return a bandit and an MDP.

    Any two estimators differ on at least one of them, except dice and loaded_dice. These two are
    equal if b = 0: the factor of box_l in estimator_weights (7) is
    gamma^(l-t) (Adv_l - gamma Adv_{l+1}). This is then gamma^(l-t) r_l, the factor of box_l in
    estimator_weights (6). On the bandit, N, K and 2 are different, so a wrong factor N is not
    mistaken for a wrong factor K or 2.
    """
    inner = InnerStep(policy=policies.tabular, alpha=0.7, baseline=0.0)
    theta = {"logits": np.array([[0.3, -0.2, 0.1]])}
    arms = bandit_mdps(np.array([[0.2, 0.9, -0.4]]))
    bandit = Problem(inner=inner, theta=theta, task=arms, horizon=1, num_episodes=4, num_steps=3)
    inner = inner._replace(alpha=0.6)
    theta = {"logits": np.array([[0.3, -0.2], [-0.4, 0.5]])}
    task = MDP(
        initial=np.array([[1.0, 0.0]]),
        transition=np.array([[[[0.7, 0.3], [0.1, 0.9]], [[0.4, 0.6], [0.8, 0.2]]]]),
        reward=np.array([[[[0.3], [1.1]], [[-0.5], [0.8]]]]),
    )
    mdp = Problem(inner=inner, theta=theta, task=task, horizon=2, num_episodes=2, num_steps=2)
    return [bandit, mdp]
