"""Random tabular MDPs with the prior of Duan et al. 2016, sec. 3.2.

For each state and action, independently:

    (1)  P(.|s,a) ~ Dirichlet(1, .., 1)                                [Duan et al. 2016, sec. 3.2]
    (2)  r(s,a) ~ Normal(1, 1),  r_t ~ Normal(r(s,a), 1)               [Duan et al. 2016, sec. 3.2]

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
    """Draw MDPs from eqs. (1) and (2).

    A Dirichlet row is a row of independent Gamma variables, divided by its sum.
    """
    S, A, _ = prior.concentration.shape
    shape = (whole("num_tasks", num_tasks), S, A)
    weights = rng.standard_gamma(prior.concentration, (*shape, S))
    reward = rng.normal(prior.mean, prior.std, (*shape, 1))
    transition = weights / weights.sum(-1, keepdims=True)
    return MDP(initial=np.eye(S)[None, 0], transition=transition, reward=reward)


def mdp(*, states: int = 10, actions: int = 5, horizon: int = 10, episodes: int = 10) -> Family:
    """Return random MDPs, eqs. (1) and (2).

    states    number of states
    actions   number of actions
    horizon   steps of an episode
    episodes  episodes of a trial
    """
    shape = (whole("states", states), whole("actions", actions), states)
    prior = DirichletMDP(concentration=np.ones(shape), mean=1.0, std=1.0, noise=1.0)
    return Family(
        name="mdp",
        parameters={
            "states": states,
            "actions": actions,
            "horizon": whole("horizon", horizon),
            "episodes": whole("episodes", episodes),
        },
        prior=prior,
        sample=partial(sample_dirichlet, prior=prior),
        horizon=horizon,
        num_episodes=episodes,
        reward_noise=partial(rollouts.gaussian, std=1.0),
    )
