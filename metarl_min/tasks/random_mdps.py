"""Random tabular MDPs with the prior of Duan et al. 2016, sec. 3.2.

    (1)  P(.|s,a) ~ Dirichlet(1, .., 1)                                [Duan et al. 2016, sec. 3.2]
    (2)  mean reward of (s,a) ~ N(1, 1), reward ~ N(mean, 1)           [Duan et al. 2016, sec. 3.2]

Every episode starts in state 0.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from metarl_min.basics.arguments import whole
from metarl_min.basics.trees import Rng
from metarl_min.mdps import rollouts
from metarl_min.mdps.mdp import MDP
from metarl_min.tasks import DirichletMDP, Family


def sample_dirichlet(rng: Rng, num_tasks: int, prior: DirichletMDP) -> MDP:
    """Draw MDPs from eqs. (1) and (2)."""
    S, A, _ = prior.concentration.shape
    shape = (whole("num_tasks", num_tasks), S, A)
    weights = rng.standard_gamma(prior.concentration, (*shape, S))
    reward = rng.normal(prior.mean, prior.std, (*shape, 1))
    return MDP(np.eye(S)[None, 0], weights / weights.sum(-1, keepdims=True), reward)


def mdp(*, states: int = 10, actions: int = 5, horizon: int = 10, episodes: int = 10) -> Family:
    """Random MDPs, eqs. (1) and (2)."""
    shape = (whole("states", states), whole("actions", actions), states)
    prior = DirichletMDP(np.ones(shape), mean=1.0, std=1.0, noise=1.0)
    words = {
        "states": states, "actions": actions, "horizon": whole("horizon", horizon),
        "episodes": whole("episodes", episodes),
    }  # fmt: skip
    sampler, noise = partial(sample_dirichlet, prior=prior), partial(rollouts.gaussian, std=1.0)
    return Family("mdp", words, prior, sampler, horizon, episodes, noise)
