"""What a ceiling is: the best expected return of a whole trial, exploration included.

    ceilings         a ceiling: the Bayes-optimal value with its tables
    beta_arms        Bernoulli arms with independent Beta priors
    correlated_arms  two arms whose means depend on each other
    hypotheses       a finite set of candidate tasks
    walks            branch and bound over walks on a grid
    goal_search      one goal among many cells, by the best walk
    normal_bounds    bounds for normal rewards
    bounds           bounds where no exact value is within reach
    bayes_optimal    the solver that fits a family, and the player of its solution

An outcome o = (s, a, s', r) of a step has probability p_h(o) under hypothesis h, of prior w(h).
Whoever meets the task through its history knows the belief b, the state s and the time t. These
make a known MDP (the Bayes-adaptive MDP of Duff 2002), which is solved backwards in time:

    (1)  b_o(h) = b(h) p_h(o) / p(o|b),  p(o|b) = sum_h b(h) p_h(o)             [definition]
    (2)  Q_t(b,s,a) = sum_{o of (s,a)} p(o|b) (r + V_{t+1}(b_o,s')),
         V_t(b,s) = max_a Q_t(b,s,a), 0 after the trial, and where an episode starts
         sum_s rho(s) V_t(b,s): the belief is kept, the state redrawn
                                                                  [Guez et al. 2012, sec. 2]
    (3)  random = sum_h w(h) J_h(1 / A) N;  N T (mean reward of the prior) where no arrival
         tells what the next action pays                                        [derivation]

The rooms below solve (2) where a table or a search can hold it; `bayes_optimal` chooses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from metarl_min.baselines.bandits import prior_means
from metarl_min.baselines.posterior_sampling import uniform
from metarl_min.basics.arguments import require
from metarl_min.basics.trees import Array
from metarl_min.mdps import values
from metarl_min.tasks import DirichletMDP, Family, Hypotheses, expected_under_prior


class Ceiling(NamedTuple):
    """The optimum of one family; a belief is [M] of them, at one time of the trial."""

    value: float  # expected return of the Bayes-optimal player over one trial
    known_task: float  # of the best player who is told the task
    random: float  # of the uniformly random player
    told_by_episodes: bool  # whether any history, as Episodes hold it, has its values of eq. (2)
    start: Callable[[int], Any]  # num_tasks -> belief, before the trial
    observe: Callable[..., Any]  # (belief, states, actions, rewards, arrivals or None) -> belief
    action_values: Callable[[Any, Array], Array]  # (belief, states [M]) -> Q of eq. (2), [M, A]


def expected_random(family: Family) -> float:
    """Expected return of the uniformly random player over one trial, eq. (3)."""
    prior: Any = family.prior
    if isinstance(prior, Hypotheses):
        returns = values.expected_return(prior.mdps, uniform(prior.mdps.shape), family.horizon)
        return expected_under_prior(returns, prior) * family.num_episodes
    mean = prior.mean if isinstance(prior, DirichletMDP) else prior_means(prior).mean()
    return float(mean) * family.num_episodes * family.horizon


def format_count(size: int) -> str:
    """Write a size; beyond some thousand digits Python would not."""
    return f"{size:,}" if size < 10**99 else "more than 1e99"


def require_table_fits(family: Family, size: int, limit: int, least: str = "") -> None:
    """Refuse tables of more than `limit` entries of 8 bytes, by the size that they would need."""
    rule = f"the exact ceiling of {family.name} may have at most {limit:,} table entries"
    memory = f" ({8 * size / 1e9:,.3g} GB)" if size < 10**99 else ""
    require(size <= limit, rule, least + format_count(size) + memory)
