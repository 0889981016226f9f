"""Players of Bernoulli arms that use the posterior mean: greedy, optimistic, explore first.

Arm i has been pulled n_i times and has paid the total reward x_i. The prior of its mean reward is
Beta(a_i, b_i). The number of the next pull is t = 1 + sum_i n_i, and a trial has N pulls. In this
module, x_i is a total reward, a_i and b_i are the parameters of a Beta prior, theta_i is a draw
of the mean reward of arm i, and eps is a probability.

    (1)  m_i = (a_i + x_i) / (a_i + b_i + n_i)                 [DeGroot 1970, sec. 9.2, th. 1]
    (2)  greedy: argmax_i m_i                                  [Duan et al. 2016, sec. 3.1]
    (3)  eps_greedy: any arm with probability eps, else (2)    [Sutton and Barto 2018, sec. 2.2]
    (4)  ucb_posterior_mean: argmax_i m_i + c sqrt(2 ln t / (a_i + b_i + n_i))
                                                               [Duan et al. 2016, sec. 3.1]
    (5)  optimistic_thompson: argmax_i max(theta_i, m_i),
         theta_i ~ Beta(a_i + x_i, b_i + n_i - x_i)            [May et al. 2012, OBS]
    (6)  index_player: argmax_i index(a_i + x_i, b_i + n_i - x_i, N - t + 1)    [Gittins 1979]
    (7)  explore_then_commit: each arm a fixed number of times, then (2) once, and this arm for
         the rest of the trial                      [Lattimore and Szepesvari 2020, alg. 1]

m_i is the posterior mean of arm i. If several arms are equally good, one of them is drawn uniformly
at random. Only `greedy_first_arm` and `eps_greedy_first_arm` pull the first of these arms, as the
players of the published table seem to do. Suppose that an untried arm and the arm of the last pull
have the same posterior mean. If the arm of the last pull has the lower number, these two players
pull it again, but a player that draws may pull the untried arm. So these two players explore less.

The constants of (3), (4) and (7) are tuned: `CONSTANTS` holds the values that are tried.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from metarl_min.baselines import (
    bandits,
    best_actions,
    conditions,
    learner_of_agent,
    pull_records,
    random_argmax,
)
from metarl_min.baselines.pull_records import Record, recording_agent, require_wins
from metarl_min.basics.arguments import function, generator, indices, instance, real, whole
from metarl_min.basics.trees import Array, Rng
from metarl_min.learners import Learner
from metarl_min.mdps.agents import Agent
from metarl_min.tasks import BetaArms, Family

CONSTANTS = {  # the values that are tried for each constant
    "eps_greedy": (0.0, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2),
    "ucb_posterior_mean": (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6),
    "explore_then_commit": (1, 2, 3, 5, 8, 12, 20),
}
TOLERANCE = 1e-12  # equal means and indices differ by rounding errors of at most this size

Choose = Callable[..., Array]  # (rng, record, prior=prior) -> the arm of each task [M]
Index = Callable[[Array, Array, int], Array]  # (a [M, A], b [M, A], remaining pulls) -> [M, A]


def posterior_means(record: Record, prior: BetaArms) -> Array:
    """Return the mean of each arm under its posterior, eq. (1). [M, A]

    >>> prior = BetaArms(a=np.array([1.0, 1.0]), b=np.array([1.0, 1.0]))
    >>> posterior_means(Record(np.array([[0.0, 3.0]]), np.array([[0.0, 3.0]])), prior)
    array([[0.5, 0.8]])
    """
    require_wins(record, prior)
    return (prior.a + record.sums) / (prior.a + prior.b + record.pulls)


def choose_greedily(rng: Rng, record: Record, prior: BetaArms) -> Array:
    """Choose the arm of the highest posterior mean, eq. (2). [M]"""
    return random_argmax(rng, posterior_means(record, prior), TOLERANCE)


def choose_first_greedy(rng: Rng, record: Record, prior: BetaArms) -> Array:
    """Choose the first of the arms of the highest posterior mean, eq. (2). [M]"""
    return np.argmax(best_actions(posterior_means(record, prior), TOLERANCE), axis=-1)


def explore(rng: Rng, actions: Array, num_actions: int, eps: float) -> Array:
    """Replace each action, with probability eps, by a uniformly drawn one, eq. (3). [M] -> [M]"""
    eps, num_actions = real("eps", eps, 0, 1), whole("num_actions", num_actions)
    indices("actions", actions, num_actions)
    uniform = generator("rng", rng).integers(num_actions, size=actions.shape)
    return np.where(rng.random(actions.shape) < eps, uniform, actions)


def choose_eps_greedily(
    rng: Rng, record: Record, prior: BetaArms, choose: Choose, eps: float
) -> Array:
    """Choose any arm with probability eps, else by `choose`, eq. (3). [M]"""
    return explore(rng, choose(rng, record, prior=prior), len(prior.a), eps)


def upper_bounds(record: Record, prior: BetaArms, c: float) -> Array:
    """Return the upper confidence bounds on the posterior mean, eq. (4). [M, A]"""
    means, c = posterior_means(record, prior), real("c", c, 0)
    t = 1 + record.pulls.sum(-1, keepdims=True)
    total = prior.a + prior.b + record.pulls
    return means + c * np.sqrt(2 * np.log(t) / total)


def choose_by_bounds(rng: Rng, record: Record, prior: BetaArms, c: float) -> Array:
    """Choose the arm of the highest upper confidence bound, eq. (4). [M]"""
    return random_argmax(rng, upper_bounds(record, prior, c), TOLERANCE)


def choose_optimistically(rng: Rng, record: Record, prior: BetaArms) -> Array:
    """Choose the best arm of a draw in which no arm is below its posterior mean, eq. (5). [M]"""
    draw = bandits.draw_beta(rng, record, prior)
    return random_argmax(rng, np.maximum(draw, posterior_means(record, prior)), TOLERANCE)


def choose_by_index(
    rng: Rng, record: Record, prior: BetaArms, index: Index, num_pulls: int
) -> Array:
    """Choose the arm of the highest index, eq. (6); num_pulls is N. [M]"""
    require_wins(record, prior)
    remaining = num_pulls - round(float(record.pulls[0].sum()))
    values = index(prior.a + record.sums, prior.b + record.pulls - record.sums, remaining)
    return random_argmax(rng, values, TOLERANCE)


def beta_prior(name: str, family: Family) -> BetaArms:
    """Return the prior of a family of Bernoulli arms, for the player `name`.

    `Unsupported`, with the name of the player, for any other family.
    """
    rule = f"{name} plays Bernoulli arms with Beta priors"
    prior: BetaArms = conditions.require_arms(rule, family, BetaArms)
    return prior


def _player(name: str, family: Family, choose: Choose) -> Learner:
    prior = beta_prior(name, family)
    agent = recording_agent(len(prior.a), partial(choose, prior=prior))
    return learner_of_agent(family, agent)


def greedy(family: Family) -> Learner:
    """Return the player that pulls an arm of the highest posterior mean, eq. (2)."""
    return _player("greedy", family, choose_greedily)


def greedy_first_arm(family: Family) -> Learner:
    """Return the player that pulls the first arm of the highest posterior mean, eq. (2)."""
    return _player("greedy_first_arm", family, choose_first_greedy)


def eps_greedy(family: Family, eps: float) -> Learner:
    """Return the player that pulls any arm with probability `eps`, else a greedy arm, eq. (3)."""
    choose = partial(choose_eps_greedily, choose=choose_greedily, eps=real("eps", eps, 0, 1))
    return _player("eps_greedy", family, choose)


def eps_greedy_first_arm(family: Family, eps: float) -> Learner:
    """Return the player that pulls any arm with probability `eps`, else the first greedy arm."""
    choose = partial(choose_eps_greedily, choose=choose_first_greedy, eps=real("eps", eps, 0, 1))
    return _player("eps_greedy_first_arm", family, choose)


def ucb_posterior_mean(family: Family, c: float) -> Learner:
    """Return the player that pulls the arm of the highest upper confidence bound, eq. (4)."""
    choose = partial(choose_by_bounds, c=real("c", c, 0))
    return _player("ucb_posterior_mean", family, choose)


def optimistic_thompson(family: Family) -> Learner:
    """Return Thompson sampling whose draws are raised to the posterior mean, eq. (5)."""
    return _player("optimistic_thompson", family, choose_optimistically)


def index_player(family: Family, index: Index) -> Learner:
    """Return the player of the highest index, eq. (6).

    index(a, b, remaining pulls) gets the parameters [M, A] of the posterior, and returns the
    indices [M, A]. It must be a function of a module, or a `functools.partial` of such a function.
    """
    instance("family", family, Family)
    choose = partial(choose_by_index, index=function("index", index), num_pulls=family.num_episodes)
    return _player("index_player", family, choose)


class CommitState(NamedTuple):
    """The memory of explore-then-commit."""

    record: Record  # the pulls so far
    arm: Array  # [M] the arm of the commitment; 0 before it


def start_exploring(num_tasks: int, num_arms: int) -> CommitState:
    """Return the memory before the first pull."""
    return CommitState(pull_records.start(num_tasks, num_arms), np.zeros(int(num_tasks), int))


def commit(rng: Rng, memory: CommitState, prior: BetaArms, pulls_per_arm: int) -> CommitState:
    """Choose the arm of the commitment after the last exploring pull, eq. (7)."""
    if memory.record.pulls[0].sum() != pulls_per_arm * len(prior.a):
        return memory
    return memory._replace(arm=choose_greedily(rng, memory.record, prior))


def _act(
    rng: Rng, memory: CommitState, states: Array, pulls_per_arm: int
) -> tuple[Array, CommitState]:
    pulls = memory.record.pulls
    if pulls[0].sum() < pulls_per_arm * pulls.shape[1]:
        return random_argmax(rng, -pulls), memory  # an arm of the fewest pulls
    return memory.arm, memory


def _observe(memory: CommitState, *step: Array) -> CommitState:
    return memory._replace(record=pull_records.observe(memory.record, *step))


def explore_then_commit(family: Family, pulls_per_arm: int) -> Learner:
    """Return the player that explores in random order, and commits to one arm, eq. (7)."""
    prior = beta_prior("explore_then_commit", family)
    pulls_per_arm = whole("pulls_per_arm", pulls_per_arm)
    agent = Agent(
        start=partial(start_exploring, num_arms=len(prior.a)),
        begin_episode=partial(commit, prior=prior, pulls_per_arm=pulls_per_arm),
        act=partial(_act, pulls_per_arm=pulls_per_arm),
        observe=_observe,
    )
    return learner_of_agent(family, agent)
