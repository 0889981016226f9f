"""Players that are not trained.

bandits             Thompson sampling, UCB1 and the best prior arm
bayesian_bandits    players of Bernoulli arms that use the posterior mean
gittins             Gittins indices by two definitions
index_policies      players that follow a table of Gittins indices
dirichlet_mdps      players of random MDPs that plan with the posterior
posterior_sampling  posterior sampling over candidate tasks, and the random player
registry            the players that support a family
published           published tables of these players

Each player is a Learner that is made for one family, and whose step does nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from metarl_min.basics.trees import Array, Rng
from metarl_min.learners import Learner, no_op_step
from metarl_min.mdps.agents import Agent
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks import Family, play_trial


def random_argmax(rng: Rng, values: Array, tolerance: float = 0.0) -> Array:
    """Draw one of the actions within `tolerance` of the best one, uniformly. [M, A] -> [M]"""
    best = values >= values.max(-1, keepdims=True) - tolerance
    return np.argmax(np.where(best, rng.random(values.shape), -1.0), axis=-1)


def act_by(
    rng: Rng, memory: Any, states: Array, choose: Callable[[Rng, Any, Array], Array]
) -> tuple[Array, Any]:
    """Choose the actions with `choose`, and leave the memory as it is: the `act` of an Agent."""
    return choose(rng, memory, states), memory


def no_state(rng: Rng) -> tuple[()]:
    """Return the empty state: the `init` of a player that is not trained."""
    return ()


def _trial(
    rng: Rng, state: tuple[()], tasks: MDP, greedy: bool = False, *, family: Family, agent: Agent
) -> Episodes:
    return play_trial(rng, family, tasks, agent)[0]


def learner_of_agent(family: Family, agent: Agent) -> Learner:
    """Return the Learner that plays `agent` in every trial; `greedy` has no effect on it."""
    return Learner(
        family=family,
        init=no_state,
        step=no_op_step,
        trial=partial(_trial, family=family, agent=agent),
        iterations=0,
    )
