"""Evaluation: the score of a player on fresh tasks, relative to the best and to a random player.

R is the undiscounted sum of all rewards of one trial, exploration included. `bayes_optimal` and
`random` are the exact expected R of the Bayes-optimal player and of the uniformly random player.

    (1)  score = (E[R] - random) / (bayes_optimal - random)                         [definition]
    (2)  score_pdl = 1 - E[sum_t V*(b_t) - Q*(b_t, a_t)] / (bayes_optimal - random)
                                                        [Kakade and Langford 2002, lemma 6.1]
    (3)  standard error = standard deviation over tasks / sqrt(number of tasks)     [definition]

In (2) b_t is the belief of the Bayes filter after the history up to step t, and V*, Q* are the
optimal values of that belief. The difference V* - Q* is the expected loss of one action. By the
performance-difference lemma, the mean sum of the losses of a trial is bayes_optimal - E[R]. So (1)
and (2) have the same expectation for every player that learns about its task from the history only.
The standard error of (2) is much smaller, because the luck of the rewards cancels in V* - Q*.

A player that reads the task can have a score above 1, but its score_pdl is at most 1. The alarm
for such players therefore uses the score.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from metarl_min.basics.arguments import flag, floats, instance, require, whole
from metarl_min.basics.trees import Array
from metarl_min.ceilings import Ceiling, require_ceiling_of
from metarl_min.ceilings.bayes_optimal import regret
from metarl_min.learners import Learner
from metarl_min.mdps.rollouts import Episodes
from metarl_min.tasks import Family

CHUNK = 1000  # tasks that are played at once; the random streams depend on this number


class Scores(NamedTuple):
    """Means over tasks with standard errors, eq. (3). A score is None where it is not known.

    No score is known without a ceiling, or if the random player is Bayes-optimal. `score_pdl` also
    needs a ceiling with the values of every history. If `Ceiling.needs_arrivals` is true, it needs
    trials with their last arrivals too.
    """

    value: float  # expected return of one trial
    stderr: float
    score: float | None
    score_stderr: float | None
    score_pdl: float | None
    score_pdl_stderr: float | None
    per_episode: list[float]  # [N] mean return of each episode of the trial


def mean_and_stderr(samples: Array) -> tuple[float, float]:
    """Return the mean over tasks and its standard error, eq. (3). [num_tasks] -> two floats

    ValueError for fewer than two tasks, and for a sample that is not finite.

    >>> mean_and_stderr(np.array([1.0, 3.0]))
    (2.0, 1.0)
    """
    rule = "samples must be those of two tasks or more, in one axis"
    require(
        floats("samples", samples, -1e150, 1e150).ndim == 1 and len(samples) > 1,
        rule,
        samples.shape,
    )
    return float(samples.mean()), float(samples.std(ddof=1) / np.sqrt(len(samples)))


def play_fresh_tasks(
    learner: Learner, state: Any, num_tasks: int, seed: int, greedy: bool = False
) -> Iterator[Episodes]:
    """Yield the trials on `num_tasks` fresh tasks, at most `CHUNK` tasks at a time.

    The tasks depend on `seed` and `num_tasks` alone, so all players meet the same tasks. TypeError
    if `state` is of another type than the states of the learner.
    """
    own = instance("learner", learner, Learner).init(np.random.default_rng(0))
    instance("state", state, type(own))
    seed, greedy = whole("seed", seed, 0, np.inf), flag("greedy", greedy)
    num_tasks = whole("num_tasks", num_tasks)
    for chunk, first in enumerate(range(0, num_tasks, CHUNK)):
        tasks_rng = np.random.default_rng([seed, chunk, 1])
        rng = np.random.default_rng([seed, chunk, 3])
        num = min(CHUNK, num_tasks - first)
        tasks = learner.family.sample(tasks_rng, num)
        yield _checked(learner.trial(rng, state, tasks, greedy=greedy), learner.family, num)


def _checked(episodes: Any, family: Family, num_tasks: int) -> Episodes:
    """Return the episodes of trials; an error unless they have the lengths of the family."""
    checked: Episodes = instance("what trial returns", episodes, Episodes)
    axes, got = (num_tasks, family.num_episodes, family.horizon), checked.rewards.shape
    require(got == axes, f"episodes of trials must have the axes [M, N, T] = {axes}", got)
    return checked


def _has_losses(ceiling: Ceiling, episodes: Episodes) -> bool:
    """Return whether the losses of eq. (2) can be computed from the trials."""
    arrivals_known = episodes.last_arrivals is not None or not ceiling.needs_arrivals
    return ceiling.every_history and arrivals_known


def evaluate(
    learner: Learner,
    state: Any,
    *,
    num_tasks: int,
    seed: int,
    ceiling: Ceiling | None = None,
    greedy: bool = False,
) -> Scores:
    """Score one trial of a learner on each of `num_tasks` fresh tasks, eqs. (1)-(3).

    ValueError for fewer than two tasks, because the standard error needs two. ValueError also if
    the ceiling is that of another family, or if the trials have other lengths than those of the
    family.

    >>> from metarl_min.baselines.bandits import thompson
    >>> from metarl_min.ceilings.bayes_optimal import solve
    >>> from metarl_min.tasks.bandits import bandit
    >>> family = bandit(arms=2, pulls=3)
    >>> player = thompson(family)
    >>> state = player.init(np.random.default_rng(0))
    >>> scores = evaluate(player, state, num_tasks=1000, seed=0, ceiling=solve(family))
    >>> 0.0 < scores.score_pdl < 1.0
    True
    """
    num_tasks = whole("num_tasks", num_tasks, low=2)
    if ceiling is not None:
        require_ceiling_of(instance("learner", learner, Learner).family, ceiling)
    returns, losses = [], []
    for episodes in play_fresh_tasks(learner, state, num_tasks, seed, greedy):
        returns.append(episodes.rewards.sum(-1))
        if ceiling is not None and _has_losses(ceiling, episodes):
            losses.append(regret(ceiling, episodes))
    return _scores(np.concatenate(returns), np.concatenate(losses) if losses else None, ceiling)


def _scores(returns: Array, losses: Array | None, ceiling: Ceiling | None) -> Scores:
    """Return the scores. returns [num_tasks, N] of episodes, losses [num_tasks] of eq. (2)"""
    value, stderr = mean_and_stderr(returns.sum(-1))
    scores = Scores(value, stderr, None, None, None, None, returns.mean(0).tolist())
    span = 0.0 if ceiling is None else ceiling.value - ceiling.random
    if ceiling is None or span <= 1e-12 * max(abs(ceiling.value), abs(ceiling.random)):
        return scores
    scores = scores._replace(score=(value - ceiling.random) / span, score_stderr=stderr / span)
    if losses is None:
        return scores
    loss, loss_stderr = mean_and_stderr(losses)
    return scores._replace(score_pdl=1 - loss / span, score_pdl_stderr=loss_stderr / span)
