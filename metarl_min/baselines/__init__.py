"""Players that are not trained.

conditions          conditions that players and solvers put on a family
pull_records        the record of the pulls of a trial, and the agent that keeps it
bandits             Thompson sampling, UCB1 and the best prior arm
bayesian_bandits    players of Bernoulli arms that use the posterior mean
gittins             Gittins indices between two proven bounds, as a check of index_policies
index_policies      players that follow a table of Gittins indices
dirichlet_planners  plans for a random MDP, from the posterior of its model
dirichlet_mdps      players of random MDPs that plan once in each episode
posterior_sampling  posterior sampling over candidate tasks, and the random player
registry            the players that support a family
published           published tables of these players

Each player is made by a function of its family, and raises `Unsupported` for a family that it
does not support. A player is a Learner whose step does nothing. It remembers the present trial in
the memory of its Agent. A player reads the prior of its family; only the sampler reads the tasks.

The functions of `conditions` and these parts of players are used inside, and trust their arguments:
`act_by`, `no_state`, `normal_update`, `choose_by_draw`, `choose_eps_greedily`, `choose_by_index`,
`commit`, `advantage`, `lower_end`, `upper_end`, `pull_values`, `crossing`, `look_up`, `back_up`,
`backward_induction`, `optimistic_expectation`, `count_episode`, `planning_agent`,
`planning_player`, `likelihood`, `sample_hypothesis`, `require_arms`, `require_wins`,
`out_of_reach` and `difference`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from metarl_min.basics.arguments import array, generator, instance, real, require
from metarl_min.basics.trees import Array, Rng
from metarl_min.learners import Learner, no_op_step
from metarl_min.mdps.agents import Agent
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks import Family, play_trial


def best_actions(values: Array, tolerance: float = 0.0) -> Array:
    """Return whether each action is one of the best of its row. [B, A] -> [B, A]

    An action is best if its value is at most `tolerance` below the largest value of the row. A
    value may be infinite. FloatingPointError if a value is NaN.

    >>> best_actions(np.array([[1.0, 3.0, 3.0]]))
    array([[False,  True,  True]])
    """
    tolerance = real("tolerance", tolerance, 0)
    shape = array("values", values, "iuf", "numbers").shape
    require(len(shape) == 2 and min(shape) > 0, "values must have the shape [B, A]", shape)
    largest = values.max(-1, keepdims=True)  # NaN if a value of the row is NaN
    best: Array = values >= largest - tolerance
    if not best.any(-1).all():
        raise FloatingPointError(f"values of actions must be numbers, got {largest.ravel()[:3]}")
    return best


def random_argmax(rng: Rng, values: Array, tolerance: float = 0.0) -> Array:
    """Draw one of the `best_actions` of each row, uniformly. [B, A] -> [B]

    >>> random_argmax(np.random.default_rng(0), np.array([[1.0, 3.0, 2.0], [0.0, 0.0, 5.0]]))
    array([1, 2])
    """
    best = best_actions(values, tolerance)
    return np.argmax(np.where(best, generator("rng", rng).random(values.shape), -1.0), axis=-1)


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
    instance("family", family, Family)
    return Learner(
        family=family,
        init=no_state,
        step=no_op_step,
        trial=partial(_trial, family=family, agent=agent),
        iterations=0,
    )
