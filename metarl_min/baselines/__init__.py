"""Players that are not trained.

conditions          conditions that players and solvers put on a family
bandits             Thompson sampling, UCB1 and the best prior arm
bayesian_bandits    players of Bernoulli arms that use the posterior mean
gittins             Gittins indices between two proven bounds; the check of index_policies
index_policies      players that follow a table of Gittins indices
dirichlet_planners  plans for a random MDP, from the posterior of its model
dirichlet_mdps      players of random MDPs that plan once in each episode
posterior_sampling  posterior sampling over candidate tasks, and the random player
registry            the players that support a family
published           published tables of these players

Each player is made by a function of its family, and raises `Unsupported` for a family that it
does not support. It is a Learner whose step does nothing, and it remembers the present trial in
the memory of its Agent. A player reads the prior of its family; only the sampler reads the tasks.
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


def require_family(family: Any) -> None:
    """Raise a TypeError unless the value is a Family."""
    if not isinstance(family, Family):
        raise TypeError(f"family must be a Family, got {type(family).__name__}")


def random_argmax(rng: Rng, values: Array, tolerance: float = 0.0) -> Array:
    """Draw one of the best actions of each row, uniformly. [B, A] -> [B]

    An action is best if its value is at most `tolerance` below the largest value of the row.

    >>> random_argmax(np.random.default_rng(0), np.array([[1.0, 3.0, 2.0], [0.0, 0.0, 5.0]]))
    array([1, 2])
    """
    best = values >= values.max(-1, keepdims=True) - tolerance
    return np.argmax(np.where(best, rng.random(values.shape), -1.0), axis=-1)


def act_by(
    rng: Rng, memory: Any, states: Array, choose: Callable[[Rng, Any, Array], Array]
) -> tuple[Array, Any]:
    """Return the actions `choose(rng, memory, states)` and the unchanged memory.

    With a fixed `choose` this is the `act` of an Agent whose memory changes in `observe` only.
    """
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
    require_family(family)
    return Learner(
        family=family,
        init=no_state,
        step=no_op_step,
        trial=partial(_trial, family=family, agent=agent),
        iterations=0,
    )
