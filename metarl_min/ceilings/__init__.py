"""Ceilings: the largest expected return that any player can reach in a trial of a family.

    histories        the checks of the steps of a history
    beta_integrals   the expected mean of the best of some Beta arms
    arm_records      the records of Bernoulli arms, numbered without a gap
    beta_arms        Bernoulli arms with independent Beta priors
    correlated_arms  Bernoulli arms whose means depend on each other
    outcomes         all that can happen in a step of a finite set of tasks
    hypotheses       a finite set of candidate tasks with noise-free rewards
    belief_layers    the beliefs that can occur if outcomes are hints with noise
    costs            what the list of all beliefs of a trial will cost
    belief_vectors   a finite set of candidate tasks with noisy hints
    assignment       bounds on an assignment of goals to steps
    walks            branch and bound over walks on a grid
    goal_tables      the tables from which a goal search is recognised
    goal_search      one goal among many cells, by the best walk
    normal_bounds    bounds for normal rewards
    bayes_optimal    the solver that fits a family, and the player of its solution
    reward_hints     what rewards with normal noise tell about the task, in finitely many outcomes
    brackets         bounds for a finite set of candidate tasks
    bounds           bounds where the exact value is not known

The return of a trial is the undiscounted sum of all its rewards, exploration included. A family
is a set of candidate tasks g with prior weights w(g). In a step the player takes action a in
state s, arrives in state s' and receives the reward r. The outcome o = (s, a, s', r) of the step
has the probability p_g(o) in task g.

A player that sees the task only through its history has a belief b: b(g) is the probability of
task g given the history. In this room, b is a belief. The belief, the state and the time are the
state of a known MDP, the Bayes-adaptive MDP [Duff 2002]. The optimum of this MDP is computed
backwards in time:

    (1)  b_o(g) = b(g) p_g(o) / p(o|b),  p(o|b) = sum_g b(g) p_g(o)             [definition]
    (2)  Q_t(b,s,a) = sum_{o of (s,a)} p(o|b) (r + V_{t+1}(b_o,s')),
         V_t(b,s) = max_a Q_t(b,s,a)                              [Guez et al. 2012, sec. 2]

b_o is the belief after the outcome o. V is 0 after the last step of the trial. The next episode
keeps the belief and draws a new first state. So after the last step of an episode, the mean
sum_s rho(s) V_{t+1}(b_o,s) takes the place of V_{t+1}(b_o,s') in (2).

Scores also need the expected return of the uniformly random player over a trial of N episodes of
T steps. This return is (3) for a finite set of candidate tasks, and (4) for arms and random MDPs:

    (3)  random = N sum_g w(g) J_g(pi),  pi(a|s) = 1 / A                        [definition]
    (4)  random = N T (prior mean of the reward, averaged over the actions)     [derivation]

    Steps of (4). Every step of the random player takes each action with probability 1 / A.
    A bandit has one state, so a step pays the average of the prior means of its arms.
    In a random MDP all pairs (s, a) have the same prior mean of the reward. The rewards are
    independent of the transitions, so the state of a step says nothing about its rewards.
    The N T steps therefore pay the same in expectation, and expectations add.

Each solver computes (2) for one kind of family. `bayes_optimal` chooses the solver.

Many functions are used inside the package, and trust their arguments. These are the functions of
`arm_records`, functions of `belief_layers`, functions of `belief_vectors`, functions of `costs`,
functions of `goal_search`, functions of `goal_tables`, functions of `hypotheses`, functions of
`outcomes`, functions of `reward_hints` and functions of `walks`. The function `solve` of each file
except `bayes_optimal` trusts its arguments too, and so do the functions `format_count`,
`require_table_fits`, `suffix_ranks`, `successor`, `backward_induction`, `optimal_value`,
`beta_bounds`, `policy_returns`, `candidate_returns`, `truncated`, `fewest_beliefs`,
`candidate_layers`, `correlated_layers`, `action_values`, `trial_shape`, `require_possible`,
`checked_ceiling` and `supported_prior`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import instance, require
from metarl_min.basics.trees import Array
from metarl_min.mdps import values
from metarl_min.mdps.mdp import MDP, take_tasks
from metarl_min.mdps.policies import uniform
from metarl_min.tasks import DirichletMDP, Family, Hypotheses, expected_under_prior, prior_means

MAX_TABLES = 1_000_000  # numbers of the tables [S, S] of the tasks that are evaluated at once


class TooLarge(ValueError):
    """An exact value exists, but its tables or its search would be too large."""


class Ceiling(NamedTuple):
    """The optimum of one family, and the action values (2) along any history.

    A `belief` holds the histories of M tasks up to the same time of the trial. `observe` returns a
    new belief and changes nothing. Its argument `arrivals` is None if the arrivals are not known.
    The last arrival of an episode is not known if `last_arrivals` of the Episodes is None.
    `needs_arrivals` is True if some values (2) depend on the last arrival of an earlier episode.
    `every_history` is False if the values are known along one sequence of actions only, the best
    walk of `goal_search`.

    `states`, `actions` and `arrivals` are whole numbers [M], and `rewards` are real numbers [M].
    `states` may be None if a task has one state. `observe` and `action_values` raise a ValueError
    if no task of the family allows the history, and a TypeError for arrays of another type.
    """

    family: Family  # the family of which it is the ceiling
    value: float  # expected return of the Bayes-optimal player over one trial
    known_task: float  # expected return of the best player that is told the task
    random: float  # expected return of the uniformly random player
    every_history: bool  # whether Q is known along every history
    needs_arrivals: bool  # whether Q of the next episode depends on the last arrival of an episode
    start: Callable[[int], Any]  # num_tasks -> belief before the trial
    observe: Callable[..., Any]  # (belief, states, actions, rewards, arrivals or None) -> belief
    action_values: Callable[[Any, Array], Array]  # (belief, states [M]) -> [M, A] Q of eq. (2)


def _random_returns(mdps: MDP, horizon: int) -> Array:
    """Return the expected return of the uniformly random policy in an episode of each task. [G]

    A value needs a table [S, S] for each task, so tasks are evaluated in groups.
    """
    (G,), S = mdps.leading, mdps.shape[0]
    size = max(1, MAX_TABLES // S**2)
    groups = [take_tasks(mdps, np.arange(g, min(g + size, G))) for g in range(0, G, size)]
    parts = [values.expected_return(group, uniform(mdps.shape), horizon) for group in groups]
    return np.concatenate(parts)


def expected_random(family: Family) -> float:
    """Return the expected return of the uniformly random player over one trial, eqs. (3), (4)."""
    instance("family", family, Family)
    prior: Any = family.prior
    if isinstance(prior, Hypotheses):
        returns = _random_returns(prior.mdps, family.horizon)
        return expected_under_prior(returns, prior) * family.num_episodes
    mean = prior.mean if isinstance(prior, DirichletMDP) else prior_means(prior).mean()
    return float(mean) * family.num_episodes * family.horizon


def _equal(x: Any, y: Any) -> bool:
    """Return whether two priors or two parts of them are equal."""
    if isinstance(x, tuple):
        same_kind = type(x) is type(y) and len(x) == len(y)
        return same_kind and all(map(_equal, x, y))
    return bool(np.array_equal(x, y))


def require_ceiling_of(family: Family, ceiling: Any) -> None:
    """Raise an error unless `ceiling` is the ceiling of `family`.

    TypeError if it is no Ceiling. ValueError if it belongs to a family with another prior, with
    episodes of another number or length, or with other reward noise.
    """
    own = instance("ceiling", ceiling, Ceiling).family
    instance("family", family, Family)
    lengths = (own.num_episodes, own.horizon) == (family.num_episodes, family.horizon)
    # A partial and its function count as the same noise.
    noises = [getattr(noise, "func", noise) for noise in (own.reward_noise, family.reward_noise)]
    same = lengths and noises[0] is noises[1] and _equal(own.prior, family.prior)
    got = f"one of {own.name} {own.parameters}"
    rule = f"the ceiling must be that of the family, {family.name} {family.parameters}"
    require(same, rule, got)


def format_count(size: int) -> str:
    """Return a size as text; Python refuses to print more than some thousand digits.

    >>> format_count(4000), format_count(10**5000)
    ('4,000', 'more than 1e99')
    """
    return f"{size:,}" if size < 10**99 else "more than 1e99"


def require_table_fits(family: Family, size: int, limit: int, prefix: str = "") -> None:
    """Raise `TooLarge` unless `size` table entries of 8 bytes are at most `limit`.

    The message names the size. `prefix` is text before the size, such as "at least ".
    """
    if size > limit:
        rule = f"the exact ceiling of {family.name} may have at most {limit:,} table entries"
        memory = f" ({8 * size / 1e9:,.3g} GB)" if size < 10**99 else ""
        raise TooLarge(f"{rule}, got {prefix}{format_count(size)}{memory}")
