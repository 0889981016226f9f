"""Random tabular MDPs with the prior of Duan et al. 2016, sec. 3.2.

For each state and action, independently:

    (1)  P(.|s,a) ~ Dirichlet(1, .., 1)                                [Duan et al. 2016, sec. 3.2]
    (2)  r(s,a) ~ Normal(1, 1),  r_t ~ Normal(r(s,a), 1)               [Duan et al. 2016, sec. 3.2]

Every episode starts in state 0. `draw_gamma` is used inside, and trusts its arguments.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from metarl_min.basics.arguments import generator, instance, require, whole
from metarl_min.basics.trees import Array, Rng
from metarl_min.mdps import rollouts
from metarl_min.mdps.mdp import MAX_COUNT, MDP
from metarl_min.tasks import DirichletMDP, Family

MAX_NUMBERS = 100_000_000  # numbers of 8 bytes in the transitions of one task


def draw_gamma(rng: Rng, shape: tuple[int, ...], concentration: Array) -> Array:
    """Draw rows of Gamma variables, up to a common factor of each row. -> [*shape]

    Let g be a Gamma variable of parameter a + 1, and let u be uniform on (0, 1]. Then g u^(1/a) is
    a Gamma variable of parameter a. If a is small, most variables are too small for a float. Then
    their logarithms are computed, and each row is divided by its largest variable.
    """
    if concentration.min() >= 0.1:
        return rng.standard_gamma(concentration, shape)
    logs = np.log(rng.standard_gamma(concentration + 1, shape))
    logs += np.log1p(-rng.random(shape)) / concentration
    return np.exp(logs - logs.max(-1, keepdims=True))


def sample_dirichlet(rng: Rng, num_tasks: int, prior: DirichletMDP) -> MDP:
    """Draw MDPs from eqs. (1) and (2).

    A Dirichlet row is a row of independent Gamma variables, divided by its sum.
    """
    S, A, _ = instance("prior", prior, DirichletMDP).concentration.shape
    shape = (whole("num_tasks", num_tasks, high=MAX_COUNT), S, A)
    weights = draw_gamma(generator("rng", rng), (*shape, S), prior.concentration)
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
    S, A = whole("states", states), whole("actions", actions)
    T, N = whole("horizon", horizon), whole("episodes", episodes)
    rule = f"an MDP may be described by at most {MAX_NUMBERS:,} numbers"
    require(S * A * S <= MAX_NUMBERS, rule, f"{S * A * S:,}")
    prior = DirichletMDP(concentration=np.ones((S, A, S)), mean=1.0, std=1.0, noise=1.0)
    return Family(
        name="mdp",
        parameters={"states": S, "actions": A, "horizon": T, "episodes": N},
        prior=prior,
        sample=partial(sample_dirichlet, prior=prior),
        horizon=T,
        num_episodes=N,
        reward_noise=partial(rollouts.gaussian, std=1.0),
    )
